//! Where a value comes from.

use std::fmt;
use std::path::{Path, PathBuf};

/// The layer, and the place in it, that gave a value. Ordered as the layers are: a later one wins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// The built-in defaults.
    Default,
    /// An embedded profile, by name.
    Profile(String),
    /// An embedded profile laid over the one before, by name.
    Overlay(String),
    /// A profile given as a file.
    ProfileFile(PathBuf, usize),
    /// A line of the user's file.
    File(PathBuf, usize),
    /// A variable of the environment, by name.
    Environment(String),
    /// The flag `--set`.
    Flag,
    /// Lowered to the value of `memory.cap`.
    Cap,
    /// Lowered to what the machine has.
    Machine,
}

impl Source {
    /// Whether the user gave it, rather than a built-in file.
    pub(crate) fn is_users(&self) -> bool {
        match self {
            Self::Default | Self::Profile(_) | Self::Overlay(_) => false,
            Self::ProfileFile(..) | Self::File(..) | Self::Environment(_) | Self::Flag => true,
            Self::Cap | Self::Machine => false,
        }
    }

    /// The folder to which a relative path belongs: that of the file in which it is written.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match self {
            Self::ProfileFile(path, _) | Self::File(path, _) => path.parent(),
            _ => None,
        }
    }

    /// How an error text begins: `FILE:LINE` where there is one.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::ProfileFile(path, line) | Self::File(path, line) => format!("{}:{line}", path.display()),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Profile(name) => write!(f, "profile {name}"),
            Self::Overlay(name) => write!(f, "overlay {name}"),
            Self::ProfileFile(path, line) | Self::File(path, line) => {
                write!(f, "file {}:{line}", path.display())
            }
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag => f.write_str("flag --set"),
            Self::Cap => f.write_str("memory.cap"),
            Self::Machine => f.write_str("machine"),
        }
    }
}
