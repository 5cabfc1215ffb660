//! Ticks of the loop with scripted strategies: what is applied, outranked, cooled down, restored.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use host_control::ledger::{Record, Value, Verdict};
use host_control::snapshot::{Cache, System};
use host_control::{
    Bounds, Budget, Config, Control, ControlLoop, Controls, Desk, Fault, Identity, Mode, Outcome,
    PrefetchRule, Proposal, Seat, Snapshot, Strategy, Usage,
};

/// Says what its script says, a line a tick.
struct Scripted {
    identity: Identity,
    script: VecDeque<(Vec<Proposal>, Option<Fault>)>,
}

impl Strategy for Scripted {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn tick(&mut self, _: Arc<Snapshot>, mut desk: Desk) -> Outcome {
        let (proposals, fault) = self.script.pop_front().unwrap_or_default();
        for proposal in proposals {
            // The answer is on the desk, where the loop finds it.
            drop(desk.propose(proposal));
        }
        Outcome { desk, usage: Usage { fuel: 10, ..Usage::default() }, log: Vec::new(), fault }
    }
}

fn seat(name: &str, priority: i64, script: Vec<(Vec<Proposal>, Option<Fault>)>) -> Seat {
    let identity = Identity {
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        digest: "d".to_owned(),
        controls: Control::ALL.to_vec(),
    };
    let strategy = Scripted { identity, script: script.into() };
    Seat::new(Box::new(strategy), priority, Control::ALL.into_iter().collect::<BTreeSet<_>>())
}

/// A data plane that does what it is told.
struct Plane {
    policy: String,
    capacity: u64,
    io: u32,
    budget: Budget,
    rules: BTreeSet<(String, u32)>,
    broken: bool,
}

impl Plane {
    fn new() -> Self {
        Self {
            policy: "lru".into(),
            capacity: 1_000,
            io: 8,
            budget: Budget { max_in_flight: 4, cache_share: 0.1 },
            rules: BTreeSet::new(),
            broken: false,
        }
    }
}

impl Controls for Plane {
    fn bounds(&self) -> Bounds {
        Bounds {
            policies: vec!["lru".into(), "arc".into()],
            capacity: 100..=2_000,
            cpu_workers: None,
            io_workers: Some(1..=64),
            prefetch_in_flight: Some(0..=16),
            prefetch_share: 0.5,
            max_rules: 2,
        }
    }

    fn value(&self, control: Control) -> Value {
        match control {
            Control::CachePolicy => Value::Policy(self.policy.clone()),
            Control::CacheCapacity => Value::Count(self.capacity),
            Control::CpuWorkers => Value::Count(0),
            Control::IoWorkers => Value::Count(u64::from(self.io)),
            Control::PrefetchRules => Value::Rules { rules: self.rules.iter().map(|_| 1).sum() },
            Control::PrefetchBudget => Value::Budget(self.budget),
        }
    }

    fn apply(&mut self, owner: &str, proposal: &Proposal) -> Result<(), String> {
        if self.broken {
            return Err("the pool is gone".into());
        }
        match proposal {
            Proposal::CachePolicy(name) => self.policy.clone_from(name),
            Proposal::CacheCapacity(bytes) => self.capacity = *bytes,
            Proposal::CpuWorkers(_) => {}
            Proposal::IoWorkers(n) => self.io = *n,
            Proposal::PrefetchBudget(budget) => self.budget = *budget,
            Proposal::InstallRule { id, .. } => {
                self.rules.insert((owner.to_owned(), *id));
            }
            Proposal::WithdrawRule { id } => {
                self.rules.remove(&(owner.to_owned(), *id));
            }
        }
        Ok(())
    }

    fn withdraw_rules(&mut self, owner: &str) {
        self.rules.retain(|(of, _)| of != owner);
    }
}

fn config() -> Config {
    Config { cool_down_ticks: 2, judge_after_ticks: 2, modes: BTreeMap::new(), memory_cap_bytes: 10_000 }
}

fn snapshot(tick: u64, plane: &Plane) -> Snapshot {
    Snapshot {
        tick,
        cache: Cache { policy: plane.policy.clone(), capacity_bytes: plane.capacity, ..Cache::default() },
        ..Snapshot::default()
    }
}

