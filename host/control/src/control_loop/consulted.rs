//! Calls the strategies of a tick, and keeps what became of what each asked for.

use std::sync::Arc;

use host_contract::{Dial, Snapshot, Value};

use super::{ControlLoop, Controls, HOST};
use crate::context::{Offer, ProposalContext};
use crate::judge::Judge;
use crate::ledger::{
    self, Answer, Logged, Offered, Offering, Proposed, Record, RuleProposed, ShadowProposed, Withheld,
};
use crate::outcome::{self, Outcome, Verdict};
use crate::strategy::{LogLine, Response};

/// What one strategy asked for in this tick, and what became of it.
pub(super) struct Consulted {
    /// Position of the strategy among the registrations.
    pub(super) registration: usize,
    pub(super) context: ProposalContext,
    /// Whether it failed in this tick, so that nothing it asked for counts.
    pub(super) failed: bool,
    /// What it was offered, where it is in shadow mode, so that nothing it asked for counts either.
    pub(super) shadowed: Option<Arc<Offer>>,
    /// By proposal.
    verdicts: Vec<Judgement>,
    rule_verdicts: Vec<Verdict>,
}

/// What became of a proposal, and the decision that came of it, with its authors.
type Judgement = (Verdict, Option<(u64, Vec<String>)>);

impl Consulted {
    fn new(registration: usize, context: ProposalContext, failed: bool) -> Self {
        let before = |refused: bool| if refused || failed { Verdict::Refused } else { Verdict::Superseded };
        let verdicts = context.proposals().iter().map(|p| (before(p.answer.is_err()), None)).collect();
        let rule_verdicts = context.rule_proposals().iter().map(|p| before(p.answer.is_err())).collect();
        Self { registration, context, failed, shadowed: None, verdicts, rule_verdicts }
    }

    /// Whether what it asked for counts.
    pub(super) fn counts(&self) -> bool {
        !self.failed && self.shadowed.is_none()
    }

    /// The last proposal for a dial that was not refused, with its position.
    pub(super) fn standing(&self, dial: Dial) -> Option<(usize, Value)> {
        if !self.counts() {
            return None;
        }
        let proposals = self.context.proposals().iter().enumerate().rev();
        let mut standing = proposals.filter(|(_, proposal)| proposal.dial == dial && proposal.answer.is_ok());
        standing.next().map(|(at, proposal)| (at, proposal.value.clone()))
    }

    /// Notes what the arbiter made of a proposal.
    pub(super) fn set(&mut self, proposal: usize, verdict: Verdict) {
        if let Some(place) = self.verdicts.get_mut(proposal) {
            place.0 = verdict;
        }
    }

    /// Notes what became of a proposal for the rule book.
    pub(super) fn set_rule(&mut self, proposal: usize, verdict: Verdict) {
        if let Some(place) = self.rule_verdicts.get_mut(proposal) {
            *place = verdict;
        }
    }

    /// Notes the decision that came of the proposals for a dial.
    pub(super) fn decided(&mut self, dial: Dial, decision: u64, by: &[String]) {
        for (proposal, (verdict, decided)) in self.context.proposals().iter().zip(&mut self.verdicts) {
            if proposal.dial == dial && matches!(verdict, Verdict::Applied | Verdict::Outranked) {
                *decided = Some((decision, by.to_vec()));
            }
        }
    }
}

/// The offer to one strategy: a dial that the judge withholds from it is not free.
fn offer_to(registration: usize, offer: &Arc<Offer>, judge: &Judge) -> Arc<Offer> {
    let mut offer = Arc::clone(offer);
    for at in 0..offer.dials.len() {
        let Some(state) = offer.dials.get(at) else { continue };
        let free = judge.free_from(registration, &state.spec, offer.tick);
        if let Some(free) = free.filter(|free| *free > state.free_from_tick)
            && let Some(state) = Arc::make_mut(&mut offer).dials.get_mut(at)
        {
            state.free_from_tick = free;
        }
    }
    offer
}

