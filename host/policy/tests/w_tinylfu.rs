//! W-TinyLFU against a naive one: an entry is inserted first, then what is too much goes, as in the papers.
//!
//! The sketch is the crate's own, which has a model of its own beside it; the parts are vectors.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test: a panic is its failure")]

mod owner;

#[path = "owner/mix.rs"]
mod mix;

use host_policy::w_tinylfu::{Parameters, Sketch};
use host_policy::{Decimal, WTinyLfu};
use mix::mix;
use owner::{Model, Step, compare, steps};
use proptest::prelude::*;

/// Section 4 of the paper. Lists run from LRU to MRU.
struct Paper {
    c: usize,
    window_percent: usize,
    window: Vec<u64>,
    probation: Vec<u64>,
    protected: Vec<u64>,
    sketch: Sketch,
    warm_losers: u64,
}

fn touch(list: &mut Vec<u64>, id: u64) -> bool {
    let found = list.iter().position(|&held| held == id);
    found.map(|at| list.remove(at)).map(|id| list.push(id)).is_some()
}

impl Paper {
    fn max_main(&self) -> usize {
        self.c * (100 - self.window_percent) / 100
    }
    fn max_window(&self) -> usize {
        self.c - self.max_main()
    }
    fn max_protected(&self) -> usize {
        self.max_main() * 80 / 100
    }
    fn len(&self) -> usize {
        self.window.len() + self.probation.len() + self.protected.len()
    }
    fn count(&mut self, id: u64) {
        self.sketch.add(mix(id));
        let sample = u64::try_from(10 * self.c.max(1)).expect("small");
        if self.len() > 0 && self.sketch.additions() >= sample {
            self.sketch.halve();
            self.sketch.shrink(self.len());
        }
    }
    fn admits(&mut self, candidate: u64, victim: u64) -> bool {
        let (asks, has) = (self.sketch.estimate(mix(candidate)), self.sketch.estimate(mix(victim)));
        if asks > has || asks < 6 {
            return asks > has;
        }
        self.warm_losers += 1;
        mix(mix(candidate) ^ self.warm_losers).is_multiple_of(128)
    }
    fn evict(&mut self) -> u64 {
        while self.window.len() > self.max_window() {
            let candidate = self.window[0];
            if self.probation.len() + self.protected.len() < self.max_main() {
                self.probation.push(self.window.remove(0));
                continue;
            }
            let victim = self.probation.first().copied();
            // The winner stays where it is until there is room, so that it has to win each time.
            let admitted = victim.is_some_and(|victim| self.admits(candidate, victim));
            return if admitted { self.probation.remove(0) } else { self.window.remove(0) };
        }
        let lists = [&mut self.probation, &mut self.protected, &mut self.window];
        lists.into_iter().find(|list| !list.is_empty()).expect("there are entries").remove(0)
    }
    fn settle(&mut self) {
        while self.window.len() > self.max_window() {
            self.probation.push(self.window.remove(0));
        }
    }
}

impl Model for Paper {
    fn access(&mut self, id: u64) -> (bool, Vec<u64>) {
        let held = [&self.window, &self.probation, &self.protected].map(|list| list.contains(&id));
        if held == [false; 3] && self.c == 0 {
            return (false, Vec::new());
        }
        self.count(id);
        match held {
            [true, ..] => touch(&mut self.window, id),
            [_, _, true] => touch(&mut self.protected, id),
            [_, true, _] if self.max_protected() == 0 => touch(&mut self.probation, id),
            [_, true, _] => {
                self.probation.retain(|&held| held != id);
                self.protected.push(id);
                if self.protected.len() > self.max_protected() {
                    self.probation.push(self.protected.remove(0));
                }
                true
            }
            _ => {
                self.window.push(id);
                let evicted = if self.len() > self.c { vec![self.evict()] } else { vec![] };
                self.settle();
                self.sketch.reach(self.len());
                return (false, evicted);
            }
        };
        (true, Vec::new())
    }
    fn remove(&mut self, id: u64) {
        for list in [&mut self.window, &mut self.probation, &mut self.protected] {
            list.retain(|&held| held != id);
        }
    }
    fn resize(&mut self, capacity: usize) -> Vec<u64> {
        self.c = capacity;
        while self.protected.len() > self.max_protected() {
            self.probation.push(self.protected.remove(0));
        }
        (capacity..self.len()).map(|_| self.evict()).collect()
    }
    fn order(&self) -> Vec<u64> {
        [&self.window[..], &self.probation, &self.protected].concat()
    }
}

fn check(steps: &[Step], c: usize, window_percent: usize) -> Result<(), TestCaseError> {
    let mut model = Paper {
        c,
        window_percent,
        window: vec![],
        probation: vec![],
        protected: vec![],
        sketch: Sketch::new(),
        warm_losers: 0,
    };
    let window = Decimal::percent(u32::try_from(window_percent).expect("small"));
    let parameters = Parameters::new(window).expect("in range");
    compare(WTinyLfu::with(u64::try_from(c).expect("small"), parameters), &mut model, c, steps)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_victim_is_the_papers(steps in steps(), c in 1usize..24) {
        check(&steps, c, 1)?;
    }

    #[test]
    fn with_other_windows_too(steps in steps(), c in 1usize..24, window in 1usize..=99) {
        check(&steps, c, window)?;
    }
}