fn run(control: &mut ControlLoop, plane: &mut Plane, ticks: std::ops::RangeInclusive<u64>) -> Vec<Record> {
    ticks.flat_map(|tick| control.tick(snapshot(tick, plane), plane)).collect()
}

fn verdicts(records: &[Record]) -> Vec<(u64, String, Verdict)> {
    let of = |r: &Record| match r {
        Record::Proposal(p) => Some((p.tick, p.strategy.clone(), p.outcome.clone())),
        _ => None,
    };
    records.iter().filter_map(of).collect()
}

#[test]
fn the_higher_priority_wins_and_the_other_is_outranked() {
    let mut plane = Plane::new();
    let low = seat("low", 1, vec![(vec![Proposal::IoWorkers(20)], None)]);
    let high = seat("high", 5, vec![(vec![Proposal::IoWorkers(9), Proposal::IoWorkers(10)], None)]);
    let mut control = ControlLoop::new(config(), vec![low, high], &plane);
    let records = run(&mut control, &mut plane, 1..=1);
    assert_eq!(plane.io, 10);
    assert_eq!(
        verdicts(&records),
        [
            (1, "high".to_owned(), Verdict::Superseded),
            (1, "high".to_owned(), Verdict::Applied),
            (1, "low".to_owned(), Verdict::Outranked),
        ]
    );
    let decision = &control.decisions()[0];
    assert_eq!((&decision.from, &decision.to), (&Value::Count(8), &Value::Count(10)));
    assert_eq!(decision.by, ["high"]);
}

#[test]
fn a_mean_names_every_author() {
    let mut plane = Plane::new();
    let seats = vec![
        seat("a", 1, vec![(vec![Proposal::IoWorkers(20)], None)]),
        seat("b", 1, vec![(vec![Proposal::IoWorkers(10)], None)]),
    ];
    let config = Config { modes: BTreeMap::from([(Control::IoWorkers, Mode::Mean)]), ..config() };
    let mut control = ControlLoop::new(config, seats, &plane);
    run(&mut control, &mut plane, 1..=1);
    assert_eq!(plane.io, 15);
    assert_eq!(control.decisions()[0].by, ["a", "b"]);
}

#[test]
fn a_control_cools_down_for_as_many_ticks_as_the_profile_says() {
    let mut plane = Plane::new();
    let script = (0..5_u32).map(|n| (vec![Proposal::IoWorkers(10 + n)], None)).collect();
    let mut control = ControlLoop::new(config(), vec![seat("a", 1, script)], &plane);
    let records = run(&mut control, &mut plane, 1..=5);
    let outcomes: Vec<Verdict> = verdicts(&records).into_iter().map(|(_, _, v)| v).collect();
    // Changed at tick 1, so that ticks 2 and 3 are refused and tick 4 is heard.
    let expected = [Verdict::Applied, Verdict::Refused, Verdict::Refused, Verdict::Applied, Verdict::Refused];
    assert_eq!(outcomes, expected);
    assert_eq!(plane.io, 13);
}

#[test]
fn what_is_in_force_already_is_no_decision_and_starts_no_cool_down() {
    let mut plane = Plane::new();
    let script = vec![(vec![Proposal::IoWorkers(8)], None), (vec![Proposal::IoWorkers(9)], None)];
    let mut control = ControlLoop::new(config(), vec![seat("a", 1, script)], &plane);
    let records = run(&mut control, &mut plane, 1..=2);
    let outcomes: Vec<Verdict> = verdicts(&records).into_iter().map(|(_, _, v)| v).collect();
    assert_eq!(outcomes, [Verdict::NoChange, Verdict::Applied]);
    assert_eq!(control.decisions().len(), 1);
}

