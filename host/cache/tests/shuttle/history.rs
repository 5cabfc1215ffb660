//! What was written and read when, and whether a register that may forget could have answered so.
//!
//! Every operation is an interval on one clock. A read is wrong when no order of the operations that respects
//! the intervals explains it:
//!
//! - it returned a write that had not begun;
//! - between the end of that write and the beginning of the read, another write or removal of the key took place
//!   from beginning to end;
//! - an earlier read of the key had already returned a newer write;
//! - it found nothing, in a cache with room for everything, although a write had ended and no removal was near.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// What an operation did to its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// Stored the value of this number.
    Write(u64),
    /// Removed whatever was there.
    Remove,
    /// Returned the value of this number, or found none.
    Read(Option<u64>),
}

#[derive(Debug, Clone, Copy)]
struct Record {
    key: u64,
    event: Event,
    begin: u64,
    end: u64,
}

impl Record {
    const fn precedes(&self, other: &Self) -> bool {
        self.end < other.begin
    }
}

/// The operations of one execution. Its lock and clock are the machine's: the scheduler has no say in them.
#[derive(Debug, Default)]
pub(crate) struct History {
    clock: AtomicU64,
    writes: AtomicU64,
    records: Mutex<Vec<Record>>,
}

impl History {
    /// The number of the next write.
    pub(crate) fn next_write(&self) -> u64 {
        self.writes.fetch_add(1, Ordering::Relaxed)
    }

    /// Runs an operation on `key` and records it as what it says it did.
    pub(crate) fn note<R>(&self, key: u64, operation: impl FnOnce() -> (Event, R)) -> R {
        let begin = self.clock.fetch_add(1, Ordering::Relaxed);
        let (event, result) = operation();
        let end = self.clock.fetch_add(1, Ordering::Relaxed);
        self.records.lock().unwrap().push(Record { key, event, begin, end });
        result
    }

    /// Runs an operation that removes every one of `keys`, and records it.
    pub(crate) fn note_clear(&self, keys: u64, operation: impl FnOnce()) {
        let begin = self.clock.fetch_add(1, Ordering::Relaxed);
        operation();
        let end = self.clock.fetch_add(1, Ordering::Relaxed);
        let record = |key| Record { key, event: Event::Remove, begin, end };
        self.records.lock().unwrap().extend((0..keys).map(record));
    }

    /// Panics with the first read that is wrong. In a `roomy` cache nothing is ever evicted or refused.
    pub(crate) fn verify(&self, roomy: bool) {
        let records = self.records.lock().unwrap();
        for read in records.iter() {
            match read.event {
                Event::Read(Some(number)) => found(&records, read, number),
                Event::Read(None) if roomy => missed(&records, read),
                _ => {}
            }
        }
    }
}

fn of_key<'a>(records: &'a [Record], key: u64) -> impl Iterator<Item = &'a Record> {
    records.iter().filter(move |record| record.key == key)
}

fn write_of<'a>(records: &'a [Record], key: u64, number: u64) -> &'a Record {
    of_key(records, key).find(|record| record.event == Event::Write(number)).unwrap()
}

fn found(records: &[Record], read: &Record, number: u64) {
    let write = write_of(records, read.key, number);
    assert!(!read.precedes(write), "{read:?} saw {write:?}, which had not begun");
    for other in of_key(records, read.key) {
        match other.event {
            Event::Write(_) | Event::Remove => {
                let between = write.precedes(other) && other.precedes(read);
                assert!(!between, "{read:?} saw {write:?} in spite of {other:?}");
            }
            Event::Read(Some(newer)) if other.precedes(read) => {
                let newer = write_of(records, read.key, newer);
                assert!(!write.precedes(newer), "{read:?} saw {write:?} after {other:?} had seen {newer:?}");
            }
            Event::Read(_) => {}
        }
    }
}

fn missed(records: &[Record], read: &Record) {
    let writes = of_key(records, read.key).filter(|other| matches!(other.event, Event::Write(_)));
    for write in writes.filter(|write| write.precedes(read)) {
        let excused = of_key(records, read.key)
            .any(|other| other.event == Event::Remove && !other.precedes(write) && !read.precedes(other));
        assert!(excused, "{read:?} found nothing although {write:?} had ended and nobody removed it");
    }
}
