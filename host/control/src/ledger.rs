//! The ledger: every proposal and every decision, one JSON object a line.
//!
//! The loop returns records; whoever runs it writes them. Nothing in a record depends on wall time spent or on addresses,
//! so a run in virtual time writes the same bytes twice.

mod offered;
mod requests;

use std::collections::BTreeMap;
use std::sync::Arc;

use host_contract::{Acceptance, Dial, Refusal, RunInfo, Snapshot, Value};
use serde::Serialize;

use crate::effect::Effect;
use crate::outcome::Verdict;
use crate::rule_book::RuleChange;
use crate::strategy::{Fault, Identity};

pub(crate) use offered::withhold;
pub use offered::{Offered, OfferedDial, OfferedRange, Offering, Withheld};
pub use requests::Requests;

/// One line of the ledger.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Record {
    /// The run began.
    Run(Run),
    /// The requests that the strategies of the next tick are shown, where the profile wants them kept.
    Requests(Requests),
    /// What every strategy of a tick was shown.
    Tick(Arc<Snapshot>),
    /// The strategies of the tick were asked.
    Offer(Offered),
    /// A strategy proposed a value for a dial.
    Proposal(Proposed),
    /// A strategy proposed to change its prefetch rules.
    RuleProposal(RuleProposed),
    /// A strategy in shadow mode proposed a value for a dial.
    ShadowProposal(ShadowProposed),
    /// A strategy in shadow mode proposed to change its prefetch rules.
    ShadowRuleProposal(RuleProposed),
    /// A dial was changed.
    Decision(Decision),
    /// The rule book was changed.
    Rules(RulesChanged),
    /// The shadows follow other policies.
    Shadows(ShadowsFollow),
    /// A decision or a change of the rule book was judged.
    Effect(Effect),
    /// The host took a block of a trial: it put one side of a decision in force.
    Block(Block),
    /// A strategy logged something.
    Log(Logged),
    /// A strategy failed, was started again, or was taken out.
    Strategy(StrategyEvent),
    /// An eviction policy lost track of the cache's entries.
    Fallback(Fallback),
    /// Somebody told the host to do something.
    Command(Commanded),
    /// The run ended.
    End(End),
}

/// An eviction policy failed, or named no entry to evict, and another one took over the cache's shards where that happened.
#[derive(Debug, Clone, Serialize)]
pub struct Fallback {
    /// The tick at which it was found.
    pub tick: u64,
    /// Name of the policy that failed.
    pub policy: String,
    /// Name of the policy that took over.
    pub fallback: String,
    /// How often it happened since the tick before.
    pub fallbacks: u64,
    /// Shards that follow that one now, until a policy is set again.
    pub degraded_shards: u64,
    /// All shards.
    pub shards: u64,
    /// Why, in words.
    pub reason: String,
}

/// The first line.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// Name of the profile.
    pub profile: String,
    /// What was run.
    pub workload: String,
    /// What strategies may know of the run.
    pub about: RunInfo,
    /// The strategies that take part, highest priority first.
    pub strategies: Vec<Identity>,
    /// The settings that stand before the first tick. A dial that is unavailable in this run is not among them.
    pub settings: BTreeMap<Dial, Value>,
}

/// A strategy proposed a value for a dial.
#[derive(Debug, Clone, Serialize)]
pub struct Proposed {
    /// The tick.
    pub tick: u64,
    /// Who asked.
    pub strategy: String,
    /// Digest of the component.
    pub digest: String,
    /// The dial it wants to turn.
    pub dial: Dial,
    /// What it asked for.
    pub asked: Value,
    /// The same within the dial's range.
    pub proposed: Value,
    /// The answer it got at once.
    pub answer: Answer,
    /// What the arbiter made of it.
    pub verdict: Verdict,
}

/// A strategy in shadow mode proposed a value for a dial. Nothing of it is applied.
#[derive(Debug, Clone, Serialize)]
pub struct ShadowProposed {
    /// The proposal, and what would have become of it.
    #[serde(flatten)]
    pub proposal: Proposed,
    /// What is in force. None where nothing is behind the dial in this run.
    pub in_force: Option<Value>,
}

/// A strategy proposed to change its prefetch rules.
#[derive(Debug, Clone, Serialize)]
pub struct RuleProposed {
    /// The tick.
    pub tick: u64,
    /// Who asked.
    pub strategy: String,
    /// Digest of the component.
    pub digest: String,
    /// The strategy's own id for the rule.
    pub id: u32,
    /// What it asked for.
    pub asked: RuleChange,
    /// The same within the limits of a rule.
    pub proposed: RuleChange,
    /// The answer it got at once.
    pub answer: Answer,
    /// What became of it.
    pub verdict: Verdict,
}

