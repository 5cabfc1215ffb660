//! Dials without a shadow: which of their changes are tried, when, and what follows.
//!
//! A dial has a *reference*: the value that stood before the first change that is not judged yet. A strategy that turns
//! it opens a *course* and may go on turning; who comes back to the reference by themselves ends the course. A better value
//! that was seen on the way is what a trial returns to first: the way back to the reference may be far. Otherwise a trial of
//! the value in force ([`super::trial`]) ends it, one trial at a time:
//!
//! - At once, with every dial that was turned since, where the first ticks are far below those before (the guard).
//! - Once the value has stood for some ticks, or a strategy has moved for three times as many without rest. A return from
//!   what looks like a gain costs work, so that it waits until the share of the time that trials may cost covers it.
//!
//! Whoever turned a dial may go on once a trial has returned to the reference and what it saw since does not speak against the
//! present value: an author that searches would otherwise stand still for as long as a small difference takes to be found.
//!
//! A value once compared with the same reference is not tried again while the load is alike. Where what a value did lasts
//! (a cache that shrank has to fill again), turns would measure the filling: there is the guard alone.

mod ending;
mod starting;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use host_contract::number::to_f64;
use host_contract::{Dial, Judged, Snapshot, Value};

use super::rests::Rests;
use super::seen::{Block, Metric, Seen};
use super::trial::Trial;
use super::{Order, Plan, lasts};
use crate::effect::{Effect, Found};

/// Ticks kept from before a change, and of the present value before a trial.
const KEPT: usize = 4;
/// Ticks before a change without which the guard cannot tell noise.
const FEWEST: usize = 2;
/// The least fall that sets off the guard, on the logarithmic scale: a fifth.
const FALL: f64 = 0.22;
/// By how much a value of a course has to be ahead of the reference to be returned to instead, on the logarithmic scale.
const AHEAD: f64 = 0.05;
/// A fall, on the logarithmic scale, after which nobody is waited for.
const COLLAPSE: f64 = 0.5;

/// A dial that has left its reference.
#[derive(Debug)]
struct Course {
    reference: Value,
    /// What it was turned to last.
    present: Value,
    left: u64,
    /// The tick of the last change.
    moved: u64,
    before: Block,
    /// The last tick before it left, wash-in or not.
    last: Option<Seen>,
    decision: u64,
    authors: BTreeSet<usize>,
    slow: bool,
    /// Whether another dial was turned since.
    disturbed: bool,
    /// Ticks in a row, wash-in included, that were far below those before.
    low: u64,
    /// Ticks of work that were served less than before since the reference was left.
    short: f64,
    /// Returns to the reference so far, after which its author went on.
    returns: u32,
    /// Clean ticks at the present value.
    here: Block,
    /// The best value seen since the reference was left, where it is better than that, with its ticks.
    best: Option<(Value, Block)>,
}

impl Course {
    /// A course that begins in this tick.
    fn open(turned: Turned, tick: u64, before: Block, last: Option<Seen>) -> Self {
        Self {
            reference: turned.from,
            present: turned.to,
            left: tick,
            moved: tick,
            before,
            last,
            decision: turned.decision,
            authors: turned.authors,
            slow: turned.slow,
            disturbed: false,
            low: 0,
            short: 0.0,
            returns: 0,
            here: Block::default(),
            best: None,
        }
    }

    /// Takes in a clean tick at the present value.
    fn saw(&mut self, seen: Seen, metric: Metric) {
        self.here.0.push(seen);
        if self.here.len() > KEPT {
            self.here.0.remove(0);
        }
        let known = self.best.as_ref().map_or(&self.before, |(_, block)| block);
        let levels = known.level(metric).zip(self.here.level(metric));
        let is_here = self.best.as_ref().is_some_and(|(value, _)| *value == self.present);
        if is_here || self.here.len() >= FEWEST && levels.is_some_and(|(known, here)| here > known + AHEAD) {
            self.best = Some((self.present.clone(), self.here.clone()));
        }
    }
}

/// A dial that was turned by strategies.
#[derive(Debug, Clone)]
pub(crate) struct Turned {
    pub(crate) dial: Dial,
    pub(crate) from: Value,
    pub(crate) to: Value,
    pub(crate) decision: u64,
    pub(crate) authors: BTreeSet<usize>,
    /// Whether what the value does lasts when it is left.
    pub(crate) slow: bool,
}

/// A value that its author took back while much less was served than before.
#[derive(Debug)]
struct Fallen {
    dial: Dial,
    authors: BTreeSet<usize>,
    /// The level from which it was the value, and not the load, that made the difference.
    recovered: f64,
    /// Ticks without any work that it cost as much as.
    ticks: f64,
}

