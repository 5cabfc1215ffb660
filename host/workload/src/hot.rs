//! The keys that were asked for most: counted, written, and read again, also from a whole recording.
//!
//! The file is a CSV trace with a row a key, the most frequent first: `block,requests` where keys are numbers, `path,requests`
//! where they are names. So whatever reads a trace reads it too, each key then counting as one request.
//!
//! Memory is bounded. When four times as many keys are known as are wanted, the half that was asked for least is forgotten:
//! a key that is asked for so rarely that it is forgotten each time is none of the hottest. Ties go to the key that came
//! first, so that the same requests give the same keys in the same order.
//!
//! Reading fails with a [`TraceError`], which names file and line.

use std::hash::Hash;
use std::io::{self, Write};
use std::path::Path;

use hashbrown::HashMap;

use crate::trace::{Format, KeyForm, Options, RawBatch, RawKey, RawReader, TraceError, TraceReader};

/// Requests read at a time.
const BATCH: usize = 8_192;

const NUMBERS: &str = "block";
const NAMES: &str = "path";
const REQUESTS: &str = "requests";

/// Counts how often keys are asked for, and knows the hottest.
///
/// ```
/// use host_workload::hot::HotKeys;
///
/// let mut hot = HotKeys::new(2);
/// ["a", "b", "c", "b"].into_iter().for_each(|key| hot.add(key, 1));
/// assert_eq!(hot.hottest(), [("b", 2), ("a", 1)]);
/// ```
#[derive(Debug)]
pub struct HotKeys<K> {
    most: usize,
    counts: HashMap<K, Count>,
    added: u64,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    requests: u64,
    /// How many came before it for the first time.
    first: u64,
}

impl<K: Hash + Eq> HotKeys<K> {
    /// Nothing yet; `most` keys are wanted.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, counts: HashMap::new(), added: 0 }
    }

    /// A key was asked for so many times.
    pub fn add(&mut self, key: K, requests: u64) {
        let first = self.added;
        self.added += 1;
        let count = self.counts.entry(key).or_insert(Count { requests: 0, first });
        count.requests = count.requests.saturating_add(requests);
        if self.counts.len() > self.most.saturating_mul(4) {
            self.forget();
        }
    }

    /// The hottest keys with the requests for each, the hottest first.
    #[must_use]
    pub fn hottest(self) -> Vec<(K, u64)> {
        let mut keys: Vec<_> = self.counts.into_iter().collect();
        keys.sort_unstable_by_key(|(_, count)| (std::cmp::Reverse(count.requests), count.first));
        keys.truncate(self.most);
        keys.into_iter().map(|(key, count)| (key, count.requests)).collect()
    }

    fn forget(&mut self) {
        let mut order: Vec<_> =
            self.counts.values().map(|count| (std::cmp::Reverse(count.requests), count.first)).collect();
        let kept = self.most.saturating_mul(2);
        if let Some((_, &mut limit, _)) = (kept < order.len()).then(|| order.select_nth_unstable(kept)) {
            self.counts.retain(|_, count| (std::cmp::Reverse(count.requests), count.first) < limit);
        }
    }
}

/// How the keys that a file of hot keys holds are read, whatever else a trace of that run would be read as.
fn hot_file(column: &str) -> Options {
    Options {
        format: Some(Format::Csv),
        key_column: Some(column.to_owned()),
        size_column: Some(REQUESTS.to_owned()),
        keys: Some(KeyForm::Ordered),
    }
}

/// Opens a file of hot keys; where it is none, as `options` say.
fn open<R>(
    column: &str,
    options: &Options,
    open: impl Fn(&Options) -> Result<R, TraceError>,
) -> Result<(R, bool), TraceError> {
    match open(&hot_file(column)) {
        Ok(reader) => Ok((reader, true)),
        Err(
            error @ (TraceError::NotFound { .. }
            | TraceError::Directory { .. }
            | TraceError::Open { .. }
            | TraceError::Empty { .. }),
        ) => Err(error),
        // Something else: a recording, and what is wrong with it is said of that.
        Err(_) => Ok((open(options)?, false)),
    }
}

/// The `most` keys that a file asks for most, as numbers, the hottest first: a file of hot keys, else a recording that is
/// read as `options` say. `go_on` is asked now and then.
///
/// # Errors
/// [`TraceError`]: what is wrong with the file, and where.
pub fn read_numbers(
    path: &Path,
    options: &Options,
    most: usize,
    go_on: impl Fn() -> bool,
) -> Result<Vec<u64>, TraceError> {
    crate::trace::check_readings(path, 2)?;
    let (mut reader, counted) = open(NUMBERS, options, |options| TraceReader::open(path, options))?;
    let (mut hot, mut batch) = (HotKeys::new(most), Vec::new());
    while go_on() && reader.read_batch(&mut batch, BATCH)? > 0 {
        for request in batch.drain(..) {
            hot.add(request.key, if counted { u64::from(request.size) } else { 1 });
        }
    }
    Ok(hot.hottest().into_iter().map(|(key, _)| key).collect())
}

