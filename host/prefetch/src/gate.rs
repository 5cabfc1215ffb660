//! Whether a rule may load: a sequential test over what its keys came to.
//!
//! Each key that was prefetched or held back scores when it is decided. In units of half an origin load: +2 where it was
//! asked for, which is the load that its request does not wait for, or the part of it that had passed by then; -3 where it was not, which is its own load, with half
//! of one more for the requests behind it and the bandwidth; -2 for a miss of something that left to make room. So a rule
//! breaks even at 60 % of its loads asked for. One that is asked for at once saves nothing, and loads nothing either that its request would not.
//!
//! | phase | keys | ends |
//! |---|---|---|
//! | trial | all held back, which costs nothing, and measured | live where the score is positive after [`LEAST_TRIED`] keys; rest where it loses |
//! | live | loaded, but for one in twenty | rest where it loses |
//! | rest | not even measured | after a number of triggers that doubles each time: trial, which then has to be won beyond noise |
//!
//! Loads that are not decided yet are a risk: a gate has no more of them open than its score would pay for if all of them were
//! wasted, and [`LEAST`] more. So a rule can never lose much more than it has gained, however late that is found out.
//!
//! To lose is a sum of scores below zero by more than [`NOISE`] standard errors. Old scores fade, so that a gate follows
//! what changes. The rules of one kind and owner share gates, one for each confidence and distance (see [`Family`]), so that a new
//! rule begins with what its kind has shown, and a kind learns how deep it may go. A rule that names its keys has a gate of its
//! own besides. One that finds them has none: what it is least sure of would speak against what it is surest of (on OLTP that
//! is the difference between 0.1 and 3 to 9 % of the misses).

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;

/// Keys that have to be decided before a loss is one; and before a trial is won.
const LEAST: f64 = 8.0;
const LEAST_TRIED: f64 = 4.0;
/// Standard errors that make a loss.
const NOISE: f64 = 2.5;
/// What a score keeps as the next one comes.
const FADE: f64 = 1.0 - 1.0 / 512.0;
/// Triggers of the first rest.
const FIRST_REST: u64 = 256;
const MOST_DOUBLINGS: u32 = 12;

/// Score of a key that was asked for.
pub(crate) const ASKED: f64 = 2.0;
/// Score of a key that was not.
pub(crate) const UNASKED: f64 = -3.0;
/// Score of a miss that was caused.
pub(crate) const CAUSED: f64 = -2.0;

/// Score of a key that was asked for when this part of its load's time had passed, 0 to 1.
pub(crate) fn asked_after(part: f64) -> f64 {
    part * ASKED
}

/// In the order of what it allows, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Rest,
    Trial,
    Live,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    sum: f64,
    squares: f64,
    count: f64,
    /// Keys prefetched and not decided.
    open: f64,
}

/// A trigger reads the phase and takes no lock; whoever decides holds one for a few instructions. What threads that
/// meet here do to the count of a rest is a trigger more or less of it.
#[derive(Debug)]
pub(crate) struct Gate {
    phase: AtomicU8,
    /// Rests so far.
    rests: AtomicU32,
    /// Triggers until the rest is over.
    left: AtomicU64,
    state: Mutex<State>,
}

impl Default for Gate {
    /// Live.
    fn default() -> Self {
        Self::new(Phase::Live)
    }
}

impl Gate {
    pub(crate) fn new(phase: Phase) -> Self {
        let (rests, left) = (AtomicU32::new(0), AtomicU64::new(0));
        let gate = Self { phase: AtomicU8::default(), rests, left, state: Mutex::default() };
        gate.enter(phase);
        gate
    }

