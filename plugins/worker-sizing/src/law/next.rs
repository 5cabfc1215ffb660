//! Where to try next: upwards where tasks wait, downwards where tasks are slower than among fewer.

use super::{Direction, FAILS, FURTHEST, LOOKS, Law, Step};
use crate::limit;
use crate::observation::{Observation, Sample};
use crate::whole;

/// Ratio of a trial upwards where tasks wait now and then.
const HEADROOM: f64 = 1.25;
/// Where tasks wait for so many times as long as they take, the pool is likely far too small. The first trial is of this ratio
/// then, if the sample has few tasks, as in the first ticks of a run: a small one would be lost in the noise.
const BACKLOG: f64 = 8.0;
const FIRST: f64 = 1.5;
const FEW_TASKS: f64 = 0.1;
/// Share by which service is longer than among fewer, from which there may be too many at once; and where nobody waits.
const SLOWER: f64 = 0.08;
const MUCH_SLOWER: f64 = 0.3;
/// Share of few workers that a trial leaves at least, and how many are few.
const SPARED: f64 = 0.8;
const FEW: f64 = 6.0;
/// Ratio of a first trial downwards where nobody waits.
const LOOK: f64 = 1.06;
/// A prediction below this is no reason for a step, where predictions were right to within the same and rest on so many counts.
const LEAST_GAIN: f64 = 0.03;
const PREDICTED_FROM: usize = 4;

impl Law {
    /// The next trial, from the number that is held, whose last sample this is.
    pub(super) fn next(&mut self, base: Sample, now: &Observation) -> Step {
        let failing = base.failed_share() > FAILS;
        let noise = self.noise.of_service();
        if !failing && self.up.rests_until <= now.tick {
            if base.is_saturated() {
                if let Some(to) = self.above(&base, now) {
                    return self.attempt(Direction::Up, to, base, now);
                }
                self.rest(Direction::Up, false, now);
            } else if base.waits() && !self.load.is_slower(&base, SLOWER, noise) {
                let to = whole(f64::from(self.held) * HEADROOM).max(self.held + 1).min(now.most);
                if to > self.held {
                    return self.attempt(Direction::Up, to, base, now);
                }
            }
        }
        let slower =
            self.load.is_slower(&base, if base.is_saturated() { SLOWER } else { MUCH_SLOWER }, noise);
        let seen = base.is_saturated() || self.down.looks < LOOKS && self.steady >= 2;
        let unknown = seen
            && now.tick >= self.looks_again
            && base.in_flight() >= FEW
            && self.may_wait_for_each_other(&base);
        if (failing || slower || unknown) && self.down.rests_until <= now.tick {
            if let Some(to) = self.below(&base, now) {
                return self.attempt(Direction::Down, to, base, now);
            }
            self.rest(Direction::Down, false, now);
        }
        Step::Stay
    }

    pub(super) fn may_wait_for_each_other(&self, base: &Sample) -> bool {
        self.load.is_unknown(base) || self.load.is_slower(base, SLOWER, self.noise.of_service())
    }

    /// What to try upwards.
    pub(super) fn above(&mut self, base: &Sample, now: &Observation) -> Option<u32> {
        let held = f64::from(self.held);
        // The formula says where to look while nothing was tried.
        let untried = self.load.curve.error().is_none();
        let prior = now.prior.filter(|_| untried).unwrap_or(0.0).min(held * FURTHEST);
        let backlog = base.mean_wait_us() > BACKLOG * base.mean_service_us();
        let first = if untried && backlog && base.counting_noise() > FEW_TASKS { FIRST } else { 1.0 };
        let to = match self.up.bound {
            Some(bound) if bound > self.held => (held * f64::from(bound)).sqrt(),
            _ => (held * self.up.ratio.max(first)).max(prior),
        };
        let to = whole(to).max(self.held + 1).min(now.most);
        let is_large = f64::from(to) / held > 1.0 + 2.0 * (self.first_ratio() - 1.0);
        if is_large && self.is_predicted_in_vain(base, to) {
            self.up.ratio = self.first_ratio();
            let to = whole(held * self.up.ratio).max(self.held + 1).min(now.most);
            return (to > self.held).then_some(to);
        }
        (to > self.held && self.up.bound.is_none_or(|bound| to < bound)).then_some(to)
    }

    /// Whether the fitted law, which was right so far, predicts too little for a step.
    fn is_predicted_in_vain(&self, base: &Sample, to: u32) -> bool {
        let right = self.load.curve.error().is_some_and(|error| error < LEAST_GAIN);
        let Some(fit) = self.load.curve.fit().filter(|fit| fit.counts >= PREDICTED_FROM) else {
            return false;
        };
        right
            && fit.deviation < LEAST_GAIN
            && fit.speed_up(base.in_flight(), f64::from(to)) < 1.0 + LEAST_GAIN
    }

    /// What to try downwards.
    pub(super) fn below(&self, base: &Sample, now: &Observation) -> Option<u32> {
        let used_up = limit::is_cpu_used_up(now);
        if let Some(enough) = now.enough_for_cores.filter(|_| used_up && self.down.bound.is_none()) {
            let enough = whole(enough.ceil()).max(now.least).max(1);
            if enough < self.held {
                return Some(enough);
            }
        }
        let from = f64::from(self.held).min(base.in_flight().max(1.0));
        let to = match self.down.bound {
            Some(bound) if bound < self.held => (from * f64::from(bound)).sqrt(),
            _ if base.failed_share() > FAILS => from / LOOK,
            _ if !base.is_saturated() && self.down.looks == 0 => from / LOOK,
            _ => from / self.down.ratio,
        };
        let least = self.load.fewest(base).max(now.least).max(1);
        let to = whole(to).max(least).min(self.held.saturating_sub(1));
        // One of few workers is much to take away to see what happens.
        let needs = from / f64::from(to.max(1)) - 1.0;
        let spares = from >= FEW || f64::from(to) >= SPARED * from;
        if !spares && !self.load.is_slower(base, needs, self.noise.of_service()) {
            return None;
        }
        (to >= least && self.down.bound.is_none_or(|bound| to > bound)).then_some(to)
    }
}
