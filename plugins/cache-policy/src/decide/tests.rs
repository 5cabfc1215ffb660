use super::*;

/// Requests of a window, and the misses of arc, lfu and lru among them.
type Window = (u64, [u64; 3]);

/// The trace multi2 at a tenth of its distinct keys (568 objects), a tick each 2,000 requests;
/// simulated exactly.
const MULTI2: &[Window] = &[
    (2000, [1262, 1262, 1288]),
    (2000, [1198, 1200, 1245]),
    (2000, [1136, 1138, 1228]),
    (2000, [1360, 1361, 1451]),
    (2000, [1315, 1317, 1338]),
    (2000, [1356, 1358, 1422]),
    (2000, [1366, 1373, 1450]),
    (2000, [1316, 1320, 1467]),
    (2000, [1355, 1355, 1468]),
    (2000, [1427, 1433, 1543]),
    (2000, [1109, 1112, 1205]),
    (2000, [724, 725, 578]),
    (2000, [625, 1540, 630]),
    (311, [283, 302, 283]),
];

/// The trace corda_vault at a tenth of its distinct keys (9,047 objects), its first 60,000
/// requests.
const CORDA_VAULT: &[Window] = &[
    (2000, [1336, 1336, 1336]),
    (2000, [1333, 1333, 1333]),
    (2000, [1334, 1334, 1334]),
    (2000, [1335, 1335, 1335]),
    (2000, [1333, 1333, 1333]),
    (2000, [1333, 1333, 1333]),
    (2000, [1333, 1333, 1333]),
    (2000, [1331, 1331, 1331]),
    (2000, [1337, 1337, 1337]),
    (2000, [1332, 1332, 1332]),
    (2000, [1334, 1334, 1334]),
    (2000, [1332, 1332, 1332]),
    (2000, [1333, 1333, 1333]),
    (2000, [1367, 1632, 1335]),
    (2000, [1336, 1998, 1335]),
    (2000, [1330, 1994, 1330]),
    (2000, [1336, 2000, 1336]),
    (2000, [1332, 2000, 1331]),
    (2000, [1332, 1997, 1332]),
    (2000, [1335, 2000, 1335]),
    (2000, [1335, 2000, 1334]),
    (2000, [1333, 2000, 1333]),
    (2000, [1333, 2000, 1333]),
    (2000, [1333, 2000, 1333]),
    (2000, [1335, 2000, 1335]),
    (2000, [1333, 2000, 1333]),
    (2000, [1334, 2000, 1334]),
    (2000, [1334, 2000, 1334]),
    (2000, [1330, 2000, 1330]),
    (2000, [1334, 1999, 1334]),
];

const NAMES: [&str; 3] = ["arc", "lfu", "lru"];

fn shadows(sampling_rate: f64, (requests, misses): Window) -> Vec<ShadowEstimate> {
    let of = |(policy, misses): (&str, u64)| {
        // At half the capacity every policy looks hopeless: a strategy that looks there is found out.
        [(0.5, requests), (1.0, misses), (2.0, requests)].map(|(capacity_factor, window_misses)| {
            ShadowEstimate {
                policy: policy.to_owned(),
                capacity_factor,
                capacity_bytes: 1000,
                sampling_rate,
                window_requests: requests,
                window_misses,
                requests: 0,
                misses: 0,
            }
        })
    };
    NAMES.into_iter().zip(misses).flat_map(of).collect()
}

/// A full cache of so many `entries` that missed `misses` requests and evicted as many entries.
fn cache(policy: &str, entries: u64, misses: u64) -> CacheMetrics {
    CacheMetrics {
        policy: policy.to_owned(),
        policies: NAMES.map(str::to_owned).to_vec(),
        capacity_bytes: 1000,
        used_bytes: 1000,
        entries,
        window_hits: 0,
        window_misses: misses,
        window_evictions: misses,
        hits: 0,
        misses: 0,
    }
}

/// A change costs a sixteenth of the entries, so that the figures are round.
fn settings() -> Settings {
    Settings { change_cost: 0.0625, ..Settings::default() }
}

fn started(settings: Settings) -> Chooser {
    Chooser::with(settings, Loss::Miss)
}

