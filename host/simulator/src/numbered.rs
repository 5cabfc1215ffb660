//! A trace that is gone through more than once: its keys numbered, its requests in memory as far as they fit.
//!
//! The file is read once, by a thread of its own, and every key gets a number in the order of the first requests. What is
//! known of a key is then found by indexing an array, and not by hashing it again at each request. A request that is held
//! takes 4 bytes, a key 20 to 28. Once that is more than may be used, the requests are let go, the keys stay, and going
//! through the trace reads the file again.
//!
//! An object has one size: what the trace says of it last, because a run replays what the objects were in the end.
//!
//! It fails where the trace cannot be read, has too many keys, or is another one when it is read again.

use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::thread;

use host_workload::analysis::FirstAppearance;
use host_workload::key::{hash_number, number_of_hash};
use host_workload::trace::{KeyForm, Options, TraceError, TraceReader};

use crate::SimError;
use crate::blocks::{self, Block};
use crate::budget::Budget;
use crate::index::{NIL, at};
use crate::numbering::Numbering;
use crate::observer::Observer;
use crate::options::MemoryLimit;
use crate::prefetch::{BATCH, batch, prefetch_at};

/// Bytes of a running replay for each key.
const REPLAY_BYTES_PER_KEY: u64 = 12;

/// A request: what is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object {
    /// Its key, as the trace reader gives it.
    pub key: u64,
    /// Its size in bytes.
    pub size: u32,
}

/// A trace whose keys are numbered.
///
/// ```
/// use host_simulator::{MemoryLimit, NumberedTrace};
/// use host_workload::trace::Options;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("small.csv");
/// std::fs::write(&path, "key,size\na,10\nb,20\na,30\n")?;
/// let trace = NumberedTrace::read(&path, &Options::default(), 4_096, MemoryLimit::None, 0, &())?;
/// assert_eq!((trace.requests(), trace.distinct(), trace.bytes()), (3, 2, 50));
/// trace.for_each_piece(|numbers| {
///     assert_eq!(numbers, [0, 1, 0]);
///     true
/// })?;
/// assert_eq!(trace.sizes(), [30, 20]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct NumberedTrace {
    path: PathBuf,
    options: Options,
    keys: Numbering,
    /// By number.
    sizes: Vec<u32>,
    requests: u64,
    /// The numbers of the requests' keys; none where they do not fit.
    held: Option<Vec<Vec<u32>>>,
    form: KeyForm,
    unordered: u64,
    first_appearance: FirstAppearance,
}

impl NumberedTrace {
    /// Reads the trace to its end, or to where the observer stops it. An object whose size is not given counts as
    /// `default_size` bytes. `memory` bounds what the requests and keys may take, together with so many `replays` that
    /// will run at a time.
    ///
    /// # Errors
    /// [`SimError::Trace`] and [`SimError::TooManyKeys`].
    pub fn read(
        path: &Path,
        options: &Options,
        default_size: u32,
        memory: MemoryLimit,
        replays: u64,
        observer: &dyn Observer,
    ) -> Result<Self, SimError> {
        let reader = TraceReader::open(path, options)?;
        let mut trace = Self {
            path: path.to_owned(),
            options: options.clone(),
            keys: Numbering::new(),
            sizes: Vec::new(),
            requests: 0,
            held: Some(Vec::new()),
            form: reader.keys().form,
            unordered: 0,
            first_appearance: FirstAppearance::default(),
        };
        let mut budget = Budget::new(memory);
        observer.begin("reading the trace", None);
        thread::scope(|scope| {
            let (blocks, reading) = blocks::read(scope, reader, true);
            trace.fill(blocks, default_size, &mut budget, replays, observer)?;
            match reading.join() {
                Ok(reader) => trace.unordered = reader.unordered(),
                Err(panic) => std::panic::resume_unwind(panic),
            }
            Ok::<(), SimError>(())
        })?;
        observer.end(&format!("{} requests, {} distinct keys", trace.requests(), trace.distinct()));
        Ok(trace)
    }

    fn fill(
        &mut self,
        blocks: Receiver<Result<Block, TraceError>>,
        default_size: u32,
        budget: &mut Budget,
        replays: u64,
        observer: &dyn Observer,
    ) -> Result<(), SimError> {
        let mut sized = false;
        for block in blocks {
            let block = block?;
            sized |= block.sized;
            let numbers = self.add(&block, default_size, sized)?;
            observer.at(self.requests);
            let fits = budget.allows(self.bytes_held(replays));
            self.held = self.held.take().filter(|_| fits);
            if let Some(pieces) = &mut self.held {
                pieces.push(numbers);
            }
            if observer.stopped() {
                break;
            }
        }
        Ok(())
    }

