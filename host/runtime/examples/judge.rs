//! What `bench/judge/run` measures: trials of the judge, in a model of a plant and on a running host.
//!
//! ```sh
//! cargo run --release -p host-runtime --example judge -- noise --ticks 300
//! cargo run --release -p host-runtime --example judge -- virtual --runs 200 --from 20 --to 21 --noise 0.03 --repeats 0.3
//! cargo run --release -p host-runtime --example judge -- live --runs 5 --from 20 --to 21
//! ```
//!
//! One JSON object a line. A run has a strategy that turns `io-workers` once, and ends with what the judge found. `live` is
//! a host with its real IO pool, in front of an origin that takes about 200 microseconds: with more clients than workers, a worker
//! more is a worker's share of throughput more; with fewer (`--clients`), no count of workers makes a difference. In
//! `virtual` the throughput is that of the model, times noise that is handed in as `noise` has measured it.
//!
//! Beside the judge stands plain before and after on the same run: the ticks before the change against as many after it,
//! told apart at two standard errors.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use host_contract::dial::IO_WORKERS;
use host_contract::number::to_f64;
use host_contract::split_mix::mix;
use host_contract::{Dials, Grant, Range, RunInfo, Snapshot, Value};
use host_control::effect::Effect;
use host_control::judge::Plan;
use host_control::ledger::Record;
use host_control::{
    Actuator, Actuators, Config, ControlLoop, Controls, Fault, Identity, NoRules, NoShadows, ProposalContext,
    Registration, Response, Strategy, Usage,
};
use host_runtime::{Host, Key, Load, Options, Origin};
use serde_json::json;

type Failure = Box<dyn Error>;

/// Mean time of a load in `live`.
const LATENCY: Duration = Duration::from_millis(5);
/// Time from tick to tick in `live`.
const TICK: Duration = Duration::from_millis(40);
/// Ticks before the change, and ticks of before and after.
const WARM: u64 = 8;
const BESIDE: usize = 4;
/// On the logarithmic scale, what a tick that is off by more than noise is off by.
const FAR: f64 = 0.15;
/// Ticks after which a run is given up.
const MOST: u64 = 400;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let what = args.next().ok_or("noise, virtual or live")?;
    let mut options = BTreeMap::new();
    while let Some(name) = args.next() {
        options.insert(name, args.next().ok_or("a flag without its value")?.parse::<f64>()?);
    }
    let get = |name: &str, default: f64| options.get(name).copied().unwrap_or(default);
    let count = |name: &str, default: u32| host_contract::number::to_u64(get(name, f64::from(default)));
    let (from, to) = (count("--from", 20), count("--to", 21));
    let seeds = |runs: u64| count("--first", 0)..count("--first", 0).saturating_add(runs);
    match what.as_str() {
        "noise" => noise(from, count("--ticks", 300))?,
        "virtual" => {
            let noise = Noise {
                deviation: get("--noise", 0.03),
                repeats: get("--repeats", 0.3),
                stalls: get("--stalls", 0.0),
                depth: get("--depth", 0.3),
            };
            for seed in seeds(count("--runs", 200)) {
                println!("{}", modelled(seed, (from, to), count("--limit", 64), noise));
            }
        }
        "live" => {
            for seed in seeds(count("--runs", 5)) {
                println!("{}", live(seed, (from, to), count("--clients", 128))?);
            }
        }
        other => return Err(format!("`{other}`: noise, virtual or live").into()),
    }
    Ok(())
}

/// Turns `io-workers` once, after [`WARM`] ticks.
struct Once {
    identity: Identity,
    to: Option<u64>,
}

impl Once {
    fn registration(to: Option<u64>) -> Registration {
        let identity = Identity {
            name: "once".to_owned(),
            version: "0.1.0".to_owned(),
            digest: String::new(),
            dials: vec![IO_WORKERS.name().to_owned()],
        };
        Registration::new(Box::new(Self { identity, to }), 50, BTreeSet::from(Grant::ALL))
    }
}

impl Strategy for Once {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn tick(&mut self, snapshot: Arc<Snapshot>, mut context: ProposalContext) -> Response {
        if snapshot.tick > WARM
            && let Some(to) = self.to
            && context.propose(IO_WORKERS, Value::Count(to)).is_ok()
        {
            self.to = None;
        }
        Response { context, usage: Usage::default(), log: Vec::new(), fault: None }
    }

    fn restart(&mut self) -> Result<Usage, Fault> {
        Ok(Usage::default())
    }
}

/// What was seen of a run until the judge spoke.
#[derive(Default)]
struct Seen {
    /// Throughput, tick by tick.
    ticks: Vec<f64>,
    /// Ticks when the dial was turned.
    turned: usize,
    blocks: u64,
    effect: Option<Effect>,
}

