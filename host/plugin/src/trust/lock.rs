//! The lock file of a plugin directory: each component with the digest that was accepted.
//!
//! TOML, an entry a file in the order of the names, so that a change of one component is a change of one line. It is written
//! beside the one before and exchanged in one step.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::{TrustError, parent};
use crate::digest::Sha256;

/// The lock file in a plugin directory.
pub const LOCK_FILE: &str = "host-plugins.lock";

/// The version of the format.
const VERSION: u32 = 1;

/// Far more than a directory of a thousand components needs.
const MAX_BYTES: u64 = 1 << 20;

const HEAD: &str = "\
# The components of a plugin directory that were accepted. The host takes no other one from there.
# Written by `host plugin lock`. Keep it where you keep your settings, and read its changes before you take them.
";

/// What was accepted of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// The name that the component gave itself.
    pub name: String,
    /// The world that it is built for.
    pub world: String,
    /// Its version.
    pub version: String,
    /// The digest of the file.
    pub sha256: Sha256,
}

/// A lock file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    path: PathBuf,
    entries: BTreeMap<String, Locked>,
}

/// The file as it is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    version: Spanned<u32>,
    #[serde(default)]
    component: Vec<ReadEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadEntry {
    file: Spanned<String>,
    name: String,
    world: String,
    version: String,
    sha256: Spanned<String>,
}

/// The file as it is written.
#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    component: Vec<WrittenEntry<'a>>,
}

#[derive(Serialize)]
struct WrittenEntry<'a> {
    file: &'a str,
    name: &'a str,
    world: &'a str,
    version: &'a str,
    sha256: &'a str,
}

impl Lock {
    /// One with these entries, by names of files without their directory. Nothing is written yet.
    pub fn new(path: &Path, entries: impl IntoIterator<Item = (String, Locked)>) -> Self {
        Self { path: path.to_owned(), entries: entries.into_iter().collect() }
    }

    /// Reads one; none where there is no such file. `command` is what accepts all that is there, for the error text.
    pub(super) fn read(path: &Path, command: &str) -> Result<Option<Self>, TrustError> {
        let broken = |line, reason| TrustError::Broken {
            path: path.to_owned(),
            line,
            reason,
            command: command.into(),
        };
        let text = match text(path) {
            Ok(text) => text,
            // That the directory is none is told by whoever lists it.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(broken(None, format!("the lock file cannot be read: {error}"))),
        };
        match entries(&text) {
            Ok(entries) => Ok(Some(Self { path: path.to_owned(), entries })),
            Err((at, reason)) => {
                Err(broken(Some(line(&text, at)), format!("not a lock file of components: {reason}")))
            }
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was accepted of a file, by its name without the directory.
    #[must_use]
    pub fn get(&self, file: &str) -> Option<&Locked> {
        self.entries.get(file)
    }

    /// All files with what was accepted of them, by name.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Locked)> {
        self.entries.iter().map(|(file, locked)| (file.as_str(), locked))
    }

    /// A sentence for each entry whose file is not in the directory.
    #[must_use]
    pub fn missing(&self, dir: &Path) -> Vec<String> {
        let missing = self.entries().filter(|(file, _)| !dir.join(file).exists());
        let say = |(file, locked): (&str, &Locked)| {
            let (lock, dir) = (self.path.display(), dir.display());
            format!("{lock} names {file}, which is `{}`, and {dir} has no such file", locked.name)
        };
        missing.map(say).collect()
    }

    /// Writes it, in one step.
    ///
    /// # Errors
    /// It cannot be written; what was there is still there then.
    pub fn write(&self) -> io::Result<()> {
        let component = self.entries().map(|(file, Locked { name, world, version, sha256 })| WrittenEntry {
            file,
            name,
            world,
            version,
            sha256: sha256.as_str(),
        });
        let written = Written { version: VERSION, component: component.collect() };
        let body = toml::to_string(&written).map_err(io::Error::other)?;
        let mut unfinished = tempfile::Builder::new()
            .prefix(".host-plugins-")
            .suffix(".tmp")
            .tempfile_in(parent(&self.path))?;
        unfinished.write_all(HEAD.as_bytes())?;
        unfinished.write_all(b"\n")?;
        unfinished.write_all(body.as_bytes())?;
        readable(unfinished.as_file())?;
        unfinished.as_file().sync_all()?;
        unfinished.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }
}

/// A file for a moment is its owner's alone; this one is for everybody who runs a host.
#[cfg(unix)]
fn readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &File) -> io::Result<()> {
    Ok(())
}

