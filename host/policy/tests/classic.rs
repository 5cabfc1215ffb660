//! LRU, FIFO, LFU and ARC against models written with vectors and linear searches.
#![expect(clippy::indexing_slicing, clippy::expect_used, reason = "a test: a panic is its failure")]

mod owner;

use host_policy::{Adaptive, Fifo, InSlot, Lfu, Lru};
use owner::{Model, compare, steps};
use proptest::prelude::*;

/// Takes the id out of the list, if it is in it.
fn take(list: &mut Vec<u64>, id: u64) -> bool {
    let found = list.iter().position(|&held| held == id);
    found.map(|at| list.remove(at)).is_some()
}

/// Least recently used first.
struct NaiveLru(usize, Vec<u64>);

impl Model for NaiveLru {
    fn access(&mut self, id: u64) -> (bool, Vec<u64>) {
        if self.0 == 0 {
            return (false, Vec::new());
        }
        let hit = take(&mut self.1, id);
        let evicted = if !hit && self.1.len() == self.0 { vec![self.1.remove(0)] } else { Vec::new() };
        self.1.push(id);
        (hit, evicted)
    }
    fn remove(&mut self, id: u64) {
        take(&mut self.1, id);
    }
    fn resize(&mut self, capacity: usize) -> Vec<u64> {
        self.0 = capacity;
        self.1.drain(..self.1.len().saturating_sub(capacity)).collect()
    }
    fn order(&self) -> Vec<u64> {
        self.1.clone()
    }
}

/// Ids with their uses, the oldest first.
struct NaiveFifo(usize, Vec<(u64, u32)>);

impl Model for NaiveFifo {
    fn access(&mut self, id: u64) -> (bool, Vec<u64>) {
        if let Some(entry) = self.1.iter_mut().find(|entry| entry.0 == id) {
            entry.1 += 1;
            return (true, Vec::new());
        }
        if self.0 == 0 {
            return (false, Vec::new());
        }
        let evicted = if self.1.len() == self.0 { vec![self.1.remove(0).0] } else { Vec::new() };
        self.1.push((id, 1));
        (false, evicted)
    }
    fn remove(&mut self, id: u64) {
        self.1.retain(|entry| entry.0 != id);
    }
    fn resize(&mut self, capacity: usize) -> Vec<u64> {
        self.0 = capacity;
        self.1.drain(..self.1.len().saturating_sub(capacity)).map(|entry| entry.0).collect()
    }
    fn order(&self) -> Vec<u64> {
        let mut entries = self.1.clone();
        entries.sort_by_key(|entry| entry.1);
        entries.iter().map(|entry| entry.0).collect()
    }
}

/// Id, frequency, time of last use.
struct NaiveLfu {
    c: usize,
    entries: Vec<(u64, u64, usize)>,
    now: usize,
}

impl NaiveLfu {
    fn evict_to(&mut self, most: usize) -> Vec<u64> {
        self.entries.sort_by_key(|entry| (entry.1, entry.2));
        self.entries.drain(..self.entries.len().saturating_sub(most)).map(|entry| entry.0).collect()
    }
}

impl Model for NaiveLfu {
    fn access(&mut self, id: u64) -> (bool, Vec<u64>) {
        self.now += 1;
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.0 == id) {
            *entry = (id, entry.1 + 1, self.now);
            return (true, Vec::new());
        }
        if self.c == 0 {
            return (false, Vec::new());
        }
        let evicted = self.evict_to(self.c - 1);
        self.entries.push((id, 1, self.now));
        (false, evicted)
    }
    fn remove(&mut self, id: u64) {
        self.entries.retain(|entry| entry.0 != id);
    }
    fn resize(&mut self, capacity: usize) -> Vec<u64> {
        self.c = capacity;
        self.evict_to(capacity)
    }
    fn order(&self) -> Vec<u64> {
        let mut entries = self.entries.clone();
        entries.sort_by_key(|entry| (entry.1, entry.2));
        entries.iter().map(|entry| entry.0).collect()
    }
}

/// Figure 4 of the ARC paper, line by line. Lists run from LRU (front) to MRU (back).
#[derive(Default)]
struct NaiveArc {
    c: usize,
    p: f64,
    t1: Vec<u64>,
    t2: Vec<u64>,
    b1: Vec<u64>,
    b2: Vec<u64>,
}

#[expect(clippy::as_conversions, reason = "small numbers")]
const fn real(count: usize) -> f64 {
    count as f64
}

