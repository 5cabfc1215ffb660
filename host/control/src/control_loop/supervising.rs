//! Strategies that fail and are started again, and those that are taken out: what they held returns to the settings that
//! the run started with.

use std::sync::Arc;

use host_contract::split_mix::mix;
use host_contract::{Dial, Snapshot, Value};

use super::rules::owner;
use super::{ControlLoop, Controls, HOST};
use crate::judge::nobody;
use crate::ledger::{Event, Record, StrategyEvent};
use crate::registration::Registration;
use crate::strategy::{Fault, Identity, Strategy};
use crate::supervisor::{Reset, Sentence, State, Turn};

/// No strategy of this name takes part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no strategy `{name}` takes part; expected one of: {}", .known.join(", "))]
pub struct NoSuchStrategy {
    /// The name asked for.
    pub name: String,
    /// The strategies that were not retired.
    pub known: Vec<String>,
}

impl Registration {
    /// Notes what happened to the strategy. Returns the ledger's record of it.
    fn happened(&mut self, tick: u64, event: Event, text: String) -> Record {
        let identity = self.strategy.identity();
        let (strategy, digest) = (identity.name.clone(), identity.digest.clone());
        let event = StrategyEvent { tick, strategy, digest, event, text };
        self.history.keep(event.clone());
        Record::Strategy(event)
    }

    /// Starts it again. What became of proposals of the instance before is none of the new one's business.
    fn restart(&mut self, tick: u64) -> Result<Record, Fault> {
        self.start_again()?;
        let (restarts, restarts_left) = (self.supervisor.restarts(), self.supervisor.restarts_left());
        let event = Event::Restart { restarts, restarts_left };
        Ok(self.happened(tick, event, "started again in a fresh store".to_owned()))
    }

    fn start_again(&mut self) -> Result<(), Fault> {
        let usage = self.strategy.restart()?;
        self.cost.fuel += usage.fuel;
        self.outcomes = Arc::default();
        Ok(())
    }

    /// Goes on as another strategy, in its place.
    fn succeed(&mut self, fresh: Self) {
        self.strategy = fresh.strategy;
        self.priority = fresh.priority;
        self.grants = fresh.grants;
        self.hearing = fresh.hearing;
        self.outcomes = Arc::default();
        self.supervisor = fresh.supervisor;
        if self.is_shadowed() != fresh.shadowed.is_some() {
            self.shadowed = fresh.shadowed;
        }
    }

    fn is_retired(&self) -> bool {
        self.supervisor.state() == State::Retired
    }
}

/// Hands over what a strategy has in memory to the one that takes its place. Returns what came of it, as the end of a sentence; nothing
/// where there was nothing to hand over.
fn hand_over(before: &mut dyn Strategy, after: &mut dyn Strategy) -> String {
    let lost = |reason: &str| format!("; what it had in memory is lost: {reason}");
    match before.save() {
        None => String::new(),
        Some(Err(reason)) => lost(&reason),
        Some(Ok(saved)) => match after.restore(&saved) {
            None => lost("the new one takes nothing over"),
            Some(Err(reason)) => lost(&reason),
            Some(Ok(())) => format!("; {} bytes of what it had in memory were handed over", saved.len()),
        },
    }
}

impl ControlLoop {
    /// Whether a strategy is called in this tick. One whose rest is over is started again for it.
    pub(super) fn is_called(&mut self, at: usize, snapshot: &Snapshot) -> bool {
        let Some(registration) = self.registrations.get_mut(at) else { return false };
        match registration.supervisor.turn(snapshot.tick) {
            Turn::Call => true,
            Turn::Rest => false,
            Turn::Restart => match registration.restart(snapshot.tick) {
                Ok(record) => {
                    self.records.push(record);
                    true
                }
                Err(fault) => {
                    self.failed(at, fault, snapshot);
                    false
                }
            },
        }
    }

    /// A strategy has failed in this tick.
    pub(super) fn failed(&mut self, at: usize, fault: Fault, snapshot: &Snapshot) {
        let Some(registration) = self.registrations.get_mut(at) else { return };
        let failures = registration.supervisor.failures();
        let chance = mix(mix(snapshot.run.seed ^ u64::from(owner(at))) ^ failures);
        let restarts_left = registration.supervisor.restarts_left();
        let Some(sentence) = registration.supervisor.failed(snapshot.tick, chance) else { return };
        let text = fault.to_string();
        let event = match sentence {
            Sentence::BackOff { ticks, until } => Event::BackOff { fault, ticks, until, restarts_left },
            Sentence::Quarantine => Event::Quarantine { fault, restarts: registration.supervisor.restarts() },
        };
        let record = registration.happened(snapshot.tick, event, text);
        self.records.push(record);
    }

    /// Takes every strategy of that name out for the rest of the run, because the operator says so, and gives up what it
    /// held. Returns the ledger's records of it.
    ///
    /// # Errors
    /// [`NoSuchStrategy`] where none of that name takes part any more.
    pub fn retire(
        &mut self,
        name: &str,
        reason: &str,
        snapshot: &Arc<Snapshot>,
        controls: &mut Controls<'_>,
    ) -> Result<Vec<Record>, NoSuchStrategy> {
        self.check_in(name)?;
        for registration in self.registrations.iter_mut().filter(|of| of.identity().name == name) {
            if registration.supervisor.retire() {
                let record =
                    registration.happened(snapshot.tick, Event::Retire, format!("retired: {reason}"));
                self.records.push(record);
            }
        }
        self.restore_after_faults(snapshot, controls);
        Ok(std::mem::take(&mut self.records))
    }

