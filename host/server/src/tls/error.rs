//! What can be wrong with certificates and keys.

use std::io;
use std::path::PathBuf;

/// What can be wrong with certificates and keys.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A setting needs another one.
    #[error("{set} is set and {missing} is not; set both, or neither")]
    Missing {
        /// The one that is set.
        set: &'static str,
        /// The one that is not.
        missing: &'static str,
    },
    /// A file cannot be read.
    #[error("{key} = {file:?}: cannot be read: {cause}; expected a file in PEM that this user may read")]
    Unreadable {
        /// The setting.
        key: &'static str,
        /// What it names.
        file: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// There is nothing in a file of what should be there, or nothing of use.
    #[error("{key} = {file:?}: {cause}; expected {expected}")]
    NoUse {
        /// The setting.
        key: &'static str,
        /// What it names.
        file: PathBuf,
        /// What is wrong.
        cause: String,
        /// What should be there, and how to get it.
        expected: &'static str,
    },
    /// The key belongs to another certificate.
    #[error(
        "{key} = {file:?}: it is the key of another certificate than the first one in {certificate:?} ({certificate_key}); expected \
         the key that this one was made for: name the two files that were made together, or put the server's own certificate \
         before those that signed it"
    )]
    OtherKey {
        /// The setting of the key.
        key: &'static str,
        /// The file of the key.
        file: PathBuf,
        /// The setting of the certificate.
        certificate_key: &'static str,
        /// The file of the certificate.
        certificate: PathBuf,
    },
    /// The library refuses what it was made with.
    #[error("TLS cannot be set up: {cause}")]
    Refused {
        /// What it says.
        cause: String,
    },
}
