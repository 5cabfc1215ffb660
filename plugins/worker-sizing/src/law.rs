//! Finds the number of workers that serves most, by small trials that are undone when they lose.
//!
//! A full pool where tasks wait is tried a little larger, now and then; a pool whose tasks were seen to be quicker among fewer
//! is tried a little smaller. A trial is compared with the sample before it and, where that does not decide, with the one after
//! it as well, so that a load that drifts is no gain. A trial that pays in full is followed by a larger one in the same
//! direction; one that does not bounds the search, which goes on in between. The number that is held is never left but for one
//! that was seen to be better, and starts as what the profile or the user has set.
//!
//! The size of a trial follows the noise: as small as can be told from it. Once nothing is gained any more, trials upwards
//! go on at intervals, because a limit that moves up shows in nothing else.

mod next;

use crate::limit;
use crate::load::Load;
use crate::noise::Noise;
use crate::observation::{Observation, Sample};
use crate::side::{Direction, Side, Verdict, needed};
use crate::{Settings, whole};

/// The largest ratio of a first trial.
const LARGEST: f64 = 2.0;
/// Standard deviations of a comparison that a first trial is worth, were its gain in full.
const TOLD: f64 = 2.5;
/// A trial that paid is followed by one that is as many times as large, in logarithms.
const SPEED_UP: f64 = 2.5;
/// The largest ratio of a trial; of one downwards, which costs in proportion where it goes too far; of one that follows another
/// which neither paid nor cost.
const FURTHEST: f64 = 4.0;
const FURTHEST_DOWN: f64 = 2.0;
const UNPAID: f64 = 1.25;
/// Share of a step, both as logarithms, from which its gain is in full: upwards, downwards, and in part.
const FULL_UP: f64 = 0.6;
const FULL_DOWN: f64 = 0.2;
const IN_PART: f64 = 0.3;
/// A trial downwards that loses this share of its step, both as logarithms, loses in proportion.
const IN_PROPORTION: f64 = 0.6;
/// The largest ratio of a first trial downwards.
const LARGEST_DOWN: f64 = 1.3;
/// A bound is searched up to where this many first trials are left.
const LEFT: f64 = 1.7;
/// Ticks of the longest rest between trials downwards.
const LONGEST_REST: u64 = 128;
/// A loss up to this is none; the noise adds up to half of the most.
const LOSSLESS: f64 = 0.02;
const MOST_NOISE: f64 = 0.1;
/// Share of failures from which there may be too many at once.
const FAILS: f64 = 0.01;
/// Share by which the tasks at once of a fixed number of clients may differ from a whole number.
const STEADY: f64 = 0.001;
/// Share of a step down by which service has to become quicker, both as logarithms, for a further one.
const QUICKER: f64 = 0.25;
/// A trial that loses more than this is costly, and followed by so many ticks without one.
const COSTLY: f64 = 0.06;
const BETWEEN: u64 = 3;
/// A trial at which tasks failed is repeated after so many rests at most.
const MOST_RESTS: u64 = 4;
/// Ticks between steps down while tasks fail: those without an answer hold their workers for a while.
const FAILED_REST: u64 = 8;
/// First trials downwards where nobody waits that are made until one says something.
const LOOKS: u32 = 4;
/// Ticks after a trial downwards that lost in proportion until the next one that nothing but ignorance speaks for, also where
/// the load has changed meanwhile.
const LOOK_AGAIN: u64 = 16;
/// Share of a window that may still show the number of workers before, and windows that are waited for at most.
const CARRIED: f64 = 0.1;
const MOST_WASH_IN: f64 = 5.0;
/// Ticks in a row after which a number that somebody else has set is held: the host returns to what was before for up to
/// seven, to judge what was decided.
const FOREIGN: u32 = 8;
/// A refusal for longer than so many ticks is no moment.
const SOON: u64 = 4;