    /// A dial has been set by somebody else, or one of its values means something else from here: what is being judged of it is
    /// closed. Returns the ledger's records of it.
    pub fn overruled(&mut self, dial: Dial, snapshot: &Arc<Snapshot>) -> Vec<Record> {
        let ended = self.judge.overruled(dial, snapshot);
        self.note(ended);
        std::mem::take(&mut self.records)
    }

    /// The value that stands in for a strategy which takes no part any more, from here: the profile's is not to be had, or is
    /// again.
    pub fn start_from(&mut self, dial: Dial, value: Value) {
        self.starting.insert(dial, value);
    }

    /// Gives every strategy of that name a full budget of restarts, between two ticks, and starts it again where it does not take
    /// part, or has forgotten what it had learnt. `forgotten` is what the ledger says of that. One that fails at this start
    /// rests as after any other failure. Returns the ledger's records of it.
    ///
    /// # Errors
    /// [`NoSuchStrategy`] where none of that name was left in.
    pub fn reset(
        &mut self,
        name: &str,
        forgotten: Option<&str>,
        snapshot: &Snapshot,
    ) -> Result<Vec<Record>, NoSuchStrategy> {
        self.check_in(name)?;
        let told = forgotten.map(|what| format!("; {what}")).unwrap_or_default();
        for at in 0..self.registrations.len() {
            let Some(registration) = self.registrations.get_mut(at) else { continue };
            if registration.identity().name != name {
                continue;
            }
            let again = match registration.supervisor.reset() {
                Reset::Refuse => continue,
                Reset::Restart => true,
                // What it remembers itself would come back.
                Reset::Refill if forgotten.is_some() => {
                    registration.supervisor.start_over();
                    true
                }
                Reset::Refill => false,
            };
            let (started, what) = match again {
                true => (registration.start_again(), "started again in a fresh store"),
                false => (Ok(()), "it takes part and goes on"),
            };
            let event = Event::Reset { restarts: registration.supervisor.restarts() };
            let record = registration.happened(
                snapshot.tick,
                event,
                format!("reset: {what}, with a full budget of restarts{told}"),
            );
            self.records.push(record);
            if let Err(fault) = started {
                self.failed(at, fault, snapshot);
            }
        }
        Ok(std::mem::take(&mut self.records))
    }

    /// Refuses a name of which no strategy was left in.
    ///
    /// # Errors
    /// [`NoSuchStrategy`].
    pub fn check_in(&self, name: &str) -> Result<(), NoSuchStrategy> {
        let left = self.registrations.iter().filter(|registration| !registration.is_retired());
        let known: Vec<String> = left.map(|registration| registration.identity().name.clone()).collect();
        if known.iter().any(|known| known == name) {
            return Ok(());
        }
        Err(NoSuchStrategy { name: name.to_owned(), known })
    }

    /// Puts a strategy in the place of the one of its name, between two ticks; without one it is called after all others. What
    /// the one before has installed stands, as do its rules: they are its successor's from here. What it has in memory is handed over
    /// where both can. The successor begins with a full budget of restarts. Returns the ledger's records of it.
    pub fn replace(&mut self, mut fresh: Registration, tick: u64) -> Vec<Record> {
        let Identity { name, version, .. } = fresh.identity().clone();
        let (before, text);
        let place = self.registrations.iter_mut().find(|of| of.identity().name == name);
        let registration = if let Some(place) = place {
            before = place.identity().digest.clone();
            let handed_over = hand_over(&mut *place.strategy, &mut *fresh.strategy);
            text = format!("version {version} took its place{handed_over}");
            place.succeed(fresh);
            Some(place)
        } else {
            before = String::new();
            text = format!("version {version} takes part from here");
            self.registrations.push(fresh);
            self.registrations.last_mut()
        };
        let record = registration.map(|of| of.happened(tick, Event::Replace { before }, text));
        record.into_iter().collect()
    }

    /// The starting settings stand in for a strategy that takes no part since the last call.
    pub(super) fn restore_after_faults(&mut self, snapshot: &Arc<Snapshot>, controls: &mut Controls<'_>) {
        for at in 0..self.registrations.len() {
            let Some(registration) = self.registrations.get_mut(at) else { continue };
            let state = registration.supervisor.state();
            if state.takes_part() {
                continue;
            }
            if let Some(shadowed) = &mut registration.shadowed {
                shadowed.give_up();
            }
            let holds = std::mem::take(&mut registration.holds);
            let rules = std::mem::take(&mut registration.rules);
            let what = if state == State::Retired { "was retired" } else { "failed" };
            let reason = format!("{} {what}", registration.identity().name);
            for spec in self.config.dials.clone().iter().filter(|spec| holds.contains(&spec.dial)) {
                let dial = spec.dial;
                let (Some(from), Some(start)) =
                    (controls.actuators.value(dial), self.starting.get(&dial).cloned())
                else {
                    continue;
                };
                if let Err(error) = controls.actuators.apply(dial, &start) {
                    self.log_failure(HOST, dial.name(), error, snapshot);
                }
                let to = controls.actuators.value(dial).unwrap_or(start);
                if to == from {
                    // A trial may have it back where it started already.
                    let ended = self.judge.overruled(dial, snapshot);
                    self.note(ended);
                } else {
                    self.decide(spec, (from, to), &nobody(), Some(reason.clone()), snapshot);
                }
            }
            if !rules.is_empty() {
                let from = controls.rules.count();
                controls.rules.withdraw_all(owner(at));
                let to = controls.rules.count();
                let withdrawn = from.saturating_sub(to);
                self.rules_changed((from, to), (0, withdrawn), vec![HOST.to_owned()], Some(reason), snapshot);
            }
        }
    }
}
