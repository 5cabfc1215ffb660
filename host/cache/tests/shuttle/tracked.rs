//! Keys and values that notice what is done to them.

use shuttle::rand::Rng;
use shuttle::sync::atomic::{AtomicUsize, Ordering};
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};

/// Hashes alike in every execution.
pub(crate) type Seedless = BuildHasherDefault<DefaultHasher>;

/// Where the scheduler may let another thread go on.
pub(crate) fn step() {
    AtomicUsize::new(0).load(Ordering::SeqCst);
}

/// A number below `below` that belongs to the schedule.
pub(crate) fn chosen(below: u64) -> u64 {
    shuttle::rand::thread_rng().gen_range(0..below)
}

/// A key whose comparison takes a while: whoever changes a table while another reads it is let do it.
#[derive(Debug, Clone)]
pub(crate) struct Key(pub(crate) u64);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        let before = self.0;
        step();
        assert_eq!(self.0, before, "a key changed under a lookup");
        before == other.0
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// Which copies of values there are. Not one of Shuttle's locks: it must not give the scheduler a say.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Books>);

#[derive(Debug, Default)]
struct Books {
    next: u64,
    live: HashSet<u64>,
    wrong: Option<String>,
}

impl Ledger {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    fn open(&self) -> u64 {
        let mut books = self.0.lock().unwrap();
        books.next += 1;
        let copy = books.next;
        books.live.insert(copy);
        copy
    }

    fn is_live(&self, copy: u64) -> bool {
        self.0.lock().unwrap().live.contains(&copy)
    }

    /// Every copy was dropped, and none twice.
    pub(crate) fn settle(&self) {
        let books = self.0.lock().unwrap();
        assert_eq!(books.wrong, None);
        assert!(books.live.is_empty(), "{} values were never dropped", books.live.len());
    }
}

/// A value that knows what it was stored as, and whether it still exists.
#[derive(Debug)]
pub(crate) struct Tracked {
    pub(crate) key: u64,
    /// Which write it came from.
    pub(crate) write: u64,
    pub(crate) weight: u64,
    copy: u64,
    ledger: Arc<Ledger>,
}

impl Tracked {
    pub(crate) fn new(ledger: &Arc<Ledger>, key: u64, write: u64, weight: u64) -> Self {
        Self { key, write, weight, copy: ledger.open(), ledger: Arc::clone(ledger) }
    }
}

impl Clone for Tracked {
    fn clone(&self) -> Self {
        let before = self.copy;
        assert!(self.ledger.is_live(before), "a value was read after it was dropped");
        // The cache clones inside its lock: nobody may take the value away meanwhile.
        step();
        assert!(self.copy == before && self.ledger.is_live(before), "a value went away while it was read");
        Self::new(&self.ledger, self.key, self.write, self.weight)
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        let mut books = self.ledger.0.lock().unwrap();
        if !books.live.remove(&self.copy) {
            books.wrong = Some(format!("copy {} of key {} was dropped twice", self.copy, self.key));
        }
    }
}
