//! A data plane of three dials, a rule book and shadows, and strategies that follow a script.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use host_contract::dial::{CACHE_CAPACITY, CACHE_POLICY, IO_WORKERS};
use host_contract::snapshot::{Cache, Shadow};
use host_contract::{Dial, Dials, Grant, Names, PrefetchRule, Range, Snapshot, Value};
use host_control::judge::Plan;
use host_control::ledger::{Event, Record};
use host_control::{
    Actuator, Actuators, Budget, Config, ControlLoop, Controls, Fault, Identity, ProposalContext,
    Registration, Response, RuleBook, ShadowControl, Strategy, Usage, Verdict,
};

/// What a strategy does in one tick.
pub(crate) type Act = Box<dyn FnMut(&mut ProposalContext) -> Option<Fault> + Send>;

/// Does what its script says, a line a tick.
pub(crate) struct Scripted {
    identity: Identity,
    script: VecDeque<Act>,
    restart_fails: bool,
}

impl Strategy for Scripted {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn tick(&mut self, _: Arc<Snapshot>, mut context: ProposalContext) -> Response {
        let fault = self.script.pop_front().and_then(|mut act| act(&mut context));
        Response { context, usage: Usage { fuel: 10, ..Usage::default() }, log: Vec::new(), fault }
    }

    fn restart(&mut self) -> Result<Usage, Fault> {
        match self.restart_fails {
            true => Err(Fault::NotLoaded("no memory left".into())),
            false => Ok(Usage { fuel: 5, ..Usage::default() }),
        }
    }
}

pub(crate) fn registration(name: &str, priority: i64, script: Vec<Act>) -> Registration {
    let identity = Identity {
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        digest: "d".to_owned(),
        dials: Dials::built_in().iter().map(|spec| spec.dial.name().to_owned()).collect(),
    };
    let strategy = Scripted { identity, script: script.into(), restart_fails: name == "restart-fails" };
    Registration::new(Box::new(strategy), priority, Grant::ALL.into())
}

/// What happened to strategies, by the ledger: the tick, who, and what.
pub(crate) fn events(records: &[Record]) -> Vec<(u64, &str, &Event)> {
    let events = records.iter().filter_map(|record| match record {
        Record::Strategy(of) => Some((of.tick, of.strategy.as_str(), &of.event)),
        _ => None,
    });
    events.collect()
}

/// Proposes these values, in this order.
pub(crate) fn propose(values: &[(Dial, Value)]) -> Act {
    let values = values.to_vec();
    Box::new(move |context| {
        for (dial, value) in &values {
            // The answer is in the context, where the loop finds it.
            drop(context.propose(dial, value.clone()));
        }
        None
    })
}

pub(crate) fn io(workers: u64) -> Act {
    propose(&[(IO_WORKERS, Value::Count(workers))])
}

pub(crate) fn capacity(hundreds: u64) -> Act {
    propose(&[(CACHE_CAPACITY, Value::Count(hundreds * 100))])
}

pub(crate) fn trap() -> Fault {
    Fault::Trap { reason: "unreachable".into(), printed: Vec::new() }
}

pub(crate) fn nothing() -> Act {
    propose(&[])
}

/// A dial that does what it is told, and shows it outside.
pub(crate) struct Turned {
    range: Range,
    value: Arc<Mutex<Value>>,
    broken: bool,
}

impl Actuator for Turned {
    fn range(&self) -> Option<Range> {
        Some(self.range.clone())
    }

    fn value(&self) -> Value {
        self.value.lock().unwrap().clone()
    }

    fn apply(&mut self, value: &Value) -> Result<(), String> {
        if self.broken {
            return Err("the pool is gone".into());
        }
        *self.value.lock().unwrap() = value.clone();
        Ok(())
    }
}

#[derive(Default)]
pub(crate) struct Rules(pub(crate) BTreeSet<(u32, u32)>);

impl RuleBook for Rules {
    fn limit(&self) -> Option<u32> {
        Some(2)
    }

    fn count(&self) -> u64 {
        self.0.iter().map(|_| 1).sum()
    }

    fn install(&mut self, owner: u32, id: u32, _: &PrefetchRule) -> Result<(), String> {
        self.0.insert((owner, id));
        Ok(())
    }

