//! The file of a recording: opened before anything else is done, and emptied when the run that it records begins.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use host_workload::recording::{Header, Writer};

use super::Recorder;
use crate::error::RunError;
use crate::ledger_file::same_file;
use crate::progress::Progress;

/// A file that is open for writing and still holds what it held.
pub(crate) struct RecordFile {
    path: PathBuf,
    file: File,
}

impl RecordFile {
    /// Opens the file, which is created where it is missing; none without a path. `others` are files of the same run.
    ///
    /// # Errors
    /// [`RunError::RecordingIsTaken`] where it is one of the others, by whatever name; [`RunError::Recording`] where it cannot be opened.
    pub(crate) fn open(
        path: Option<&Path>,
        others: [Option<&Path>; 2],
        progress: &dyn Progress,
    ) -> Result<Option<Self>, RunError> {
        let Some(path) = path else { return Ok(None) };
        for (other, what) in others.into_iter().zip(["the input", "the ledger"]) {
            if other.is_some_and(|other| same_file(path, other)) {
                return Err(RunError::RecordingIsTaken { path: path.to_owned(), what });
            }
        }
        progress.doing(&format!("opening the recording {}", path.display()));
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let file = file.map_err(|source| RunError::Recording { path: path.to_owned(), source })?;
        Ok(Some(Self { path: path.to_owned(), file }))
    }

    /// Empties the file, and writes which run it is.
    ///
    /// # Errors
    /// [`RunError::Recording`]: what the system says.
    pub(crate) fn begin(self, header: &Header) -> Result<Recorder, RunError> {
        let Self { path, file } = self;
        // A pipe or a device has no length.
        let emptied =
            file.metadata().and_then(|about| if about.is_file() { file.set_len(0) } else { Ok(()) });
        match emptied.and_then(|()| Writer::new(file, header)) {
            Ok(writer) => Ok(Recorder::new(path, writer)),
            Err(source) => Err(RunError::Recording { path, source }),
        }
    }
}
