//! Rules that are measured: tried before they load, held back once in twenty, and withdrawn from use where they lose.

use std::time::Duration;

use host_prefetch::{Budget, Counts, Prefetcher, Rule};

const BUDGET: Budget = Budget { max_in_flight: 8, cache_share: 0.5 };

fn measured() -> Prefetcher {
    let prefetcher = Prefetcher::measured(BUDGET, 8, 42, 1, Box::new(|| Duration::ZERO));
    prefetcher.set_cache_capacity(200);
    prefetcher
}

/// Serves requests one at a time: what is issued is there at once. Returns what was issued.
fn serve(prefetcher: &Prefetcher, keys: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let mut issued = Vec::new();
    for key in keys {
        let mut loads = Vec::new();
        prefetcher.on_access(key, |_| false, &mut loads);
        for load in loads {
            prefetcher.loaded(load.key, 1);
            issued.push(load.key);
        }
    }
    issued
}

fn first(prefetcher: &Prefetcher) -> Counts {
    prefetcher.stats().first().map(|rule| rule.counts).unwrap_or_default()
}

#[test]
fn a_rule_is_tried_before_it_loads() {
    let p = measured();
    p.install(0, 0, Rule::Sequential { stride: 1, depth: 1 }).unwrap();
    assert_eq!(serve(&p, 0..6), [], "a trial loads nothing");
    let counts = first(&p);
    assert_eq!((counts.issued, counts.tried, counts.tried_asked), (0, 4, 3));
    let issued = serve(&p, 6..1_000);
    assert!(issued.len() > 850, "{}", issued.len());
}

#[test]
fn one_target_in_twenty_of_a_rule_in_force_is_held_back_and_its_fate_measured() {
    let p = measured();
    p.install(0, 0, Rule::Sequential { stride: 1, depth: 4 }).unwrap();
    serve(&p, 0..20_000);
    let Counts { issued, timely, wasted, withheld, withheld_asked, .. } = first(&p);
    assert!((800..1_200).contains(&withheld), "{withheld} of {issued}");
    assert!(withheld - withheld_asked < 10 && timely > 18_000 && wasted == 0);
    let again = measured();
    again.install(0, 0, Rule::Sequential { stride: 1, depth: 4 }).unwrap();
    serve(&again, 0..20_000);
    assert_eq!(first(&again), first(&p), "the same chance twice");
}

#[test]
fn a_rule_that_is_never_right_loads_nothing_and_rests() {
    let p = measured();
    p.install(0, 0, Rule::Association { key: 7, targets: vec![1_000_000] }).unwrap();
    let noise = (0..200_000_u64).map(|n| if n % 2 == 0 { 7 } else { n * 13 + 1_000 });
    assert_eq!(serve(&p, noise.filter(|key| *key != 1_000_000)), []);
    let stats = p.stats();
    assert!(stats.first().unwrap().counts.tried < 200, "{stats:?}");
}

#[test]
fn a_rule_that_was_right_and_is_no_more_stops_loading() {
    let p = measured();
    p.install(0, 0, Rule::Association { key: 7, targets: vec![8] }).unwrap();
    // Other keys in between, so that what was held back lapses.
    let round = |n: u64, right: bool| [7, if right { 8 } else { 9 }, 100 + n * 2, 101 + n * 2];
    let while_right = serve(&p, (0..500).flat_map(|n| round(n, true)));
    assert!(while_right.len() > 400, "{}", while_right.len());
    let issued = first(&p).issued;
    for n in 0..20_000 {
        serve(&p, round(n, false));
        p.evicted(8);
    }
    let wasted = first(&p).issued - issued;
    assert!(wasted < 600, "{wasted} of 20,000 triggers");
    assert!(first(&p).again > 0, "it was loaded again right after it was wasted");
}

#[test]
fn a_miss_of_what_left_for_what_waits_is_charged_to_a_rule() {
    let p = measured();
    p.install(0, 0, Rule::Sequential { stride: 1, depth: 2 }).unwrap();
    p.displaced(77, 1);
    p.missed(77);
    serve(&p, 0..100);
    assert_eq!(first(&p).caused, 0, "nothing waited when it left");
    p.displaced(500, 1);
    p.displaced(501, 1);
    p.missed(600);
    p.missed(501);
    p.missed(501);
    assert_eq!(first(&p).caused, 1);
}

#[test]
fn what_waits_longest_makes_room() {
    let p = measured();
    p.set_cache_capacity(20);
    p.install(0, 0, Rule::Sequential { stride: 1, depth: 1 }).unwrap();
    serve(&p, 0..100);
    let before = first(&p);
    for run in 1..40 {
        // Each run ends before the last key that was loaded for it.
        serve(&p, run * 1_000..run * 1_000 + 40);
    }
    let after = first(&p);
    assert!(after.wasted > before.wasted && after.pending <= 10, "{after:?}");
    assert!(after.timely > before.timely + 1_000, "{after:?}");
}

#[test]
fn streams_and_replays_are_found_natively() {
    let p = measured();
    p.install(0, 0, Rule::Stream { depth: 8 }).unwrap();
    p.install(0, 1, Rule::Replay { depth: 8 }).unwrap();
    serve(&p, (0..2_000).flat_map(|n| [n * 24, 10_000_000 - n * 7]));
    let [stream, replay] = *p.stats().as_slice() else { panic!("two rules") };
    assert!(stream.counts.timely > 3_000, "{stream:?}");
    assert_eq!(replay.counts.issued, 0, "nothing came twice");
    let hashed = |n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    serve(&p, (0..3).flat_map(|_| (0..2_000).map(hashed)));
    let replay = p.stats().last().unwrap().counts;
    assert!(replay.timely > 3_000 && replay.wasted < 100, "{replay:?}");
    p.withdraw(0, 0).unwrap();
    p.withdraw(0, 1).unwrap();
    assert_eq!(serve(&p, 0..100), []);
}

#[test]
fn random_keys_are_left_alone() {
    let p = measured();
    p.install(0, 0, Rule::Stream { depth: 8 }).unwrap();
    p.install(0, 1, Rule::Replay { depth: 8 }).unwrap();
    let mut state = 1_u64;
    let random = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % 5_000
    });
    let issued = serve(&p, random.take(50_000)).len();
    assert!(issued < 250, "{issued} of 50,000 requests");
}

#[test]
fn threads_whose_requests_overtake_each_other_ask_for_what_was_held_back() {
    let p = measured();
    for id in 0..8 {
        p.install(0, id, Rule::Association { key: u64::from(id), targets: (100..108).collect() }).unwrap();
    }
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let p = &p;
            scope.spawn(move || {
                let mut loads = Vec::new();
                for turn in 0..100_000_u64 {
                    let key = if turn % 2 == thread % 2 { turn % 8 } else { 100 + turn / 3 % 8 };
                    p.arrived(key, |_| false, &mut loads);
                    loads.drain(..).for_each(|load| p.loaded(load.key, 1));
                    p.demanded(key);
                }
            });
        }
    });
    let held = |counts: &Counts| counts.tried + counts.withheld;
    assert!(p.stats().iter().any(|rule| held(&rule.counts) > 100), "{:?}", p.stats());
}
