//! What is applied, outranked, cooled down.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use host_contract::dial::{CACHE_CAPACITY, CACHE_POLICY, IO_WORKERS};
use host_contract::snapshot::System;
use host_contract::{Dials, Mode, Value};
use host_control::ledger::Record;
use host_control::{Actuators, Budget, Config, ControlLoop, Controls, NoRules, NoShadows, Outcome, Verdict};

use crate::plane::{
    Act, Plane, capacity, config, control, io, nothing, propose, registration, run, verdicts,
};

#[test]
fn the_higher_priority_wins_and_of_two_of_one_strategy_the_later() {
    let mut plane = Plane::new();
    let low = registration("low", 1, vec![io(20)]);
    let twice = propose(&[(IO_WORKERS, Value::Count(9)), (IO_WORKERS, Value::Count(10))]);
    let high = registration("high", 5, vec![twice]);
    let mut control = control(vec![low, high], &plane);
    let records = run(&mut control, &mut plane, 1..=1);
    assert_eq!(plane.count(IO_WORKERS), 10);
    assert_eq!(
        verdicts(&records),
        [(1, "high", Verdict::Superseded), (1, "high", Verdict::Applied), (1, "low", Verdict::Outranked)]
    );
    let decision = &control.decisions()[0];
    assert_eq!((&decision.from, &decision.to), (&Value::Count(8), &Value::Count(10)));
    assert_eq!(decision.by, ["high"]);
}

#[test]
fn a_mean_names_every_author() {
    let mut plane = Plane::new();
    let registrations = vec![registration("a", 1, vec![io(20)]), registration("b", 1, vec![io(10)])];
    let config = Config { modes: BTreeMap::from([(IO_WORKERS, Mode::Mean)]), ..config() };
    let mut control = ControlLoop::new(config, registrations, &plane.actuators);
    run(&mut control, &mut plane, 1..=1);
    assert_eq!(plane.count(IO_WORKERS), 15);
    assert_eq!(control.decisions()[0].by, ["a", "b"]);
}

#[test]
fn dials_are_applied_in_the_order_of_the_table() {
    let mut plane = Plane::new();
    let all = propose(&[
        (CACHE_CAPACITY, Value::Count(1_500)),
        (IO_WORKERS, Value::Count(9)),
        (CACHE_POLICY, Value::Name("arc".into())),
    ]);
    let mut control = control(vec![registration("a", 1, vec![all])], &plane);
    run(&mut control, &mut plane, 1..=1);
    let applied: Vec<_> = control.decisions().iter().map(|d| d.dial).collect();
    let table: Vec<_> =
        Dials::built_in().iter().map(|spec| spec.dial).filter(|d| applied.contains(d)).collect();
    assert_eq!((applied.len(), applied), (3, table));
}

#[test]
fn a_dial_cools_down_for_as_many_ticks_as_the_profile_says() {
    let mut plane = Plane::new();
    let mut control = control(vec![registration("a", 1, (11..16).map(capacity).collect())], &plane);
    let records = run(&mut control, &mut plane, 1..=5);
    let outcomes: Vec<Verdict> = verdicts(&records).into_iter().map(|(_, _, v)| v).collect();
    // Changed at tick 1, so that ticks 2 and 3 are refused and tick 4 is heard.
    let expected = [Verdict::Applied, Verdict::Refused, Verdict::Refused, Verdict::Applied, Verdict::Refused];
    assert_eq!(outcomes, expected);
    assert_eq!(plane.count(CACHE_CAPACITY), 1_400);
}

#[test]
fn what_is_in_force_already_is_no_decision_and_starts_no_cool_down() {
    let mut plane = Plane::new();
    let mut control = control(vec![registration("a", 1, vec![io(8), io(9)])], &plane);
    let records = run(&mut control, &mut plane, 1..=2);
    let outcomes: Vec<Verdict> = verdicts(&records).into_iter().map(|(_, _, v)| v).collect();
    assert_eq!(outcomes, [Verdict::NoChange, Verdict::Applied]);
    assert_eq!(control.decisions().len(), 1);
}