#[test]
fn a_fault_sets_aside_and_returns_what_was_held_to_the_starting_settings() {
    let mut plane = Plane::new();
    let rule = PrefetchRule::Sequential { stride: 1, depth: 4 };
    let script = vec![
        (vec![Proposal::IoWorkers(32), Proposal::InstallRule { id: 1, rule }], None),
        (
            vec![Proposal::CachePolicy("arc".into())],
            Some(Fault::Trap { reason: "unreachable".into(), printed: Vec::new() }),
        ),
        (vec![Proposal::IoWorkers(33)], None),
    ];
    let mut control = ControlLoop::new(config(), vec![seat("a", 1, script)], &plane);
    run(&mut control, &mut plane, 1..=1);
    assert_eq!((plane.io, plane.rules.len()), (32, 1));
    let records = run(&mut control, &mut plane, 2..=4);
    assert_eq!((plane.io, plane.rules.len(), plane.policy.as_str()), (8, 0, "lru"));
    // What it asked for in the tick of its fault does not count, and it is not asked again.
    assert_eq!(verdicts(&records), [(2, "a".to_owned(), Verdict::Refused)]);
    let set_aside: Vec<_> = control.set_aside().collect();
    assert_eq!((set_aside[0].tick, set_aside[0].text.as_str()), (2, "trapped: unreachable"));
    assert_eq!(control.costs().next().unwrap().1.ticks, 2);
    let by_host = control.decisions().iter().filter(|d| d.by == ["host"]).count();
    assert_eq!(by_host, 2);
}

#[test]
fn the_memory_budget_has_the_last_word() {
    let mut plane = Plane::new();
    let script = vec![(vec![Proposal::CacheCapacity(2_000)], None)];
    let mut control = ControlLoop::new(config(), vec![seat("a", 1, script)], &plane);
    let system = System { process_memory_bytes: 9_500, ..System::default() };
    let mut now = snapshot(1, &plane);
    now.system = system;
    now.cache.used_bytes = 600;
    // 9,500 held, 600 of it by the cache: 8,900 beside it leave 1,100 of the 10,000.
    control.tick(now, &mut plane);
    assert_eq!(plane.capacity, 1_100);
    let decisions: Vec<_> = control.decisions().iter().map(|d| (d.by[0].as_str(), d.to.clone())).collect();
    assert_eq!(decisions, [("a", Value::Count(2_000)), ("host", Value::Count(1_100))]);
}

#[test]
fn the_budget_never_asks_for_less_than_the_least_capacity() {
    let mut plane = Plane::new();
    let mut control = ControlLoop::new(config(), Vec::new(), &plane);
    let mut now = snapshot(1, &plane);
    now.system.process_memory_bytes = 1_000_000;
    control.tick(now, &mut plane);
    assert_eq!(plane.capacity, 100);
}

#[test]
fn what_the_data_plane_cannot_apply_is_reported_and_leaves_the_setting() {
    let mut plane = Plane { broken: true, ..Plane::new() };
    let script = vec![(vec![Proposal::IoWorkers(9)], None)];
    let mut control = ControlLoop::new(config(), vec![seat("a", 1, script)], &plane);
    let records = run(&mut control, &mut plane, 1..=1);
    assert_eq!(verdicts(&records), [(1, "a".to_owned(), Verdict::Failed)]);
    let log = records.iter().find_map(|r| match r {
        Record::Log(line) => Some((line.level, line.context.as_str(), line.message.as_str())),
        _ => None,
    });
    assert_eq!(log, Some(("error", "io-workers", "the pool is gone")));
    assert_eq!((plane.io, control.decisions().len()), (8, 0));
}

#[test]
fn the_same_snapshots_give_the_same_ledger() {
    let ledger = || {
        let mut plane = Plane::new();
        let script = || {
            let budget = Budget { max_in_flight: 99, cache_share: 0.9 };
            vec![(vec![Proposal::IoWorkers(12), Proposal::PrefetchBudget(budget)], None), (vec![], None)]
        };
        let seats = vec![seat("a", 1, script()), seat("b", 2, script())];
        let mut control = ControlLoop::new(config(), seats, &plane);
        let mut records = run(&mut control, &mut plane, 1..=6);
        records.extend(control.finish(&snapshot(6, &plane)));
        serde_json::to_string(&records).unwrap()
    };
    let first = ledger();
    assert!(first.contains(r#""answer":{"clamped":16}"#), "{first}");
    assert_eq!(first, ledger());
}