    fn enter(&self, phase: Phase) {
        let number = match phase {
            Phase::Rest => 0,
            Phase::Trial => 1,
            Phase::Live => 2,
        };
        self.phase.store(number, Ordering::Relaxed);
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Rest,
            1 => Phase::Trial,
            _ => Phase::Live,
        }
    }

    /// A trigger: what may be done with its key.
    pub(crate) fn trigger(&self) -> Phase {
        let phase = self.phase();
        if phase == Phase::Rest {
            let left = self.left.load(Ordering::Relaxed);
            if left <= 1 {
                let mut state = self.state.lock();
                *state = State { open: state.open, ..State::default() };
                self.enter(Phase::Trial);
                return Phase::Trial;
            }
            self.left.store(left - 1, Ordering::Relaxed);
        }
        phase
    }

    /// Whether it may have another key open.
    pub(crate) fn dares(&self) -> bool {
        let state = self.state.lock();
        -UNASKED * (state.open + 1.0) <= state.sum.max(0.0) - UNASKED * LEAST
    }

    /// A key is prefetched.
    pub(crate) fn open(&self) {
        self.state.lock().open += 1.0;
    }

    /// A key that was prefetched is decided.
    pub(crate) fn close(&self, score: f64) {
        self.state.lock().open -= 1.0;
        self.score(score);
    }

    /// What a key came to.
    pub(crate) fn score(&self, score: f64) {
        let mut state = self.state.lock();
        state.sum = state.sum * FADE + score;
        state.squares = state.squares * FADE + score * score;
        state.count = state.count * FADE + 1.0;
        let error = NOISE * state.squares.sqrt();
        let phase = self.phase();
        if phase == Phase::Rest {
            return;
        }
        // Faded counts are never whole.
        let enough = |least: f64| state.count > least - 0.5;
        let rests = self.rests.load(Ordering::Relaxed);
        if enough(LEAST) && state.sum < -error {
            self.left.store(FIRST_REST << rests.min(MOST_DOUBLINGS), Ordering::Relaxed);
            self.rests.store(rests.saturating_add(1), Ordering::Relaxed);
            *state = State { open: state.open, ..State::default() };
            self.enter(Phase::Rest);
        } else if enough(LEAST_TRIED)
            && phase == Phase::Trial
            && state.sum > if rests == 0 { 0.0 } else { error }
        {
            self.enter(Phase::Live);
        }
    }

    fn is_live(&self) -> bool {
        self.phase() == Phase::Live
    }

    /// Whether it is in its first trial.
    fn is_new(&self) -> bool {
        self.phase() == Phase::Trial && self.rests.load(Ordering::Relaxed) == 0
    }

    pub(crate) fn is_resting(&self) -> bool {
        self.phase() == Phase::Rest
    }
}

/// Steps of confidence, and of distance.
const CONFIDENCES: usize = 8;
const DISTANCES: usize = 6;

/// The gates that the rules of one kind and owner share.
#[derive(Debug)]
pub(crate) struct Family([Gate; CONFIDENCES * DISTANCES]);

/// Which of the gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(usize);

impl Place {
    /// `confidence`: how often a rule was right in a row; `distance`: how many keys ahead, at least 1. Each step is twice
    /// the one before.
    pub(crate) fn new(confidence: u32, distance: u32) -> Self {
        let step = |n: u32| usize::try_from(n.max(1).ilog2()).unwrap_or(0);
        let confidence = step(confidence.saturating_add(1)).min(CONFIDENCES - 1);
        Self(confidence * DISTANCES + step(distance).min(DISTANCES - 1))
    }
}