#[test]
fn a_reason_is_what_the_strategy_says_of_the_dial() {
    let mut plane = Plane::new();
    let act: Act = Box::new(|context| {
        context.propose(IO_WORKERS, Value::Count(9)).unwrap();
        context.propose(CACHE_CAPACITY, Value::Count(900)).unwrap();
        context.explain(IO_WORKERS, "tasks wait for 4 ms");
        None
    });
    let mut control = control(vec![registration("a", 1, vec![act])], &plane);
    run(&mut control, &mut plane, 1..=1);
    let reasons: Vec<&str> = control.decisions().iter().map(|d| d.reason.as_str()).collect();
    assert_eq!(reasons[0], "tasks wait for 4 ms");
    assert!(!reasons[1].contains("4 ms"), "{reasons:?}");
}

#[test]
fn the_memory_budget_has_the_last_word() {
    let mut plane = Plane::new();
    let act = propose(&[(CACHE_CAPACITY, Value::Count(2_000))]);
    let mut control = control(vec![registration("a", 1, vec![act])], &plane);
    let mut now = plane.snapshot(1);
    now.system = System { process_memory_bytes: 9_500, ..System::default() };
    now.cache.used_bytes = 600;
    // 9,500 held, 600 of it by the cache: 8,900 beside it leave 1,100 of the 10,000.
    control.tick(&Arc::new(now), &mut plane.controls());
    assert_eq!(plane.count(CACHE_CAPACITY), 1_100);
    let decisions: Vec<_> = control.decisions().iter().map(|d| (d.by[0].as_str(), d.to.clone())).collect();
    assert_eq!(decisions, [("a", Value::Count(2_000)), ("host", Value::Count(1_100))]);
}

#[test]
fn what_another_dial_has_promised_counts_against_the_budget() {
    let mut plane = Plane::new();
    // An actuator of the right kind stands in for a tier.
    let config = Config {
        budget: Some(Budget {
            dial: CACHE_CAPACITY,
            cap_bytes: 10_000,
            promised: vec![(IO_WORKERS, "warm-bytes")],
        }),
        ..config()
    };
    let mut control = ControlLoop::new(config, Vec::new(), &plane.actuators);
    plane.actuators.apply(IO_WORKERS, &Value::Count(5_000)).unwrap();
    let mut look = |tick, taken: Option<f64>| {
        let mut now = plane.snapshot(tick);
        now.system.process_memory_bytes = 6_000;
        now.gauges = taken.map(|taken| ("warm-bytes", taken)).into_iter().collect();
        control.tick(&Arc::new(now), &mut plane.controls());
        plane.count(CACHE_CAPACITY)
    };
    assert_eq!(look(1, None), 1_000, "nobody has looked what is taken");
    assert_eq!(look(2, Some(4_500.0)), 1_000, "500 of it may come yet");
    assert_eq!(look(3, Some(1_800.0)), 800, "3,200 of it may come yet, beside the 6,000");
}

#[test]
fn the_budget_never_asks_for_less_than_the_least_capacity() {
    let mut plane = Plane::new();
    let mut control = control(Vec::new(), &plane);
    let mut now = plane.snapshot(1);
    now.system.process_memory_bytes = 1_000_000;
    control.tick(&Arc::new(now), &mut plane.controls());
    assert_eq!(plane.count(CACHE_CAPACITY), 100);
}

#[test]
fn what_the_data_plane_cannot_apply_is_reported_and_leaves_the_setting() {
    let mut plane = Plane::with(true);
    let mut control = control(vec![registration("a", 1, vec![io(9)])], &plane);
    let records = run(&mut control, &mut plane, 1..=1);
    assert_eq!(verdicts(&records), [(1, "a", Verdict::Failed)]);
    let log = records.iter().find_map(|r| match r {
        Record::Log(line) => Some((line.level, line.context.as_str(), line.message.as_str())),
        _ => None,
    });
    assert_eq!(log, Some(("error", "io-workers", "the pool is gone")));
    assert_eq!((plane.count(IO_WORKERS), control.decisions().len()), (8, 0));
}

#[test]
fn a_dial_without_an_actuator_is_unavailable() {
    let mut actuators = Actuators::default();
    let mut control = ControlLoop::new(config(), vec![registration("a", 1, vec![io(9)])], &actuators);
    let (mut rules, mut shadows) = (NoRules, NoShadows);
    let mut controls = Controls { actuators: &mut actuators, rules: &mut rules, shadows: &mut shadows };
    let records = control.tick(&Arc::default(), &mut controls);
    assert_eq!(verdicts(&records), [(0, "a", Verdict::Refused)]);
    let objection = control.costs().next().unwrap().1.first_objection.clone();
    assert_eq!(objection.as_deref(), Some("io-workers refused: unavailable in this run"));
}

