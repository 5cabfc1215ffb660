//! Layers: which value wins, and what is said of its source.

use std::fs;
use std::path::Path;
use std::time::Duration;

use host_contract::Objective;
use host_contract::dial::{CPU_WORKERS, IO_WORKERS};
use host_profile::{Bytes, Grant, Mode, Settings, StrategyMode};

use crate::{big, env, load_file, loader};

#[test]
fn each_layer_wins_over_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("host.toml");
    fs::write(&path, "[cache]\ncapacity = \"210 MB\"\npolicy = \"lfu\"\nshadows = false\n").unwrap();
    let settings = loader()
        .profile("medium")
        .user_file(Some(path.clone()))
        .env(env(&[("HOST_CACHE_CAPACITY", "220 MB"), ("HOST_CACHE_POLICY", "arc"), ("PATH", "/bin")]))
        .set(["cache.capacity = 230MB"])
        .load(&big())
        .unwrap();
    assert_eq!(settings.cache.capacity, Bytes(230_000_000));
    assert_eq!(settings.cache.policy, "arc");
    assert!(!settings.cache.shadows);
    let source = |key: &str| settings.source(key).unwrap();
    assert_eq!(source("cache.capacity"), "flag --set");
    assert_eq!(source("cache.policy"), "environment HOST_CACHE_POLICY");
    assert_eq!(source("cache.shadows"), format!("file {}:4", path.display()));
    assert_eq!(source("memory.cap"), "profile medium");
    assert_eq!(source("limits.fuel"), "default");
    assert_eq!(settings.profile, "medium");
    assert!(settings.notes.is_empty());
}

#[test]
fn the_last_of_two_flags_wins() {
    let settings = loader().set(["executor.queue=1"]).set(["executor.queue=2"]).load(&big()).unwrap();
    assert_eq!(settings.executor.queue, 2);
}

#[test]
fn every_kind_of_value_arrives() {
    let (settings, _) = load_file(
        "optimise = \"memory\"\n[prefetch]\ncache-share = 0\n[control]\ntick = \"1s 500ms\"\nenabled = false\n\
         [control.arbitration]\ncpu-workers = \"mean\"\n[limits]\nfuel = 0xF_FFFF\nmemory = \"1 MiB\"",
    );
    let settings = settings.unwrap();
    assert_eq!(settings.optimise, Objective::Memory);
    assert_eq!(settings.prefetch.cache_share, 0.0);
    assert_eq!(settings.control.tick, Duration::from_millis(1_500));
    assert!(!settings.control.enabled);
    assert_eq!(settings.dials[&CPU_WORKERS].mode, Mode::Mean);
    assert_eq!(settings.dials[&IO_WORKERS].mode, Mode::Priority);
    assert_eq!(settings.limits.fuel, 0xF_FFFF);
    assert_eq!(settings.limits.memory, Bytes(1 << 20));
}

#[test]
fn one_line_adds_a_strategy() {
    let (settings, path) =
        load_file("[strategies]\nmy-strategy = { grants = [\"metrics\", \"cache-control\"] }\n");
    let settings = settings.unwrap();
    let mine = settings.strategy("my-strategy").unwrap();
    assert!(mine.enabled);
    assert!(mine.grants(Grant::Metrics) && mine.grants(Grant::CacheControl) && !mine.grants(Grant::Settings));
    assert_eq!(mine.source, format!("file {}:2", path.display()));
    let bundled = settings.strategy("cache-policy").unwrap();
    assert_eq!(bundled.source, "default");
    assert!(mine.priority > bundled.priority, "who adds a strategy wants it to count");
    assert_eq!(settings.strategies.len(), 5);
}

#[test]
fn an_empty_table_names_a_strategy_with_no_grants() {
    let (settings, _) = load_file("[strategies.mine]\n");
    let settings = settings.unwrap();
    let mine = settings.strategy("mine").unwrap();
    assert!(mine.enabled && mine.grants.is_empty() && mine.settings.is_empty());
}

#[test]
fn a_strategys_table_merges_field_by_field() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("host.toml");
    let text = "[strategies.cache-policy]\npriority = 20\nsettings = { margin = 0.01, dwell = 3, loud = true, \
                mode = \"a b\" }";
    fs::write(&path, text).unwrap();
    let settings = loader()
        .user_file(Some(path))
        .env(env(&[
            ("HOST_STRATEGIES_WORKER_SIZING_ENABLED", "false"),
            ("HOST_STRATEGIES_CACHE_POLICY_SETTINGS_DWELL", "5"),
        ]))
        .set(["strategies.cache-policy.settings.margin=0.02", "strategies.other.grants=metrics, log"])
        .load(&big())
        .unwrap();
    let policy = settings.strategy("cache-policy").unwrap();
    assert_eq!(policy.priority, 20);
    let bundled = [
        Grant::Metrics,
        Grant::Dials,
        Grant::Run,
        Grant::CacheControl,
        Grant::ShadowControl,
        Grant::Settings,
        Grant::Log,
    ];
    assert_eq!(policy.grants, bundled);
    let given: Vec<_> = policy.settings.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(given, [("dwell", "5"), ("loud", "true"), ("margin", "0.02"), ("mode", "a b")]);
    assert!(!settings.strategy("worker-sizing").unwrap().enabled);
    assert_eq!(settings.strategy("other").unwrap().grants, [Grant::Metrics, Grant::Log]);
    assert_eq!(settings.source("strategies.cache-policy.settings.margin"), Some("flag --set"));
    assert_eq!(
        settings.source("strategies.cache-policy.settings.dwell"),
        Some("environment HOST_STRATEGIES_CACHE_POLICY_SETTINGS_DWELL")
    );
}

