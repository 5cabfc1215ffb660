//! SIEVE, S3-FIFO and 2Q against models written from the papers with vectors and linear searches.
#![expect(clippy::indexing_slicing, clippy::expect_used, reason = "a test: a panic is its failure")]

mod owner;

use host_policy::{ByHash, Decimal, InSlot, S3Fifo, Sieve, TwoQ, s3_fifo, two_q};
use owner::{Model, compare, steps};
use proptest::prelude::*;

/// What a queue of a model holds.
#[derive(Debug, Clone, Copy)]
struct Entry {
    id: u64,
    /// SIEVE's mark, S3-FIFO's count.
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

/// Algorithm 1 of the S3-FIFO paper, with the authors' filling. Queues run from tail (front) to head (back).
struct NaiveS3Fifo {
    c: usize,
    small_percent: usize,
    ghost_percent: usize,
    s: Vec<Entry>,
    m: Vec<Entry>,
    g: Vec<u64>,
    filling: bool,
}

impl NaiveS3Fifo {
    const fn new(c: usize, small_percent: usize, ghost_percent: usize) -> Self {
        Self { c, small_percent, ghost_percent, s: Vec::new(), m: Vec::new(), g: Vec::new(), filling: true }
    }
    fn s_target(&self) -> usize {
        (self.c * self.small_percent / 100).max(1)
    }
    fn trim_g(&mut self) {
        while self.g.len() > self.c * self.ghost_percent / 100 {
            self.g.remove(0);
        }
    }
    fn evict_s(&mut self) -> Option<u64> {
        while !self.s.is_empty() {
            let entry = self.s.remove(0);
            if entry.freq > 1 {
                self.m.push(Entry { freq: 0, ..entry });
            } else {
                self.g.push(entry.id);
                self.trim_g();
                return Some(entry.id);
            }
        }
        None
    }
    fn evict_m(&mut self) -> Option<u64> {
        while !self.m.is_empty() {
            let entry = self.m.remove(0);
            if entry.freq == 0 {
                return Some(entry.id);
            }
            self.m.push(Entry { freq: entry.freq - 1, ..entry });
        }
        None
    }
    fn evict(&mut self) -> u64 {
        self.filling = false;
        let s_first = self.s.len() >= self.s_target() || self.m.is_empty();
        let from_s = if s_first { self.evict_s() } else { None };
        from_s.or_else(|| self.evict_m()).expect("there is an entry")
    }
}

impl Model for NaiveS3Fifo {
    fn access(&mut self, id: u64) -> (bool, Vec<u64>) {
        for queue in [&mut self.s, &mut self.m] {
            if let Some(at) = find(queue, id) {
                queue[at].freq = (queue[at].freq + 1).min(3);
                queue[at].uses += 1;
                return (true, Vec::new());
            }
        }
        if self.c == 0 {
            return (false, Vec::new());
        }
        let ghost = take(&mut self.g, id);
        let full = self.s.len() + self.m.len() == self.c;
        let evicted = if full { vec![self.evict()] } else { Vec::new() };
        if ghost || (self.filling && self.s.len() >= self.s_target()) {
            self.m.push(Entry::new(id));
        } else {
            self.s.push(Entry::new(id));
        }
        (false, evicted)
    }
    fn remove(&mut self, id: u64) {
        self.s.retain(|entry| entry.id != id);
        self.m.retain(|entry| entry.id != id);
    }
    fn resize(&mut self, capacity: usize) -> Vec<u64> {
        self.filling |= capacity > self.c;
        self.c = capacity;
        self.trim_g();
        (capacity..self.s.len() + self.m.len()).map(|_| self.evict()).collect()
    }
    fn order(&self) -> Vec<u64> {
        let leaves = |entry: &Entry| entry.freq < 2;
        let (s_first, s_last): (Vec<Entry>, Vec<Entry>) = self.s.iter().copied().partition(leaves);
        let mut order = s_first;
        // The rest by count; within one count S before M.
        for freq in 0..4 {
            let counted = |entry: &&Entry| entry.freq == freq;
            order.extend(s_last.iter().filter(counted));
            order.extend(self.m.iter().filter(counted));
        }
        ids(&order)
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
    fn s3_fifo_is_the_paper(steps in steps(), capacity in 0usize..40) {
        compare(S3Fifo::new(units(capacity)), &mut NaiveS3Fifo::new(capacity, 10, 90), capacity, &steps)?;
        let in_slots = S3Fifo::<InSlot>::with(units(capacity), s3_fifo::Parameters::default());
        compare(in_slots, &mut NaiveS3Fifo::new(capacity, 10, 90), capacity, &steps)?;
    }

    #[test]
    fn s3_fifo_with_other_parameters_too(
        steps in steps(), capacity in 0usize..40, small in 1u32..=99, ghosts in 0u32..=400,
    ) {
        let parameters = s3_fifo::Parameters::new(Decimal::percent(small), Decimal::percent(ghosts)).expect("in range");
        let paper = || NaiveS3Fifo::new(capacity, wide(small), wide(ghosts));
        compare(S3Fifo::<ByHash>::with(units(capacity), parameters), &mut paper(), capacity, &steps)?;
        compare(S3Fifo::<InSlot>::with(units(capacity), parameters), &mut paper(), capacity, &steps)?;
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
