//! LRU that takes in a batch's hits at its end. Every answer of it can be true, and depends on where batches end.

use std::cell::{Cell, RefCell};

use policy_sdk::bindings::{self, exports::optimizer::plugin::eviction_policy::Guest};
use policy_sdk::host_policy::{ExportedEntry, ImportedEntry, Lru, Policy, ReplayPolicy, Slot};
use policy_sdk::{Answer, Drive, Driver, Opening, PolicyDescription, Residents};

thread_local! {
    /// Number of the batch.
    static BATCH: Cell<u64> = const { Cell::new(0) };
    static DRIVER: RefCell<Option<Driver<Late>>> = const { RefCell::new(None) };
}

struct Late {
    lru: Lru,
    hits: Vec<Slot>,
    batch: u64,
}

impl Late {
    /// Takes in the hits of the batch before.
    fn catch_up(&mut self) {
        if self.batch != BATCH.get() {
            self.batch = BATCH.get();
            self.hits.drain(..).for_each(|slot| self.lru.on_hit(slot));
        }
    }
}

impl Policy for Late {
    fn on_hit(&mut self, slot: Slot) {
        self.catch_up();
        self.hits.push(slot);
    }

    fn on_miss(&mut self, id: u64, weight: u64) {
        self.catch_up();
        self.lru.on_miss(id, weight);
    }

    fn victim(&mut self) -> Option<Slot> {
        self.catch_up();
        self.lru.victim()
    }

    fn on_insert(&mut self, slot: Slot, id: u64, weight: u64) {
        self.lru.on_insert(slot, id, weight);
    }

    fn on_remove(&mut self, slot: Slot) {
        self.catch_up();
        self.lru.on_remove(slot);
    }

    fn on_reweigh(&mut self, slot: Slot, weight: u64) {
        self.lru.on_reweigh(slot, weight);
    }

    fn set_capacity(&mut self, capacity: u64) {
        self.lru.set_capacity(capacity);
    }

    fn export(&self) -> Vec<ExportedEntry> {
        self.lru.export()
    }

    fn import(&mut self, entries: &[ImportedEntry]) {
        self.lru.import(entries);
    }

    fn len(&self) -> usize {
        self.lru.len()
    }
}

impl ReplayPolicy for Late {}

fn with<T>(call: impl FnOnce(&mut Driver<Late>) -> T) -> Option<T> {
    DRIVER.with_borrow_mut(|driver| driver.as_mut().map(call))
}

fn nothing() -> Answer {
    Answer { victims: Vec::new(), at: Vec::new(), forgotten: Vec::new() }
}

struct Component;

impl Guest for Component {
    fn describe() -> PolicyDescription {
        PolicyDescription {
            name: "late-hits".to_owned(),
            version: "0.1.0".to_owned(),
            summary: "LRU that takes in hits at the end of a batch".to_owned(),
            settings: Vec::new(),
            wants_ids: false,
        }
    }

    fn open(opening: Opening) -> Result<(), String> {
        let late = Late { lru: Lru::new(), hits: Vec::new(), batch: 0 };
        DRIVER.set(Some(Driver::new(late, opening)));
        Ok(())
    }

    fn turn(events: Vec<u32>, weights: Vec<u32>, ids: Vec<u64>) -> Answer {
        BATCH.set(BATCH.get() + 1);
        with(|driver| driver.turn(&events, &weights, &ids)).unwrap_or_else(nothing)
    }

    fn resize(capacity: u64) -> Answer {
        BATCH.set(BATCH.get() + 1);
        with(|driver| driver.resize(capacity)).unwrap_or_else(nothing)
    }

    fn hand_over() -> Residents {
        let none = Residents { slots: Vec::new(), uses: Vec::new() };
        with(|driver| driver.hand_over()).unwrap_or(none)
    }

    fn take_over(slots: Vec<u32>, uses: Vec<u32>, weights: Vec<u32>, ids: Vec<u64>) {
        with(|driver| driver.take_over(&slots, &uses, &weights, &ids));
    }
}

bindings::export!(Component with_types_in bindings);
