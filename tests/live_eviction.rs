//! Eviction policies as components, in a live cache: what their native twins miss, under threads, changed while in use, and
//! replaced where they fail.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use host_cache::{Cache, PolicyFactory, Registry, builtin};
use host_plugin::{Limits, Loader, LoaderConfig, Source, default_cache_dir, full_name, policy_registry};

use crate::support::{MISDEEDS, bad_policy, components, fail, plugin_dir, shared_trace, succeed, trace};

type Values = Cache<u64, u64>;

fn config() -> LoaderConfig {
    LoaderConfig { cache_dir: default_cache_dir(), ..LoaderConfig::default() }
}

fn registry() -> Registry {
    policy_registry(&[], config(), Limits::of_policies())
}

/// The policy in a file, which may work on one batch for 200 ms.
fn file(path: &Path) -> PolicyFactory {
    let limits = Limits { deadline: Duration::from_millis(200), ..Limits::of_policies() };
    let plugin = Loader::new(&config()).unwrap().open_policy(Source::File(path), &limits).unwrap();
    Arc::new(plugin).factory("plugin:mine")
}

/// Keys of which a few are asked for often: squares of uniform numbers, from the seed.
fn keys(seed: u64, count: usize, most: u64) -> impl Iterator<Item = u64> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let uniform = (state >> 33) % 1_000;
        uniform * uniform * most / 1_000_000 + (state >> 12) % 8
    })
    .take(count)
}

/// Looks up, and inserts after a miss; the misses.
fn read_through(cache: &Values, keys: impl Iterator<Item = u64>) -> u64 {
    let mut misses = 0;
    for key in keys {
        match cache.get(&key) {
            Some(value) => assert_eq!(value, key),
            None => {
                misses += 1;
                cache.insert(key, key);
            }
        }
    }
    misses
}

fn sound(cache: &Values, policy: &str) {
    cache.check().unwrap();
    let stats = cache.stats();
    assert_eq!((stats.fault.as_deref(), stats.in_force().name(), stats.fallbacks), (None, policy, 0));
    assert!(stats.entries <= stats.capacity);
}

#[test]
fn a_component_misses_about_as_much_as_its_native_twin_in_a_slightly_smaller_cache() {
    let registry = registry();
    for (name, _) in host_plugin::bundled_policies() {
        let full = full_name(name);
        let cache = |name: &str, capacity: u64| {
            Cache::builder(capacity).shards(1).policy(registry.get(name).unwrap()).build()
        };
        let component = cache(&full, 6_400);
        let misses = read_through(&component, keys(1, 200_000, 60_000));
        sound(&component, &full);
        // A 64th of the capacity is kept for victims in hand; what is hit while it waits there is a hit all the same.
        let [smaller, same] =
            [6_300, 6_400].map(|capacity| read_through(&cache(name, capacity), keys(1, 200_000, 60_000)));
        let most = smaller.max(same) + smaller / 100;
        assert!((same * 97 / 100..=most).contains(&misses), "{name}: {misses} of {same}, {smaller}");
    }
}

#[test]
fn threads_share_a_cache_that_a_component_orders_while_policies_change() {
    let registry = registry();
    let names = ["plugin:sieve", "lirs", "plugin:w-tinylfu", "plugin:2q", "lru", "plugin:lru"];
    let cache = Values::builder(5_000).policy(registry.get("plugin:s3-fifo").unwrap()).build();
    thread::scope(|scope| {
        let cache = &cache;
        let workers: Vec<_> = (0..4)
            .map(|seed| {
                scope.spawn(move || {
                    for round in 0..30 {
                        read_through(cache, keys(seed * 100 + round, 10_000, 40_000));
                        cache.remove(&(seed * round));
                    }
                })
            })
            .collect();
        for (turn, name) in names.iter().cycle().take(60).enumerate() {
            let before = cache.len();
            cache.set_policy(registry.get(name).unwrap());
            assert!(cache.len() + 4 >= before, "a change of policy drops no entry");
            cache.set_capacity(if turn % 5 == 4 { 3_000 } else { 5_000 });
            thread::sleep(Duration::from_millis(5));
            if workers.iter().all(|worker| worker.is_finished()) {
                break;
            }
        }
    });
    cache.set_policy(registry.get("plugin:lru").unwrap());
    read_through(&cache, keys(7, 20_000, 40_000));
    sound(&cache, "plugin:lru");
    cache.clear();
    assert_eq!(read_through(&cache, 0..100), 100);
    sound(&cache, "plugin:lru");
}

