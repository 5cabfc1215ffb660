//! A model of a plant, and runs of the loop over it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use host_contract::dial::{CACHE_CAPACITY, CPU_WORKERS, IO_WORKERS};
use host_contract::snapshot::{Cache, Snapshot};
use host_contract::split_mix::mix;
use host_contract::{Dial, Dials, Grant, Objective, Range, RunInfo, Value};
use host_control::effect::Effect;
use host_control::judge::Plan;
use host_control::ledger::{Block, Record};
use host_control::{
    Actuator, Actuators, Config, ControlLoop, Controls, Fault, Identity, NoRules, NoShadows, ProposalContext,
    Registration, Response, Strategy, Usage,
};

/// What a strategy asks for in each tick.
pub(crate) type Author = Arc<dyn Fn(u64) -> Vec<(Dial, u64)> + Send + Sync>;

/// The same value in every tick.
pub(crate) fn always(dial: Dial, value: u64) -> Author {
    steps(dial, move |_| value)
}

/// A value of each tick.
pub(crate) fn steps(dial: Dial, value: impl Fn(u64) -> u64 + Send + Sync + 'static) -> Author {
    Arc::new(move |tick| vec![(dial, value(tick))])
}

/// One value, until it is heard for the first time.
pub(crate) fn once(dial: Dial, value: u64) -> Author {
    Arc::new(move |tick| if tick <= 4 { vec![(dial, value)] } else { Vec::new() })
}

struct Scripted {
    identity: Identity,
    author: Author,
}

impl Strategy for Scripted {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn tick(&mut self, snapshot: Arc<Snapshot>, mut context: ProposalContext) -> Response {
        for (dial, value) in (self.author)(snapshot.tick) {
            // The answer is in the context, where the loop finds it.
            drop(context.propose(dial, Value::Count(value)));
        }
        Response { context, usage: Usage::default(), log: Vec::new(), fault: None }
    }

    fn restart(&mut self) -> Result<Usage, Fault> {
        Ok(Usage::default())
    }
}

struct Turned(Range, Arc<Mutex<u64>>);

impl Actuator for Turned {
    fn range(&self) -> Option<Range> {
        Some(self.0.clone())
    }

    fn value(&self) -> Value {
        Value::Count(*self.1.lock().unwrap())
    }

    fn apply(&mut self, value: &Value) -> Result<(), String> {
        let Value::Count(count) = value else { return Err("not a count".into()) };
        *self.1.lock().unwrap() = *count;
        Ok(())
    }
}

type Curve = Box<dyn Fn(u64) -> f64>;

/// Throughput as a product of what each dial gives, times noise.
pub(crate) struct Plant {
    io: Curve,
    cpu: Curve,
    capacity: Curve,
    latency: Option<Curve>,
    noise: f64,
    drawn: u64,
    run: RunInfo,
    starting: BTreeMap<Dial, u64>,
    /// How far the cache is filled after a change of its capacity: it takes ten ticks.
    filled: f64,
    /// Another load from a tick on: what the workers give then.
    later: Option<(u64, Curve)>,
    /// Share of a tick that fewer workers lose right after there were more.
    draining: f64,
}

impl Plant {
    pub(crate) fn new(noise_seed: u64) -> Self {
        Self {
            io: Box::new(|_| 1.0),
            cpu: Box::new(|_| 1.0),
            capacity: Box::new(|_| 1.0),
            latency: None,
            noise: 0.0,
            drawn: mix(noise_seed),
            run: RunInfo { seed: 1, ..RunInfo::default() },
            starting: BTreeMap::from([(IO_WORKERS, 8), (CPU_WORKERS, 8), (CACHE_CAPACITY, 1_000)]),
            filled: 1.0,
            later: None,
            draining: 0.0,
        }
    }

    /// Standard deviation of each tick, as a share.
    pub(crate) fn noise(mut self, noise: f64) -> Self {
        self.noise = noise;
        self
    }

    /// The cache starts this full, as a share of what it helps.
    pub(crate) fn filled(mut self, share: f64) -> Self {
        self.filled = share;
        self
    }

    pub(crate) fn seed(mut self, seed: u64) -> Self {
        self.run.seed = seed;
        self
    }

    pub(crate) fn objective(mut self, objective: Objective) -> Self {
        self.run.objective = objective;
        self
    }

