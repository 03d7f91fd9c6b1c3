//! Envoy's own log: held back while it starts, passed on while it runs.
//!
//! It goes to the descriptor itself: the command may hold the lock of its standard error while it
//! waits for Envoy.
//!
//! A start that fails is explained in one line, and the pages behind it go into a file. Once
//! Envoy runs, whatever it says is for the operator at once; while it is told something new, that
//! is kept as well, to say in one line why it does not want it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// What Envoy has written to its standard error.
#[derive(Debug)]
pub(super) struct Log {
    heard: Arc<Mutex<Heard>>,
    reader: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Heard {
    /// The lines that are kept.
    kept: Vec<u8>,
    /// Whether what comes is kept.
    keeps: bool,
    /// Whether what comes is passed on.
    passes: bool,
}

impl Heard {
    fn hear(&mut self, line: &[u8]) {
        if self.keeps {
            self.kept.extend_from_slice(line);
        }
        if self.passes {
            pass_on(line);
        }
    }
}

impl Log {
    /// Reads a stream to its end in a thread of its own.
    pub(super) fn follow(stream: Option<impl Read + Send + 'static>) -> Self {
        let heard = Arc::new(Mutex::new(Heard { keeps: true, ..Heard::default() }));
        let shared = Arc::clone(&heard);
        let reader = stream.map(|stream| {
            std::thread::spawn(move || {
                let mut stream = BufReader::new(stream);
                let mut line = Vec::new();
                while stream.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                    shared.lock().unwrap_or_else(PoisonError::into_inner).hear(&line);
                    line.clear();
                }
            })
        });
        Self { heard, reader: Mutex::new(reader) }
    }

    /// Lets go of what is kept.
    pub(super) fn forget(&self) {
        self.heard().kept.clear();
    }

    /// Passes on what is kept, and from now on everything as it comes.
    pub(super) fn show(&self) {
        let mut heard = self.heard();
        pass_on(&std::mem::take(&mut heard.kept));
        (heard.keeps, heard.passes) = (false, true);
    }

    /// Keeps what comes from now on.
    pub(super) fn listen(&self) {
        self.heard().keeps = true;
    }

    /// What has come since [`Self::listen`].
    pub(super) fn heard_since(&self) -> String {
        let mut heard = self.heard();
        heard.keeps = false;
        String::from_utf8_lossy(&std::mem::take(&mut heard.kept)).into_owned()
    }

    /// Everything that was written, once the stream has ended.
    pub(super) fn all(&self) -> String {
        if let Some(reader) = self.reader.lock().unwrap_or_else(PoisonError::into_inner).take() {
            drop(reader.join());
        }
        String::from_utf8_lossy(&self.heard().kept).into_owned()
    }

    /// Writes everything into a file that stays.
    pub(super) fn keep(&self) -> io::Result<PathBuf> {
        let mut file =
            tempfile::Builder::new().prefix("spillway-envoy-").suffix(".log").tempfile()?;
        file.write_all(self.all().as_bytes())?;
        Ok(file.keep()?.1)
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pass_on(bytes: &[u8]) {
    let Ok(descriptor) = io::stderr().as_fd().try_clone_to_owned() else { return };
    // Where nobody reads our errors any more, there is nobody to be told.
    drop(File::from(descriptor).write_all(bytes));
}