impl NaiveArc {
    fn replace(&mut self, in_b2: bool) -> u64 {
        let t1 = real(self.t1.len());
        let over = (in_b2 && t1 == self.p) || t1 > self.p;
        let (from, to) = if (!self.t1.is_empty() && over) || self.t2.is_empty() {
            (&mut self.t1, &mut self.b1)
        } else {
            (&mut self.t2, &mut self.b2)
        };
        to.push(from.remove(0));
        to[to.len() - 1]
    }
    /// A removal may have left room, which the paper does not know.
    fn replace_if_full(&mut self, in_b2: bool) -> Vec<u64> {
        let full = self.t1.len() + self.t2.len() == self.c;
        if full { vec![self.replace(in_b2)] } else { Vec::new() }
    }
    fn trim(&mut self) {
        while self.t1.len() + self.b1.len() > self.c && !self.b1.is_empty() {
            self.b1.remove(0);
        }
        let all = |arc: &Self| arc.t1.len() + arc.t2.len() + arc.b1.len() + arc.b2.len();
        while self.t1.len() <= self.c && all(self) > 2 * self.c && !self.b2.is_empty() {
            self.b2.remove(0);
        }
        while self.t1.len() <= self.c && all(self) > 2 * self.c && !self.b1.is_empty() {
            self.b1.remove(0);
        }
    }
}

impl Model for NaiveArc {
    fn access(&mut self, id: u64) -> (bool, Vec<u64>) {
        if take(&mut self.t1, id) || take(&mut self.t2, id) {
            self.t2.push(id);
            return (true, Vec::new());
        }
        if self.c == 0 {
            return (false, Vec::new());
        }
        let (b1, b2) = (real(self.b1.len()), real(self.b2.len()));
        let evicted;
        if self.b1.contains(&id) {
            let delta = if b1 >= b2 { 1.0 } else { b2 / b1 };
            self.p = (self.p + delta).min(real(self.c));
            evicted = self.replace_if_full(false);
            take(&mut self.b1, id);
            self.t2.push(id);
        } else if self.b2.contains(&id) {
            let delta = if b2 >= b1 { 1.0 } else { b1 / b2 };
            self.p = (self.p - delta).max(0.0);
            evicted = self.replace_if_full(true);
            take(&mut self.b2, id);
            self.t2.push(id);
        } else {
            let l1 = self.t1.len() + self.b1.len();
            let all = l1 + self.t2.len() + self.b2.len();
            if l1 == self.c && self.t1.len() == self.c {
                evicted = vec![self.t1.remove(0)];
            } else {
                if l1 == self.c {
                    self.b1.remove(0);
                } else if all == 2 * self.c {
                    self.b2.remove(0);
                }
                evicted = self.replace_if_full(false);
            }
            self.t1.push(id);
        }
        (false, evicted)
    }
    fn remove(&mut self, id: u64) {
        take(&mut self.t1, id);
        take(&mut self.t2, id);
    }
    fn resize(&mut self, capacity: usize) -> Vec<u64> {
        self.c = capacity;
        self.p = self.p.min(real(capacity));
        self.trim();
        let mut evicted = Vec::new();
        while self.t1.len() + self.t2.len() > capacity {
            evicted.push(self.replace(false));
            self.trim();
        }
        evicted
    }
    fn order(&self) -> Vec<u64> {
        [self.t1.clone(), self.t2.clone()].concat()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lru_is_the_model(steps in steps(), capacity in 0usize..24) {
        compare(Lru::new(), &mut NaiveLru(capacity, Vec::new()), capacity, &steps)?;
    }

    #[test]
    fn fifo_is_the_model(steps in steps(), capacity in 0usize..24) {
        compare(Fifo::new(), &mut NaiveFifo(capacity, Vec::new()), capacity, &steps)?;
    }

    #[test]
    fn lfu_is_the_model(steps in steps(), capacity in 0usize..24) {
        let mut model = NaiveLfu { c: capacity, entries: Vec::new(), now: 0 };
        compare(Lfu::new(), &mut model, capacity, &steps)?;
    }

    #[test]
    fn arc_is_the_paper(steps in steps(), capacity in 0usize..24) {
        let paper = || NaiveArc { c: capacity, ..NaiveArc::default() };
        let units = u64::try_from(capacity).expect("small");
        compare(Adaptive::new(units), &mut paper(), capacity, &steps)?;
        compare(Adaptive::<InSlot>::with_ghosts(units), &mut paper(), capacity, &steps)?;
    }
}
