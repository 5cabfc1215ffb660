//! The rules, the pending keys and the run table together, for many threads.
//!
//! Locks: `change` is held while a rule is installed or withdrawn, and by nobody else; an access reads the
//! rules through an atomic pointer. `state` is held for the few steps that note an access or issue a load.
//! Nothing of the caller's runs under either: `resident` is asked between two short holds of `state`,
//! because the caller may take a lock of its cache there, and may report evictions while it holds that one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::pending::{Budget, Pending};
use crate::rule::{InForce, Installed, Rule, RuleError, RuleKey, RuleSet};
use crate::runs::Runs;
use crate::stats::{Counts, Record, RuleStats};

/// Accesses after which an entry that nobody asked for counts as wasted, unless set otherwise.
pub const UNUSED_AFTER: u64 = 16_384;
/// Keys in a row that make a run: two may be chance.
const RUN: u32 = 3;
/// In `active`, rules are counted above this bit and pending keys below it.
const ONE_RULE: u64 = 1 << 32;

/// A key to load, and the rule that asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// What to load. Report [`Prefetcher::loaded`] or [`Prefetcher::failed`], exactly once.
    pub key: u64,
    /// Owner of the rule.
    pub owner: u32,
    /// Id of the rule.
    pub id: u32,
}

/// Applies prefetch rules at access time, under a budget, and accounts for what they load.
#[derive(Debug)]
pub struct Prefetcher {
    most_rules: usize,
    rules: ArcSwap<RuleSet>,
    change: Mutex<Retired>,
    state: Mutex<State>,
    /// Rules and pending keys, in one number, so that having neither costs one load to find out.
    active: AtomicU64,
}

#[derive(Debug)]
struct State {
    pending: Pending,
    runs: BTreeMap<i64, Runs>,
    /// Version of the rules that `runs` was last cleaned for.
    runs_version: u64,
}

/// What replaced and withdrawn rules did.
#[derive(Debug, Default)]
struct Retired {
    /// Those that may still change.
    records: Vec<Arc<Record>>,
    /// The sum of those that cannot.
    settled: Counts,
}

impl Prefetcher {
    /// No rules yet; each owner may have `max_rules`. Nothing is loaded before
    /// [`set_cache_capacity`](Self::set_cache_capacity) was called.
    #[must_use]
    pub fn new(budget: Budget, max_rules: usize) -> Self {
        Self::with_unused_after(budget, max_rules, UNUSED_AFTER)
    }

    /// As [`new`](Self::new), with another number of accesses after which an unused entry counts as wasted.
    /// Accesses are counted while there is any rule or unused entry.
    #[must_use]
    pub fn with_unused_after(budget: Budget, max_rules: usize, unused_after: u64) -> Self {
        let pending = Pending::new(budget, unused_after);
        Self {
            most_rules: max_rules,
            rules: ArcSwap::default(),
            change: Mutex::default(),
            state: Mutex::new(State { pending, runs: BTreeMap::new(), runs_version: 0 }),
            active: AtomicU64::new(0),
        }
    }

    /// Installs a rule. One of that owner and id is replaced; the keys it loaded stay accounted to it, in
    /// [`totals`](Self::totals). The same rule again changes nothing.
    ///
    /// # Errors
    ///
    /// The rule is out of range, or the owner has all the rules it may have.
    pub fn install(&self, owner: u32, id: u32, rule: Rule) -> Result<Installed, RuleError> {
        rule.check(id)?;
        let mut retired = self.change.lock();
        let present = self.rules.load();
        let old = present.rules.get(&(owner, id));
        if old.is_some_and(|old| *old.rule == rule) {
            return Ok(Installed::Unchanged);
        }
        if old.is_none() && self.rules_of(&present, owner) >= self.most_rules {
            return Err(RuleError::TooMany { id, most: self.most_rules });
        }
        let mut rules = present.rules.clone();
        let in_force = InForce { rule: Arc::new(rule), record: Arc::default() };
        let replaced = rules.insert((owner, id), in_force);
        self.swap(&mut retired, &present, rules, replaced.as_ref());
        Ok(if replaced.is_some() { Installed::Replaced } else { Installed::New })
    }

