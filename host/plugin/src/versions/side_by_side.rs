//! Components of two versions of the contract in one host: 0.1 as it is, and 0.2 as it might be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use host_contract::dial::{CACHE_CAPACITY, CACHE_POLICY};
use host_contract::{Dials, Grant, Range, Snapshot, Value};
use host_control::judge::Plan;
use host_control::ledger::{Event, Record};
use host_control::{
    Actuator, Actuators, Config, ControlLoop, Controls, Fault, NoRules, NoShadows, Registration, Verdict,
};
use host_policy::batched::{Answer, Batch, BatchedPolicy, Kind, Opening};
use host_policy::{ImportedEntry, Slot};

use crate::catalogue::bundled_policies;
use crate::limits::Limits;
use crate::load::{Loader, LoaderConfig, Source};
use crate::plugin::growth::PINNED;
use crate::strategy::WasmStrategy;
use crate::versions::v0_1::V0_1;
use crate::versions::v0_2::V0_2;
use crate::versions::{Contract as _, PACKAGE};
use crate::world::World;

/// The components of the fictitious version, built once from their sources: a policy and a strategy.
static NEXT: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    let exe = std::env::current_exe().unwrap();
    let target = guest_build::outer_target_dir(&exe).unwrap().join("plugins");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fictitious/0.2.0/guests");
    let built = guest_build::Build::new(sources).target_dir(target).locked(true).run();
    let mut built = built.unwrap_or_else(|error| panic!("{error}"));
    built.sort();
    let names: Vec<&str> = built.iter().map(|artifact| artifact.name.as_str()).collect();
    assert_eq!(names, ["next-policy", "next-strategy"]);
    [0, 1].map(|n| std::fs::read(&built[n].path).unwrap())
});

static LOADER: LazyLock<Loader> = LazyLock::new(|| Loader::new(&LoaderConfig::default()).unwrap());

fn next_policy() -> Source<'static> {
    Source::Bytes { name: "next-policy.wasm", bytes: &NEXT[0] }
}

fn next_strategy() -> Source<'static> {
    Source::Bytes { name: "next-strategy.wasm", bytes: &NEXT[1] }
}

fn pinned() -> Source<'static> {
    Source::Bytes { name: "pinned.wasm", bytes: &PINNED }
}

struct Turned(Range, Value);

impl Actuator for Turned {
    fn range(&self) -> Option<Range> {
        Some(self.0.clone())
    }

    fn value(&self) -> Value {
        self.1.clone()
    }

    fn apply(&mut self, value: &Value) -> Result<(), String> {
        self.1 = value.clone();
        Ok(())
    }
}

fn started(source: Source<'_>, grants: BTreeSet<Grant>, settings: &[(&str, &str)]) -> WasmStrategy {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    LOADER.load(source, &grants, &settings, &Limits::default(), 1).unwrap_or_else(|error| panic!("{error}"))
}

/// What five ticks of a loop leave on its ledger: one strategy of each version, and what they turn.
fn run() -> Vec<Record> {
    let next = started(
        next_strategy(),
        [Grant::Metrics, Grant::CacheControl, Grant::Settings].into(),
        &[("fails-at", "4")],
    );
    let before = started(pinned(), Grant::ALL.into(), &[("factor", "1.75")]);
    let policies = vec!["lru".to_owned(), "arc".to_owned()];
    let mut actuators = Actuators::default()
        .with(CACHE_POLICY, Turned(Range::Names(policies.into()), Value::Name("lru".to_owned())))
        .with(CACHE_CAPACITY, Turned(Range::Count(100..=450), Value::Count(100)));
    let config = Config {
        dials: Dials::built_in(),
        cool_down_ticks: 0,
        judge: Plan::watch_only(2),
        modes: BTreeMap::new(),
        budget: None,
    };
    let registrations = vec![
        Registration::new(Box::new(before), 1, Grant::ALL.into()),
        Registration::new(Box::new(next), 2, Grant::ALL.into()),
    ];
    let mut control = ControlLoop::new(config, registrations, &actuators);
    let mut records = Vec::new();
    for tick in 1..=5 {
        let now = Duration::from_millis(500 * tick);
        let gauges = BTreeMap::from([("hit-ratio", 0.5)]);
        let snapshot = Arc::new(Snapshot { tick, now, gauges, ..Snapshot::default() });
        let (rules, shadows) = (&mut NoRules, &mut NoShadows);
        records.extend(control.tick(&snapshot, &mut Controls { actuators: &mut actuators, rules, shadows }));
    }
    records
}

