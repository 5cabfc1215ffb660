//! Eviction policies that change in the plugin directory while a run goes on: the cache goes over to the new one with its
//! entries, stays with the old one where the new one is not sound, and has the fallback where there is none any more.

use serde_json::Value;

use crate::reload::{Running, put};
use crate::support::{bad_policy, of_type};

/// Entries of a cache that is full, less those that wait to be evicted.
const FULL: u64 = 900;

/// Two thirds of the requests are for fifty keys.
fn key(n: u64) -> u64 {
    if n.is_multiple_of(3) { 1_000 + n } else { n * n % 97 }
}

fn start(plugins: &tempfile::TempDir, settings: &[&str]) -> Running {
    let own =
        ["strategies.cache-policy.enabled=false", "executor.max-io-workers=8", "prefetch.mode=on-demand"];
    let settings: Vec<String> = own.iter().chain(settings).map(|set| format!("--set={set}")).collect();
    Running::over(plugins.path(), key, &settings)
}

fn follows(run: &mut Running, policy: &str, after: &Value) {
    run.until(&format!("a tick under {policy}"), |record| {
        record["type"] == "tick"
            && record["now_ms"].as_f64() >= after["at_ms"].as_f64()
            && record["cache"]["policy"] == policy
    });
}

/// Ends the run: no request was lost, and the cache was full and hit in every tick since it was full first.
fn no_request_noticed(run: Running) -> Value {
    let ledger = run.ledger();
    let report = run.report();
    let tuned = &report["tuned"];
    let served: u64 = ["hits", "prefetched", "misses"].iter().map(|of| tuned[of].as_u64().unwrap()).sum();
    assert_eq!(tuned["requests"], served);
    let ticks = of_type(&ledger, "tick").into_iter().map(|tick| &tick["cache"]);
    let count = |cache: &Value, of: &str| cache[of].as_u64().unwrap();
    let full: Vec<&Value> = ticks.skip_while(|cache| count(cache, "entries") < FULL).collect();
    assert!(full.len() > 5, "{full:?}");
    for cache in full {
        assert!(count(cache, "entries") >= FULL, "{cache}");
        let (hits, misses) = (count(cache, "window_hits"), count(cache, "window_misses"));
        assert!(hits + misses < 30 || hits > misses / 2, "{cache}");
    }
    report
}

#[test]
fn a_changed_policy_takes_over_the_entries_and_one_that_is_not_sound_does_not() {
    let plugins = tempfile::tempdir().unwrap();
    let file = plugins.path().join("bad-policy.wasm");
    // Numbers of no misdeed: three builds of one policy.
    put(&file, &bad_policy(90));
    let mut run = start(&plugins, &["cache.policy=plugin:bad-policy", "cache.fallback-policy=sieve"]);
    run.until("a full cache", |record| record["cache"]["entries"].as_u64() >= Some(FULL));

    put(&file, &bad_policy(91));
    let changed = run.commanded("replace", "plugin:bad-policy");
    assert!(changed["detail"].as_str().unwrap().ends_with(", in force"), "{changed}");
    follows(&mut run, "plugin:bad-policy", &changed);

    let whole = bad_policy(92);
    put(&file, &whole[..whole.len() / 2]);
    run.commanded("keep", "bad-policy.wasm is not taken, and plugin:bad-policy goes on as it was: ");
    put(&file, &bad_policy(4));
    run.commanded(
        "keep",
        "plugin:bad-policy goes on as it was: it failed when it was tried: it evicted slot",
    );

    // Another file of that name waits until the first one is gone.
    let other = plugins.path().join("other.wasm");
    put(&other, &bad_policy(93));
    run.commanded("keep", "bad-policy.wasm is called `plugin:bad-policy` as well");
    std::fs::remove_file(&file).unwrap();
    let other_one = run.commanded("replace", "other.wasm");
    assert!(other_one["detail"].as_str().unwrap().ends_with(", in force"), "{other_one}");

    std::fs::remove_file(&other).unwrap();
    let gone = run.commanded("retire", "other.wasm was removed; the cache follows sieve");
    follows(&mut run, "sieve", &gone);
    put(&file, &whole);
    let back = run.until("it comes back", |record| {
        record["command"] == "replace" && record["at_ms"].as_u64() > gone["at_ms"].as_u64()
    });
    assert!(back["detail"].as_str().unwrap().ends_with(", in force"), "{back}");
    follows(&mut run, "plugin:bad-policy", &back);

    let report = no_request_noticed(run);
    let notes = report["notes"].to_string();
    for text in ["since it changed", "is not taken", "was retired", "since", "was put there"] {
        assert!(notes.contains(text), "{text}: {notes}");
    }
}