    /// Withdraws a rule. Keys it loaded and nobody asked for yet stay accounted to it, in
    /// [`totals`](Self::totals).
    ///
    /// # Errors
    ///
    /// There is no such rule.
    pub fn withdraw(&self, owner: u32, id: u32) -> Result<(), RuleError> {
        let mut retired = self.change.lock();
        let present = self.rules.load();
        let mut rules = present.rules.clone();
        let removed = rules.remove(&(owner, id)).ok_or(RuleError::Unknown { id })?;
        self.swap(&mut retired, &present, rules, Some(&removed));
        Ok(())
    }

    /// Withdraws every rule of an owner, and answers how many those were.
    pub fn withdraw_all(&self, owner: u32) -> usize {
        let ids: Vec<u32> = self.rules.load().rules.range(of_owner(owner)).map(|(&(_, id), _)| id).collect();
        ids.into_iter().filter(|&id| self.withdraw(owner, id).is_ok()).count()
    }

    /// Rules that an owner may still install.
    #[must_use]
    pub fn rules_left(&self, owner: u32) -> u32 {
        let left = self.most_rules.saturating_sub(self.rules_of(&self.rules.load(), owner));
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    /// Sets the budget. Loads under way beyond it go on; no other is issued until there is room.
    pub fn set_budget(&self, budget: Budget) {
        self.state.lock().pending.set_budget(budget);
    }

    /// The budget in force.
    #[must_use]
    pub fn budget(&self) -> Budget {
        self.state.lock().pending.budget()
    }

    /// Tells what the cache may hold. Bytes.
    pub fn set_cache_capacity(&self, bytes: u64) {
        self.state.lock().pending.set_capacity(bytes);
    }

    /// A demand access that arrives and is served in one: [`demanded`](Self::demanded), then
    /// [`arrived`](Self::arrived).
    pub fn on_access(&self, key: u64, resident: impl Fn(u64) -> bool, out: &mut Vec<Load>) {
        self.demanded(key);
        self.arrived(key, resident, out);
    }

    /// Notes that `key` is asked of the cache now: if it was loaded ahead, this decides whether in time.
    pub fn demanded(&self, key: u64) {
        if !self.active.load(Ordering::Relaxed).is_multiple_of(ONE_RULE) {
            self.accounted(&mut self.state.lock(), |pending| pending.access(key));
        }
    }

    /// Notes that a request for `key` has arrived, perhaps to wait in a queue first, and adds to `out` what
    /// is to be loaded now, in the order of owner, id and distance. `resident` tells whether a key is in the
    /// cache; it is called under no lock.
    ///
    /// Keys that are resident, in flight, or loaded ahead and unused are left out, and so is all beyond the
    /// budget. The share of the cache is kept by the mean weight so far: until loads in flight report their
    /// weight it can be off by the difference.
    pub fn arrived(&self, key: u64, resident: impl Fn(u64) -> bool, out: &mut Vec<Load>) {
        if self.active.load(Ordering::Relaxed) < ONE_RULE {
            return;
        }
        let rules = self.rules.load();
        let triggered = rules.triggered(key);
        if rules.strides.is_empty() && triggered.is_empty() {
            return;
        }
        let mut wanted = self.note(&rules, key, triggered);
        wanted.retain(|(_, _, target)| !resident(*target));
        if wanted.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        for ((owner, id), record, target) in wanted {
            if state.pending.issue(target, &record) {
                self.active.fetch_add(1, Ordering::Relaxed);
                out.push(Load { key: target, owner, id });
            }
        }
    }

    /// First half of an arrival: follows runs, and lists what the rules ask for.
    fn note(&self, rules: &RuleSet, key: u64, triggered: &[RuleKey]) -> Vec<(RuleKey, Arc<Record>, u64)> {
        let mut state = self.state.lock();
        if state.runs_version < rules.version {
            state.runs_version = rules.version;
            state.runs.retain(|stride, _| rules.strides.contains_key(stride));
        }
        let mut apply = triggered.to_vec();
        for (&stride, of_stride) in &rules.strides {
            let runs = state.runs.entry(stride).or_insert_with(Runs::new);
            if runs.access(key, key.checked_add_signed(stride)) >= RUN {
                apply.extend_from_slice(of_stride);
            }
        }
        apply.sort_unstable();
        let mut wanted = Vec::new();
        if state.pending.budget().max_in_flight == 0 {
            return wanted;
        }
        for rule_key in apply {
            let Some(in_force) = rules.rules.get(&rule_key) else { continue };
            for target in RuleSet::wanted(&in_force.rule, key) {
                if !state.pending.contains(target) {
                    wanted.push((rule_key, Arc::clone(&in_force.record), target));
                }
            }
        }
        wanted
    }

    /// Reports that a load has ended, with the weight of the entry in bytes. Of a key not in flight: ignored.
    pub fn loaded(&self, key: u64, weight: u64) {
        self.accounted(&mut self.state.lock(), |pending| pending.loaded(key, weight));
    }

    /// Reports that a load has failed, or was given up: it counts as wasted, unless it was asked for before.
    pub fn failed(&self, key: u64) {
        self.accounted(&mut self.state.lock(), |pending| pending.failed(key));
    }

    /// Reports that an entry has left the cache. Loaded ahead and never asked for, it counts as wasted.
    pub fn evicted(&self, key: u64) {
        if !self.active.load(Ordering::Relaxed).is_multiple_of(ONE_RULE) {
            self.accounted(&mut self.state.lock(), |pending| pending.waste(key, None));
        }
    }

    /// Ends the run: what nobody asked for counts as wasted. Loads that end later are ignored.
    pub fn finish(&self) {
        self.accounted(&mut self.state.lock(), Pending::finish);
    }

    /// The counts of each rule in force, in the order of owner, then id.
    #[must_use]
    pub fn stats(&self) -> Vec<RuleStats> {
        let rules = self.rules.load();
        let _consistent = self.state.lock();
        rules.rules.iter().map(|(&key, in_force)| in_force.record.counts().of_rule(key)).collect()
    }

    /// The counts of all rules ever, those replaced and withdrawn among them.
    #[must_use]
    pub fn totals(&self) -> Counts {
        let retired = self.change.lock();
        let rules = self.rules.load();
        let _consistent = self.state.lock();
        let mut totals = retired.settled;
        let records = rules.rules.values().map(|in_force| &in_force.record);
        records.chain(&retired.records).for_each(|record| totals.add(record.counts()));
        totals
    }

    /// Loads under way.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.state.lock().pending.in_flight()
    }

