//! The components there are: those in the plugin directory, and those that come with the host.

use std::io;
use std::path::{Path, PathBuf};

use crate::load::Source;
use crate::load_error::LoadError;

/// A component that could be loaded, by the name that a profile would use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The name of the file without `.wasm`, or that of the bundled component.
    pub name: String,
    /// Where it is.
    pub place: Place,
}

/// Where a component is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file.
    File(PathBuf),
    /// Inside the host's binary.
    Bundled(&'static [u8]),
}

impl Found {
    /// What the loader takes.
    #[must_use]
    pub fn source(&self) -> Source<'_> {
        match &self.place {
            Place::File(path) => Source::File { name: &self.name, path },
            Place::Bundled(bytes) => Source::Bytes { name: &self.name, bytes },
        }
    }
}

/// Every `.wasm` file of a directory, by name. A directory that does not exist is an empty one.
///
/// # Errors
/// The directory cannot be listed.
pub fn discover(dir: &Path) -> Result<Vec<Found>, LoadError> {
    let unlisted = |source| LoadError::Directory { path: dir.to_owned(), source };
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unlisted(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(unlisted)?.path();
        let is_component = path.extension().is_some_and(|extension| extension == "wasm") && path.is_file();
        if let (true, Some(stem)) = (is_component, path.file_stem()) {
            found.push(Found { name: stem.to_string_lossy().into_owned(), place: Place::File(path) });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// The components that come with the host, by name.
#[must_use]
pub fn bundled() -> Vec<Found> {
    host_bundled::COMPONENTS
        .iter()
        .map(|b| Found { name: b.name.to_owned(), place: Place::Bundled(b.bytes) })
        .collect()
}

/// Everything that can be loaded, by name. A file takes the place of a bundled component of its name:
/// that is how a strategy is replaced.
///
/// # Errors
/// The directory cannot be listed.
pub fn available(dir: Option<&Path>) -> Result<Vec<Found>, LoadError> {
    let mut all = dir.map_or_else(|| Ok(Vec::new()), discover)?;
    for component in bundled() {
        if !all.iter().any(|found| found.name == component.name) {
            all.push(component);
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(found: &[Found]) -> Vec<&str> {
        found.iter().map(|f| f.name.as_str()).collect()
    }

    #[test]
    fn only_wasm_files_are_found_in_the_order_of_their_names() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["b.wasm", "a.wasm", "notes.txt", "c.wasm.bak"] {
            std::fs::write(dir.path().join(file), "").unwrap();
        }
        std::fs::create_dir(dir.path().join("d.wasm")).unwrap();
        assert_eq!(names(&discover(dir.path()).unwrap()), ["a", "b"]);
    }

    #[test]
    fn a_directory_that_is_missing_is_empty_and_one_that_is_a_file_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(discover(&dir.path().join("none")).unwrap(), []);
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = discover(&file).unwrap_err().to_string();
        assert!(error.contains("file: the plugin directory cannot be listed"), "{error}");
    }

    #[test]
    fn a_file_takes_the_place_of_a_bundled_component() {
        let dir = tempfile::tempdir().unwrap();
        let Some(bundled) = bundled().into_iter().next() else { panic!("nothing is bundled") };
        let path = dir.path().join(format!("{}.wasm", bundled.name));
        std::fs::write(&path, "").unwrap();
        let all = available(Some(dir.path())).unwrap();
        let with_name: Vec<_> = all.iter().filter(|f| f.name == bundled.name).collect();
        assert_eq!(with_name, [&Found { name: bundled.name.clone(), place: Place::File(path) }]);
        assert_eq!(all.len(), available(None).unwrap().len());
    }
}
