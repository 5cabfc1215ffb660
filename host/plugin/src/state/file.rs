//! One file a strategy, in a folder that belongs to one host at a time.
//!
//! JSON with a header: what it is, its version, whose it is, and the digest of what it holds. A file that does not check out is
//! set aside, so that nothing is lost and the strategy begins with nothing. A file is written beside the one before, forced to the
//! disk, and exchanged in one step: after a crash there is the one or the other.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::entries::Entries;
use crate::digest::Digest;
use crate::names;

const FORMAT: &str = "host-strategy-state";
const VERSION: u32 = 1;

/// Where the lock is.
const LOCK: &str = "lock";

/// How the files that are not whole yet begin and end.
const UNFINISHED: (&str, &str) = (".host-state-", ".tmp");

/// Far more than the largest limit comes to in base64.
const MAX_FILE: u64 = 64 << 20;

/// Bytes kept of a name that a foreign file has in its header.
const MAX_SHOWN: usize = 64;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    format: String,
    version: u32,
    strategy: String,
    /// Of `entries`, as compact JSON.
    digest: String,
    /// Bytes as base64.
    entries: BTreeMap<String, String>,
}

/// A folder of files, locked until it is dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

/// What came of reading a file.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) entries: Entries,
    /// What the operator should know.
    pub(super) note: Option<String>,
    /// Whether the file may be written. Not where what is there could be lost.
    pub(super) writable: bool,
}

