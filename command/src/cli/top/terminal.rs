//! The terminal, while something live is shown in it.
//!
//! What is shown takes the whole screen, without a cursor and without echo. When it ends, the
//! terminal is as it was before: after a key, after a signal and after a panic.
//!
//! crossterm knows the modes and the sequences. Keys and signals come from threads of our own. Its
//! events would read keys too, but they never return once the terminal is gone (crossterm issue 793).

use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode, window_size,
};
use crossterm::{cursor, execute, queue};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGWINCH};
use signal_hook::iterator::Signals;

/// The terminal, or a pipe that is written to again and again.
pub(super) struct Terminal {
    is_live: bool,
    is_left: bool,
    events: Receiver<Event>,
}

/// What does not wait for the next look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    /// A key or a signal says that this is enough, or the terminal is gone.
    End,
    /// The terminal has another size.
    Resized,
}

impl Terminal {
    /// Takes it over, where it is one.
    pub(super) fn take(is_live: bool) -> io::Result<Self> {
        let (sender, events) = channel();
        send_signals(sender.clone())?;
        let terminal = Self { is_live, is_left: false, events };
        if is_live {
            restore_on_panic();
            if io::stdin().is_terminal() {
                enable_raw_mode()?;
                thread::spawn(move || send_end(io::stdin().lock(), &sender));
            }
            let mut screen = unbuffered()?;
            execute!(screen, EnterAlternateScreen, cursor::Hide)?;
        }
        Ok(terminal)
    }

    /// Returns `true` once a key or a signal has said that this is enough.
    pub(super) fn is_left(&self) -> bool {
        self.is_left
    }

    /// Columns and rows, where there are limits.
    pub(super) fn size(&self) -> (Option<usize>, Option<usize>) {
        let size = if self.is_live { window_size().ok() } else { None };
        let limit = |limit: u16| Some(usize::from(limit)).filter(|limit| *limit > 0);
        (size.as_ref().and_then(|size| limit(size.columns)), size.and_then(|size| limit(size.rows)))
    }

    /// Shows these lines; in a terminal, in the place of what was there, and as many as fit.
    pub(super) fn show(
        &self,
        lines: &[String],
        height: Option<usize>,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        if !self.is_live {
            for line in lines {
                writeln!(to, "{line}")?;
            }
            writeln!(to)?;
            return to.flush();
        }
        let fits = height.unwrap_or(usize::MAX).saturating_sub(1);
        // Written at once, so that no half of it is seen.
        let mut screen = Vec::new();
        queue!(screen, cursor::MoveTo(0, 0))?;
        for line in lines.iter().take(fits) {
            write!(screen, "{line}")?;
            queue!(screen, Clear(ClearType::UntilNewLine))?;
            screen.extend_from_slice(b"\r\n");
        }
        match lines.len().saturating_sub(fits) {
            0 => write!(screen, "q ends")?,
            more => write!(screen, "q ends; {more} more lines do not fit")?,
        }
        queue!(screen, Clear(ClearType::UntilNewLine), Clear(ClearType::FromCursorDown))?;
        to.write_all(&screen)?;
        to.flush()
    }

    /// Waits for this long, or until it is to end or has another size.
    pub(super) fn wait(&mut self, span: Duration) {
        let first = self.events.recv_timeout(span);
        for event in first.into_iter().chain(self.events.try_iter()) {
            self.is_left |= event == Event::End;
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.is_live {
            restore();
        }
    }
}

fn send_signals(to: Sender<Event>) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGWINCH])?;
    thread::spawn(move || {
        for signal in signals.forever() {
            let event = if signal == SIGWINCH { Event::Resized } else { Event::End };
            if to.send(event).is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// Sends [`Event::End`] when a key asks for it, or when there are no more keys.
fn send_end(keys: impl BufRead, to: &Sender<Event>) {
    let is_other = |key: &io::Result<u8>| matches!(key, Ok(key) if !ENDS.contains(key));
    keys.bytes().take_while(is_other).for_each(drop);
    // If the receiver is gone, the terminal has ended already.
    let _ = to.send(Event::End);
}

/// A panic ends the process without unwinding: its hook is the last that runs.
fn restore_on_panic() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        restore();
        usual(panic);
    }));
}

/// As well as it can be done: the terminal may be gone.
fn restore() {
    if let Ok(mut screen) = unbuffered() {
        let _ = execute!(screen, cursor::Show, LeaveAlternateScreen);
    }
    let _ = disable_raw_mode();
}

/// Standard output past its buffer and its lock: a panic may hold both.
fn unbuffered() -> io::Result<impl Write> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

/// The keys that end it: q, and Ctrl-C, which is a key like any other in raw mode.
const ENDS: &[u8] = b"qQ\x03";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_by_a_key_and_where_no_more_keys_can_come() {
        for keys in ["q", "a\x1b[AQ", "\x03", "never", ""] {
            let (sender, events) = channel();
            send_end(keys.as_bytes(), &sender);
            assert_eq!(events.try_recv(), Ok(Event::End), "{keys:?}");
        }
    }
}
