//! Strategies in shadow mode: what they would have done is told, and nothing of it is done.

use std::sync::{Arc, Mutex};

use host_contract::dial::{CACHE_CAPACITY, CACHE_POLICY, IO_WORKERS};
use host_contract::{PrefetchRule, Value};
use host_control::effect::Found;
use host_control::ledger::Record;
use host_control::shadowed::ShadowReport;
use host_control::{ControlLoop, Registration, Verdict};

use crate::plane::{Act, Plane, capacity, control, io, nothing, propose, registration, run, trap, verdicts};

fn in_shadow(name: &str, script: Vec<Act>) -> Registration {
    registration(name, 9, script).in_shadow_mode()
}

fn shadow(control: &ControlLoop) -> ShadowReport {
    control.statuses().find_map(|status| status.shadow).unwrap()
}

/// What strategies in shadow mode proposed: the tick, what, and what would have become of it.
fn shadowed(records: &[Record]) -> Vec<(u64, String, Verdict)> {
    let proposals = records.iter().filter_map(|record| match record {
        Record::ShadowProposal(of) => {
            Some((of.proposal.tick, of.proposal.proposed.to_string(), of.proposal.verdict))
        }
        Record::ShadowRuleProposal(of) => Some((of.tick, format!("rule {}", of.id), of.verdict)),
        _ => None,
    });
    proposals.collect()
}

