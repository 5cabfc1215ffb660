//! The file that the hottest keys of a run are saved in, for the next one.
//!
//! It is looked at before the run, so that a folder that takes no file is told at once. At the end the keys are written beside
//! it and the file is exchanged in one step: whoever reads it sees the old one or the new one. A run without requests leaves
//! it as it is.

use std::io;
use std::path::{Path, PathBuf};

use host_workload::hot;
use tempfile::NamedTempFile;

use crate::error::RunError;
use crate::ledger_file::same_file;

/// A file for hot keys.
#[derive(Debug)]
pub(crate) struct HotFile {
    /// As it was named.
    name: PathBuf,
    /// What a link leads to.
    path: PathBuf,
}

/// Hot keys, the hottest first, with the requests for each.
#[derive(Debug)]
pub(crate) enum Rows {
    Numbers(Vec<(u64, u64)>),
    Names(Vec<(Vec<u8>, u64)>),
}

impl Rows {
    fn len(&self) -> usize {
        match self {
            Self::Numbers(rows) => rows.len(),
            Self::Names(rows) => rows.len(),
        }
    }
}

impl HotFile {
    /// The file of that name; none without one.
    ///
    /// # Errors
    /// [`RunError::HotKeys`]: it is the input or no regular file, or its folder takes no new file.
    pub(crate) fn open(path: Option<&Path>, input: Option<&Path>) -> Result<Option<Self>, RunError> {
        let Some(name) = path else { return Ok(None) };
        let path = name.canonicalize().unwrap_or_else(|_| name.to_owned());
        let wrong = |source| RunError::HotKeys { path: name.to_owned(), source };
        if input.is_some_and(|input| same_file(&path, input)) {
            return Err(wrong(io::Error::other("is the input")));
        }
        if path.exists() && !path.is_file() {
            return Err(wrong(io::Error::other("is no regular file")));
        }
        beside(&path).map_err(wrong)?;
        Ok(Some(Self { name: name.to_owned(), path }))
    }

    /// Saves the keys, and says what it did.
    pub(crate) fn save(&self, rows: &Rows) -> String {
        let name = self.name.display();
        match self.write(rows) {
            Ok(0) => format!("no hot keys to save: {name} is left as it is"),
            Ok(keys) => format!("saved the {keys} hottest keys in {name}"),
            Err(error) => format!("the hot keys were not saved: {name}: {error}"),
        }
    }

    fn write(&self, rows: &Rows) -> io::Result<usize> {
        if rows.len() > 0 {
            let file = beside(&self.path)?;
            let out = io::BufWriter::new(file.as_file());
            match rows {
                Rows::Numbers(rows) => hot::write_numbers(out, rows)?,
                Rows::Names(rows) => hot::write_names(out, rows)?,
            }
            file.as_file().sync_all()?;
            file.persist(&self.path).map_err(|error| error.error)?;
        }
        Ok(rows.len())
    }
}

/// A new file in the folder of `path`, with the permissions of any new file. It goes away unless it is kept.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".host-hot-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // The user's umask is applied to it.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_exchanged_as_a_whole_and_left_alone_where_there_is_nothing_to_save() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hot.csv");
        let file = HotFile::open(Some(&path), None).unwrap().unwrap();
        assert!(!path.exists(), "looking does not make it");
        assert!(file.save(&Rows::Numbers(vec![(7, 3)])).starts_with("saved the 1 hottest keys in "));
        assert!(file.save(&Rows::Numbers(Vec::new())).contains("is left as it is"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "block,requests\n7,3\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        std::fs::remove_dir_all(folder.path()).unwrap();
        assert!(file.save(&Rows::Numbers(vec![(7, 3)])).starts_with("the hot keys were not saved: "));
    }

    #[test]
    fn what_cannot_be_written_is_told_before_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let said =
            |path: &Path, input: Option<&Path>| HotFile::open(Some(path), input).unwrap_err().to_string();
        assert!(said(folder.path(), None).ends_with("hot keys cannot be saved there: is no regular file"));
        assert!(
            said(&folder.path().join("no/such/hot.csv"), None).contains("hot.csv: hot keys cannot be saved")
        );
        let input = folder.path().join("trace.csv");
        std::fs::write(&input, "key\n1\n").unwrap();
        assert!(said(&input, Some(&input)).ends_with("is the input"));
        assert!(HotFile::open(None, None).unwrap().is_none());
    }
}
