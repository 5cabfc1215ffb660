use host_contract::snapshot::Cache;

use super::*;
use crate::judge::{Judge, Order, Plan};

/// Policy, multiple of the capacity of 1,000, requests and misses so far.
type Counted = (&'static str, f64, u64, u64);

fn snapshot(tick: u32, policy: &str, (hits, misses): (u64, u64), shadows: &[Counted]) -> Arc<Snapshot> {
    let shadow = |(policy, factor, requests, misses): &Counted| Shadow {
        policy: (*policy).to_owned(),
        capacity_factor: *factor,
        capacity_bytes: host_contract::number::to_u64(factor * 1_000.0),
        requests: *requests,
        misses: *misses,
        ..Shadow::default()
    };
    Arc::new(Snapshot {
        tick: u64::from(tick),
        cache: Cache { policy: policy.to_owned(), capacity_bytes: 1_000, hits, misses, ..Cache::default() },
        shadows: shadows.iter().map(shadow).collect(),
        gauges: [("throughput", 100.0 * f64::from(tick))].into(),
        ..Snapshot::default()
    })
}

fn change(judged: Judged, from: Value) -> Change {
    Change { decision: 7, dial: Some(DIAL), judged, to: from.clone(), from, authors: BTreeSet::new() }
}

const DIAL: Dial = Dial::new("dial");

/// One that measures and turns nothing.
fn watching(ticks: u64) -> Judge {
    Judge::new(Plan::watch_only(ticks))
}

fn ticked(judge: &mut Judge, snapshot: &Snapshot) -> Vec<Effect> {
    let orders = judge.tick(snapshot, &|_| None).into_iter();
    orders.filter_map(|order| if let Order::Effect(effect) = order { Some(effect) } else { None }).collect()
}

fn lru() -> Value {
    Value::Name("lru".into())
}

#[test]
fn a_policy_is_held_against_the_one_that_was_left_shadow_against_shadow() {
    let mut judge = watching(2);
    let start = snapshot(1, "lru", (100, 100), &[("lru", 1.0, 200, 100), ("arc", 1.0, 200, 80)]);
    judge.watch(change(Judged::Policy, lru()), &start);
    assert_eq!(ticked(&mut judge, &snapshot(2, "arc", (150, 150), &[])), vec![]);
    let end = snapshot(3, "arc", (180, 120), &[("lru", 1.0, 400, 250), ("arc", 1.0, 400, 130)]);
    let effects = ticked(&mut judge, &end);
    let effect = &effects[0];
    // 80 of 100 were hits. In the shadows lru hit 50 of 200 and arc 150: with lru it would have been half as many points.
    assert_eq!((effect.measured, effect.counterfactual), (0.8, Some(0.8 - 0.5)));
    assert_eq!((effect.basis.as_str(), effect.window_ticks), ("lru, by the shadows", 2));
}

#[test]
fn a_policy_is_not_credited_with_what_prefetching_did() {
    let mut judge = watching(1);
    let shadows = |requests, misses| [("lru", 1.0, requests, misses), ("arc", 1.0, requests, misses)];
    judge.watch(change(Judged::Policy, lru()), &snapshot(1, "lru", (0, 0), &shadows(0, 0)));
    // Both shadows hit a quarter; what is measured is 95 %, because a prefetcher was at work.
    let effect = ticked(&mut judge, &snapshot(2, "arc", (95, 5), &shadows(100, 75))).remove(0);
    assert_eq!((effect.measured, effect.counterfactual), (0.95, Some(0.95)));
}

#[test]
fn prefetching_is_held_against_none() {
    let mut judge = watching(1);
    judge.watch(
        change(Judged::Prefetching, Value::Count(0)),
        &snapshot(1, "arc", (0, 0), &[("arc", 1.0, 0, 0)]),
    );
    let effect = ticked(&mut judge, &snapshot(2, "arc", (95, 5), &[("arc", 1.0, 100, 75)])).remove(0);
    assert_eq!((effect.measured, effect.counterfactual), (0.95, Some(0.25)));
    assert_eq!(effect.basis, "no prefetching, by the shadow of arc");
}

#[test]
fn where_no_shadow_can_tell_the_basis_says_why() {
    let told = |change: Change, shadows: &[Counted]| {
        let mut judge = watching(1);
        judge.watch(change, &snapshot(1, "arc", (0, 0), shadows));
        let effect = ticked(&mut judge, &snapshot(2, "arc", (5, 5), shadows)).remove(0);
        assert_eq!(effect.counterfactual, None);
        effect.basis
    };
    let arc: &[Counted] = &[("arc", 1.0, 100, 75)];
    assert_eq!(told(change(Judged::Policy, Value::Name("sieve".into())), &[]), "none: no shadow follows arc");
    assert_eq!(told(change(Judged::Policy, lru()), arc), "none: the shadow of arc saw no request");
    let mut judge = watching(1);
    judge.watch(change(Judged::Policy, Value::Name("sieve".into())), &snapshot(1, "arc", (0, 0), &[]));
    let effect = ticked(&mut judge, &snapshot(2, "arc", (5, 5), arc)).remove(0);
    assert_eq!(effect.basis, "none: no shadow follows sieve");
    let mut judge = watching(1);
    judge.watch(change(Judged::Capacity, Value::Count(4_000)), &snapshot(1, "arc", (0, 0), &[]));
    let effect = ticked(&mut judge, &snapshot(2, "arc", (5, 5), arc)).remove(0);
    assert_eq!(effect.basis, "none: no shadow of arc has a capacity near 4000");
}

#[test]
fn a_capacity_is_held_against_the_shadow_of_its_size() {
    let mut judge = watching(1);
    // The cache was doubled to 1,000: what was the shadow of once the capacity is the one of half of it now.
    let start = snapshot(1, "arc", (0, 0), &[("arc", 0.5, 10, 5), ("arc", 1.0, 10, 5)]);
    judge.watch(change(Judged::Capacity, Value::Count(500)), &start);
    let end = snapshot(2, "arc", (60, 40), &[("arc", 0.5, 110, 80), ("arc", 1.0, 110, 55)]);
    let effect = ticked(&mut judge, &end).remove(0);
    assert_eq!((effect.measured, effect.counterfactual), (0.6, Some(0.6 - 0.25)));
    assert_eq!(effect.basis, "a capacity of 500, by the shadows");
}

#[test]
fn workers_are_held_against_the_throughput_before() {
    let mut judge = watching(2);
    judge.watch(change(Judged::Throughput, Value::Count(8)), &snapshot(1, "lru", (0, 0), &[]));
    ticked(&mut judge, &snapshot(2, "lru", (0, 0), &[]));
    let effects = ticked(&mut judge, &snapshot(3, "lru", (0, 0), &[]));
    assert_eq!((effects[0].measured, effects[0].counterfactual), (250.0, Some(100.0)));
    assert_eq!(effects[0].basis, "before");
}

#[test]
fn a_change_of_the_same_dial_closes_the_window_early() {
    let mut judge = watching(9);
    judge.watch(change(Judged::Policy, lru()), &snapshot(1, "lru", (100, 100), &[]));
    let now = snapshot(2, "arc", (150, 100), &[]);
    assert_eq!(judge.cut_short(Some(Dial::new("another")), &now), vec![]);
    assert_eq!(judge.cut_short(Some(DIAL), &now).len(), 1);
    assert_eq!(judge.finish(&snapshot(3, "arc", (150, 100), &[])), vec![]);
}

#[test]
fn what_no_shadow_stands_for_is_left_to_the_turns() {
    let shadows: &[Counted] = &[("arc", 0.5, 0, 0), ("arc", 1.0, 0, 0), ("lru", 1.0, 0, 0)];
    let metric = |judged: Judged, from: Value, to: Value| {
        let mut judge = Judge::new(Plan::default());
        let change = Change { decision: 7, dial: Some(DIAL), judged, from, to, authors: [0].into() };
        judge.watch(change, &snapshot(1, "arc", (0, 0), shadows));
        judge.finish(&snapshot(2, "arc", (1, 1), shadows)).remove(0).metric
    };
    let name = |name: &str| Value::Name(name.to_owned());
    assert_eq!(metric(Judged::Policy, name("lru"), name("arc")), "hit-ratio");
    assert_eq!(metric(Judged::Policy, name("lru"), name("lirs(hir=0.9)")), "throughput");
    // A shadow at half the capacity stands for the one that was left.
    assert_eq!(metric(Judged::Capacity, Value::Count(500), Value::Count(1_000)), "hit-ratio");
    // So does the one of now, which stays.
    assert_eq!(metric(Judged::Capacity, Value::Count(1_000), Value::Count(50)), "hit-ratio");
    assert_eq!(metric(Judged::Capacity, Value::Count(3_000), Value::Count(50)), "throughput");
}

#[test]
fn a_shadow_stays_where_the_capacity_was_until_that_is_judged() {
    let mut judge = Judge::new(Plan { window_ticks: 1, ..Plan::default() });
    let (from, to) = (Value::Count(1_000), Value::Count(50));
    let change =
        Change { decision: 7, dial: Some(DIAL), judged: Judged::Capacity, from, to, authors: [0].into() };
    judge.watch(change, &snapshot(1, "arc", (0, 0), &[("arc", 1.0, 0, 0)]));
    assert!(judge.keeps_shadows());
    // The shadow at what was left hits 800 of 1,000, the cache 300.
    let now = snapshot(2, "arc", (300, 700), &[("arc", 1.0, 1_000, 200)]);
    let orders = judge.tick(&now, &|_| Some(Value::Count(50)));
    assert!(!judge.keeps_shadows());
    let [Order::Effect(effect), Order::RollBack(undone)] = orders.as_slice() else { panic!("{orders:?}") };
    assert_eq!((effect.measured, effect.counterfactual), (0.3, Some(0.8)));
    assert_eq!((effect.verdict, effect.basis.as_str()), (Found::Worse, "a capacity of 1000, by its shadow"));
    assert_eq!((undone.to.clone(), undone.until.is_some()), (Value::Count(1_000), true));
}

/// The verdict on a capacity of 1,000 that was halved, and how many orders there were: 200 of 1,000 hits were lost by it. Gauges
/// when it was decided, and when it is judged.
fn halved(decided: &[(&'static str, f64)], judged: &[(&'static str, f64)]) -> (Found, usize) {
    let mut judge = Judge::new(Plan { window_ticks: 1, ..Plan::default() });
    let (from, to) = (Value::Count(1_000), Value::Count(500));
    let change =
        Change { decision: 7, dial: Some(DIAL), judged: Judged::Capacity, from, to, authors: [0].into() };
    let with = |snapshot: Arc<Snapshot>, gauges: &[(&'static str, f64)]| {
        let mut snapshot = Snapshot::clone(&snapshot);
        snapshot.gauges.extend(gauges.iter().copied());
        Arc::new(snapshot)
    };
    judge.watch(change, &with(snapshot(1, "arc", (0, 0), &[("arc", 1.0, 0, 0)]), decided));
    let now = with(snapshot(2, "arc", (600, 400), &[("arc", 1.0, 1_000, 200)]), judged);
    let orders = judge.tick(&now, &|_| Some(Value::Count(500)));
    let Some(Order::Effect(effect)) = orders.first() else { panic!("{orders:?}") };
    (effect.verdict, orders.len())
}

#[test]
fn what_is_given_up_for_memory_that_is_short_or_above_the_target_stands() {
    assert_eq!(halved(&[], &[]), (Found::Worse, 2), "it is undone");
    assert_eq!(halved(&[("memory-room", 0.0)], &[("memory-room", 9e9)]), (Found::NotTested, 1));
    assert_eq!(
        halved(&[("memory-room", 1.0)], &[("memory-room", 0.0)]),
        (Found::Worse, 2),
        "it was not short"
    );
    assert_eq!(halved(&[], &[("target-hit-ratio", 0.55)]), (Found::NotTested, 1));
    assert_eq!(halved(&[], &[("target-hit-ratio", 0.7)]), (Found::Worse, 2), "the target is missed");
}

#[test]
fn what_nothing_measures_is_not_judged() {
    let mut judge = watching(1);
    judge.watch(change(Judged::Nothing, Value::Count(8)), &snapshot(1, "lru", (0, 0), &[]));
    assert_eq!(judge.finish(&snapshot(2, "lru", (1, 1), &[])), vec![]);
}
