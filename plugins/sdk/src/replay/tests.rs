use serde_json::json;

use super::*;
use crate::{Description, cache, dial, dials, log, metrics, run, settings, state};

settings! {
    /// What a test may set.
    struct Settings {
        /// Percent that is proposed
        percent: u64 = 200 in 101..=400,
    }
}

/// Grows while entries leave, and fails where the hit ratio is unknown.
struct Grow {
    settings: Settings,
    /// Ticks of this instance.
    own: u64,
}

impl Strategy for Grow {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new("grow", "0.1.0", "Grows while entries leave").dials(&[dial::CACHE_CAPACITY])
    }

    fn new(settings: Settings) -> Result<Self, TickError> {
        Ok(Self { settings, own: 0 })
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        self.own += 1;
        assert_eq!(run::objective(), crate::Objective::Memory);
        log::info(format!("tick {} of {} since {:?}", self.own, info.now_ns, state::get("tick")));
        state::set("tick", &[u8::try_from(info.tick).unwrap()]).unwrap();
        if metrics::gauge("hit-ratio").is_none() {
            return Err(TickError::Other("no hit ratio".to_owned()));
        }
        let now = metrics::cache();
        if now.window_evictions > 0 {
            cache::propose_capacity(now.capacity_bytes / 100 * self.settings.percent).ok();
            dials::explain(dial::CACHE_CAPACITY, format_args!("{:?}", metrics::history("hit-ratio", 2)));
            cache::propose_policy("lru").ok();
        }
        Ok(())
    }
}

/// A record `tick` as the host writes it.
fn tick(number: u64, evictions: u64, hit_ratio: Option<f64>) -> String {
    let pool = json!({"workers": 4, "min_workers": 1, "max_workers": 8, "utilisation": 0.5, "queued": 0, "window_completed": 9,
        "mean_wait_us": 1.5, "mean_service_us": 2.5});
    let gauges = hit_ratio.map_or_else(|| json!({}), |ratio| json!({"hit-ratio": ratio}));
    json!({
        "type": "tick", "tick": number, "now_ms": 250.000_001 * crate::count(number), "elapsed_ms": 250.0,
        "system": {"cpu_cores": 2.0, "cpu_usage": 0.5, "memory_limit_bytes": 1_000, "memory_used_bytes": 10,
            "process_memory_bytes": 5, "disk_read_bytes_per_second": 0.0, "disk_write_bytes_per_second": 0.0,
            "network_received_bytes_per_second": 0.0, "network_sent_bytes_per_second": 0.0},
        "cache": {"policy": "lru", "policies": ["lru", "arc"], "capacity_bytes": 1_000, "used_bytes": 900, "entries": 9,
            "window_hits": 5, "window_misses": 5, "window_evictions": evictions, "hits": 5, "misses": 5},
        "shadows": [{"policy": "lru", "capacity_factor": 1.0, "capacity_bytes": 1_000, "sampling_rate": 0.5,
            "window_requests": 5, "window_misses": 2, "requests": 5, "misses": 2, "window_missed_bytes": 8}],
        "executor": {"cpu": pool, "io": pool, "classes": [{"name": "load", "kind": "io", "completed": 1, "cpu_share": 0.1,
            "wait_p50_us": 1.0, "wait_p99_us": 2.0, "service_p50_us": 3.0, "service_p99_us": 4.0, "window_completed": 1,
            "window_failed": 0, "latency_target_us": null}]},
        "prefetch": {"in_flight": 0, "max_in_flight": 8, "cache_share": 0.1, "rules_left": 256, "rules": []},
        "gauges": gauges,
    })
    .to_string()
}

/// A ledger of three ticks, and the last look of a run.
fn ledger() -> Vec<String> {
    let begin = json!({"type": "run", "profile": "p", "workload": "w", "strategies": [], "settings": {},
        "about": {"clock": "virtual", "objective": "memory", "unit": "bytes", "seed": 7, "keys_ordered": true, "batch": false}});
    let dials = |free: Option<u64>| {
        let mut capacity = json!({"value": 1_000, "range": [500, 1_500]});
        if let Some(free) = free {
            capacity["free_from_tick"] = free.into();
        }
        json!({"cache-policy": {"value": "lru", "range": ["lru", "arc"]}, "cache-capacity": capacity})
    };
    let offer = |tick: u64, free| {
        json!({"type": "offer", "tick": tick, "dials": dials(free), "rule_limit": null, "rule_kinds": "all", "followed": ["lru"],
            "shadow_budget": 8})
        .to_string()
    };
    vec![
        begin.to_string(),
        tick(1, 0, None),
        offer(1, None),
        tick(2, 3, Some(0.5)),
        json!({"type": "offer", "tick": 2, "withheld": {"another": {"cache-capacity": 1}}}).to_string(),
        json!({"type": "of-a-later-host", "tick": 2}).to_string(),
        tick(3, 4, Some(0.75)),
        offer(3, Some(5)),
        tick(4, 9, Some(0.1)),
        json!({"type": "end", "ticks": 3, "hits": 5, "misses": 5, "decisions": 0}).to_string(),
    ]
}