    /// Numbers the requests of a block. Until the trace was `sized`, all sizes are the default.
    fn add(&mut self, block: &Block, default_size: u32, sized: bool) -> Result<Vec<u32>, SimError> {
        let known = self.keys.ids().len();
        let mut numbers = Vec::new();
        let full = |_| SimError::TooManyKeys(self.path.display().to_string());
        self.keys.number(&ids(block), &mut numbers).map_err(full)?;
        for &id in self.keys.ids().get(known..).unwrap_or_default() {
            self.first_appearance.note(Some(number_of_hash(id)));
        }
        self.sizes.resize(self.keys.ids().len(), default_size);
        if sized {
            for (&number, &size) in numbers.iter().zip(&block.sizes) {
                if let Some(last) = self.sizes.get_mut(at(number)) {
                    *last = if size > 0 { size } else { default_size };
                }
            }
        }
        self.requests += count(numbers.len());
        Ok(numbers)
    }

    /// Memory that it takes where the requests are held, with so many replays.
    fn bytes_held(&self, replays: u64) -> u64 {
        let keys = self.distinct() * (4 + replays * REPLAY_BYTES_PER_KEY);
        4 * self.requests + keys + self.keys.bytes()
    }

    /// Requests.
    #[must_use]
    pub const fn requests(&self) -> u64 {
        self.requests
    }

    /// Distinct keys.
    #[must_use]
    pub fn distinct(&self) -> u64 {
        count(self.sizes.len())
    }

    /// Sum of the sizes of the objects.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.sizes.iter().map(|&size| u64::from(size)).sum()
    }

    /// The hashes of the keys, by number: what policies see.
    #[must_use]
    pub fn ids(&self) -> &[u64] {
        self.keys.ids()
    }

    /// The sizes of the objects, by number.
    #[must_use]
    pub fn sizes(&self) -> &[u32] {
        &self.sizes
    }

    /// The sizes of the objects with these numbers.
    pub fn sizes_of(&self, numbers: &[u32]) -> impl Iterator<Item = u32> {
        numbers.iter().map(|&number| self.sizes.get(at(number)).copied().unwrap_or_default())
    }

    /// The size of the object under a key, as the trace reader gives it; none where there is no such object.
    #[must_use]
    pub fn size(&self, key: u64) -> Option<u32> {
        self.sizes.get(at(self.keys.find(hash_number(key)))).copied()
    }

    /// Whether keys keep an order.
    #[must_use]
    pub const fn form(&self) -> KeyForm {
        self.form
    }

    /// Requests whose key has no place in the order, see [`TraceReader::unordered`].
    #[must_use]
    pub const fn unordered(&self) -> u64 {
        self.unordered
    }

    /// Whether keys seem to be numbered by first appearance, see [`FirstAppearance`].
    #[must_use]
    pub const fn first_appearance(&self) -> bool {
        self.first_appearance.is_likely()
    }

    /// Whether the requests are in memory.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Shows every request in order, by the number of its key, until `take` answers false.
    ///
    /// # Errors
    /// Where the requests are not held: [`SimError::Trace`], and [`SimError::Changed`].
    pub fn for_each_piece(&self, mut take: impl FnMut(&[u32]) -> bool) -> Result<(), SimError> {
        let Some(pieces) = &self.held else { return self.read_again(take) };
        for piece in pieces {
            if !take(piece) {
                break;
            }
        }
        Ok(())
    }

    /// Shows every request in order, a few at a time, until `take` answers false.
    ///
    /// # Errors
    /// As [`for_each_piece`](Self::for_each_piece).
    pub fn for_each(&self, mut take: impl FnMut(&[Object]) -> bool) -> Result<(), SimError> {
        let mut objects = Vec::with_capacity(BATCH);
        self.for_each_piece(|numbers| {
            for step in 0..numbers.len().div_ceil(BATCH) + 1 {
                for &number in batch(numbers, step, 0) {
                    prefetch_at(self.ids(), at(number));
                    prefetch_at(&self.sizes, at(number));
                }
                objects.clear();
                objects.extend(batch(numbers, step, 1).iter().filter_map(|&number| self.object(number)));
                if !take(&objects) {
                    return false;
                }
            }
            true
        })
    }

    fn object(&self, number: u32) -> Option<Object> {
        let (&id, &size) = self.ids().get(at(number)).zip(self.sizes.get(at(number)))?;
        Some(Object { key: number_of_hash(id), size })
    }

    fn read_again(&self, mut take: impl FnMut(&[u32]) -> bool) -> Result<(), SimError> {
        let reader = TraceReader::open(&self.path, &self.options)?;
        let mut numbers = Vec::new();
        thread::scope(|scope| {
            let (blocks, _reading) = blocks::read(scope, reader, false);
            for block in blocks {
                numbers.clear();
                self.keys.find_all(&ids(&block?), &mut numbers);
                if numbers.contains(&NIL) {
                    return Err(SimError::Changed(self.path.display().to_string()));
                }
                if !take(&numbers) {
                    break;
                }
            }
            Ok(())
        })
    }
}