#[test]
fn strategies_of_two_versions_take_part_in_one_loop() {
    let records = run();
    let decided = records.iter().filter_map(|record| match record {
        Record::Decision(of) => Some((of.tick, of.dial, of.to.to_string(), of.by.clone())),
        _ => None,
    });
    let by = |name: &str| vec![name.to_owned()];
    let decided: Vec<_> = decided.collect();
    assert_eq!(
        decided,
        [
            (1, CACHE_POLICY, "arc".to_owned(), by("pinned")),
            (1, CACHE_CAPACITY, "200".to_owned(), by("next")),
            (2, CACHE_CAPACITY, "300".to_owned(), by("next")),
            // What the one held that failed goes back to the start.
            (2, CACHE_POLICY, "lru".to_owned(), by("host")),
            (3, CACHE_CAPACITY, "400".to_owned(), by("next")),
            (4, CACHE_CAPACITY, "100".to_owned(), by("host")),
        ],
        "{decided:#?}"
    );
    let outranked = records.iter().any(|record| {
        matches!(record, Record::Proposal(of) if of.strategy == "pinned" && of.dial == CACHE_CAPACITY
            && of.tick == 1 && of.verdict == Verdict::Outranked)
    });
    assert!(outranked, "both were heard for one dial: {records:#?}");
    let faults = records.iter().filter_map(|record| match record {
        Record::Strategy(of) => match &of.event {
            Event::BackOff { fault, .. } => Some((of.tick, of.strategy.as_str(), fault.clone())),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(
        faults.collect::<Vec<_>>(),
        [
            (2, "pinned", Fault::Answer("the second tick".to_owned())),
            (4, "next", Fault::Answer("as it was told".to_owned())),
        ]
    );
    let notes = records.iter().filter_map(|record| match record {
        Record::Log(of) if of.strategy == "next" => Some(of.message.as_str()),
        _ => None,
    });
    assert_eq!(
        notes.collect::<Vec<_>>(),
        [
            "1 at 0.5 s: hit-ratio Some(0.5), Answer::Accepted",
            "2 at 1 s: hit-ratio Some(0.5), Answer::Accepted",
            "3 at 1.5 s: hit-ratio Some(0.5), Answer::Accepted",
            "4 at 2 s: hit-ratio Some(0.5), Answer::Clamped(450.0)",
        ]
    );
}

#[test]
fn each_is_described_in_the_terms_of_its_own_version() {
    let limits = Limits::default();
    let next = LOADER.inspect(next_strategy(), &limits).unwrap();
    assert_eq!(next.world, "optimizer:plugin/strategy@0.2.0");
    assert_eq!(next.description.summary, "Asks for a larger cache, by nobody");
    assert_eq!(next.description.settings[0].default, "");
    assert_eq!(next.grants(), [Grant::Metrics, Grant::CacheControl, Grant::Settings]);
    let before = LOADER.inspect(pinned(), &limits).unwrap();
    assert_eq!(before.world, "optimizer:plugin/strategy@0.1.0");
    assert_eq!(next_policy().world(), World::Eviction);
    let policy = LOADER.inspect(next_policy(), &limits).unwrap();
    assert_eq!(policy.world, "optimizer:plugin/eviction@0.2.0");
}

#[test]
fn a_grant_is_missed_under_the_name_of_its_own_version() {
    let grants = [Grant::Metrics, Grant::Settings].into();
    let refused = LOADER.load(next_strategy(), &grants, &BTreeMap::new(), &Limits::default(), 1);
    let text = refused.unwrap_err().to_string();
    assert!(
        text.ends_with(
            "strategy `next` imports `optimizer:plugin/cache-proposals@0.2.0`, which the profile does not grant. Add to the \
             profile: strategies.next = { grants = [\"metrics\", \"cache-control\", \"settings\"] }"
        ),
        "{text}"
    );
}

/// Two policies that have to answer alike, one of each version.
struct Twins([Box<dyn BatchedPolicy>; 2]);

impl Twins {
    fn open(capacity: u64) -> Self {
        let limits = Limits::of_policies();
        let (name, bytes) = bundled_policies().find(|(name, _)| *name == "lru").unwrap();
        let opening = Opening { capacity, weighed: true, seed: 1 };
        Self([Source::Bytes { name, bytes }, next_policy()].map(|source| {
            let plugin = LOADER.open_policy(source, &limits).unwrap_or_else(|error| panic!("{error}"));
            plugin.open(opening).unwrap()
        }))
    }

    /// What both answer.
    fn both(&mut self, call: impl Fn(&mut dyn BatchedPolicy, &mut Answer)) -> Answer {
        let mut answers = [Answer::default(), Answer::default()];
        for (policy, answer) in self.0.iter_mut().zip(&mut answers) {
            call(policy.as_mut(), answer);
        }
        let [one, two] = answers;
        assert_eq!(one, two);
        one
    }

    fn residents(&mut self) -> Vec<(u32, u32)> {
        let [one, two] = &mut self.0;
        let residents = |policy: &mut dyn BatchedPolicy| -> Vec<(u32, u32)> {
            let entries = policy.hand_over().unwrap();
            entries.into_iter().map(|entry| (entry.slot.0, entry.frequency)).collect()
        };
        let (one, two) = (residents(one.as_mut()), residents(two.as_mut()));
        assert_eq!(
            one.iter().map(|of| of.0).collect::<Vec<_>>(),
            two.iter().map(|of| of.0).collect::<Vec<_>>()
        );
        two
    }
}

#[test]
fn policies_of_two_versions_answer_the_same_events_alike() {
    let mut twins = Twins::open(40);
    let entries = [7, 8, 9].map(|slot| {
        let id = u64::from(slot) * 31;
        ImportedEntry { slot: Slot(slot), id, weight: 3, frequency: 2 }
    });
    twins.both(|policy, _| policy.take_over(&entries).unwrap());
    assert_eq!(twins.residents(), [(7, 2), (8, 2), (9, 2)]);
    // Slots below 50 in an order without a period, each of its own weight.
    let (mut x, mut evicted) = (1_u32, 0);
    for length in (1..=60).cycle().take(300) {
        let slots: Vec<u32> = std::iter::repeat_with(|| {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (x >> 16) % 50
        })
        .take(length)
        .collect();
        let kind = |slot: u32| if slot.is_multiple_of(17) { Kind::Removed } else { Kind::Used };
        let events: Vec<u32> = slots.iter().map(|slot| kind(*slot).of(*slot)).collect();
        let weights: Vec<u32> = slots.iter().map(|slot| if *slot < 10 { 3 } else { 1 + slot % 4 }).collect();
        let ids: Vec<u64> = slots.iter().map(|slot| u64::from(*slot) * 31).collect();
        let answer = twins.both(|policy, answer| {
            let ids = if policy.wants_ids() { &ids[..] } else { &[] };
            policy.turn(Batch { events: &events, weights: &weights, ids }, answer).unwrap();
        });
        evicted += answer.victims.len();
    }
    assert!(evicted > 1_000, "{evicted}");
    let answer = twins.both(|policy, answer| policy.resize(5, answer).unwrap());
    assert!(!answer.victims.is_empty());
    twins.residents();
}

#[test]
fn a_policy_of_another_version_refuses_in_its_own_words() {
    let plugin = LOADER.open_policy(next_policy(), &Limits::of_policies()).unwrap();
    let error = plugin.start(Opening { capacity: 13, weighed: false, seed: 1 }).unwrap_err();
    assert!(error.to_string().ends_with("not with that capacity"), "{error}");
}

#[test]
fn the_versions_that_run_are_named_to_who_brings_another_one() {
    let refused = |version: &str| {
        let wat = format!(r#"(component (import "optimizer:plugin/types@{version}" (instance)))"#);
        let bytes = wat::parse_str(wat).unwrap();
        let source = Source::Bytes { name: "odd", bytes: &bytes };
        LOADER.open(source, &Limits::default()).unwrap_err().to_string()
    };
    let text = refused("0.3.0");
    assert!(
        text.ends_with(
            "too new for this host: it is built for `optimizer:plugin/types@0.3.0`, the host runs optimizer:plugin 0.1 \
             (0.1.0) and 0.2 (0.2.0). Upgrade the host, or use an older version of the component"
        ),
        "{text}"
    );
    let text = refused("0.0.9");
    assert!(
        text.contains("Rebuild the component with the SDK for 0.2.0, which is the host's `wit/`"),
        "{text}"
    );
    let text = refused("0.2.1");
    assert!(
        text.contains("the host has optimizer:plugin@0.2.0, and the component lacks `about`, `tick`"),
        "{text}"
    );
}

#[test]
fn the_newest_version_that_is_shipped_is_that_of_wit() {
    let world = include_str!("../../../../wit/world.wit");
    let package = world.lines().find(|line| line.starts_with("package ")).unwrap();
    assert_eq!(package, format!("package {PACKAGE}@{};", V0_1.version()));
    let next = include_str!("../../tests/fictitious/0.2.0/wit/world.wit");
    assert!(next.contains(&format!("package {PACKAGE}@{};", V0_2.version())));
}
