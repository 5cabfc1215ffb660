#![expect(clippy::as_conversions, reason = "a test: its numbers are its own")]

use super::{Estimate, Miniature, PolicyFactory, Shadows};
use host_contract::split_mix::mix;
use host_policy::builtin;

const FACTORS: [f64; 3] = [0.5, 1.0, 2.0];

/// Skewed ids, `distinct` of them: a product of two uniform numbers favours small ones. The same in every
/// run.
fn skewed(step: u64, distinct: u64) -> u64 {
    let (a, b) = (mix(step) >> 32, mix(step) & 0xFFFF_FFFF);
    mix((((a * b) >> 32) * distinct) >> 32)
}

fn find(estimates: &[Estimate], policy: &PolicyFactory, factor: f64) -> Estimate {
    estimates.iter().find(|e| e.policy == *policy && e.factor == factor).unwrap().clone()
}

#[test]
fn a_small_cache_is_followed_whole_and_exactly() {
    let mut shadows = Shadows::new(&builtin::BASIC, &FACTORS, 1_000, 1);
    assert_eq!(shadows.sampling_rate(), 1.0);
    let mut full = builtin::BASIC
        .each_ref()
        .map(|kind| FACTORS.map(|factor| Miniature::new(kind, (1_000.0 * factor) as u64)));
    for step in 0..50_000 {
        let id = skewed(step, 8_000);
        shadows.feed(id, 1);
        full.iter_mut().flatten().for_each(|cache| {
            cache.access(id, 1);
        });
    }
    let estimates = shadows.estimates();
    let order: Vec<_> = estimates.iter().map(|e| (&e.policy, e.factor)).collect();
    let basic = builtin::BASIC;
    let want: Vec<_> = basic.iter().flat_map(|policy| FACTORS.map(|factor| (policy, factor))).collect();
    assert_eq!(order, want, "by policy, then factor");
    for (estimate, cache) in estimates.iter().zip(full.iter().flatten()) {
        assert_eq!((estimate.requests, estimate.misses), (50_000, cache.misses()), "{estimate:?}");
    }
}

#[test]
fn a_sample_estimates_the_full_cache() {
    let capacity = 80_000;
    let mut shadows = Shadows::new(&builtin::BASIC, &FACTORS, capacity, 1);
    assert_eq!(shadows.sampling_rate(), 0.125, "40,000 entries at 0.5x, 5,000 of them followed");
    let mut full = builtin::BASIC.each_ref().map(|kind| Miniature::new(kind, capacity));
    let requests = 1_000_000;
    for step in 0..requests {
        let id = skewed(step, 400_000);
        shadows.feed(id, 1);
        for cache in &mut full {
            cache.access(id, 1);
        }
    }
    for cache in full {
        let truth = cache.misses() as f64 / requests as f64;
        let estimate = find(&shadows.estimates(), cache.policy(), 1.0);
        let error = (estimate.miss_ratio().unwrap() - truth).abs();
        assert!(error < 0.01, "{}: estimated {:?}, true {truth:.4}", cache.policy(), estimate.miss_ratio());
        assert_eq!(estimate.requests, requests / 8, "the sample that was to be expected");
    }
}

#[test]
fn a_hot_id_moves_no_estimate_whether_it_is_followed_or_not() {
    // One request in two is for one id; the others go round in a loop that nothing but twice the capacity holds.
    let estimate = |hot: u64| {
        let mut shadows = Shadows::new(&[builtin::LRU], &FACTORS, 40_000, 1);
        assert_eq!(shadows.sampling_rate(), 0.25);
        for step in 0..600_000 {
            shadows.feed(if step % 2 == 0 { hot } else { mix(step % 120_000) }, 1);
        }
        (shadows.followed, shadows.estimates()[1].miss_ratio().unwrap())
    };
    let estimates: Vec<_> = (0..8).map(|hot| estimate(mix(1 << 40 | hot))).collect();
    let followed: Vec<_> = estimates.iter().map(|(followed, _)| *followed).collect();
    assert!(followed.iter().max() > followed.iter().min().map(|least| least * 2).as_ref(), "{followed:?}");
    for (_, miss_ratio) in estimates {
        assert!((miss_ratio - 0.5).abs() < 0.01, "{miss_ratio}");
    }
}

#[test]
fn load_lowers_the_rate_and_rest_raises_it_again() {
    let mut shadows = Shadows::new(&[builtin::LRU], &FACTORS, 40_000, 1);
    let tap = shadows.tap(64);
    let mut offered = 0;
    let mut burst = |shadows: &mut Shadows, requests: u64| {
        for _ in 0..requests {
            offered += 1;
            tap.offer(skewed(offered, 50_000), 1);
        }
        tap.drain_into(shadows, offered);
    };
    assert_eq!(shadows.sampling_rate(), 0.25);
    for _ in 0..20 {
        burst(&mut shadows, 1_000);
    }
    let strained = shadows.sampling_rate();
    assert!((1.0 / 64.0..=1.0 / 16.0).contains(&strained), "some 60 of 1,000 fit: {strained}");
    let before = shadows.estimates()[1].clone();
    for _ in 0..200 {
        burst(&mut shadows, 1_000);
    }
    let after = shadows.estimates()[1].clone();
    let share = (after.requests - before.requests) as f64 / 200_000.0;
    assert!((share / strained - 1.0).abs() < 0.1, "{share} of the requests were expected at {strained}");
    for _ in 0..2_999 {
        burst(&mut shadows, 10);
        assert_eq!(shadows.sampling_rate(), strained);
    }
    for _ in 0..20_000 {
        burst(&mut shadows, 10);
    }
    assert_eq!(shadows.sampling_rate(), 0.25);
}

