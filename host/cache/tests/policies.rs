//! Each policy against a naive model of itself: every request, every victim.
//!
//! The models are written from the papers with vectors and linear searches, and share nothing with the crate.
#![expect(
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "a test: a panic is its failure, its numbers are its own"
)]

use host_cache::{Exact, PolicyKind};
use proptest::prelude::*;
use std::collections::VecDeque;

/// A cache of unit-sized entries; `access` says whether it hit.
trait Model {
    fn access(&mut self, id: u64) -> bool;
    fn remove(&mut self, id: u64);
}

struct Lru(usize, VecDeque<u64>);

impl Model for Lru {
    fn access(&mut self, id: u64) -> bool {
        let hit = self.1.contains(&id);
        self.1.retain(|&held| held != id);
        if !hit && self.1.len() == self.0 {
            self.1.pop_front();
        }
        self.1.push_back(id);
        hit
    }
    fn remove(&mut self, id: u64) {
        self.1.retain(|&held| held != id);
    }
}

/// (id, frequency, time of last use)
struct Lfu(usize, Vec<(u64, u64, usize)>, usize);

impl Model for Lfu {
    fn access(&mut self, id: u64) -> bool {
        self.2 += 1;
        if let Some(entry) = self.1.iter_mut().find(|entry| entry.0 == id) {
            entry.1 += 1;
            entry.2 = self.2;
            return true;
        }
        if self.1.len() == self.0 {
            let victim = (0..self.1.len()).min_by_key(|&at| (self.1[at].1, self.1[at].2)).unwrap();
            self.1.remove(victim);
        }
        self.1.push((id, 1, self.2));
        false
    }
    fn remove(&mut self, id: u64) {
        self.1.retain(|entry| entry.0 != id);
    }
}

/// Figure 4 of the ARC paper, line by line. Lists run from LRU (front) to MRU (back).
#[derive(Default)]
struct Arc {
    c: usize,
    p: f64,
    t1: Vec<u64>,
    t2: Vec<u64>,
    b1: Vec<u64>,
    b2: Vec<u64>,
}

fn take(list: &mut Vec<u64>, id: u64) -> bool {
    let found = list.iter().position(|&held| held == id);
    found.map(|at| list.remove(at)).is_some()
}

impl Arc {
    fn replace(&mut self, in_b2: bool) {
        let t1 = self.t1.len() as f64;
        if !self.t1.is_empty() && ((in_b2 && t1 == self.p) || t1 > self.p) {
            self.b1.push(self.t1.remove(0));
        } else if !self.t2.is_empty() {
            self.b2.push(self.t2.remove(0));
        } else {
            self.b1.push(self.t1.remove(0));
        }
    }
    fn full(&self) -> bool {
        self.t1.len() + self.t2.len() == self.c
    }
}

impl Model for Arc {
    fn access(&mut self, id: u64) -> bool {
        if take(&mut self.t1, id) || take(&mut self.t2, id) {
            self.t2.push(id);
            return true;
        }
        let (b1, b2) = (self.b1.len() as f64, self.b2.len() as f64);
        if self.b1.contains(&id) {
            let delta = if b1 >= b2 { 1.0 } else { b2 / b1 };
            self.p = (self.p + delta).min(self.c as f64);
            // A removal may have left room, which the paper does not know.
            if self.full() {
                self.replace(false);
            }
            take(&mut self.b1, id);
            self.t2.push(id);
            return false;
        }
        if self.b2.contains(&id) {
            let delta = if b2 >= b1 { 1.0 } else { b1 / b2 };
            self.p = (self.p - delta).max(0.0);
            if self.full() {
                self.replace(true);
            }
            take(&mut self.b2, id);
            self.t2.push(id);
            return false;
        }
        let l1 = self.t1.len() + self.b1.len();
        let all = l1 + self.t2.len() + self.b2.len();
        if l1 == self.c {
            if self.t1.len() < self.c {
                self.b1.remove(0);
                if self.full() {
                    self.replace(false);
                }
            } else {
                self.t1.remove(0);
            }
        } else if all >= self.c {
            if all == 2 * self.c {
                self.b2.remove(0);
            }
            if self.full() {
                self.replace(false);
            }
        }
        self.t1.push(id);
        false
    }
    fn remove(&mut self, id: u64) {
        take(&mut self.t1, id);
        take(&mut self.t2, id);
    }
}

fn model(kind: PolicyKind, capacity: usize) -> Box<dyn Model> {
    match kind {
        PolicyKind::Lru => Box::new(Lru(capacity, VecDeque::new())),
        PolicyKind::Lfu => Box::new(Lfu(capacity, Vec::new(), 0)),
        PolicyKind::Arc => Box::new(Arc { c: capacity, ..Arc::default() }),
    }
}

/// Requests that mix a hot set, a wider set and runs, because uniform ones hardly move ARC's p.
fn requests() -> impl Strategy<Value = Vec<u64>> {
    let run = (0u64..60, 1u64..25).prop_map(|(start, len)| (start..start + len).collect::<Vec<_>>());
    let piece = prop_oneof![
        4 => (0u64..8).prop_map(|id| vec![id]),
        3 => (0u64..40).prop_map(|id| vec![id]),
        1 => run,
    ];
    prop::collection::vec(piece, 0..250).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_request_is_the_models(requests in requests(), capacity in 1usize..24) {
        for kind in PolicyKind::ALL {
            let (mut cache, mut model) = (Exact::new(kind, capacity as u64), model(kind, capacity));
            for (at, &id) in requests.iter().enumerate() {
                prop_assert_eq!(cache.access(id, 1), model.access(id), "{}, request {}", kind, at);
            }
        }
    }

    #[test]
    fn removals_too(requests in requests(), capacity in 1usize..24, removals in prop::collection::vec(0u64..20, 1..40)) {
        for kind in PolicyKind::ALL {
            let (mut cache, mut model) = (Exact::new(kind, capacity as u64), model(kind, capacity));
            for (at, &id) in requests.iter().enumerate() {
                prop_assert_eq!(cache.access(id, 1), model.access(id), "{}, request {}", kind, at);
                if at % 7 == 3 {
                    let gone = removals[at / 7 % removals.len()];
                    cache.remove(gone);
                    model.remove(gone);
                }
            }
        }
    }

    /// Weights, switches and new capacities in any order: the books balance and the limit holds.
    #[test]
    fn the_limit_holds(steps in prop::collection::vec((0u8..20, 0u64..50, 1u64..30), 0..600)) {
        for kind in PolicyKind::ALL {
            let mut cache = Exact::new(kind, 60);
            let mut stored = std::collections::BTreeMap::new();
            for &(step, id, weight) in &steps {
                match step {
                    0 => cache.set_capacity(weight * 5),
                    1 => {
                        let before: Vec<_> = (0..50).filter(|&id| cache.contains(id)).collect();
                        cache.set_policy(PolicyKind::ALL[(id % 3) as usize]);
                        let after: Vec<_> = (0..50).filter(|&id| cache.contains(id)).collect();
                        prop_assert_eq!(before, after, "a switch keeps every entry");
                    }
                    2 => { cache.remove(id); }
                    _ => {
                        if !cache.access(id, weight) {
                            stored.insert(id, weight);
                        }
                    }
                }
                let held: Vec<u64> = (0..50).filter(|&id| cache.contains(id)).collect();
                prop_assert_eq!(cache.len(), held.len());
                prop_assert_eq!(cache.used(), held.iter().map(|id| stored[id]).sum::<u64>());
                prop_assert!(cache.used() <= cache.capacity());
            }
        }
    }
}
