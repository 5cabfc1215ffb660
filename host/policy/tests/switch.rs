//! What a switch promises, for every pair of policies: the next 1,000 victims, one by one.
//!
//! The order that a policy hands over and the victims that its successor names are computed here from the history
//! alone, by the rules in the crate's head and with sorts instead of lists.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test: a panic is its failure"
)]

#[path = "owner/mix.rs"]
mod mix;

use host_policy::{ImportedEntry, Policy, PolicyFactory, Slot, builtin};
use mix::mix;

const CAPACITY: u32 = 4_000;
const VICTIMS: usize = 1_000;

/// The hot set: the last slots; before them what was used twice, and first what was used once.
const HOT: u32 = 500;
const HOT_USES: u32 = 6;

/// What happened to an entry.
#[derive(Debug, Clone, Copy)]
struct Past {
    slot: u32,
    /// Its place in the order of insertion.
    inserted: u32,
    uses: u32,
    /// When it was used last; for one used once, when it was inserted.
    used: u32,
}

/// How a full cache came to be, without an eviction.
struct History {
    inserts: Vec<u32>,
    hits: Vec<u32>,
}

impl History {
    /// `cold` entries are used once and [`HOT`] six times, the others twice. All are inserted in a random order, but
    /// the last fortieth of the inserts is of cold ones: they fill what LIRS and W-TinyLFU hold for newcomers. The
    /// hot ones are hit last, or first.
    fn new(cold: u32, hot_last: bool) -> Self {
        let shuffled = |from: u32, to: u32, seed: u64| {
            let mut slots: Vec<u32> = (from..to).collect();
            slots.sort_by_key(|&slot| mix(mix(seed) ^ u64::from(slot)));
            slots
        };
        let newest = CAPACITY / 40;
        let mut inserts = shuffled(newest, CAPACITY, 1);
        inserts.extend(shuffled(0, newest, 2));
        let warm = shuffled(cold, CAPACITY - HOT, 3);
        let hot: Vec<u32> = (1..HOT_USES)
            .flat_map(|round| shuffled(CAPACITY - HOT, CAPACITY, 3 + u64::from(round)))
            .collect();
        let hits = if hot_last { [warm, hot].concat() } else { [hot, warm].concat() };
        Self { inserts, hits }
    }

    fn replay(&self, kind: &PolicyFactory) -> Box<dyn Policy> {
        let mut policy = kind.build(CAPACITY.into());
        for &slot in &self.inserts {
            policy.on_miss(slot.into(), 1);
            policy.on_insert(Slot(slot), slot.into(), 1);
        }
        self.hits.iter().for_each(|&slot| policy.on_hit(Slot(slot)));
        policy
    }

    fn pasts(&self) -> Vec<Past> {
        let past = |(inserted, &slot): (u32, &u32)| {
            let hits = (CAPACITY..).zip(&self.hits).filter(|&(_, &hit)| hit == slot).map(|(time, _)| time);
            let times: Vec<u32> = hits.collect();
            let uses = 1 + u32::try_from(times.len()).expect("few");
            Past { slot, inserted, uses, used: times.last().copied().unwrap_or(inserted) }
        };
        (0..).zip(&self.inserts).map(past).collect()
    }
}

/// A place in the order of S3-FIFO and its descendants. The first tenth of the inserts filled S, the others are in M.
/// `to_main` hits save an entry of S, and `most` are counted.
fn queued(past: &Past, to_main: u32, most: u32) -> (bool, u32, bool, u32) {
    let (main, hits) = (past.inserted >= CAPACITY / 10, past.uses - 1);
    let leaves = !main && hits.min(most) < to_main;
    // A clock has one bit, and ranks by the uses.
    let count = if most == 1 { hits } else { hits.min(most) };
    (!leaves, if leaves { 0 } else { count }, main, past.inserted)
}

