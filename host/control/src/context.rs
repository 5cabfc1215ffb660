//! Where a strategy hands in its proposals of one tick.
//!
//! A context answers each call at once from what is known before the tick: grants, ranges, cool-downs. It applies nothing:
//! what stands goes to the arbiter. It also bounds what a runaway strategy can make the host remember: the first proposals
//! count, as many as the [`Hearing`] says, everything beyond is refused and only numbered.

mod offer;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use host_contract::{Acceptance, Dial, Grant, PrefetchRule, Range, Refusal, Value};
use serde::Serialize;

use crate::outcome::Outcome;
use crate::rule_book::RuleChange;

pub use offer::{DialState, Hearing, Offer};

/// Bytes kept of a reason.
pub const MAX_REASON: usize = 1 << 10;

/// The answer to a rule that the run does not take.
const LEFT_OUT: &str = "rules for keys that belong together are left out of this run (prefetch.mode), those that continue \
    an order are taken";

/// A proposal for a dial, and the answer it got.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proposal {
    /// The dial.
    pub dial: Dial,
    /// What was asked for.
    pub asked: Value,
    /// The same within the dial's range.
    pub value: Value,
    /// What was answered.
    pub answer: Result<Acceptance, Refusal>,
}

/// A proposal for the rule book, and the answer it got.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleProposal {
    /// The strategy's own id for the rule.
    pub id: u32,
    /// What was asked for.
    pub asked: RuleChange,
    /// The same within its limits.
    pub change: RuleChange,
    /// What was answered.
    pub answer: Result<Acceptance, Refusal>,
}

/// Range and value of a dial that is a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NumberRange {
    /// The least value, in the dial's unit.
    pub minimum: f64,
    /// The largest value, in the dial's unit.
    pub maximum: f64,
    /// The value in force, in the dial's unit.
    pub value: f64,
}

/// Takes the proposals of one strategy in one tick.
#[derive(Debug)]
pub struct ProposalContext {
    offer: Arc<Offer>,
    grants: BTreeSet<Grant>,
    declared: BTreeSet<String>,
    /// Ids of the rules that the strategy has installed, those of this tick included.
    rules: BTreeSet<u32>,
    outcomes: Arc<VecDeque<Outcome>>,
    proposals: Vec<Proposal>,
    rule_proposals: Vec<RuleProposal>,
    reasons: BTreeMap<Dial, String>,
    rules_reason: Option<String>,
    follow: Option<Vec<String>>,
    follow_capacities: bool,
    hearing: Hearing,
    /// Calls that were refused and not kept.
    ignored: u64,
    /// Of them, those beyond what is listened to.
    unheard: u64,
}

impl ProposalContext {
    /// A context for a strategy with these grants, which declares these dials.
    #[must_use]
    pub fn new(offer: Arc<Offer>, grants: BTreeSet<Grant>, declared: BTreeSet<String>) -> Self {
        Self {
            offer,
            grants,
            declared,
            rules: BTreeSet::new(),
            outcomes: Arc::default(),
            proposals: Vec::new(),
            rule_proposals: Vec::new(),
            reasons: BTreeMap::new(),
            rules_reason: None,
            follow: None,
            follow_capacities: false,
            hearing: Hearing::default(),
            ignored: 0,
            unheard: 0,
        }
    }

    /// The same for a strategy that has these rules installed, and of whose proposals this became.
    #[must_use]
    pub fn with_past(mut self, rules: BTreeSet<u32>, outcomes: Arc<VecDeque<Outcome>>) -> Self {
        (self.rules, self.outcomes) = (rules, outcomes);
        self
    }

    /// The same that listens to so many proposals.
    #[must_use]
    pub fn hearing(mut self, hearing: Hearing) -> Self {
        self.hearing = hearing;
        self
    }

    /// A context that grants nothing, for calls made outside a tick.
    #[must_use]
    pub fn closed() -> Self {
        Self::new(Arc::default(), BTreeSet::new(), BTreeSet::new())
    }

    /// Proposes a value for a dial. Of two proposals for one dial in one tick the later one counts.
    ///
    /// # Errors
    /// The reason for which the proposal is refused.
    pub fn propose(&mut self, dial: impl AsRef<str>, value: Value) -> Result<Acceptance, Refusal> {
        self.listen()?;
        let offer = Arc::clone(&self.offer);
        let Some(state) = offer.find(dial.as_ref()) else {
            self.ignored += 1;
            // Outside a tick no dial is offered: nothing is granted.
            return Err(if offer.dials.is_empty() { Refusal::NotGranted } else { unknown_dial(&offer) });
        };
        let (within, answer) = match self.admit(state, &value) {
            Ok((within, acceptance)) => (within, Ok(acceptance)),
            Err(refusal) => (value.clone(), Err(refusal)),
        };
        let proposal =
            Proposal { dial: state.spec.dial, asked: value, value: within, answer: answer.clone() };
        self.proposals.push(proposal);
        answer
    }

