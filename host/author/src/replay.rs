//! A strategy in the ticks of a run that was recorded, in virtual time: what would it have asked for?
//!
//! Each tick shows the snapshot that the ledger holds and offers the dials as they stood, whatever the replayed strategy
//! asks: nothing of it is applied. Where the recorded run had a strategy of its name, it is told what became of that
//! one's proposals, and finds that one's prefetch rules installed. So the component that was recorded asks for the same
//! again, and another one can be held against it.
//!
//! What is not recorded: what `state` held at the start of the run, and what the settings of the strategy were: they are
//! those of the profile that is given. Requests are there where the run was recorded with `control.record-requests`.

mod error;
mod recording;

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;

use host_contract::dial::Kind;
use host_contract::{DialSpec, Dials, Grant, Names, Range, Refusal, Value};
use host_control::effect::{Effect, Found};
use host_control::ledger::{Answer, OfferedDial, OfferedRange};
use host_control::outcome::KEPT;
use host_control::{
    DialState, Fault, Hearing, LogLine, Offer, Outcome, ProposalContext, Strategy, Usage, Verdict,
};
use host_plugin::{Plugin, Time};
use host_policy::{Registry, UnknownPolicy};
use host_profile::Settings;
use host_runtime::strategies::limits;
use serde::Serialize;
use serde_json::Value as Json;

pub use error::ReplayError;
pub use recording::{Begin, Part};

use recording::{Of, Proposal, Recording, Tick};

/// One thing that was asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Asked {
    /// A dial, or `rule` and the strategy's own number of it.
    pub what: String,
    /// The value asked for, or the change of the rule.
    pub value: Json,
    /// The answer it got at once.
    pub answer: Json,
}

/// A tick of a replay.
#[derive(Debug, Clone, Serialize)]
pub struct Replayed {
    /// Number of the tick.
    pub tick: u64,
    /// What the strategy asked for, in order.
    pub asked: Vec<Asked>,
    /// What the recorded strategy of its name asked for; none where there was none.
    pub recorded: Option<Vec<Asked>>,
    /// Messages that it logged.
    pub log: Vec<LogLine>,
    /// Why it failed, where it did: it is started again in the next tick.
    pub fault: Option<Fault>,
    /// What the call cost.
    pub usage: Usage,
}

impl Replayed {
    /// Whether the recorded strategy asked for the same; none where there was none of its name.
    #[must_use]
    pub fn same(&self) -> Option<bool> {
        self.recorded.as_ref().map(|recorded| *recorded == self.asked)
    }
}

/// A replay that is under way.
pub struct Replay {
    recording: Recording,
    strategy: Box<dyn Strategy>,
    name: String,
    grants: BTreeSet<Grant>,
    hearing: Hearing,
    /// Whether the recorded run had a strategy of that name.
    recorded: bool,
    past: Arc<VecDeque<Outcome>>,
    failed: bool,
    ticks: u64,
    path: std::path::PathBuf,
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay").field("name", &self.name).field("ticks", &self.ticks).finish_non_exhaustive()
    }
}

impl Replay {
    /// Opens a ledger, and starts the component with the settings and limits of its table; what it imports is granted.
    ///
    /// # Errors
    /// [`ReplayError`]: the ledger cannot be read, or the component cannot be started.
    pub fn open(plugin: &Plugin, settings: &Settings, ledger: &Path) -> Result<Self, ReplayError> {
        let recording = Recording::open(ledger)?;
        let name = plugin.name().to_owned();
        let table = settings.strategy(&name);
        let limit = table.map_or(&settings.limits, |table| &table.limits);
        let given = table.map(|table| table.settings.clone()).unwrap_or_default();
        let grants: BTreeSet<Grant> = plugin.inspection().grants().into_iter().collect();
        let seed = recording.begin.about.seed;
        let strategy = plugin.start(&grants, &given, &limits(limit, Time::Virtual), seed)?;
        let hearing = Hearing { most: limit.proposals, key: format!("strategies.{name}.limits.proposals") };
        let recorded = recording.begin.strategies.iter().any(|part| part.name == name);
        Ok(Self {
            recording,
            strategy: Box::new(strategy),
            name,
            grants,
            hearing,
            recorded,
            past: Arc::default(),
            failed: false,
            ticks: 0,
            path: ledger.to_owned(),
        })
    }

    /// What the ledger says of the run.
    #[must_use]
    pub fn begin(&self) -> &Begin {
        &self.recording.begin
    }