fn replay(lines: &[String]) -> Replay {
    let (text, path) = (lines.join("\n"), PathBuf::from("run.jsonl"));
    Replay { path, text, settings: BTreeMap::new(), state: BTreeMap::new() }
}

#[test]
fn every_tick_shows_what_was_recorded_and_offers_what_was_offered() {
    let ticks = replay(&ledger()).learnt("tick", &[9]).run::<Grow>().unwrap();
    assert_eq!(ticks.iter().map(|tick| tick.tick).collect::<Vec<_>>(), [1, 2, 3], "the last look is no tick");
    let logged: Vec<&str> = ticks.iter().flat_map(|tick| &tick.log).map(|(_, text)| text.as_str()).collect();
    // What the tick that failed has set does not count, and the strategy begins anew after it.
    assert_eq!(
        logged,
        [
            "tick 1 of 250000001 since Some([9])",
            "tick 1 of 500000002 since Some([9])",
            "tick 2 of 750000003 since Some([2])"
        ]
    );
    assert!(matches!(&ticks[0].answer, Err(TickError::Other(text)) if text == "no hit ratio"));
    let [capacity, policy] = ticks[1].asked.as_slice() else { panic!("{:?}", ticks[1]) };
    assert_eq!((capacity.what.as_str(), capacity.value.as_str()), ("cache-capacity", "2000"));
    assert!(
        matches!(capacity.answer, Ok(Acceptance::Clamped(to)) if to.to_bits() == 1_500_f64.to_bits()),
        "{capacity:?}"
    );
    assert_eq!(capacity.reason.as_deref(), Some("[0.5]"));
    assert!(matches!(policy.answer, Err(ControlError::NotDeclared)), "{policy:?}");
    assert!(matches!(ticks[2].asked[0].answer, Err(ControlError::CoolingDown(5))), "{:?}", ticks[2]);
    assert_eq!(ticks[2].asked[0].reason.as_deref(), Some("[0.5, 0.75]"));
    let ticks = replay(&ledger()).setting("percent", "120").run::<Grow>().unwrap();
    assert_eq!(ticks[1].asked[0].value, "1200");
    let wrong = replay(&ledger()).setting("percent", "12").run::<Grow>().unwrap();
    assert!(
        matches!(&wrong[1].answer, Err(TickError::BadSetting((name, _))) if name == "percent"),
        "{wrong:?}"
    );
}

#[test]
fn a_broken_line_is_named() {
    let broken = |at: usize, from: &str, to: &str| {
        let mut lines = ledger();
        assert!(lines[at].contains(from), "{}", lines[at]);
        lines[at] = lines[at].replacen(from, to, 1);
        replay(&lines).run::<Grow>().unwrap_err()
    };
    assert_eq!(broken(3, "\"window_hits\":5,", ""), "run.jsonl:4: no `window_hits`");
    assert_eq!(
        broken(3, "\"window_hits\":5", "\"window_hits\":-5"),
        "run.jsonl:4: `window_hits` cannot be -5"
    );
    assert!(broken(6, "{", "").starts_with("run.jsonl:7: not a record of a ledger: "));
    assert_eq!(broken(0, "\"about\"", "\"abort\""), "run.jsonl:1: no `about`");
    assert_eq!(replay(&[]).run::<Grow>().unwrap_err(), "run.jsonl:0: no tick in which strategies were asked");
    let error = Replay::open("no-such.jsonl").unwrap_err();
    assert!(error.starts_with("no-such.jsonl: cannot be read: "), "{error}");
}

#[test]
fn requests_go_on_from_tick_to_tick() {
    let first = json!({"kept": 0, "from": 0, "keys": [7, 8, 9], "sizes": [1, 2, 0], "hits": [1, 1, 0]});
    let then = json!({"kept": 1, "from": 2, "keys": [9, 5], "sizes": [3, 0], "hits": [0, 0]});
    let now = Requests::default().then(&first).and_then(|requests| requests.then(&then)).unwrap();
    assert_eq!((now.kept, now.keys, now.sizes, now.hits), (1, vec![8, 9, 5], vec![2, 3, 0], vec![1, 0, 0]));
    assert!(Requests::default().then(&then).unwrap_err().contains("`from` 2 does not go on"));
}
