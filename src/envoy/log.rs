//! Envoy's own log: held back while it starts, passed on while it runs.
//!
//! It goes to the descriptor itself: the command may hold the lock of its standard error while it
//! waits for Envoy.
//!
//! A start that fails is explained in one line, and the pages behind it go into a file. Once
//! Envoy runs, whatever it says is for the operator at once.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// What Envoy has written to its standard error.
#[derive(Debug)]
pub(super) struct Log {
    /// The lines so far; `None` once they are passed on.
    held: Arc<Mutex<Option<Vec<u8>>>>,
    reader: Mutex<Option<JoinHandle<()>>>,
}

impl Log {
    /// Reads a stream to its end in a thread of its own.
    pub(super) fn follow(stream: Option<impl Read + Send + 'static>) -> Self {
        let held = Arc::new(Mutex::new(Some(Vec::new())));
        let shared = Arc::clone(&held);
        let reader = stream.map(|stream| {
            std::thread::spawn(move || {
                let mut stream = BufReader::new(stream);
                let mut line = Vec::new();
                while stream.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                    match shared.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
                        Some(held) => held.extend_from_slice(&line),
                        None => pass_on(&line),
                    }
                    line.clear();
                }
            })
        });
        Self { held, reader: Mutex::new(reader) }
    }

    /// Lets go of what is held.
    pub(super) fn forget(&self) {
        if let Some(held) = self.held.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            held.clear();
        }
    }

    /// Passes on what is held, and from now on everything.
    pub(super) fn show(&self) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        pass_on(&held.unwrap_or_default());
    }

    /// Everything that was written, once the stream has ended.
    pub(super) fn all(&self) -> String {
        if let Some(reader) = self.reader.lock().unwrap_or_else(PoisonError::into_inner).take() {
            drop(reader.join());
        }
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(held.as_deref().unwrap_or_default()).into_owned()
    }

    /// Writes everything into a file that stays.
    pub(super) fn keep(&self) -> io::Result<PathBuf> {
        let mut file =
            tempfile::Builder::new().prefix("spillway-envoy-").suffix(".log").tempfile()?;
        file.write_all(self.all().as_bytes())?;
        Ok(file.keep()?.1)
    }
}

fn pass_on(bytes: &[u8]) {
    let Ok(descriptor) = io::stderr().as_fd().try_clone_to_owned() else { return };
    // Where nobody reads our errors any more, there is nobody to be told.
    drop(File::from(descriptor).write_all(bytes));
}
