//! Whether the bytes of a component are those that the operator has accepted.
//!
//! There are two ways to accept some. A lock file ([`Lock`]) names every component of a directory with its digest: it is held
//! against the bytes that were read, before anything of them is compiled. A pin of the settings gives the one digest that a
//! strategy or policy of some name may have: who it is, a component says itself, so that a pin is held against it once it has
//! described itself in the sandbox, and before it is started. Either is checked on the very bytes that are compiled; no file is
//! read again between the check and the use.
//!
//! The digest is SHA-256, which operators have tools for. What is not locked or pinned is not hashed.

mod error;
mod lock;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

pub use error::TrustError;
pub use lock::{LOCK_FILE, Lock, Locked};

use crate::digest::Sha256;

/// The one digest that a component of some name may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The digest.
    pub sha256: Sha256,
    /// The key that gives it, with the place where it was written, for error texts.
    pub key: String,
}

/// What the operator has accepted. By default the lock file of each directory that has one, and whatever is in those without.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// By the names of strategies, and those of policies with `plugin:`.
    pins: BTreeMap<String, Pin>,
    /// A directory whose lock file is not in it, and that file.
    elsewhere: Option<(PathBuf, PathBuf)>,
    /// The lock files that were found. One that is gone later does not unlock its directory.
    found: Arc<Mutex<BTreeSet<PathBuf>>>,
}

impl Trust {
    /// The same with a pin, for a strategy of this name or a policy of this name with `plugin:`.
    #[must_use]
    pub fn pin(mut self, name: impl Into<String>, pin: Pin) -> Self {
        self.pins.insert(name.into(), pin);
        self
    }

    /// The same with a lock file for a directory, which has to be there. One in the directory itself counts for nothing then.
    #[must_use]
    pub fn lock(mut self, dir: impl Into<PathBuf>, file: impl Into<PathBuf>) -> Self {
        self.elsewhere = Some((dir.into(), file.into()));
        self
    }

    /// Where the lock file of a directory is, or would be.
    #[must_use]
    pub fn lock_path(&self, dir: &Path) -> PathBuf {
        self.lock_elsewhere(dir).map_or_else(|| dir.join(LOCK_FILE), Path::to_owned)
    }

    /// The lock file of a directory; none where it has none.
    ///
    /// # Errors
    /// It cannot be read, is not one, or was there before and is gone.
    pub fn lock_of(&self, dir: &Path) -> Result<Option<Lock>, TrustError> {
        let path = self.lock_path(dir);
        match Lock::read(&path, &self.command(dir))? {
            Some(lock) => {
                self.found.lock().insert(path);
                Ok(Some(lock))
            }
            None if self.lock_elsewhere(dir).is_some() || self.found.lock().contains(&path) => {
                Err(TrustError::Gone { path, command: self.command(dir) })
            }
            None => Ok(None),
        }
    }

    /// Holds the bytes of a file against the lock file of its directory.
    pub(crate) fn check_file(&self, path: &Path, bytes: &[u8]) -> Result<(), TrustError> {
        let dir = parent(path);
        let Some(lock) = self.lock_of(dir)? else { return Ok(()) };
        let found = Sha256::of(bytes);
        let file = path.file_name().and_then(|name| name.to_str());
        let (path, lock_path, command) = (path.to_owned(), lock.path().to_owned(), self.command(dir));
        match file.and_then(|file| lock.get(file)) {
            Some(locked) if locked.sha256 == found => Ok(()),
            Some(locked) => Err(TrustError::Changed {
                path,
                name: locked.name.as_str().into(),
                lock: lock_path,
                expected: locked.sha256.clone(),
                found,
                command,
            }),
            None => Err(TrustError::NotLocked { path, lock: lock_path, found, command }),
        }
    }

    /// Holds the bytes of a component that gives itself this name against the pin of that name. `place` is where it is.
    pub(crate) fn check_name(&self, name: &str, place: &str, bytes: &[u8]) -> Result<(), TrustError> {
        let Some(Pin { sha256, key }) = self.pins.get(name) else { return Ok(()) };
        let found = Sha256::of(bytes);
        if *sha256 == found {
            return Ok(());
        }
        Err(TrustError::Pinned {
            place: place.to_owned(),
            name: name.to_owned(),
            key: key.clone(),
            expected: sha256.clone(),
            found,
        })
    }

    fn lock_elsewhere(&self, dir: &Path) -> Option<&Path> {
        let (of, file) = self.elsewhere.as_ref()?;
        (dir == of || canonical(dir) == canonical(of)).then_some(file)
    }

    /// The command that accepts what is in a directory.
    fn command(&self, dir: &Path) -> Box<str> {
        let elsewhere = self.lock_elsewhere(dir);
        let elsewhere = elsewhere.map(|file| format!(" --plugin-lock {}", quoted(file))).unwrap_or_default();
        format!("host plugin lock --plugin-dir {}{elsewhere}", quoted(dir)).into()
    }
}

