//! Reads a recording from a file.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::blocks::{Blocks, Cut, Piece};
use super::{Header, RecordingError};

/// Reads the blocks of a recording in order, one at a time.
#[derive(Debug)]
pub struct Reader<R> {
    path: PathBuf,
    from: R,
    header: Header,
    blocks: Blocks,
}

impl Reader<BufReader<File>> {
    /// Opens a file, and reads how it begins.
    ///
    /// # Errors
    /// [`RecordingError`]: the file cannot be read, is none, or is of another version.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let file = File::open(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => RecordingError::NotFound { path: path.to_owned() },
            _ => RecordingError::Read { path: path.to_owned(), source },
        })?;
        Self::new(path, BufReader::new(file))
    }
}

impl<R: Read> Reader<R> {
    /// Reads a recording from elsewhere; `path` is its name in errors.
    ///
    /// # Errors
    /// As [`open`](Reader::open).
    pub fn new(path: &Path, mut from: R) -> Result<Self, RecordingError> {
        let begun = Blocks::begin(&mut from);
        let (header, blocks) = begun.map_err(|fault| RecordingError::begin(path, fault))?;
        Ok(Self { path: path.to_owned(), from, header, blocks })
    }

    /// From here on requests are counted and not read: their blocks are checked by their sums alone, and take no time.
    #[must_use]
    pub fn counting(mut self) -> Self {
        self.blocks.counting = true;
        self
    }

    /// Which run was recorded.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What the next block holds; none after the last whole one.
    ///
    /// # Errors
    /// [`RecordingError::Read`]: the file cannot be read any further. One that was cut or damaged is none.
    pub fn piece(&mut self) -> Result<Option<Piece>, RecordingError> {
        let piece = self.blocks.piece(&mut self.from);
        piece.map_err(|source| RecordingError::Read { path: self.path.clone(), source })
    }

    /// Where and why it ends before its end; none where it is whole, or was not read to its end yet.
    #[must_use]
    pub fn cut(&self) -> Option<&Cut> {
        self.blocks.cut()
    }
}
