//! The rules, the pending keys and the run table together, for many threads.
//!
//! A request takes no lock that a tick takes:
//!
//! - Rules are read through an atomic pointer. `change` is held while one is installed or withdrawn and
//!   while totals are added up, never by a request.
//! - Pending keys are in a striped lock (see `pending.rs`), taken by requests and by loads that end. The
//!   budget and the counts of rules are atomic numbers, which is all that `stats`, `in_flight` and the
//!   setters of the budget touch.
//! - `finders` is taken by requests alone, for one look through their tables, and only where there is a rule
//!   that goes by the order of accesses: they are found in the order in which requests arrive, so they share it. A
//!   request that missed takes it again, where misses are mined.
//!
//! Nothing of the caller's runs under any of them: `resident` is asked between two look-ups, because the
//! caller may take a lock of its cache there, and may report evictions while it holds that one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::budget::{Account, Budget};
use crate::finders::{Asked, Finders};
use crate::gate::Family;
use crate::pending::Pending;
use crate::rule::{InForce, Installed, Kind, Rule, RuleError, RuleKey, RuleSet};
use crate::stats::{Counts, Record, RuleStats};

/// Accesses after which an entry that nobody asked for counts as wasted, unless set otherwise.
pub const UNUSED_AFTER: u64 = 16_384;

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
    /// Of `rules`, so that having none costs one load to find out.
    rule_count: AtomicUsize,
    change: Mutex<Retired>,
    pending: Pending,
    finders: Mutex<Finders>,
}

/// What replaced and withdrawn rules did.
#[derive(Debug, Default)]
struct Retired {
    /// Those that may still change.
    records: Vec<Arc<Record>>,
    /// The sum of those that cannot.
    settled: Counts,
    /// What the rules of one owner and kind have shown together; kept for those to come.
    families: BTreeMap<(u32, Kind), Arc<Family>>,
}

impl Prefetcher {
    /// No rules yet; each owner may have `max_rules`. Nothing is loaded before
    /// [`set_cache_capacity`](Self::set_cache_capacity) was called.
    #[must_use]
    pub fn new(budget: Budget, max_rules: usize) -> Self {
        Self::with_unused_after(budget, max_rules, UNUSED_AFTER)
    }

    /// As [`new`](Self::new), with rules that are measured: each is tried before it loads, one trigger in twenty is held back for ever, and
    /// a rule that loses beyond noise rests, longer each time. `seed` is where the chance comes from, `expected` a
    /// guess of what an entry weighs, `clock` tells the time since any start. An entry is wasted after four times as many accesses as there is room for entries (64 to
    /// [`UNUSED_AFTER`]), or as it has waited longest where there is no room left: the cache is to drop it.
    #[must_use]
    pub fn measured(
        budget: Budget,
        max_rules: usize,
        seed: u64,
        expected: u64,
        clock: Box<dyn Fn() -> Duration + Send + Sync>,
    ) -> Self {
        let account = Account::new(budget);
        account.expect(expected);
        let pending = Pending::new(account, UNUSED_AFTER, Some(seed), clock);
        Self { pending, ..Self::new(budget, max_rules) }
    }