    /// Whether it reads requests, and the ledger has shown none so far.
    #[must_use]
    pub fn misses_requests(&self) -> bool {
        self.grants.contains(&Grant::Accesses) && !self.recording.has_requests
    }

    /// The next tick; none at the end.
    ///
    /// # Errors
    /// [`ReplayError`]: a line that is broken, named; or no tick at all.
    pub fn tick(&mut self) -> Result<Option<Replayed>, ReplayError> {
        let Some(tick) = self.recording.tick()? else {
            let path = self.path.clone();
            return if self.ticks == 0 { Err(ReplayError::NoTicks { path }) } else { Ok(None) };
        };
        self.ticks += 1;
        self.judge(&tick.judged);
        let replayed = self.call(&tick);
        self.remember(&tick);
        self.judge(&tick.judged_later);
        Ok(Some(replayed))
    }

    fn call(&mut self, tick: &Tick) -> Replayed {
        let mine = |proposal: &&Proposal| proposal.strategy == self.name;
        let recorded = self
            .recorded
            .then(|| tick.proposals.iter().filter(mine).map(Asked::recorded).collect::<Vec<_>>());
        let number = tick.snapshot.tick;
        // The recorded one began anew here.
        if self.failed || tick.restarted.contains(&self.name) {
            if let Err(fault) = self.strategy.restart() {
                self.failed = true;
                let (asked, log, usage) = (Vec::new(), Vec::new(), Usage::default());
                return Replayed { tick: number, asked, recorded, log, fault: Some(fault), usage };
            }
            self.failed = false;
            // What became of proposals of the instance before is none of the new one's business.
            self.past = Arc::default();
        }
        let context = self.context(tick);
        let response = self.strategy.tick(Arc::clone(&tick.snapshot), context);
        self.failed = response.fault.is_some();
        let dials = response.context.proposals().iter().map(|proposal| Asked {
            what: proposal.dial.name().to_owned(),
            value: json(&proposal.asked),
            answer: json(&Answer::from(&proposal.answer)),
        });
        let rules = response.context.rule_proposals().iter().map(|proposal| Asked {
            what: format!("rule {}", proposal.id),
            value: json(&proposal.asked),
            answer: json(&Answer::from(&proposal.answer)),
        });
        Replayed {
            tick: number,
            asked: dials.chain(rules).collect(),
            recorded,
            log: response.log,
            fault: response.fault,
            usage: response.usage,
        }
    }

    /// What the strategy can propose in a tick.
    fn context(&self, tick: &Tick) -> ProposalContext {
        let snapshot = &tick.snapshot;
        let declared = self.strategy.identity().dials.iter().cloned().collect();
        let owned = snapshot.prefetch.rules.iter().filter(|rule| rule.owner == self.name);
        ProposalContext::new(Arc::new(offer(tick, &self.name)), self.grants.clone(), declared)
            .with_past(owned.map(|rule| rule.id).collect(), Arc::clone(&self.past))
            .hearing(self.hearing.clone())
    }

    /// Adds what became of the recorded strategy's proposals.
    fn remember(&mut self, tick: &Tick) {
        let dials = Dials::built_in();
        let past = Arc::make_mut(&mut self.past);
        for proposal in tick.proposals.iter().filter(|proposal| proposal.strategy == self.name) {
            let Of::Dial(name) = &proposal.of else { continue };
            let Some(spec) = dials.find(name) else { continue };
            let Ok(proposed) = serde_json::from_value::<Value>(proposal.asked.clone()) else { continue };
            let decided = matches!(proposal.verdict, Verdict::Applied | Verdict::Outranked);
            let decision = tick.decisions.iter().find(|decision| decided && decision.dial == *name);
            past.push_back(Outcome {
                tick: tick.snapshot.tick,
                dial: spec.dial,
                proposed,
                verdict: proposal.verdict,
                by: decision.map(|decision| decision.by.clone()).unwrap_or_default(),
                decision: decision.map(|decision| decision.id),
                effect: None,
            });
        }
        let extra = past.len().saturating_sub(KEPT);
        past.drain(..extra);
    }

    /// Adds how what it asked for was judged.
    fn judge(&mut self, effects: &[recording::Judged]) {
        for judged in effects {
            let Some(effect) = effect(judged) else { continue };
            for outcome in Arc::make_mut(&mut self.past) {
                if outcome.decision == Some(judged.decision) {
                    outcome.effect = Some(effect.clone());
                }
            }
        }
    }
}

