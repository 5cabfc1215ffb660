//! The ledger: every proposal and every decision, one JSON object a line.
//!
//! The loop returns records; whoever runs it writes them. Nothing in a record depends on wall time
//! spent or on addresses, so a run in virtual time writes the same bytes twice.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::proposal::{Acceptance, Control, Proposal, Refusal};
use crate::snapshot::Snapshot;
use crate::strategy::{Fault, Identity};

/// One line of the ledger.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Record {
    /// The run began.
    Run(Run),
    /// What every strategy of a tick was shown.
    Tick(Box<Snapshot>),
    /// A strategy asked for something.
    Proposal(Proposed),
    /// A control was changed.
    Decision(Decision),
    /// A decision was judged.
    Effect(Effect),
    /// A strategy logged something.
    Log(Logged),
    /// A strategy was set aside.
    SetAside(SetAside),
    /// The run ended.
    End(End),
}

/// The first line.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// Name of the profile.
    pub profile: String,
    /// What was run.
    pub workload: String,
    /// The strategies that take part, highest priority first.
    pub strategies: Vec<Identity>,
    /// The settings that stand before the first tick.
    pub settings: BTreeMap<Control, Value>,
}

/// A value of a control.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// Name of a policy.
    Policy(String),
    /// Bytes, workers, or loads under way.
    Count(u64),
    /// A prefetch budget.
    Budget(crate::proposal::Budget),
    /// How many prefetch rules are installed.
    Rules {
        /// Rules installed after the decision.
        rules: u64,
    },
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Policy(name) => f.write_str(name),
            Self::Count(n) => write!(f, "{n}"),
            Self::Budget(b) => write!(f, "{} loads, {:.0} %", b.max_in_flight, b.cache_share * 100.0),
            Self::Rules { rules } => write!(f, "{rules}"),
        }
    }
}

/// A strategy asked for something.
#[derive(Debug, Clone, Serialize)]
pub struct Proposed {
    /// The tick.
    pub tick: u64,
    /// Who asked.
    pub strategy: String,
    /// Digest of the component.
    pub digest: String,
    /// The control it wants to turn.
    pub control: Control,
    /// What it asked for, with the bounds applied where it was clamped.
    pub proposed: Proposal,
    /// The answer it got at once.
    pub answer: Answer,
    /// What the arbiter made of it.
    pub outcome: Verdict,
}

/// The answer that a control call got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Taken as it is.
    Accepted,
    /// Taken as the nearest value within bounds.
    Clamped(u64),
    /// Refused, and why.
    Refused(Refusal),
}

impl From<&Result<Acceptance, Refusal>> for Answer {
    fn from(answer: &Result<Acceptance, Refusal>) -> Self {
        match answer {
            Ok(Acceptance::Accepted) => Self::Accepted,
            Ok(Acceptance::Clamped(to)) => Self::Clamped(*to),
            Err(refusal) => Self::Refused(refusal.clone()),
        }
    }
}

/// What the arbiter made of a proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
    /// It was refused when it was made.
    Refused,
    /// The data plane could not apply it.
    Failed,
}

/// A control was changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// Number of the decision in this run, from 1.
    pub id: u64,
    /// The tick.
    pub tick: u64,
    /// Milliseconds since the run began.
    pub at_ms: u64,
    /// The control.
    pub control: Control,
    /// What was in force before.
    pub from: Value,
    /// What is in force now.
    pub to: Value,
    /// Who asked: names of strategies, or `host` for the memory budget and for what follows from
    /// setting a strategy aside.
    pub by: Vec<String>,
    /// The figures of the snapshot that bear on this control.
    pub saw: BTreeMap<String, f64>,
    /// The reason in words: what the strategy logged, or the figures.
    pub reason: String,
    /// How it was judged, once its window has closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
}

/// How a decision was judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effect {
    /// The decision.
    pub decision: u64,
    /// The tick at which the window closed.
    pub tick: u64,
    /// Ticks the window lasted.
    pub window_ticks: u64,
    /// What was measured: `hit-ratio` or `throughput`.
    pub metric: &'static str,
    /// The figure measured in the window.
    pub measured: f64,
    /// What the same window would have given with the setting that was left.
    pub counterfactual: Option<f64>,
    /// Where the counterfactual comes from, for example `shadow lru` or `before`.
    pub basis: String,
}

/// A strategy logged something.
#[derive(Debug, Clone, Serialize)]
pub struct Logged {
    /// The tick.
    pub tick: u64,
    /// Who spoke.
    pub strategy: String,
    /// How much it matters.
    pub level: &'static str,
    /// What part of the strategy spoke.
    pub context: String,
    /// The message.
    pub message: String,
}

/// A strategy was set aside for the rest of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetAside {
    /// The tick; 0 where it could not be started.
    pub tick: u64,
    /// Who.
    pub strategy: String,
    /// Digest of the component.
    pub digest: String,
    /// Why.
    pub fault: Fault,
    /// Why, in words.
    pub text: String,
}

/// The last line.
#[derive(Debug, Clone, Serialize)]
pub struct End {
    /// Ticks held.
    pub ticks: u64,
    /// Requests that caused no load of their own.
    pub hits: u64,
    /// Requests that had to load.
    pub misses: u64,
    /// Decisions taken.
    pub decisions: u64,
}