impl ControlLoop {
    /// Calls every strategy, highest priority first.
    pub(super) fn consult(&mut self, snapshot: &Arc<Snapshot>, controls: &Controls<'_>) -> Vec<Consulted> {
        let offer = Arc::new(self.offer(snapshot.tick, controls));
        let mut withheld = Withheld::new();
        let at = self.records.len();
        let mut all = Vec::new();
        for index in 0..self.registrations.len() {
            if !self.is_called(index, snapshot) {
                continue;
            }
            let Some(registration) = self.registrations.get_mut(index) else { continue };
            let declared = registration.identity().dials.iter().cloned().collect();
            let (own, rules) = match &registration.shadowed {
                Some(shadowed) => (Arc::new(shadowed.offer(&offer)), shadowed.rules.clone()),
                None => (offer_to(index, &offer, &self.judge), registration.rules.clone()),
            };
            ledger::withhold(&mut withheld, &registration.identity().name, &own, &offer);
            let context = ProposalContext::new(own, registration.grants.clone(), declared)
                .with_past(rules, Arc::clone(&registration.outcomes))
                .hearing(registration.hearing.clone());
            let Response { context, usage, log, fault } =
                registration.strategy.tick(Arc::clone(snapshot), context);
            registration.cost.add(usage, &context);
            let identity = registration.identity();
            let unheard =
                context.unheard().map(|message| LogLine { level: "warn", context: HOST.to_owned(), message });
            self.records.extend(log.into_iter().chain(unheard).map(|line| {
                Record::Log(Logged {
                    tick: snapshot.tick,
                    strategy: identity.name.clone(),
                    level: line.level,
                    context: line.context,
                    message: line.message,
                })
            }));
            let (failed, shadowed) = (fault.is_some(), registration.is_shadowed());
            match fault {
                None => registration.supervisor.ended_well(),
                Some(fault) => self.failed(index, fault, snapshot),
            }
            let mut consulted = Consulted::new(index, context, failed);
            if shadowed {
                self.keep_shadowed(&mut consulted, &offer);
            }
            all.push(consulted);
        }
        let now = (Offering::of(&offer), withheld);
        let before = self.offered.replace(now.clone()).unzip();
        let offered = Offered {
            tick: snapshot.tick,
            offering: (before.0.as_ref() != Some(&now.0)).then_some(now.0),
            withheld: (before.1.unwrap_or_default() != now.1).then_some(now.1),
        };
        // Before what the strategies said.
        self.records.insert(at, Record::Offer(offered));
        all
    }

    /// Puts what was asked for on the ledger, and where the strategy that asked can see what became of it.
    pub(super) fn record_proposals(&mut self, consulted: &mut [Consulted], snapshot: &Snapshot) {
        for of in consulted {
            let Some(registration) = self.registrations.get_mut(of.registration) else { continue };
            let identity = registration.strategy.identity();
            let (tick, name, digest) = (snapshot.tick, &identity.name, &identity.digest);
            let outcomes = Arc::make_mut(&mut registration.outcomes);
            for (proposal, (verdict, decided)) in of.context.proposals().iter().zip(&of.verdicts) {
                let (decision, by) = decided.clone().unzip();
                outcome::keep(
                    outcomes,
                    Outcome {
                        tick,
                        dial: proposal.dial,
                        proposed: proposal.asked.clone(),
                        verdict: *verdict,
                        by: by.unwrap_or_default(),
                        decision,
                        effect: None,
                    },
                );
                let proposed = Proposed {
                    tick,
                    strategy: name.clone(),
                    digest: digest.clone(),
                    dial: proposal.dial,
                    asked: proposal.asked.clone(),
                    proposed: proposal.value.clone(),
                    answer: Answer::from(&proposal.answer),
                    verdict: *verdict,
                };
                self.records.push(match &of.shadowed {
                    Some(offer) => {
                        let in_force = offer.value(proposal.dial).cloned();
                        Record::ShadowProposal(ShadowProposed { proposal: proposed, in_force })
                    }
                    None => Record::Proposal(proposed),
                });
            }
            for (proposal, verdict) in of.context.rule_proposals().iter().zip(&of.rule_verdicts) {
                let proposed = RuleProposed {
                    tick,
                    strategy: name.clone(),
                    digest: digest.clone(),
                    id: proposal.id,
                    asked: proposal.asked.clone(),
                    proposed: proposal.change.clone(),
                    answer: Answer::from(&proposal.answer),
                    verdict: *verdict,
                };
                let shadowed = of.shadowed.is_some();
                let record = if shadowed { Record::ShadowRuleProposal } else { Record::RuleProposal };
                self.records.push(record(proposed));
            }
        }
    }
}