/// A component that fails is replaced, the entries stay, and nobody notices but who looks at the figures.
#[test]
fn a_component_that_fails_is_replaced_while_the_cache_goes_on() {
    let bad = file(&components()["bad-policy"]);
    let endless = (1, "still running after its deadline of 200 ms; raise `policy-limits.deadline`");
    for (misdeed, text) in [endless].into_iter().chain(MISDEEDS) {
        // It is opened for a 64th less, which is what tells it its misdeed.
        let capacity = (1_000..2_000).find(|capacity| capacity - capacity / 64 == 1_000 + misdeed).unwrap();
        let cache = Values::builder(capacity).shards(1).policy(&bad).fallback(&builtin::SIEVE).build();
        thread::scope(|scope| {
            for seed in 0..2 {
                let cache = &cache;
                scope.spawn(move || read_through(cache, keys(seed, 30_000, 20_000)));
            }
        });
        cache.check().unwrap();
        let stats = cache.stats();
        let fault = stats.fault.clone().unwrap_or_default();
        assert!(fault.contains(text), "{misdeed}: {fault}");
        assert_eq!((stats.in_force(), stats.fallbacks, stats.entries), (builtin::SIEVE, 1, capacity));
        assert_eq!(stats.hits + stats.misses, 60_000);
    }
}

#[test]
fn a_profile_names_a_component_and_a_plugin_directory_brings_one() {
    let dir = tempfile::tempdir().unwrap();
    let keys = trace(dir.path(), 30_000);
    let keys = keys.to_str().unwrap();
    let run = |policy: &str, more: &[&str]| {
        let set = format!("cache.policy={policy}");
        let mut arguments =
            vec!["run", keys, "--set", &set, "--set", "control.enabled=false", "--origin-latency", "0ms"];
        arguments.extend(more);
        succeed(arguments)
    };
    assert!(run("plugin:sieve", &[]).contains("plugin:sieve"));

    let plugins = tempfile::tempdir().unwrap();
    std::fs::write(plugins.path().join("bad-policy.wasm"), bad_policy(3)).unwrap();
    let plugins = plugins.path().to_str().unwrap();
    let report = run("plugin:bad-policy", &["--plugin-dir", plugins]);
    assert!(
        report.contains("a policy failed") && report.contains("on lru, not plugin:bad-policy"),
        "{report}"
    );
    let listed = succeed(["plugin", "list", "--plugin-dir", plugins]);
    assert!(listed.contains("plugin:bad-policy") && listed.contains("plugin:w-tinylfu"), "{listed}");
    let strategies: Vec<&str> = listed.lines().take_while(|line| !line.contains("EVICTION POLICY")).collect();
    assert!(strategies.iter().all(|line| !line.contains("bad-policy")), "{listed}");

    let error = fail(2, ["run", keys, "--set", "cache.policy=plugin:none", "--plugin-dir", plugins]);
    assert!(error.contains("plugin:bad-policy") && error.contains("plugin:none"), "{error}");
}

#[test]
fn shadows_and_strategies_take_a_component_for_a_policy_like_any_other() {
    let Some(trace) = shared_trace("multi2.trace.gz") else { return };
    // The strategy may choose between LRU and LIRS, and LIRS is a component.
    let candidates = "strategies.cache-policy.settings.candidates=lru plugin:lirs";
    let prior = "strategies.cache-policy.settings.prior=lru";
    let report = succeed([
        "sim",
        trace.to_str().unwrap(),
        "--profile",
        "medium",
        "--capacity",
        "10%",
        "--set",
        candidates,
        "--set",
        prior,
    ]);
    assert!(report.contains("plugin:lirs"), "{report}");
}

#[test]
fn components_are_compiled_ahead_of_a_run() {
    let plugins = plugin_dir(&["bad-policy", "drop-in"]);
    let dir = plugins.path().to_str().unwrap();
    let compiled = succeed(["plugin", "precompile", "--plugin-dir", dir]);
    for name in ["cache-policy", "plugin:sieve", "plugin:bad-policy", "grow-while-evicting"] {
        assert!(compiled.contains(name), "{compiled}");
    }
    let again = succeed(["plugin", "precompile", "--plugin-dir", dir]);
    assert!(!again.contains("compiled in"), "{again}");
    let file = plugins.path().join("drop-in.wasm");
    let one = succeed(["plugin", "precompile", file.to_str().unwrap()]);
    assert!(one.contains("grow-while-evicting") && one.contains("was compiled before"), "{one}");
    let broken = plugins.path().join("broken.wasm");
    std::fs::write(&broken, "no component").unwrap();
    let error = fail(1, ["plugin", "precompile", broken.to_str().unwrap()]);
    assert!(error.contains("broken.wasm"), "{error}");
}
