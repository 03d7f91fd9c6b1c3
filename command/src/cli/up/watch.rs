//! Sees when the configuration has changed.
//!
//! Editors write another file and rename it, and the kubelet swaps a link two steps up the path
//! (`..data`). So it is the directory that is watched, and what counts is not what happened there
//! but whether the file now holds something else. Not every file system tells (network mounts, a
//! link out of the directory): besides, the file is read every other second.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::events::Event;
use crate::cli::file;

/// How long the file must be left alone: half of one is no configuration.
const SETTLED: Duration = Duration::from_millis(100);

/// How long a file that is never left alone is waited for.
const LONGEST: Duration = Duration::from_secs(2);

/// How often the file is read where nobody tells of changes.
const POLL: Duration = Duration::from_secs(2);

/// What stands in the file, or why it cannot be read.
type Content = Result<Vec<u8>, String>;

/// Watches one file.
#[derive(Debug)]
pub(super) struct Watch {
    path: PathBuf,
    seen: Content,
    /// Since when it is being touched, and when it was last.
    touched: Option<(Instant, Instant)>,
    polled: Instant,
    follows: bool,
    /// Kept, because it ends when it is dropped.
    _watcher: Option<RecommendedWatcher>,
}

impl Watch {
    /// Watches from what was read so far; only where it is to `follow` changes by itself.
    pub(super) fn new(path: &Path, read: Vec<u8>, reloader: bool, tell: Sender<Event>) -> Self {
        let follows = reloader && !file::is_stdin(path);
        Self {
            path: path.to_owned(),
            seen: Ok(read),
            touched: None,
            polled: Instant::now(),
            follows,
            _watcher: follows.then(|| watcher(path, tell)).flatten(),
        }
    }

    /// Something has happened beside the file.
    pub(super) fn touch(&mut self, now: Instant) {
        let since = self.touched.map_or(now, |(since, _)| since);
        self.touched = Some((since, now));
    }

    /// How long nothing needs to be looked at.
    pub(super) fn limit(&self, now: Instant) -> Duration {
        let poll = (self.polled + POLL).saturating_duration_since(now);
        let settled = self.settles().map(|at| at.saturating_duration_since(now));
        settled.map_or(poll, |settled| settled.min(poll))
    }

    /// The file, if it has another content than when it was last looked at and is left alone.
    pub(super) fn look(&mut self, now: Instant) -> Option<Content> {
        let polls = self.polled + POLL <= now;
        if polls {
            self.polled = now;
        }
        if !self.follows {
            return None;
        }
        match self.settles() {
            Some(settled) if settled <= now => {
                self.touched = None;
                let content = self.read();
                (content != self.seen).then(|| self.see(content))
            }
            None if polls && self.read() != self.seen => {
                self.touch(now);
                None
            }
            _ => None,
        }
    }

    /// The file, whatever it held before.
    pub(super) fn read_again(&mut self) -> Content {
        self.touched = None;
        let content = self.read();
        self.see(content)
    }

    fn see(&mut self, content: Content) -> Content {
        self.seen.clone_from(&content);
        content
    }

    fn settles(&self) -> Option<Instant> {
        self.touched.map(|(since, last)| (last + SETTLED).min(since + LONGEST))
    }

    fn read(&self) -> Content {
        fs::read(&self.path).map_err(|error| error.to_string())
    }
}

fn watcher(path: &Path, tell: Sender<Event>) -> Option<RecommendedWatcher> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading the file is an event as well, and we do that.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            let _ = tell.send(Event::Touched);
        }
    })
    .ok()?;
    watcher.watch(directory, RecursiveMode::NonRecursive).ok()?;
    Some(watcher)
}