impl std::fmt::Debug for NumberedTrace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NumberedTrace")
            .field("path", &self.path)
            .field("requests", &self.requests)
            .field("distinct", &self.distinct())
            .field("held", &self.is_held())
            .finish_non_exhaustive()
    }
}

/// The hashes of the keys of a block. No two keys have the same.
fn ids(block: &Block) -> Vec<u64> {
    block.keys.iter().map(|&key| hash_number(key)).collect()
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: Options = Options { format: None, key_column: None, size_column: None, keys: None };

    fn read(path: &Path, memory: MemoryLimit) -> NumberedTrace {
        NumberedTrace::read(path, &OPTIONS, 7, memory, 2, &()).unwrap()
    }

    fn objects(trace: &NumberedTrace) -> Vec<(u64, u32)> {
        let mut objects = Vec::new();
        let show = |some: &[Object]| {
            objects.extend(some.iter().map(|object| (object.key, object.size)));
            true
        };
        trace.for_each(show).unwrap();
        objects
    }

    /// More than a block; keys come back, and their sizes change and are left out.
    fn sample(folder: &Path) -> PathBuf {
        let path = folder.join("sample.csv");
        let lines: String = (0..40_000u64)
            .map(|n| format!("{},{}\n", n * n % 5_003, if n % 3 == 0 { 0 } else { n }))
            .collect();
        std::fs::write(&path, format!("lbn,size\n{lines}")).unwrap();
        path
    }

    #[test]
    fn each_object_has_the_size_that_its_last_request_gives() {
        let folder = tempfile::tempdir().unwrap();
        let path = sample(folder.path());
        let trace = read(&path, MemoryLimit::None);
        let requests: Vec<_> = TraceReader::open(&path, &OPTIONS).unwrap().map(Result::unwrap).collect();
        let size = |size| if size == 0 { 7 } else { size };
        let last: std::collections::HashMap<_, _> = requests.iter().map(|r| (r.key, size(r.size))).collect();
        let want: Vec<_> = requests.iter().map(|request| (request.key, last[&request.key])).collect();
        assert_eq!(objects(&trace), want);
        assert_eq!((trace.requests(), trace.distinct()), (40_000, u64::try_from(last.len()).unwrap()));
        assert_eq!(trace.bytes(), last.values().map(|&size| u64::from(size)).sum::<u64>());
        assert_eq!((trace.size(4), trace.size(5_003)), (last.get(&4).copied(), None));
        assert_eq!((trace.form(), trace.unordered(), trace.first_appearance()), (KeyForm::Ordered, 0, false));
    }

    #[test]
    fn what_does_not_fit_is_read_again_and_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = sample(folder.path());
        let (held, again) = (read(&path, MemoryLimit::None), read(&path, MemoryLimit::Bytes(200_000)));
        assert!(held.is_held() && !again.is_held());
        assert_eq!(objects(&again), objects(&held));
        assert_eq!((again.ids(), again.sizes()), (held.ids(), held.sizes()));
        let mut some = 0;
        again
            .for_each(|objects| {
                some += objects.len();
                some < 20_000
            })
            .unwrap();
        assert!((20_000..20_100).contains(&some), "{some}");
    }

    #[test]
    fn a_trace_that_was_changed_meanwhile_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = sample(folder.path());
        let again = read(&path, MemoryLimit::Bytes(0));
        std::fs::write(&path, "lbn,size\n4,1\n70000,1\n").unwrap();
        let error = again.for_each(|_| true).unwrap_err().to_string();
        assert!(error.contains("sample.csv: was changed while it was read"), "{error}");
    }
}
