//! What can go wrong with the executor, and with a single task.

use std::any::Any;

use thiserror::Error;

use crate::priority::Priority;
use crate::topology::TopologyError;

/// The executor cannot be made or resized.
#[derive(Debug, Error)]
pub enum ExecutorError {
    /// A setting is out of range.
    #[error("executor setting `{field}` is {value}, expected {least} to {most}")]
    Setting {
        /// Name of the field of [`Config`](crate::Config).
        field: &'static str,
        /// What it was set to.
        value: u32,
        /// Least that is allowed.
        least: u32,
        /// Most that is allowed.
        most: u32,
    },
    /// Priorities are to be sure of more than there is.
    #[error(
        "executor setting `shares` is {sum} percent in all, expected 100 at most: lower one of the three"
    )]
    Shares {
        /// The three together, in percent.
        sum: u32,
    },
    /// Workers are to be pinned, and which core belongs to which node cannot be understood.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// The operating system refused a thread.
    #[error(
        "cannot start a worker thread ({have} of {want} are running): {source}; lower the number of workers or raise the limit on threads (`ulimit -u`)"
    )]
    Thread {
        /// Workers that run.
        have: u32,
        /// Workers asked for.
        want: u32,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The async runtime could not be started.
    #[error("cannot start the async runtime of the IO pool: {0}")]
    Runtime(#[source] std::io::Error),
}

/// A task did not run to its end.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TaskError {
    /// The task panicked, with this message.
    #[error("the task panicked: {0}")]
    Panicked(String),
    /// The executor was dropped before the task ended.
    #[error("the executor stopped before the task ended")]
    Stopped,
    /// There was no place in the queue for the task, and it had not begun.
    #[error(
        "the task was shed: {queued} tasks of priority {priority} wait{}; submit it again later, or wait for a place with `submit_cpu` or `submit_io`",
        reason(*.displaced_by)
    )]
    Shed {
        /// Its priority.
        priority: Priority,
        /// Tasks of that priority that waited then.
        queued: u64,
        /// The priority that took its place; none where the queue was full when it was submitted.
        displaced_by: Option<Priority>,
    },
}

fn reason(displaced_by: Option<Priority>) -> String {
    displaced_by.map_or_else(String::new, |by| format!(", and one of priority {by} took its place"))
}

impl TaskError {
    pub(crate) fn panicked(payload: &(dyn Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned());
        Self::Panicked(text.unwrap_or_else(|| "no message".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_say_what_was_expected() {
        let error = ExecutorError::Setting { field: "cpu_workers", value: 0, least: 1, most: 64 };
        assert_eq!(error.to_string(), "executor setting `cpu_workers` is 0, expected 1 to 64");
        assert_eq!(TaskError::panicked(&"boom").to_string(), "the task panicked: boom");
        assert_eq!(TaskError::panicked(&String::from("bang")).to_string(), "the task panicked: bang");
        let shed =
            |displaced_by| TaskError::Shed { priority: Priority::Low, queued: 3, displaced_by }.to_string();
        let cure = "; submit it again later, or wait for a place with `submit_cpu` or `submit_io`";
        assert_eq!(shed(None), format!("the task was shed: 3 tasks of priority low wait{cure}"));
        assert_eq!(
            shed(Some(Priority::High)),
            format!(
                "the task was shed: 3 tasks of priority low wait, and one of priority high took its place{cure}"
            )
        );
        assert_eq!(TaskError::panicked(&7).to_string(), "the task panicked: no message");
    }
}
