//! Why nothing of a file can be read as a recording.

use std::io;
use std::path::{Path, PathBuf};

use super::VERSION;
use super::blocks::BeginFault;
use crate::trace::excerpt;

/// Why a recording cannot be read. One that is not whole is none of it: see [`Reader::cut`](super::Reader::cut).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// There is no file of this name.
    #[error("{}: no such file; expected a recording, as `host run --record FILE` writes it", path.display())]
    NotFound {
        /// The file asked for.
        path: PathBuf,
    },
    /// It cannot be opened or read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not one byte in it.
    #[error("{}: is empty; expected a recording, as `host run --record FILE` writes it", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// It begins otherwise.
    #[error(
        "{}: is no recording, as `host run --record FILE` writes it: it begins \"{found}\"; `host sim` replays a trace of requests, \
         `host ledger show` reads a ledger",
        path.display()
    )]
    NotOne {
        /// The file.
        path: PathBuf,
        /// How it begins, shortened and escaped.
        found: String,
    },
    /// Another host wrote it.
    #[error(
        "{}: is a recording of version {version}, and this host reads version {VERSION}: read it with a host that writes that version, \
         or record the run anew",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// What says which run it is cannot be read.
    #[error("{}: its header is damaged: {reason}; without it nothing of the recording can be read", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl RecordingError {
    pub(super) fn begin(path: &Path, fault: BeginFault) -> Self {
        let path = path.to_owned();
        match fault {
            BeginFault::Read(source) => Self::Read { path, source },
            BeginFault::Empty => Self::Empty { path },
            BeginFault::Magic(bytes) => Self::NotOne { path, found: excerpt(&bytes) },
            BeginFault::Version(version) => Self::Version { path, version },
            BeginFault::Header(reason) => Self::Header { path, reason },
        }
    }
}