/// Two values that were compared, and the level of the first then.
#[derive(Debug)]
struct Compared(Value, Value, f64);

/// The dials without a shadow of one run.
#[derive(Debug, Default)]
pub(crate) struct Switchback {
    courses: BTreeMap<Dial, Course>,
    trial: Option<Trial>,
    /// The tick of the last change of anything that matters, and what was seen right before it.
    changed: u64,
    before: Block,
    /// Ticks at what stands now, wash-in left out.
    standing: VecDeque<Seen>,
    compared: BTreeMap<Dial, VecDeque<Compared>>,
    /// Taken back in the last tick.
    fallen: Vec<Fallen>,
    /// What the last tick saw, wash-in or not.
    last: Option<Seen>,
    /// Ticks so far, and how many of them trials have cost.
    ticks: f64,
    spent: f64,
    /// Whether the dials have been seen where they stood at the start.
    seen: bool,
    /// Whether settings came in while a trial was under way.
    interrupted: bool,
}

impl Switchback {
    /// The first tick in which a proposal for the dial is heard, as far as trials go; none where it is free.
    pub(crate) fn held(&self, dial: Dial, judged: Judged, tick: u64, plan: Plan) -> Option<u64> {
        if self.trial.as_ref().is_some_and(|trial| trial.may_move_on(dial)) {
            return None;
        }
        let lasts = lasts(judged);
        let without_shadow = lasts || judged == Judged::Throughput;
        let early = plan.early_ticks;
        // While the cache is cold, nothing was seen that what lasts could be held against.
        if lasts && (tick <= early || self.standing.len() < KEPT && tick <= early.saturating_mul(2)) {
            return Some(tick + 1);
        }
        let tried = self.trial.is_some() && without_shadow;
        let unseen = !self.seen && tick <= early && without_shadow;
        let own = self.trial.as_ref().is_some_and(|trial| trial.dials.iter().any(|of| of.dial == dial));
        (tried || unseen || own).then_some(tick + 1)
    }

    /// How soon the next tick is wanted: what was just turned is looked at as often as what stood before, however slow it
    /// makes the requests.
    pub(crate) fn pace(&self) -> Option<Duration> {
        let seconds = match &self.trial {
            Some(trial) => trial.pace(),
            None => {
                let fresh = self.courses.values().filter(|course| course.moved == self.changed);
                let paces = fresh.filter_map(|course| course.before.seconds_a_tick());
                paces.reduce(f64::min).filter(|_| self.standing.len() < FEWEST)
            }
        };
        seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    }

    /// Whether a trial is under way.
    pub(crate) fn is_trying(&self) -> bool {
        self.trial.is_some()
    }

    /// Settings came in: the trial under way ends with the next tick.
    pub(crate) fn interrupt(&mut self) {
        self.interrupted = self.trial.is_some();
    }

    /// Anything was turned in this tick: what is seen from now on is of another setting.
    fn disturb(&mut self, tick: u64, but: Option<Dial>) {
        if self.changed != tick {
            self.before = Block(self.standing.drain(..).collect());
            self.changed = tick;
        }
        for (dial, course) in &mut self.courses {
            if Some(*dial) != but {
                course.disturbed = true;
                course.here = Block::default();
                course.best = None;
            }
        }
    }

    /// The host or the operator has set the dial: its course ends here.
    pub(crate) fn overruled(&mut self, dial: Dial, snapshot: &Snapshot, why: &'static str) -> Vec<Effect> {
        self.disturb(snapshot.tick, Some(dial));
        let mut effects = Vec::new();
        if let Some(course) = self.courses.remove(&dial) {
            effects.push(self.unjudged(&course, snapshot, Found::Overruled, why));
        }
        if let Some(trial) = &mut self.trial
            && let Some(at) = trial.dials.iter().position(|of| of.dial == dial)
        {
            let of = trial.dials.remove(at);
            effects.push(ending::effect(trial, &of, snapshot, Found::Overruled));
            if trial.dials.is_empty() {
                self.trial = None;
            }
        }
        effects
    }

