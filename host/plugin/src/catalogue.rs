//! The components there are, by the names that they give themselves: those in the plugin directory, and those that come
//! with the host.
//!
//! A file is known by what its `describe` answers, and by nothing else: two names for one component would make it two
//! strategies. So every file is asked, or its answer is known from an earlier time: one that is not to be started is not even
//! compiled then. One that cannot be opened cannot be asked; it is known by its file's name, so
//! that whoever looks for it is told what is wrong with it, and it takes nobody's place.
//!
//! A file that gives itself the name of a bundled strategy runs in its place: that is how a strategy is replaced. Two
//! files of one name are an error.

use std::io;
use std::path::{Path, PathBuf};

use crate::inspection::Inspection;
use crate::limits::Limits;
use crate::load::{Loader, Source};
use crate::load_error::LoadError;
use crate::plugin::Plugin;
use crate::world::World;

/// Where a component is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file.
    File(PathBuf),
    /// Inside the host's binary.
    Bundled(&'static str, &'static [u8]),
}

impl Place {
    /// What the loader takes.
    #[must_use]
    pub fn source(&self) -> Source<'_> {
        match self {
            Self::File(path) => Source::File(path),
            Self::Bundled(name, bytes) => Source::Bytes { name, bytes },
        }
    }
}

/// What the catalogue has of a component.
#[derive(Debug)]
pub enum Known {
    /// It is ready to be started.
    Opened(Box<Plugin>),
    /// It is not needed. What it says of itself is known from an earlier time.
    Described(Box<Inspection>),
}

impl Known {
    /// Opens a component, unless what it says of itself is known and names it as one that is not needed.
    fn read(
        source: Source<'_>,
        loader: &Loader,
        limits: &Limits,
        needed: &dyn Fn(&str) -> bool,
    ) -> Result<Self, LoadError> {
        match loader.described(source) {
            Some(known) if !needed(&known.description.name) => Ok(Self::Described(Box::new(known))),
            _ => loader.open(source, limits).map(|plugin| Self::Opened(Box::new(plugin))),
        }
    }

    /// What there is to know of it.
    #[must_use]
    pub fn inspection(&self) -> Inspection {
        match self {
            Self::Opened(plugin) => plugin.inspection(),
            Self::Described(inspection) => inspection.as_ref().clone(),
        }
    }

    /// The component, where it was opened.
    #[must_use]
    pub fn plugin(&self) -> Option<&Plugin> {
        match self {
            Self::Opened(plugin) => Some(plugin),
            Self::Described(_) => None,
        }
    }
}

/// A component of the catalogue.
#[derive(Debug)]
pub struct Listed {
    /// The name that it gives itself; where it cannot be asked, that of the lock file, or of its file without `.wasm` and with `-` for `_`.
    pub name: String,
    /// Where it is.
    pub place: Place,
    /// The component, or why it cannot be opened.
    pub plugin: Result<Known, LoadError>,
    /// Whether it runs in the place of a bundled strategy.
    pub replaces_bundled: bool,
}

/// The components there are.
#[derive(Debug)]
pub struct Catalogue {
    components: Vec<Listed>,
}

