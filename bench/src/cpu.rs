//! CPU time and memory of a gateway: of its process and all that it has started.
//!
//! CPU time per request is far steadier than wall time, and it is what a gateway costs.

use std::collections::HashMap;
use std::time::Duration;

use procfs::process::{Process, all_processes};

/// What a process and its descendants have used so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Used {
    /// User and system time.
    pub(crate) cpu: Duration,
    /// Resident now, in bytes.
    pub(crate) resident: u64,
}

/// Of this process and its descendants; nothing of one that is gone.
pub(crate) fn used(root: i32) -> Used {
    let (tick, page) = (procfs::ticks_per_second(), procfs::page_size());
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    let stats = all_processes().into_iter().flatten().flatten();
    for stat in stats.filter_map(|process| process.stat().ok()) {
        children.entry(stat.ppid).or_default().push(stat.pid);
    }
    let (mut sum, mut todo) = (Used::default(), vec![root]);
    while let Some(pid) = todo.pop() {
        todo.extend(children.remove(&pid).unwrap_or_default());
        let Ok(stat) = Process::new(pid).and_then(|process| process.stat()) else { continue };
        // Children that have ended count as well.
        let waited = u64::try_from(stat.cutime + stat.cstime).unwrap_or_default();
        let ticks = stat.utime + stat.stime + waited;
        sum.cpu += Duration::from_secs_f64(ticks as f64 / tick as f64);
        sum.resident += stat.rss * page;
    }
    sum
}
