//! A strategy in the loop: its grants, its priority, what it holds and what it has cost.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use host_contract::{Acceptance, Dial, Grant, Refusal};
use serde::Serialize;

use crate::context::{Hearing, ProposalContext};
use crate::outcome::Outcome;
use crate::shadowed::Shadowed;
use crate::status::History;
use crate::strategy::{Identity, Strategy, Usage};
use crate::supervisor::Supervisor;

/// A strategy and what the profile says of it.
pub struct Registration {
    pub(crate) strategy: Box<dyn Strategy>,
    pub(crate) priority: i64,
    pub(crate) grants: BTreeSet<Grant>,
    pub(crate) hearing: Hearing,
    /// Ids of the prefetch rules it has installed.
    pub(crate) rules: BTreeSet<u32>,
    /// Dials whose present value came from it.
    pub(crate) holds: BTreeSet<Dial>,
    /// Whether it has chosen the policies that the shadows follow, and is not in shadow mode.
    pub(crate) follows: bool,
    pub(crate) outcomes: Arc<VecDeque<Outcome>>,
    pub(crate) supervisor: Supervisor,
    /// What it would have done, where it is in shadow mode.
    pub(crate) shadowed: Option<Shadowed>,
    pub(crate) history: History,
    pub(crate) cost: Cost,
}

impl Registration {
    /// Registers a strategy. One of a higher `priority` is called first.
    #[must_use]
    pub fn new(strategy: Box<dyn Strategy>, priority: i64, grants: BTreeSet<Grant>) -> Self {
        Self {
            strategy,
            priority,
            grants,
            hearing: Hearing::default(),
            rules: BTreeSet::new(),
            holds: BTreeSet::new(),
            follows: false,
            outcomes: Arc::default(),
            supervisor: Supervisor::new(),
            shadowed: None,
            history: History::default(),
            cost: Cost::default(),
        }
    }

    /// The same with as many proposals of a tick heard.
    #[must_use]
    pub fn hearing(mut self, hearing: Hearing) -> Self {
        self.hearing = hearing;
        self
    }

    /// The same in shadow mode: it is consulted as any other, what it proposes is put on the ledger and judged where the
    /// shadows can, and nothing of it is applied.
    #[must_use]
    pub fn in_shadow_mode(mut self) -> Self {
        self.shadowed = Some(Shadowed::default());
        self
    }

    /// Whether it is in shadow mode.
    #[must_use]
    pub fn is_shadowed(&self) -> bool {
        self.shadowed.is_some()
    }

    /// What the profile lets it do.
    #[must_use]
    pub fn grants(&self) -> &BTreeSet<Grant> {
        &self.grants
    }

    /// Who it is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        self.strategy.identity()
    }
}

impl std::fmt::Debug for Registration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registration").field("strategy", self.identity()).finish_non_exhaustive()
    }
}

/// What a strategy has asked for, and what it has cost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Ticks it was called in.
    pub ticks: u64,
    /// Fuel it burnt.
    pub fuel: u64,
    /// Largest linear memory it held, bytes.
    pub memory_bytes: u64,
    /// Wall time spent in it.
    #[serde(skip)]
    pub wall: Duration,
    /// Proposals it made that were accepted as they were.
    pub accepted: u64,
    /// Proposals clamped to the range of their dial.
    pub clamped: u64,
    /// Proposals refused.
    pub refused: u64,
    /// The first refusal or clamp, in words: a hint for the author.
    pub first_objection: Option<String>,
}

impl Cost {
    /// Adds what one tick cost, and the answers given in it.
    pub(crate) fn add(&mut self, usage: Usage, context: &ProposalContext) {
        self.ticks += 1;
        self.fuel += usage.fuel;
        self.memory_bytes = self.memory_bytes.max(usage.memory_bytes);
        self.wall += usage.wall;
        for proposal in context.proposals() {
            self.count(&proposal.answer, || proposal.dial.name().to_owned());
        }
        for proposal in context.rule_proposals() {
            self.count(&proposal.answer, || format!("rule {}", proposal.id));
        }
        self.refused += context.ignored();
        if let Some(unheard) = context.unheard() {
            self.first_objection.get_or_insert(unheard);
        }
    }

    fn count(&mut self, answer: &Result<Acceptance, Refusal>, of: impl Fn() -> String) {
        let objection = match answer {
            Ok(Acceptance::Accepted) => {
                self.accepted += 1;
                return;
            }
            Ok(Acceptance::Clamped(to)) => {
                self.clamped += 1;
                format!("{} clamped to {to}", of())
            }
            Err(refusal) => {
                self.refused += 1;
                // Cooling down is the normal course of things and no hint for anybody.
                if matches!(refusal, Refusal::CoolingDown(_)) {
                    return;
                }
                format!("{} refused: {refusal}", of())
            }
        };
        self.first_objection.get_or_insert(objection);
    }
}