/// What the law wants.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    Stay,
    To { workers: u32, reason: String },
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    /// Measures the number that is held.
    Held,
    /// Measures another one.
    Trial(Trial),
    /// Measures the number that is held once more, after a trial that did not decide.
    After(Trial, Sample),
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Trial {
    direction: Direction,
    to: u32,
    before: Sample,
    /// Whether others of this direction were tried on the way here, and lost nothing.
    chained: bool,
    /// The gain that the fitted law predicts, as a logarithm.
    predicted: Option<f64>,
}

/// What a trial brought.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    /// As a logarithm.
    gain: f64,
    /// Logarithm of the ratio of workers.
    step: f64,
    /// Standard deviation of the gain.
    deviation: f64,
    /// Whether tasks fail that did not before.
    fails: bool,
}

/// The law of one pool.
#[derive(Debug)]
pub(crate) struct Law {
    settings: Settings,
    pool: &'static str,
    /// The number that is the best so far; 0 before the first tick.
    held: u32,
    state: State,
    base: Option<Sample>,
    sample: Sample,
    up: Side,
    down: Side,
    noise: Noise,
    load: Load,
    /// Samples in a row with the same whole number of tasks at once: a fixed number of clients that all are served.
    steady: u32,
    /// No trial downwards out of ignorance alone before this tick.
    looks_again: u64,
    /// Windows that still show what was before.
    wash_in: u32,
    /// Ticks in a row in which the pool had another size than this law gave it, and that size.
    foreign: u32,
    foreign_workers: u32,
    /// The number of the last trial that somebody else has stopped.
    stopped: Option<u32>,
}

impl Law {
    pub(crate) fn new(pool: &'static str, settings: Settings) -> Self {
        Self {
            pool,
            held: 0,
            state: State::Held,
            base: None,
            sample: Sample::default(),
            up: Side::new(settings.smallest_step, settings.rest_ticks),
            down: Side::new(settings.smallest_step, 2 * settings.rest_ticks),
            settings,
            noise: Noise::default(),
            load: Load::default(),
            steady: 0,
            looks_again: 0,
            wash_in: 0,
            foreign: 0,
            foreign_workers: 0,
            stopped: None,
        }
    }

    /// One tick: takes in what there is to see, and says what to do.
    pub(crate) fn step(&mut self, now: &Observation) -> Step {
        if now.workers != self.expected() {
            // The host has returned to a trial that it had stopped: it is no longer known what that started from.
            let own = self.stopped == Some(now.workers);
            self.moved(now);
            if own && now.workers != self.held {
                return self.to(self.held, now, "back, from a trial that was stopped");
            }
            if now.workers != self.held {
                return Step::Stay;
            }
        }
        if std::mem::take(&mut self.foreign) > 0 && self.held == now.workers && self.base.is_some() {
            // What the other number left is still in this window.
            self.wash_in(now);
            return Step::Stay;
        }
        if now.succeeded + now.failed <= 0.0 && now.queued <= 0.0 {
            // Nothing to do, nothing to see.
            return Step::Stay;
        }
        if self.wash_in > 0 {
            self.wash_in -= 1;
            return Step::Stay;
        }
        self.sample.add(now);
        if !self.sample.is_enough() {
            return Step::Stay;
        }
        let sample = std::mem::take(&mut self.sample);
        self.load.saw(&sample);
        match std::mem::replace(&mut self.state, State::Held) {
            State::Held => self.measured(sample, now),
            State::Trial(trial) => self.tried(trial, sample, now),
            State::After(trial, tried) => self.after(trial, tried, sample, now),
        }
    }

    /// The proposal was refused: nothing before that tick. Where that is long, the host has decided against this law, and what
    /// it has set is held from now on.
    pub(crate) fn refused(&mut self, now: &Observation, until: u64) {
        if until > now.tick + SOON {
            self.held = 0;
        }
        self.state = State::Held;
        self.sample = Sample::default();
        self.up.rests_until = self.up.rests_until.max(until);
        self.down.rests_until = self.down.rests_until.max(until);
    }

