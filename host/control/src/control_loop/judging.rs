//! What the judge says, carried out: blocks of trials, decisions undone, and effects put where they are read.

use std::collections::BTreeSet;
use std::sync::Arc;

use host_contract::{Dial, DialSpec, Judged, Snapshot, Value};

use super::{ControlLoop, Controls, HOST, at_ms};
use crate::effect::Effect;
use crate::judge::{BlockTaken, Change, Order, RollBack, nobody};
use crate::ledger::{Block, Decision, Record};

impl ControlLoop {
    /// Asks the judge about this tick and does what it says.
    pub(super) fn obey_judge(&mut self, snapshot: &Arc<Snapshot>, controls: &mut Controls<'_>) {
        let orders = self.judge.tick(snapshot, &|dial| controls.actuators.value(dial));
        for order in orders {
            match order {
                Order::Effect(effect) => self.note(vec![effect]),
                Order::Take(block) => self.take(block, snapshot, controls),
                Order::RollBack(undone) => self.roll_back(undone, snapshot, controls),
            }
        }
    }

    /// Puts a side of a trial in force.
    fn take(&mut self, block: BlockTaken, snapshot: &Snapshot, controls: &mut Controls<'_>) {
        for (dial, _, value) in &block.dials {
            self.put(*dial, value, snapshot, controls);
        }
        self.records.push(Record::Block(Block {
            tick: snapshot.tick,
            at_ms: at_ms(snapshot),
            block: block.block,
            side: if block.present { "present" } else { "reference" },
            probability: block.probability,
            decisions: block.dials.iter().map(|(_, decision, _)| *decision).collect(),
            values: block.dials.into_iter().map(|(dial, _, value)| (dial, value)).collect(),
        }));
    }

    /// Puts a value in force, as far as the dial's range allows it by now.
    fn put(&mut self, dial: Dial, value: &Value, snapshot: &Snapshot, controls: &mut Controls<'_>) {
        let range = controls.actuators.range(dial);
        let within = range.and_then(|range| range.admit(value).ok()).map(|(within, _)| within);
        let within = within.as_ref().unwrap_or(value);
        if controls.actuators.value(dial).as_ref() == Some(within) {
            return;
        }
        if let Err(error) = controls.actuators.apply(dial, within) {
            self.log_failure(HOST, dial.name(), error, snapshot);
        }
    }

    /// Undoes a decision.
    fn roll_back(&mut self, undone: RollBack, snapshot: &Arc<Snapshot>, controls: &mut Controls<'_>) {
        let RollBack { dial, from, to, reason, until } = undone;
        let Some(&spec) = self.config.dials.get(dial) else { return };
        self.put(dial, &to, snapshot, controls);
        let to = controls.actuators.value(dial).unwrap_or(to);
        if self.starting.get(&dial) == Some(&to) {
            for registration in &mut self.registrations {
                registration.holds.remove(&dial);
            }
        }
        let reason = match until {
            Some(until) => format!("{reason}; its author is heard again from tick {until}"),
            None => reason,
        };
        self.decide(&spec, (from, to), &nobody(), Some(reason), snapshot);
        if self.config.cool_down_ticks > 0 {
            self.cooling.insert(dial, snapshot.tick + 1 + self.config.cool_down_ticks);
        }
    }

    /// Puts effects on the ledger, beside what they judge, and where the strategies that proposed it can see them.
    pub(super) fn note(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let of = |id: u64| id == effect.decision;
            for decision in self.decisions.iter_mut().filter(|decision| of(decision.id)) {
                decision.effect = Some(effect.clone());
            }
            for change in self.rule_changes.iter_mut().filter(|change| of(change.id)) {
                change.effect = Some(effect.clone());
            }
            for registration in &mut self.registrations {
                if registration.outcomes.iter().any(|outcome| outcome.decision.is_some_and(of)) {
                    let outcomes = Arc::make_mut(&mut registration.outcomes).iter_mut();
                    for outcome in outcomes.filter(|outcome| outcome.decision.is_some_and(of)) {
                        outcome.effect = Some(effect.clone());
                    }
                }
            }
            self.records.push(Record::Effect(effect));
        }
    }

    /// Puts a change of a dial on the ledger and starts to judge it. Returns its number. Without authors it is the host's
    /// own.
    pub(super) fn decide(
        &mut self,
        spec: &DialSpec,
        (from, to): (Value, Value),
        authors: &BTreeSet<usize>,
        reason: Option<String>,
        snapshot: &Arc<Snapshot>,
    ) -> u64 {
        let change = (from.clone(), to.clone());
        let id = self.watch(Some(spec.dial), spec.judged, change, authors.clone(), snapshot);
        let by = if authors.is_empty() { vec![HOST.to_owned()] } else { self.names(authors) };
        let saw = crate::figures::beside(spec.figures, spec.shadows, snapshot);
        let reason = reason.unwrap_or_else(|| crate::figures::in_words(&saw));
        let (tick, at_ms, dial) = (snapshot.tick, at_ms(snapshot), spec.dial);
        let probability = 1.0;
        let decision =
            Decision { id, tick, at_ms, dial, from, to, by, probability, saw, reason, effect: None };
        self.records.push(Record::Decision(decision.clone()));
        self.decisions.push(decision);
        id
    }

    /// Ends what is judged of the same dial, or of the rule book, and starts to judge this change. Returns its number.
    pub(super) fn watch(
        &mut self,
        dial: Option<Dial>,
        judged: Judged,
        (from, to): (Value, Value),
        authors: BTreeSet<usize>,
        snapshot: &Arc<Snapshot>,
    ) -> u64 {
        self.changes += 1;
        let decision = self.changes;
        let ended = self.judge.watch(Change { decision, dial, judged, from, to, authors }, snapshot);
        self.note(ended);
        decision
    }
}
