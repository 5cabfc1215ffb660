//! Why a project cannot be written.

use std::io;
use std::path::PathBuf;

/// Why a project cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The name cannot be used.
    #[error("`{name}` cannot be the name of a plugin: it {fault}; take one such as `my-policy`")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        fault: String,
    },
    /// The folder holds something.
    #[error("{}: is not empty, and nothing is written over: name another folder with --path", folder.display())]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
    },
    /// There is no SDK where it should be.
    #[error(
        "{}: there is no SDK{}, expected {expected} in it: give --sdk DIR, the folder `plugins` of the host's repository or \
         one with the unpacked packages", folder.display(),
        if *asked { "" } else { ", where it was when this host was built" }
    )]
    NoSdk {
        /// Where it was looked for.
        folder: PathBuf,
        /// Folders of which one, or some together, have to be there.
        expected: String,
        /// Whether the place was asked for.
        asked: bool,
    },
    /// A folder cannot be looked into.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
