//! Rules applied at access time, and the fate of what they load.

use host_prefetch::{Budget, Installed, Load, Prefetcher, Rule, RuleError};

const AMPLE: Budget = Budget { max_in_flight: 1000, cache_share: 0.5 };
const NEXT_2: Rule = Rule::Sequential { stride: 1, depth: 2 };

fn prefetcher(budget: Budget) -> Prefetcher {
    let prefetcher = Prefetcher::new(budget, 8);
    prefetcher.set_cache_capacity(1000);
    prefetcher
}

fn pair(key: u64, targets: &[u64]) -> Rule {
    Rule::Association { key, targets: targets.to_vec() }
}

/// Accesses keys of which none is resident; answers with what is to be loaded.
fn access(prefetcher: &Prefetcher, keys: &[u64]) -> Vec<u64> {
    let mut out = Vec::new();
    for &key in keys {
        prefetcher.on_access(key, |_| false, &mut out);
    }
    out.into_iter().map(|load| load.key).collect()
}

/// issued, timely, late, wasted, pending of the first rule.
fn first(prefetcher: &Prefetcher) -> [u64; 5] {
    #[expect(clippy::indexing_slicing, reason = "every test that asks has a rule")]
    let s = prefetcher.stats()[0].counts;
    [s.issued, s.timely, s.late, s.wasted, s.pending]
}

#[test]
fn a_run_of_three_prefetches_and_does_not_ask_twice() {
    let p = prefetcher(AMPLE);
    p.install(3, 9, NEXT_2).unwrap();
    assert!(access(&p, &[10, 11]).is_empty(), "two in a row may be chance");
    let mut out = Vec::new();
    p.on_access(12, |key| key == 14, &mut out);
    assert_eq!(out, [Load { key: 13, owner: 3, id: 9 }], "14 is resident");
    assert_eq!(access(&p, &[13]), [14, 15]);
    assert!(access(&p, &[99, 99]).is_empty());
    assert_eq!(p.in_flight(), 3);
}

#[test]
fn strides_may_be_negative_and_stop_at_the_edge() {
    let p = prefetcher(AMPLE);
    p.install(0, 0, Rule::Sequential { stride: -4, depth: 3 }).unwrap();
    assert_eq!(access(&p, &[18, 14, 10]), [6, 2]);
    let p = prefetcher(AMPLE);
    p.install(0, 0, NEXT_2).unwrap();
    assert_eq!(access(&p, &[u64::MAX - 3, u64::MAX - 2, u64::MAX - 1, u64::MAX]), [u64::MAX]);
}

#[test]
fn several_rules_at_one_key_apply_in_order_of_owner_and_id() {
    let p = prefetcher(AMPLE);
    p.install(2, 1, pair(7, &[30])).unwrap();
    p.install(1, 5, pair(7, &[20, 7, 30])).unwrap();
    p.install(1, 2, NEXT_2).unwrap();
    let mut out = Vec::new();
    for key in [5, 6, 7] {
        p.on_access(key, |_| false, &mut out);
    }
    let got: Vec<_> = out.iter().map(|load| (load.owner, load.id, load.key)).collect();
    assert_eq!(got, [(1, 2, 8), (1, 2, 9), (1, 5, 20), (1, 5, 30)], "30 is asked for once");
}

#[test]
fn each_key_is_decided_once() {
    let p = prefetcher(AMPLE);
    p.install(0, 0, pair(1, &[10, 11, 12, 13, 14])).unwrap();
    assert_eq!(access(&p, &[1]), [10, 11, 12, 13, 14]);
    p.loaded(10, 5);
    access(&p, &[10, 10]);
    assert_eq!(first(&p), [5, 1, 0, 0, 4], "timely, the first time only");
    access(&p, &[11, 11]);
    p.loaded(11, 5);
    access(&p, &[11]);
    p.evicted(11);
    assert_eq!(first(&p), [5, 1, 1, 0, 3], "late, however it goes on");
    p.loaded(12, 5);
    p.evicted(12);
    p.evicted(12);
    assert_eq!(first(&p), [5, 1, 1, 1, 2], "evicted unused");
    p.failed(13);
    p.failed(13);
    p.loaded(13, 5);
    assert_eq!(first(&p), [5, 1, 1, 2, 1], "failed");
    assert_eq!(p.in_flight(), 1);
    p.finish();
    p.loaded(14, 5);
    assert_eq!(first(&p), [5, 1, 1, 3, 0], "left over");
    assert_eq!(p.in_flight(), 0);
}

#[test]
fn an_entry_grows_old_from_its_arrival() {
    let p = Prefetcher::with_unused_after(AMPLE, 8, 10);
    p.set_cache_capacity(1000);
    p.install(0, 0, pair(1, &[10])).unwrap();
    access(&p, &[1]);
    access(&p, &[500; 50]);
    assert_eq!(first(&p), [1, 0, 0, 0, 1], "in flight it does not age");
    p.loaded(10, 1);
    access(&p, &[500; 10]);
    assert_eq!(first(&p), [1, 0, 0, 0, 1]);
    access(&p, &[500]);
    assert_eq!(first(&p), [1, 0, 0, 1, 0]);

    // Loaded, used, and loaded again: the age of the first loading is not that of the second.
    access(&p, &[1]);
    p.loaded(10, 1);
    access(&p, &[10, 500, 500, 500, 500, 500, 1]);
    p.loaded(10, 1);
    access(&p, &[500; 8]);
    assert_eq!(first(&p), [3, 1, 0, 1, 1]);
}

