//! What became of a proposal.

use std::collections::VecDeque;

use host_contract::{Dial, Value};
use serde::{Deserialize, Serialize};

use crate::effect::Effect;

/// Outcomes kept of each strategy.
pub const KEPT: usize = 256;

/// What the arbiter made of a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is now in force, or part of what is.
    Applied,
    /// It asked for what was in force already.
    NoChange,
    /// The same strategy asked again later in the tick.
    Superseded,
    /// Another strategy's proposal counted more.
    Outranked,
    /// It was refused when it was made, or its strategy failed in the same tick.
    Refused,
    /// The data plane could not apply it.
    Failed,
    /// Its strategy is in shadow mode: where it decided, it would have been in force.
    Shadowed,
}

impl Verdict {
    /// The name in `wit/` and on the ledger.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::NoChange => "no-change",
            Self::Superseded => "superseded",
            Self::Outranked => "outranked",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Shadowed => "shadowed",
        }
    }
}

/// What became of one proposal, as its strategy is told; mirrors `outcome` of `wit/dials.wit`.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The tick of the proposal.
    pub tick: u64,
    /// The dial.
    pub dial: Dial,
    /// The value that it asked for.
    pub proposed: Value,
    /// What the arbiter made of it.
    pub verdict: Verdict,
    /// The strategies whose proposals make up the value in force since then. Empty where nothing was changed.
    pub by: Vec<String>,
    /// The decision that came of the proposals for this dial in that tick, if any.
    pub decision: Option<u64>,
    /// How that decision was judged. None until then.
    pub effect: Option<Effect>,
}

/// Adds an outcome and forgets the oldest beyond [`KEPT`].
pub(crate) fn keep(outcomes: &mut VecDeque<Outcome>, outcome: Outcome) {
    if outcomes.len() >= KEPT {
        outcomes.pop_front();
    }
    outcomes.push_back(outcome);
}