impl Family {
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| Gate::new(Phase::Trial)))
    }

    /// Whether some of the gates rest and none is live.
    pub(crate) fn is_resting(&self) -> bool {
        self.0.iter().any(Gate::is_resting) && !self.0.iter().any(Gate::is_live)
    }

    #[expect(clippy::indexing_slicing, reason = "a place is bounded as it is made")]
    pub(crate) fn gate(&self, Place(place): Place) -> &Gate {
        &self.0[place]
    }

    /// A trigger at a place. One that was not tried to its end is live where the next lower confidence is, or the next
    /// shorter distance: it will hardly be much worse, and may risk little.
    pub(crate) fn trigger(&self, place: Place) -> Phase {
        let phase = self.gate(place).trigger();
        if phase != Phase::Trial || !self.gate(place).is_new() {
            return phase;
        }
        let Place(at) = place;
        let less_sure = at.checked_sub(DISTANCES);
        let nearer = if at.is_multiple_of(DISTANCES) { None } else { at.checked_sub(1) };
        let live = |at: Option<usize>| at.is_some_and(|at| self.gate(Place(at)).is_live());
        if live(less_sure) || live(nearer) { Phase::Live } else { Phase::Trial }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_ends_live_where_most_are_asked_for() {
        let gate = Gate::new(Phase::Trial);
        for score in [ASKED, UNASKED, ASKED] {
            gate.score(score);
        }
        assert_eq!(gate.phase(), Phase::Trial);
        gate.score(ASKED);
        assert_eq!(gate.phase(), Phase::Live);
    }

    #[test]
    fn what_loses_beyond_noise_rests_longer_each_time() {
        let gate = Gate::default();
        let mut rests = Vec::new();
        for _ in 0..3 {
            while !gate.is_resting() {
                gate.score(UNASKED);
            }
            let mut triggers = 1;
            while gate.trigger() == Phase::Rest {
                triggers += 1;
            }
            rests.push(triggers);
        }
        assert_eq!(rests, [FIRST_REST, 2 * FIRST_REST, 4 * FIRST_REST]);
        for _ in 0..8 {
            gate.score(ASKED);
            gate.score(UNASKED);
        }
        assert_ne!(gate.phase(), Phase::Live, "a second chance has to be won beyond noise");
        for _ in 0..100 {
            gate.score(ASKED);
        }
        assert_eq!(gate.phase(), Phase::Live);
    }

    #[test]
    fn a_rule_that_breaks_even_or_better_goes_on() {
        let gate = Gate::default();
        for turn in 0_u32..100_000 {
            // Two of three, in no order that the gate could lean on.
            let asked = turn.wrapping_mul(2_654_435_761) >> 16 & 0xffff < 43_690;
            gate.score(if asked { ASKED } else { UNASKED });
            assert_eq!(gate.phase(), Phase::Live, "after {turn}");
        }
    }

    #[test]
    fn no_more_is_risked_than_was_gained() {
        let gate = Gate::default();
        let dared = |gate: &Gate| (0..10_000).take_while(|_| gate.dares()).map(|_| gate.open()).count();
        assert_eq!(dared(&gate), 8);
        for _ in 0..8 {
            gate.close(ASKED);
        }
        assert_eq!(dared(&gate), 13, "8, and what 16 halves of a load pay for");
        for _ in 0..13 {
            gate.close(UNASKED);
        }
        assert_eq!(dared(&gate), 8, "all that was gained is spent");
        for _ in 0..8 {
            gate.close(UNASKED);
        }
        assert!(gate.is_resting());
    }

    #[test]
    fn misses_that_were_caused_count() {
        let gate = Gate::default();
        for _ in 0..40 {
            gate.score(ASKED);
            gate.score(CAUSED);
        }
        assert!(!gate.is_resting(), "even");
        for _ in 0..200 {
            gate.score(ASKED);
            gate.score(CAUSED);
            gate.score(CAUSED);
        }
        assert!(gate.is_resting());
    }

    #[test]
    fn every_confidence_and_distance_has_a_gate() {
        let family = Family::new();
        for confidence in [0, 1, 2, 7, 255, u32::MAX] {
            for distance in [0, 1, 2, 8, 64, u32::MAX] {
                assert_eq!(family.gate(Place::new(confidence, distance)).phase(), Phase::Trial);
            }
        }
        assert_ne!(Place::new(0, 1), Place::new(1, 1));
        assert_ne!(Place::new(0, 1), Place::new(0, 2));
    }
}
