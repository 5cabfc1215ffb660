//! The window that follows the hit ratio: `w-tinylfu-climb`.
//!
//! Einziger, Eytan, Friedman and Manes, "Adaptive Software Cache Management", Middleware 2018: a hill climber
//! moves the border between window and main part. With the numbers of Caffeine, the cache for which it was made:
//! - a sample is as long as the one after which the frequencies are halved, 10 requests an entry;
//! - after each the border moves on as it did before if the hit ratio rose or stayed, else back;
//! - by a sixteenth of the capacity first, then by 2 % less each time; by a sixteenth again after a sample whose hit ratio
//!   differs from the one before by 5 points or more ("restart").
//!
//! What the window gains comes from protected alone, whose limit falls by as much, so that the window has at most what
//! protected had; probation keeps its share. Entries move with the border, a few at a request: the oldest of probation
//! become the newest of the window, and the oldest of the window the newest of probation. The window keeps at least one
//! unit.
//!
//! The first move is towards a larger window. Caffeine's is towards a smaller one, where a window of 1 % has next to nothing
//! to give, so that its border rests until the hit ratio falls for another reason.
//!
//! # Figures
//!
//! Percent of LRU's misses removed, in the mean over 39 rows of twelve traces, and over the 20 of them that are not of the
//! LIRS paper, by `cargo run --release -p host-simulator --example reduction -- ../shared/traces w-tinylfu-climb`:
//!
//! | policy | 39 rows | 20 rows |
//! |---|---:|---:|
//! | W-TinyLFU | 3.95 | -4.80 |
//! | this | 7.11 | 0.26 |
//! | with Caffeine's first move | 6.25 | -0.62 |
//! | theine-core 2.1, another implementation of Caffeine's | 5.46 | -1.49 |
//!
//! # Edges
//!
//! - Requests count from the first eviction on, as in Caffeine's simulator: before it nothing depends on the window.
//!   (Caffeine itself counts from when the cache is half full.)
//! - A new capacity begins anew, with the window's share at the start. So does a policy that takes over from another.
//! - In a cache of under 16 entries a step is less than an entry, and the window stays.
//! - An entry that weighs more than what is left of a step ends it.
//! - Ratios are compared as fractions, so that the decision is the same on every machine.
//!
//! When not to use it: where a run is short. A sample is 10 requests an entry, and some ten samples are needed to cross
//! half of the cache.

use super::segments::{PROBATION, WINDOW};
use super::{NIL, Slot, WTinyLfu};

/// The whole capacity, in the unit of steps.
const WHOLE: i64 = 1 << 32;

/// The first step, and the one after a restart: 6.25 % of the capacity.
const FIRST_STEP: i64 = WHOLE / 16;

/// What is left of a step for the next one, in percent.
const DECAY_PERCENT: i64 = 98;

/// A hit ratio that differs by one in so many, 5 points, restarts.
const RESTART: u128 = 20;

/// Entries that change sides at one request, so that none waits for all.
const MOVES_PER_REQUEST: u32 = 64;

/// Where the border goes.
#[derive(Debug, Clone)]
pub(super) struct Climber {
    /// Something was evicted: requests count.
    full: bool,
    hits: u64,
    requests: u64,
    /// Hits and requests of the sample before.
    before: (u64, u64),
    /// The next step: to a larger window where it is positive.
    step: i64,
    /// What is left of the last step, in the unit of the weights.
    due: i64,
}

impl Climber {
    pub(super) const fn new() -> Self {
        Self { full: false, hits: 0, requests: 0, before: (0, 1), step: FIRST_STEP, due: 0 }
    }

    /// The cache is full from now on.
    #[inline]
    pub(super) const fn start(&mut self) {
        self.full = true;
    }

    #[inline]
    pub(super) fn count(&mut self, hit: bool) {
        let counts = u64::from(self.full);
        self.requests += counts;
        self.hits += counts * u64::from(hit);
    }

    /// Whether the sample, of so many requests, is complete. 0 stands for a number not known yet.
    #[inline]
    const fn is_complete(&self, sample: u64) -> bool {
        sample > 0 && self.requests >= sample
    }

    /// The sample is complete.
    fn turn(&mut self, capacity: u64) {
        let ((hits_before, requests_before), hits, requests) = (self.before, self.hits, self.requests);
        let now = u128::from(hits) * u128::from(requests_before);
        let then = u128::from(hits_before) * u128::from(requests);
        let step = if now >= then { self.step } else { -self.step };
        let weight = i128::from(capacity) * i128::from(step) / i128::from(WHOLE);
        self.due = i64::try_from(weight).unwrap_or(0);
        let restarts = now.abs_diff(then) * RESTART >= u128::from(requests) * u128::from(requests_before);
        self.step = if restarts { step.signum() * FIRST_STEP } else { step * DECAY_PERCENT / 100 };
        self.before = (hits, requests);
        (self.hits, self.requests) = (0, 0);
    }
}

impl WTinyLfu {
    /// Moves the border, if that is due.
    #[inline]
    pub(super) fn climb(&mut self) {
        if let Some(climber) = &self.climber
            && (climber.due != 0 || climber.is_complete(self.sample))
        {
            self.move_border();
        }
    }

    #[cold]
    fn move_border(&mut self) {
        let Some(climber) = &mut self.climber else { return };
        if climber.is_complete(self.sample) {
            climber.turn(self.capacity);
        }
        let mut due = climber.due;
        for _ in 0..MOVES_PER_REQUEST {
            let left = if due > 0 { self.grow(due.unsigned_abs()) } else { self.shrink(due.unsigned_abs()) };
            due = due.signum() * i64::try_from(left).unwrap_or(0);
            if left == 0 {
                break;
            }
        }
        if let Some(climber) = &mut self.climber {
            climber.due = due;
        }
    }

    /// Moves one entry to the window, for up to `due`. What is then left; 0 if there is none to move.
    pub(super) fn grow(&mut self, due: u64) -> u64 {
        let main = [&self.segments.probation, &self.segments.protected].map(|segment| segment.list.front());
        let oldest = main.into_iter().find(|&slot| slot != NIL).unwrap_or(NIL);
        let weight = self.weights.get(oldest);
        if oldest == NIL || weight > due.min(self.max_protected) {
            return 0;
        }
        self.max_window += weight;
        self.max_main -= weight;
        self.max_protected -= weight;
        self.relocate(Slot(oldest), WINDOW);
        self.settle_protected();
        due - weight
    }

    /// Moves one entry out of the window, for up to `due`. What is then left; 0 if there is none to move.
    pub(super) fn shrink(&mut self, due: u64) -> u64 {
        let oldest = self.segments.window.list.front();
        let weight = self.weights.get(oldest);
        if oldest == NIL || weight > due || weight >= self.max_window {
            return 0;
        }
        self.max_window -= weight;
        self.max_main += weight;
        self.max_protected += weight;
        self.relocate(Slot(oldest), PROBATION);
        due - weight
    }
}
