//! A trial under way, its end, and what is told of it.

use std::collections::BTreeSet;

use host_contract::number::to_f64;
use host_contract::{Dial, Snapshot, Value};

use super::{AHEAD, Compared, Course, Plan, Switchback, Turned};
use crate::effect::{Effect, Found};
use crate::judge::rests::Rests;
use crate::judge::seen::{Metric, Seen};
use crate::judge::trial::{Ending, OnTrial, Side, Step, Trial};
use crate::judge::{BlockTaken, Order, RollBack};

/// Comparisons remembered of each dial.
const REMEMBERED: usize = 32;

impl Switchback {
    /// A tick of the trial under way.
    pub(super) fn step(
        &mut self,
        snapshot: &Snapshot,
        seen: Option<Seen>,
        values: &dyn Fn(Dial) -> Option<Value>,
        plan: Plan,
        rests: &mut Rests,
    ) -> Vec<Order> {
        let Some(mut trial) = self.trial.take() else { return Vec::new() };
        if std::mem::take(&mut self.interrupted) {
            return self.end(trial, Ending::Idle, Found::Overruled, snapshot, plan, rests);
        }
        // Whoever embeds the host may have turned a dial past the loop: it stays as it was put.
        let side = trial.side;
        let (own, astray): (Vec<_>, Vec<_>) = std::mem::take(&mut trial.dials)
            .into_iter()
            .partition(|of| values(of.dial).as_ref() == Some(of.value(side)));
        trial.dials = own;
        let mut orders: Vec<Order> =
            astray.iter().map(|of| Order::Effect(effect(&trial, of, snapshot, Found::Overruled))).collect();
        if trial.dials.is_empty() {
            return orders;
        }
        orders.extend(self.turn(trial, seen, snapshot, plan, rests));
        orders
    }

    /// The author of what is tried has turned the dial again: the trial ends, and the course goes on from the same reference.
    pub(super) fn moved_on(&mut self, trial: &Trial, turned: &Turned, snapshot: &Snapshot) -> Vec<Effect> {
        self.spent += trial.lost;
        let Some(of) = trial.dials.iter().find(|of| of.dial == turned.dial) else { return Vec::new() };
        let back = turned.to == of.reference;
        // What was seen to be better by turns is what the next value is held against.
        let ahead = trial.lead() > AHEAD;
        let (from, before) = if ahead {
            (of.present.clone(), trial.at(Side::Present))
        } else {
            (of.reference.clone(), trial.at(Side::Reference))
        };
        if turned.to != from && !back {
            let mut authors = of.authors.clone();
            authors.extend(turned.authors.iter().copied());
            let turned = Turned { from, authors, ..turned.clone() };
            let mut course = Course::open(turned, snapshot.tick, before, None);
            course.returns = if ahead { 0 } else { of.returns + 1 };
            self.courses.insert(of.dial, course);
        }
        vec![effect(trial, of, snapshot, if back { Found::Undone } else { Found::MovedOn })]
    }

    fn turn(
        &mut self,
        mut trial: Trial,
        seen: Option<Seen>,
        snapshot: &Snapshot,
        plan: Plan,
        rests: &mut Rests,
    ) -> Vec<Order> {
        match trial.tick(seen) {
            Step::Stay => {
                self.trial = Some(trial);
                Vec::new()
            }
            Step::Take(_, probability) => {
                self.disturb(snapshot.tick, None);
                let order = Order::Take(taken(&trial, probability));
                self.trial = Some(trial);
                vec![order]
            }
            Step::End(ending) => {
                let found = match ending {
                    Ending::Better => Found::Better,
                    Ending::Worse => Found::Worse,
                    Ending::NoDifference | Ending::Idle => Found::NoDifference,
                    Ending::LoadChanged => Found::LoadChanged,
                    Ending::Costly => Found::NotTested,
                };
                self.end(trial, ending, found, snapshot, plan, rests)
            }
        }
    }

