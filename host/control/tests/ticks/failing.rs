//! Strategies that fail, are started again, or are taken out.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use host_contract::dial::{CACHE_POLICY, IO_WORKERS};
use host_contract::{PrefetchRule, Value};
use host_control::ledger::{Event, Record};
use host_control::supervisor::{RESTARTS, State};
use host_control::{Fault, Verdict};

use crate::plane::{Act, Plane, control, events, io, nothing, registration, run, trap, verdicts};

#[test]
fn a_fault_returns_what_was_held_to_the_starting_settings() {
    let mut plane = Plane::new();
    let holds: Act = Box::new(|context| {
        context.propose(IO_WORKERS, Value::Count(32)).unwrap();
        context.propose_rule(1, PrefetchRule::Sequential { stride: 1, depth: 4 }).unwrap();
        None
    });
    let faults: Act = Box::new(|context| {
        context.propose(CACHE_POLICY, Value::Name("arc".into())).unwrap();
        Some(trap())
    });
    let mut control = control(vec![registration("a", 1, vec![holds, faults, io(33)])], &plane);
    run(&mut control, &mut plane, 1..=1);
    assert_eq!((plane.count(IO_WORKERS), plane.rules.0.len()), (32, 1));
    let records = run(&mut control, &mut plane, 2..=4);
    let policy = plane.actuators.value(CACHE_POLICY);
    assert_eq!(
        (plane.count(IO_WORKERS), plane.rules.0.len(), policy),
        (8, 0, Some(Value::Name("lru".into())))
    );
    // What it asked for in the tick of its fault does not count, and it is not asked again for as long as it rests.
    assert_eq!(verdicts(&records), [(2, "a", Verdict::Refused)]);
    let status = control.statuses().next().unwrap();
    assert!(matches!(status.state, State::BackingOff { until: 6.. }), "{:?}", status.state);
    assert_eq!((status.events[0].tick, status.events[0].text.as_str()), (2, "trapped: unreachable"));
    assert_eq!(control.costs().next().unwrap().1.ticks, 2);
    assert_eq!(control.decisions().last().unwrap().by, ["host"]);
    let change = control.rule_changes().last().unwrap();
    assert_eq!((change.from, change.to, change.withdrawn, change.by[0].as_str()), (1, 0, 1, "host"));
}

#[test]
fn after_its_rest_a_strategy_is_started_again_and_heard_again() {
    let mut plane = Plane::new();
    let faults: Act = Box::new(|_| Some(trap()));
    let seen = Arc::new(Mutex::new(None));
    let sees = Arc::clone(&seen);
    let looks: Act = Box::new(move |context| {
        *sees.lock().unwrap() = Some(context.outcomes(10).count());
        context.propose(IO_WORKERS, Value::Count(40)).unwrap();
        None
    });
    let mut control = control(vec![registration("a", 1, vec![io(32), faults, looks])], &plane);
    let records = run(&mut control, &mut plane, 1..=20);
    let [(2, "a", Event::BackOff { ticks, until, restarts_left, .. }), (again, "a", restart)] =
        events(&records)[..]
    else {
        panic!("{:?}", events(&records))
    };
    assert_eq!((*until, *restarts_left), (2 + ticks, RESTARTS));
    assert_eq!(again, *until);
    assert_eq!(*restart, Event::Restart { restarts: 1, restarts_left: RESTARTS - 1 });
    assert_eq!(*seen.lock().unwrap(), Some(0), "the new instance has no past");
    assert_eq!(plane.count(IO_WORKERS), 40);
    let status = control.statuses().next().unwrap();
    assert_eq!((status.state, status.failures, status.restarts), (State::Active, 1, 1));
    let cost = control.costs().next().unwrap().1;
    assert_eq!(cost.ticks, 2 + 20 - (again - 1));
    assert_eq!(cost.fuel, cost.ticks * 10 + 5, "a restart is paid for");
}

#[test]
fn one_that_always_fails_ends_quarantined_and_the_others_go_on() {
    let course = |seed: u64| {
        let mut plane = Plane::new();
        let scripts: Vec<Act> = (0..100).map(|_| -> Act { Box::new(|_| Some(trap())) }).collect();
        let fails = registration("fails", 5, scripts);
        // Its restarts fail, too: each is one of its budget.
        let dead = registration("restart-fails", 3, vec![Box::new(|_| Some(trap()))]);
        let sound = registration("sound", 1, vec![io(9)]);
        let mut control = control(vec![fails, dead, sound], &plane);
        let records: Vec<Record> = (1..=400)
            .flat_map(|tick| {
                let mut snapshot = plane.snapshot(tick);
                snapshot.run.seed = seed;
                control.tick(&Arc::new(snapshot), &mut plane.controls())
            })
            .collect();
        assert_eq!(plane.count(IO_WORKERS), 9);
        let statuses: Vec<_> = control.statuses().collect();
        let states: Vec<State> = statuses.iter().map(|status| status.state).collect();
        assert_eq!(states, [State::Quarantined, State::Quarantined, State::Active]);
        for status in &statuses[..2] {
            assert_eq!((status.restarts, status.restarts_left), (u64::from(RESTARTS), 0));
            assert!(matches!(status.events.last().unwrap().event, Event::Quarantine { restarts: 6, .. }));
        }
        assert!(matches!(&statuses[1].events[1].event, Event::BackOff { fault: Fault::NotLoaded(_), .. }));
        serde_json::to_string(&records).unwrap()
    };
    assert_eq!(course(1), course(1), "the same seed gives the same ledger");
    assert_ne!(course(1), course(2), "rests have jitter from the seed");
}

