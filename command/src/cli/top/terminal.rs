//! The terminal, while something live is shown in it.
//!
//! What is shown takes the whole screen, without a cursor and without echo; when it ends, however
//! that is, the terminal is as it was before.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGWINCH};

/// The terminal, or a pipe that is written to again and again.
pub(super) struct Terminal {
    is_live: bool,
    /// How its input was before; `None`: nobody types.
    before: Option<Termios>,
    ends: Arc<AtomicBool>,
    resized: Arc<AtomicBool>,
}

impl Terminal {
    /// Takes it over, where it is one.
    pub(super) fn take(is_live: bool) -> io::Result<Self> {
        let (ends, resized) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, ends.clone())?;
        }
        signal_hook::flag::register(SIGWINCH, resized.clone())?;
        let mut terminal = Self { is_live, before: None, ends, resized };
        if is_live && io::stdin().is_terminal() {
            let before = tcgetattr(io::stdin())?;
            let mut quiet = before.clone();
            quiet.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
            // A read ends after a tenth of a second, whether somebody has typed or not.
            quiet.special_codes[SpecialCodeIndex::VMIN] = 0;
            quiet.special_codes[SpecialCodeIndex::VTIME] = 1;
            tcsetattr(io::stdin(), OptionalActions::Now, &quiet)?;
            terminal.before = Some(before);
        }
        if is_live {
            restore_on_panic(terminal.before.clone());
            write(ENTER);
        }
        Ok(terminal)
    }

    /// Whether whoever looks at it has had enough.
    pub(super) fn is_left(&self) -> bool {
        self.ends.load(Ordering::Relaxed)
    }

    /// Columns and rows, where there are limits.
    pub(super) fn size(&self) -> (Option<usize>, Option<usize>) {
        let size = if self.is_live { tcgetwinsize(io::stdout()).ok() } else { None };
        let limit = |limit: u16| Some(usize::from(limit)).filter(|limit| *limit > 0);
        (size.and_then(|size| limit(size.ws_col)), size.and_then(|size| limit(size.ws_row)))
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
        let mut text = String::from(HOME);
        for line in lines.iter().take(fits) {
            text.push_str(line);
            text.push_str(NEXT_LINE);
        }
        let more = lines.len().saturating_sub(fits);
        text.push_str(&if more > 0 {
            format!("q ends; {more} more lines do not fit")
        } else {
            "q ends".to_owned()
        });
        text.push_str(CLEAR_BELOW);
        to.write_all(text.as_bytes())?;
        to.flush()
    }

    /// Waits for so long, or until somebody has had enough or has changed the size.
    pub(super) fn wait(&mut self, span: Duration) {
        let until = Instant::now() + span;
        while Instant::now() < until && !self.is_left() {
            if self.resized.swap(false, Ordering::Relaxed) {
                return;
            }
            let mut key = [0];
            match self.before {
                Some(_) => {
                    let typed = rustix::io::read(io::stdin(), &mut key);
                    if typed == Ok(1) && matches!(key, [b'q' | b'Q']) {
                        self.ends.store(true, Ordering::Relaxed);
                    }
                }
                None => {
                    let left = until.saturating_duration_since(Instant::now());
                    std::thread::sleep(PAUSE.min(left));
                }
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.is_live {
            restore(self.before.as_ref());
        }
    }
}

/// A panic ends the process without unwinding: its hook is the last that runs.
fn restore_on_panic(before: Option<Termios>) {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        restore(before.as_ref());
        usual(panic);
    }));
}

fn restore(before: Option<&Termios>) {
    write(LEAVE);
    if let Some(before) = before {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
    }
}

/// Past every buffer and lock: it must work in a panic, while standard output is held.
fn write(text: &str) {
    let _ = rustix::io::write(rustix::stdio::stdout(), text.as_bytes());
}

/// The other screen, without a cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
const HOME: &str = "\x1b[H";
const NEXT_LINE: &str = "\x1b[K\r\n";
const CLEAR_BELOW: &str = "\x1b[K\x1b[J";

const PAUSE: Duration = Duration::from_millis(100);