/// The directory of a file.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn canonical(dir: &Path) -> PathBuf {
    dir.canonicalize().unwrap_or_else(|_| dir.to_owned())
}

/// A path as a shell takes it for one word.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked(bytes: &[u8]) -> Locked {
        let (name, world, version) = ("mine".to_owned(), "strategy".to_owned(), "0.1.0".to_owned());
        Locked { name, world, version, sha256: Sha256::of(bytes) }
    }

    fn lock(path: &Path, files: &[(&str, &[u8])]) {
        let entries = files.iter().map(|(file, bytes)| ((*file).to_owned(), locked(bytes)));
        Lock::new(path, entries).write().unwrap();
    }

    #[test]
    fn a_directory_without_a_lock_takes_whatever_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        Trust::default().check_file(&dir.path().join("a.wasm"), b"anything").unwrap();
    }

    #[test]
    fn a_lock_takes_what_it_names_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(LOCK_FILE);
        lock(&path, &[("a.wasm", b"one")]);
        let trust = Trust::default();
        let file = dir.path().join("a.wasm");
        trust.check_file(&file, b"one").unwrap();
        let changed = trust.check_file(&file, b"two").unwrap_err();
        assert_eq!(changed.name(), Some("mine"));
        let (expected, found) = (Sha256::of(b"one"), Sha256::of(b"two"));
        let shown = dir.path().display();
        assert_eq!(
            changed.to_string(),
            format!(
                "{}: not the component that {} has accepted: expected sha256 {expected}, found {found}. If the change is \
                 meant, accept it with `host plugin lock --plugin-dir {shown}`; otherwise put the file back",
                file.display(),
                path.display()
            )
        );
        let new = trust.check_file(&dir.path().join("b.wasm"), b"one").unwrap_err().to_string();
        assert!(new.contains("b.wasm: is not in ") && new.contains(expected.as_str()), "{new}");
        assert!(new.contains(&format!("`host plugin lock --plugin-dir {shown}`")), "{new}");
    }

    #[test]
    fn a_lock_that_is_gone_does_not_unlock() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(LOCK_FILE);
        let file = dir.path().join("a.wasm");
        lock(&path, &[("a.wasm", b"one")]);
        let trust = Trust::default();
        trust.check_file(&file, b"one").unwrap();
        std::fs::remove_file(&path).unwrap();
        let gone = trust.clone().check_file(&file, b"one").unwrap_err().to_string();
        assert!(gone.contains("there is no such lock file (any more)"), "{gone}");
        Trust::default().check_file(&file, b"one").unwrap();
    }

    #[test]
    fn a_lock_elsewhere_has_to_be_there_and_beats_the_one_inside() {
        let dir = tempfile::tempdir().unwrap();
        let plugins = dir.path().join("my plugins");
        std::fs::create_dir(&plugins).unwrap();
        let elsewhere = dir.path().join("lock.toml");
        lock(&plugins.join(LOCK_FILE), &[("a.wasm", b"one")]);
        let trust = Trust::default().lock(&plugins, &elsewhere);
        let file = plugins.join("a.wasm");
        let gone = trust.check_file(&file, b"one").unwrap_err().to_string();
        assert!(gone.contains("lock.toml: there is no such lock file"), "{gone}");
        assert!(gone.contains("/my plugins' --plugin-lock "), "{gone}");
        lock(&elsewhere, &[("a.wasm", b"two")]);
        trust.check_file(&file, b"two").unwrap();
        // The same directory by another way, and another directory.
        trust.check_file(&plugins.join(".").join("a.wasm"), b"one").unwrap_err();
        trust.check_file(&dir.path().join("a.wasm"), b"one").unwrap();
    }

    #[test]
    fn a_pin_is_for_one_name() {
        let pin = Pin { sha256: Sha256::of(b"one"), key: "p.toml:3: strategies.mine.sha256".to_owned() };
        let trust = Trust::default().pin("mine", pin);
        trust.check_name("mine", "a.wasm", b"one").unwrap();
        trust.check_name("other", "a.wasm", b"two").unwrap();
        let error = trust.check_name("mine", "a.wasm", b"two").unwrap_err();
        let (expected, found) = (Sha256::of(b"one"), Sha256::of(b"two"));
        assert_eq!(
            error.to_string(),
            format!(
                "a.wasm: not the `mine` that is pinned: p.toml:3: strategies.mine.sha256: expected sha256 {expected}, found \
                 {found}. If the change is meant, set the key to the digest that was found; otherwise put the file back"
            )
        );
    }

    #[test]
    fn a_command_has_its_paths_as_a_shell_takes_them() {
        assert_eq!(quoted(Path::new("a/b-1.wasm")), "a/b-1.wasm");
        assert_eq!(quoted(Path::new("it's mine")), r"'it'\''s mine'");
    }
}
