//! How a run tells what it is doing, and how it is told to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Who is told of the progress of a run. Called from the thread that drives the run.
pub trait Progress: Send + Sync {
    /// What the run does from here on, in words such as "loading strategy cache-policy": what it waits for, if it
    /// has to be ended from outside.
    fn doing(&self, _what: &str) {}
    /// A part of the run begins. `total` is how many steps it has, where that is known.
    fn begin(&self, name: &str, total: Option<u64>);
    /// So many steps are done since the part began.
    fn at(&self, done: u64);
    /// The part is over; one line about it, or none where that is empty.
    fn end(&self, summary: &str);
    /// Something worth a line of its own.
    fn say(&self, line: &str);
    /// Something that the operator has to know now, also where nobody follows the progress.
    fn warn(&self, line: &str) {
        self.say(line);
    }
}

/// Tells nobody: for runs that no one watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn begin(&self, _: &str, _: Option<u64>) {}

    fn at(&self, _: u64) {}

    fn end(&self, _: &str) {}

    fn say(&self, _: &str) {}
}

/// Tells a run to end early. Clones share the flag.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks the run to end with a report of what was done.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the run was asked to end.
    #[must_use]
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
