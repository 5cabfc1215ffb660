//! SIEVE and 2Q against models written from the papers with vectors and linear searches.
#![expect(clippy::indexing_slicing, clippy::expect_used, reason = "a test: a panic is its failure")]

mod owner;

use host_policy::{ByHash, Decimal, InSlot, Sieve, TwoQ, two_q};
use owner::{Model, compare, steps};
use proptest::prelude::*;

/// What a queue of a model holds.
#[derive(Debug, Clone, Copy)]
struct Entry {
    id: u64,
    /// SIEVE's mark.
    freq: u32,
    uses: u32,
}

impl Entry {
    const fn new(id: u64) -> Self {
        Self { id, freq: 0, uses: 1 }
    }
}

fn units(capacity: usize) -> u64 {
    u64::try_from(capacity).expect("small")
}

fn wide(percent: u32) -> usize {
    usize::try_from(percent).expect("small")
}

fn find(list: &[Entry], id: u64) -> Option<usize> {
    list.iter().position(|entry| entry.id == id)
}

fn ids(list: &[Entry]) -> Vec<u64> {
    list.iter().map(|entry| entry.id).collect()
}

fn take(list: &mut Vec<u64>, id: u64) -> bool {
    let found = list.iter().position(|&held| held == id);
    found.map(|at| list.remove(at)).is_some()
}

/// Algorithm 1 of the SIEVE paper; the queue runs from its tail (front) to its head (back).
#[derive(Default)]
struct NaiveSieve {
    c: usize,
    queue: Vec<Entry>,
    hand: Option<u64>,
}

impl NaiveSieve {
    fn evict(&mut self) -> u64 {
        let mut at = self.hand.and_then(|id| find(&self.queue, id)).unwrap_or(0);
        while self.queue[at].freq > 0 {
            self.queue[at].freq = 0;
            at = (at + 1) % self.queue.len();
        }
        let victim = self.queue.remove(at).id;
        self.hand = self.queue.get(at).map(|entry| entry.id);
        victim
    }
}

impl Model for NaiveSieve {
    fn access(&mut self, id: u64) -> (bool, Vec<u64>) {
        if let Some(at) = find(&self.queue, id) {
            self.queue[at].freq = 1;
            self.queue[at].uses += 1;
            return (true, Vec::new());
        }
        if self.c == 0 {
            return (false, Vec::new());
        }
        let evicted = if self.queue.len() == self.c { vec![self.evict()] } else { Vec::new() };
        self.queue.push(Entry::new(id));
        (false, evicted)
    }
    fn remove(&mut self, id: u64) {
        let Some(at) = find(&self.queue, id) else { return };
        self.queue.remove(at);
        if self.hand == Some(id) {
            self.hand = self.queue.get(at).map(|entry| entry.id);
        }
    }
    fn resize(&mut self, capacity: usize) -> Vec<u64> {
        self.c = capacity;
        (capacity..self.queue.len()).map(|_| self.evict()).collect()
    }
    fn order(&self) -> Vec<u64> {
        let mut entries = self.queue.clone();
        let hand = self.hand.and_then(|id| find(&entries, id)).unwrap_or(0);
        entries.rotate_left(hand);
        entries.sort_by_key(|entry| (entry.freq, entry.freq * entry.uses));
        ids(&entries)
    }
}

/// The full version of 2Q, section 3.2 of its paper. Queues run from tail (front) to head (back).
struct NaiveTwoQ {
    c: usize,
    in_percent: usize,
    out_percent: usize,
    a1_in: Vec<Entry>,
    a1_out: Vec<u64>,
    am: Vec<Entry>,
}

impl NaiveTwoQ {
    const fn new(c: usize, in_percent: usize, out_percent: usize) -> Self {
        Self { c, in_percent, out_percent, a1_in: Vec::new(), a1_out: Vec::new(), am: Vec::new() }
    }
    fn trim(&mut self) {
        while self.a1_out.len() > self.c * self.out_percent / 100 {
            self.a1_out.remove(0);
        }
    }
    /// The paper's reclaimfor, where there is no free page.
    fn reclaim(&mut self) -> u64 {
        if self.a1_in.len() > self.c * self.in_percent / 100 || self.am.is_empty() {
            let id = self.a1_in.remove(0).id;
            self.a1_out.push(id);
            self.trim();
            id
        } else {
            self.am.remove(0).id
        }
    }
}

impl Model for NaiveTwoQ {
    fn access(&mut self, id: u64) -> (bool, Vec<u64>) {
        if let Some(at) = find(&self.am, id) {
            let entry = self.am.remove(at);
            self.am.push(Entry { uses: entry.uses + 1, ..entry });
            return (true, Vec::new());
        }
        if let Some(at) = find(&self.a1_in, id) {
            self.a1_in[at].uses += 1;
            return (true, Vec::new());
        }
        if self.c == 0 {
            return (false, Vec::new());
        }
        let remembered = take(&mut self.a1_out, id);
        let full = self.a1_in.len() + self.am.len() == self.c;
        let evicted = if full { vec![self.reclaim()] } else { Vec::new() };
        if remembered {
            self.am.push(Entry { uses: 2, ..Entry::new(id) });
        } else {
            self.a1_in.push(Entry::new(id));
        }
        (false, evicted)
    }
    fn remove(&mut self, id: u64) {
        self.a1_in.retain(|entry| entry.id != id);
        self.am.retain(|entry| entry.id != id);
    }
    fn resize(&mut self, capacity: usize) -> Vec<u64> {
        self.c = capacity;
        self.trim();
        (capacity..self.a1_in.len() + self.am.len()).map(|_| self.reclaim()).collect()
    }
    fn order(&self) -> Vec<u64> {
        let mut a1_in = self.a1_in.clone();
        a1_in.sort_by_key(|entry| entry.uses);
        [ids(&a1_in), ids(&self.am)].concat()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sieve_is_the_paper(steps in steps(), capacity in 0usize..24) {
        let mut paper = NaiveSieve { c: capacity, ..NaiveSieve::default() };
        compare(Sieve::new(), &mut paper, capacity, &steps)?;
    }

    #[test]
    fn two_q_is_the_paper(steps in steps(), capacity in 0usize..40) {
        compare(TwoQ::new(units(capacity)), &mut NaiveTwoQ::new(capacity, 25, 50), capacity, &steps)?;
        let in_slots = TwoQ::<InSlot>::with(units(capacity), two_q::Parameters::default());
        compare(in_slots, &mut NaiveTwoQ::new(capacity, 25, 50), capacity, &steps)?;
    }

    #[test]
    fn two_q_with_other_parameters_too(
        steps in steps(), capacity in 0usize..40, kin in 1u32..=99, kout in 0u32..=400,
    ) {
        let parameters = two_q::Parameters::new(Decimal::percent(kin), Decimal::percent(kout)).expect("in range");
        let paper = || NaiveTwoQ::new(capacity, wide(kin), wide(kout));
        compare(TwoQ::<ByHash>::with(units(capacity), parameters), &mut paper(), capacity, &steps)?;
        compare(TwoQ::<InSlot>::with(units(capacity), parameters), &mut paper(), capacity, &steps)?;
    }
}
