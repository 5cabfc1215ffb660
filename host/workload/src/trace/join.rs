//! Reads several traces as one: one after the other, each as often as asked for.
//!
//! The same number in two files means two objects, unless [`KeySharing::Shared`] says that it means one. The same file twice
//! has the same keys: a file is known by its canonical path. How keys are kept apart: a number below 2^48 gets the
//! number of its file in the 16 bits above, so that the first file's stay as they are and runs of consecutive numbers
//! stay runs; a larger number is hashed together with that of its file, and two such keys collide with a probability of
//! 2^-64; a text gets the number of its file and a colon in front. With one file alone no key is touched.
//!
//! Files are opened when their turn comes, and all of them once at the beginning: what is missing or no trace is told
//! before anything is written.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::error::TraceError;
use super::open::{check_readings, reads_once};
use super::raw::{RawBatch, RawKey, RawReader};
use super::{Format, Options};
use crate::key;

/// Whether the same key in two files is the same object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySharing {
    /// It is another object.
    Apart,
    /// It is the same object.
    Shared,
}

/// A file, and how often it is read in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The file.
    pub path: PathBuf,
    /// How often it is read before the next part, from 1 on.
    pub times: u32,
}

impl Part {
    /// Reads `FILE` or `FILE:TIMES`. Where a file has this very name, colon and all, it is meant.
    ///
    /// ```
    /// use host_workload::trace::Part;
    /// use std::path::Path;
    /// assert_eq!(Part::parse("gli.trace.gz:20".as_ref()), Part { path: "gli.trace.gz".into(), times: 20 });
    /// assert_eq!(Part::parse("C:gli.trace".as_ref()), Part { path: "C:gli.trace".into(), times: 1 });
    /// ```
    #[must_use]
    pub fn parse(name: &Path) -> Self {
        let whole = || Self { path: name.to_owned(), times: 1 };
        let Some((path, times)) = name.to_str().and_then(|text| text.rsplit_once(':')) else {
            return whole();
        };
        match times.parse() {
            Ok(times) if times > 0 && !path.is_empty() && !name.exists() => Self { path: path.into(), times },
            _ => whole(),
        }
    }
}

/// The requests of several traces, one after the other.
#[derive(Debug)]
pub struct Join {
    parts: Vec<Numbered>,
    options: Options,
    keys: KeySharing,
    repeat: u32,
    files: u64,
    /// What is read, and the turn that comes next.
    reader: Option<RawReader>,
    turn: Turn,
    batch: RawBatch,
}

#[derive(Debug)]
struct Numbered {
    part: Part,
    /// Number of the file among the different ones.
    file: u64,
}

/// Which reading of which part it is.
#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    round: u32,
    part: usize,
    time: u32,
}

impl Join {
    /// The parts in this order, and the whole of it `repeat` times.
    ///
    /// # Errors
    /// Those of [`TraceReader::open`](super::TraceReader::open) for each file.
    pub fn open(
        parts: Vec<Part>,
        options: Options,
        keys: KeySharing,
        repeat: u32,
    ) -> Result<Self, TraceError> {
        let mut seen: HashMap<PathBuf, u64> = HashMap::new();
        let mut numbered = Vec::with_capacity(parts.len());
        for part in parts {
            let same = part.path.canonicalize().unwrap_or_else(|_| part.path.clone());
            let files = seen.len();
            let file = *seen.entry(same).or_insert_with(|| u64::try_from(files).unwrap_or(u64::MAX));
            numbered.push(Numbered { part, file });
        }
        let files = u64::try_from(seen.len()).unwrap_or(u64::MAX);
        let join = Self {
            parts: numbered,
            options,
            keys,
            repeat,
            files,
            reader: None,
            turn: Turn::default(),
            batch: RawBatch::default(),
        };
        join.check_readings(1)?;
        for Numbered { part, .. } in join.parts.iter().filter(|numbered| !reads_once(&numbered.part.path)) {
            RawReader::open(&part.path, &join.options)?;
        }
        Ok(join)
    }