#[test]
fn the_budget_bounds_loads_under_way() {
    let p = prefetcher(Budget { max_in_flight: 2, cache_share: 0.5 });
    p.install(0, 0, pair(1, &[10, 11, 12])).unwrap();
    assert_eq!(access(&p, &[1]), [10, 11]);
    assert!(access(&p, &[1]).is_empty());
    access(&p, &[10]);
    assert!(access(&p, &[1]).is_empty(), "asked for, but still being loaded");
    p.loaded(10, 1);
    assert_eq!(access(&p, &[1]), [10]);
    p.set_max_in_flight(0);
    p.loaded(10, 1);
    p.loaded(11, 1);
    assert!(access(&p, &[1]).is_empty(), "switched off");
    access(&p, &[11]);
    assert_eq!(p.stats()[0].counts.timely, 1, "what was loaded before is still accounted");
}

#[test]
fn the_budget_bounds_the_share_of_the_cache() {
    let p = prefetcher(Budget { max_in_flight: 1, cache_share: 0.1 });
    p.install(0, 0, pair(1, &[10, 11, 12, 13, 14, 15])).unwrap();
    for key in [10, 11, 12] {
        assert_eq!(access(&p, &[1]), [key]);
        p.loaded(key, 30);
    }
    assert!(access(&p, &[1]).is_empty(), "90 of 100 bytes are taken, and a load is expected to take 30");
    access(&p, &[11]);
    assert_eq!(access(&p, &[1]), [11], "one was used, which makes room");

    let unset = Prefetcher::new(AMPLE, 8);
    unset.install(0, 0, pair(1, &[10])).unwrap();
    assert!(access(&unset, &[1]).is_empty(), "no capacity was told yet");
    let nonsense = prefetcher(Budget { max_in_flight: 9, cache_share: f64::NAN });
    assert_eq!(nonsense.cache_share(), 0.0);
    nonsense.set_cache_share(7.0);
    assert_eq!(nonsense.cache_share(), 0.5);
}

#[test]
fn each_figure_of_the_budget_is_set_alone() {
    let p = prefetcher(Budget { max_in_flight: 2, cache_share: 0.25 });
    p.set_max_in_flight(3);
    assert_eq!((p.max_in_flight(), p.cache_share()), (3, 0.25));
    p.set_cache_share(0.125);
    assert_eq!((p.max_in_flight(), p.cache_share()), (3, 0.125));
    p.install(0, 0, pair(1, &[10, 11, 12, 13])).unwrap();
    assert_eq!(access(&p, &[1]), [10, 11, 12]);
}

#[test]
fn a_replaced_rule_starts_again_and_its_keys_stay_its_own() {
    let p = prefetcher(AMPLE);
    assert_eq!(p.install(0, 0, pair(1, &[10, 11])), Ok(Installed::New));
    access(&p, &[1]);
    assert_eq!(p.install(0, 0, pair(1, &[10, 11])), Ok(Installed::Unchanged));
    assert_eq!(first(&p), [2, 0, 0, 0, 2]);
    assert_eq!(p.install(0, 0, pair(1, &[12])), Ok(Installed::Replaced));
    access(&p, &[1, 10]);
    assert_eq!(first(&p), [1, 0, 0, 0, 1]);
    p.withdraw(0, 0).unwrap();
    assert_eq!(p.withdraw(0, 0), Err(RuleError::Unknown { id: 0 }));
    assert!(p.stats().is_empty());
    p.loaded(12, 1);
    access(&p, &[12]);
    p.finish();
    let t = p.totals();
    assert_eq!([t.issued, t.timely, t.late, t.wasted, t.pending], [3, 1, 1, 1, 0]);
}

#[test]
fn an_owner_has_so_many_rules_and_no_more() {
    let p = Prefetcher::new(AMPLE, 2);
    p.install(0, 0, NEXT_2).unwrap();
    p.install(0, 1, pair(1, &[2])).unwrap();
    assert_eq!(p.install(0, 2, NEXT_2), Err(RuleError::TooMany { id: 2, most: 2 }));
    assert_eq!(p.install(0, 1, NEXT_2), Ok(Installed::Replaced));
    assert_eq!(p.install(1, 0, NEXT_2), Ok(Installed::New), "another owner has its own");
    assert_eq!(p.withdraw_all(0), 2);
    assert_eq!(p.stats().len(), 1);
    assert_eq!(p.install(0, 2, NEXT_2), Ok(Installed::New), "there is room again");
}

#[test]
fn the_caller_may_use_the_prefetcher_while_it_is_asked_what_is_resident() {
    let p = prefetcher(AMPLE);
    p.install(0, 0, pair(1, &[10, 11])).unwrap();
    let mut out = Vec::new();
    let resident = |key| {
        p.evicted(key);
        p.install(0, 7, NEXT_2).is_err()
    };
    p.on_access(1, resident, &mut out);
    assert_eq!(out.len(), 2);
}
