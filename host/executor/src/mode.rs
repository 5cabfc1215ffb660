//! How tasks of a class run beside each other.

/// How tasks of a class run beside each other; work in stages is [`Stages`](crate::Stages). For [`Executor::set_mode`](crate::Executor::set_mode).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// As many at once as there are workers.
    #[default]
    Parallel,
    /// One at a time in each pool, in the order in which they were submitted. The others keep their places in the queue, and
    /// no worker.
    Single,
}