    /// Whether the whole can be read so often: a pipe cannot be read twice.
    ///
    /// # Errors
    /// [`TraceError::OnlyOnce`].
    pub fn check_readings(&self, readings: u32) -> Result<(), TraceError> {
        for Numbered { part, file } in &self.parts {
            let same = self.parts.iter().filter(|other| other.file == *file);
            let a_round: u64 = same.map(|other| u64::from(other.part.times)).sum();
            let times = a_round.saturating_mul(u64::from(self.repeat)).saturating_mul(u64::from(readings));
            check_readings(&part.path, times)?;
        }
        Ok(())
    }

    /// The files, each once.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let first = |at: &usize, file| !self.parts.iter().take(*at).any(|before| before.file == file);
        let all = self.parts.iter().enumerate();
        all.filter(move |(at, part)| first(at, part.file)).map(|(_, part)| part.part.path.as_path())
    }

    /// The format of the file that is being read.
    #[must_use]
    pub fn format(&self) -> Option<Format> {
        self.reader.as_ref().map(RawReader::format)
    }

    /// Begins again with the first request.
    pub fn rewind(&mut self) {
        self.turn = Turn::default();
        self.reader = None;
    }

    /// Replaces what `batch` holds by up to `max` requests and returns how many; with `max` above 0, 0 means the end.
    ///
    /// # Errors
    /// [`TraceError`] of the file that is being read.
    pub fn read_batch(&mut self, batch: &mut RawBatch, max: usize) -> Result<usize, TraceError> {
        loop {
            let Some(Numbered { part, file }) = self.part() else {
                batch.clear();
                return Ok(0);
            };
            let (path, file) = (part.path.clone(), *file);
            let reader = match &mut self.reader {
                Some(reader) => reader,
                closed => closed.insert(RawReader::open(&path, &self.options)?),
            };
            let apart = self.files > 1 && self.keys == KeySharing::Apart;
            let read = if apart { &mut self.batch } else { &mut *batch };
            match reader.read_batch(read, max)? {
                0 if max > 0 => self.next_turn(),
                count => {
                    if apart {
                        batch.clear();
                        keep_apart(file, &self.batch, batch);
                    }
                    return Ok(count);
                }
            }
        }
    }

    /// The part whose turn it is.
    fn part(&self) -> Option<&Numbered> {
        self.parts.get(self.turn.part).filter(|_| self.turn.round < self.repeat)
    }

    fn next_turn(&mut self) {
        self.reader = None;
        let times = self.part().map_or(0, |numbered| numbered.part.times);
        self.turn.time += 1;
        if self.turn.time >= times {
            (self.turn.time, self.turn.part) = (0, self.turn.part + 1);
        }
        if self.turn.part == self.parts.len() {
            (self.turn.part, self.turn.round) = (0, self.turn.round + 1);
        }
    }
}

/// Copies a batch with keys that no other file has.
fn keep_apart(file: u64, from: &RawBatch, to: &mut RawBatch) {
    let mut name = Vec::new();
    for (request, key) in from.iter() {
        let apart = match key {
            RawKey::Number(number) => RawKey::Number(number_apart(file, number)),
            RawKey::Text(text) => {
                name.clear();
                name.extend_from_slice(file.to_string().as_bytes());
                name.push(b':');
                name.extend_from_slice(text);
                RawKey::Text(&name)
            }
        };
        to.push(apart, request.size);
    }
}