    /// Weight of the entries loaded ahead and not asked for yet. Bytes.
    #[must_use]
    pub fn unused_bytes(&self) -> u64 {
        self.state.lock().pending.unused_bytes()
    }

    fn rules_of(&self, rules: &RuleSet, owner: u32) -> usize {
        rules.rules.range(of_owner(owner)).count()
    }

    /// Puts another set of rules in force. `change` is held.
    fn swap(
        &self,
        retired: &mut Retired,
        present: &RuleSet,
        rules: BTreeMap<RuleKey, InForce>,
        gone: Option<&InForce>,
    ) {
        match rules.len().cmp(&present.rules.len()) {
            std::cmp::Ordering::Greater => self.active.fetch_add(ONE_RULE, Ordering::Relaxed),
            std::cmp::Ordering::Less => self.active.fetch_sub(ONE_RULE, Ordering::Relaxed),
            std::cmp::Ordering::Equal => 0,
        };
        self.rules.store(Arc::new(RuleSet::new(present.version + 1, rules)));
        retired.fold();
        retired.records.extend(gone.map(|in_force| Arc::clone(&in_force.record)));
    }

    /// Runs something on the pending keys and keeps `active` in step with their number.
    fn accounted(&self, state: &mut State, change: impl FnOnce(&mut Pending)) {
        let before = state.pending.len();
        change(&mut state.pending);
        let gone = before.saturating_sub(state.pending.len());
        self.active.fetch_sub(u64::try_from(gone).unwrap_or(0), Ordering::Relaxed);
    }
}

impl Retired {
    /// Adds up the records that nothing else holds: no pending key, and no access that still reads the set
    /// of rules they were in. Those cannot change any more, and a strategy that replaces its rules at every
    /// tick must not grow the list.
    fn fold(&mut self) {
        self.records.retain(|record| {
            let settled = Arc::strong_count(record) == 1;
            if settled {
                self.settled.add(record.counts());
            }
            !settled
        });
    }
}

fn of_owner(owner: u32) -> std::ops::RangeInclusive<RuleKey> {
    (owner, u32::MIN)..=(owner, u32::MAX)
}
