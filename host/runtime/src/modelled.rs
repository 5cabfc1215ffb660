//! A model in the place of a pool and a machine: what the control plane reads of it, and what it turns.
//!
//! Whoever drives the run plays ticks; the control plane reads the last window. Both take the same lock, one after the
//! other.

use std::sync::Arc;
use std::time::Duration;

use host_contract::dial::{CPU_WORKERS, IO_WORKERS};
use host_contract::gauge::Values;
use host_contract::snapshot::{self, System};
use host_contract::{Dial, Range, Value};
use host_control::{Actuator, Actuators};
use host_scenario::{Model, PoolKind, Window};
use parking_lot::Mutex;

/// A model that plays a scenario, and what it measured last.
#[derive(Debug)]
pub(crate) struct Modelled {
    playing: Mutex<Playing>,
    pool: PoolKind,
    /// What the control plane is told of memory, bytes.
    memory: u64,
    latency_target: Option<Duration>,
}

#[derive(Debug)]
struct Playing {
    model: Model,
    last: Option<Window>,
}

impl Modelled {
    pub(crate) fn new(model: Model, memory: u64, latency_target: Option<Duration>) -> Arc<Self> {
        let pool = model.scenario().pool;
        Arc::new(Self { playing: Mutex::new(Playing { model, last: None }), pool, memory, latency_target })
    }

    /// Plays a tick. Answers its window and the virtual time at its end; none after the last one.
    pub(crate) fn play(&self) -> Option<(Window, Duration)> {
        let playing = &mut *self.playing.lock();
        let window = playing.model.tick()?;
        playing.last = Some(window.clone());
        Some((window, Duration::try_from_secs_f64(playing.model.now()).unwrap_or(Duration::MAX)))
    }

    /// Ticks of the scenario.
    pub(crate) fn ticks(&self) -> u64 {
        self.playing.lock().model.scenario().ticks()
    }

    /// Both pools in the last window; none before the first one.
    pub(crate) fn pools(&self) -> Option<snapshot::Executor> {
        let mut pools = self.playing.lock().last.as_ref()?.executor();
        let target = self.latency_target.map(|target| target.as_secs_f64() * 1e6);
        pools.classes.iter_mut().for_each(|class| class.latency_target_us = target);
        Some(pools)
    }

    /// The machine in the last window, and the gauges beside it. A scenario without cores says nothing of a machine.
    pub(crate) fn sample(&self) -> (System, Values) {
        let nominal = System { cpu_cores: 1.0, memory_limit_bytes: self.memory, ..System::default() };
        let playing = self.playing.lock();
        let Some((window, cores)) = playing.last.as_ref().and_then(|window| Some((window, window.cores?)))
        else {
            return (nominal, Values::new());
        };
        let cpu_usage = (cores.used / cores.cores + cores.others).min(1.0);
        (System { cpu_cores: cores.cores, cpu_usage, ..nominal }, window.gauges())
    }

    /// The one dial that there is.
    pub(crate) fn actuators(self: &Arc<Self>) -> Actuators {
        Actuators::default().with(dial(self.pool), Workers(Arc::clone(self)))
    }
}

/// The dial of a pool's workers.
pub(crate) fn dial(pool: PoolKind) -> Dial {
    match pool {
        PoolKind::Io => IO_WORKERS,
        PoolKind::Cpu => CPU_WORKERS,
    }
}

/// Turns the workers of the model.
struct Workers(Arc<Modelled>);

impl Actuator for Workers {
    fn range(&self) -> Option<Range> {
        let range = self.0.playing.lock().model.scenario().workers;
        Some(Range::Count(u64::from(range.min)..=u64::from(range.max)))
    }

    fn value(&self) -> Value {
        Value::Count(u64::from(self.0.playing.lock().model.workers()))
    }

    fn apply(&mut self, value: &Value) -> Result<(), String> {
        let Value::Count(workers) = value else {
            return Err(format!("expected a whole number, got {value}"));
        };
        let workers = u32::try_from(*workers).map_err(|_| format!("{workers} workers are too many"))?;
        self.0.playing.lock().model.set_workers(workers);
        Ok(())
    }
}