#[test]
fn a_strategy_s_limits_stand_over_those_of_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("host.toml");
    let text = "[limits]\nfuel = 20_000_000\n[strategies.mine]\nlimits = { memory = \"200 MB\", deadline = \"1 s\" }";
    fs::write(&path, text).unwrap();
    let settings = loader()
        .user_file(Some(path.clone()))
        .env(env(&[("HOST_STRATEGIES_MINE_LIMITS_LOG_LINES", "7")]))
        .set([
            "strategies.mine.limits.proposals=3",
            "strategies.mine.limits.deadline=2s",
            "strategies.cache-policy.limits.log-bytes=1KB",
        ])
        .load(&big())
        .unwrap();
    let mine = &settings.strategy("mine").unwrap().limits;
    assert_eq!((mine.fuel, mine.memory, mine.log_lines), (20_000_000, Bytes(200_000_000), 7));
    assert_eq!((mine.deadline, mine.start_deadline), (Duration::from_secs(2), Duration::from_secs(5)));
    assert_eq!(settings.strategy("cache-policy").unwrap().limits.log_bytes, Bytes(1_000));
    assert_eq!(settings.strategy("worker-sizing").unwrap().limits, settings.limits);
    assert_eq!((mine.table_elements, mine.instances, mine.proposals), (262_144, 256, 3));
    let source = |limit: &str| settings.source(&format!("strategies.mine.limits.{limit}"));
    assert_eq!(source("memory"), Some(format!("file {}:4", path.display()).as_str()));
    assert_eq!(source("deadline"), Some("flag --set"));
    assert_eq!(source("log-lines"), Some("environment HOST_STRATEGIES_MINE_LIMITS_LOG_LINES"));
    assert_eq!(source("fuel"), None, "what a strategy does not say is said once, for all");
}

#[test]
fn a_strategy_runs_in_shadow_mode_where_its_table_says_so() {
    let modes = |settings: &Settings| {
        let mode = |name: &str| settings.strategy(name).unwrap().mode;
        (mode("cache-policy"), mode("worker-sizing"))
    };
    let (settings, _) = load_file("[strategies.cache-policy]\nmode = \"shadow\"\n");
    assert_eq!(modes(&settings.unwrap()), (StrategyMode::Shadow, StrategyMode::Active));
    let promoted = loader().set(["strategies.cache-policy.mode=active"]).load(&big()).unwrap();
    assert_eq!(modes(&promoted), (StrategyMode::Active, StrategyMode::Active));
}

#[test]
fn underscores_and_hyphens_are_alike_in_names() {
    let (settings, _) = load_file("[strategies.cache_policy]\nsettings = { best_margin = 1 }\n");
    let settings = settings.unwrap();
    let policy = settings.strategy("cache-policy").unwrap();
    assert_eq!(policy.settings.get("best-margin").map(String::as_str), Some("1"));
    assert_eq!(policy.priority, 10, "it is the bundled one");
    let settings = loader().set(["strategies.cache_policy.settings.best_margin=2"]).load(&big()).unwrap();
    let policy = settings.strategy("cache-policy").unwrap();
    assert_eq!(policy.settings.get("best-margin").map(String::as_str), Some("2"));
}

#[test]
fn other_programs_variables_and_empty_ones_are_passed_over() {
    let others = env(&[
        ("HOSTNAME", "a"),
        ("HOST", "b"),
        ("HOST_IP", "c"),
        ("HOST_CACHE_POLICY", ""),
        ("CACHE_CAPACITY", "1"),
    ]);
    assert_eq!(loader().env(others).load(&big()).unwrap(), loader().load(&big()).unwrap());
}

#[test]
fn a_profile_may_be_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mine.toml");
    fs::write(&path, "summary = \"mine\"\n[plugins]\ndir = \"components\"\n").unwrap();
    let name = path.display().to_string();
    let settings = loader().profile(name.clone()).load(&big()).unwrap();
    assert_eq!(settings.summary, "mine");
    assert_eq!(settings.profile, name);
    assert_eq!(settings.source("summary"), Some(format!("file {name}:1").as_str()));
    // Beside the file that says it; a flag's folder is beside the user.
    let components = dir.path().join("components");
    let row = settings.rows().iter().find(|row| row.key == "plugins.dir").unwrap();
    assert_eq!(row.value, components.display().to_string());
    assert_eq!(settings.plugins.dir, Some(components));
    let flag = loader().profile(name).set(["plugins.dir=components"]).load(&big()).unwrap();
    assert_eq!(flag.plugins.dir.as_deref(), Some(Path::new("components")));
}

