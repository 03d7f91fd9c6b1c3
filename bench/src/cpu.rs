//! CPU time and memory of a gateway: of its process and all that it has started.
//!
//! CPU time per request is far steadier than wall time, and it is what a gateway costs. It is read
//! from the process's CPU clock, which counts nanoseconds and threads that have ended; the times in
//! `/proc/<pid>/stat` have ticks of 10 ms, as much as a round of some works takes.

use std::collections::HashMap;
use std::time::Duration;

use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use procfs::process::{Process, Stat, all_processes};

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
        sum.cpu += clock(pid).unwrap_or_default() + of_the_ended(&stat, tick);
        sum.resident += stat.rss * page;
    }
    sum
}

fn clock(pid: i32) -> nix::Result<Duration> {
    Ok(clock_gettime(clock_getcpuclockid(Pid::from_raw(pid))?)?.into())
}

/// Children that have ended count as well; of them only ticks are left.
fn of_the_ended(stat: &Stat, tick: u64) -> Duration {
    let ticks = u64::try_from(stat.cutime + stat.cstime).unwrap_or_default();
    Duration::from_secs_f64(ticks as f64 / tick as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spin(for_so_long: Duration) {
        let me = i32::try_from(std::process::id()).unwrap();
        let start = clock(me).unwrap();
        while clock(me).unwrap() < start + for_so_long {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn a_thread_that_has_ended_and_a_child_count() {
        let me = i32::try_from(std::process::id()).unwrap();
        let before = used(me).cpu;
        std::thread::spawn(|| spin(Duration::from_millis(30))).join().unwrap();
        let after_thread = used(me).cpu;
        assert!(after_thread - before >= Duration::from_millis(30));

        let mut child = std::process::Command::new("sh")
            .args(["-c", "i=0; while :; do i=$((i+1)); done"])
            .spawn()
            .unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        while clock(pid).unwrap() < Duration::from_millis(40) {
            std::thread::yield_now();
        }
        let its_own = used(pid).cpu;
        assert!(its_own >= Duration::from_millis(40));
        assert!(used(me).cpu - after_thread >= its_own, "a child that runs");
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(used(me).cpu - after_thread >= Duration::from_millis(30), "one that has ended");
    }
}