    pub(crate) fn starting(mut self, dial: Dial, value: u64) -> Self {
        self.starting.insert(dial, value);
        self
    }

    pub(crate) fn io(mut self, curve: impl Fn(u64) -> f64 + 'static) -> Self {
        self.io = Box::new(curve);
        self
    }

    /// Another curve from a tick on.
    pub(crate) fn later(mut self, tick: u64, curve: impl Fn(u64) -> f64 + 'static) -> Self {
        self.later = Some((tick, Box::new(curve)));
        self
    }

    /// A pool that shrinks loses this share of a tick.
    pub(crate) fn draining(mut self, share: f64) -> Self {
        self.draining = share;
        self
    }

    pub(crate) fn cpu(mut self, curve: impl Fn(u64) -> f64 + 'static) -> Self {
        self.cpu = Box::new(curve);
        self
    }

    pub(crate) fn capacity(mut self, curve: impl Fn(u64) -> f64 + 'static) -> Self {
        self.capacity = Box::new(curve);
        self
    }

    pub(crate) fn latency(mut self, curve: impl Fn(u64) -> f64 + 'static) -> Self {
        self.latency = Some(Box::new(curve));
        self
    }

    pub(crate) fn run(self, plan: Plan, authors: Vec<Author>, ticks: u64) -> Run {
        let handles: BTreeMap<Dial, Arc<Mutex<u64>>> =
            self.starting.iter().map(|(dial, value)| (*dial, Arc::new(Mutex::new(*value)))).collect();
        let turned = |dial: Dial, most: u64, least: u64| {
            (dial, Turned(Range::Count(least..=most), Arc::clone(&handles[&dial])))
        };
        let mut actuators = Actuators::default();
        for (dial, turned) in
            [turned(IO_WORKERS, 64, 1), turned(CPU_WORKERS, 16, 1), turned(CACHE_CAPACITY, 2_000, 100)]
        {
            actuators = actuators.with(dial, turned);
        }
        let registrations = authors.into_iter().enumerate().map(|(at, author)| {
            let identity = Identity {
                name: at.to_string(),
                version: "1.0.0".to_owned(),
                digest: "d".to_owned(),
                dials: Dials::built_in().iter().map(|spec| spec.dial.name().to_owned()).collect(),
            };
            Registration::new(Box::new(Scripted { identity, author }), 1, BTreeSet::from(Grant::ALL))
        });
        let control = ControlLoop::new(config(plan), registrations.collect(), &actuators);
        let mut run = Run {
            plant: self,
            control,
            actuators,
            handles,
            records: Vec::new(),
            done: Vec::new(),
            seen: Vec::new(),
            last: Arc::default(),
        };
        run.go_on(ticks);
        run
    }

    fn uniform(&mut self) -> f64 {
        self.drawn = mix(self.drawn);
        (host_contract::number::to_f64(self.drawn >> 11) + 0.5) / host_contract::number::to_f64(1 << 53)
    }

    fn normal(&mut self) -> f64 {
        let (a, b) = (self.uniform(), self.uniform());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }
}

fn config(plan: Plan) -> Config {
    Config { dials: Dials::built_in(), cool_down_ticks: 2, judge: plan, modes: BTreeMap::new(), budget: None }
}

/// A run of the loop, and what was seen of it.
pub(crate) struct Run {
    plant: Plant,
    pub(crate) control: ControlLoop,
    actuators: Actuators,
    handles: BTreeMap<Dial, Arc<Mutex<u64>>>,
    pub(crate) records: Vec<Record>,
    /// Work of each tick, without noise.
    done: Vec<f64>,
    /// Values that were in force in each tick.
    seen: Vec<BTreeMap<Dial, u64>>,
    last: Arc<Snapshot>,
}

