//! What can be wrong with a scenario, in the words that a user reads.

use std::io;
use std::path::PathBuf;

/// Why a scenario cannot be used. Every text begins with the file, and with the line where one is known.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file, as it was named.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// Neither a bundled scenario nor a file.
    #[error(
        "{name}: there is no such scenario, and no such file{}",
        .nearest.map(|name| format!("; did you mean {name:?}?")).unwrap_or_default()
    )]
    Unknown {
        /// The name.
        name: String,
        /// The bundled scenario whose name is nearest.
        nearest: Option<&'static str>,
    },
    /// Not TOML, a key that does not exist, or a value of another type.
    #[error("{place}: {message}")]
    Syntax {
        /// File and line.
        place: String,
        /// What was found, and what was expected.
        message: String,
    },
    /// A value out of its range, or two that contradict each other.
    #[error("{place}: {field}: expected {expected}, got {got}")]
    Value {
        /// File and line.
        place: String,
        /// The key, with its tables.
        field: String,
        /// What would have been valid.
        expected: String,
        /// What was written.
        got: String,
    },
}