    /// Ends a trial: what stands from now on, and what is told of it.
    fn end(
        &mut self,
        mut trial: Trial,
        ending: Ending,
        found: Found,
        snapshot: &Snapshot,
        plan: Plan,
        rests: &mut Rests,
    ) -> Vec<Order> {
        let tick = snapshot.tick;
        self.spent += trial.lost;
        self.disturb(tick, None);
        let ahead = matches!(ending, Ending::LoadChanged) && trial.lead() < 0.0;
        let side = if ending == Ending::Worse || ahead { Side::Reference } else { Side::Present };
        let mut orders: Vec<Order> =
            trial.dials.iter().map(|of| Order::Effect(effect(&trial, of, snapshot, found))).collect();
        let lost = (1.0 - trial.lead().exp()).clamp(0.0, 1.0);
        for of in &trial.dials {
            if side == Side::Present {
                if ending == Ending::Better {
                    of.authors.iter().for_each(|author| rests.won(*author, of.dial));
                }
                continue;
            }
            let until = |author: &usize| {
                let ticks = of.away.cost(lost) + to_f64(trial.again) * lost + trial.refilled;
                rests.lost(*author, of.dial, tick, plan.worth(ticks, tick), plan.cost)
            };
            let until = (ending == Ending::Worse).then(|| of.authors.iter().map(until).max()).flatten();
            let why = if ahead { "the load changed while it was tried" } else { "worse" };
            orders.push(Order::RollBack(RollBack {
                dial: of.dial,
                from: of.present.clone(),
                to: of.reference.clone(),
                reason: format!("undone: {why}, {}", words(&trial, of)),
                until,
            }));
        }
        if ending == Ending::Worse {
            let away = trial.dials.iter().map(|of| of.away.cost(lost)).fold(0.0, f64::max);
            let ticks = away + to_f64(trial.again) * lost + trial.refilled;
            orders.extend(self.take_back(&trial, snapshot, &mut |author, dial| {
                rests.lost(author, dial, tick, plan.worth(ticks, tick), plan.cost)
            }));
        }
        if matches!(ending, Ending::Better | Ending::NoDifference)
            && let [of] = trial.dials.as_slice()
            && let Some(figure) = trial.figure(Side::Reference)
        {
            let kept = self.compared.entry(of.dial).or_default();
            kept.push_back(Compared(of.reference.clone(), of.present.clone(), trial.metric.scale(figure)));
            if kept.len() > REMEMBERED {
                kept.pop_front();
            }
        }
        self.go_on(&trial, side, snapshot);
        if side == Side::Present && trial.side != side {
            trial.side = side;
            orders.push(Order::Take(taken(&trial, 1.0)));
        }
        orders
    }
}

impl Switchback {
    /// What was held against the best value of its course has yet to be held against what that course left.
    fn go_on(&mut self, trial: &Trial, side: Side, snapshot: &Snapshot) {
        for of in &trial.dials {
            let Some((left, before)) = &of.left else { continue };
            let stands = of.value(side);
            if stands == left {
                continue;
            }
            let turned = Turned {
                dial: of.dial,
                from: left.clone(),
                to: stands.clone(),
                decision: of.decision,
                authors: of.authors.clone(),
                slow: false,
            };
            let mut course = Course::open(turned, snapshot.tick, before.clone(), None);
            course.returns = of.returns;
            self.courses.insert(of.dial, course);
        }
    }

    /// What those who have lost have turned besides and nothing speaks for yet, where its effect lasts: it is not waited until
    /// that costs as much again.
    fn take_back(
        &mut self,
        lost: &Trial,
        snapshot: &Snapshot,
        rest: &mut dyn FnMut(usize, Dial) -> u64,
    ) -> Vec<Order> {
        let authors: BTreeSet<usize> = lost.dials.iter().flat_map(|of| of.authors.iter().copied()).collect();
        let theirs = |course: &Course| course.slow && course.authors.is_subset(&authors);
        let dials: Vec<Dial> =
            self.courses.iter().filter(|(_, course)| theirs(course)).map(|(dial, _)| *dial).collect();
        let mut orders = Vec::new();
        for dial in dials {
            let Some(course) = self.courses.remove(&dial) else { continue };
            let until = course.authors.iter().map(|author| rest(*author, dial)).max();
            let why = "its author lost with another dial";
            orders.push(Order::Effect(self.unjudged(&course, snapshot, Found::NotTested, why)));
            orders.push(Order::RollBack(RollBack {
                dial,
                from: course.present,
                to: course.reference,
                reason: format!("undone: not judged yet, and {why}"),
                until,
            }));
        }
        orders
    }
}

pub(super) fn taken(trial: &Trial, probability: f64) -> BlockTaken {
    let value = |of: &OnTrial| (of.dial, of.decision, of.value(trial.side).clone());
    BlockTaken {
        dials: trial.dials.iter().map(value).collect(),
        block: trial.blocks,
        present: trial.side == Side::Present,
        probability,
    }
}

/// The two sides in words.
fn words(trial: &Trial, of: &OnTrial) -> String {
    let figure = |side| match (trial.figure(side), trial.metric) {
        (Some(figure), Metric::Throughput) => format!("{figure:.0} /s"),
        (Some(figure), Metric::Latency) => format!("{:.2} ms", figure / 1e3),
        (None, _) => "nothing seen".to_owned(),
    };
    let sure = trial.evidence.finding().map_or(0.0, |found| found.confidence() * 100.0);
    let (present, reference) = (figure(Side::Present), figure(Side::Reference));
    format!("{present} at {}, {reference} at {}, by turns ({sure:.1} % sure)", of.present, of.reference)
}

pub(super) fn effect(trial: &Trial, of: &OnTrial, now: &Snapshot, verdict: Found) -> Effect {
    let finding = trial.evidence.finding();
    let pairs = u64::try_from(trial.evidence.len()).unwrap_or(u64::MAX);
    let beside = match trial.dials.len() {
        1 => String::new(),
        dials => format!(", {dials} dials together"),
    };
    Effect {
        decision: of.decision,
        tick: now.tick,
        window_ticks: now.tick.saturating_sub(of.since),
        metric: trial.metric.name(),
        measured: trial.figure(Side::Present).unwrap_or(0.0),
        counterfactual: trial.figure(Side::Reference),
        basis: format!("{}, by turns in {} blocks{beside}", of.reference, trial.blocks + 1),
        verdict,
        pairs,
        statistic: finding.map(|found| found.statistic),
        confidence: finding.map(|found| found.confidence()),
    }
}
