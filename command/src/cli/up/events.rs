//! What `up` waits for: signals, and changes of its file.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

/// Something that `up` reacts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// We are asked to end.
    End,
    /// A child process may have ended.
    Child,
    /// Whoever rotates the access log wants it opened anew.
    ReopenLogs,
    /// The file is to be read again, whether it looks changed or not.
    Reread,
    /// The file may have changed.
    Touched,
}

/// The events, in their order.
#[derive(Debug)]
pub(super) struct Events {
    sender: Sender<Event>,
    receiver: Receiver<Event>,
    waiting: VecDeque<Event>,
}

impl Events {
    /// From here on no signal is missed.
    pub(super) fn new() -> io::Result<Self> {
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGCHLD])?;
        let (sender, receiver) = channel();
        let from_signals = sender.clone();
        let had_terminal = has_terminal();
        std::thread::spawn(move || {
            for signal in signals.forever() {
                let event = match signal {
                    SIGCHLD => Event::Child,
                    SIGUSR1 => Event::ReopenLogs,
                    // A terminal that goes sends it too, and then nobody is left to stop us.
                    SIGHUP if !had_terminal || has_terminal() => Event::Reread,
                    _ => Event::End,
                };
                if from_signals.send(event).is_err() {
                    return;
                }
            }
        });
        Ok(Self { sender, receiver, waiting: VecDeque::new() })
    }

    /// For others who have something to report.
    pub(super) fn sender(&self) -> Sender<Event> {
        self.sender.clone()
    }

    /// One more, behind the others.
    pub(super) fn add(&mut self, event: Event) {
        self.waiting.extend(self.receiver.try_iter());
        self.waiting.push_back(event);
    }

    /// The next event; `None`: none came in this time.
    pub(super) fn next(&mut self, time: Duration) -> Option<Event> {
        self.waiting.pop_front().or_else(|| self.receiver.recv_timeout(time).ok())
    }

    /// Whether something has come that ends all waiting for Envoy; it stays.
    pub(super) fn asked_to_stop(&mut self) -> bool {
        self.waiting.extend(self.receiver.try_iter());
        self.waiting.iter().any(|event| matches!(event, Event::End | Event::Child))
    }

    /// Whether we were asked to end, once for each time. Whatever else has come stays.
    pub(super) fn asked_to_end(&mut self) -> bool {
        self.waiting.extend(self.receiver.try_iter());
        let end = self.waiting.iter().position(|event| *event == Event::End);
        end.and_then(|at| self.waiting.remove(at)).is_some()
    }
}

fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}