impl Seen {
    fn take(&mut self, record: &Record) {
        match record {
            Record::Tick(snapshot) => self.ticks.push(snapshot.throughput()),
            Record::Decision(decision) if decision.by != ["host"] => self.turned = self.ticks.len(),
            Record::Block(block) => self.blocks = self.blocks.max(block.block),
            Record::Effect(effect) => self.effect = Some(effect.clone()),
            _ => {}
        }
    }

    /// Over: the judge has spoken, or there is nothing more to wait for.
    fn is_over(&self) -> bool {
        self.effect.is_some() || to_f64(MOST) <= count(self.ticks.len())
    }

    fn line(&self, seed: u64, (from, to): (u64, u64)) -> String {
        let effect = self.effect.as_ref();
        let verdict = effect.map(|effect| effect.verdict);
        let shift = effect.and_then(|e| Some(e.measured / e.counterfactual? - 1.0));
        json!({
            "seed": seed, "from": from, "to": to, "verdict": verdict, "blocks": self.blocks + 1,
            "ticks": self.ticks.len().saturating_sub(self.turned), "shift": shift,
            "statistic": effect.and_then(|effect| effect.statistic),
            "before_after": self.before_and_after(),
        })
        .to_string()
    }

    /// What plain before and after says. The tick after the change is left out: it is of both.
    fn before_and_after(&self) -> &'static str {
        let before = self.ticks.get(self.turned.saturating_sub(BESIDE)..self.turned).unwrap_or_default();
        let after = self.ticks.get(self.turned + 1..self.turned + 1 + BESIDE).unwrap_or_default();
        if before.len() < BESIDE || after.len() < BESIDE {
            return "too-short";
        }
        let ((a, a2), (b, b2)) = (moments(before), moments(after));
        let error = ((a2 + b2) / count(BESIDE)).sqrt();
        match b - a {
            by if by > 2.0 * error => "better",
            by if by < -2.0 * error => "worse",
            _ => "no-difference",
        }
    }
}

fn count(of: usize) -> f64 {
    u32::try_from(of).map_or(f64::MAX, f64::from)
}

/// Mean and variance.
fn moments(of: &[f64]) -> (f64, f64) {
    let mean = of.iter().sum::<f64>() / count(of.len());
    (mean, of.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count(of.len()) - 1.0))
}

/// Noise of the logarithm of a tick's throughput.
#[derive(Clone, Copy)]
struct Noise {
    deviation: f64,
    /// Correlation of a tick with the one before.
    repeats: f64,
    /// Share of the ticks that are far lower, and by how much on the logarithmic scale in the mean.
    stalls: f64,
    depth: f64,
}

struct Counter(Arc<Mutex<u64>>);

impl Actuator for Counter {
    fn range(&self) -> Option<Range> {
        Some(Range::Count(1..=64))
    }

    fn value(&self) -> Value {
        Value::Count(self.0.lock().map_or(0, |value| *value))
    }

    fn apply(&mut self, value: &Value) -> Result<(), String> {
        let (Value::Count(to), Ok(mut value)) = (value, self.0.lock()) else {
            return Err("no count".to_owned());
        };
        *value = *to;
        Ok(())
    }
}

/// A run of the loop over a plant whose throughput grows with the workers up to `limit`.
fn modelled(seed: u64, (from, to): (u64, u64), limit: u64, noise: Noise) -> String {
    let mut state = mix(seed ^ 0x6a75_6467);
    let mut uniform = move || {
        state = mix(state);
        (to_f64(state >> 11) + 0.5) / to_f64(1 << 53)
    };
    let normal = |a: f64, b: f64| (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos();
    let workers = Arc::new(Mutex::new(from));
    let mut actuators = Actuators::default().with(IO_WORKERS, Counter(Arc::clone(&workers)));
    let config = Config {
        dials: Dials::built_in(),
        cool_down_ticks: 2,
        judge: Plan::default(),
        modes: BTreeMap::new(),
        budget: None,
    };
    let mut control = ControlLoop::new(config, vec![Once::registration(Some(to))], &actuators);
    let (mut seen, mut level) = (Seen::default(), noise.deviation * normal(uniform(), uniform()));
    for tick in 1.. {
        let fresh = noise.deviation * (1.0 - noise.repeats.powi(2)).sqrt();
        level = noise.repeats * level + fresh * normal(uniform(), uniform());
        let stall = if uniform() < noise.stalls { -noise.depth * uniform().ln() } else { 0.0 };
        let now = workers.lock().map_or(0, |value| *value);
        let throughput = 1_000.0 * to_f64(now.min(limit)) * (level - stall).exp();
        let snapshot = Arc::new(Snapshot {
            tick,
            elapsed: Duration::from_secs(1),
            gauges: [("throughput", throughput)].into(),
            run: RunInfo { seed, ..RunInfo::default() },
            ..Snapshot::default()
        });
        let (mut rules, mut shadows) = (NoRules, NoShadows);
        let controls = &mut Controls { actuators: &mut actuators, rules: &mut rules, shadows: &mut shadows };
        control.tick(&snapshot, controls).iter().for_each(|record| seen.take(record));
        if seen.is_over() {
            break;
        }
    }
    seen.line(seed, (from, to))
}

/// An origin that answers after a while.
struct Slow;

impl Origin for Slow {
    fn load(&self, key: &Key) -> Load<'_> {
        let key = key.clone();
        Box::pin(async move {
            // From half to one and a half of it: workers in step would end their requests in steps, too.
            let part = match &key {
                Key::Number(number) => to_f64(mix(*number) >> 44) / to_f64(1 << 20),
                Key::Bytes(_) => 0.5,
            };
            tokio::time::sleep(LATENCY.mul_f64(0.5 + part)).await;
            Ok(host_runtime::Value::from(key.to_string()))
        })
    }

    fn has(&self, _: u64) -> bool {
        true
    }
}

