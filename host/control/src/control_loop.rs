//! Consult, arbitrate, apply: one tick of the loop.
//!
//! The order within a tick is fixed, so that the same snapshots give the same ledger: judge the
//! decisions whose window has closed, ask every seat by priority, award each control, apply, and let
//! the memory budget have the last word. A strategy that faults is set aside there and then, and what
//! it held returns to the settings that the run started with.

mod heard;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use heard::{Heard, count_answers, proposal_of, value_of};

use crate::arbiter::{self, Mode};
use crate::desk::{Bounds, Desk};
use crate::judge::Judge;
use crate::ledger::{Answer, Decision, Effect, Logged, Proposed, Record, SetAside, Value, Verdict};
use crate::proposal::{Control, Proposal};
use crate::seat::{Cost, Seat};
use crate::snapshot::Snapshot;
use crate::strategy::{Identity, Outcome};

/// What the loop turns: the data plane, as far as the loop knows it.
pub trait Controls {
    /// What each control can take now.
    fn bounds(&self) -> Bounds;
    /// The value in force.
    fn value(&self, control: Control) -> Value;
    /// Applies a proposal that has won. `owner` is the strategy it came from.
    ///
    /// # Errors
    /// Why the data plane could not apply it, in words. The setting before stays in force.
    fn apply(&mut self, owner: &str, proposal: &Proposal) -> Result<(), String>;
    /// Withdraws every prefetch rule of a strategy.
    fn withdraw_rules(&mut self, owner: &str);
}

/// How the loop is set up; from the profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Ticks for which a control that was changed stays as it is.
    pub cool_down_ticks: u64,
    /// Ticks after which a decision is judged, at least 1.
    pub judge_after_ticks: u64,
    /// How proposals for one control are combined; `priority` where none is given.
    pub modes: BTreeMap<Control, Mode>,
    /// The most this process may hold, bytes. Wins over everything.
    pub memory_cap_bytes: u64,
}

/// The loop.
#[derive(Debug)]
pub struct ControlLoop {
    config: Config,
    seats: Vec<Seat>,
    /// The tick from which a control that was changed is free again.
    cooling: BTreeMap<Control, u64>,
    /// What each control returns to when the strategy that held it is set aside.
    starting: BTreeMap<Control, Value>,
    judge: Judge,
    decisions: Vec<Decision>,
    records: Vec<Record>,
}

impl ControlLoop {
    /// A loop with these seats; `controls` still stands at the profile's starting settings.
    #[must_use]
    pub fn new(config: Config, mut seats: Vec<Seat>, controls: &dyn Controls) -> Self {
        // Stable, so that the profile's order breaks ties.
        seats.sort_by_key(|seat| std::cmp::Reverse(seat.priority));
        let starting = Control::ALL.into_iter().map(|c| (c, controls.value(c))).collect();
        let judge = Judge::new(config.judge_after_ticks);
        Self {
            config,
            seats,
            cooling: BTreeMap::new(),
            starting,
            judge,
            decisions: Vec::new(),
            records: Vec::new(),
        }
    }

    /// The strategies that take part, highest priority first.
    pub fn identities(&self) -> impl Iterator<Item = &Identity> {
        self.seats.iter().map(|seat| seat.strategy.identity())
    }

    /// The settings that the run started with.
    #[must_use]
    pub fn starting(&self) -> &BTreeMap<Control, Value> {
        &self.starting
    }

    /// Decisions so far, oldest first, with their effects where they were judged.
    #[must_use]
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// Strategies set aside so far.
    pub fn set_aside(&self) -> impl Iterator<Item = &SetAside> {
        self.seats.iter().filter_map(|seat| seat.set_aside.as_ref())
    }

    /// What each strategy has asked for and cost.
    pub fn costs(&self) -> impl Iterator<Item = (&Identity, &Cost)> {
        self.seats.iter().map(|seat| (seat.strategy.identity(), &seat.cost))
    }

    /// One tick. Returns the ledger's records of it, in order.
    pub fn tick(&mut self, snapshot: Snapshot, controls: &mut dyn Controls) -> Vec<Record> {
        let snapshot = Arc::new(snapshot);
        self.records.push(Record::Tick(Box::new((*snapshot).clone())));
        let effects = self.judge.tick(&snapshot);
        self.note(effects);
        self.cooling.retain(|_, until| *until > snapshot.tick);

        let consulted = self.consult(&snapshot, controls);
        for control in Control::ALL {
            self.arbitrate(control, &consulted, &snapshot, controls);
        }
        self.record_proposals(&consulted, &snapshot);
        self.restore_after_faults(&snapshot, controls);
        self.enforce_memory_budget(&snapshot, controls);
        std::mem::take(&mut self.records)
    }