fn text(path: &Path) -> io::Result<String> {
    // A pipe would be waited for.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_BYTES) {
        return Err(io::Error::other(format!("it has more than {MAX_BYTES} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8"))
}

/// The entries of a text, or at which byte something is wrong, and what.
fn entries(text: &str) -> Result<BTreeMap<String, Locked>, (usize, String)> {
    let read: Read = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        // A text of the reader may have lines.
        (at, error.message().replace('\n', " "))
    })?;
    if *read.version.get_ref() != VERSION {
        let reason =
            format!("expected version {VERSION}, got {}; a later host wrote it", read.version.get_ref());
        return Err((read.version.span().start, reason));
    }
    let mut entries = BTreeMap::new();
    for ReadEntry { file, name, world, version, sha256 } in read.component {
        let at = sha256.span().start;
        let sha256 = Sha256::parse(sha256.get_ref())
            .ok_or((at, "`sha256` is not 64 hexadecimal digits".to_owned()))?;
        let at = file.span().start;
        let file = file.into_inner();
        let locked = Locked { name, world, version, sha256 };
        if entries.insert(file.clone(), locked).is_some() {
            return Err((at, format!("`{}` is named twice", crate::names::sanitize(&file, 64))));
        }
    }
    Ok(entries)
}

/// The line of a byte of a text, counted from 1.
fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count().saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked(name: &str) -> Locked {
        let (world, version) = ("optimizer:plugin/strategy@0.1.0".to_owned(), "1.2.3".to_owned());
        Locked { name: name.to_owned(), world, version, sha256: Sha256::of(name.as_bytes()) }
    }

    #[test]
    fn what_was_written_is_read_and_the_files_are_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(LOCK_FILE);
        assert_eq!(Lock::read(&path, "").unwrap(), None);
        let lock = Lock::new(
            &path,
            [("b.wasm".to_owned(), locked("two")), ("a \"quoted\".wasm".to_owned(), locked("one"))],
        );
        lock.write().unwrap();
        lock.write().unwrap();
        assert_eq!(Lock::read(&path, "").unwrap().as_ref(), Some(&lock));
        let text = fs::read_to_string(&path).unwrap();
        let digest = Sha256::of(b"two");
        assert!(text.starts_with("# The components of a plugin directory"), "{text}");
        assert!(
            text.ends_with(&format!(
                "[[component]]\nfile = \"b.wasm\"\nname = \"two\"\nworld = \"optimizer:plugin/strategy@0.1.0\"\nversion = \
                 \"1.2.3\"\nsha256 = \"{digest}\"\n"
            )),
            "{text}"
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left");
        assert_eq!(lock.missing(dir.path()).len(), 2);
        fs::write(dir.path().join("b.wasm"), "").unwrap();
        let missing = lock.missing(dir.path()).concat();
        assert!(missing.contains("names a \"quoted\".wasm, which is `one`, and "), "{missing}");
    }

    #[test]
    fn one_that_is_empty_is_a_lock_of_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(LOCK_FILE);
        Lock::new(&path, []).write().unwrap();
        assert_eq!(Lock::read(&path, "").unwrap().unwrap().entries().count(), 0);
    }

    #[test]
    fn a_broken_one_is_told_with_its_line() {
        let entry = "[[component]]\nfile = \"a.wasm\"\nname = \"a\"\nworld = \"w\"\nversion = \"1\"\n";
        let sound = format!("{entry}sha256 = \"{}\"\n", Sha256::of(b""));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(LOCK_FILE);
        for (text, expected) in [
            (String::new(), ":1: not a lock file of components: missing field `version`"),
            ("version = 1\nversion = 1".to_owned(), ":2: not a lock file of components: duplicate key"),
            ("version = 2".to_owned(), ":1: not a lock file of components: expected version 1, got 2"),
            (
                format!("version = 1\n{entry}sha256 = \"12\"\n"),
                ":7: not a lock file of components: `sha256` is not 64 hexadecimal digits",
            ),
            (format!("version = 1\n{entry}"), ":2: not a lock file of components: missing field `sha256`"),
            (
                format!("version = 1\n{sound}{sound}"),
                ":9: not a lock file of components: `a.wasm` is named twice",
            ),
            (
                format!("version = 1\n{sound}signed = true\n"),
                ":8: not a lock file of components: unknown field `signed`",
            ),
        ] {
            fs::write(&path, &text).unwrap();
            let error = Lock::read(&path, "host plugin lock").unwrap_err().to_string();
            assert!(error.contains(&format!("{LOCK_FILE}{expected}")), "{text}: {error}");
            assert!(error.ends_with("accept all that is there now with `host plugin lock`"), "{error}");
        }
        fs::write(&path, [0xff]).unwrap();
        let error = Lock::read(&path, "").unwrap_err().to_string();
        assert!(
            error.contains("host-plugins.lock: the lock file cannot be read: it is not UTF-8"),
            "{error}"
        );
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(Lock::read(&path, "").unwrap_err().to_string().contains("not a file"));
    }
}
