use super::*;

/// Sampled requests of a window, and the misses of arc, lfu and lru among them.
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

/// The same, followed through a fifth of the keys.
const MULTI2_SAMPLED: &[Window] = &[
    (404, [270, 270, 274]),
    (392, [257, 259, 262]),
    (420, [271, 275, 288]),
    (419, [299, 299, 312]),
    (419, [305, 305, 312]),
    (393, [267, 267, 280]),
    (424, [305, 305, 323]),
    (392, [288, 288, 306]),
    (440, [320, 320, 342]),
    (411, [313, 313, 332]),
    (395, [241, 241, 261]),
    (366, [159, 159, 115]),
    (437, [138, 366, 133]),
    (66, [54, 61, 54]),
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

fn shadows(capacity: u64, (requests, misses): Window) -> Vec<ShadowEstimate> {
    ["arc", "lfu", "lru"]
        .into_iter()
        .zip(misses)
        .flat_map(|(policy, misses)| {
            // At half the capacity every policy looks hopeless: a strategy that looks there is found out.
            [(0.5, requests), (1.0, misses), (2.0, requests)].map(|(factor, misses)| ShadowEstimate {
                policy: policy.to_owned(),
                capacity_factor: factor,
                capacity_bytes: capacity,
                sampling_rate: 0.1,
                window_requests: requests,
                window_misses: misses,
                requests: 0,
                misses: 0,
            })
        })
        .collect()
}

fn cache(policy: &str) -> CacheMetrics {
    CacheMetrics {
        policy: policy.to_owned(),
        policies: ["arc", "lfu", "lru"].map(str::to_owned).to_vec(),
        capacity_bytes: 1000,
        used_bytes: 1000,
        entries: 10,
        window_hits: 0,
        window_misses: 0,
        window_evictions: 0,
        hits: 0,
        misses: 0,
    }
}

/// Plays windows against a host that does what it is told, and lists the policy after each.
fn play(settings: Settings, start: &str, windows: &[Window]) -> Vec<String> {
    let mut chooser = Chooser::with(settings);
    let mut policy = start.to_owned();
    let mut history = Vec::new();
    for (tick, window) in (1..).zip(windows) {
        if let Some(choice) = chooser.choose(tick, &cache(&policy), &shadows(1000, *window)) {
            chooser.answered(tick, &choice, &Ok(Acceptance::Accepted));
            policy = choice.policy;
        }
        history.push(policy.clone());
    }
    history
}

fn changes(history: &[String]) -> usize {
    history.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

#[test]
fn multi2_ends_on_arc_after_one_change() {
    for windows in [MULTI2, MULTI2_SAMPLED] {
        let history = play(Settings::default(), "lru", windows);
        assert_eq!(history.last().unwrap(), "arc", "{history:?}");
        assert_eq!(changes(&history), 1, "{history:?}");
    }
}

#[test]
fn multi2_finds_arc_within_a_third_of_the_trace() {
    let history = play(Settings::default(), "lru", MULTI2);
    assert!(history.iter().position(|policy| policy == "arc").unwrap() < MULTI2.len() / 3, "{history:?}");
}

#[test]
fn corda_vault_never_sees_lfu() {
    let history = play(Settings::default(), "lru", CORDA_VAULT);
    assert!(history.iter().all(|policy| policy == "lru"), "{history:?}");
    let history = play(Settings::default(), "lfu", CORDA_VAULT);
    assert_ne!(history.last().unwrap(), "lfu", "{history:?}");
}

#[test]
fn equals_change_nothing() {
    let history = play(Settings::default(), "lfu", &[(2000, [900, 900, 900]); 30]);
    assert!(history.iter().all(|policy| policy == "lfu"));
}

#[test]
fn a_lead_within_chance_changes_nothing() {
    // Two points over 600 requests: more than the margin, less than two standard errors (5.7 points).
    assert_eq!(changes(&play(Settings::default(), "lru", &[(600, [300, 312, 312])])), 0);
    // The same two points over 12,000.
    let mut chooser = Chooser::with(Settings::default());
    let choice = chooser.choose(1, &cache("lru"), &shadows(1000, (12_000, [6000, 6240, 6240]))).unwrap();
    assert_eq!(choice.policy, "arc");
    assert_eq!(choice.reason, "arc 50.0 % against lru 48.0 % over 12,000 sampled requests");
}

#[test]
fn too_few_requests_decide_nothing_however_clear() {
    let mut chooser = Chooser::with(Settings::default());
    assert_eq!(chooser.choose(1, &cache("lru"), &shadows(1000, (499, [0, 499, 499]))), None);
    assert!(chooser.choose(2, &cache("lru"), &shadows(1000, (10, [0, 10, 10]))).is_some());
}

#[test]
fn a_pattern_that_alternates_is_followed_less_and_less() {
    let settings = Settings { half_life_requests: 1000.0, ..Settings::default() };
    let windows: Vec<Window> = (0..400)
        .map(|tick| if tick / 8 % 2 == 0 { (4000, [500, 3000, 3000]) } else { (4000, [3000, 3000, 500]) })
        .collect();
    let history = play(settings, "lru", &windows);
    assert!(changes(&history[..200]) > changes(&history[200..]), "{history:?}");
    assert!(changes(&history) < 12, "50 turns were followed {} times", changes(&history));
}

#[test]
fn a_policy_that_is_not_on_offer_is_not_proposed() {
    let mut chooser = Chooser::with(Settings::default());
    let mut cache = cache("lru");
    cache.policies = vec!["lfu".to_owned(), "lru".to_owned()];
    assert_eq!(chooser.choose(1, &cache, &shadows(1000, (12_000, [10, 6000, 6000]))), None);
}

#[test]
fn a_cool_down_is_waited_for_and_then_heard() {
    let mut chooser = Chooser::with(Settings::default());
    let figures = shadows(1000, (12_000, [6000, 9000, 9000]));
    let choice = chooser.choose(1, &cache("lru"), &figures).unwrap();
    chooser.answered(1, &choice, &Err(ControlError::CoolingDown(4)));
    assert_eq!(chooser.choose(3, &cache("lru"), &figures), None);
    assert!(chooser.choose(4, &cache("lru"), &figures).is_some());
}

#[test]
fn another_capacity_needs_evidence_of_its_own() {
    let mut chooser = Chooser::with(Settings { min_requests: 5000.0, ..Settings::default() });
    assert_eq!(chooser.choose(1, &cache("lru"), &shadows(1000, (4000, [10, 3000, 3000]))), None);
    assert_eq!(chooser.choose(2, &cache("lru"), &shadows(2000, (4000, [10, 3000, 3000]))), None);
}
