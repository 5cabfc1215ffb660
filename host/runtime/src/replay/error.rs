//! Why a recording cannot be replayed.

use std::path::PathBuf;

use host_workload::recording::RecordingError;

/// Why a recording cannot be replayed. One that is not whole can: as far as it goes.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It cannot be read.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// A record in it is none of this host's.
    #[error(
        "{}: record {number}: {reason}; expected what `host run --record` of this version writes: record the run anew",
        path.display()
    )]
    Record {
        /// The file.
        path: PathBuf,
        /// Number of the record, from 1.
        number: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// No tick in it.
    #[error(
        "{}: holds no tick in which strategies were asked{}; record a run with strategies, for longer",
        path.display(), cut.as_ref().map(|cut| format!(": {cut}")).unwrap_or_default()
    )]
    NoTicks {
        /// The file.
        path: PathBuf,
        /// Why it is not whole.
        cut: Option<String>,
    },
}
