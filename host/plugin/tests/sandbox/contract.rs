//! What a well-behaved strategy sees and what becomes of what it asks for.

use std::sync::Arc;
use std::time::Duration;

use host_contract::snapshot::{self, Accesses};
use host_contract::{Acceptance, Grant, History, Refusal, Snapshot, Value};
use host_control::Strategy;
use host_plugin::{SettingKind, Source};

use super::{LOADER, PROBE, context, messages, probe, tick};

#[test]
fn memory_is_kept_from_tick_to_tick_and_time_is_the_tick_s() {
    let mut strategy = probe("count", 1);
    assert_eq!(messages(&tick(&mut strategy, 1)), ["1 1 1000000000"]);
    assert_eq!(messages(&tick(&mut strategy, 7)), ["2 7 7000000000"]);
}

#[test]
fn every_figure_of_the_snapshot_arrives() {
    let rule =
        |owner: &str, id| snapshot::Rule { owner: owner.to_owned(), id, issued: 3, ..Default::default() };
    let snapshot = Snapshot {
        system: snapshot::System { cpu_cores: 2.5, ..Default::default() },
        cache: snapshot::Cache {
            policy: "lru".to_owned(),
            policies: vec!["lru".to_owned(), "arc".to_owned()],
            window_hits: 42,
            ..Default::default()
        },
        shadows: vec![snapshot::Shadow {
            policy: "arc".to_owned(),
            capacity_factor: 0.5,
            ..Default::default()
        }],
        executor: Some(snapshot::Executor {
            cpu: snapshot::Pool { workers: 4, ..Default::default() },
            classes: vec![snapshot::Class {
                name: "index".to_owned(),
                kind: snapshot::TaskKind::Cpu,
                ..Default::default()
            }],
            ..Default::default()
        }),
        prefetch: snapshot::Prefetch {
            rules: vec![rule("probe", 5), rule("other", 6)],
            ..Default::default()
        },
        accesses: Arc::new(Accesses { keys: (0..5000).collect(), ..Default::default() }),
        history: Arc::new(History::from([("hit-ratio", vec![0.25, 0.5, 0.75])])),
        ..Default::default()
    };
    let outcome = probe("metrics", 1).tick(Arc::new(snapshot), context(0));
    assert_eq!(outcome.fault, None);
    let seen = messages(&outcome);
    assert_eq!(seen[0], r#"lru ["lru", "arc"] 42"#);
    assert!(seen[1].contains("cpu-cores: 2.5"), "{}", seen[1]);
    assert!(seen[2].contains(r#"policy: "arc", capacity-factor: 0.5"#), "{}", seen[2]);
    assert!(
        seen[3].starts_with("4 [") && seen[3].contains(r#"name: "index""#) && seen[3].contains("Cpu"),
        "{}",
        seen[3]
    );
    assert!(seen[4].contains("rules-left: 10") && seen[4].contains("id: 5, issued: 3"), "{}", seen[4]);
    assert!(!seen[4].contains("id: 6"), "the rules of another strategy are not shown: {}", seen[4]);
    assert_eq!(seen[5..], ["[4997, 4998, 4999]", "4096", "[0.5, 0.75]"]);
}

#[test]
fn nonsense_is_clamped_or_refused_and_stays_in_the_context() {
    let outcome = tick(&mut probe("nonsense", 1), 1);
    assert_eq!(outcome.fault, None);
    let answers: Vec<_> = outcome.context.proposals().iter().map(|p| p.answer.clone()).collect();
    let known = vec!["lru".to_owned(), "arc".to_owned()];
    assert_eq!(
        answers,
        [
            Ok(Acceptance::Clamped(8.0)),
            Ok(Acceptance::Accepted),
            Err(Refusal::Invalid("not a finite number".to_owned())),
            Err(Refusal::Unknown(known)),
            Ok(Acceptance::Clamped(100.0)),
        ]
    );
    let rules: Vec<_> = outcome.context.rule_proposals().iter().map(|p| p.answer.clone()).collect();
    assert_eq!(
        rules,
        [
            Err(Refusal::Invalid("stride is 0".to_owned())),
            Ok(Acceptance::Clamped(16.0)),
            Err(Refusal::Unknown(vec!["2".to_owned()])),
        ]
    );
    assert_eq!(outcome.context.proposals()[0].value, Value::Count(8));
    let seen = messages(&outcome);
    assert!(seen[0].contains("Clamped(8)") && seen[1].contains("not a finite number"), "{seen:?}");
}

#[test]
fn a_hundred_thousand_proposals_are_counted_and_not_kept() {
    let outcome = tick(&mut probe("capacity", 100_000), 1);
    assert_eq!(outcome.fault, None);
    let kept = u64::try_from(outcome.context.proposals().len()).unwrap();
    assert_eq!(kept + outcome.context.ignored(), 100_000);
    assert!(kept <= 256);
}

#[test]
fn a_hundred_thousand_messages_are_cut_short() {
    let outcome = tick(&mut probe("log", 100_000), 1);
    assert_eq!(outcome.fault, None);
    assert_eq!(outcome.log.len(), 65);
    assert_eq!(
        outcome.log[64].message,
        "99936 more messages of this tick were dropped: 64 are kept; raise `strategies.probe.limits.log-lines` to keep \
         more"
    );
}

#[test]
fn the_standard_streams_become_messages() {
    let outcome = tick(&mut probe("print", 1), 1);
    let lines: Vec<_> =
        outcome.log.iter().map(|l| (l.level, l.context.as_str(), l.message.as_str())).collect();
    assert_eq!(lines, [("info", "stdout", "to stdout"), ("warn", "stderr", "to stderr")]);
}

#[test]
fn the_same_component_costs_the_same_fuel_twice() {
    for act in ["count", "metrics", "nonsense", "random", "recurse", "allocate"] {
        let cost = || {
            let mut strategy = probe(act, 1);
            let start = strategy.start_usage();
            let outcome = tick(&mut strategy, 1);
            (start.fuel, outcome.usage.fuel, outcome.usage.memory_bytes, outcome.fault, outcome.log)
        };
        let first = cost();
        assert!(first.0 > 0 && first.1 > 0);
        assert_eq!(first, cost(), "{act}");
    }
}

#[test]
fn an_inspection_tells_all_there_is_to_know() {
    let inspection = LOADER.inspect(Source::File(&PROBE)).unwrap();
    assert_eq!(inspection.description.name, "probe");
    assert_eq!(inspection.description.version, "0.1.0");
    assert_eq!(inspection.description.settings[1].kind, SettingKind::Integer);
    assert_eq!(inspection.world, "optimizer:plugin/strategy@0.1.0");
    assert_eq!(inspection.exports, ["describe", "tick"]);
    let grants = [
        Grant::Metrics,
        Grant::CacheControl,
        Grant::ExecutorControl,
        Grant::PrefetchControl,
        Grant::Settings,
        Grant::Log,
    ];
    assert_eq!(inspection.grants(), grants);
    let bytes = std::fs::read(&*PROBE).unwrap();
    assert_eq!(inspection.size_bytes, u64::try_from(bytes.len()).unwrap());
    assert_eq!(inspection.digest, format!("blake3:{}", blake3::hash(&bytes).to_hex()));
    let names: Vec<_> = inspection.imports.iter().map(|import| import.name.as_str()).collect();
    assert!(names.contains(&"optimizer:plugin/metrics@0.1.0"), "{names:?}");
}

#[test]
fn a_strategy_may_move_to_another_thread() {
    let mut strategy = probe("count", 1);
    let outcome = std::thread::spawn(move || tick(&mut strategy, 1)).join().unwrap();
    assert_eq!(outcome.fault, None);
    assert!(outcome.usage.wall > Duration::ZERO);
}
