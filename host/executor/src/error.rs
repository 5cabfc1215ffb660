//! What can go wrong with the executor, and with a single task.

use std::any::Any;

use thiserror::Error;

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
        assert_eq!(TaskError::panicked(&7).to_string(), "the task panicked: no message");
    }
}
