//! W-TinyLFU against a naive one: an entry is inserted first, then what is too much goes, as in the papers.
//!
//! With a window that follows the hit ratio, what is measured and where the border goes are written from Caffeine's
//! numbers, in floating point as there. The sketch is the crate's own, which has a model of its own beside it; the parts are vectors.
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
    /// What the window has beyond its share at the start, and protected less.
    moved: i64,
    climber: Option<NaiveClimber>,
    window: Vec<u64>,
    probation: Vec<u64>,
    protected: Vec<u64>,
    sketch: Sketch,
    warm_losers: u64,
}

/// Caffeine's hill climber, which here begins upwards.
#[derive(Default)]
struct NaiveClimber {
    full: bool,
    hits: u32,
    requests: u32,
    /// Hits and requests of the sample before, and so the ratio; none counts as 0.
    before: Option<(u32, u32)>,
    /// Entries, with a fraction; the first is 6.25 % up.
    step: Option<f64>,
}

impl NaiveClimber {
    fn request(&mut self, hit: bool) {
        self.requests += u32::from(self.full);
        self.hits += u32::from(self.full && hit);
    }
    /// How far the border moves after this request.
    #[expect(clippy::as_conversions, reason = "a few entries")]
    fn way(&mut self, c: usize) -> i64 {
        let c = u32::try_from(c).expect("small");
        if self.requests < 10 * c {
            return 0;
        }
        let first = 0.0625 * f64::from(c);
        let (hits, requests) = self.before.unwrap_or((0, 1));
        // In whole numbers, as 5 points are no number of floating point.
        let change = i64::from(self.hits) * i64::from(requests) - i64::from(hits) * i64::from(self.requests);
        let amount = self.step.unwrap_or(first) * if change >= 0 { 1.0 } else { -1.0 };
        let restarts = change.abs() * 20 >= i64::from(requests) * i64::from(self.requests);
        self.step = Some(if restarts { first.copysign(amount) } else { 0.98 * amount });
        self.before = Some((self.hits, self.requests));
        (self.hits, self.requests) = (0, 0);
        amount.trunc() as i64
    }
}

fn touch(list: &mut Vec<u64>, id: u64) -> bool {
    let found = list.iter().position(|&held| held == id);
    found.map(|at| list.remove(at)).map(|id| list.push(id)).is_some()
}

impl Paper {
    fn main_at_start(&self) -> usize {
        self.c * (100 - self.window_percent) / 100
    }
    fn max_main(&self) -> usize {
        less(self.main_at_start(), self.moved)
    }
    fn max_window(&self) -> usize {
        self.c - self.max_main()
    }
    fn max_protected(&self) -> usize {
        less(self.main_at_start() * 80 / 100, self.moved)
    }
    /// The request is over: the border moves, one entry after the other.
    fn climb(&mut self) {
        let c = self.c;
        let way = self.climber.as_mut().map_or(0, |climber| climber.way(c));
        for _ in 0..way.unsigned_abs() {
            if way > 0 && self.max_protected() > 0 && self.probation.len() + self.protected.len() > 0 {
                let main = if self.probation.is_empty() { &mut self.protected } else { &mut self.probation };
                let oldest = main.remove(0);
                self.window.push(oldest);
                self.moved += 1;
                if self.protected.len() > self.max_protected() {
                    self.probation.push(self.protected.remove(0));
                }
            } else if way < 0 && self.max_window() > 1 && !self.window.is_empty() {
                self.probation.push(self.window.remove(0));
                self.moved -= 1;
            } else {
                break;
            }
        }
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
        if let Some(climber) = &mut self.climber {
            climber.full = true;
        }
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
        if let Some(climber) = &mut self.climber {
            climber.request(held != [false; 3]);
        }
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
                self.climb();
                return (false, evicted);
            }
        };
        self.climb();
        (true, Vec::new())
    }
    fn remove(&mut self, id: u64) {
        for list in [&mut self.window, &mut self.probation, &mut self.protected] {
            list.retain(|&held| held != id);
        }
    }
    fn resize(&mut self, capacity: usize) -> Vec<u64> {
        self.c = capacity;
        self.moved = 0;
        self.climber = self.climber.take().map(|_| NaiveClimber::default());
        while self.protected.len() > self.max_protected() {
            self.probation.push(self.protected.remove(0));
        }
        (capacity..self.len()).map(|_| self.evict()).collect()
    }
    fn order(&self) -> Vec<u64> {
        [&self.window[..], &self.probation, &self.protected].concat()
    }
}

fn less(share: usize, moved: i64) -> usize {
    let share = i64::try_from(share).expect("small") - moved;
    usize::try_from(share).expect("not negative")
}

fn check(steps: &[Step], c: usize, window_percent: usize, climbs: bool) -> Result<(), TestCaseError> {
    let mut model = Paper {
        c,
        window_percent,
        moved: 0,
        climber: climbs.then(NaiveClimber::default),
        window: vec![],
        probation: vec![],
        protected: vec![],
        sketch: Sketch::new(),
        warm_losers: 0,
    };
    let window = Decimal::percent(u32::try_from(window_percent).expect("small"));
    let parameters = Parameters::new(window).expect("in range");
    let build = if climbs { WTinyLfu::climbing } else { WTinyLfu::with };
    compare(build(u64::try_from(c).expect("small"), parameters), &mut model, c, steps)
}

/// Longer than [`steps`], and without new capacities, each of which begins anew.
fn long() -> impl Strategy<Value = Vec<Step>> {
    let some = steps().prop_map(|steps| steps.into_iter().filter(|step| !matches!(step, Step::Resize(_))));
    prop::collection::vec(some, 1..6).prop_map(|pieces| pieces.into_iter().flatten().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_victim_is_the_papers(steps in steps(), c in 1usize..24) {
        check(&steps, c, 1, false)?;
    }

    #[test]
    fn with_other_windows_too(steps in steps(), c in 1usize..24, window in 1usize..=99) {
        check(&steps, c, window, false)?;
    }

    #[test]
    fn with_new_capacities_and_a_window_that_climbs(steps in steps(), c in 1usize..24, window in 1usize..=99) {
        check(&steps, c, window, true)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn with_a_window_that_climbs_far(steps in long(), c in 16usize..48, window in 1usize..=99) {
        check(&steps, c, window, true)?;
    }
}
