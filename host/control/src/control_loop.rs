//! Consult, arbitrate, apply: one tick of the loop.
//!
//! The order within a tick is fixed, so that the same snapshots give the same ledger: judge, and turn what follows from
//! that; call every strategy by priority, resolve and apply each dial in the order of the table, change the rule book,
//! let the shadows follow what was asked, and let the memory budget have the last word. What a strategy held that fails returns
//! to the settings that the run started with, there and then. It is started again after a rest ([`crate::supervisor`]).

mod consulted;
mod judging;
mod rules;
mod shadowing;
mod supervising;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use consulted::Consulted;
use host_contract::number::to_u64;
use host_contract::{Dial, DialSpec, Dials, Judged, Mode, Snapshot, Value};

use crate::actuator::Actuators;
use crate::arbiter::{self, Resolution};
use crate::context::{DialState, Offer};
use crate::judge::{Judge, Plan, nobody};
use crate::ledger::{Decision, Logged, Offering, Record, RulesChanged, ShadowsFollow, Withheld};
use crate::outcome::Verdict;
use crate::registration::{Cost, Registration};
use crate::rule_book::RuleBook;
use crate::shadow_control::ShadowControl;
use crate::status::Status;
use crate::strategy::Identity;

pub use supervising::NoSuchStrategy;

/// Who decides where no strategy did.
pub const HOST: &str = "host";

/// What the loop turns: the data plane, as far as the loop knows it.
pub struct Controls<'a> {
    /// What turns the dials.
    pub actuators: &'a mut Actuators,
    /// The prefetch rules.
    pub rules: &'a mut dyn RuleBook,
    /// The policies that the shadows follow.
    pub shadows: &'a mut dyn ShadowControl,
}

impl std::fmt::Debug for Controls<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Controls").field("actuators", &self.actuators).finish_non_exhaustive()
    }
}

/// The most this process may hold. It wins over every proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// The dial that says how many bytes the cache may hold. Its range has the floor.
    pub dial: Dial,
    /// The most that the process may hold, the cache included. Bytes.
    pub cap_bytes: u64,
    /// Dials that give memory to somebody else, each with the gauge of what is taken of it: what is not taken yet may be at any
    /// time.
    pub promised: Vec<(Dial, &'static str)>,
}

/// How the loop is set up; from the profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The dials there are, in the order in which decisions are applied.
    pub dials: Dials,
    /// Ticks for which a dial that was changed stays as it is.
    pub cool_down_ticks: u64,
    /// How decisions are judged.
    pub judge: Plan,
    /// How proposals for one dial are combined; as the dial's row says where none is given.
    pub modes: BTreeMap<Dial, Mode>,
    /// The memory budget; none where there is no limit.
    pub budget: Option<Budget>,
}

/// The loop.
#[derive(Debug)]
pub struct ControlLoop {
    config: Config,
    registrations: Vec<Registration>,
    /// The tick from which a dial that was changed is free again.
    cooling: BTreeMap<Dial, u64>,
    /// What each dial returns to when the strategy that held it fails.
    starting: BTreeMap<Dial, Value>,
    judge: Judge,
    /// What was offered last, as the ledger has it.
    offered: Option<(Offering, Withheld)>,
    changes: u64,
    decisions: Vec<Decision>,
    rule_changes: Vec<RulesChanged>,
    records: Vec<Record>,
}

impl ControlLoop {
    /// A loop with these strategies, while the actuators still stand at the profile's starting settings.
    #[must_use]
    pub fn new(config: Config, mut registrations: Vec<Registration>, actuators: &Actuators) -> Self {
        // Stable, so that the profile's order breaks ties.
        registrations.sort_by_key(|registration| std::cmp::Reverse(registration.priority));
        let judge = Judge::new(config.judge);
        Self {
            config,
            registrations,
            cooling: BTreeMap::new(),
            starting: actuators.values(),
            judge,
            offered: None,
            changes: 0,
            decisions: Vec::new(),
            rule_changes: Vec::new(),
            records: Vec::new(),
        }
    }

    /// The strategies that take part, highest priority first. The position is the number under which a strategy owns
    /// prefetch rules.
    pub fn identities(&self) -> impl Iterator<Item = &Identity> {
        self.registrations.iter().map(Registration::identity)
    }

    /// The settings that the run started with, of the dials that are available in it.
    #[must_use]
    pub fn starting(&self) -> &BTreeMap<Dial, Value> {
        &self.starting
    }

    /// Decisions so far, oldest first, with their effects where they were judged.
    #[must_use]
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// Changes of the rule book so far, oldest first, with their effects where they were judged.
    #[must_use]
    pub fn rule_changes(&self) -> &[RulesChanged] {
        &self.rule_changes
    }

