//! What the simulated cache would have done under the recorded decisions.

use std::path::Path;
use std::sync::Arc;

use host_contract::{Dial, Dials, Value};
use host_control::RuleBook as _;
use host_control::rule_book::RuleChange;
use host_workload::recording::Header;
use serde_json::Value as Json;

use super::recorded::{Recorded, Wanted};
use super::report::Served;
use super::simulated::Simulated;
use super::survey::Survey;
use super::turns;
use crate::control_plane::ControlPlane;
use crate::error::RunError;
use crate::ledger::Ledger;
use crate::options::Scope;
use crate::progress::Stop;
use crate::snapshot_builder;
use crate::virtual_clock::VirtualClock;
use crate::wiring::Parts;

/// What the simulated cache would have done under the recorded decisions: the replay's is to be held against that, so that what the
/// simulation is off by is on both sides.
pub(super) fn as_recorded(
    file: &Path,
    scope: &Scope,
    header: &Header,
    survey: &Survey,
    stop: &Stop,
) -> Result<Served, RunError> {
    let clock = Arc::new(VirtualClock::default());
    let scope = Scope { capacity: header.capacity, run: header.about, ..scope.clone() };
    let mut parts = Parts::again(&scope, &clock, Vec::new(), Ledger::new(None))?;
    let mut simulated = Simulated::new(clock, survey);
    let mut recorded = Recorded::open(file, Wanted::Requests)?;
    while let Some(step) = recorded.step()? {
        for (dial, value) in step.begin.iter().flat_map(|begin| &begin.settings) {
            set(&mut parts.control, dial, value);
        }
        simulated.requests(&mut parts, &step.requests);
        if let Some(tick) = step.tick {
            simulated.until(tick.snapshot.now);
            let records: Vec<Json> =
                tick.lines.iter().map(|line| serde_json::from_str(line).unwrap_or_default()).collect();
            for turn in turns::turns(&records) {
                for (dial, value) in &turn.dials {
                    if let Ok(value) = serde_json::from_value(value.clone()) {
                        set(&mut parts.control, dial, &value);
                    }
                }
                if let Some((strategy, id, change)) = turn.rule {
                    change_rule(&mut parts.control, header, (&strategy, id), &change);
                }
            }
        }
        if stop.asked() {
            break;
        }
    }
    let (hits, misses) = snapshot_builder::served(&parts.plane.cache.stats());
    Ok(Served::new(hits, misses))
}

/// Puts a recorded value in force. What cannot be here, such as a policy that is not there, is left as it is.
fn set(control: &mut ControlPlane, dial: &str, value: &Value) {
    let dial: Option<Dial> = Dials::built_in().find(dial).map(|spec| spec.dial);
    if let Some(dial) = dial {
        drop(control.actuators.apply(dial, value));
    }
}

fn change_rule(control: &mut ControlPlane, header: &Header, (strategy, id): (&str, u64), change: &Json) {
    let owner = header.strategies.iter().position(|of| of.name == strategy).unwrap_or(0);
    let (owner, id) = (u32::try_from(owner).unwrap_or(u32::MAX), u32::try_from(id).unwrap_or(u32::MAX));
    let rules = &mut control.rules;
    let done = match serde_json::from_value(change.clone()) {
        Ok(RuleChange::Install(rule)) => rules.install(owner, id, &rule),
        Ok(RuleChange::Withdraw) => rules.withdraw(owner, id),
        Err(_) => Ok(()),
    };
    // A rule that this host does not take loads nothing.
    drop(done);
}