#[test]
fn the_shadows_follow_what_the_highest_priority_asks_for() {
    let mut plane = Plane::new();
    let follow = |policy: &'static str| -> Act {
        Box::new(move |context| {
            context.follow(vec![policy.to_owned()]).unwrap();
            None
        })
    };
    let low = registration("low", 1, vec![follow("sieve")]);
    let high = registration("high", 5, vec![follow("arc")]);
    let mut control = control(vec![low, high], &plane);
    let records = run(&mut control, &mut plane, 1..=1);
    assert_eq!(plane.shadows.0, ["arc"]);
    assert!(records.iter().any(|r| matches!(r, Record::Shadows(s) if s.by == "high" && s.from == ["lru"])));
}

#[test]
fn the_shadows_run_at_other_capacities_once_any_strategy_asks() {
    let mut plane = Plane::new();
    let ask: Act = Box::new(|context| {
        context.follow_capacities().unwrap();
        None
    });
    let mut control = control(
        vec![registration("one", 5, vec![nothing()]), registration("two", 1, vec![nothing(), ask])],
        &plane,
    );
    run(&mut control, &mut plane, 1..=1);
    assert!(!plane.shadows.1);
    run(&mut control, &mut plane, 2..=2);
    assert!(plane.shadows.1);
}

#[test]
fn a_strategy_is_told_what_became_of_its_proposals() {
    let seen: Arc<Mutex<Vec<Outcome>>> = Arc::default();
    let kept = Arc::clone(&seen);
    let look: Act = Box::new(move |context| {
        *kept.lock().unwrap() = context.outcomes(10).cloned().collect();
        None
    });
    let mut plane = Plane::new();
    let arc = propose(&[(CACHE_POLICY, Value::Name("arc".into()))]);
    let high = registration("high", 5, vec![arc, nothing(), nothing()]);
    let lru = propose(&[(CACHE_POLICY, Value::Name("lru".into())), (IO_WORKERS, Value::Count(99))]);
    let low = registration("low", 1, vec![lru, nothing(), nothing(), look]);
    let mut control = control(vec![low, high], &plane);
    run(&mut control, &mut plane, 1..=4);
    let seen = seen.lock().unwrap();
    let told: Vec<_> = seen.iter().map(|o| (o.dial, o.verdict, o.by.as_slice())).collect();
    assert_eq!(
        told,
        [
            (CACHE_POLICY, Verdict::Outranked, ["high".to_owned()].as_slice()),
            (IO_WORKERS, Verdict::Applied, ["low".to_owned()].as_slice()),
        ]
    );
    // It asked for 99 and was clamped to 64.
    assert_eq!(seen[1].proposed, Value::Count(99));
    let effect = seen[0].effect.as_ref().unwrap();
    assert_eq!((effect.metric, effect.measured, effect.counterfactual), ("hit-ratio", 0.6, Some(0.6)));
}

#[test]
fn the_ledger_shares_the_snapshot_and_keeps_what_was_asked() {
    let mut plane = Plane::new();
    let mut control = control(vec![registration("a", 1, vec![io(99)])], &plane);
    let snapshot = Arc::new(plane.snapshot(1));
    let records = control.tick(&snapshot, &mut plane.controls());
    assert!(matches!(&records[0], Record::Tick(kept) if Arc::ptr_eq(kept, &snapshot)));
    let lines: Vec<String> = records.iter().map(|r| serde_json::to_string(r).unwrap()).collect();
    let expected = r#""asked":99,"proposed":64,"answer":{"clamped":64.0},"verdict":"applied""#;
    assert!(lines.iter().any(|line| line.contains(expected)), "{lines:?}");
}

#[test]
fn the_same_snapshots_give_the_same_ledger() {
    let ledger = || {
        let mut plane = Plane::new();
        let script = || {
            let both = [(IO_WORKERS, Value::Count(12)), (CACHE_CAPACITY, Value::Count(9_999))];
            vec![propose(&both), nothing()]
        };
        let registrations = vec![registration("a", 1, script()), registration("b", 2, script())];
        let mut control = control(registrations, &plane);
        let mut records = run(&mut control, &mut plane, 1..=6);
        records.extend(control.finish(&plane.snapshot(6)));
        serde_json::to_string(&records).unwrap()
    };
    let first = ledger();
    assert!(first.contains(r#""answer":{"clamped":2000.0}"#), "{first}");
    assert_eq!(first, ledger());
}