impl Folder {
    /// Makes the folder where it is not there, and locks it.
    ///
    /// # Errors
    /// It cannot be made or written to, or another host has it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let lock = path.join(LOCK);
        if fs::metadata(&lock).is_ok_and(|found| !found.is_file()) {
            return Err(io::Error::other("`lock` in it is no regular file"));
        }
        let lock = File::options().create(true).truncate(false).write(true).open(lock)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::other(
                    "another host keeps it there; give each host a folder of its own",
                ));
            }
            // A file system without locks: whoever shares the folder is on his own.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let folder = Self { path: path.to_owned(), _lock: lock };
        folder.remove_unfinished();
        // So that a folder that takes no file is told before the run.
        folder.unfinished()?;
        Ok(folder)
    }

    /// Reads what a strategy has kept. Names are words of letters and digits, so that each is a name of a file.
    pub(super) fn read(&self, strategy: &str) -> Read {
        let path = self.file(strategy);
        let reason = match contents(&path, strategy) {
            Ok(entries) => {
                return Read { entries: entries.unwrap_or_default(), note: None, writable: true };
            }
            Err(reason) => reason,
        };
        let aside = path.with_extension("json.broken");
        let moved = fs::rename(&path, &aside);
        let what = match &moved {
            Ok(()) => format!("it was set aside as {}", aside.display()),
            Err(error) => format!(
                "it could not be set aside ({error}), so that nothing is written there; move it away yourself"
            ),
        };
        let note = format!(
            "{}: not the learnt state of {strategy}: {reason}; {strategy} begins with nothing, and {what}",
            path.display()
        );
        Read { entries: Entries::default(), note: Some(note), writable: moved.is_ok() }
    }

    /// Writes what a strategy keeps.
    pub(super) fn write(&self, strategy: &str, entries: &Entries) -> io::Result<()> {
        let entries: BTreeMap<String, String> =
            entries.iter().map(|(key, value)| (key.to_owned(), BASE64.encode(value))).collect();
        let contents = Contents {
            format: FORMAT.to_owned(),
            version: VERSION,
            strategy: strategy.to_owned(),
            digest: digest(&entries)?,
            entries,
        };
        let mut file = self.unfinished()?;
        file.write_all(&serde_json::to_vec_pretty(&contents)?)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(self.file(strategy)).map_err(|error| error.error)?;
        // The name is on the disk when the folder is. Not every system can do that.
        #[cfg(unix)]
        drop(File::open(&self.path).and_then(|folder| folder.sync_all()));
        Ok(())
    }

    /// Moves the file of a strategy out of the way, over one that was moved there before. Says where it is; none where there was
    /// none.
    pub(super) fn set_aside(&self, strategy: &str) -> io::Result<Option<PathBuf>> {
        let path = self.file(strategy);
        let aside = path.with_extension("json.forgotten");
        match fs::rename(&path, &aside) {
            Ok(()) => Ok(Some(aside)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn file(&self, strategy: &str) -> PathBuf {
        self.path.join(format!("{strategy}.json"))
    }

    fn unfinished(&self) -> io::Result<NamedTempFile> {
        tempfile::Builder::new().prefix(UNFINISHED.0).suffix(UNFINISHED.1).tempfile_in(&self.path)
    }

    /// What a host that was killed left behind.
    fn remove_unfinished(&self) {
        let Ok(found) = fs::read_dir(&self.path) else { return };
        for entry in found.flatten() {
            let name = entry.file_name();
            let unfinished = name
                .to_str()
                .is_some_and(|name| name.starts_with(UNFINISHED.0) && name.ends_with(UNFINISHED.1));
            if unfinished {
                // It is in nobody's way.
                drop(fs::remove_file(entry.path()));
            }
        }
    }
}

fn digest(entries: &BTreeMap<String, String>) -> serde_json::Result<String> {
    Ok(Digest::of(&serde_json::to_vec(entries)?).to_string())
}

/// What a file holds; none where it is not there.
fn contents(path: &Path, strategy: &str) -> Result<Option<Entries>, String> {
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    // Also because to open a pipe waits.
    if !found.is_file() {
        return Err("it is no regular file".to_owned());
    }
    if found.len() > MAX_FILE {
        return Err(format!("it has {} bytes, at most {MAX_FILE} are read", found.len()));
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let contents: Contents = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    if contents.format != FORMAT || contents.version != VERSION {
        let shown = names::sanitize(&contents.format, MAX_SHOWN);
        return Err(format!(
            "expected `format` {FORMAT} and `version` {VERSION}, found {shown} and {}",
            contents.version
        ));
    }
    if contents.strategy != strategy {
        return Err(format!("`strategy` says {}", names::sanitize(&contents.strategy, MAX_SHOWN)));
    }
    if digest(&contents.entries).ok().as_ref() != Some(&contents.digest) {
        return Err("`digest` is not that of `entries`: it was changed or cut".to_owned());
    }
    let decode = |(key, text): (String, String)| match BASE64.decode(text) {
        Ok(value) => Ok((key, value)),
        Err(error) => Err(format!("`entries`: {}: no base64: {error}", names::sanitize(&key, MAX_SHOWN))),
    };
    let entries = contents.entries.into_iter().map(decode).collect::<Result<_, _>>()?;
    Entries::of(entries).map(Some).map_err(|wrong| format!("`entries`: {wrong}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Entries {
        Entries::of(BTreeMap::from([("a".to_owned(), vec![0, 255]), ("b".to_owned(), Vec::new())])).unwrap()
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_written_is_read_and_nothing_else_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let below = dir.path().join("a/b");
        let folder = Folder::open(&below).unwrap();
        assert_eq!(folder.read("one").entries, Entries::default());
        folder.write("one", &entries()).unwrap();
        folder.write("one", &entries()).unwrap();
        let read = folder.read("one");
        assert_eq!((read.entries, read.note, read.writable), (entries(), None, true));
        assert_eq!(names(&below), ["lock", "one.json"]);
        let taken = Folder::open(&below).unwrap_err().to_string();
        assert_eq!(taken, "another host keeps it there; give each host a folder of its own");
        drop(folder);
        Folder::open(&below).unwrap();
    }

    #[test]
    fn a_write_that_was_cut_short_leaves_the_file_before() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        folder.write("one", &entries()).unwrap();
        // As a host leaves it that is killed between the first byte and the exchange.
        let (_, path) = folder.unfinished().unwrap().keep().unwrap();
        fs::write(&path, "{\"format\":").unwrap();
        drop(folder);
        let folder = Folder::open(dir.path()).unwrap();
        assert_eq!(folder.read("one").entries, entries());
        assert_eq!(names(dir.path()), ["lock", "one.json"]);
    }

    #[test]
    fn a_file_that_does_not_check_out_is_set_aside_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        folder.write("one", &entries()).unwrap();
        let path = folder.file("one");
        let whole = fs::read_to_string(&path).unwrap();
        let half = whole[..whole.len() / 2].to_owned();
        for (text, reason) in [
            (String::new(), "EOF while parsing"),
            (half, "EOF while parsing"),
            ("a,b\n1,2\n".to_owned(), "expected value at line 1 column 1"),
            (
                whole.replace("\"AP8=\"", "\"AAA=\""),
                "`digest` is not that of `entries`: it was changed or cut",
            ),
            (
                whole.replace(FORMAT, "other"),
                "expected `format` host-strategy-state and `version` 1, found other and 1",
            ),
            (whole.replace("\"version\": 1", "\"version\": 2"), "found host-strategy-state and 2"),
            (whole.replace("\"strategy\": \"one\"", "\"strategy\": \"two\""), "`strategy` says two"),
        ] {
            assert_ne!(text, whole);
            fs::write(&path, &text).unwrap();
            let read = folder.read("one");
            assert_eq!((read.entries, read.writable), (Entries::default(), true), "{text}");
            let note = read.note.unwrap();
            assert!(note.starts_with(&path.display().to_string()) && note.contains(reason), "{note}");
            assert!(note.ends_with("one.json.broken"), "{note}");
            assert_eq!(fs::read_to_string(dir.path().join("one.json.broken")).unwrap(), text);
            assert!(!path.exists());
        }
    }

    #[test]
    fn what_is_no_file_is_set_aside_or_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        fs::create_dir(folder.file("one")).unwrap();
        let read = folder.read("one");
        assert!(read.writable && read.note.unwrap().contains("it is no regular file"));
        // A folder cannot take the place of one that holds something.
        fs::create_dir(folder.file("one")).unwrap();
        fs::write(dir.path().join("one.json.broken/kept"), "").unwrap();
        let read = folder.read("one");
        assert!(!read.writable && read.note.unwrap().contains("move it away yourself"));
    }

    #[test]
    fn a_folder_that_cannot_be_one_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(Folder::open(&file).is_err());
        fs::create_dir(dir.path().join("lock")).unwrap();
        assert!(Folder::open(dir.path()).unwrap_err().to_string().contains("`lock` in it"));
    }
}
