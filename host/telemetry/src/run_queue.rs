//! How long the threads of this process were ready but waited for a core.
//!
//! It tells a shortage of CPU, whoever takes it, from work that waits by itself. Linux counts for each
//! thread the time it ran and the time it waited (`/proc/self/task/*/schedstat`; the file of the process
//! itself tells of its first thread only). A window's figure is the difference of two readings, added up
//! over the threads. A thread that ended within the window takes its last part with it. Other systems, and
//! kernels without these figures, give none.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;

use crate::small_file;

/// Threads that are read; a process with more is judged by these. Each costs a few microseconds.
const MOST_THREADS: usize = 1024;

/// Nanoseconds of one thread since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Thread {
    ran: u64,
    waited: u64,
}

/// Keeps the reading before.
#[derive(Debug, Default)]
pub(crate) struct RunQueue {
    threads: HashMap<OsString, Thread>,
}

impl RunQueue {
    /// With a first reading taken.
    pub(crate) fn new(root: &Path) -> Self {
        Self { threads: read(root) }
    }

    /// Of the time in which threads wanted a core since the reading before, the share they waited. 0.0 to
    /// 1.0, also 0.0 where none wanted one. None where the system does not tell.
    #[expect(
        clippy::as_conversions,
        reason = "nanoseconds of one window: a ratio needs no more than 53 bits"
    )]
    pub(crate) fn wait_share(&mut self, root: &Path) -> Option<f64> {
        let now = read(root);
        if now.is_empty() {
            return None;
        }
        let (mut ran, mut waited) = (0_u64, 0_u64);
        for (name, thread) in &now {
            // A thread that is new began with zero; so did one that got the number of another.
            let before = self.threads.get(name).copied().unwrap_or_default();
            ran = ran.saturating_add(thread.ran.checked_sub(before.ran).unwrap_or(thread.ran));
            waited = waited.saturating_add(thread.waited.checked_sub(before.waited).unwrap_or(thread.waited));
        }
        self.threads = now;
        let wanted = ran as f64 + waited as f64;
        Some(if wanted > 0.0 { waited as f64 / wanted } else { 0.0 })
    }
}

fn read(root: &Path) -> HashMap<OsString, Thread> {
    let Ok(tasks) = std::fs::read_dir(root.join("proc/self/task")) else { return HashMap::new() };
    let thread = |task: std::fs::DirEntry| {
        Some((task.file_name(), parse(&small_file::read(&task.path().join("schedstat"))?)?))
    };
    tasks.take(MOST_THREADS).flatten().filter_map(thread).collect()
}

/// `ran waited timeslices`, the first two in nanoseconds.
fn parse(text: &str) -> Option<Thread> {
    let mut words = text.split_ascii_whitespace();
    Some(Thread { ran: words.next()?.parse().ok()?, waited: words.next()?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_root::{root, write};

    #[test]
    fn threads_are_added_up_and_only_the_window_counts() {
        let dir = root(&[
            ("proc/self/task/10/schedstat", "1000 5000 7\n"),
            ("proc/self/task/11/schedstat", "2000 0 1\n"),
        ]);
        let mut queue = RunQueue::new(dir.path());
        assert_eq!(queue.wait_share(dir.path()), Some(0.0), "nobody wanted a core");
        // One ran for 100 and waited for 200, another began, ran for 300 and waited for 200.
        write(dir.path(), "proc/self/task/10/schedstat", "1100 5200 8\n");
        write(dir.path(), "proc/self/task/12/schedstat", "300 200 1\n");
        assert_eq!(queue.wait_share(dir.path()), Some(0.5));
        // A number that was given to another thread.
        write(dir.path(), "proc/self/task/10/schedstat", "30 10 1\n");
        assert_eq!(queue.wait_share(dir.path()), Some(0.25));
    }

    #[test]
    fn where_there_are_no_figures_there_is_none() {
        let dir = root(&[("proc/self/task/10/schedstat", "nonsense\n"), ("proc/self/task/11/status", "\n")]);
        assert_eq!(RunQueue::new(dir.path()).wait_share(dir.path()), None);
        assert_eq!(RunQueue::default().wait_share(tempfile::tempdir().unwrap().path()), None);
        assert_eq!(parse("1 -2 3"), None);
        assert_eq!(parse("1"), None);
    }
}
