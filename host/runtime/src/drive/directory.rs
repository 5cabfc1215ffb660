//! Works on a directory as tools do: pass after pass, each file read and indexed unless it is cached.
//!
//! Reading is IO and runs as an async task; indexing is CPU work and runs on a thread. The cache holds the index of a
//! file, not its text, as JSON: that is what a tool comes back for. A file that has changed since gets a new key, so that
//! its old index is never served again.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use host_executor::{ClassId, Executor};
use host_workload::directory::{self, DirectoryError, FileEntry, FileVersion, Indexed, Tokenizer, Walk};
use host_workload::hot::HotKeys;
use parking_lot::{Mutex, RwLock};

use super::Drive;
use crate::key::Key;
use crate::origin::{Load, Origin, OriginError};
use crate::report::{self, Phase, Share};
use crate::value::Value;

mod buffers;
mod read;

use read::FileReader;

/// What an entry takes in the cache beside its value, bytes: key, table slot, order; rounded up, so that the sum of the
/// weights is not below what the entries take.
const OVERHEAD: u64 = 64;

/// What the index of a file counts for on average, bytes. It has no part that grows with the file.
pub(crate) const MEAN_WEIGHT: u64 = 400;

/// Rows of a breakdown in the report.
const TOP: usize = 5;

/// Examples of unreadable files in the notes.
const EXAMPLES: usize = 3;

/// Reads and indexes files by their number.
pub(crate) struct Files {
    executor: Arc<Executor>,
    index: ClassId,
    paths: RwLock<Vec<PathBuf>>,
    reader: FileReader,
}

impl Files {
    /// Files that are being read and indexed take `room` bytes together.
    pub(crate) fn new(executor: Arc<Executor>, room: u64) -> Self {
        Self {
            index: executor.class("index"),
            executor,
            paths: RwLock::default(),
            reader: FileReader::new(room),
        }
    }

    /// Hot keys by name, in the same order; a file that has changed is one. Paths are those below `root`.
    pub(crate) fn named(&self, hot: &[(u64, u64)], root: &Path) -> Vec<(Vec<u8>, u64)> {
        let mut names = HotKeys::new(hot.len());
        for (key, requests) in hot {
            if let Some(path) = self.path(*key)
                && let Ok(below) = path.strip_prefix(root)
            {
                names.add(name_of(below).to_vec(), *requests);
            }
        }
        names.hottest()
    }

    fn path(&self, key: u64) -> Option<PathBuf> {
        let at = usize::try_from(key).ok()?;
        self.paths.read().get(at).cloned()
    }

    /// Gives a file the next number.
    fn add(&self, path: PathBuf) -> u64 {
        let mut paths = self.paths.write();
        paths.push(path);
        u64::try_from(paths.len() - 1).unwrap_or(u64::MAX)
    }

    async fn read_and_index(&self, path: PathBuf) -> Result<Value, OriginError> {
        let name = path.display().to_string();
        let content = self.reader.read(&path).await?;
        // The content goes away, and makes room for others, when it is indexed.
        let job = move || directory::index(&path, &content, &Tokenizer::o200k());
        let indexed = self.executor.cpu(self.index, job).await;
        let failed =
            |error: &dyn std::fmt::Display| OriginError::Other(format!("{name}: indexing failed: {error}"));
        let indexed = indexed.map_err(|error| failed(&error))?;
        let bytes = serde_json::to_vec(&indexed).map_err(|error| failed(&error))?;
        let weight = u64::try_from(bytes.len()).unwrap_or(u64::MAX).saturating_add(OVERHEAD);
        Ok(Value::weighing(bytes, weight))
    }
}

impl Origin for Files {
    fn load(&self, key: &Key) -> Load<'_> {
        let key = key.clone();
        Box::pin(async move {
            let path = self.path(key.number()).ok_or(OriginError::NoSuchKey(key))?;
            self.read_and_index(path).await
        })
    }

    fn has(&self, key: u64) -> bool {
        // On every request's way: no path is copied to be looked at.
        usize::try_from(key).is_ok_and(|at| at < self.paths.read().len())
    }
}

/// What the passes gave.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) phases: Vec<Phase>,
    /// Of the last pass.
    pub(crate) totals: report::Totals,
    pub(crate) notes: Vec<String>,
}

/// What one pass has seen so far.
#[derive(Default)]
struct Pass {
    totals: directory::FileTotals,
    unreadable: u64,
    examples: Vec<String>,
}