#[test]
fn no_load_takes_the_last_entries() {
    let mut shadows = Shadows::new(&[builtin::LRU], &FACTORS, 600, 1);
    let tap = shadows.tap(1);
    for round in 1..200 {
        (0..100).for_each(|id| tap.offer(id, 1));
        tap.drain_into(&mut shadows, round * 100);
    }
    assert_eq!(shadows.sampling_rate(), 0.5, "300 entries at 0.5x; 75 would be too few");
}

#[test]
fn weights_set_the_rate_once_they_are_known() {
    // The hint says 1 byte an entry; entries weigh 1,000. The rate first is far too low, and then rises.
    let mut shadows = Shadows::new(&[builtin::LRU], &FACTORS, 64_000_000, 1);
    let low = shadows.sampling_rate();
    assert_eq!(low, 1.0 / 4_096.0);
    let mut shadows_hinted = Shadows::new(&[builtin::LRU], &FACTORS, 64_000_000, 1_000);
    for step in 0..400_000 {
        shadows_hinted.feed(mix(step), 900 + step % 200);
    }
    assert_eq!(
        shadows_hinted.sampling_rate(),
        0.25,
        "32,000 entries at 0.5x, 8,000 followed; drift moves nothing"
    );
    for step in 0..20_000_000u64 {
        shadows.feed(mix(step), 1_000);
        if shadows.sampling_rate() != low {
            break;
        }
    }
    assert!(shadows.sampling_rate() > low, "still {low}");
}

#[test]
fn capacity_changes_keep_counters_and_follow_in_proportion() {
    let mut shadows = Shadows::new(&[builtin::LRU], &FACTORS, 100_000, 1);
    assert_eq!(shadows.sampling_rate(), 0.125);
    for step in 0..100_000 {
        shadows.feed(skewed(step, 50_000), 1);
    }
    let before = shadows.estimates();
    shadows.set_capacity(200_000);
    assert_eq!(shadows.sampling_rate(), 0.125, "twice the capacity moves no rate");
    assert_eq!(find(&shadows.estimates(), &builtin::LRU, 0.5).capacity, 100_000);
    shadows.set_capacity(2_000);
    assert_eq!(shadows.sampling_rate(), 1.0, "1,000 entries at 0.5x are followed whole");
    for (now, then) in shadows.estimates().iter().zip(&before) {
        assert_eq!((now.requests, now.misses), (then.requests, then.misses));
    }
    // A lower rate keeps only what it follows.
    for step in 0..50_000 {
        shadows.feed(skewed(step, 50_000), 1);
    }
    shadows.set_capacity(1_000_000);
    assert_eq!(shadows.sampling_rate(), 1.0 / 64.0);
    let entries = shadows.shadows.iter().map(|shadow| shadow.cache.len()).max().unwrap();
    assert!(entries < 200, "{entries} entries are left of some 4,000 and 1 in 64 is followed");
}

#[test]
fn other_capacities_are_followed_when_they_are_asked_for() {
    let mut shadows = Shadows::new(&builtin::BASIC, &[1.0], 100, 1);
    (0..5_000).for_each(|step| shadows.feed(skewed(step, 400), 1));
    let before = shadows.estimates();
    shadows.set_factors(&FACTORS);
    let after = shadows.estimates();
    assert_eq!(after.len(), 3 * before.len());
    for (kept, then) in after.iter().skip(1).step_by(3).zip(&before) {
        assert_eq!(kept, then, "what was followed keeps what it has seen");
    }
    assert_eq!((after[0].factor, after[0].requests, after[2].capacity), (0.5, 0, 200));
    (0..5_000).for_each(|step| shadows.feed(skewed(step, 400), 1));
    let misses: Vec<_> = shadows.estimates().iter().take(3).map(|estimate| estimate.misses).collect();
    assert!(misses[0] > misses[2], "{misses:?}");
    assert_eq!(shadows.policies(), builtin::BASIC);
}

#[test]
fn the_tap_follows_the_same_ids_and_counts_what_it_drops() {
    let mut shadows = Shadows::new(&[builtin::LRU], &FACTORS, 100_000, 1);
    let mut direct = Shadows::new(&[builtin::LRU], &FACTORS, 100_000, 1);
    let tap = shadows.tap(100_000);
    for step in 0..100_000 {
        tap.offer(mix(step), 1);
        direct.feed(mix(step), 1);
    }
    assert!(tap.drain_into(&mut shadows, 100_000) < 13_500, "an eighth was queued");
    assert_eq!(shadows.estimates(), direct.estimates());
    let mut small = Shadows::new(&[builtin::LRU], &FACTORS, 10, 1);
    let narrow = small.tap(4);
    for round in 1..=2 {
        (0..10).for_each(|id| narrow.offer(id, 1));
        assert_eq!(narrow.drain_into(&mut small, round * 10), 4, "there is room again after a drain");
        assert_eq!((narrow.dropped(), small.estimates()[0].requests), (round * 6, round * 4));
    }
}
