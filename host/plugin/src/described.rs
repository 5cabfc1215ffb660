//! What components have said of themselves, kept on disk beside what was compiled.
//!
//! A component is asked by running it, which takes its compiled code: seconds where that is not kept, and for a large one a
//! tenth of a second where it is. Who only wants to look at it can do without. An entry is one file,
//! `KEY.description`, whose key is made of the component's digest and the host's version: another host checks
//! descriptions by rules of its own. It lies in the directory of the compiled components, which only the user can write to.
//!
//! An entry that is broken, cut or another component's counts as none, and is written again when the component is next
//! opened. What runs is asked each time it is started, whatever is kept here.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::description::Description;
use crate::digest::Digest;

/// The version whose rules a description was checked by.
const HOST: &str = env!("CARGO_PKG_VERSION");

/// Longest entry that is read, bytes: far above what a checked description takes.
const MAX_BYTES: u64 = 8 << 20;

/// A file.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    /// Version of the host.
    host: String,
    /// Digest of the component, with its algorithm.
    component: String,
    /// Digest of the description as JSON: a file whose middle was lost may still be JSON.
    digest: String,
    description: Description,
}

impl Entry {
    fn new(component: &Digest, description: &Description) -> serde_json::Result<Self> {
        let digest = Digest::of(&serde_json::to_vec(description)?).to_string();
        let (host, component) = (HOST.to_owned(), component.to_string());
        Ok(Self { host, component, digest, description: description.clone() })
    }
}

/// A directory of descriptions.
#[derive(Debug)]
pub(crate) struct Descriptions {
    dir: PathBuf,
}

impl Descriptions {
    /// Those in a directory that [`crate::artifact::Artifacts::open`] has found to be the user's own.
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// What the component of this digest said of itself, where there is a sound entry for it.
    pub(crate) fn find(&self, component: &Digest) -> Option<Description> {
        let path = self.path(component);
        let length = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?.len();
        if length > MAX_BYTES {
            return None;
        }
        let entry: Entry = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
        let sound = Entry::new(component, &entry.description).ok()?;
        let same =
            entry.host == sound.host && entry.component == sound.component && entry.digest == sound.digest;
        same.then_some(entry.description)
    }

    /// Keeps what a component said of itself, where that is not kept yet.
    pub(crate) fn keep(&self, component: &Digest, description: &Description) -> io::Result<()> {
        if self.find(component).as_ref() == Some(description) {
            return Ok(());
        }
        let mut file = NamedTempFile::new_in(&self.dir)?;
        file.write_all(&serde_json::to_vec_pretty(&Entry::new(component, description)?)?)?;
        file.persist(self.path(component))?;
        Ok(())
    }

    fn path(&self, component: &Digest) -> PathBuf {
        let mut hasher = blake3::Hasher::new();
        hasher.update(HOST.as_bytes());
        hasher.update(component.as_str().as_bytes());
        let key: String = hasher.finalize().to_hex().chars().take(32).collect();
        self.dir.join(format!("{key}.description"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::description::{Setting, SettingKind};

    fn description() -> Description {
        let setting = Setting {
            name: "share".to_owned(),
            summary: "Share of the requests".to_owned(),
            kind: SettingKind::Number,
            default: "0.1".to_owned(),
            minimum: Some(0.1 + 0.2),
            maximum: None,
            choices: Vec::new(),
        };
        Description {
            name: "one".to_owned(),
            version: "1.2.3".to_owned(),
            summary: "Does one thing".to_owned(),
            dials: vec!["cache-policy".to_owned()],
            settings: vec![setting],
        }
    }

    fn kept() -> (tempfile::TempDir, Descriptions, Digest, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let descriptions = Descriptions::new(dir.path());
        let digest = Digest::of(b"one");
        descriptions.keep(&digest, &description()).unwrap();
        let files: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "nothing temporary is left: {files:?}");
        let path = files[0].clone();
        (dir, descriptions, digest, path)
    }

    #[test]
    fn what_is_kept_is_found_under_its_digest_only() {
        let (_dir, descriptions, digest, _) = kept();
        assert_eq!(descriptions.find(&digest), Some(description()));
        assert_eq!(descriptions.find(&Digest::of(b"two")), None);
    }

    #[test]
    fn an_entry_that_was_cut_changed_or_lost_counts_as_none_and_is_written_again() {
        let (_dir, descriptions, digest, path) = kept();
        let text = fs::read_to_string(&path).unwrap();
        let renamed = text.replace("Does one thing", "Does some thing");
        let older = text.replace(&format!("\"host\": \"{HOST}\""), "\"host\": \"0.0.1\"");
        let others = text.replace(digest.as_str(), Digest::of(b"two").as_str());
        for broken in ["", "{", &text[..text.len() / 2], &renamed, &older, &others] {
            assert_ne!(broken, text);
            fs::write(&path, broken).unwrap();
            assert_eq!(descriptions.find(&digest), None, "{broken}");
            descriptions.keep(&digest, &description()).unwrap();
            assert_eq!(descriptions.find(&digest), Some(description()));
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(descriptions.find(&digest), None);
        fs::create_dir(&path).unwrap();
        assert_eq!(descriptions.find(&digest), None, "a directory is no entry");
    }
}