    /// As [`new`](Self::new), with another number of accesses after which an unused entry counts as wasted.
    /// Accesses are counted while any key is pending.
    #[must_use]
    pub fn with_unused_after(budget: Budget, max_rules: usize, unused_after: u64) -> Self {
        Self {
            most_rules: max_rules,
            rules: ArcSwap::default(),
            rule_count: AtomicUsize::new(0),
            change: Mutex::default(),
            pending: Pending::new(Account::new(budget), unused_after, None, Box::new(|| Duration::ZERO)),
            finders: Mutex::default(),
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
        if old.is_none() && present.rules.range(of_owner(owner)).count() >= self.most_rules {
            return Err(RuleError::TooMany { id, most: self.most_rules });
        }
        let mut rules = present.rules.clone();
        let kind = rule.kind();
        let family = retired.families.entry((owner, kind)).or_insert_with(|| Arc::new(Family::new()));
        let family = Arc::clone(family);
        let in_force = InForce { rule: Arc::new(rule), record: Arc::new(Record::new(kind)), family };
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

    /// Most loads under way at once.
    #[must_use]
    pub fn max_in_flight(&self) -> u32 {
        self.pending.account.max_in_flight()
    }

    /// Sets the most loads under way at once; 0 switches prefetching off. Those under way beyond it go on;
    /// no other is issued until there is room.
    pub fn set_max_in_flight(&self, loads: u32) {
        self.pending.account.set_max_in_flight(loads);
    }

    /// Share of the cache that entries not yet asked for may take. 0.0 to 0.5.
    #[must_use]
    pub fn cache_share(&self) -> f64 {
        self.pending.account.cache_share()
    }

    /// Sets the share of the cache that entries not yet asked for may take. 0.0 to 0.5; more counts as 0.5,
    /// not a number as 0.0. What is loaded already stays.
    pub fn set_cache_share(&self, share: f64) {
        self.pending.account.set_cache_share(share);
    }

    /// Tells what the cache may hold. Bytes.
    pub fn set_cache_capacity(&self, bytes: u64) {
        self.pending.account.set_capacity(bytes);
    }

    /// A demand access that arrives and is served in one: [`demanded`](Self::demanded), then
    /// [`arrived`](Self::arrived).
    pub fn on_access(&self, key: u64, resident: impl Fn(u64) -> bool, out: &mut Vec<Load>) {
        self.demanded(key);
        self.arrived(key, resident, out);
    }

    /// Notes that `key` is asked of the cache now: if it was prefetched, this decides whether it came in time.
    pub fn demanded(&self, key: u64) {
        if !self.pending.is_empty() {
            self.pending.access(key);
        }
    }

    /// Notes that a request for `key` has arrived, perhaps to wait in a queue first, and adds to `out` what
    /// is to be loaded now, in the order of owner, id and distance. `resident` tells whether a key is in the
    /// cache; it is called under no lock.
    ///
    /// Keys that are resident, in flight, or prefetched and unused are left out, and so is all beyond the
    /// budget. The share of the cache is kept by the mean weight so far: until loads in flight report their
    /// weight it can be off by the difference.
    pub fn arrived(&self, key: u64, resident: impl Fn(u64) -> bool, out: &mut Vec<Load>) {
        let served = !self.pending.is_empty() && self.pending.arrived(key);
        if self.rule_count.load(Ordering::Relaxed) == 0 || self.pending.account.max_in_flight() == 0 {
            return;
        }
        let rules = self.rules.load();
        let mut asked = Asked {
            rules: &rules,
            key,
            served,
            deepest: self.pending.deepest(),
            short: self.pending.was_short(),
            again: self.pending.takes_again(),
            measured: self.pending.measures(),
            wanted: SmallVec::new(),
        };
        asked.associated();
        if rules.follows_order() {
            self.finders.lock().follow(&mut asked);
        }
        asked.wanted.sort_by_key(|wanted| (wanted.rule, wanted.distance));
        // One trigger of a rule in twenty is held back, with all that it wants.
        let mut control = None;
        let mut last = None;
        for wanted in asked.wanted {
            if last.replace(wanted.rule) != Some(wanted.rule) {
                control = None;
            }
            // Most are resident, and their look-up takes no lock.
            if !resident(wanted.target)
                && !self.pending.contains(wanted.target)
                && let Some(in_force) = rules.rules.get(&wanted.rule)
                && self.pending.offer(&wanted, in_force, &mut control)
            {
                let (owner, id) = wanted.rule;
                out.push(Load { key: wanted.target, owner, id });
            }
        }
    }

    /// Reports what a load took, of a prefetch or of a request.
    pub fn load_took(&self, time: Duration) {
        self.pending.load_time.took(time);
    }

    /// Reports that a load has ended, with the weight of the entry in bytes. Of a key not in flight: ignored.
    pub fn loaded(&self, key: u64, weight: u64) {
        self.pending.loaded(key, weight);
    }

    /// Reports that a load has failed, or was given up: it counts as wasted, unless it was asked for before.
    pub fn failed(&self, key: u64) {
        self.pending.failed(key);
    }

    /// Reports that an entry has left the cache. Prefetched and never asked for, it counts as wasted.
    pub fn evicted(&self, key: u64) {
        if !self.pending.is_empty() {
            self.pending.waste(key, None);
        }
    }

    /// Reports that an entry of this weight that was asked for, or never prefetched, was evicted.
    pub fn displaced(&self, key: u64, weight: u64) {
        self.pending.displaced(key, weight);
    }

    /// Reports that a request missed, and had to load.
    pub fn missed(&self, key: u64) {
        self.pending.missed(key);
        if self.rule_count.load(Ordering::Relaxed) > 0 && !self.rules.load().mined.is_empty() {
            self.finders.lock().missed(key);
        }
    }

    /// The keys of entries that were wasted by their age, or to make room for others, since the last call, where rules are
    /// measured: the cache is to drop them, unless they were asked for meanwhile.
    #[must_use]
    pub fn take_drops(&self) -> Vec<u64> {
        self.pending.take_drops()
    }

    /// Takes a place in the budget for a load that no rule asked for; false where there is none. It is to be given back with
    /// [`end_load`](Self::end_load).
    #[must_use]
    pub fn begin_load(&self) -> bool {
        self.pending.account.begin()
    }

    /// A load that [`begin_load`](Self::begin_load) began has ended.
    pub fn end_load(&self) {
        self.pending.account.land();
    }

    /// Ends the run: what nobody asked for counts as wasted. Loads that end later are ignored.
    pub fn finish(&self) {
        self.pending.finish();
    }

    /// The counts of each rule in force, in the order of owner, then id.
    #[must_use]
    pub fn stats(&self) -> Vec<RuleStats> {
        let rules = self.rules.load();
        let of_rule = |(&(owner, id), in_force): (&RuleKey, &InForce)| RuleStats {
            owner,
            id,
            counts: in_force.record.counts(),
            resting: in_force.is_resting(),
        };
        rules.rules.iter().map(of_rule).collect()
    }

    /// The counts of all rules ever, those replaced and withdrawn among them.
    #[must_use]
    pub fn totals(&self) -> Counts {
        let retired = self.change.lock();
        let rules = self.rules.load();
        let mut totals = retired.settled;
        let records = rules.rules.values().map(|in_force| &in_force.record);
        records.chain(&retired.records).for_each(|record| totals.add(record.counts()));
        totals
    }

    /// Loads under way.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.pending.account.in_flight()
    }

    /// Puts another set of rules in force. `change` is held.
    fn swap(
        &self,
        retired: &mut Retired,
        present: &RuleSet,
        rules: BTreeMap<RuleKey, InForce>,
        removed: Option<&InForce>,
    ) {
        self.rule_count.store(rules.len(), Ordering::Relaxed);
        self.rules.store(Arc::new(RuleSet::new(present.version + 1, rules)));
        retired.fold();
        retired.records.extend(removed.map(|in_force| Arc::clone(&in_force.record)));
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    fn prefetcher() -> Arc<Prefetcher> {
        let prefetcher = Prefetcher::new(Budget { max_in_flight: 8, cache_share: 0.5 }, 8);
        prefetcher.set_cache_capacity(1000);
        prefetcher.install(0, 0, Rule::Sequential { stride: 1, depth: 4 }).unwrap();
        prefetcher.install(0, 1, Rule::Association { key: 7, targets: vec![70, 71] }).unwrap();
        Arc::new(prefetcher)
    }

    /// Whether `calls` return while this thread holds what it holds. A thread that waits for ever is left
    /// behind.
    fn returns(prefetcher: &Arc<Prefetcher>, calls: impl FnOnce(&Prefetcher) + Send + 'static) -> bool {
        let (done, waiting) = mpsc::channel();
        let prefetcher = Arc::clone(prefetcher);
        thread::spawn(move || {
            calls(&prefetcher);
            done.send(()).ok();
        });
        waiting.recv_timeout(Duration::from_secs(20)).is_ok()
    }

    #[test]
    fn a_request_waits_for_no_tick() {
        let prefetcher = prefetcher();
        let _a_tick_installs = prefetcher.change.lock();
        assert!(returns(&prefetcher, |p| {
            let mut loads = Vec::new();
            for key in [5, 6, 7] {
                p.on_access(key, |_| false, &mut loads);
            }
            assert!(loads.len() > 2, "{loads:?}");
            p.loaded(70, 10);
            p.failed(71);
            p.evicted(70);
        }));
    }

    #[test]
    fn a_tick_waits_for_no_request() {
        let prefetcher = prefetcher();
        prefetcher.on_access(7, |_| false, &mut Vec::new());
        let _a_request_follows_runs = prefetcher.finders.lock();
        let _requests_look_up = prefetcher.pending.lock_all();
        assert!(returns(&prefetcher, |p| {
            assert_eq!(p.stats().iter().map(|rule| rule.counts.issued).sum::<u64>(), 2);
            assert_eq!((p.totals().pending, p.in_flight()), (2, 2));
            p.install(0, 2, Rule::Sequential { stride: 2, depth: 1 }).unwrap();
            p.withdraw(0, 0).unwrap();
            assert_eq!(p.withdraw_all(0), 2);
            p.set_max_in_flight(3);
            p.set_cache_share(0.25);
            p.set_cache_capacity(500);
        }));
    }
}