impl Run {
    pub(crate) fn go_on(&mut self, ticks: u64) {
        for _ in 0..ticks {
            let now: BTreeMap<Dial, u64> =
                self.handles.iter().map(|(dial, value)| (*dial, *value.lock().unwrap())).collect();
            let plant = &mut self.plant;
            // A larger cache has to fill before it helps; a smaller one loses at once.
            let holds = (plant.capacity)(now[&CACHE_CAPACITY]);
            plant.filled = if holds < plant.filled { holds } else { (plant.filled + 0.1).min(holds) };
            let tick = self.last.tick + 1;
            let io = match &plant.later {
                Some((from, curve)) if tick >= *from => curve,
                _ => &plant.io,
            };
            let shrank = self.seen.last().is_some_and(|last| last[&IO_WORKERS] > now[&IO_WORKERS]);
            let drained = if shrank { 1.0 - plant.draining } else { 1.0 };
            let work = io(now[&IO_WORKERS]) * (plant.cpu)(now[&CPU_WORKERS]) * plant.filled * drained;
            let noise = plant.noise;
            let throughput = work * (noise * plant.normal()).exp() * 100.0;
            let mut gauges = host_contract::gauge::Values::from([("throughput", throughput)]);
            if let Some(latency) = &plant.latency {
                gauges.insert("latency-mean", latency(now[&IO_WORKERS]));
            }
            let snapshot = Arc::new(Snapshot {
                tick,
                now: Duration::from_secs(tick),
                elapsed: Duration::from_secs(1),
                cache: Cache { policy: "lru".to_owned(), ..Cache::default() },
                gauges,
                run: plant.run,
                ..Snapshot::default()
            });
            self.done.push(work);
            self.seen.push(now);
            let (mut rules, mut shadows) = (NoRules, NoShadows);
            let mut controls =
                Controls { actuators: &mut self.actuators, rules: &mut rules, shadows: &mut shadows };
            self.records.extend(self.control.tick(&snapshot, &mut controls));
            self.last = snapshot;
        }
    }

    pub(crate) fn retire(&mut self, name: &str) {
        let (mut rules, mut shadows) = (NoRules, NoShadows);
        let mut controls =
            Controls { actuators: &mut self.actuators, rules: &mut rules, shadows: &mut shadows };
        self.records.extend(self.control.retire(name, "a test", &self.last, &mut controls).unwrap());
    }

    pub(crate) fn configure(&mut self, plan: Plan) {
        self.control.configure(config(plan));
    }

    pub(crate) fn set(&mut self, dial: Dial, value: u64) {
        self.actuators.apply(dial, &Value::Count(value)).unwrap();
    }

    pub(crate) fn finish(&mut self) {
        let records = self.control.finish(&self.last);
        self.records.extend(records);
    }

    pub(crate) fn io(&self) -> u64 {
        *self.handles[&IO_WORKERS].lock().unwrap()
    }

    pub(crate) fn start(&self, dial: Dial) -> Value {
        Value::Count(self.plant.starting[&dial])
    }

    /// The values that were in force, tick by tick.
    pub(crate) fn values(&self, dial: Dial) -> impl Iterator<Item = u64> {
        self.seen.iter().map(move |now| now[&dial])
    }

    pub(crate) fn ticks_from(&self, tick: usize, dial: Dial, value: u64) -> usize {
        self.values(dial).skip(tick).filter(|now| *now == value).count()
    }

    /// Share of the work lost against `best` in every tick.
    pub(crate) fn loss(&self, best: f64) -> f64 {
        let lost: f64 = self.done.iter().map(|work| 1.0 - work / best).sum();
        lost / f64::from(u32::try_from(self.done.len()).unwrap())
    }

    pub(crate) fn effects(&self) -> impl Iterator<Item = &Effect> {
        self.records.iter().filter_map(|record| match record {
            Record::Effect(effect) => Some(effect),
            _ => None,
        })
    }

    pub(crate) fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.records.iter().filter_map(|record| match record {
            Record::Block(block) => Some(block),
            _ => None,
        })
    }

    /// Decisions, blocks and effects in words, for a test that fails.
    pub(crate) fn told(&self) -> String {
        let told = self.records.iter().filter_map(|record| match record {
            Record::Decision(d) => {
                Some(format!("{} {} {} -> {} by {:?}: {}", d.tick, d.dial, d.from, d.to, d.by, d.reason))
            }
            Record::Block(b) => Some(format!("{} block {} {} {:?}", b.tick, b.block, b.side, b.values)),
            Record::Effect(e) => Some(format!("{} {:?} of {}: {}", e.tick, e.verdict, e.decision, e.basis)),
            _ => None,
        });
        told.collect::<Vec<_>>().join("\n")
    }
}