    /// Strategies have turned a dial. Opens its course, goes on with it, or ends it.
    pub(crate) fn turned(&mut self, turned: Turned, snapshot: &Snapshot) -> Vec<Effect> {
        let dial = turned.dial;
        self.disturb(snapshot.tick, Some(dial));
        if self.trial.as_ref().is_some_and(|trial| trial.may_move_on(dial))
            && let Some(trial) = self.trial.take()
        {
            return self.moved_on(&trial, &turned, snapshot);
        }
        let Some(mut course) = self.courses.remove(&dial) else {
            let before = self.before.clone().of_the_last_load(Metric::of(snapshot.run.objective));
            self.courses.insert(dial, Course::open(turned, snapshot.tick, before, self.last));
            return Vec::new();
        };
        let Turned { to, decision, authors, .. } = turned;
        if to == course.reference {
            // What was far below and taken back before the guard could look costs as much as what the guard undoes.
            let metric = Metric::of(snapshot.run.objective);
            // Of what was taken back within a tick there is that tick alone.
            let (now, least) = match (self.before.level(metric), self.last) {
                (Some(level), _) => (Some(level), FALL),
                (None, last) => (last.and_then(|seen| Block(vec![seen]).level(metric)), COLLAPSE),
            };
            if let Some((before, now)) = course.before.level(metric).zip(now)
                && before - now > course.fall(metric).max(least)
            {
                let ticks = to_f64(snapshot.tick.saturating_sub(course.left)) * (1.0 - (now - before).exp());
                let authors = course.authors.clone();
                self.fallen.push(Fallen { dial, authors, recovered: f64::midpoint(before, now), ticks });
            }
            return vec![self.unjudged(&course, snapshot, Found::Undone, "taken back")];
        }
        let effect = self.unjudged(&course, snapshot, Found::MovedOn, "a further change took its place");
        course.decision = decision;
        course.present = to;
        course.here = Block::default();
        course.authors.extend(authors);
        course.moved = snapshot.tick;
        self.courses.insert(dial, course);
        vec![effect]
    }

    /// The effect of a decision that was not tried.
    fn unjudged(&self, course: &Course, now: &Snapshot, verdict: Found, why: &str) -> Effect {
        let metric = Metric::of(now.run.objective);
        let standing = if self.changed == now.tick { self.before.0.iter() } else { [].iter() };
        let figure = metric.figure(standing).or_else(|| metric.figure(self.standing.iter()));
        let beside = match metric.figure(course.before.0.iter()) {
            Some(before) => format!("none: {why}; {before:.0} before"),
            None => format!("none: {why}"),
        };
        Effect {
            decision: course.decision,
            tick: now.tick,
            window_ticks: now.tick.saturating_sub(course.moved),
            metric: metric.name(),
            measured: figure.unwrap_or_else(|| now.throughput()),
            counterfactual: None,
            basis: beside,
            verdict,
            pairs: 0,
            statistic: None,
            confidence: None,
        }
    }

    /// Takes in a tick and says what to turn, and what was found.
    pub(crate) fn tick(
        &mut self,
        snapshot: &Snapshot,
        values: &dyn Fn(Dial) -> Option<Value>,
        plan: Plan,
        rests: &mut Rests,
    ) -> Vec<Order> {
        self.ticks += 1.0;
        let metric = Metric::of(snapshot.run.objective);
        let seen = metric.look(snapshot);
        let clean = snapshot.tick > self.changed.saturating_add(plan.wash_in_ticks);
        let fresh = seen.filter(|_| clean);
        if let Some(seen) = fresh {
            self.standing.push_back(seen);
            if self.standing.len() > KEPT {
                self.standing.pop_front();
            }
            self.seen |= self.standing.len() >= FEWEST;
            if self.trial.is_none() {
                let courses = self.courses.values_mut().filter(|course| !course.slow && !course.disturbed);
                courses.for_each(|course| course.saw(seen, metric));
            }
        }
        self.last = seen;
        if let Some(level) = seen.and_then(|seen| Block(vec![seen]).level(metric)) {
            for of in self.fallen.drain(..).filter(|of| level > of.recovered) {
                for author in of.authors {
                    let ticks = plan.worth(of.ticks, snapshot.tick);
                    rests.lost(author, of.dial, snapshot.tick, ticks, plan.cost);
                }
            }
        }
        if self.trial.is_some() {
            return self.step(snapshot, seen, values, plan, rests);
        }
        if let Some(seen) = seen
            && let Some(left) = self.guarded(metric, seen)
        {
            // Of an author that never rests there is no tick without the value before in it. Where there is one, the wash-in
            // would make it look noisy.
            if self.standing.is_empty() {
                self.standing.push_back(seen);
            }
            return self.try_since(left, snapshot, values, plan);
        }
        let mut orders = self.close_slow(snapshot);
        orders.extend(self.try_settled(snapshot, values, plan));
        orders
    }

    /// What is still open when the run ends.
    pub(crate) fn finish(&mut self, snapshot: &Snapshot) -> Vec<Effect> {
        let mut effects = Vec::new();
        if let Some(trial) = self.trial.take() {
            effects
                .extend(trial.dials.iter().map(|of| ending::effect(&trial, of, snapshot, Found::Unfinished)));
        }
        for course in std::mem::take(&mut self.courses).values() {
            let why = "the run ended before a return to what was left";
            effects.push(self.unjudged(course, snapshot, Found::Unfinished, why));
        }
        effects
    }
}