/// A number that the same number of another file does not get.
fn number_apart(file: u64, number: u64) -> u64 {
    const BITS: u32 = 48;
    if number >> BITS == 0 && file >> (u64::BITS - BITS) == 0 {
        file << BITS | number
    } else {
        key::hash_number(number ^ key::hash_number(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, content: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn read(mut join: Join, max: usize) -> Vec<String> {
        let once = |join: &mut Join| {
            let (mut batch, mut keys) = (RawBatch::default(), Vec::new());
            while join.read_batch(&mut batch, max).unwrap() > 0 {
                keys.extend(batch.iter().map(|(_, key)| match key {
                    RawKey::Number(number) => number.to_string(),
                    RawKey::Text(text) => String::from_utf8_lossy(text).into_owned(),
                }));
            }
            assert_eq!(join.read_batch(&mut batch, max).unwrap(), 0);
            keys
        };
        let keys = once(&mut join);
        join.rewind();
        assert_eq!(once(&mut join), keys);
        keys
    }

    fn part(path: &Path, times: u32) -> Part {
        Part { path: path.to_owned(), times }
    }

    #[test]
    fn parts_follow_each_other_as_often_as_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (write(folder.path(), "a.lis", "1 2 0 0\n"), write(folder.path(), "b.keys", "1\nx\n"));
        let open = |parts: &[Part], keys, repeat| {
            Join::open(parts.to_vec(), Options::default(), keys, repeat).unwrap()
        };
        let parts = [part(&a, 1), part(&b, 2), part(&a, 1)];
        let b1 = ((1_u64 << 48) | 1).to_string();
        for max in [1, 2, 100] {
            assert_eq!(
                read(open(&parts, KeySharing::Shared, 1), max),
                ["1", "2", "1", "x", "1", "x", "1", "2"]
            );
            let apart = ["1", "2", &b1, "1:x", &b1, "1:x", "1", "2"];
            assert_eq!(read(open(&parts, KeySharing::Apart, 1), max), apart);
            assert_eq!(read(open(&parts, KeySharing::Apart, 3), max), [apart, apart, apart].concat());
            // One file keeps its keys, by whatever name it goes.
            let twice = [part(&b, 1), part(&folder.path().join("./b.keys"), 1)];
            assert_eq!(read(open(&twice, KeySharing::Apart, 1), max), ["1", "x", "1", "x"]);
        }
        assert_eq!(open(&parts, KeySharing::Apart, 1).files().collect::<Vec<_>>(), [&a, &b]);
    }

    #[test]
    fn large_numbers_of_two_files_stay_apart_too() {
        let numbers = [0, 1, (1 << 48) - 1, 1 << 48, 1 << 63, u64::MAX];
        let all: std::collections::HashSet<u64> =
            (0..100).flat_map(|file| numbers.map(|number| number_apart(file, number))).collect();
        assert_eq!(all.len(), 600);
    }

    #[test]
    fn every_file_is_looked_at_first() {
        let folder = tempfile::tempdir().unwrap();
        let a = write(folder.path(), "a.lis", "1 2 0 0\n");
        let parts = vec![part(&a, 1), part(&folder.path().join("none"), 1)];
        let error = Join::open(parts, Options::default(), KeySharing::Apart, 1).unwrap_err();
        assert!(matches!(error, TraceError::NotFound { .. }), "{error}");
        let parts = vec![part(folder.path(), 2)];
        let error = Join::open(parts, Options::default(), KeySharing::Apart, 1).unwrap_err();
        assert!(matches!(error, TraceError::Directory { .. }), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn what_can_be_read_once_is_not_read_twice() {
        let device = Path::new("/dev/null");
        let open = |times, repeat| {
            let options = Options { format: Some(Format::Plain), ..Options::default() };
            Join::open(vec![part(device, times)], options, KeySharing::Apart, repeat)
        };
        assert!(open(1, 1).is_ok());
        assert!(open(1, 1).unwrap().check_readings(2).is_err());
        let expected = "/dev/null: is no regular file and can be read only once, but has to be read 6 times";
        assert_eq!(open(2, 3).unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_colon_may_belong_to_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let odd = write(folder.path(), "a:3", "1\n");
        assert_eq!(Part::parse(&odd), part(&odd, 1));
        for name in ["a:0", "a:", ":3", "a:-1", "a:x", "a:99999999999"] {
            assert_eq!(Part::parse(name.as_ref()), part(name.as_ref(), 1), "{name}");
        }
        assert_eq!(Part::parse("a:b:3".as_ref()), part("a:b".as_ref(), 3));
    }
}
