//! A strategy that is disabled: what it held returns to the settings that the run started with.

use std::sync::Arc;

use host_contract::Snapshot;

use super::rules::owner;
use super::{ControlLoop, Controls, HOST};
use crate::judge::nobody;
use crate::ledger::{Disabled, Record};
use crate::registration::Registration;
use crate::strategy::Fault;

/// No strategy of this name takes part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no strategy `{name}` takes part; expected one of: {}", .known.join(", "))]
pub struct NoSuchStrategy {
    /// The name asked for.
    pub name: String,
    /// The strategies that take part.
    pub known: Vec<String>,
}

impl Registration {
    /// Disables the strategy for the rest of the run.
    pub(super) fn disable(&mut self, tick: u64, fault: Fault) -> Disabled {
        let identity = self.strategy.identity();
        let disabled = Disabled {
            tick,
            strategy: identity.name.clone(),
            digest: identity.digest.clone(),
            text: fault.to_string(),
            fault,
        };
        self.disabled = Some(disabled.clone());
        disabled
    }
}

impl ControlLoop {
    /// Disables every strategy of that name, because the operator says so, and gives up what it held. Returns the ledger's
    /// records of it.
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
        let mut found = false;
        let active = self.registrations.iter_mut().filter(|registration| registration.disabled.is_none());
        for registration in active.filter(|registration| registration.identity().name == name) {
            found = true;
            let disabled = registration.disable(snapshot.tick, Fault::Retired(reason.to_owned()));
            self.records.push(Record::Disabled(disabled));
        }
        if !found {
            let active = self.registrations.iter().filter(|registration| registration.disabled.is_none());
            let known = active.map(|registration| registration.identity().name.clone()).collect();
            return Err(NoSuchStrategy { name: name.to_owned(), known });
        }
        self.restore_after_faults(snapshot, controls);
        Ok(std::mem::take(&mut self.records))
    }

    /// The starting settings stand in for a strategy that was disabled since the last call.
    pub(super) fn restore_after_faults(&mut self, snapshot: &Arc<Snapshot>, controls: &mut Controls<'_>) {
        for at in 0..self.registrations.len() {
            let Some(registration) = self.registrations.get_mut(at) else { continue };
            if registration.disabled.is_none() {
                continue;
            }
            let holds = std::mem::take(&mut registration.holds);
            let rules = std::mem::take(&mut registration.rules);
            let reason = format!("{} was disabled", registration.identity().name);
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