    /// What limits the pool, once something was measured.
    pub(crate) fn limit(&self, now: &Observation) -> Option<String> {
        self.base.as_ref().map(|base| limit::named(now, base, &self.load))
    }

    fn expected(&self) -> u32 {
        match &self.state {
            State::Trial(trial) => trial.to,
            State::Held | State::After(..) => self.held,
        }
    }

    /// Somebody else has resized the pool, or it is the first tick.
    fn moved(&mut self, now: &Observation) {
        if let State::Trial(trial) = &self.state {
            self.stopped = Some(trial.to);
        }
        self.state = State::Held;
        self.sample = Sample::default();
        if self.foreign_workers != now.workers {
            (self.foreign, self.foreign_workers) = (0, now.workers);
        }
        self.foreign += 1;
        if self.held == 0 || self.foreign > FOREIGN {
            self.held = now.workers;
            self.base = None;
            let rests = (self.up.rests_until, self.down.rests_until);
            self.forget();
            (self.up.rests_until, self.down.rests_until) = rests;
            self.wash_in(now);
        }
    }

    /// Ratio of a first trial: large enough to be told from the noise.
    fn first_ratio(&self) -> f64 {
        let noise = std::f64::consts::SQRT_2 * self.noise.of_sample(self.base.as_ref());
        (TOLD * noise).exp().clamp(self.settings.smallest_step, LARGEST)
    }

    /// What was learnt is about another load.
    fn forget(&mut self) {
        let first = self.first_ratio();
        self.up = Side::new(first, self.settings.rest_ticks);
        self.down = Side::new(first.min(LARGEST_DOWN), 2 * self.settings.rest_ticks);
        self.load.forget();
    }

    /// Another sample of the number that is held.
    fn measured(&mut self, sample: Sample, now: &Observation) -> Step {
        let at_once = sample.in_flight();
        let same = |other: f64| (at_once - other).abs() < STEADY * at_once;
        let steady = same(at_once.round()) && self.base.is_some_and(|base| same(base.in_flight()));
        self.steady = if steady { self.steady + 1 } else { 0 };
        if let Some(base) = self.base {
            if self.noise.is_changed(&base, &sample) {
                self.forget();
            } else {
                self.noise.note(&base, &sample);
            }
            if sample.is_saturated() && !base.is_saturated() {
                self.up.rests_until = now.tick;
            }
        }
        self.base = Some(sample);
        self.next(sample, now)
    }

    fn attempt(&mut self, direction: Direction, to: u32, before: Sample, now: &Observation) -> Step {
        let fit = self.load.curve.fit();
        let predicted = fit.map(|fit| fit.speed_up(before.in_flight(), f64::from(to)).max(1e-3).ln());
        self.state = State::Trial(Trial { direction, to, before, chained: false, predicted });
        self.wash_in(now);
        let mut why = format!("trial at {:.0} tasks a second, limited by ", before.per_second());
        why += &limit::named(now, &before, &self.load);
        if let (Direction::Up, Some(predicted), Some(fit)) = (direction, predicted, fit) {
            why += &format!("; predicted {}", percent(predicted));
            why += match fit.counts {
                1 => " (Amdahl, p = 0.95",
                _ => " (USL",
            };
            if fit.counts > 2 {
                why += &format!(", fits to {:.0} %", fit.deviation * 100.0);
            }
            if let Some(error) = self.load.curve.error() {
                why += &format!(", off by {:.0} % so far", error * 100.0);
            }
            why.push(')');
        }
        self.to(to, now, &why)
    }

    /// A window still shows what was before, for as long as a task takes.
    fn wash_in(&mut self, now: &Observation) {
        let windows = now.service_us / 1e6 / now.seconds.max(1e-9);
        self.wash_in = whole((windows - CARRIED).ceil().clamp(0.0, MOST_WASH_IN));
        self.sample = Sample::default();
    }