    /// Where each strategy stands, and what happened to it, highest priority first.
    pub fn statuses(&self) -> impl Iterator<Item = Status> {
        self.registrations.iter().map(Registration::status)
    }

    /// What each strategy has asked for and cost.
    pub fn costs(&self) -> impl Iterator<Item = (&Identity, &Cost)> {
        self.registrations.iter().map(|registration| (registration.identity(), &registration.cost))
    }

    /// Goes on under another configuration.
    pub fn configure(&mut self, config: Config) {
        self.judge.replan(config.judge);
        self.config = config;
    }

    /// Whether the shadows have to stay at the capacity where they are: one stands for what a change of it has left.
    #[must_use]
    pub fn keeps_shadows(&self) -> bool {
        self.judge.keeps_shadows()
    }

    /// How soon the next tick is wanted; none where the profile's interval will do.
    #[must_use]
    pub fn pace(&self) -> Option<std::time::Duration> {
        self.judge.pace()
    }

    /// One tick. Returns the ledger's records of it, in order.
    pub fn tick(&mut self, snapshot: &Arc<Snapshot>, controls: &mut Controls<'_>) -> Vec<Record> {
        self.records.push(Record::Tick(Arc::clone(snapshot)));
        self.obey_judge(snapshot, controls);
        self.look_at_shadowed(snapshot);
        self.cooling.retain(|_, until| *until > snapshot.tick);

        let mut consulted = self.consult(snapshot, controls);
        for spec in self.config.dials.clone().iter() {
            self.arbitrate(spec, &mut consulted, snapshot, controls);
        }
        self.change_rules(&mut consulted, snapshot, controls);
        self.follow(&consulted, snapshot, controls);
        self.record_proposals(&mut consulted, snapshot);
        self.restore_after_faults(snapshot, controls);
        self.enforce_memory_budget(snapshot, controls);
        std::mem::take(&mut self.records)
    }

    /// Judges what is still open, at the end of the run.
    pub fn finish(&mut self, snapshot: &Snapshot) -> Vec<Record> {
        let effects = self.judge.finish(snapshot);
        self.note(effects);
        std::mem::take(&mut self.records)
    }

    fn offer(&self, tick: u64, controls: &Controls<'_>) -> Offer {
        let state = |spec: &DialSpec| DialState {
            spec: *spec,
            range: controls.actuators.range(spec.dial),
            value: controls.actuators.value(spec.dial),
            free_from_tick: self.cooling.get(&spec.dial).copied().unwrap_or(tick).max(tick),
        };
        Offer {
            tick,
            dials: self.config.dials.iter().map(state).collect(),
            rule_limit: controls.rules.limit(),
            rule_kinds: controls.rules.kinds(),
            followed: controls.shadows.followed(),
            policies: controls.shadows.known(),
            shadow_budget: controls.shadows.budget(),
        }
    }

    fn arbitrate(
        &mut self,
        spec: &DialSpec,
        consulted: &mut [Consulted],
        snapshot: &Arc<Snapshot>,
        controls: &mut Controls<'_>,
    ) {
        let dial = spec.dial;
        // The last proposal of each strategy counts; those before it are superseded.
        let standing: Vec<(usize, usize, Value)> = consulted
            .iter()
            .enumerate()
            .filter_map(|(at, c)| c.standing(dial).map(|(p, v)| (at, p, v)))
            .collect();
        let values: Vec<Value> = standing.iter().map(|(_, _, value)| value.clone()).collect();
        let mode = self.config.modes.get(&dial).copied().unwrap_or(spec.mode);
        let Some(Resolution { value, of }) = arbiter::resolve(mode, &values) else { return };
        let mut mark = |verdict: Verdict| {
            for (index, (at, proposal, _)) in standing.iter().enumerate() {
                let verdict = if of.contains(&index) { verdict } else { Verdict::Outranked };
                if let Some(consulted) = consulted.get_mut(*at) {
                    consulted.set(*proposal, verdict);
                }
            }
        };
        let Some(from) = controls.actuators.value(dial) else { return };
        if value == from {
            mark(Verdict::NoChange);
            return;
        }
        let applied = controls.actuators.apply(dial, &value);
        mark(if applied.is_ok() { Verdict::Applied } else { Verdict::Failed });
        let authors: Vec<usize> =
            of.iter().filter_map(|index| standing.get(*index)).map(|(at, ..)| *at).collect();
        let authors: Vec<&Consulted> = authors.iter().filter_map(|at| consulted.get(*at)).collect();
        let reason = authors.iter().find_map(|author| author.context.reason(dial).map(str::to_owned));
        let by: BTreeSet<usize> = authors.iter().map(|author| author.registration).collect();
        if let Err(error) = applied {
            let who = by.first().and_then(|at| self.registrations.get(*at));
            let who = who.map_or_else(|| HOST.to_owned(), |of| of.identity().name.clone());
            self.log_failure(&who, dial.name(), error, snapshot);
            return;
        }
        for (index, registration) in self.registrations.iter_mut().enumerate() {
            if by.contains(&index) {
                registration.holds.insert(dial);
            } else {
                registration.holds.remove(&dial);
            }
        }
        let to = controls.actuators.value(dial).unwrap_or(value);
        let id = self.decide(spec, (from, to), &by, reason, snapshot);
        let by = self.names(&by);
        for consulted in consulted.iter_mut() {
            consulted.decided(dial, id, &by);
        }
        // What takes effect at once and can be taken back at once needs no rest: trials hold such a dial while they last.
        if self.config.cool_down_ticks > 0 && spec.judged != Judged::Throughput {
            self.cooling.insert(dial, snapshot.tick + 1 + self.config.cool_down_ticks);
        }
    }

