//! The ledger on disk: one JSON object a line.
//!
//! A ledger is opened first, so that a wrong path is told before minutes of work, and emptied last, when all else
//! that was handed in has been checked: a command that ends with an error leaves what stood there.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use host_control::ledger::Record;

use crate::error::RunError;
use crate::progress::Progress;

/// A ledger that is open for writing and still holds what it held.
pub(crate) struct LedgerFile {
    path: PathBuf,
    file: File,
}

impl LedgerFile {
    /// Opens the file, which is created where it is missing; none without a path.
    ///
    /// # Errors
    /// [`RunError::LedgerIsInput`] where `input` is the same file, by whatever name; [`RunError::Ledger`] where it
    /// cannot be opened.
    pub(crate) fn open(
        path: Option<&Path>,
        input: Option<&Path>,
        progress: &dyn Progress,
    ) -> Result<Option<Self>, RunError> {
        let Some(path) = path else { return Ok(None) };
        if input.is_some_and(|input| same_file(path, input)) {
            return Err(RunError::LedgerIsInput(path.to_owned()));
        }
        progress.doing(&format!("opening the ledger {}", path.display()));
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let file = file.map_err(|source| RunError::Ledger { path: path.to_owned(), source })?;
        Ok(Some(Self { path: path.to_owned(), file }))
    }

    /// Whether what is written can be taken back: a pipe or a device keeps nothing.
    pub(crate) fn can_be_emptied(&self) -> bool {
        self.file.metadata().is_ok_and(|about| about.is_file())
    }

    /// Empties the file, to be written from its start.
    ///
    /// # Errors
    /// [`RunError::Ledger`]: what the system says.
    pub(crate) fn begin(self) -> Result<Box<dyn Write + Send>, RunError> {
        let Self { path, file } = self;
        // A pipe or a device has no length.
        let emptied =
            file.metadata().and_then(|about| if about.is_file() { file.set_len(0) } else { Ok(()) });
        emptied.map_err(|source| RunError::Ledger { path, source })?;
        Ok(Box::new(BufWriter::new(file)))
    }
}

/// Whether both names lead to one file. Neither is opened: a FIFO would wait for its other end.
#[cfg(unix)]
pub(crate) fn same_file(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let id = |path: &Path| std::fs::metadata(path).map(|about| (about.dev(), about.ino())).ok();
    id(a).is_some_and(|a| Some(a) == id(b))
}

/// Whether both names lead to one file.
#[cfg(not(unix))]
pub(crate) fn same_file(a: &Path, b: &Path) -> bool {
    a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}

/// Appends records.
pub(crate) fn write(to: &mut dyn Write, records: &[Record]) -> std::io::Result<()> {
    for record in records {
        serde_json::to_writer(&mut *to, record)?;
        to.write_all(b"\n")?;
    }
    Ok(())
}
