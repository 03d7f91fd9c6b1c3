//! Turns at starting a gateway, over all tests that run, whatever their process.
//!
//! A test mostly waits: for a backend's time to pass, for a line of the access log. So many of them
//! run at once. What is no waiting is a gateway's start, a second of work for a processor while V8
//! compiles the filter, and a machine that starts ten at once has no time left for the tests that
//! run. So as many start at once as there are processors, and the others wait for their turn. How
//! long that takes counts as nobody's time.

use std::fs::{self, File};
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use tokio::task::spawn_blocking;

use crate::find;

/// The right to start. It ends when it is dropped, and with the process at the latest: the kernel
/// gives a dead process's locks back.
#[derive(Debug)]
pub(crate) struct Transition {
    _lock: File,
}

/// Waits for a turn.
pub(crate) async fn turn() -> Transition {
    let folder = find::target().join("turns");
    fs::create_dir_all(&folder).expect("a folder for locks");
    let turns = available_parallelism().map_or(1, usize::from);
    for number in 0..turns {
        let lock = lock(&folder, number);
        if lock.try_lock().is_ok() {
            return Transition { _lock: lock };
        }
    }
    // All are taken. Who waits for a lock gets it in the order of asking.
    let number = (process::id() as usize + LAST.fetch_add(1, Ordering::Relaxed)) % turns;
    let lock = lock(&folder, number);
    let waits = spawn_blocking(move || lock.lock().map(|()| lock));
    Transition { _lock: waits.await.expect("no panic").expect("a lock") }
}

fn lock(folder: &Path, number: usize) -> File {
    File::create(folder.join(number.to_string())).expect("a file to lock")
}

/// Which turn was waited for last, in this process.
static LAST: AtomicUsize = AtomicUsize::new(0);
