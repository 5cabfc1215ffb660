//! Why a recorded run cannot be replayed.

use std::io;
use std::path::PathBuf;

use host_plugin::LoadError;

/// Why a recorded run cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line is no record, or one without what it has to have.
    #[error("{}:{line}: not a record of a ledger: {reason}; {advice}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
        /// What was expected, and what to do.
        advice: &'static str,
    },
    /// The file holds no tick in which strategies were asked.
    #[error(
        "{}: holds no tick in which strategies were asked: record a run with `host run --ledger FILE` or `host sim --profile \
         NAME --ledger FILE`", path.display()
    )]
    NoTicks {
        /// The file.
        path: PathBuf,
    },
    /// The component cannot be started.
    #[error(transparent)]
    Start(#[from] LoadError),
}