impl Asked {
    fn recorded(proposal: &Proposal) -> Self {
        let what = match &proposal.of {
            Of::Dial(dial) => dial.clone(),
            Of::Rule(id) => format!("rule {id}"),
        };
        Self { what, value: proposal.asked.clone(), answer: proposal.answer.clone() }
    }
}

/// A record as the ledger has it.
fn json(of: &impl Serialize) -> Json {
    serde_json::to_value(of).unwrap_or_default()
}

/// The offer that a ledger tells of. A dial that this host does not have is left out.
fn offer(tick: &Tick, strategy: &str) -> Offer {
    let Tick { offering, snapshot, .. } = tick;
    let withheld = tick.withheld.get(strategy);
    let state = |spec: &DialSpec| {
        let offered = offering.dials.get(spec.dial.name());
        let mut free = offered.and_then(|dial| dial.free_from_tick).unwrap_or(snapshot.tick);
        if let Some(ticks) = withheld.and_then(|withheld| withheld.get(spec.dial.name())) {
            free = free.max(snapshot.tick.saturating_add(*ticks));
        }
        DialState {
            spec: *spec,
            range: offered.and_then(|dial| range(dial, spec.kind)),
            value: offered.map(|dial| dial.value.clone()),
            free_from_tick: free,
        }
    };
    Offer {
        tick: snapshot.tick,
        dials: Dials::built_in().iter().map(state).collect(),
        rule_limit: offering.rule_limit,
        rule_kinds: offering.rule_kinds,
        followed: offering.followed.clone(),
        policies: offering.shadow_budget.map(|_| names(snapshot.cache.policies.clone())),
        shadow_budget: offering.shadow_budget.unwrap_or(0),
    }
}

fn range(dial: &OfferedDial, kind: Kind) -> Option<Range> {
    match (kind, &dial.range) {
        (Kind::Choice, OfferedRange::Names(listed)) => Some(Range::Names(names(listed.clone()))),
        (Kind::Count, OfferedRange::Numbers(Value::Count(least), Value::Count(most))) => {
            Some(Range::Count(*least..=*most))
        }
        (Kind::Ratio, OfferedRange::Numbers(least, most)) => {
            Some(Range::Ratio(least.number()?..=most.number()?))
        }
        _ => None,
    }
}

/// The names of policies that a run had, with the parameters that those of this host take.
fn names(listed: Vec<String>) -> Names {
    let registry = Registry::default();
    let known = listed.clone();
    Names::new(listed, move |text| match registry.parse(text) {
        Ok(policy) => Ok(policy.name().to_owned()),
        Err(UnknownPolicy::Name { .. }) => Err(Refusal::Unknown(known.clone())),
        Err(parameter) => Err(Refusal::Invalid(parameter.to_string())),
    })
}

/// How a decision was judged, as far as a strategy is told; none by a metric that this host does not have.
fn effect(judged: &recording::Judged) -> Option<Effect> {
    let metric =
        ["hit-ratio", "throughput", "latency-mean"].into_iter().find(|metric| *metric == judged.metric)?;
    Some(Effect {
        decision: judged.decision,
        tick: 0,
        window_ticks: 0,
        metric,
        measured: judged.measured,
        counterfactual: judged.counterfactual,
        basis: String::new(),
        verdict: Found::NotTested,
        pairs: 0,
        statistic: None,
        confidence: None,
    })
}

/// How many ticks of a replay were like those recorded, and what the others were.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Ticks.
    pub ticks: u64,
    /// What the strategy asked for in all.
    pub asked: u64,
    /// What the recorded one asked for; none where there was none of its name.
    pub recorded: Option<u64>,
    /// Ticks in which it asked for something else than the recorded one.
    pub different: u64,
    /// The first of them.
    pub first_different: Option<u64>,
    /// Ticks in which it failed.
    pub failed: u64,
    /// Fuel that it burnt.
    pub fuel: u64,
}

impl Summary {
    /// Counts a tick.
    pub fn add(&mut self, tick: &Replayed) {
        let count = |asked: &[Asked]| u64::try_from(asked.len()).unwrap_or(u64::MAX);
        self.ticks += 1;
        self.asked += count(&tick.asked);
        if let Some(recorded) = &tick.recorded {
            *self.recorded.get_or_insert(0) += count(recorded);
        }
        if tick.same() == Some(false) {
            self.different += 1;
            self.first_different.get_or_insert(tick.tick);
        }
        self.failed += u64::from(tick.fault.is_some());
        self.fuel += tick.usage.fuel;
    }
}