    /// Of several strategies that ask in one tick, the one of the highest priority counts.
    fn follow(&mut self, consulted: &[Consulted], snapshot: &Snapshot, controls: &mut Controls<'_>) {
        let active =
            |c: &&Consulted| self.registrations.get(c.registration).is_some_and(|of| !of.is_shadowed());
        let choosing: Vec<usize> = consulted
            .iter()
            .filter(|c| !c.failed && c.context.wants_followed().is_some())
            .filter(active)
            .map(|c| c.registration)
            .collect();
        for registration in choosing {
            if let Some(of) = self.registrations.get_mut(registration) {
                of.follows = true;
            }
        }
        let mut sound = consulted.iter().filter(|c| !c.failed && self.may_follow(c.registration));
        if sound.clone().any(|c| c.context.wants_capacities()) {
            controls.shadows.follow_capacities();
        }
        let wants = |c: &Consulted| Some((c.registration, c.context.wants_followed()?.to_vec()));
        let asked = sound.find_map(wants);
        let Some((registration, to)) = asked else { return };
        let from = controls.shadows.followed();
        if from == to {
            return;
        }
        let by = self.names(&BTreeSet::from([registration])).concat();
        match controls.shadows.follow(&to) {
            Ok(()) => {
                self.records.push(Record::Shadows(ShadowsFollow { tick: snapshot.tick, from, to, by }));
            }
            Err(error) => self.log_failure(&by, "shadows", error, snapshot),
        }
    }

    /// What the process holds beside the cache, and the cache, together stay under the cap.
    fn enforce_memory_budget(&mut self, snapshot: &Arc<Snapshot>, controls: &mut Controls<'_>) {
        let Some(Budget { dial, cap_bytes, promised }) = self.config.budget.as_ref() else { return };
        let (dial, cap_bytes) = (*dial, *cap_bytes);
        let Some(&spec) = self.config.dials.get(dial) else { return };
        let (Some(host_contract::Range::Count(range)), Some(Value::Count(capacity))) =
            (controls.actuators.range(dial), controls.actuators.value(dial))
        else {
            return;
        };
        let not_taken = |(dial, taken): &(Dial, &'static str)| {
            let Some(Value::Count(promised)) = controls.actuators.value(*dial) else { return 0 };
            snapshot.gauge(taken).map_or(0, |taken| promised.saturating_sub(to_u64(taken)))
        };
        let promised: u64 = promised.iter().map(not_taken).sum();
        let beside = snapshot.system.process_memory_bytes.saturating_sub(snapshot.cache.used_bytes);
        let beside = beside.saturating_add(promised);
        let most = cap_bytes.saturating_sub(beside).max(*range.start());
        if capacity <= most {
            return;
        }
        let reason = format!("memory budget: {beside} of {cap_bytes} bytes are taken beside the cache");
        match controls.actuators.apply(dial, &Value::Count(most)) {
            Ok(()) => {
                let to = controls.actuators.value(dial).unwrap_or(Value::Count(most));
                self.decide(&spec, (Value::Count(capacity), to), &nobody(), Some(reason), snapshot);
            }
            Err(error) => self.log_failure(HOST, dial.name(), error, snapshot),
        }
    }

    fn names(&self, registrations: &BTreeSet<usize>) -> Vec<String> {
        let of = registrations.iter().filter_map(|at| self.registrations.get(*at));
        of.map(|registration| registration.identity().name.clone()).collect()
    }

    fn log_failure(&mut self, strategy: &str, context: &str, message: String, snapshot: &Snapshot) {
        self.records.push(Record::Log(Logged {
            tick: snapshot.tick,
            strategy: strategy.to_owned(),
            level: "error",
            context: context.to_owned(),
            message,
        }));
    }
}

fn at_ms(snapshot: &Snapshot) -> u64 {
    u64::try_from(snapshot.now.as_millis()).unwrap_or(u64::MAX)
}
