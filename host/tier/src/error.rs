//! Why a tier could not do what it was asked.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a tier could not be opened, asked or written to. Each text says where, what was expected, and what to do.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TierError {
    /// A setting is outside of what it can be.
    #[error("{setting} of the {tier} tier is {value}, and has to be {expected}")]
    Setting {
        /// Which tier.
        tier: &'static str,
        /// Which setting.
        setting: &'static str,
        /// What it was.
        value: String,
        /// What it may be.
        expected: String,
    },
    /// Another process has the folder.
    #[error(
        "{}: another process has this folder of the disk tier open. Two hosts cannot share one: end the other one, or give this one \
         a folder of its own",
        folder.display()
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder's files cannot have the size that was asked for.
    #[error(
        "{}: {bytes} bytes cannot be reserved for the disk tier: {error}. Make room there, make the tier smaller, or give it a \
         folder on another disk",
        path.display()
    )]
    NoRoom {
        /// The file.
        path: PathBuf,
        /// How large it should be.
        bytes: u64,
        /// What the system said.
        error: Arc<io::Error>,
    },
    /// A file could not be opened, read or written.
    #[error(
        "{}: the disk tier cannot {action} it: {error}. It has to be a readable and writable file in a folder of the tier's own; \
         removing the folder loses cached values alone",
        path.display()
    )]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        error: Arc<io::Error>,
    },
    /// The remote server could not be asked, or did not do it.
    #[error(
        "{address}: the remote tier cannot {action}: {reason}. A Redis or Valkey server was expected there; misses go to the origin meanwhile"
    )]
    Remote {
        /// The server, without its password.
        address: String,
        /// What was tried.
        action: &'static str,
        /// What went wrong.
        reason: String,
    },
    /// What was begun did not come to its end, because the runtime is shutting down or the code has panicked.
    #[error(
        "the {tier} tier was stopped in the middle of it: the host is shutting down, or this is a fault of the host"
    )]
    Stopped {
        /// Which tier.
        tier: &'static str,
    },
}
