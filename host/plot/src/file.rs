//! The file that a chart goes to, opened before the work that the chart shows.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use crate::PlotError;

/// A file that can be written; it is left as it was until there is something to write.
#[derive(Debug)]
pub struct PlotFile {
    path: PathBuf,
    file: File,
    /// It was not there before, so that it must go again if nothing is written.
    fresh: bool,
}

impl PlotFile {
    /// Opens `path` without touching what is in it.
    ///
    /// # Errors
    /// [`PlotError::NotSvg`], [`PlotError::Write`].
    pub fn open(path: &Path) -> Result<Self, PlotError> {
        if !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("svg")) {
            return Err(PlotError::NotSvg(path.to_owned()));
        }
        let fresh = OpenOptions::new().write(true).create_new(true).open(path);
        let (file, fresh) = match fresh {
            Ok(file) => (file, true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let file = OpenOptions::new().write(true).open(path);
                (file.map_err(|error| cannot(path, error))?, false)
            }
            Err(error) => return Err(cannot(path, error)),
        };
        Ok(Self { path: path.to_owned(), file, fresh })
    }

    /// Replaces what was in the file.
    ///
    /// # Errors
    /// [`PlotError::Write`].
    pub fn write(mut self, svg: &str) -> Result<(), PlotError> {
        self.replace(svg).map_err(|error| cannot(&self.path, error))?;
        self.fresh = false;
        Ok(())
    }

    fn replace(&mut self, svg: &str) -> Result<(), Error> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(svg.as_bytes())
    }
}

impl Drop for PlotFile {
    fn drop(&mut self) {
        if self.fresh {
            // Whatever ended the command is what is worth telling.
            std::fs::remove_file(&self.path).ok();
        }
    }
}

fn cannot(path: &Path, source: Error) -> PlotError {
    PlotError::Write { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_only_changed_when_there_is_something_to_write() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.svg");
        drop(PlotFile::open(&path).unwrap());
        assert!(!path.exists(), "nothing is left of a command that failed");
        PlotFile::open(&path).unwrap().write("a long text").unwrap();
        drop(PlotFile::open(&path).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a long text");
        PlotFile::open(&path).unwrap().write("short").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "short");
    }
}
