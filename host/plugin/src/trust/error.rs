//! Why a component is not taken that may be sound: nobody has accepted these bytes.

use std::path::PathBuf;

use crate::digest::Sha256;
use crate::policies::POLICY_PREFIX;

/// Why a component is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file has other bytes than those of the lock file.
    #[error(
        "{}: not the component that {} has accepted: expected sha256 {expected}, found {found}. If the change is meant, \
         accept it with `{command}`; otherwise put the file back", path.display(), lock.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// The name that the component had that was accepted.
        name: Box<str>,
        /// The lock file.
        lock: PathBuf,
        /// The digest there.
        expected: Sha256,
        /// The digest of the bytes that were read.
        found: Sha256,
        /// The command that accepts it.
        command: Box<str>,
    },
    /// The lock file does not name a file.
    #[error(
        "{}: is not in {}, which names all components of its directory that are accepted; this one has sha256 {found}. If \
         it is meant to be there, accept it with `{command}`; otherwise take it away", path.display(), lock.display()
    )]
    NotLocked {
        /// The file.
        path: PathBuf,
        /// The lock file.
        lock: PathBuf,
        /// The digest of the bytes that were read.
        found: Sha256,
        /// The command that accepts it.
        command: Box<str>,
    },
    /// A component is another one than a pin of the settings says.
    #[error(
        "{place}: not the `{name}` that is pinned: {key}: expected sha256 {expected}, found {found}. If the change is meant, \
         set the key to the digest that was found; otherwise put the file back"
    )]
    Pinned {
        /// The path of the file, or the name of a bundled component.
        place: String,
        /// The name that it gives itself; of a policy with `plugin:`.
        name: String,
        /// The key of the pin, with the place where it was written.
        key: String,
        /// The digest there.
        expected: Sha256,
        /// The digest of the bytes that were read.
        found: Sha256,
    },
    /// A lock file that is none.
    #[error(
        "{}{}: {reason}. Mend it, or accept all that is there now with `{command}`", path.display(),
        line.map(|line| format!(":{line}")).unwrap_or_default()
    )]
    Broken {
        /// The lock file.
        path: PathBuf,
        /// The line, from 1.
        line: Option<usize>,
        /// What is wrong with it.
        reason: String,
        /// The command that writes it anew.
        command: Box<str>,
    },
    /// A lock file that the settings name, or that was there before, is not there.
    #[error(
        "{}: there is no such lock file (any more), and no component of its directory is taken without it. Put it back, or accept all \
         that is there now with `{command}`", path.display()
    )]
    Gone {
        /// The lock file.
        path: PathBuf,
        /// The command that writes it.
        command: Box<str>,
    },
}

impl TrustError {
    /// The name that the component gives itself, or gave itself when it was accepted; none where that is not known.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Changed { name, .. } => Some(name),
            Self::Pinned { name, .. } => Some(name.strip_prefix(POLICY_PREFIX).unwrap_or(name)),
            Self::NotLocked { .. } | Self::Broken { .. } | Self::Gone { .. } => None,
        }
    }
}