    fn side(&mut self, direction: Direction) -> &mut Side {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }

    fn outcome(&self, trial: &Trial, before: &Sample, tried: &Sample) -> Outcome {
        let from = match trial.direction {
            Direction::Up => f64::from(self.held),
            Direction::Down => f64::from(self.held).min(trial.before.in_flight().max(1.0)),
        };
        let deviation = self.noise.between(before, tried);
        let gain = gain(trial.direction, before, tried, deviation);
        let fails = before.failed_share() <= FAILS && tried.failed_share() > before.failed_share();
        Outcome { gain, step: (f64::from(trial.to) / from).ln(), deviation, fails }
    }

    fn tried(&mut self, trial: Trial, tried: Sample, now: &Observation) -> Step {
        let outcome = self.outcome(&trial, &trial.before, &tried);
        let Outcome { gain, step, deviation, .. } = outcome;
        let saturated = trial.before.is_saturated() && tried.is_saturated();
        if let Some(predicted) = trial.predicted.filter(|_| saturated) {
            self.load.curve.came(predicted, gain);
        }
        let mut verdict = Side::verdict(gain, step, deviation, self.settings.needed);
        let waited_long = trial.before.mean_wait_us() > trial.before.mean_service_us();
        if verdict == Verdict::Gains && trial.direction == Direction::Up && !saturated && !waited_long {
            // The demand may have fallen meanwhile.
            verdict = Verdict::Open;
        }
        if verdict == Verdict::Gains || spares_failures(&trial, &tried, outcome) {
            return self.accept(trial, tried, outcome, now);
        }
        let promises = verdict == Verdict::Open && gain > needed(step, self.settings.needed);
        if promises && gain > deviation {
            return self.compare(trial, tried, now);
        }
        if let Some(to) = self.further_down(&trial, &tried, outcome, now) {
            let step = self.attempt(Direction::Down, to, trial.before, now);
            if let State::Trial(trial) = &mut self.state {
                trial.chained = true;
            }
            return step;
        }
        if promises {
            return self.compare(trial, tried, now);
        }
        self.reject(trial, outcome, now)
    }

    /// Where a trial downwards has lost nothing and made tasks quicker: further down it may gain.
    fn further_down(
        &self,
        trial: &Trial,
        tried: &Sample,
        outcome: Outcome,
        now: &Observation,
    ) -> Option<u32> {
        let Outcome { gain, step, deviation, .. } = outcome;
        if trial.direction == Direction::Up || self.down.bound.is_some() || !is_lossless(gain, deviation) {
            return None;
        }
        let quicker = (trial.before.mean_service_us() / tried.mean_service_us().max(1.0)).ln();
        if quicker < QUICKER * step.abs() && step.abs() > deviation {
            return None;
        }
        let least = self.load.fewest(&trial.before).max(now.least).max(1);
        let to = whole(f64::from(trial.to) / (step.abs() * SPEED_UP).exp().min(UNPAID));
        let to = to.max(least).min(trial.to.saturating_sub(1));
        (to >= least).then_some(to)
    }

    /// Returns to the number that is held, to see what that brings now.
    fn compare(&mut self, trial: Trial, tried: Sample, now: &Observation) -> Step {
        self.state = State::After(trial, tried);
        self.wash_in(now);
        self.to(self.held, now, "back, to compare")
    }