/// The same by name: the texts that stand in the file.
///
/// # Errors
/// As [`read_numbers`].
pub fn read_names(path: &Path, most: usize, go_on: impl Fn() -> bool) -> Result<Vec<Vec<u8>>, TraceError> {
    crate::trace::check_readings(path, 2)?;
    let (mut reader, counted) = open(NAMES, &Options::default(), |options| RawReader::open(path, options))?;
    let (mut hot, mut batch) = (HotKeys::new(most), RawBatch::default());
    while go_on() && reader.read_batch(&mut batch, BATCH)? > 0 {
        for (request, key) in batch.iter() {
            let name = match key {
                RawKey::Text(text) => text.to_vec(),
                RawKey::Number(number) => number.to_string().into_bytes(),
            };
            hot.add(name, if counted { u64::from(request.size) } else { 1 });
        }
    }
    Ok(hot.hottest().into_iter().map(|(key, _)| key).collect())
}

/// Writes hot keys that are numbers, the hottest first.
///
/// # Errors
/// What the file says.
pub fn write_numbers(file: impl Write, keys: &[(u64, u64)]) -> io::Result<()> {
    write(file, NUMBERS, keys.iter().map(|(key, requests)| (key.to_string().into_bytes(), *requests)))
}

/// Writes hot keys that are names, the hottest first.
///
/// # Errors
/// What the file says.
pub fn write_names(file: impl Write, keys: &[(Vec<u8>, u64)]) -> io::Result<()> {
    write(file, NAMES, keys.iter().cloned())
}

fn write(file: impl Write, column: &str, keys: impl Iterator<Item = (Vec<u8>, u64)>) -> io::Result<()> {
    let mut rows = csv::Writer::from_writer(file);
    rows.write_record([column, REQUESTS])?;
    for (key, requests) in keys {
        // A size has 32 bits: more counts as the largest.
        let requests = u32::try_from(requests).unwrap_or(u32::MAX).to_string();
        rows.write_record([key.as_slice(), requests.as_bytes()])?;
    }
    rows.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    #[test]
    fn the_hottest_are_found_though_others_are_forgotten() {
        let mut hot = HotKeys::new(8);
        for turn in 0..10_000_u64 {
            hot.add(turn % 8, 1);
            hot.add(1_000 + turn, 1);
        }
        assert!(hot.counts.len() <= 32);
        let hottest: Vec<u64> = hot.hottest().into_iter().map(|(key, _)| key).collect();
        assert_eq!(hottest, (0..8).collect::<Vec<_>>(), "in the order in which they came");
        assert!(HotKeys::<u64>::new(0).hottest().is_empty());
    }

    #[test]
    fn what_was_written_is_read_again_in_its_order_however_a_trace_would_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hot.csv");
        let hot = [(9_007_199_254_740_991, 50), (3, u64::MAX), (1_u64, 2)];
        write_numbers(std::fs::File::create(&path).unwrap(), &hot).unwrap();
        let hashed = Options { keys: Some(KeyForm::Hashed), ..Options::default() };
        assert_eq!(read_numbers(&path, &hashed, 9, || true).unwrap(), [3, 9_007_199_254_740_991, 1]);
        assert_eq!(read_numbers(&path, &hashed, 1, || true).unwrap(), [3]);
        // A trace to others.
        let reader = TraceReader::open(&path, &Options::default()).unwrap();
        assert_eq!((reader.keys().form, reader.count()), (KeyForm::Ordered, 3));

        let names = [(b"src/a, b.rs".to_vec(), 3), (b"42".to_vec(), 2), (b"\"x\"".to_vec(), 1)];
        write_names(std::fs::File::create(&path).unwrap(), &names).unwrap();
        let read = read_names(&path, 9, || true).unwrap();
        assert_eq!(read.iter().map(|name| text(name)).collect::<Vec<_>>(), ["src/a, b.rs", "42", "\"x\""]);
    }

    #[test]
    fn a_recording_is_counted_and_read_as_it_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lis");
        std::fs::write(&path, "5 2 0 0\n6 1 0 1\n").unwrap();
        assert_eq!(read_numbers(&path, &Options::default(), 9, || true).unwrap(), [6, 5]);
        let hashed = Options { keys: Some(KeyForm::Hashed), ..Options::default() };
        let keys = read_numbers(&path, &hashed, 9, || true).unwrap();
        assert_eq!(keys.first(), Some(&crate::key::cut(crate::key::hash_number(6))));
        assert_eq!(read_names(&path, 1, || true).unwrap(), [b"6".to_vec()]);
    }

    #[test]
    fn what_is_wrong_is_told_with_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let said = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            let error = read_numbers(&path, &Options::default(), 9, || true).unwrap_err();
            error.to_string().replace(&format!("{}/", folder.path().display()), "")
        };
        let broken = said("hot.csv", "block,requests\n1,5\n2,many\n");
        assert!(
            broken.starts_with("hot.csv: line 3: expected a row whose size column holds bytes"),
            "{broken}"
        );
        assert!(said("hot.csv", "block,requests\n").starts_with("hot.csv: is empty"));
        assert!(said("hot.csv", "").starts_with("hot.csv: is empty"));
        assert!(said("a.lis", "5 2 0 0\n6 x 0 1\n").starts_with("a.lis: line 2: expected "));
        let missing = read_numbers(&folder.path().join("none"), &Options::default(), 9, || true);
        assert!(matches!(missing, Err(TraceError::NotFound { .. })));
    }
}
