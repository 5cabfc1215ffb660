//! Changes of the rule book.
//!
//! Rules of different strategies do not compete: each adds to what is installed, within its own limit. So there is no
//! arbitration, and no cool-down: what is changed in a tick is one change.

use std::collections::BTreeSet;
use std::sync::Arc;

use host_contract::{Judged, Snapshot, Value};

use super::consulted::Consulted;
use super::{ControlLoop, Controls, at_ms};
use crate::ledger::{Record, RulesChanged};
use crate::outcome::Verdict;
use crate::rule_book::RuleChange;

/// What stands for the rule book where a dial's name would stand.
pub(super) const RULES: &str = "prefetch-rules";

/// The number under which a registration owns rules.
pub(super) fn owner(registration: usize) -> u32 {
    u32::try_from(registration).unwrap_or(u32::MAX)
}

impl ControlLoop {
    /// Applies what the strategies proposed for the rule book.
    pub(super) fn change_rules(
        &mut self,
        consulted: &mut [Consulted],
        snapshot: &Arc<Snapshot>,
        controls: &mut Controls<'_>,
    ) {
        let from = controls.rules.count();
        let (mut installed, mut withdrawn) = (0, 0);
        let mut authors = BTreeSet::new();
        let mut reasons = Vec::new();
        for of in consulted.iter_mut().filter(|of| of.counts()) {
            let before = (installed, withdrawn);
            for (at, proposal) in of.context.rule_proposals().to_vec().into_iter().enumerate() {
                if proposal.answer.is_err() {
                    continue;
                }
                let (owner, id) = (owner(of.registration), proposal.id);
                let done = match &proposal.change {
                    RuleChange::Install(rule) => controls.rules.install(owner, id, rule),
                    RuleChange::Withdraw => controls.rules.withdraw(owner, id),
                };
                of.set_rule(at, if done.is_ok() { Verdict::Applied } else { Verdict::Failed });
                let Some(registration) = self.registrations.get_mut(of.registration) else { continue };
                match (done, &proposal.change) {
                    (Ok(()), RuleChange::Install(_)) => {
                        registration.rules.insert(id);
                        installed += 1;
                    }
                    (Ok(()), RuleChange::Withdraw) => {
                        registration.rules.remove(&id);
                        withdrawn += 1;
                    }
                    (Err(error), _) => {
                        let name = registration.identity().name.clone();
                        self.log_failure(&name, RULES, format!("rule {id}: {error}"), snapshot);
                    }
                }
            }
            if (installed, withdrawn) != before {
                authors.insert(of.registration);
                reasons.extend(of.context.rules_reason().map(str::to_owned));
            }
        }
        if !authors.is_empty() {
            let by = self.names(&authors);
            let to = controls.rules.count();
            let reason = (!reasons.is_empty()).then(|| reasons.join("; "));
            self.rules_changed((from, to), (installed, withdrawn), by, reason, snapshot);
        }
    }

    /// Puts a change of the rule book on the ledger and starts to watch it.
    pub(super) fn rules_changed(
        &mut self,
        (from, to): (u64, u64),
        (installed, withdrawn): (u64, u64),
        by: Vec<String>,
        reason: Option<String>,
        snapshot: &Arc<Snapshot>,
    ) {
        let (left, stands) = (Value::Count(from), Value::Count(to));
        let id = self.watch(None, Judged::Prefetching, (left, stands), BTreeSet::new(), snapshot);
        let reason = reason.unwrap_or_else(|| format!("{installed} installed, {withdrawn} withdrawn"));
        let (tick, at_ms) = (snapshot.tick, at_ms(snapshot));
        let change =
            RulesChanged { id, tick, at_ms, from, to, installed, withdrawn, by, reason, effect: None };
        self.records.push(Record::Rules(change.clone()));
        self.rule_changes.push(change);
    }
}
