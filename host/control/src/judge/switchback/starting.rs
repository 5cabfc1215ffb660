//! Which dials are tried, and when.

use host_contract::number::to_f64;
use host_contract::split_mix::mix;
use host_contract::{Dial, Snapshot, Value};

use super::ending::taken;
use super::{COLLAPSE, Compared, Course, FALL, FEWEST, Plan, Switchback};
use crate::effect::Found;
use crate::judge::Order;
use crate::judge::seen::{Block, Metric, OTHER_LOAD, Seen, moments};
use crate::judge::trial::{Away, OnTrial, Start, Trial};

/// Standard deviations of the ticks before that a fall has to exceed to set off the guard.
const DEVIATIONS: f64 = 4.0;
/// A fall that sets it off whatever the noise: short ticks waver much.
const MOST_FALL: f64 = 0.6;
/// The same where what a value does lasts: there is no search that would be disturbed.
const MOST_LASTING: f64 = 0.25;
/// Such ticks in a row, wash-in included: a single one may be a stall of the machine.
const LOW: u64 = 2;
/// Times as long as settling that a strategy may move without rest before it is tried.
const PATIENCE: u64 = 3;
/// The most by which returns that found no harm multiply both.
const MOST_DOUBLINGS: u32 = 3;
/// Ticks after a change in which the cause of a fall may be a cache that shrank.
const WATCHED: u64 = 16;
/// Distance of two values on the logarithmic scale up to which they are one.
const NEAR: f64 = 0.1;
/// A fall below this is none, on the logarithmic scale.
const MARGIN: f64 = 0.02;

impl Course {
    /// What is no noise any more, by the ticks before: a fall on the logarithmic scale.
    pub(super) fn fall(&self, metric: Metric) -> f64 {
        let (_, variance) = moments(&self.before.levels(metric));
        let most = if self.slow { MOST_LASTING } else { MOST_FALL };
        FALL.max(DEVIATIONS * variance.sqrt()).min(most)
    }
}

impl Switchback {
    /// Counts the tick in every course. The tick since which the dials have to be tried together, because requests fell far
    /// below what they were before.
    pub(super) fn guarded(&mut self, metric: Metric, seen: Seen) -> Option<u64> {
        let level = Block(vec![seen]).level(metric)?;
        let mut since: Option<u64> = None;
        for course in self.courses.values_mut() {
            let before = course.before.levels(metric);
            let (mean, _) = moments(&before);
            let fall = match before.len() {
                FEWEST.. => course.fall(metric),
                // One tick tells no noise.
                1 if !course.slow => MOST_FALL,
                _ => f64::INFINITY,
            };
            let fell = level < mean - fall;
            course.low = if fell { course.low + 1 } else { 0 };
            // In a wash-in both values show: that tick counts where there is no other.
            let last = course.last.and_then(|seen| Block(vec![seen]).level(metric));
            let known = if before.is_empty() { last } else { Some(mean) };
            course.short += known.map_or(1.0, |known| 1.0 - (level - known).exp());
            // Whoever tries a value takes a bad one back.
            let mild = !course.slow && level > mean - COLLAPSE;
            if course.low >= if mild { LOW + 1 } else { LOW } {
                since = Some(since.map_or(course.left, |left| left.min(course.left)));
            }
        }
        since
    }

    /// Begins a trial of every dial that left its reference in `left` or later.
    pub(super) fn try_since(
        &mut self,
        left: u64,
        snapshot: &Snapshot,
        values: &dyn Fn(Dial) -> Option<Value>,
        plan: Plan,
    ) -> Vec<Order> {
        let dials: Vec<Dial> =
            self.courses.iter().filter(|(_, course)| course.left >= left).map(|(dial, _)| *dial).collect();
        let first =
            self.courses.values().filter(|course| course.left >= left).min_by_key(|course| course.left);
        let before = first.map(|course| course.before.clone()).unwrap_or_default();
        self.begin(&dials, before, snapshot, values, plan)
    }

    /// Ends the course of dials that are guarded alone, once a fall would have shown.
    pub(super) fn close_slow(&mut self, snapshot: &Snapshot) -> Vec<Order> {
        let over = |course: &Course| course.slow && snapshot.tick > course.moved.saturating_add(WATCHED);
        let over: Vec<Dial> =
            self.courses.iter().filter(|(_, course)| over(course)).map(|(dial, _)| *dial).collect();
        let mut orders = Vec::new();
        for dial in over {
            if let Some(course) = self.courses.remove(&dial) {
                let why = "turns would measure how the cache fills again";
                orders.push(Order::Effect(self.unjudged(&course, snapshot, Found::NotTested, why)));
            }
        }
        orders
    }

