#![expect(clippy::as_conversions, reason = "a test: its numbers are its own")]

use super::alone::Alone;
use super::{Estimate, Groups, PolicyFactory, SampleTap, Shadows, scaled};
use host_contract::split_mix::mix;
use host_policy::{Registry, builtin};
use proptest::prelude::*;

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
        .map(|kind| FACTORS.map(|factor| Alone::new(kind, (1_000.0 * factor) as u64)));
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
    let capacity = 140_000;
    let mut shadows = Shadows::new(&builtin::BASIC, &FACTORS, capacity, 1);
    assert_eq!(shadows.sampling_rate(), 1.0 / 16.0, "70,000 entries at 0.5x, 4,375 of them followed");
    let mut full = builtin::BASIC.each_ref().map(|kind| Alone::new(kind, capacity));
    let requests = 1_000_000;
    for step in 0..requests {
        let id = skewed(step, 700_000);
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
        assert_eq!(estimate.requests, requests / 16, "the sample that was to be expected");
    }
}

#[test]
fn a_hot_id_moves_no_estimate_whether_it_is_followed_or_not() {
    // One request in two is for one id; the others go round in a loop that nothing but twice the capacity holds.
    let new = || Shadows::new(&[builtin::LRU], &FACTORS, 140_000, 1);
    let estimate = |hot: u64| {
        let mut shadows = new();
        assert_eq!(shadows.sampling_rate(), 1.0 / 16.0);
        for step in 0..900_000 {
            shadows.feed(if step % 2 == 0 { hot } else { mix(step % 300_000) }, 1);
        }
        let estimate = shadows.estimates()[1].miss_ratio().unwrap();
        (shadows.followed, estimate)
    };
    let hot = |followed| {
        let shadows = new();
        (1 << 40..).map(mix).find(|&id| shadows.rate.threshold().follows(id) == followed).unwrap()
    };
    let [(few, without), (many, with)] = [false, true].map(|followed| estimate(hot(followed)));
    assert_eq!(many, few + 450_000);
    for miss_ratio in [with, without] {
        assert!((miss_ratio - 0.5).abs() < 0.01, "{miss_ratio}");
    }
}