    fn withdraw(&mut self, owner: u32, id: u32) -> Result<(), String> {
        self.0.remove(&(owner, id)).then_some(()).ok_or_else(|| "no such rule".into())
    }

    fn withdraw_all(&mut self, owner: u32) {
        self.0.retain(|(of, _)| *of != owner);
    }
}

/// The policies, and whether at other capacities too.
pub(crate) struct Follows(pub(crate) Vec<String>, pub(crate) bool);

impl ShadowControl for Follows {
    fn followed(&self) -> Vec<String> {
        self.0.clone()
    }

    fn known(&self) -> Option<Names> {
        Some(["lru", "arc", "sieve"].map(str::to_owned).to_vec().into())
    }

    fn budget(&self) -> u32 {
        2
    }

    fn follow(&mut self, policies: &[String]) -> Result<(), String> {
        self.0 = policies.to_vec();
        Ok(())
    }

    fn follow_capacities(&mut self) {
        self.1 = true;
    }
}

/// A data plane of three dials, a rule book, and shadows.
pub(crate) struct Plane {
    pub(crate) actuators: Actuators,
    pub(crate) rules: Rules,
    pub(crate) shadows: Follows,
}

impl Plane {
    pub(crate) fn new() -> Self {
        Self::with(false)
    }

    pub(crate) fn with(broken: bool) -> Self {
        let turned = |range, value| Turned { range, value: Arc::new(Mutex::new(value)), broken };
        let names = Range::Names(vec!["lru".into(), "arc".into()].into());
        let actuators = Actuators::default()
            .with(CACHE_POLICY, turned(names, Value::Name("lru".into())))
            .with(CACHE_CAPACITY, turned(Range::Count(100..=2_000), Value::Count(1_000)))
            .with(IO_WORKERS, turned(Range::Count(1..=64), Value::Count(8)));
        Self { actuators, rules: Rules::default(), shadows: Follows(vec!["lru".into()], false) }
    }

    pub(crate) fn controls(&mut self) -> Controls<'_> {
        Controls { actuators: &mut self.actuators, rules: &mut self.rules, shadows: &mut self.shadows }
    }

    pub(crate) fn count(&self, dial: Dial) -> u64 {
        match self.actuators.value(dial) {
            Some(Value::Count(count)) => count,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn snapshot(&self, tick: u64) -> Snapshot {
        let policy = self.actuators.value(CACHE_POLICY).unwrap().to_string();
        let shadow = |policy: &str| Shadow {
            policy: policy.to_owned(),
            capacity_factor: 1.0,
            capacity_bytes: 1_000,
            requests: 100 * tick,
            misses: 50 * tick,
            ..Shadow::default()
        };
        Snapshot {
            tick,
            cache: Cache {
                policy,
                capacity_bytes: self.count(CACHE_CAPACITY),
                hits: 60 * tick,
                misses: 40 * tick,
                ..Cache::default()
            },
            shadows: vec![shadow("arc"), shadow("lru")],
            ..Snapshot::default()
        }
    }
}

pub(crate) fn config() -> Config {
    Config {
        dials: Dials::built_in(),
        cool_down_ticks: 2,
        judge: Plan::watch_only(2),
        modes: BTreeMap::new(),
        budget: Some(Budget { dial: CACHE_CAPACITY, cap_bytes: 10_000, promised: Vec::new() }),
    }
}

pub(crate) fn control(registrations: Vec<Registration>, plane: &Plane) -> ControlLoop {
    ControlLoop::new(config(), registrations, &plane.actuators)
}

pub(crate) fn run(
    control: &mut ControlLoop,
    plane: &mut Plane,
    ticks: std::ops::RangeInclusive<u64>,
) -> Vec<Record> {
    ticks
        .flat_map(|tick| {
            let snapshot = Arc::new(plane.snapshot(tick));
            control.tick(&snapshot, &mut plane.controls())
        })
        .collect()
}

pub(crate) fn verdicts(records: &[Record]) -> Vec<(u64, &str, Verdict)> {
    let proposals = records.iter().filter_map(|record| match record {
        Record::Proposal(p) => Some((p.tick, p.strategy.as_str(), p.verdict)),
        _ => None,
    });
    proposals.collect()
}
