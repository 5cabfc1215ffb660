//! Says what is wrong with a trace, to the user who has to put it right.
//!
//! Decoders know a position and a fault; the file, its format and its compression are added where they are known, so that
//! a decoder carries none of them.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::bounds::MAX_LINE_BYTES;
use super::compression::Compression;
use super::excerpt::excerpt;
use super::format::{Format, Names};

/// Where in a trace something was found. Counting starts at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// A line of a text format, of the decompressed file.
    Line(u64),
    /// A record of a binary format.
    Record(u64),
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::Record(number) => write!(f, "record {number}"),
        }
    }
}

/// Why a trace cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// There is no file of this name.
    #[error("{}: no such file", path.display())]
    NotFound {
        /// The file asked for.
        path: PathBuf,
    },
    /// The path is a directory.
    #[error("{}: is a directory; a trace is one file", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
    },
    /// The file exists and cannot be opened, for instance for want of permission.
    #[error("{}: cannot be opened: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A pipe or a device, where the file has to be read more than once.
    #[error("{}: is no regular file and can be read only once, but has to be read {times} times", path.display())]
    OnlyOnce {
        /// The file.
        path: PathBuf,
        /// How often it would have to be read.
        times: u64,
    },
    /// Reading or decompressing failed on the way.
    #[error("{}: {position}: reading {compression} data failed: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// How far it was read.
        position: Position,
        /// How it is compressed.
        compression: Compression,
        /// What the system or the decompressor said.
        source: io::Error,
    },
    /// Not one request in it.
    #[error("{}: is empty: it holds no request{}", path.display(), ReadAs(*format))]
    Empty {
        /// The file.
        path: PathBuf,
        /// The format it was read in, where that was decided before the file turned out empty.
        format: Option<Format>,
    },
    /// Neither the name nor the first bytes tell the format.
    #[error(
        "{}: cannot tell the format of this file, which begins \"{found}\"; \
         name it with `--format`, one of: {names}",
        path.display(), names = Names(&Format::ALL)
    )]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// How it begins, shortened and escaped.
        found: String,
    },
    /// The CSV header lacks a column.
    #[error("{}: line 1: {missing}; the columns are: {}; choose one with `--{role}-column`", path.display(), columns.join(", "))]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// What the column is for: `key` or `size`.
        role: &'static str,
        /// Which column was looked for.
        missing: String,
        /// The columns that there are, each shortened and escaped.
        columns: Vec<String>,
    },
    /// A line or record is not what the format says.
    #[error(
        "{}: {position}: expected {expected}, found \"{found}\"; \
         the file was read as {format}: if it is another, name it with `--format`",
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Which line or record.
        position: Position,
        /// The format it was read in.
        format: Format,
        /// What stands there, shortened and escaped.
        found: String,
        /// What the format asks for.
        expected: &'static str,
    },
    /// A line or CSV record that does not end within [`MAX_LINE_BYTES`](super::MAX_LINE_BYTES).
    #[error(
        "{}: {position}: longer than {} bytes; the file was read as {format}: if it is another, name it with `--format`",
        path.display(), MAX_LINE_BYTES
    )]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Which line.
        position: Position,
        /// The format it was read in.
        format: Format,
    },
    /// The last record of a binary trace is cut short.
    #[error(
        "{}: {position}: the file ends after {bytes} of the record's {of} bytes; \
         it was cut short, or it is not {format}: name its format with `--format`",
        path.display()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Which record.
        position: Position,
        /// The format it was read in.
        format: Format,
        /// Bytes of the record that are there.
        bytes: usize,
        /// Bytes that a record has.
        of: usize,
    },
}

/// "(read as lis)", or nothing.
struct ReadAs(Option<Format>);

impl fmt::Display for ReadAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |format| write!(f, " (read as {format})"))
    }
}

/// A fault as a decoder sees it.
#[derive(Debug)]
pub(super) struct Fault {
    position: Position,
    kind: FaultKind,
}

#[derive(Debug)]
enum FaultKind {
    Read(io::Error),
    TooLong,
    Malformed { found: String, expected: &'static str },
    Truncated { bytes: usize, of: usize },
    NoColumn { role: &'static str, missing: String, columns: Vec<String> },
}

impl Fault {
    pub(super) fn read(position: Position, source: io::Error) -> Self {
        Self { position, kind: FaultKind::Read(source) }
    }

    pub(super) fn too_long(position: Position) -> Self {
        Self { position, kind: FaultKind::TooLong }
    }

    pub(super) fn malformed(position: Position, found: &[u8], expected: &'static str) -> Self {
        Self { position, kind: FaultKind::Malformed { found: excerpt(found), expected } }
    }

    pub(super) fn truncated(position: Position, bytes: usize, of: usize) -> Self {
        Self { position, kind: FaultKind::Truncated { bytes, of } }
    }

    pub(super) fn no_column(role: &'static str, missing: String, columns: Vec<String>) -> Self {
        Self { position: Position::Line(1), kind: FaultKind::NoColumn { role, missing, columns } }
    }

    /// The error that a user sees.
    pub(super) fn at(self, path: &Path, format: Format, compression: Compression) -> TraceError {
        let Self { position, kind } = self;
        let path = path.to_owned();
        match kind {
            FaultKind::Read(source) => TraceError::Read { path, position, compression, source },
            FaultKind::TooLong => TraceError::TooLong { path, position, format },
            FaultKind::Malformed { found, expected } => {
                TraceError::Malformed { path, position, format, found, expected }
            }
            FaultKind::Truncated { bytes, of } => TraceError::Truncated { path, position, format, bytes, of },
            FaultKind::NoColumn { role, missing, columns } => {
                TraceError::NoColumn { path, role, missing, columns }
            }
        }
    }
}