#[test]
fn nothing_is_applied_and_others_see_no_conflict() {
    let both = propose(&[(IO_WORKERS, Value::Count(20)), (CACHE_POLICY, Value::Name("arc".into()))]);
    let mut plane = Plane::new();
    let low = registration("low", 1, vec![io(9)]);
    let mut control = control(vec![in_shadow("high", vec![both]), low], &plane);
    let records = run(&mut control, &mut plane, 1..=3);
    assert_eq!(plane.count(IO_WORKERS), 9);
    assert_eq!(plane.actuators.value(CACHE_POLICY), Some(Value::Name("lru".into())));
    assert_eq!(verdicts(&records), [(1, "low", Verdict::Applied)], "nobody outranked it");
    assert!(control.decisions().iter().all(|decision| decision.by == ["low"]));
    let wanted = [(1, "20".to_owned(), Verdict::Shadowed), (1, "arc".to_owned(), Verdict::Shadowed)];
    assert_eq!(shadowed(&records), wanted);
    let mut lines = records.iter().map(|record| serde_json::to_string(record).unwrap());
    let begin = r#"{"type":"shadow-proposal","tick":1,"strategy":"high""#;
    let line = lines.find(|line| line.starts_with(begin)).unwrap();
    assert!(line.ends_with(r#""verdict":"shadowed","in_force":8}"#), "{line}");
}

#[test]
fn what_it_wanted_stands_for_it_and_rests_for_it() {
    let mut plane = Plane::new();
    let script = vec![capacity(11), capacity(12), capacity(11), capacity(11), capacity(12)];
    let mut control = control(vec![in_shadow("a", script)], &plane);
    let records = run(&mut control, &mut plane, 1..=5);
    let verdicts: Vec<Verdict> = shadowed(&records).into_iter().map(|(_, _, verdict)| verdict).collect();
    // It would have changed the dial at tick 1, so that it would have rested in ticks 2 and 3.
    let refused = Verdict::Refused;
    assert_eq!(verdicts, [Verdict::Shadowed, refused, refused, Verdict::NoChange, Verdict::Shadowed]);
    let report = shadow(&control);
    assert_eq!((report.changes, report.wanted[&CACHE_CAPACITY].clone()), (2, Value::Count(1_200)));
    assert_eq!(report.promote, "strategies.a.mode = \"active\"");
    assert_eq!(plane.count(CACHE_CAPACITY), 1_000);
}

#[test]
fn what_the_shadows_can_judge_is_judged_and_the_rest_named() {
    let arc = propose(&[(CACHE_POLICY, Value::Name("arc".into())), (IO_WORKERS, Value::Count(20))]);
    let mut plane = Plane::new();
    let mut control = control(vec![in_shadow("a", vec![arc])], &plane);
    for tick in 1..=20 {
        let mut snapshot = plane.snapshot(tick);
        // lru misses half of its sample, arc a fifth.
        snapshot.shadows[0].misses = 20 * tick;
        control.tick(&Arc::new(snapshot), &mut plane.controls());
    }
    let report = shadow(&control);
    let estimated = report.estimated.unwrap();
    assert_eq!((estimated.ticks, estimated.compared, estimated.requests), (19, 19, 1_900));
    assert!((estimated.hit_ratio - 0.8).abs() < 1e-9 && (estimated.in_force_hit_ratio - 0.5).abs() < 1e-9);
    assert_eq!(estimated.verdict, Found::Better);
    assert_eq!(report.not_judged, ["io-workers: nothing estimates it without turning it"]);
}

#[test]
fn without_estimates_nothing_is_claimed() {
    let mut plane = Plane::new();
    let mut control = control(vec![in_shadow("a", vec![capacity(20)])], &plane);
    run(&mut control, &mut plane, 1..=10);
    let report = shadow(&control);
    assert_eq!(report.estimated, None);
    assert_eq!(report.not_judged, ["cache-capacity: no shadow of lru has a capacity near 2000"]);
}

#[test]
fn its_rules_are_its_own_and_are_not_installed() {
    let installs: Act = Box::new(|context| {
        context.propose_rule(1, PrefetchRule::Sequential { stride: 1, depth: 4 }).unwrap();
        None
    });
    let withdraws: Act = Box::new(|context| {
        context.propose_rule(2, PrefetchRule::Sequential { stride: 1, depth: 4 }).unwrap();
        context.propose_withdrawal(1).unwrap();
        None
    });
    let mut plane = Plane::new();
    let mut control = control(vec![in_shadow("a", vec![installs, withdraws])], &plane);
    let records = run(&mut control, &mut plane, 1..=2);
    assert!(plane.rules.0.is_empty() && control.rule_changes().is_empty());
    assert_eq!(shadowed(&records).len(), 3);
    let report = shadow(&control);
    assert_eq!((report.rule_changes, report.rules), (2, 1));
    assert_eq!(report.not_judged, ["prefetch rules: nothing estimates them without installing them"]);
}

#[test]
fn it_fails_as_any_other_and_begins_anew() {
    let fails: Act = Box::new(|_| Some(trap()));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sees = Arc::clone(&seen);
    let looks: Act = Box::new(move |context| {
        *sees.lock().unwrap() = context.outcomes(10).map(|outcome| outcome.verdict.name()).collect();
        Some(trap())
    });
    let mut plane = Plane::new();
    let mut control = control(vec![in_shadow("a", vec![io(20), looks, io(20), fails])], &plane);
    run(&mut control, &mut plane, 1..=2);
    assert_eq!(*seen.lock().unwrap(), ["shadowed"], "it is told that nothing of it is done");
    let records = run(&mut control, &mut plane, 3..=8);
    // What it had wanted before it failed would have been given up, so that it is a change again.
    assert_eq!(shadowed(&records).len(), 1);
    assert_eq!((shadow(&control).changes, plane.count(IO_WORKERS)), (2, 8));
}

#[test]
fn it_chooses_what_is_estimated_only_where_no_other_has() {
    let follow = |policy: &'static str| -> Act {
        Box::new(move |context| {
            context.follow(vec![policy.to_owned()]).unwrap();
            None
        })
    };
    let mut plane = Plane::new();
    let mut alone = control(vec![in_shadow("a", vec![follow("arc")])], &plane);
    run(&mut alone, &mut plane, 1..=1);
    assert_eq!(plane.shadows.0, ["arc"]);
    let mut plane = Plane::new();
    let other = registration("other", 1, vec![nothing()]);
    let mut beside = control(vec![in_shadow("a", vec![follow("arc")]), other], &plane);
    run(&mut beside, &mut plane, 1..=1);
    assert_eq!(plane.shadows.0, ["arc"], "the other one could, and does not");
    let mut plane = Plane::new();
    let other = registration("other", 1, vec![follow("lru")]);
    let mut beside = control(vec![in_shadow("a", vec![follow("arc")]), other], &plane);
    run(&mut beside, &mut plane, 1..=1);
    assert_eq!(plane.shadows.0, ["lru"]);
}