/// Walks and works on the directory `passes` times.
pub(crate) async fn drive(
    drive: &Drive<'_>,
    files: &Arc<Files>,
    root: &Path,
    passes: u32,
) -> Result<Done, DirectoryError> {
    let mut known: HashMap<PathBuf, (u64, FileVersion)> = HashMap::new();
    let mut done = Done::default();
    for pass in 1..=passes {
        if drive.stop.asked() {
            break;
        }
        let walk = directory::walk(root, |_| match drive.stop.asked() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        })?;
        let total = u64::try_from(walk.files.len()).ok();
        // All keys first: what comes later in the order can be prefetched.
        let keys: Vec<u64> =
            walk.files.iter().map(|file| key_of(drive, files, &mut known, &walk, file)).collect();
        if pass == 1 {
            let by_name: HashMap<&[u8], u64> =
                walk.files.iter().zip(&keys).map(|(file, key)| (name_of(&file.path), *key)).collect();
            drive.warm_up(|name| by_name.get(name).copied()).await;
        }
        let before = drive.begin(&format!("pass {pass} of {passes}"), total);
        let seen = Arc::new(Mutex::new(Pass::default()));
        for (submitted, (file, key)) in (0..).zip(walk.files.iter().zip(keys)) {
            if !drive.goes_on(submitted) {
                break;
            }
            submit(drive, key, file.path.clone(), Arc::clone(&seen)).await;
        }
        done.phases.push(drive.end(before).await);
        let seen = std::mem::take(&mut *seen.lock());
        done.totals = totals(&seen, &walk);
        done.notes = notes(&seen, &walk);
    }
    Ok(done)
}

/// How hot files are named: by their path below the directory.
fn name_of(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

/// The key of a file as it is now. One that has changed gets a new key, and its old index is dropped.
fn key_of(
    drive: &Drive<'_>,
    files: &Files,
    known: &mut HashMap<PathBuf, (u64, FileVersion)>,
    walk: &Walk,
    file: &FileEntry,
) -> u64 {
    match known.get(&file.path) {
        Some((key, version)) if *version == file.version => return *key,
        Some((stale, _)) => drop(drive.live.plane.cache.remove(&Key::Number(*stale))),
        None => {}
    }
    let key = files.add(walk.absolute(file));
    known.insert(file.path.clone(), (key, file.version));
    key
}

async fn submit(drive: &Drive<'_>, key: u64, path: PathBuf, seen: Arc<Mutex<Pass>>) {
    let client = drive.client().await;
    let live = Arc::clone(&drive.live);
    let request = live.arrive(Key::Number(key));
    let task = async move {
        let indexed = live.serve(request).await.map_err(|error| error.to_string());
        let indexed = indexed.and_then(|value| {
            serde_json::from_slice::<Indexed>(value.bytes()).map_err(|error| error.to_string())
        });
        match indexed {
            Ok(indexed) => {
                seen.lock().totals.add(&path, &indexed);
                Ok(())
            }
            Err(error) => {
                let mut seen = seen.lock();
                seen.unreadable += 1;
                if seen.examples.len() < EXAMPLES {
                    seen.examples.push(error);
                }
                Err(())
            }
        }
    };
    drive.io(client, task).await;
}

fn totals(seen: &Pass, walk: &Walk) -> report::Totals {
    let text = seen.totals.text;
    let share = |name: String, counts: &directory::Counts| Share {
        name,
        files: counts.files,
        lines: counts.lines,
        tokens: counts.tokens,
    };
    let languages = seen.totals.languages();
    let directories = seen.totals.top_directories(TOP);
    report::Totals {
        files: text.files,
        bytes: text.bytes,
        lines: text.lines,
        tokens: text.tokens,
        binary: seen.totals.binary.files,
        unreadable: seen.unreadable + walk.skipped.unreadable,
        languages: languages.iter().take(TOP).map(|(l, c)| share(l.name().to_owned(), c)).collect(),
        directories: directories.iter().map(|(d, c)| share(d.display().to_string(), c)).collect(),
    }
}

fn notes(seen: &Pass, walk: &Walk) -> Vec<String> {
    let mut notes = Vec::new();
    if seen.unreadable > 0 {
        notes.push(format!(
            "{} files were not indexed, for example: {}",
            seen.unreadable,
            seen.examples.join("; ")
        ));
    }
    if let Some(example) = walk.skipped.examples.first() {
        notes.push(format!("{} paths were skipped, for example: {example}", walk.skipped.total()));
    }
    notes
}