#[test]
fn load_lowers_the_rate_and_rest_raises_it_again() {
    let mut shadows = Shadows::new(&[builtin::LRU], &FACTORS, 140_000, 1);
    let tap = shadows.tap(64);
    let mut offered = 0;
    let mut burst = |shadows: &mut Shadows, requests: u64| {
        for _ in 0..requests {
            offered += 1;
            tap.offer(skewed(offered, 50_000), 1);
        }
        tap.drain_into(shadows, offered);
    };
    assert_eq!(shadows.sampling_rate(), 1.0 / 16.0);
    for _ in 0..20 {
        burst(&mut shadows, 4_000);
    }
    let strained = shadows.sampling_rate();
    assert!((1.0 / 256.0..=1.0 / 64.0).contains(&strained), "some 60 of 4,000 fit: {strained}");
    let before = shadows.estimates()[1].clone();
    for _ in 0..200 {
        burst(&mut shadows, 4_000);
    }
    let after = shadows.estimates()[1].clone();
    let share = (after.requests - before.requests) as f64 / 800_000.0;
    assert!((share / strained - 1.0).abs() < 0.1, "{share} of the requests were expected at {strained}");
    for _ in 0..2_999 {
        burst(&mut shadows, 10);
        assert_eq!(shadows.sampling_rate(), strained);
    }
    for _ in 0..20_000 {
        burst(&mut shadows, 10);
    }
    assert_eq!(shadows.sampling_rate(), 1.0 / 16.0);
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
    let mut shadows = Shadows::new(&[builtin::LRU], &FACTORS, 140_000_000, 1);
    let low = shadows.sampling_rate();
    assert_eq!(low, 1.0 / 16_384.0);
    let mut shadows_hinted = Shadows::new(&[builtin::LRU], &FACTORS, 140_000_000, 1_000);
    for step in 0..400_000 {
        shadows_hinted.feed(mix(step), 900 + step % 200);
    }
    assert_eq!(
        shadows_hinted.sampling_rate(),
        1.0 / 16.0,
        "70,000 entries at 0.5x, 4,375 followed; drift moves nothing"
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
    let mut shadows = Shadows::new(&[builtin::LRU], &FACTORS, 140_000, 1);
    assert_eq!(shadows.sampling_rate(), 1.0 / 16.0);
    for step in 0..100_000 {
        shadows.feed(skewed(step, 50_000), 1);
    }
    let before = shadows.estimates();
    shadows.set_capacity(280_000);
    assert_eq!(shadows.sampling_rate(), 1.0 / 16.0, "twice the capacity moves no rate");
    assert_eq!(find(&shadows.estimates(), &builtin::LRU, 0.5).capacity, 140_000);
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
    let entries = entries(&mut shadows, 0).len();
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
    let mut shadows = Shadows::new(&[builtin::LRU], &FACTORS, 140_000, 1);
    let mut direct = Shadows::new(&[builtin::LRU], &FACTORS, 140_000, 1);
    let tap = shadows.tap(100_000);
    for step in 0..100_000 {
        tap.offer(mix(step), 1);
        direct.feed(mix(step), 1);
    }
    assert!(tap.drain_into(&mut shadows, 100_000) < 6_900, "a sixteenth was queued");
    assert_eq!(shadows.estimates(), direct.estimates());
    let mut small = Shadows::new(&[builtin::LRU], &FACTORS, 10, 1);
    let narrow = small.tap(4);
    for round in 1..=2 {
        (0..10).for_each(|id| narrow.offer(id, 1));
        assert_eq!(narrow.drain_into(&mut small, round * 10), 4, "there is room again after a drain");
        assert_eq!((narrow.dropped(), small.estimates()[0].requests), (round * 6, round * 4));
    }
}

/// Ids and weights of the entries of a shadow, by id.
fn entries(shadows: &mut Shadows, number: usize) -> Vec<(u64, u64)> {
    shadows.settle();
    let shadow = &shadows.shadows[number];
    let state = shadow.arm.state(&shadows.rows, &shadow.policy).unwrap();
    let mut entries: Vec<_> = state.entries.iter().flatten().copied().collect();
    entries.sort_unstable();
    entries
}

/// The same requests and changes for [`Shadows`] and for as many caches alone.
struct Pair {
    shadows: Shadows,
    alone: Vec<(f64, Alone)>,
    factors: Vec<f64>,
    capacity: u64,
}

impl Pair {
    fn new(policies: &[PolicyFactory], factors: &[f64], capacity: u64) -> Self {
        let shadows = Shadows::new(policies, factors, capacity, 1);
        let mut this = Self { shadows, alone: Vec::new(), factors: factors.to_vec(), capacity };
        this.follow_alone(policies);
        this
    }

    fn follow_alone(&mut self, policies: &[PolicyFactory]) {
        let mut before = std::mem::take(&mut self.alone);
        for policy in policies {
            for &factor in &self.factors {
                let kept = before.iter().position(|(of, alone)| *of == factor && alone.policy() == policy);
                let new = || (factor, Alone::new(policy, 1));
                self.alone.push(kept.map_or_else(new, |at| before.swap_remove(at)));
            }
        }
        self.apply_capacity();
    }

    fn apply_capacity(&mut self) {
        let rate = self.shadows.sampling_rate();
        for (factor, alone) in &mut self.alone {
            alone.set_capacity(scaled(self.capacity, *factor * rate));
        }
    }

    /// The rate may have changed from this one.
    fn apply_rate(&mut self, before: f64) {
        if self.shadows.sampling_rate() != before {
            let threshold = self.shadows.rate.threshold().clone();
            self.alone.iter_mut().for_each(|(_, alone)| alone.retain(|id| threshold.follows(id)));
            self.apply_capacity();
        }
    }

    fn feed(&mut self, id: u64, weight: u64) {
        let before = self.shadows.sampling_rate();
        let follows = self.shadows.rate.threshold().follows(id);
        self.shadows.feed(id, weight);
        if follows {
            for (_, alone) in &mut self.alone {
                alone.access(id, weight);
            }
        }
        self.apply_rate(before);
    }

    fn set_capacity(&mut self, capacity: u64) {
        let before = self.shadows.sampling_rate();
        self.capacity = capacity;
        self.shadows.set_capacity(capacity);
        self.apply_rate(before);
        self.apply_capacity();
    }

    fn follow(&mut self, policies: &[PolicyFactory]) {
        self.shadows.follow(policies);
        self.follow_alone(policies);
    }

    fn set_factors(&mut self, factors: &[f64]) {
        let policies = self.shadows.policies();
        let before = self.shadows.sampling_rate();
        self.shadows.set_factors(factors);
        self.apply_rate(before);
        if self.factors != factors {
            self.factors = factors.to_vec();
            self.follow_alone(&policies);
        }
    }

    /// Misses and entries, and a row for nothing else than an entry or a ghost.
    fn check(&mut self) -> Result<(), TestCaseError> {
        let estimates = self.shadows.estimates();
        prop_assert_eq!(estimates.len(), self.alone.len());
        let mut ids = std::collections::BTreeSet::new();
        for (number, (estimate, (_, alone))) in estimates.iter().zip(&self.alone).enumerate() {
            prop_assert_eq!(estimate.misses, alone.misses(), "{}", estimate.policy);
            let held = entries(&mut self.shadows, number);
            prop_assert_eq!(&held, &alone.entries(), "{}", estimate.policy);
            ids.extend(held.iter().map(|entry| entry.0));
        }
        let (known, rows) = self.shadows.rows.count();
        prop_assert!(ids.len() <= known && known <= rows);
        Ok(())
    }
}

/// Loops, hot keys and scans in turn.
fn request(seed: u64, step: u64) -> u64 {
    mix(match (mix(seed) + step / 300) % 3 {
        0 => step % 90,
        1 => (mix(step ^ seed) % 40) * (mix(step) % 3),
        _ => 1_000 + step,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_shadow_misses_what_a_cache_alone_misses(seed: u64, weights in 1_u64..4) {
        let all: Vec<_> = Registry::default().iter().cloned().collect();
        let mut pair = Pair::new(&builtin::ALL, &[1.0], 60);
        for step in 0..2_000_u64 {
            let chance = mix(step ^ mix(seed));
            match chance % 200 {
                // Small ones, and some that are followed by a sample.
                0 => pair.set_capacity([1, 7, 60, 300, 40_000, 1_000_000][chance as usize / 200 % 6]),
                1 => pair.set_factors([&[1.0][..], &FACTORS, &[2.0, 1.0]][chance as usize / 200 % 3]),
                2 => {
                    let some = all.iter().enumerate().filter(|(at, _)| chance >> 20 >> at & 1 == 0);
                    pair.follow(&some.map(|(_, policy)| policy.clone()).collect::<Vec<_>>());
                }
                3 => pair.check()?,
                _ => pair.feed(request(seed, step), mix(step) % weights + 1),
            }
        }
        pair.check()?;
    }

    #[test]
    fn what_a_shadow_hands_over_goes_on_as_it_would_have(seed: u64, weights in 1_u64..4) {
        for policy in &Registry::default() {
            let mut pair = Pair::new(&[policy.clone(), builtin::LRU], &[1.0], 60);
            (0..1_000).for_each(|step| pair.feed(request(seed, step), mix(step) % weights + 1));
            let state = pair.shadows.state(policy).unwrap();
            let mut copy = Alone::of(state, 60);
            let (_, alone) = &mut pair.alone[0];
            prop_assert_eq!(copy.order(), alone.order());
            for step in 1_000..2_500 {
                let (id, weight) = (request(seed, step), mix(step) % weights + 1);
                prop_assert_eq!(copy.access(id, weight), alone.access(id, weight), "{}", policy);
            }
            prop_assert_eq!(copy.order(), alone.order());
        }
    }
}

#[test]
fn more_shadows_than_a_word_has_lanes_for() {
    let factors: Vec<f64> = (1..=5).map(f64::from).collect();
    let mut pair = Pair::new(&builtin::BASIC, &factors, 20);
    (0..2_000).for_each(|step| pair.feed(request(3, step), 1));
    pair.follow(&builtin::ALL); // 45
    (2_000..4_000).for_each(|step| pair.feed(request(3, step), 1));
    pair.check().unwrap();
    pair.follow(&builtin::BASIC);
    pair.follow(&builtin::ALL);
    (4_000..6_000).for_each(|step| pair.feed(request(3, step), 1));
    pair.check().unwrap();
}

#[test]
fn rows_are_used_again() {
    let mut shadows = Shadows::new(&builtin::ALL, &[1.0], 100, 1);
    (0..200_000).for_each(|step| shadows.feed(mix(step), 1));
    shadows.settle();
    let (known, rows) = shadows.rows.count();
    // Every policy holds 100 ids, and remembers 100 others at most; a batch brings 256.
    assert!(known <= 1_800 && rows <= 1_800 + 256, "{known} ids in {rows} rows");
    shadows.follow(&[]);
    assert_eq!(shadows.rows.count(), (0, rows));
}

#[test]
fn entries_over_the_capacity_are_misses_and_are_not_stored() {
    for policy in &builtin::ALL {
        let mut pair = Pair::new(std::slice::from_ref(policy), &[1.0], 10);
        for (id, weight) in [(1, 4), (2, 11), (2, 11), (1, 4), (3, u64::MAX), (4, 0)] {
            pair.feed(id, weight);
        }
        pair.check().unwrap();
        assert_eq!(entries(&mut pair.shadows, 0), [(1, 4), (4, 1)], "{policy}");
        pair.set_capacity(0);
        pair.feed(5, 2);
        pair.set_capacity(u64::MAX);
        (6..9).for_each(|id| pair.feed(id, 1 << 40));
        pair.check().unwrap();
    }
}

/// Hands over a request in a group.
fn offer(tap: &SampleTap, id: u64, group: Groups) {
    tap.offer_in(id, 1, || group);
}

fn misses_of(shadows: &mut Shadows, group: u32) -> Vec<(u64, u64)> {
    shadows.group_estimates(group).iter().map(|estimate| (estimate.requests, estimate.misses)).collect()
}

#[test]
fn groups_of_keys_miss_each_in_its_own_way() {
    let mut shadows = Shadows::new(&[builtin::LRU], &FACTORS, 100, 1);
    let tap = shadows.tap(30_000);
    let (loops, hot, both) = (Groups::one(3), Groups::one(15), Groups::one(0));
    for step in 0..15_000 {
        offer(&tap, step % 150, loops | both);
        offer(&tap, 1_000 + step % 10, hot | both);
    }
    tap.drain_into(&mut shadows, 30_000);
    // Half, the same and twice the capacity.
    assert_eq!(misses_of(&mut shadows, 3), [(15_000, 15_000), (15_000, 15_000), (15_000, 150)]);
    assert_eq!(misses_of(&mut shadows, 15), [(15_000, 10); 3]);
    assert_eq!(misses_of(&mut shadows, 0), [(30_000, 15_010), (30_000, 15_010), (30_000, 160)]);
    assert_eq!(misses_of(&mut shadows, 1), [(0, 0); 3]);
    let all: Vec<_> =
        shadows.estimates().iter().map(|estimate| (estimate.requests, estimate.misses)).collect();
    assert_eq!(misses_of(&mut shadows, 0), all);
    assert_eq!(misses_of(&mut shadows, Groups::MOST), [(0, 0); 3], "there is no such group");
}

#[test]
fn a_group_and_a_shadow_count_from_where_they_begin() {
    let mut shadows = Shadows::new(&[builtin::LRU], &[1.0], 100, 1);
    let tap = shadows.tap(1_000);
    let group = Groups::one(2);
    (0..50).for_each(|id| offer(&tap, id, group));
    tap.drain_into(&mut shadows, 50);
    shadows.begin_group(2);
    (0..60).for_each(|id| offer(&tap, id, group));
    tap.drain_into(&mut shadows, 110);
    assert_eq!(misses_of(&mut shadows, 2), [(60, 10)]);
    shadows.follow(&[builtin::LRU, builtin::FIFO]);
    (0..60).for_each(|id| offer(&tap, id, group));
    tap.drain_into(&mut shadows, 170);
    assert_eq!(misses_of(&mut shadows, 2), [(120, 10), (60, 60)]);
}

#[test]
fn the_groups_of_a_request_that_is_not_followed_are_not_asked_for() {
    let mut shadows = Shadows::new(&[builtin::LRU], &[1.0], 1_000_000, 1);
    let tap = shadows.tap(100_000);
    let mut asked = 0;
    for step in 0..10_000 {
        tap.offer_in(mix(step), u64::MAX, || {
            asked += 1;
            Groups::one(1)
        });
    }
    let fed = tap.drain_into(&mut shadows, 10_000);
    assert!(fed < 1_000, "{fed}");
    assert_eq!(asked, fed);
    // A weight without end takes no bit of the groups.
    assert_eq!(misses_of(&mut shadows, 1), [(asked as u64, asked as u64)]);
    assert_eq!(misses_of(&mut shadows, 0), [(0, 0)]);
    assert_eq!(Groups::one(Groups::MOST), Groups::NONE);
}