    /// Begins the trial of a dial that has come to rest, or has moved for long.
    pub(super) fn try_settled(
        &mut self,
        snapshot: &Snapshot,
        values: &dyn Fn(Dial) -> Option<Value>,
        plan: Plan,
    ) -> Vec<Order> {
        let metric = Metric::of(snapshot.run.objective);
        let tick = snapshot.tick;
        let Some(present) = Block(self.standing.iter().copied().collect()).level(metric) else {
            return Vec::new();
        };
        let mut known = Vec::new();
        let mut ripe: Option<(u64, Dial)> = None;
        for (dial, course) in &self.courses {
            // An author that goes on whenever its value does no harm is not stopped ever so often.
            let settle = plan.settle_ticks.saturating_mul(1 << course.returns.min(MOST_DOUBLINGS));
            let rested = tick >= course.moved.saturating_add(settle);
            let patient = tick >= course.left.saturating_add(settle.saturating_mul(PATIENCE));
            if course.slow || !(rested || patient) {
                continue;
            }
            if let Some(value) = values(*dial)
                && self.was_compared(*dial, &course.reference, &value, course.before.level(metric))
            {
                known.push(*dial);
            } else if self.affords(course, metric, present, plan)
                && ripe.is_none_or(|(left, _)| course.left < left)
            {
                ripe = Some((course.left, *dial));
            }
        }
        let mut orders = Vec::new();
        for dial in known {
            if let Some(course) = self.courses.remove(&dial) {
                let why = "compared before, under the same load";
                orders.push(Order::Effect(self.unjudged(&course, snapshot, Found::NotTested, why)));
            }
        }
        if let Some((_, dial)) = ripe {
            let course = self.courses.get(&dial);
            // What another dial did since would be counted as this one's.
            let before = course.filter(|course| !course.disturbed).map(|course| course.before.clone());
            orders.extend(self.begin(&[dial], before.unwrap_or_default(), snapshot, values, plan));
        }
        orders
    }

    /// Whether the first return from what looks like a gain is within the share of the time that trials may cost.
    fn affords(&self, course: &Course, metric: Metric, present: f64, plan: Plan) -> bool {
        // Where another dial was turned since, that is all the same the best guess of what a return costs.
        let Some(before) = course.before.level(metric) else {
            return self.spent <= self.ticks * plan.cost;
        };
        let ticks = to_f64(plan.wash_in_ticks) + 1.0;
        let cost = ticks * (1.0 - (before - present).exp()).max(0.0);
        self.spent + cost <= self.ticks * plan.cost || before >= present
    }

    fn was_compared(&self, dial: Dial, a: &Value, b: &Value, level: Option<f64>) -> bool {
        let pairs = self.compared.get(&dial).into_iter().flatten();
        let alike = |of: &Compared| level.is_none_or(|level| (of.2 - level).abs() < OTHER_LOAD);
        let same = |of: &Compared, a, b| is_near(&of.0, a) && is_near(&of.1, b);
        pairs.filter(|of| alike(of)).any(|of| same(of, a, b) || same(of, b, a))
    }

    fn begin(
        &mut self,
        dials: &[Dial],
        before: Block,
        snapshot: &Snapshot,
        values: &dyn Fn(Dial) -> Option<Value>,
        plan: Plan,
    ) -> Vec<Order> {
        let tick = snapshot.tick;
        let (metric, standing) =
            (Metric::of(snapshot.run.objective), Block(self.standing.iter().copied().collect()));
        let (mut tried, mut before) = (Vec::new(), before);
        let mut slow = false;
        for dial in dials {
            let Some(mut course) = self.courses.remove(dial) else { continue };
            let Some(present) = values(*dial).filter(|present| *present != course.reference) else {
                continue;
            };
            let best = course.best.take().filter(|(best, _)| dials.len() == 1 && *best != present);
            let left = best.map(|(best, ticks)| {
                before = ticks.clone();
                let before = std::mem::replace(&mut course.before, ticks);
                (std::mem::replace(&mut course.reference, best), before)
            });
            slow |= course.slow;
            // Where it did no worse than what was left until now, nothing is lost yet.
            let levels = course.before.level(metric).zip(standing.level(metric));
            let no_worse = levels.is_some_and(|(before, present)| present >= before - MARGIN);
            tried.push(OnTrial {
                dial: *dial,
                reference: course.reference,
                present,
                decision: course.decision,
                authors: course.authors,
                since: course.moved,
                away: match (no_worse, &left) {
                    (true, _) => Away::default(),
                    (false, None) => Away { ticks: tick.saturating_sub(course.left), short: course.short },
                    (false, Some(_)) => {
                        let ticks = tick.saturating_sub(course.moved);
                        Away { ticks, short: to_f64(ticks) }
                    }
                },
                returns: course.returns,
                left,
            });
        }
        if tried.is_empty() {
            return Vec::new();
        }
        let start = Start {
            dials: tried,
            metric,
            before,
            present: standing,
            slow,
            seed: mix(snapshot.run.seed ^ mix(tick)),
        };
        let Some(trial) = Trial::begin(start, plan) else { return Vec::new() };
        self.disturb(tick, None);
        let order = Order::Take(taken(&trial, 1.0));
        self.trial = Some(trial);
        vec![order]
    }
}

/// Whether what was found of one value holds for the other.
fn is_near(one: &Value, other: &Value) -> bool {
    match one.number().zip(other.number()) {
        Some((a, b)) if a > 0.0 && b > 0.0 => (a / b).ln().abs() < NEAR,
        _ => one == other,
    }
}