    fn admit(&self, state: &DialState, value: &Value) -> Result<(Value, Acceptance), Refusal> {
        if !self.grants.contains(&state.spec.grant) {
            return Err(Refusal::NotGranted);
        }
        if !self.declared.contains(state.spec.dial.name()) {
            return Err(Refusal::NotDeclared);
        }
        let range = state.range.as_ref().ok_or(Refusal::Unavailable)?;
        if state.free_from_tick > self.offer.tick {
            return Err(Refusal::CoolingDown(state.free_from_tick));
        }
        range.admit(value)
    }

    /// Proposes to install a rule, or to replace the strategy's rule of that id.
    ///
    /// # Errors
    /// The reason for which the proposal is refused.
    pub fn propose_rule(&mut self, id: u32, rule: PrefetchRule) -> Result<Acceptance, Refusal> {
        self.listen()?;
        let asked = RuleChange::Install(rule.clone());
        let admitted = self.may_change_rules().and_then(|limit| {
            if !self.offer.rule_kinds.take(&rule) {
                return Err(Refusal::Invalid(LEFT_OUT.to_owned()));
            }
            if !self.rules.contains(&id) && self.rules_left() == 0 {
                return Err(Refusal::TooMany(limit));
            }
            rule.admit()
        });
        let (change, answer) = match admitted {
            Ok((rule, acceptance)) => (RuleChange::Install(rule), Ok(acceptance)),
            Err(refusal) => (asked.clone(), Err(refusal)),
        };
        if answer.is_ok() {
            self.rules.insert(id);
        }
        self.rule_proposals.push(RuleProposal { id, asked, change, answer: answer.clone() });
        answer
    }

    /// Proposes to withdraw a rule of the strategy.
    ///
    /// # Errors
    /// The reason for which the proposal is refused.
    pub fn propose_withdrawal(&mut self, id: u32) -> Result<Acceptance, Refusal> {
        self.listen()?;
        let answer = self.may_change_rules().and_then(|_| {
            if self.rules.remove(&id) {
                Ok(Acceptance::Accepted)
            } else {
                Err(Refusal::Unknown(self.rules.iter().map(u32::to_string).collect()))
            }
        });
        let (asked, change) = (RuleChange::Withdraw, RuleChange::Withdraw);
        self.rule_proposals.push(RuleProposal { id, asked, change, answer: answer.clone() });
        answer
    }

    fn may_change_rules(&self) -> Result<u32, Refusal> {
        if !self.grants.contains(&Grant::PrefetchControl) {
            return Err(Refusal::NotGranted);
        }
        self.offer.rule_limit.ok_or(Refusal::Unavailable)
    }

    /// Counts a proposal in, or refuses it as one too many.
    fn listen(&mut self) -> Result<(), Refusal> {
        let kept = self.proposals.len().saturating_add(self.rule_proposals.len());
        if u32::try_from(kept).is_ok_and(|kept| kept < self.hearing.most) {
            return Ok(());
        }
        self.ignored += 1;
        self.unheard += 1;
        Err(Refusal::TooMany(self.hearing.most))
    }

    /// Asks the shadows to follow exactly these policies. The last call of a tick counts.
    ///
    /// # Errors
    /// The reason for which it is refused.
    pub fn follow(&mut self, policies: Vec<String>) -> Result<(), Refusal> {
        let offer = &self.offer;
        if !self.grants.contains(&Grant::ShadowControl) {
            return Err(Refusal::NotGranted);
        }
        let Some(known) = &offer.policies else { return Err(Refusal::Unavailable) };
        let mut distinct: Vec<String> = Vec::new();
        for policy in policies {
            let policy = known.read(&policy)?;
            if !distinct.contains(&policy) {
                distinct.push(policy);
            }
        }
        if distinct.is_empty() {
            return Err(Refusal::Invalid("no policy to follow".to_owned()));
        }
        if u32::try_from(distinct.len()).is_ok_and(|count| count > offer.shadow_budget) {
            return Err(Refusal::TooMany(offer.shadow_budget));
        }
        self.follow = Some(distinct);
        Ok(())
    }

    /// Asks for shadows at half and at twice the capacity as well.
    ///
    /// # Errors
    /// The reason for which it is refused.
    pub fn follow_capacities(&mut self) -> Result<(), Refusal> {
        if !self.grants.contains(&Grant::ShadowControl) {
            return Err(Refusal::NotGranted);
        }
        if self.offer.policies.is_none() {
            return Err(Refusal::Unavailable);
        }
        self.follow_capacities = true;
        Ok(())
    }

    /// Says why the strategy turns a dial in this tick. The last text counts, cut to [`MAX_REASON`] bytes. A dial that is
    /// none needs no reason: the text is dropped.
    pub fn explain(&mut self, dial: impl AsRef<str>, reason: &str) {
        if let Some(state) = self.offer.find(dial.as_ref()) {
            self.reasons.insert(state.spec.dial, cut(reason));
        }
    }

