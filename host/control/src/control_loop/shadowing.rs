//! Strategies in shadow mode: consulted as any other, and nothing that they ask for is applied.
//!
//! They see the figures and the values in force, and a dial rests for them as if what they wanted had been done. Other
//! strategies do not notice them: they take no part in the arbitration, own no rules, and hold no dial. What their
//! proposals would have come to stands on the ledger under a name of its own.

use std::sync::Arc;

use host_contract::Snapshot;

use super::ControlLoop;
use super::consulted::Consulted;
use crate::context::Offer;

impl ControlLoop {
    /// Judges what strategies in shadow mode have wanted since the tick before.
    pub(super) fn look_at_shadowed(&mut self, snapshot: &Arc<Snapshot>) {
        for shadowed in self.registrations.iter_mut().filter_map(|of| of.shadowed.as_mut()) {
            shadowed.look(snapshot);
        }
    }

    /// Takes in what a strategy in shadow mode was offered, and what it asked for.
    pub(super) fn keep_shadowed(&mut self, consulted: &mut Consulted, offer: &Arc<Offer>) {
        consulted.shadowed = Some(Arc::clone(offer));
        if consulted.failed {
            return;
        }
        let cool_down = self.config.cool_down_ticks;
        let registration = self.registrations.get_mut(consulted.registration);
        let Some(shadowed) = registration.and_then(|of| of.shadowed.as_mut()) else { return };
        let (verdicts, rule_verdicts) = shadowed.take(&consulted.context, offer, cool_down);
        for (proposal, verdict) in verdicts.into_iter().enumerate() {
            consulted.set(proposal, verdict);
        }
        for (proposal, verdict) in rule_verdicts.into_iter().enumerate() {
            consulted.set_rule(proposal, verdict);
        }
    }

    /// Whether the strategy may choose the policies that the shadows follow. In shadow mode it may where no other
    /// strategy has chosen any: what is estimated is no setting, and without estimates nothing that it wants could be judged.
    pub(super) fn may_follow(&self, registration: usize) -> bool {
        match self.registrations.get(registration) {
            Some(of) if of.is_shadowed() => !self.registrations.iter().any(|other| other.follows),
            of => of.is_some(),
        }
    }
}
