//! What can be wrong with a profile, in the words a user reads.

use std::io;
use std::path::PathBuf;

/// Why settings could not be loaded. Every text begins with the place (`FILE:LINE`, `environment
/// NAME` or `flag --set`) where there is one, and says what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// A file could not be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file, as it was named.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// Not TOML.
    #[error("{place}: not valid TOML: {message}")]
    Syntax {
        /// File and line.
        place: String,
        /// What the TOML reader says.
        message: String,
    },
    /// No key, table or variable of that name.
    #[error("{place}: {key}: no such {what}{}", hint(nearest.as_deref(), expected))]
    UnknownKey {
        /// Where it was written.
        place: String,
        /// The name as written, with its tables.
        key: String,
        /// "key", "table" or "variable".
        what: &'static str,
        /// The nearest valid name.
        nearest: Option<String>,
        /// What would have been valid; printed where no name is near.
        expected: String,
    },
    /// A value of the wrong type, unit or range, or a name that is not known.
    #[error("{place}: {key}: expected {expected}, got {got}{}", hint(nearest.as_deref(), ""))]
    WrongValue {
        /// Where it was written.
        place: String,
        /// The key, with its tables.
        key: String,
        /// Type, unit and range.
        expected: String,
        /// The value as written.
        got: String,
        /// The nearest valid name, where the value is a name.
        nearest: Option<String>,
    },
    /// An environment variable whose name begins with `HOST_` and that is not UTF-8.
    #[error("environment {name}: its name or its value is not UTF-8; unset it or set it again")]
    NotText {
        /// The variable's name, with what is not UTF-8 replaced.
        name: String,
    },
    /// One key given twice in a file, once with `_` and once with `-`.
    #[error(
        "{place}: {key} is given twice: {earlier} gives it too, and `_` and `-` are alike. Remove one of the two"
    )]
    Twice {
        /// Where the second was written.
        place: String,
        /// The key, with `-`.
        key: String,
        /// Where the first was written.
        earlier: String,
    },
    /// A `--set` that is not `KEY=VALUE`.
    #[error("flag --set: expected KEY=VALUE, such as cache.capacity=100MB, got {got:?}")]
    BadSet {
        /// The flag's value.
        got: String,
    },
    /// A starting value outside its own bounds.
    #[error("{place}: {key}: {value} is {relation} {other}: change one of the two")]
    Bounds {
        /// Where the later of the two was written.
        place: String,
        /// The key written there.
        key: String,
        /// Its value.
        value: String,
        /// "less than" or "more than".
        relation: &'static str,
        /// The key it contradicts, with its value and source.
        other: String,
    },
    /// No profile of that name.
    #[error("{place}no profile {name:?}{}", hint(nearest.as_deref(), expected))]
    UnknownProfile {
        /// Where it was named, followed by `: `; empty for the flag.
        place: String,
        /// The name as given.
        name: String,
        /// The nearest profile.
        nearest: Option<String>,
        /// The profiles there are.
        expected: String,
    },
    /// A `base` in a file that is laid over a profile.
    #[error(
        "{place}: base: only a profile builds on another (--profile FILE); this file is laid over one already"
    )]
    BaseOutsideProfile {
        /// File and line.
        place: String,
    },
    /// Profiles that build on each other in a circle.
    #[error("{place}: base: the profiles build on each other in a circle: {}; remove one `base`", chain.join(" -> "))]
    BaseCycle {
        /// File and line of the `base` that closes the circle.
        place: String,
        /// The files, each followed by what it builds on.
        chain: Vec<String>,
    },
    /// A file that is too long for settings.
    #[error("{}: has more than {limit} bytes: too long for a file of settings", path.display())]
    TooLong {
        /// The file, as it was named.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// A `[strategies.NAME]` for which there is no component.
    #[error("{place}: strategies.{name}: no strategy of that name{}", hint(nearest.as_deref(), expected))]
    UnknownStrategy {
        /// Where it was written.
        place: String,
        /// The name as written.
        name: String,
        /// The nearest strategy.
        nearest: Option<String>,
        /// The strategies there are, and the folder for further ones.
        expected: String,
    },
    /// A pin of an eviction policy that there is not.
    #[error("{place}: {key}: no policy of that name{}", hint(nearest.as_deref(), expected))]
    UnknownPin {
        /// Where it was written.
        place: String,
        /// The key as a file has it.
        key: String,
        /// The nearest policy.
        nearest: Option<String>,
        /// The policies that are components.
        expected: String,
    },
    /// The folder of a project could not be walked.
    #[error("{}: cannot be walked: {message}", path.display())]
    Walk {
        /// The folder.
        path: PathBuf,
        /// The reason.
        message: String,
    },
    /// The built-in defaults lack a key: a fault of this build.
    #[error("the built-in defaults give no usable value for {key}: please report this")]
    Incomplete {
        /// The key.
        key: String,
    },
}

/// The end of an "unknown" text: the nearest name, or else what there is.
fn hint(nearest: Option<&str>, expected: &str) -> String {
    match nearest {
        Some(name) => format!("; did you mean {name:?}?"),
        None if expected.is_empty() => String::new(),
        None => format!("; {expected}"),
    }
}