/// What the policy hands over, the coldest first, after a history without evictions.
fn handed_over(kind: &PolicyFactory, mut pasts: Vec<Past>) -> Vec<Past> {
    match kind.name() {
        "lru" => pasts.sort_by_key(|past| past.used),
        // The least used first, then the oldest. In 2Q nothing has left A1in yet; in SIEVE what was hit has a mark.
        "fifo" | "2q" | "sieve" => pasts.sort_by_key(|past| (past.uses, past.inserted)),
        "lfu" => pasts.sort_by_key(|past| (past.uses, past.used)),
        // T1, then T2.
        "arc" => pasts.sort_by_key(|past| (past.uses > 1, past.used)),
        "s3-fifo" | "s4-fifo" => pasts.sort_by_key(|past| queued(past, 2, 3)),
        "clock2q-plus" => pasts.sort_by_key(|past| queued(past, 1, 1)),
        // The window, or Q, with the last hundredth of the inserts; then probation and protected, or LIR.
        "w-tinylfu" | "w-tinylfu-climb" => pasts.sort_by_key(|past| {
            let newest = past.inserted >= CAPACITY - CAPACITY / 100;
            (!newest, past.uses > 1, past.used)
        }),
        "lirs" => pasts.sort_by_key(|past| {
            let newest = past.inserted >= CAPACITY - CAPACITY / 100;
            (!newest, past.used)
        }),
        other => panic!("what {other} hands over is not written down here"),
    }
    pasts
}

/// The next victims of a policy that took these over, while nothing is used or inserted.
fn victims(kind: &PolicyFactory, handed: &[Past]) -> Vec<u32> {
    let slots = |pasts: &[Past]| pasts.iter().map(|past| past.slot).collect::<Vec<u32>>();
    let (once, mut more): (Vec<Past>, Vec<Past>) = handed.iter().partition(|past| past.uses == 1);
    // Newcomers' queue down to its share, then the main part, then the rest of the queue.
    let beyond = |share: u32, more: &[Past]| {
        let over = once.len().saturating_sub(usize::try_from(share).expect("small"));
        let (first, rest) = once.split_at(over);
        [slots(first), slots(more), slots(rest)].concat()
    };
    match kind.name() {
        "lru" | "fifo" | "w-tinylfu" | "w-tinylfu-climb" | "lirs" => slots(handed),
        "lfu" => {
            let mut all = handed.to_vec();
            all.sort_by_key(|past| past.uses);
            slots(&all)
        }
        "arc" | "sieve" => [slots(&once), slots(&more)].concat(),
        "2q" => beyond(CAPACITY / 4, &more),
        "s3-fifo" | "s4-fifo" | "clock2q-plus" => {
            let most = if kind.name() == "clock2q-plus" { 2 } else { 4 };
            more.sort_by_key(|past| past.uses.min(most));
            // S is looked at while it holds its share or more.
            beyond(CAPACITY / 10 - 1, &more)
        }
        other => panic!("what {other} evicts is not written down here"),
    }
}

fn check(cold: u32, hot_last: bool) {
    let history = History::new(cold, hot_last);
    let pasts = history.pasts();
    let all: Vec<PolicyFactory> = builtin::ALL.into_iter().chain(builtin::MORE).collect();
    for from in &all {
        let old = history.replay(from);
        let handed = handed_over(from, pasts.clone());
        let told: Vec<(u32, u32)> =
            old.export().iter().map(|exported| (exported.slot.0, exported.frequency)).collect();
        let want: Vec<(u32, u32)> = handed.iter().map(|past| (past.slot, past.uses)).collect();
        assert!(told == want, "{from} hands over {:?} ..., not {:?} ...", &told[..8], &want[..8]);
        let entry = |&(slot, frequency): &(u32, u32)| ImportedEntry {
            slot: Slot(slot),
            id: slot.into(),
            weight: 1,
            frequency,
        };
        let entries: Vec<ImportedEntry> = told.iter().map(entry).collect();
        for to in all.iter().filter(|&to| to != from) {
            let mut policy = to.rebuild(CAPACITY.into(), &entries);
            assert_eq!(policy.len(), entries.len());
            let named: Vec<u32> = (0..VICTIMS).map_while(|_| policy.victim()).map(|slot| slot.0).collect();
            let promised = &victims(to, &handed)[..VICTIMS];
            let differs = named.iter().zip(promised).position(|(named, promised)| named != promised);
            assert_eq!((differs, named.len()), (None, VICTIMS), "{from} to {to}");
            if hot_last {
                let hot = named.iter().find(|&&slot| slot >= CAPACITY - HOT);
                assert_eq!(hot, None, "{from} to {to} evicts the hot set");
            }
        }
    }
}

#[test]
fn half_used_once() {
    check(2_000, true);
}

/// More than a quarter and a tenth are used once no longer, so that the main parts lose entries too.
#[test]
fn most_used_more_than_once() {
    check(900, true);
}

/// Recency and frequency disagree: each policy follows its own.
#[test]
fn the_hot_set_was_used_first() {
    check(2_000, false);
    check(900, false);
}