    fn after(&mut self, trial: Trial, tried: Sample, after: Sample, now: &Observation) -> Step {
        self.base = Some(after);
        if self.noise.is_changed(&trial.before, &after) {
            self.forget();
            return Step::Stay;
        }
        self.noise.note(&trial.before, &after);
        let (first, last) =
            (self.outcome(&trial, &trial.before, &tried), self.outcome(&trial, &after, &tried));
        // The variance of a sample's distance from the mean of two others is three quarters of that from one.
        let deviation = first.deviation * 0.75_f64.sqrt();
        let outcome = Outcome { gain: f64::midpoint(first.gain, last.gain), deviation, ..first };
        let least = self.settings.needed;
        match self.side(trial.direction).pair(outcome.gain, outcome.step, deviation, least) {
            Verdict::Gains => {
                self.hold(trial, tried, outcome, now);
                self.wash_in(now);
                self.to(trial.to, now, &format!("{} than before and after", percent(outcome.gain)))
            }
            Verdict::Fails => {
                self.lost(trial, outcome, now);
                self.next(after, now)
            }
            Verdict::Open => self.attempt(trial.direction, trial.to, after, now),
        }
    }

    /// The pool stands there already.
    fn accept(&mut self, trial: Trial, tried: Sample, outcome: Outcome, now: &Observation) -> Step {
        self.hold(trial, tried, outcome, now);
        if trial.before.failed_share() > FAILS {
            self.down.rests_until = now.tick + FAILED_REST;
            self.down.bound = None;
            self.up.rests_until = now.tick + FAILED_REST;
        }
        let goes_on = trial.direction == Direction::Down && self.down.rests_until <= now.tick;
        if goes_on
            && self.may_wait_for_each_other(&tried)
            && let Some(to) = self.below(&tried, now)
        {
            return self.attempt(Direction::Down, to, tried, now);
        }
        self.next(tried, now)
    }

    /// Holds the number of a trial from now on.
    fn hold(&mut self, trial: Trial, tried: Sample, outcome: Outcome, now: &Observation) {
        let (from, first) = (self.held, self.first_ratio());
        self.held = trial.to;
        self.base = Some(tried);
        let step = outcome.step.abs();
        let paid = outcome.gain / step;
        let (full, other, rest, furthest) = match trial.direction {
            Direction::Up => (paid > FULL_UP, Direction::Down, self.settings.rest_ticks, FURTHEST),
            Direction::Down => (paid > FULL_DOWN, Direction::Up, 2 * self.settings.rest_ticks, FURTHEST_DOWN),
        };
        let again = if paid > IN_PART { step } else { 0.0 };
        let side = self.side(trial.direction);
        side.clear();
        side.looks = LOOKS;
        side.rest = rest;
        side.rests_until = now.tick;
        side.ratio = (if full { step * SPEED_UP } else { again }).exp().clamp(first, furthest.max(first));
        // A number that lost by noise bounds no longer what pays in full close to it.
        side.bound = side.bound.filter(|_| !full || trial.direction == Direction::Down);
        // Where it came from is known to be worse.
        let bound = (step > LEFT * first.ln()).then_some(from);
        let side = self.side(other);
        side.clear();
        side.looks = LOOKS;
        side.bound = bound;
        // A step that paid in full has not gone too far.
        let between = bound.is_some() && !(full && trial.direction == Direction::Up);
        side.rests_until = if between { now.tick } else { now.tick + side.rest };
    }

    fn reject(&mut self, trial: Trial, outcome: Outcome, now: &Observation) -> Step {
        self.lost(trial, outcome, now);
        // Straight on to the next trial of this direction, where there is one in between.
        let again = match trial.direction {
            Direction::Up if self.up.rests_until <= now.tick => self.above(&trial.before, now),
            Direction::Down if self.down.rests_until <= now.tick => self.below(&trial.before, now),
            Direction::Up | Direction::Down => None,
        };
        if let Some(to) = again {
            return self.attempt(trial.direction, to, trial.before, now);
        }
        self.wash_in(now);
        self.to(self.held, now, &format!("undone: {}", percent(outcome.gain)))
    }

