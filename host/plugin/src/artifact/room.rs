//! How much the directory of compiled components may take: what was used longest ago goes first.
//!
//! When an entry was used is the time at which its file was written or touched last. Hosts that run side by side may remove
//! what another one is about to read: that entry counts as none there, and is compiled again.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The files of one key.
#[derive(Debug)]
struct Files {
    used: SystemTime,
    bytes: u64,
    paths: Vec<PathBuf>,
}

/// Notes that a file is used now. Where the system refuses, its entry is only forgotten earlier.
pub(super) fn touch(file: &fs::File) {
    if let Err(error) = file.set_modified(SystemTime::now()) {
        tracing::debug!(%error, "the time of use is not kept");
    }
}

/// Removes the entries that were used longest ago until all files weigh at most `most` bytes together. That of `key` stays.
pub(super) fn make_room(dir: &Path, most: u64, key: &str) -> io::Result<()> {
    let mut entries: BTreeMap<String, Files> = BTreeMap::new();
    for file in fs::read_dir(dir)? {
        let path = file?.path();
        let kind = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        // Whatever else lies there is not the host's.
        if !matches!(kind, "cwasm" | "json" | "description") {
            continue;
        }
        let (Some(stem), Ok(metadata)) = (path.file_stem(), fs::metadata(&path)) else { continue };
        let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let files = entries.entry(stem.to_string_lossy().into_owned()).or_insert(Files {
            used,
            bytes: 0,
            paths: Vec::new(),
        });
        files.used = files.used.max(used);
        files.bytes += metadata.len();
        files.paths.push(path);
    }
    let mut bytes: u64 = entries.values().map(|files| files.bytes).sum();
    entries.remove(key);
    let mut oldest: Vec<Files> = entries.into_values().collect();
    oldest.sort_by_key(|files| files.used);
    for mut files in oldest {
        if bytes <= most {
            break;
        }
        // What vouches for the code goes before it: `.json` is the last in the order of names.
        files.paths.sort();
        for path in files.paths.iter().rev() {
            match fs::remove_file(path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        bytes -= files.bytes;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_was_used_longest_ago_goes_first_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: usize, age: u64| {
            let path = dir.path().join(name);
            fs::write(&path, vec![0; bytes]).unwrap();
            let used = SystemTime::now() - Duration::from_secs(age);
            fs::File::options().write(true).open(path).unwrap().set_modified(used).unwrap();
        };
        for (key, age) in [("a", 300), ("b", 100), ("c", 200), ("new", 0)] {
            write(&format!("{key}.cwasm"), 100, age);
            write(&format!("{key}.json"), 10, age);
        }
        write("d.description", 20, 400);
        write("notes.txt", 1_000, 500);
        let left = || {
            let names = fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name());
            let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
            names.sort();
            names
        };
        make_room(dir.path(), 1_000, "new").unwrap();
        assert_eq!(left().len(), 10);
        touch(&fs::File::options().write(true).open(dir.path().join("a.cwasm")).unwrap());
        make_room(dir.path(), 330, "new").unwrap();
        assert_eq!(left(), ["a.cwasm", "a.json", "b.cwasm", "b.json", "new.cwasm", "new.json", "notes.txt"]);
        make_room(dir.path(), 0, "new").unwrap();
        assert_eq!(left(), ["new.cwasm", "new.json", "notes.txt"]);
    }
}