/// Runs a host under load until `over`, and hands every record of its ledger to it.
fn host(
    from: u64,
    to: Option<u64>,
    (clients, seed): (u64, u64),
    mut over: impl FnMut(&Record) -> bool,
) -> Result<(), Failure> {
    let machine = host_telemetry::Machine::read(Path::new("."));
    let sets = [
        format!("executor.io-workers={from}"),
        format!("control.tick={}ms", TICK.as_millis()),
        "control.tick-requests=0".to_owned(),
        "cache.shadows=false".to_owned(),
        "prefetch.mode=on-demand".to_owned(),
        "executor.cpu-workers=1".to_owned(),
    ];
    let loader = host_profile::Loader::new().profile("medium").user_file(None);
    let settings = loader.set(sets.iter().map(String::as_str)).load(&machine)?;
    let executor = host_runtime::executor(&settings)?;
    let options = Options::new(settings).strategies(vec![Once::registration(to)]);
    let options = options.origin(Arc::new(Slow)).executor(Arc::clone(&executor));
    let host = Arc::new(Host::start(options)?);
    let mut records = host.subscribe();
    let stop = Arc::new(AtomicBool::new(false));
    // No key is asked for twice: every request waits for the origin.
    let next = Arc::new(AtomicU64::new(mix(seed) >> 12));
    let class = executor.class("request");
    let clients: Vec<_> = (0..clients)
        .map(|_| {
            let (host, executor) = (Arc::clone(&host), Arc::clone(&executor));
            let (stop, next) = (Arc::clone(&stop), Arc::clone(&next));
            let handle = executor.handle();
            handle.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let (host, key) = (Arc::clone(&host), next.fetch_add(1, Ordering::Relaxed));
                    let task = async move { host.get_or_load(key).await };
                    // A task that the ending pool refuses was the last.
                    if let Ok(pending) = executor.submit_io_fallible(class, task).await {
                        drop(pending.await);
                    }
                }
            })
        })
        .collect();
    let began = Instant::now();
    executor.block_on(async {
        while began.elapsed() < TICK * u32::try_from(MOST).unwrap_or(u32::MAX) * 2 {
            let record = records.recv().await?;
            if over(&record) {
                break;
            }
        }
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            client.await?;
        }
        Ok::<(), Failure>(())
    })
}

/// A run of a host.
fn live(seed: u64, (from, to): (u64, u64), clients: u64) -> Result<String, Failure> {
    let mut seen = Seen::default();
    host(from, Some(to), (clients, seed), |record| {
        seen.take(record);
        seen.is_over()
    })?;
    Ok(seen.line(seed, (from, to)))
}

/// How much a tick's throughput differs by itself on this machine, while nothing is turned.
fn noise(from: u64, ticks: u64) -> Result<(), Failure> {
    let mut levels = Vec::new();
    host(from, None, (128, 0), |record| {
        if let Record::Tick(snapshot) = record
            && snapshot.tick > WARM
        {
            levels.push(snapshot.throughput().ln());
        }
        count(levels.len()) >= to_f64(ticks)
    })?;
    let mut sorted = levels.clone();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    // Stalls apart: they are told as what they are.
    let far = |level: &f64| (level - middle).abs() > FAR;
    let near: Vec<f64> = levels.iter().copied().filter(|level| !far(level)).collect();
    let (mean, variance) = moments(&near);
    let pairs = levels.iter().zip(levels.iter().skip(1)).filter(|(a, b)| !far(a) && !far(b));
    let (mut together, mut both) = (0.0, 0.0);
    for (a, b) in pairs {
        together += (a - mean) * (b - mean);
        both += 1.0;
    }
    let off: Vec<f64> =
        levels.iter().filter(|level| far(level)).map(|level| (level - middle).abs()).collect();
    println!(
        "{}",
        json!({
            "ticks": levels.len(), "throughput": mean.exp(), "deviation": variance.sqrt(),
            "repeats": together / f64::max(both, 1.0) / variance, "stalls": count(off.len()) / count(levels.len()),
            "depth": off.iter().sum::<f64>() / count(off.len()).max(1.0),
        })
    );
    Ok(())
}