fn misses_of(policy: &str, window: Window) -> u64 {
    let at = NAMES.iter().position(|name| *name == policy).unwrap();
    window.1[at]
}

/// A host that does what it is told, and whose cache does at once as the shadow of its policy.
struct Host {
    chooser: Chooser,
    policy: String,
    entries: u64,
    tick: u64,
    history: Vec<String>,
}

impl Host {
    fn new(policy: &str, entries: u64) -> Self {
        let chooser = started(settings());
        Self { chooser, policy: policy.to_owned(), entries, tick: 0, history: Vec::new() }
    }

    /// One tick, in which the cache missed `misses` requests. Answers the reason of a change.
    fn tick(&mut self, window: Window, misses: u64) -> Option<String> {
        self.tick += 1;
        let cache = cache(&self.policy, self.entries, misses);
        let choice = self.chooser.choose(self.tick, &cache, &shadows(1.0, window), false);
        if let Some(choice) = &choice {
            self.chooser.answered(self.tick, &Ok(Acceptance::Accepted));
            self.policy.clone_from(&choice.policy);
        }
        self.history.push(self.policy.clone());
        choice.map(|choice| choice.reason)
    }

    fn play(&mut self, windows: &[Window]) -> &[String] {
        for window in windows {
            let misses = misses_of(&self.policy, *window);
            self.tick(*window, misses);
        }
        &self.history
    }
}