#[test]
fn a_policy_that_failed_is_used_again_once_its_file_is_another() {
    let plugins = tempfile::tempdir().unwrap();
    // Later than a trial would show.
    put(&plugins.path().join("bad-policy.wasm"), &bad_policy(23));
    let mut run = start(&plugins, &["cache.policy=plugin:bad-policy"]);
    let fell = run.until("a fallback", |record| record["type"] == "fallback");
    assert_eq!((&fell["policy"], &fell["fallback"]), (&"plugin:bad-policy".into(), &"lru".into()));
    let fallback = run.until("a tick under the fallback", |record| {
        record["type"] == "tick" && record["cache"]["policy"] == "lru"
    });
    let known = |cache: &Value| cache["policies"].to_string().contains("plugin:bad-policy");
    assert!(!known(&fallback["cache"]), "it cannot be set: {fallback}");

    put(&plugins.path().join("bad-policy.wasm"), &bad_policy(90));
    let changed = run.commanded("replace", "in force");
    follows(&mut run, "plugin:bad-policy", &changed);
    run.until("it can be set again", |record| record["type"] == "tick" && known(&record["cache"]));
    // A shard may fail in another tick than the first one; none does after the change.
    let after = run.ledger().into_iter().skip_while(|record| *record != changed);
    assert_eq!(after.filter(|record| record["type"] == "fallback").count(), 0);
    no_request_noticed(run);
}

#[test]
fn a_policy_that_nobody_named_can_be_set_from_the_moment_its_file_is_there() {
    let plugins = tempfile::tempdir().unwrap();
    // It does without strategies.
    let mut run = start(&plugins, &["control.enabled=false"]);
    let known = |record: &Value, name: &str| record["cache"]["policies"].to_string().contains(name);
    let first = run.until("a first tick", |record| record["type"] == "tick");
    assert!(known(&first, "plugin:sieve") && !known(&first, "plugin:bad-policy"), "{first}");
    let file = plugins.path().join("bad-policy.wasm");
    put(&file, &bad_policy(90));
    let there = run.commanded("replace", "plugin:bad-policy");
    assert!(there["detail"].as_str().unwrap().ends_with(", can be set"), "{there}");
    run.until("it is known", |record| record["type"] == "tick" && known(record, "plugin:bad-policy"));

    // One that stands in for a bundled one, and is that one again when it goes.
    let (_, sieve) = host_plugin::bundled_policies().find(|(name, _)| *name == "sieve").unwrap();
    let own = plugins.path().join("sieve.wasm");
    put(&own, sieve);
    run.commanded("replace", "plugin:sieve");
    std::fs::remove_file(&own).unwrap();
    std::fs::remove_file(&file).unwrap();
    let gone = run.commanded("retire", "plugin:bad-policy: ");
    run.commanded("retire", "plugin:sieve: ");
    let after = run.until("a later tick", |record| {
        record["type"] == "tick" && record["now_ms"].as_f64() > gone["at_ms"].as_f64().map(|ms| ms + 1_000.0)
    });
    assert!(known(&after, "plugin:sieve") && !known(&after, "plugin:bad-policy"), "{after}");
    let notes = no_request_noticed(run)["notes"].to_string();
    assert!(notes.contains("plugin:sieve is the bundled one again"), "{notes}");
}
