//! A strategy in shadow mode: what it would have set. Nothing that it asks for is applied.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use host_contract::dial::{CACHE_CAPACITY, CACHE_POLICY};
use host_contract::{Dial, Judged, Snapshot, Value};
use serde::Serialize;

use crate::context::{Offer, ProposalContext};
use crate::judge::estimate::{Estimate, Estimated};
use crate::outcome::Verdict;
use crate::rule_book::RuleChange;

/// What a strategy in shadow mode would have done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShadowReport {
    /// Changes of dials that it would have made.
    pub changes: u64,
    /// Changes of the rule book that it would have made, those of one tick as one.
    pub rule_changes: u64,
    /// The last value that it wanted of each dial.
    pub wanted: BTreeMap<Dial, Value>,
    /// Rules that it would have installed at the end.
    pub rules: u64,
    /// What the shadows say of the policy and the capacity that it wanted. None where nothing could be judged.
    pub estimated: Option<Estimated>,
    /// What could not be judged, and why. Empty where all was.
    pub not_judged: Vec<String>,
    /// The line of a profile that lets it decide.
    pub promote: String,
}

/// What a strategy in shadow mode wants.
#[derive(Debug, Default)]
pub(crate) struct Shadowed {
    /// What it would have put in force, and would still be.
    holds: BTreeMap<Dial, Value>,
    /// The same, with what it gave up when it failed.
    wanted: BTreeMap<Dial, Value>,
    /// Ids of the rules that it would have installed.
    pub(crate) rules: BTreeSet<u32>,
    /// The tick from which each dial that it would have changed is free again.
    resting: BTreeMap<Dial, u64>,
    changes: u64,
    rule_changes: u64,
    estimate: Estimate,
}

impl Shadowed {
    /// Judges what it wanted since the tick before.
    pub(crate) fn look(&mut self, snapshot: &Arc<Snapshot>) {
        let policy = match self.holds.get(&CACHE_POLICY) {
            Some(Value::Name(policy)) => Some(policy.as_str()),
            _ => None,
        };
        let capacity = match self.holds.get(&CACHE_CAPACITY) {
            Some(Value::Count(bytes)) => Some(*bytes),
            _ => None,
        };
        self.estimate.tick(snapshot, policy, capacity);
    }

    /// The offer, as it stands for this strategy: a dial rests for what it would have done itself, and for nothing else.
    pub(crate) fn offer(&self, offer: &Offer) -> Offer {
        let mut offer = offer.clone();
        for state in &mut offer.dials {
            let until = self.resting.get(&state.spec.dial).copied().unwrap_or(0);
            state.free_from_tick = until.max(offer.tick);
        }
        offer
    }

    /// Takes in what it asked for in a tick that ended well. Returns what would have become of each proposal for a dial,
    /// and of each for the rule book.
    pub(crate) fn take(
        &mut self,
        context: &ProposalContext,
        offer: &Offer,
        cool_down_ticks: u64,
    ) -> (Vec<Verdict>, Vec<Verdict>) {
        let proposals = context.proposals();
        let mut verdicts = Vec::with_capacity(proposals.len());
        for (at, proposal) in proposals.iter().enumerate() {
            let later = proposals.iter().skip(at + 1);
            let verdict = if proposal.answer.is_err() {
                Verdict::Refused
            } else if later.clone().any(|later| later.dial == proposal.dial && later.answer.is_ok()) {
                Verdict::Superseded
            } else {
                self.want(proposal.dial, &proposal.value, offer, cool_down_ticks)
            };
            verdicts.push(verdict);
        }
        let mut rule_verdicts = Vec::new();
        for proposal in context.rule_proposals() {
            if proposal.answer.is_err() {
                rule_verdicts.push(Verdict::Refused);
                continue;
            }
            match proposal.change {
                RuleChange::Install(_) => self.rules.insert(proposal.id),
                RuleChange::Withdraw => self.rules.remove(&proposal.id),
            };
            rule_verdicts.push(Verdict::Shadowed);
        }
        self.rule_changes += u64::from(rule_verdicts.contains(&Verdict::Shadowed));
        (verdicts, rule_verdicts)
    }

    fn want(&mut self, dial: Dial, value: &Value, offer: &Offer, cool_down_ticks: u64) -> Verdict {
        let Some(state) = offer.dials.iter().find(|state| state.spec.dial == dial) else {
            return Verdict::Refused;
        };
        if self.holds.get(&dial).or(state.value.as_ref()) == Some(value) {
            return Verdict::NoChange;
        }
        self.changes += 1;
        self.holds.insert(dial, value.clone());
        self.wanted.insert(dial, value.clone());
        // As where it decides: what takes effect at once and can be taken back at once needs no rest.
        if cool_down_ticks > 0 && state.spec.judged != Judged::Throughput {
            self.resting.insert(dial, offer.tick.saturating_add(1).saturating_add(cool_down_ticks));
        }
        Verdict::Shadowed
    }

    /// It failed or was retired: what it would have held would have returned to the settings that the run started with.
    pub(crate) fn give_up(&mut self) {
        self.holds.clear();
        self.rules.clear();
        self.resting.clear();
    }

    /// What it would have done, for the strategy of that name.
    pub(crate) fn report(&self, name: &str) -> ShadowReport {
        let judged = |dial: &Dial| *dial == CACHE_POLICY || *dial == CACHE_CAPACITY;
        let others = self.wanted.keys().filter(|dial| !judged(dial));
        let mut not_judged: Vec<String> =
            others.map(|dial| format!("{dial}: nothing estimates it without turning it")).collect();
        if self.rule_changes > 0 {
            not_judged.push("prefetch rules: nothing estimates them without installing them".to_owned());
        }
        let estimated = match self.estimate.told() {
            Some(Ok(estimated)) => Some(estimated),
            Some(Err(why)) => {
                let dials: Vec<&str> =
                    self.wanted.keys().filter(|dial| judged(dial)).map(|dial| dial.name()).collect();
                not_judged.insert(0, format!("{}: {why}", dials.join(", ")));
                None
            }
            None => None,
        };
        ShadowReport {
            changes: self.changes,
            rule_changes: self.rule_changes,
            wanted: self.wanted.clone(),
            rules: self.rules.iter().map(|_| 1).sum(),
            estimated,
            not_judged,
            promote: format!("strategies.{name}.mode = \"active\""),
        }
    }
}