/// The answer that a proposal got.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Taken as it is.
    Accepted,
    /// Taken as the nearest value inside the range.
    Clamped(f64),
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

/// A dial was changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// Number of the decision in this run, from 1. Changes of the rule book are counted with the decisions.
    pub id: u64,
    /// The tick.
    pub tick: u64,
    /// Milliseconds since the run began.
    pub at_ms: u64,
    /// The dial.
    pub dial: Dial,
    /// What was in force before.
    pub from: Value,
    /// What is in force now.
    pub to: Value,
    /// Who asked: names of strategies, or `host` for the memory budget, for what follows when a strategy fails, and for what
    /// the judge undoes.
    pub by: Vec<String>,
    /// The probability with which it was taken: 1.0, for strategies and host decide without drawing lots.
    pub probability: f64,
    /// The figures of the snapshot that bear on this dial.
    pub saw: BTreeMap<String, f64>,
    /// The reason in words: what the strategy said, or the figures.
    pub reason: String,
    /// How it was judged, once its window has closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
}

/// A block of a trial.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Block {
    /// The tick.
    pub tick: u64,
    /// Milliseconds since the run began.
    pub at_ms: u64,
    /// Number of the block in its trial, from 1.
    pub block: u64,
    /// `present` for what was decided for, `reference` for what was left.
    pub side: &'static str,
    /// The probability with which this side was drawn; 1.0 where nothing was drawn.
    pub probability: f64,
    /// The dials on trial, with the value in force from now on.
    pub values: BTreeMap<Dial, Value>,
    /// The decisions on trial.
    pub decisions: Vec<u64>,
}

/// The rule book was changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RulesChanged {
    /// Number of the change, counted with the decisions.
    pub id: u64,
    /// The tick.
    pub tick: u64,
    /// Milliseconds since the run began.
    pub at_ms: u64,
    /// Rules in force before.
    pub from: u64,
    /// Rules in force now.
    pub to: u64,
    /// Rules installed or replaced.
    pub installed: u64,
    /// Rules withdrawn.
    pub withdrawn: u64,
    /// Who asked, or `host` for what follows when a strategy fails.
    pub by: Vec<String>,
    /// The reason in words: what the strategies said, or the numbers.
    pub reason: String,
    /// How it was judged, once its window has closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
}

/// The shadows follow other policies from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShadowsFollow {
    /// The tick.
    pub tick: u64,
    /// Policies followed before.
    pub from: Vec<String>,
    /// Policies followed now.
    pub to: Vec<String>,
    /// The strategy that asked.
    pub by: String,
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
    /// Where it came from: `log`, `stdout`, `stderr`, or `host` for what the host had to say of the messages.
    pub context: String,
    /// The message.
    pub message: String,
}

/// A strategy failed, was started again, or was taken out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StrategyEvent {
    /// The tick; 0 where it could not be started at all.
    pub tick: u64,
    /// Who.
    pub strategy: String,
    /// Digest of the component.
    pub digest: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// Why, in words.
    pub text: String,
}

/// What happened to a strategy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// It failed, and is started again.
    BackOff {
        /// Why.
        fault: Fault,
        /// How long it rests, ticks.
        ticks: u64,
        /// The tick in which it is started again.
        until: u64,
        /// Restarts in its budget, that one included.
        restarts_left: u32,
    },
    /// It was started again in a fresh store.
    Restart {
        /// Its restarts so far, this one included.
        restarts: u64,
        /// Restarts left in its budget.
        restarts_left: u32,
    },
    /// It failed with its budget spent, or could not be started at all, and takes no further part in the run.
    Quarantine {
        /// Why.
        fault: Fault,
        /// Its restarts so far.
        restarts: u64,
    },
    /// The operator took it out.
    Retire,
    /// The operator gave it a full budget of restarts, and started it again where it did not take part or was to forget.
    Reset {
        /// Its restarts so far, one that follows from this included.
        restarts: u64,
    },
    /// Another component took its place between two ticks.
    Replace {
        /// Digest of the one before; empty where there was none.
        before: String,
    },
}

/// Somebody told the host to do something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Commanded {
    /// Milliseconds since the run began.
    pub at_ms: u64,
    /// What: `tick`, `reload`, `retire`, `reset`, `replace` or `keep`.
    pub command: &'static str,
    /// Why, or with what, in words.
    pub detail: String,
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