    fn lost(&mut self, trial: Trial, outcome: Outcome, now: &Observation) {
        let Outcome { gain, step, .. } = outcome;
        let (first, noise, held) = (self.first_ratio(), self.noise.of_difference(), self.held);
        let rest = self.settings.rest_ticks;
        let is_down = trial.direction == Direction::Down;
        let in_proportion = is_down && gain < IN_PROPORTION * step;
        if in_proportion {
            self.looks_again = now.tick + LOOK_AGAIN;
        }
        let side = self.side(trial.direction);
        side.clear();
        let larger = (step.abs() * SPEED_UP).exp().min(LARGEST);
        if is_down && side.bound.is_none() && is_lossless(gain, noise) && side.ratio < larger {
            // Within the noise: a larger trial tells more.
            side.ratio = larger;
            side.rests_until = now.tick + 1;
            return;
        }
        if outcome.fails {
            // Somebody pays for each such trial.
            side.rest = (side.rest * 2).min(MOST_RESTS * rest);
        }
        side.looks = if step.abs() < 2.0 * noise { side.looks + 1 } else { LOOKS };
        side.bound = Some(trial.to);
        let from = if is_down { f64::from(held).min(trial.before.in_flight()) } else { f64::from(held) };
        let left = (f64::from(trial.to) / from.max(1.0)).ln().abs();
        // What loses in proportion leaves nothing to find in between, and on the way to a chained trial nothing was gained.
        if !trial.chained && !in_proportion && left > LEFT * first.ln() && trial.to.abs_diff(held) > 1 {
            side.rests_until = now.tick;
            return;
        }
        self.rest(trial.direction, gain < -COSTLY, now);
    }

    /// The search in this direction is over for now.
    fn rest(&mut self, direction: Direction, costly: bool, now: &Observation) {
        let first = self.first_ratio();
        if costly {
            for side in [&mut self.up, &mut self.down] {
                side.rests_until = side.rests_until.max(now.tick + BETWEEN);
            }
        }
        let side = self.side(direction);
        side.clear();
        side.bound = None;
        side.ratio = if direction == Direction::Down { first.min(LARGEST_DOWN) } else { first };
        side.rests_until = now.tick + side.rest;
        if direction == Direction::Down && side.looks >= LOOKS {
            side.rest = (side.rest * 2).min(LONGEST_REST);
        }
    }

    fn to(&self, workers: u32, now: &Observation, why: &str) -> Step {
        if workers == now.workers {
            return Step::Stay;
        }
        Step::To { workers, reason: format!("{} pool {} -> {workers}: {why}", self.pool, now.workers) }
    }
}

/// What a trial brought, as a logarithm: of goodput, or of time where the demand decides how much is served.
fn gain(direction: Direction, before: &Sample, tried: &Sample, deviation: f64) -> f64 {
    let served = tried.utility() - before.utility();
    let faster = (before.mean_total_us().max(1.0) / tried.mean_total_us().max(1.0)).ln();
    let by_demand = !(before.is_saturated() && tried.is_saturated());
    match direction {
        // Everybody is served. What waited before was served besides, so that a gain of goodput says too much.
        Direction::Up if !tried.is_saturated() && is_lossless(served, deviation) => faster,
        // As much is asked for as before, and answered sooner.
        Direction::Down if by_demand && is_lossless(served, deviation) => served.max(faster),
        Direction::Up | Direction::Down => served,
    }
}

/// Fewer failures for the same work.
fn spares_failures(trial: &Trial, tried: &Sample, outcome: Outcome) -> bool {
    let (before, after) = (trial.before.failed_share(), tried.failed_share());
    let fewer = before > FAILS && after < before;
    trial.direction == Direction::Down && fewer && is_lossless(outcome.gain, outcome.deviation)
}

fn is_lossless(gain: f64, deviation: f64) -> bool {
    gain > -LOSSLESS - 0.5 * deviation.min(MOST_NOISE)
}

/// A logarithm as a change in percent.
fn percent(gain: f64) -> String {
    format!("{:+.0} %", gain.exp_m1() * 100.0)
}

#[cfg(test)]
mod tests;