#[test]
fn rows_are_in_the_order_of_the_defaults_file() {
    let settings = loader().load(&big()).unwrap();
    let keys: Vec<_> = settings.rows().iter().map(|row| row.key.as_str()).collect();
    let first = keys.iter().position(|key| key.starts_with("strategies.")).unwrap();
    assert_eq!(keys[..4], ["summary", "optimise", "memory.cap", "memory.keep-free"]);
    assert_eq!(
        keys[first..],
        [
            "strategies.cache-policy.enabled",
            "strategies.cache-policy.priority",
            "strategies.cache-policy.grants",
            "strategies.cache-sizing.enabled",
            "strategies.cache-sizing.priority",
            "strategies.cache-sizing.grants",
            "strategies.prefetch-rules.enabled",
            "strategies.prefetch-rules.priority",
            "strategies.prefetch-rules.grants",
            "strategies.worker-sizing.enabled",
            "strategies.worker-sizing.priority",
            "strategies.worker-sizing.grants",
        ]
    );
    let row = settings.rows().iter().find(|row| row.key == "control.tick").unwrap();
    assert_eq!((row.value.as_str(), row.source.as_str()), ("250ms", "default"));
}

#[test]
fn a_latency_target_of_zero_is_none() {
    let target = |sets: &[&str]| {
        loader().set(sets.iter().copied()).load(&big()).map(|settings| settings.executor.latency_target)
    };
    assert_eq!(target(&[]).unwrap(), None);
    assert_eq!(target(&["executor.latency-target=0 ms"]).unwrap(), None);
    let named = target(&["executor.latency-target=25 ms"]).unwrap();
    assert_eq!(named, Some(std::time::Duration::from_millis(25)));
    assert!(target(&["executor.latency-target=2 h"]).unwrap_err().to_string().contains("latency-target"));
}

#[test]
fn pins_are_taken_from_every_layer_and_are_lower_case() {
    let (one, two, three) = ("A".repeat(64), "b".repeat(64), "c".repeat(64));
    let text = format!(
        "[strategies.my_own]\nsha256 = \"{one}\"\n[plugins.pins]\n\"plugin:my_sieve\" = \"{two}\"\n\"plugin:x\" = \"{two}\""
    );
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("host.toml");
    fs::write(&path, text).unwrap();
    let sets = [format!("plugins.pins.plugin:x={three}"), format!("plugins.pins.\"plugin:y\"={three}")];
    let settings = loader().user_file(Some(path)).set(sets).load(&big()).unwrap();
    assert_eq!(settings.strategy("my-own").unwrap().sha256, Some("a".repeat(64)));
    let pins: Vec<(&str, &str)> =
        settings.plugins.pins.iter().map(|pin| (pin.policy.as_str(), pin.sha256.as_str())).collect();
    assert_eq!(
        pins,
        [("plugin:my-sieve", two.as_str()), ("plugin:x", three.as_str()), ("plugin:y", three.as_str())]
    );
    assert_eq!(settings.source("plugins.pins.\"plugin:x\""), Some("flag --set"));
}

#[test]
fn what_is_portable_is_read_to_be_the_very_same() {
    let sets = [
        "cache.capacity=67108865 B",
        "cache.policy=lirs(hir=0.1)",
        "control.tick=33ms",
        "memory.keep-free=0.12345678901",
        "summary=\"a \\\"b\\\" = [c]\"",
        "serve.password=secret",
        "plugins.dir=/somewhere",
        "strategies.mine.grants=metrics, cache-control",
        "strategies.mine.settings.text=[x]",
        "strategies.mine.limits.fuel=20_000",
        "strategies.mine.sha256=0000000000000000000000000000000000000000000000000000000000000000",
    ];
    let settings = loader().profile("medium").set(sets).load(&big()).unwrap();
    let portable = settings.portable();
    for at_home in ["secret", "/somewhere", "sha256", "plugins.dir"] {
        assert!(!portable.iter().any(|set| set.contains(at_home)), "{at_home}: {portable:?}");
    }
    let again = loader().set(portable.iter().cloned()).load(&big()).unwrap();
    assert_eq!(again.portable(), portable);
    assert_eq!(
        (&again.cache, again.memory, &again.control),
        (&settings.cache, settings.memory, &settings.control)
    );
    assert_eq!(
        (&again.dials, &again.limits, &again.executor),
        (&settings.dials, &settings.limits, &settings.executor)
    );
    let mine = |of: &Settings| {
        of.strategy("mine").map(|mine| (mine.grants.clone(), mine.settings.clone(), mine.limits.clone()))
    };
    assert_eq!(mine(&again), mine(&settings));
}
