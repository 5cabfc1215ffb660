//! What a well-behaved strategy sees and what becomes of what it asks for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use host_contract::{
    Acceptance, Clock, Grant, Objective, Refusal, RunInfo, Snapshot, Unit, Value, dial, gauge, snapshot,
};
use host_control::Strategy;
use host_plugin::{SettingKind, Source};

use super::{LOADER, PROBE, context, limits, messages, probe, tick};

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
                window_completed: 9,
                window_failed: 2,
                latency_target_us: Some(500.0),
                ..Default::default()
            }],
            ..Default::default()
        }),
        prefetch: snapshot::Prefetch {
            rules: vec![rule("probe", 7), rule("other", 6), rule("probe", 5)],
            ..Default::default()
        },
        gauges: BTreeMap::from([("hit-ratio", 0.75)]),
        history: Arc::new([("hit-ratio", vec![0.25, 0.5, 0.75])].into()),
        ..Default::default()
    };
    let outcome = probe("metrics", 1).tick(Arc::new(snapshot), context());
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
    assert!(seen[4].contains("completed: 7, failed: 2, latency-target-us: Some(500.0)"), "{}", seen[4]);
    assert!(seen[5].contains("rules-left: 10"), "{}", seen[5]);
    let (five, seven) = (seen[5].find("id: 5, issued: 3"), seen[5].find("id: 7, issued: 3"));
    assert!(five.is_some() && five < seven, "in the order of their ids: {}", seen[5]);
    assert!(!seen[5].contains("id: 6"), "the rules of another strategy are not shown: {}", seen[5]);
    assert!(seen[6].starts_with(&format!("{} Some(", gauge::BUILT_IN.len())), "{}", seen[6]);
    assert!(seen[6].contains(r#"unit: "ratio""#), "{}", seen[6]);
    assert_eq!(seen[7..], ["Some(0.75) None", "[0.5, 0.75]"]);
}

#[test]
fn the_accesses_arrive_after_a_cursor() {
    let accesses = snapshot::Accesses {
        before: 1_000,
        keys: (1_000..6_000).collect(),
        sizes: vec![9; 5_000],
        hits: vec![1; 5_000],
    };
    let snapshot = Snapshot { accesses: Arc::new(accesses), ..Default::default() };
    let outcome = probe("accesses", 1).tick(Arc::new(snapshot), context());
    let batch = |next: u64, lost: u64, keys: &str, sizes: &str, hits: &str| {
        format!("AccessBatch {{ next: {next}, lost: {lost}, keys: {keys}, sizes: {sizes}, hits: {hits} }}")
    };
    assert_eq!(
        messages(&outcome),
        [
            "[5997, 5998, 5999] 4096".to_owned(),
            batch(1_002, 1_000, "[1000, 1001]", "[9, 9]", "[1, 1]"),
            batch(6_000, 0, "[5999]", "[9]", "[1]"),
            batch(6_000, 0, "[]", "[]", "[]"),
        ]
    );
}

#[test]
fn dials_are_asked_for_turned_and_explained() {
    let outcome = tick(&mut probe("dials", 1), 1);
    assert_eq!(outcome.fault, None);
    let names: Vec<&str> = dial::BUILT_IN.iter().map(|spec| spec.dial.name()).collect();
    let names = format!("{names:?}");
    assert_eq!(
        messages(&outcome),
        [
            names.as_str(),
            "Some(DialRange { minimum: 100.0, maximum: 1000.0, value: 400.0 })",
            "None",
            r#"Some("lru") ["lru", "arc"]"#,
            "Some(1)",
            "Ok(Acceptance::Accepted)",
            r#"["lru"] 2 Ok(())"#,
        ]
    );
    assert_eq!(outcome.context.reason(dial::CACHE_POLICY), Some("arc does better"), "the last one counts");
    assert_eq!(outcome.context.rules_reason(), Some("a run was seen"));
    assert_eq!(outcome.context.wants_followed(), Some(&["arc".to_owned()][..]));
}

#[test]
fn a_strategy_is_told_what_run_this_is_and_what_is_left_of_a_call() {
    let seen = |clock| {
        let objective = Objective::Memory;
        let run = RunInfo { clock, objective, unit: Unit::Objects, seed: 7, keys_ordered: true, batch: true };
        let outcome = probe("run", 1).tick(Arc::new(Snapshot { run, ..Default::default() }), context());
        messages(&outcome).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(seen(Clock::Live), ["live objects 7", "Memory true true", "true true", "true"]);
    let virtually = seen(Clock::Virtual);
    assert_eq!(virtually, ["virtual objects 7", "Memory true true", "true true", "false"]);
    assert_eq!(virtually, seen(Clock::Virtual));
}

#[test]
fn nonsense_is_clamped_or_refused_and_kept() {
    let outcome = tick(&mut probe("nonsense", 1), 1);
    assert_eq!(outcome.fault, None);
    let proposals = outcome.context.proposals();
    let answers: Vec<_> = proposals.iter().map(|proposal| proposal.answer.clone()).collect();
    let known = vec!["lru".to_owned(), "arc".to_owned()];
    assert_eq!(
        answers,
        [
            Ok(Acceptance::Clamped(8.0)),
            Err(Refusal::NotDeclared),
            Err(Refusal::Invalid("not a finite number".to_owned())),
            Err(Refusal::Unknown(known.clone())),
            Ok(Acceptance::Clamped(100.0)),
            Ok(Acceptance::Clamped(8.0)),
            Err(Refusal::Unknown(known.clone())),
            Ok(Acceptance::Clamped(1.0)),
            Ok(Acceptance::Clamped(1.0)),
            Ok(Acceptance::Clamped(0.0)),
        ]
    );
    assert_eq!((&proposals[0].dial, &proposals[0].value), (&dial::CPU_WORKERS, &Value::Count(8)));
    let rules = outcome.context.rule_proposals();
    let answers: Vec<_> = rules.iter().map(|proposal| proposal.answer.clone()).collect();
    assert_eq!(
        answers,
        [
            Err(Refusal::Invalid("stride is 0".to_owned())),
            Ok(Acceptance::Clamped(16.0)),
            Err(Refusal::Unknown(vec!["2".to_owned()])),
        ]
    );
    let seen = messages(&outcome);
    assert!(seen[0].contains("Clamped(8.0)") && seen[1].contains("NotDeclared"), "{seen:?}");
    assert!(seen[8].contains(r#"Unknown(["lru", "arc"])"#), "{}", seen[8]);
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
    for act in ["count", "metrics", "dials", "nonsense", "random", "recurse", "allocate"] {
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
    let inspection = LOADER.inspect(Source::File(&PROBE), &limits()).unwrap();
    assert_eq!(inspection.description.name, "probe");
    assert_eq!(inspection.description.version, "0.1.0");
    assert_eq!(inspection.description.settings[1].kind, SettingKind::Integer);
    assert_eq!(inspection.world, "optimizer:plugin/strategy@0.1.0");
    assert_eq!(inspection.exports, ["describe", "tick"]);
    assert_eq!(inspection.description.settings[1].range().as_deref(), Some("from 1"));
    assert_eq!(inspection.unknown_dials, ["dial-of-a-later-host"]);
    assert_eq!(inspection.grants(), Grant::ALL);
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