    /// Judges what is still open, at the end of the run.
    pub fn finish(&mut self, snapshot: &Snapshot) -> Vec<Record> {
        let effects = self.judge.finish(snapshot);
        self.note(effects);
        std::mem::take(&mut self.records)
    }

    fn note(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            if let Some(decision) = self.decisions.iter_mut().find(|d| d.id == effect.decision) {
                decision.effect = Some(effect.clone());
            }
            self.records.push(Record::Effect(effect));
        }
    }

    fn consult(&mut self, snapshot: &Arc<Snapshot>, controls: &dyn Controls) -> Vec<Heard> {
        let bounds = Arc::new(controls.bounds());
        let cooling = Arc::new(self.cooling.clone());
        let mut heard = Vec::new();
        for (index, seat) in self.seats.iter_mut().enumerate() {
            if seat.set_aside.is_some() {
                continue;
            }
            let desk = Desk::new(seat.granted.clone(), bounds.clone(), cooling.clone(), seat.rules.clone());
            let Outcome { desk, usage, log, fault } = seat.strategy.tick(snapshot.clone(), desk);
            let identity = seat.strategy.identity();
            seat.cost.ticks += 1;
            seat.cost.fuel += usage.fuel;
            seat.cost.memory_bytes = seat.cost.memory_bytes.max(usage.memory_bytes);
            seat.cost.wall += usage.wall;
            count_answers(&mut seat.cost, &desk);
            for line in &log {
                self.records.push(Record::Log(Logged {
                    tick: snapshot.tick,
                    strategy: identity.name.clone(),
                    level: line.level,
                    context: line.context.clone(),
                    message: line.message.clone(),
                }));
            }
            if let Some(fault) = fault {
                let text = fault.to_string();
                let set_aside = SetAside {
                    tick: snapshot.tick,
                    strategy: identity.name.clone(),
                    digest: identity.digest.clone(),
                    fault,
                    text,
                };
                self.records.push(Record::SetAside(set_aside.clone()));
                seat.set_aside = Some(set_aside);
            }
            // What a strategy asked for in the tick in which it failed is kept for the record only.
            let verdict = if seat.set_aside.is_some() { Verdict::Refused } else { Verdict::Superseded };
            let entries: Vec<_> = desk.entries().to_vec();
            let verdicts = vec![verdict; entries.len()];
            let reason = |control: Control| {
                let of = |l: &&crate::strategy::LogLine| l.context == control.name();
                let spoken = log.iter().rev().find(of);
                spoken.map(|line| line.message.clone())
            };
            let reasons = Control::ALL.into_iter().filter_map(|c| Some((c, reason(c)?))).collect();
            let failed = seat.set_aside.is_some();
            heard.push(Heard { seat: index, entries, verdicts: verdicts.into(), reasons, failed });
        }
        heard
    }

    fn arbitrate(
        &mut self,
        control: Control,
        heard: &[Heard],
        snapshot: &Snapshot,
        controls: &mut dyn Controls,
    ) {
        if control == Control::PrefetchRules {
            self.apply_rules(heard, snapshot, controls);
            return;
        }
        // The last word of each seat counts; what it said before is superseded.
        let mut standing = Vec::new();
        let mut places = Vec::new();
        for (h, of) in heard.iter().enumerate().filter(|(_, of)| !of.failed) {
            let last = of.entries.iter().enumerate().rev();
            let last = last.filter(|(_, e)| e.answer.is_ok()).find(|(_, e)| e.proposal.control() == control);
            if let Some((e, entry)) = last {
                standing.push(entry.proposal.clone());
                places.push((h, e));
            }
        }
        let mode = self.config.modes.get(&control).copied().unwrap_or_default();
        let Some(award) = arbiter::award(mode, &standing) else { return };
        let mark = |of: &[usize], verdict: &Verdict| {
            for (index, (h, e)) in places.iter().enumerate() {
                let verdict = if of.contains(&index) { verdict.clone() } else { Verdict::Outranked };
                if let Some(heard) = heard.get(*h) {
                    heard.set(*e, verdict);
                }
            }
        };
        let from = controls.value(control);
        let authors: Vec<&Heard> =
            award.of.iter().filter_map(|i| places.get(*i)).filter_map(|(h, _)| heard.get(*h)).collect();
        if value_of(&award.proposal).as_ref() == Some(&from) {
            mark(&award.of, &Verdict::NoChange);
            return;
        }
        let owner = authors.first().and_then(|h| self.seats.get(h.seat));
        let owner = owner.map_or_else(String::new, |seat| seat.strategy.identity().name.clone());
        if let Err(error) = controls.apply(&owner, &award.proposal) {
            mark(&award.of, &Verdict::Failed);
            self.log_failure(&owner, control, error, snapshot);
            return;
        }
        mark(&award.of, &Verdict::Applied);
        let reason = authors.iter().find_map(|h| h.reasons.get(&control).cloned());
        let authors: Vec<usize> = authors.iter().map(|h| h.seat).collect();
        for (index, seat) in self.seats.iter_mut().enumerate() {
            if authors.contains(&index) {
                seat.holds.insert(control);
            } else {
                seat.holds.remove(&control);
            }
        }
        let by = self.names(&authors);
        self.decide(control, from, controls.value(control), by, reason, snapshot);
        if self.config.cool_down_ticks > 0 {
            self.cooling.insert(control, snapshot.tick + 1 + self.config.cool_down_ticks);
        }
    }

    /// Rules of different strategies do not compete: each adds to what is installed, within its own
    /// limit. So there is no award, and no cool-down: one change of the set is one decision.
    fn apply_rules(&mut self, heard: &[Heard], snapshot: &Snapshot, controls: &mut dyn Controls) {
        let from = controls.value(Control::PrefetchRules);
        let mut authors = Vec::new();
        let mut changes = Vec::new();
        for of in heard.iter().filter(|of| !of.failed) {
            let Some(seat) = self.seats.get_mut(of.seat) else { continue };
            let owner = seat.strategy.identity().name.clone();
            let (mut installed, mut withdrawn) = (0_u32, 0_u32);
            let mut failures = Vec::new();
            for (index, entry) in of.entries.iter().enumerate() {
                if entry.answer.is_err() || entry.proposal.control() != Control::PrefetchRules {
                    continue;
                }
                match controls.apply(&owner, &entry.proposal) {
                    Ok(()) => {
                        of.set(index, Verdict::Applied);
                        match &entry.proposal {
                            Proposal::InstallRule { id, .. } => {
                                seat.rules.insert(*id);
                                installed += 1;
                            }
                            Proposal::WithdrawRule { id } => {
                                seat.rules.remove(id);
                                withdrawn += 1;
                            }
                            _ => {}
                        }
                    }
                    Err(error) => {
                        of.set(index, Verdict::Failed);
                        failures.push(error);
                    }
                }
            }
            if installed + withdrawn > 0 {
                seat.holds.insert(Control::PrefetchRules);
                authors.push(of.seat);
                let said = of.reasons.get(&Control::PrefetchRules);
                changes.push(
                    said.cloned().unwrap_or_else(|| format!("{installed} installed, {withdrawn} withdrawn")),
                );
            }
            for error in failures {
                self.log_failure(&owner, Control::PrefetchRules, error, snapshot);
            }
        }
        if !authors.is_empty() {
            let by = self.names(&authors);
            let to = controls.value(Control::PrefetchRules);
            self.decide(Control::PrefetchRules, from, to, by, Some(changes.join("; ")), snapshot);
        }
    }

    fn record_proposals(&mut self, heard: &[Heard], snapshot: &Snapshot) {
        for of in heard {
            let Some(seat) = self.seats.get(of.seat) else { continue };
            let identity = seat.strategy.identity();
            let verdicts = of.verdicts.borrow();
            for (entry, verdict) in of.entries.iter().zip(verdicts.iter()) {
                let refused = entry.answer.is_err();
                self.records.push(Record::Proposal(Proposed {
                    tick: snapshot.tick,
                    strategy: identity.name.clone(),
                    digest: identity.digest.clone(),
                    control: entry.proposal.control(),
                    proposed: entry.proposal.clone(),
                    answer: Answer::from(&entry.answer),
                    outcome: if refused { Verdict::Refused } else { verdict.clone() },
                }));
            }
        }
    }

    /// The static settings stand in for a strategy that was set aside in this tick.
    fn restore_after_faults(&mut self, snapshot: &Snapshot, controls: &mut dyn Controls) {
        let mut left: Vec<(String, BTreeSet<Control>)> = Vec::new();
        for seat in self.seats.iter_mut().filter(|s| s.set_aside.is_some() && !s.holds.is_empty()) {
            left.push((seat.strategy.identity().name.clone(), std::mem::take(&mut seat.holds)));
            seat.rules.clear();
        }
        for (name, holds) in left {
            let reason = format!("{name} was set aside");
            for control in holds {
                let from = controls.value(control);
                if control == Control::PrefetchRules {
                    controls.withdraw_rules(&name);
                } else if let Some(proposal) =
                    self.starting.get(&control).and_then(|value| proposal_of(control, value))
                    && let Err(error) = controls.apply(HOST, &proposal)
                {
                    self.log_failure(HOST, control, error, snapshot);
                }
                let to = controls.value(control);
                if to != from {
                    self.decide(control, from, to, vec![HOST.to_owned()], Some(reason.clone()), snapshot);
                }
            }
        }
    }

    /// What the process holds beside the cache, and the cache, together stay under the cap.
    fn enforce_memory_budget(&mut self, snapshot: &Snapshot, controls: &mut dyn Controls) {
        let beside = snapshot.system.process_memory_bytes.saturating_sub(snapshot.cache.used_bytes);
        let floor = *controls.bounds().capacity.start();
        let most = self.config.memory_cap_bytes.saturating_sub(beside).max(floor);
        let Value::Count(capacity) = controls.value(Control::CacheCapacity) else { return };
        if capacity <= most {
            return;
        }
        let reason = format!(
            "memory budget: {} of {} bytes are taken beside the cache",
            beside, self.config.memory_cap_bytes
        );
        match controls.apply(HOST, &Proposal::CacheCapacity(most)) {
            Ok(()) => {
                let (from, to) = (Value::Count(capacity), controls.value(Control::CacheCapacity));
                self.decide(Control::CacheCapacity, from, to, vec![HOST.to_owned()], Some(reason), snapshot);
            }
            Err(error) => self.log_failure(HOST, Control::CacheCapacity, error, snapshot),
        }
    }

    fn decide(
        &mut self,
        control: Control,
        from: Value,
        to: Value,
        by: Vec<String>,
        reason: Option<String>,
        snapshot: &Snapshot,
    ) {
        let cut = self.judge.cut_short(control, snapshot);
        self.note(cut);
        let saw = crate::figures::bearing_on(control, snapshot);
        let reason = reason.unwrap_or_else(|| crate::figures::in_words(&saw));
        let id = u64::try_from(self.decisions.len()).unwrap_or(u64::MAX).saturating_add(1);
        let at_ms = u64::try_from(snapshot.now.as_millis()).unwrap_or(u64::MAX);
        let decision =
            Decision { id, tick: snapshot.tick, at_ms, control, from, to, by, saw, reason, effect: None };
        self.judge.watch(&decision, snapshot, self.recent_throughput(snapshot));
        self.records.push(Record::Decision(decision.clone()));
        self.decisions.push(decision);
    }

    /// Mean throughput of the last ticks, this one included, as many as a decision is judged over.
    fn recent_throughput(&self, snapshot: &Snapshot) -> f64 {
        let take = usize::try_from(self.config.judge_after_ticks).unwrap_or(usize::MAX);
        let (mut sum, mut count) = (0.0, 0.0);
        for figure in snapshot.series.throughput.iter().rev().take(take) {
            sum += figure;
            count += 1.0;
        }
        if count > 0.0 { sum / count } else { snapshot.throughput }
    }

    fn names(&self, seats: &[usize]) -> Vec<String> {
        seats.iter().filter_map(|s| self.seats.get(*s)).map(|s| s.strategy.identity().name.clone()).collect()
    }

    fn log_failure(&mut self, strategy: &str, control: Control, message: String, snapshot: &Snapshot) {
        self.records.push(Record::Log(Logged {
            tick: snapshot.tick,
            strategy: strategy.to_owned(),
            level: "error",
            context: control.name().to_owned(),
            message,
        }));
    }
}

/// Who decides where no strategy did.
pub const HOST: &str = "host";
