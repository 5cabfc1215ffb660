//! S3-FIFO, S4-FIFO and Clock2Q+ against a model written from the papers with vectors and linear searches.
#![expect(clippy::indexing_slicing, clippy::expect_used, reason = "a test: a panic is its failure")]

mod owner;

use host_policy::{ByHash, Clock2QPlus, Decimal, InSlot, S3Fifo, S4Fifo, clock2q_plus, s3_fifo, s4_fifo};
use owner::{Model, Step, compare, steps};
use proptest::prelude::*;

/// What a queue of the model holds.
#[derive(Debug, Clone, Copy)]
struct Entry {
    id: u64,
    /// The hits that count.
    freq: u32,
    uses: u32,
    /// Entries that entered S after this one.
    behind: usize,
    /// It was a ghost before, but did not enter M for it.
    returned: bool,
}

impl Entry {
    const fn new(id: u64) -> Self {
        Self { id, freq: 0, uses: 1, behind: 0, returned: false }
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

/// Algorithm 1 of the S3-FIFO paper, with the authors' filling, and with what S4-FIFO (section 4 of its paper) and
/// Clock2Q+ (section 3.4) change. Queues run from tail (front) to head (back).
#[derive(Clone)]
struct NaiveQueues {
    c: usize,
    small_percent: usize,
    ghost_percent: usize,
    /// The newest entries of S in which hits do not count, of so many that S has.
    skipped: fn(usize, usize) -> usize,
    skip_percent: usize,
    to_main: u32,
    most: u32,
    /// The second return of a ghost enters M, not the first.
    twice: bool,
    s: Vec<Entry>,
    m: Vec<Entry>,
    g: Vec<(u64, bool)>,
    filling: bool,
}

impl NaiveQueues {
    fn s3(c: usize) -> Self {
        Self {
            c,
            small_percent: 10,
            ghost_percent: 90,
            skipped: |small, percent| small * percent / 100,
            skip_percent: 0,
            to_main: 2,
            most: 3,
            twice: false,
            s: Vec::new(),
            m: Vec::new(),
            g: Vec::new(),
            filling: true,
        }
    }
    fn s4(c: usize) -> Self {
        Self { skip_percent: 25, ..Self::s3(c) }
    }
    fn clock2q_plus(c: usize) -> Self {
        let skipped = |small: usize, percent: usize| (small * percent).div_ceil(100);
        Self { ghost_percent: 50, skipped, skip_percent: 50, to_main: 1, most: 1, ..Self::s3(c) }
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
            if entry.freq >= self.to_main {
                self.m.push(Entry { freq: 0, ..entry });
            } else {
                self.g.push((entry.id, entry.returned));
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
    fn hit(&mut self, id: u64) -> bool {
        let young = (self.skipped)(self.s_target(), self.skip_percent);
        if let Some(at) = find(&self.s, id) {
            let entry = &mut self.s[at];
            entry.uses += 1;
            if entry.behind >= young {
                entry.freq = (entry.freq + 1).min(self.most);
            }
        } else if let Some(at) = find(&self.m, id) {
            let entry = &mut self.m[at];
            entry.uses += 1;
            entry.freq = (entry.freq + 1).min(self.most);
        } else {
            return false;
        }
        true
    }
}

impl Model for NaiveQueues {
    fn access(&mut self, id: u64) -> (bool, Vec<u64>) {
        if self.hit(id) {
            return (true, Vec::new());
        }
        if self.c == 0 {
            return (false, Vec::new());
        }
        let ghost = self.g.iter().position(|&(held, _)| held == id).map(|at| self.g.remove(at).1);
        let enters_main = ghost.is_some_and(|returned| returned || !self.twice);
        let full = self.s.len() + self.m.len() == self.c;
        let evicted = if full { vec![self.evict()] } else { Vec::new() };
        if enters_main || (self.filling && self.s.len() >= self.s_target()) {
            self.m.push(Entry::new(id));
        } else {
            self.s.iter_mut().for_each(|entry| entry.behind += 1);
            self.s.push(Entry { returned: ghost.is_some(), ..Entry::new(id) });
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
        // What was skipped counts here, and of a clock the uses.
        let freq = |entry: &Entry, freq: u32| if freq > 0 && self.most == 1 { entry.uses - 1 } else { freq };
        let small = |entry: &Entry| {
            let hits = (entry.uses - 1).min(self.most);
            if hits < self.to_main { 0 } else { 1 + freq(entry, hits) }
        };
        let main = |entry: &Entry| 1 + freq(entry, entry.freq);
        let mut order: Vec<(u32, Entry)> = self.s.iter().map(|entry| (small(entry), *entry)).collect();
        order.extend(self.m.iter().map(|entry| (main(entry), *entry)));
        order.sort_by_key(|&(rank, _)| rank);
        order.iter().map(|(_, entry)| entry.id).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn s3_fifo_is_the_paper(steps in steps(), capacity in 0usize..40) {
        let paper = NaiveQueues::s3(capacity);
        compare(S3Fifo::new(units(capacity)), &mut paper.clone(), capacity, &steps)?;
        let in_slots = S3Fifo::<InSlot>::with(units(capacity), s3_fifo::Parameters::default());
        compare(in_slots, &mut paper.clone(), capacity, &steps)?;
    }

    #[test]
    fn s3_fifo_with_other_parameters_too(
        steps in steps(), capacity in 0usize..40, small in 1u32..=99, ghosts in 0u32..=400,
    ) {
        let parameters = s3_fifo::Parameters::new(Decimal::percent(small), Decimal::percent(ghosts)).expect("in range");
        let paper = NaiveQueues { small_percent: wide(small), ghost_percent: wide(ghosts), ..NaiveQueues::s3(capacity) };
        compare(S3Fifo::<ByHash>::with(units(capacity), parameters), &mut paper.clone(), capacity, &steps)?;
        compare(S3Fifo::<InSlot>::with(units(capacity), parameters), &mut paper.clone(), capacity, &steps)?;
    }

    /// S has 4 entries from a capacity of 40 on, so that one of them is its newest quarter.
    #[test]
    fn s4_fifo_is_the_paper(steps in steps(), capacity in 0usize..60) {
        let paper = NaiveQueues::s4(capacity);
        compare(S4Fifo::new(units(capacity)), &mut paper.clone(), capacity, &steps)?;
        let in_slots = S4Fifo::<InSlot>::with(units(capacity), s4_fifo::Parameters::default());
        compare(in_slots, &mut paper.clone(), capacity, &steps)?;
    }

    #[test]
    fn s4_fifo_with_other_parameters_too(
        steps in steps(), capacity in 0usize..40,
        small in 1u32..=99, ghosts in 0u32..=400, skip in 0u32..=90, to_main in 1u32..=3, twice: bool,
    ) {
        let shares = [small, ghosts, skip].map(Decimal::percent);
        let parameters = s4_fifo::Parameters::new(shares, [to_main, u32::from(twice)]).expect("in range");
        let paper = NaiveQueues {
            small_percent: wide(small),
            ghost_percent: wide(ghosts),
            skip_percent: wide(skip),
            to_main,
            twice,
            ..NaiveQueues::s4(capacity)
        };
        compare(S4Fifo::<ByHash>::with(units(capacity), parameters), &mut paper.clone(), capacity, &steps)?;
        compare(S4Fifo::<InSlot>::with(units(capacity), parameters), &mut paper.clone(), capacity, &steps)?;
    }

    #[test]
    fn clock2q_plus_is_the_paper(steps in steps(), capacity in 0usize..60) {
        let paper = NaiveQueues::clock2q_plus(capacity);
        compare(Clock2QPlus::new(units(capacity)), &mut paper.clone(), capacity, &steps)?;
        let in_slots = Clock2QPlus::<InSlot>::with(units(capacity), clock2q_plus::Parameters::default());
        compare(in_slots, &mut paper.clone(), capacity, &steps)?;
    }

    #[test]
    fn clock2q_plus_with_other_parameters_too(
        steps in steps(), capacity in 0usize..40, small in 1u32..=99, ghosts in 0u32..=400, window in 0u32..=90,
    ) {
        let [s, g, w] = [small, ghosts, window].map(Decimal::percent);
        let parameters = clock2q_plus::Parameters::new(s, g, w).expect("in range");
        let paper = NaiveQueues {
            small_percent: wide(small),
            ghost_percent: wide(ghosts),
            skip_percent: wide(window),
            ..NaiveQueues::clock2q_plus(capacity)
        };
        compare(Clock2QPlus::<ByHash>::with(units(capacity), parameters), &mut paper.clone(), capacity, &steps)?;
        compare(Clock2QPlus::<InSlot>::with(units(capacity), parameters), &mut paper.clone(), capacity, &steps)?;
    }
}

/// The skipped part itself, on a case that can be followed by hand.
#[test]
fn a_hit_in_the_newest_part_of_the_small_queue_does_not_count() {
    // S has 4 of 40 entries; in Clock2Q+ the newest 2 do not count. 0 to 3 enter S, 4 to 39 M.
    let run: Vec<Step> = (0..40).map(Step::Access).collect();
    let evicted = |hits: &[u64]| {
        let mut model = NaiveQueues::clock2q_plus(40);
        let steps: Vec<Step> = run.iter().cloned().chain(hits.iter().copied().map(Step::Access)).collect();
        compare(Clock2QPlus::new(40), &mut model.clone(), 40, &steps).expect("the model agrees");
        for step in &steps {
            if let Step::Access(id) = step {
                model.access(*id);
            }
        }
        (100..104).flat_map(|id| model.access(id).1).collect::<Vec<u64>>()
    };
    assert_eq!(evicted(&[]), [0, 1, 2, 3]);
    // 2 and 3 are the newest; 1 is not.
    assert_eq!(evicted(&[2, 3]), [0, 1, 2, 3]);
    // It moves to M, so that S is short of one, and the next victim is M's.
    assert_eq!(evicted(&[1]), [0, 2, 4, 3]);
}