#[test]
fn an_operator_resets_a_strategy_that_is_quarantined() {
    let mut plane = Plane::new();
    let mut scripts: Vec<Act> = (0..=RESTARTS).map(|_| -> Act { Box::new(|_| Some(trap())) }).collect();
    scripts.push(io(32));
    // The restart of the other one fails.
    let dead = registration("restart-fails", 3, vec![Box::new(|_| Some(trap()))]);
    let mut control = control(vec![registration("a", 1, scripts), dead], &plane);
    run(&mut control, &mut plane, 1..=400);
    let states = |control: &host_control::ControlLoop| -> Vec<State> {
        control.statuses().map(|status| status.state).collect()
    };
    assert_eq!(states(&control), [State::Quarantined, State::Quarantined]);
    let last = plane.snapshot(400);
    let unknown = control.reset("b", None, &last).unwrap_err();
    assert_eq!(unknown.to_string(), "no strategy `b` takes part; expected one of: restart-fails, a");
    let records = control.reset("a", Some("what it had learnt is forgotten"), &last).unwrap();
    let [Record::Strategy(event)] = &records[..] else { panic!("{records:?}") };
    assert_eq!(event.event, Event::Reset { restarts: u64::from(RESTARTS) + 1 });
    assert_eq!(
        event.to_string(),
        "tick 400: reset: started again in a fresh store, with a full budget of restarts; what it had learnt is forgotten"
    );
    run(&mut control, &mut plane, 401..=401);
    assert_eq!(plane.count(IO_WORKERS), 32, "it is heard again");
    let records = control.reset("restart-fails", None, &plane.snapshot(401)).unwrap();
    assert!(
        matches!(&events(&records)[..], [(401, _, Event::Reset { .. }), (401, _, Event::BackOff { .. })]),
        "{records:?}"
    );
    let records = control.reset("a", None, &plane.snapshot(401)).unwrap();
    let [Record::Strategy(event)] = &records[..] else { panic!("{records:?}") };
    assert!(event.text.contains("it takes part and goes on"), "{event:?}");
    let records = control.reset("a", Some("forgotten"), &plane.snapshot(401)).unwrap();
    let [Record::Strategy(event)] = &records[..] else { panic!("{records:?}") };
    assert!(
        event.text.contains("started again in a fresh store"),
        "what it remembers is gone, too: {event:?}"
    );
    let restarts = control.statuses().find(|of| of.strategy == "a").unwrap().restarts;
    assert_eq!(restarts, u64::from(RESTARTS) + 2);
}

#[test]
fn a_strategy_that_fails_leaves_the_rules_of_another_of_its_name() {
    let mut plane = Plane::new();
    let rule = || -> Act {
        Box::new(|context| {
            context.propose_rule(7, PrefetchRule::Sequential { stride: 1, depth: 4 }).unwrap();
            None
        })
    };
    let faults: Act = Box::new(|_| Some(trap()));
    let bundled = registration("prefetch-rules", 1, vec![rule(), nothing()]);
    let impostor = registration("prefetch-rules", 5, vec![rule(), faults]);
    let mut control = control(vec![bundled, impostor], &plane);
    run(&mut control, &mut plane, 1..=1);
    assert_eq!(plane.rules.0, BTreeSet::from([(0, 7), (1, 7)]));
    run(&mut control, &mut plane, 2..=2);
    assert_eq!(plane.rules.0, BTreeSet::from([(1, 7)]));
}

#[test]
fn an_operator_retires_a_strategy_by_name() {
    let mut plane = Plane::new();
    let mut control = control(vec![registration("a", 1, vec![io(32), io(33)])], &plane);
    run(&mut control, &mut plane, 1..=1);
    let snapshot = Arc::new(plane.snapshot(2));
    let unknown = control.retire("b", "not needed", &snapshot, &mut plane.controls()).unwrap_err();
    assert_eq!(unknown.to_string(), "no strategy `b` takes part; expected one of: a");
    let records = control.retire("a", "not needed", &snapshot, &mut plane.controls()).unwrap();
    assert!(matches!(&records[0], Record::Strategy(of) if of.text == "retired: not needed"));
    assert_eq!(plane.count(IO_WORKERS), 8);
    assert_eq!(verdicts(&run(&mut control, &mut plane, 3..=3)), []);
    assert!(control.retire("a", "again", &snapshot, &mut plane.controls()).is_err());
}