    /// Says why the strategy changes its rules in this tick. The last text counts, cut to [`MAX_REASON`] bytes.
    pub fn explain_rules(&mut self, reason: &str) {
        self.rules_reason = Some(cut(reason));
    }

    /// Names of all dials, in the order in which decisions are applied.
    #[must_use]
    pub fn dial_names(&self) -> Vec<&'static str> {
        self.offer.dials.iter().map(|state| state.spec.dial.name()).collect()
    }

    /// Range and value of a dial that is a number. None: no such dial, not a number, or nothing behind it.
    #[must_use]
    pub fn range(&self, dial: &str) -> Option<NumberRange> {
        let state = self.offer.find(dial)?;
        let value = state.value.as_ref()?.number()?;
        let (minimum, maximum) = state.range.as_ref()?.numbers()?;
        Some(NumberRange { minimum, maximum, value })
    }

    /// The names that a dial takes. Empty: no such dial, not a choice, or nothing behind it.
    #[must_use]
    pub fn choices(&self, dial: &str) -> &[String] {
        match self.offer.find(dial).and_then(|state| state.range.as_ref()) {
            Some(Range::Names(names)) => names.listed(),
            _ => &[],
        }
    }

    /// The name in force of a dial that is a choice. None: no such dial, not a choice, or nothing behind it.
    #[must_use]
    pub fn choice(&self, dial: &str) -> Option<&str> {
        match self.offer.find(dial)?.value.as_ref()? {
            Value::Name(name) => Some(name),
            _ => None,
        }
    }

    /// The first tick in which a proposal for the dial is not refused as cooling down; this tick where it is free. None:
    /// no such dial, or nothing behind it.
    #[must_use]
    pub fn free_from_tick(&self, dial: &str) -> Option<u64> {
        let state = self.offer.find(dial)?;
        state.range.as_ref()?;
        Some(state.free_from_tick.max(self.offer.tick))
    }

    /// What became of the last `max` proposals of the strategy, oldest first; those of this tick are not among them.
    pub fn outcomes(&self, max: u32) -> impl Iterator<Item = &Outcome> {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        self.outcomes.iter().skip(self.outcomes.len().saturating_sub(max))
    }

    /// Rules that the strategy may still install.
    #[must_use]
    pub fn rules_left(&self) -> u32 {
        let installed = u32::try_from(self.rules.len()).unwrap_or(u32::MAX);
        self.offer.rule_limit.unwrap_or(0).saturating_sub(installed)
    }

    /// Policies that the shadows follow now.
    #[must_use]
    pub fn followed(&self) -> &[String] {
        &self.offer.followed
    }

    /// Policies that the shadows may follow at once.
    #[must_use]
    pub fn shadow_budget(&self) -> u32 {
        self.offer.shadow_budget
    }

    /// The proposals for dials, in order.
    #[must_use]
    pub fn proposals(&self) -> &[Proposal] {
        &self.proposals
    }

    /// The proposals for the rule book, in order.
    #[must_use]
    pub fn rule_proposals(&self) -> &[RuleProposal] {
        &self.rule_proposals
    }

    /// Why the strategy turns a dial, in its own words.
    #[must_use]
    pub fn reason(&self, dial: Dial) -> Option<&str> {
        self.reasons.get(&dial).map(String::as_str)
    }

    /// Why the strategy changes its rules, in its own words.
    #[must_use]
    pub fn rules_reason(&self) -> Option<&str> {
        self.rules_reason.as_deref()
    }

    /// Whether the strategy asks for shadows at half and at twice the capacity.
    #[must_use]
    pub fn wants_capacities(&self) -> bool {
        self.follow_capacities
    }

    /// The policies that the strategy asks the shadows to follow.
    #[must_use]
    pub fn wants_followed(&self) -> Option<&[String]> {
        self.follow.as_deref()
    }

    /// What is told of proposals beyond those that are listened to, with the key that gives more; none where there were
    /// none.
    #[must_use]
    pub fn unheard(&self) -> Option<String> {
        let Hearing { most, key } = &self.hearing;
        let text = || {
            let unheard = self.unheard;
            format!(
                "{unheard} more proposals of one tick refused: {most} are heard; raise `{key}` to be heard more"
            )
        };
        (self.unheard > 0).then(text)
    }

    /// Calls beyond the [`Hearing`] and for dials that do not exist: refused and not kept.
    #[must_use]
    pub fn ignored(&self) -> u64 {
        self.ignored
    }
}

fn unknown_dial(offer: &Offer) -> Refusal {
    Refusal::Unknown(offer.dials.iter().map(|state| state.spec.dial.name().to_owned()).collect())
}

fn cut(text: &str) -> String {
    let end = (0..=MAX_REASON.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or(0)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