fn changes(history: &[String]) -> usize {
    history.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

#[test]
fn the_prior_is_taken_while_nothing_was_evicted() {
    let empty = |policy| CacheMetrics { window_evictions: 0, ..cache(policy, 100, 250) };
    let figures = shadows(1.0, (250, [250, 250, 250]));
    let with = |prior: &str| started(Settings { prior: prior.to_owned(), ..settings() });
    let mut chooser = with("arc");
    let choice = chooser.choose(1, &empty("lru"), &figures, false).unwrap();
    assert_eq!(choice.policy, "arc");
    assert_eq!(
        choice.reason,
        "nothing has been evicted yet, so switching costs nothing; arc until more is known"
    );
    chooser.answered(1, &Err(ControlError::NotGranted));
    assert_eq!(chooser.choose(2, &empty("lru"), &figures, false), None, "it would be refused again");
    assert_eq!(with("arc").choose(1, &empty("arc"), &figures, false), None);
    let safely = |policy| started(settings()).choose(1, &empty(policy), &figures, true);
    assert_eq!(safely("s3-fifo(ghosts=2)"), None, "no load ruins it");
    assert_eq!(safely("lirs").unwrap().policy, "arc");
    assert_eq!(with("lfu").choose(1, &empty("arc"), &figures, false).unwrap().policy, "lfu");
    assert_eq!(with("arc").choose(1, &cache("lru", 100, 250), &figures, false), None, "too late");
    let sampled = shadows(0.5, (250, [250, 250, 250]));
    let large = started(settings()).choose(1, &empty("lru"), &sampled, false);
    assert_eq!(large.unwrap().policy, "arc", "the prior of large caches");
    let few = |objects, capacity_bytes| {
        let settings = Settings { coarse_prior: "lfu".to_owned(), ..settings() };
        let mut chooser = started(settings).in_objects(objects);
        let empty = CacheMetrics { entries: 0, capacity_bytes, ..empty("lru") };
        let followed = chooser.candidates(&empty, &sampled).unwrap();
        chooser.follows(followed.into_iter().chain(["lfu".to_owned()]).collect());
        chooser.choose(1, &empty, &sampled, true).unwrap().policy
    };
    assert_eq!(few(false, 1_000_000), "lfu", "nobody knows how many entries that will be");
    assert_eq!((few(true, 1_000), few(true, 1_000_000)), ("lfu".to_owned(), "arc".to_owned()));
    let mine = || Settings { candidates: "lru lfu arc".to_owned(), prior: "lfu".to_owned(), ..settings() };
    let start = |prefetching| started(mine()).choose(1, &empty("lru"), &figures, prefetching);
    assert_eq!(start(false).unwrap().policy, "lfu");
    assert_eq!(start(true).unwrap().policy, "arc", "the prior where something may be prefetched");
    let mut unfollowed = with("arc");
    unfollowed.follows(vec!["lru".to_owned()]);
    assert_eq!(unfollowed.choose(1, &empty("lru"), &figures, false), None, "no shadow could tell of it");
    for prior in ["", "sieve"] {
        assert_eq!(with(prior).choose(1, &empty("lru"), &figures, false), None, "{prior}");
    }
}

#[test]
fn multi2_finds_arc_within_a_third_of_the_trace() {
    let mut host = Host::new("lru", 568);
    let history = host.play(MULTI2);
    assert!(history.iter().position(|policy| policy == "arc").unwrap() < MULTI2.len() / 3, "{history:?}");
    assert!(changes(history) <= 2, "LRU has a lead in window 12: {history:?}");
}

#[test]
fn corda_vault_never_sees_lfu() {
    let mut host = Host::new("lru", 9_047);
    host.play(CORDA_VAULT);
    assert!(host.history.iter().all(|policy| policy == "lru"), "{:?}", host.history);
    let mut host = Host::new("lfu", 9_047);
    host.play(CORDA_VAULT);
    assert_ne!(host.policy, "lfu", "{:?}", host.history);
}

#[test]
fn equals_change_nothing() {
    for policy in NAMES {
        let mut host = Host::new(policy, 1_000);
        assert!(host.play(&[(2000, [900, 900, 900]); 300]).iter().all(|now| now == policy));
    }
}

#[test]
fn noise_changes_little() {
    // Of 2,000 requests 900 miss under each policy, give or take 20: one standard deviation of a coin.
    let noise = |step: u64| {
        let bits = step.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (0..4).map(|part| (bits >> (16 * part)) % 24).sum::<u64>()
    };
    let windows: Vec<Window> =
        (0..2_000).map(|tick| (2000, [0, 1, 2].map(|policy| 854 + noise(tick * 3 + policy)))).collect();
    for policy in NAMES {
        let mut host = Host::new(policy, 2_000);
        // Between equals a change is cheap, and a lead of chance is forgotten.
        assert!(changes(host.play(&windows)) <= windows.len() / 100);
    }
}

#[test]
fn staying_is_borne_until_it_has_cost_a_good_part_of_a_change() {
    let mut host = Host::new("lru", 1_600);
    // A change is estimated to cost 1,600 / 16 + 16 misses; 0.6 of that is 70.
    let window = (2_000, [960, 1_000, 1_000]);
    let reasons: Vec<_> = (0..2).map(|_| host.tick(window, 1_000)).collect();
    let reason = "it would have missed 80 fewer requests than lru; a change costs about 116".to_owned();
    assert_eq!(reasons, [None, Some(reason)]);
}

#[test]
fn a_lead_has_to_make_up_for_what_was_lost_before_up_to_a_bound() {
    let turns = |before: usize| {
        let mut host = Host::new("lru", 1_600);
        host.play(&vec![(2_000, [1_000, 1_000, 900]); before]);
        let turn = host.play(&[(2_000, [900, 1_000, 1_000]); 60]).iter().position(|policy| policy == "arc");
        turn.unwrap() - before
    };
    assert_eq!((turns(0), turns(5)), (0, 5));
    // Eight times 116 misses are remembered, less than ten ticks of 100.
    assert_eq!((turns(10), turns(1_000)), (9, 9));
}

#[test]
fn few_evictions_make_a_change_cheap_and_few_samples_make_it_dear() {
    let first = |evictions: u64, rate: f64| {
        let cache = CacheMetrics { window_evictions: evictions, ..cache("lru", 160_000, 250) };
        started(settings()).choose(1, &cache, &shadows(rate, (250, [200, 250, 250])), false).is_some()
    };
    assert!(first(16, 1.0), "50 misses fewer, 17 to pay");
    assert!(!first(1_600, 1.0), "50 misses fewer, 116 to pay");
    // Of one id in eight: 400 misses fewer, 128 + 100 to pay; 9 sampled ones fewer of 45 may be chance.
    assert!(first(1_600, 0.125));
    let mut few = started(settings());
    let cache = CacheMetrics { window_evictions: 16, ..cache("lru", 160_000, 250) };
    assert_eq!(few.choose(1, &cache, &shadows(0.125, (250, [36, 45, 45])), false), None);
}

#[test]
fn a_pattern_that_alternates_with_profit_is_followed() {
    let mut host = Host::new("lru", 1_600);
    let windows: Vec<Window> = (0..400)
        .map(|tick| if tick / 8 % 2 == 0 { (4000, [500, 3000, 3000]) } else { (4000, [3000, 3000, 500]) })
        .collect();
    assert_eq!(changes(host.play(&windows)), 49, "every turn but the first, in which it starts");
}

#[test]
fn a_policy_that_is_not_on_offer_is_not_proposed() {
    let mut chooser = started(settings());
    let mut cache = cache("lru", 1_000, 6000);
    cache.policies = vec!["lfu".to_owned(), "lru".to_owned()];
    assert_eq!(chooser.choose(1, &cache, &shadows(1.0, (12_000, [10, 6000, 6000])), false), None);
}

#[test]
fn a_policy_without_a_shadow_stands_for_itself() {
    let mut chooser = started(settings());
    let choice =
        chooser.choose(1, &cache("sieve", 1_000, 9_000), &shadows(1.0, (12_000, [6000, 9000, 9000])), false);
    assert_eq!(choice.unwrap().policy, "arc");
}

#[test]
fn a_cool_down_is_waited_for_and_then_heard() {
    let mut chooser = started(settings());
    let figures = shadows(1.0, (12_000, [6000, 9000, 9000]));
    let cache = cache("lru", 1_000, 9_000);
    assert!(chooser.choose(1, &cache, &figures, false).is_some());
    chooser.answered(1, &Err(ControlError::CoolingDown(4)));
    assert_eq!(chooser.choose(3, &cache, &figures, false), None);
    assert!(chooser.choose(4, &cache, &figures, false).is_some());
}

#[test]
fn a_choice_that_was_outranked_starts_over() {
    let mut chooser = started(settings());
    let figures = shadows(1.0, (12_000, [8_700, 9000, 9000]));
    let cache = cache("lru", 1_000, 9_000);
    assert!(chooser.choose(1, &cache, &figures, false).is_some());
    chooser.answered(1, &Ok(Acceptance::Accepted));
    // Another strategy won: LRU is still in force.
    assert!(chooser.choose(2, &cache, &figures, false).is_some());
}

#[test]
fn another_capacity_needs_evidence_of_its_own() {
    let mut chooser = started(settings());
    let figures = shadows(1.0, (1_000, [570, 600, 600]));
    assert_eq!(chooser.choose(1, &cache("lru", 1_000, 600), &figures, false), None);
    let larger = CacheMetrics { capacity_bytes: 2_000, ..cache("lru", 1_000, 600) };
    assert_eq!(chooser.choose(2, &larger, &figures, false), None);
    assert!(chooser.choose(3, &larger, &figures, false).is_some());
}

#[test]
fn a_policy_with_parameters_is_on_offer_where_its_name_is() {
    let cache = cache("lru", 100, 250);
    assert!(on_offer(&cache, "arc(share=0.5)") && on_offer(&cache, "arc"));
    assert!(!on_offer(&cache, "lirs(hir=0.1)") && !on_offer(&cache, ""));
}

#[test]
fn a_policy_that_misses_more_than_its_shadow_is_left() {
    let mut host = Host::new("arc", 1_000);
    // By the shadows ARC leads for good. The cache that it governs misses twice as much.
    let window = (2_000, [500, 900, 700]);
    let ticks: Vec<_> = (0..20).map(|_| host.tick(window, 1_000)).collect();
    let left = ticks.iter().position(Option::is_some).unwrap();
    assert!((1..5).contains(&left), "after a turnover of 1,000 entries: tick {left}");
    assert_eq!(host.history.get(left).map(String::as_str), Some("lru"));
}

#[test]
fn what_prefetching_saves_counts_for_the_policy_in_force() {
    // By the shadows ARC misses half as much. The cache misses next to nothing, because what it needs is prefetched.
    let window = (2_000, [900, 1_800, 1_800]);
    let changed = |prefetching, own| {
        let mut chooser = started(settings());
        (1..50).any(|tick| {
            let cache = CacheMetrics { window_evictions: 1_800, ..cache("lru", 1_000, own) };
            chooser.choose(tick, &cache, &shadows(1.0, window), prefetching).is_some()
        })
    };
    assert!(!changed(true, 100));
    assert!(changed(true, 1_750), "prefetching is on and saves next to nothing");
    assert!(changed(false, 100));
}

#[test]
fn bytes_are_weighed_by_the_mean_size_of_an_entry() {
    // Entries of 1,000 bytes. A change is estimated to cost 1,600 / 16 + 16 of them; 0.6 of that is 69,600 bytes.
    let cache = CacheMetrics { used_bytes: 1_600_000, ..cache("lru", 1_600, 1_000_000) };
    let first = |gained: u64| {
        let window = (2_000, [1_000_000 - gained, 1_000_000, 1_000_000]);
        Chooser::with(settings(), Loss::Bytes).choose(1, &cache, &shadows(1.0, window), false)
    };
    assert_eq!(first(69_000), None);
    assert_eq!(
        first(70_000).unwrap().reason,
        "it would have missed 70,000 fewer bytes than lru; a change costs about 116,000"
    );
}

#[test]
fn fewer_policies_are_followed_where_the_sample_is_small() {
    let mut chooser = started(settings());
    let mut followed = |rate: f64, entries: u64| {
        let shadows = shadows(rate, (250, [250, 250, 250]));
        let list = chooser.candidates(&cache("lru", entries, 250), &shadows);
        list.map(|list| list.len())
    };
    let few = settings().coarse_candidates.split_whitespace().count();
    let all = settings().candidates.split_whitespace().count();
    assert_eq!(followed(0.5, 0), Some(few), "nothing is known of the entries yet");
    assert_eq!(followed(0.5, 4_000), None);
    // Where they are whole with a few policies, they may not be with all.
    assert_eq!(followed(1.0, 1_000), None);
    assert_eq!((followed(0.5, 4_096), followed(0.25, 4_096)), (Some(all), None));
    assert_eq!(followed(0.125, 4_096), Some(few));
    let whole = started(settings()).candidates(&cache("lru", 0, 0), &shadows(1.0, (250, [250, 250, 250])));
    assert_eq!(whole.unwrap().len(), all);
}

#[test]
fn a_small_sample_changes_the_policy_beyond_chance_alone() {
    // One key in 32 of a cache of 9,600 entries: 300 in a shadow. A tick is of 32 followed requests.
    let coarse = |ticks: u64, misses: &dyn Fn(u64) -> [u64; 3]| {
        let mut chooser = started(settings());
        let cache = |policy: &str| cache(policy, 9_600, 500);
        let (mut policy, mut changes) = ("lru".to_owned(), Vec::new());
        for tick in 1..=ticks {
            let shadows = shadows(1.0 / 32.0, (32, misses(tick)));
            drop(chooser.candidates(&cache(&policy), &shadows));
            if let Some(choice) = chooser.choose(tick, &cache(&policy), &shadows, true) {
                chooser.answered(tick, &Ok(Acceptance::Accepted));
                policy = choice.policy;
                changes.push((tick, policy.clone()));
            }
        }
        changes
    };
    let random = |step: u64| (step.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) % 7;
    let chance = |tick: u64| [0, 1, 2].map(|policy| 13 + random(3 * tick + policy));
    assert_eq!(coarse(3_000, &chance), []);
    // ARC misses a sixteenth of the requests less: by the sums of the misses it would lead after a few ticks.
    let better = |tick: u64| [11 + random(3 * tick), 13 + random(3 * tick + 1), 13 + random(3 * tick + 2)];
    let changes = coarse(3_000, &better);
    assert!(matches!(&*changes, [(50..500, policy)] if policy == "arc"), "{changes:?}");
}

#[test]
fn only_misses_that_were_stored_are_held_against_a_policy() {
    // The cache misses as much as the shadow of ARC. Half as many requests ask again for what is not stored yet.
    let mut chooser = started(settings());
    let window = (2_000, [600, 900, 700]);
    for tick in 1..100 {
        let cache = CacheMetrics { window_misses: 900, ..cache("arc", 1_000, 600) };
        assert_eq!(chooser.choose(tick, &cache, &shadows(1.0, window), false), None, "tick {tick}");
    }
}