impl Catalogue {
    /// Opens every `.wasm` file of the directory that is no eviction policy, and every bundled component that none of them
    /// replaces. A directory that does not exist is an empty one. The limits are those of a start. `needed` says of a name
    /// whether it is to be started; one that is not is only described where that is known from an earlier time.
    ///
    /// # Errors
    /// The directory cannot be listed. A component that cannot be opened is no error here.
    pub fn read(
        dir: Option<&Path>,
        loader: &Loader,
        limits: &Limits,
        needed: &dyn Fn(&str) -> bool,
    ) -> Result<Self, LoadError> {
        let bundled = bundled();
        let mut components: Vec<Listed> = Vec::new();
        for path in dir.map_or_else(|| Ok(Vec::new()), strategy_files)? {
            let plugin = Known::read(Source::File(&path), loader, limits, needed);
            let name = match &plugin {
                Ok(known) => known.inspection().description.name,
                Err(error) => error.name().map_or_else(|| file_name(&path), str::to_owned),
            };
            let replaces_bundled = plugin.is_ok()
                && bundled.iter().any(|place| matches!(place, Place::Bundled(n, _) if *n == name));
            components.push(Listed { name, place: Place::File(path), plugin, replaces_bundled });
        }
        for place in bundled {
            let Place::Bundled(name, _) = place else { continue };
            if components.iter().any(|listed| listed.replaces_bundled && listed.name == name) {
                continue;
            }
            let plugin = Known::read(place.source(), loader, limits, needed);
            components.push(Listed { name: name.to_owned(), place, plugin, replaces_bundled: false });
        }
        components.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { components })
    }

    /// Every component, by name.
    #[must_use]
    pub fn components(&self) -> &[Listed] {
        &self.components
    }

    /// Every component, by name, to be started.
    #[must_use]
    pub fn into_components(self) -> Vec<Listed> {
        self.components
    }

    /// The names that two files give themselves.
    pub fn twice(&self) -> impl Iterator<Item = &str> {
        self.same_names().map(|(one, _)| one.name.as_str())
    }

    /// The component of that name; where none can be opened, one that cannot.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Listed> {
        let named = || self.components.iter().filter(|listed| listed.name == name);
        named().find(|listed| listed.plugin.is_ok()).or_else(|| named().next())
    }

    /// Refuses two components of one name.
    ///
    /// # Errors
    /// [`LoadError::TwoOfOneName`] for the first two.
    pub fn check_names(&self) -> Result<(), LoadError> {
        for (one, next) in self.same_names() {
            if let (Place::File(first), Place::File(second)) = (&one.place, &next.place) {
                let (first, second) = (first.clone(), second.clone());
                return Err(LoadError::TwoOfOneName { name: one.name.clone(), first, second });
            }
        }
        Ok(())
    }

    /// Each two files that can be opened and give themselves one name.
    fn same_names(&self) -> impl Iterator<Item = (&Listed, &Listed)> {
        let opened = || self.components.iter().filter(|listed| listed.plugin.is_ok());
        let is_file = |listed: &Listed| matches!(listed.place, Place::File(_));
        let pairs = opened().zip(opened().skip(1));
        pairs.filter(move |(one, next)| one.name == next.name && is_file(one) && is_file(next))
    }

    /// Which files run in the place of a bundled strategy, and which do not though they have its name: a sentence each.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for listed in &self.components {
            let Place::File(path) = &listed.place else { continue };
            let (name, path) = (&listed.name, path.display());
            if listed.replaces_bundled {
                notes.push(format!(
                    "{name}: {path} runs in the place of the bundled strategy; remove the file to have that one back"
                ));
            } else if let Err(error) = &listed.plugin
                && bundled().iter().any(|place| matches!(place, Place::Bundled(n, _) if *n == name))
            {
                notes.push(format!(
                    "{name}: the bundled strategy runs, because {path} cannot be opened: {error}"
                ));
            }
        }
        notes
    }
}

/// The components that come with the host, by name.
#[must_use]
pub fn bundled() -> Vec<Place> {
    host_bundled::COMPONENTS.iter().map(|b| Place::Bundled(b.name, b.bytes)).collect()
}

/// The eviction policies that come with the host as components: name and bytes.
pub fn bundled_policies() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    host_bundled::POLICIES.iter().map(|bundled| (bundled.name, bundled.bytes))
}

/// Every `.wasm` file of a directory that is no eviction policy, by name.
fn strategy_files(dir: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let mut files = component_files(dir)?;
    files.retain(|path| Source::File(path).world() != World::Eviction);
    Ok(files)
}

/// Every `.wasm` file of a directory, by name. A directory that does not exist is an empty one.
///
/// # Errors
/// The directory cannot be listed.
pub fn component_files(dir: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let unlisted = |source| LoadError::Directory { path: dir.to_owned(), source };
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unlisted(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(unlisted)?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn file_name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_wasm_files_are_found_in_the_order_of_their_names() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["b.wasm", "a.wasm", "notes.txt", "c.wasm.bak"] {
            std::fs::write(dir.path().join(file), "").unwrap();
        }
        std::fs::create_dir(dir.path().join("d.wasm")).unwrap();
        let found = component_files(dir.path()).unwrap();
        assert_eq!(found, [dir.path().join("a.wasm"), dir.path().join("b.wasm")]);
    }

    #[test]
    fn a_directory_that_is_missing_is_empty_and_one_that_is_a_file_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(component_files(&dir.path().join("none")).unwrap().is_empty());
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = component_files(&file).unwrap_err().to_string();
        assert!(error.contains("file: the plugin directory cannot be listed"), "{error}");
    }
}
