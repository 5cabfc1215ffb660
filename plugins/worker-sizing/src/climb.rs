//! From the number of workers that was set upwards: grow while tasks queue and growing pays, else step
//! back and stay.
//!
//! Queueing alone is no reason to grow: under steady overload a limit that follows the queue grows
//! without bound (as Netflix's Gradient2 does). Throughput alone is none either: it changes with
//! the load. So a growth needs both, is judged over the windows that follow it, is taken back where
//! throughput did not rise, and the time until the next try doubles with each try that failed.
//! Where this process keeps its own cores busy there is no try: more workers would only take turns,
//! and that is said instead.
//!
//! The number that the profile or the user has set is the least: this strategy adds workers and takes
//! back what it added, never more. The formula for the kind of work says how far the first growth goes.
//!
//! Other processes' load looks like idleness (whoever submits is slow) and like a growth without gain
//! (the cores are taken). So nothing is taken back while others use a notable part of the machine, and a
//! growth is not judged where their load changed meanwhile.

use crate::Settings;
use strategy_sdk::{count, metrics::PoolMetrics};

/// Share of its cores that this process uses, above which nothing can be gained by more workers.
const SATURATED_CPU: f64 = 0.95;
/// Share of the machine that other processes use, from which idle workers may be their doing.
const NOTABLE_OTHERS: f64 = 0.1;
/// Change of that share, from which two throughputs cannot be compared.
const CHANGED_OTHERS: f64 = 0.1;
/// Share of busy workers above which a queue means that workers are missing.
const BUSY: f64 = 0.9;
/// Share of busy workers below which there are too many.
const IDLE: f64 = 0.3;
/// A wait this long, as a share of the time of service, is a queue.
const NOTABLE_WAIT: f64 = 0.1;
/// Windows over which throughput is measured before and after a growth.
const JUDGED_WINDOWS: u64 = 2;
/// The hold does not grow beyond this multiple of its setting.
const LONGEST_HOLD: u64 = 16;

/// What a climber sees of its pool at one tick.
#[derive(Debug, Clone)]
pub(crate) struct Observation {
    pub(crate) tick: u64,
    /// Length of the window.
    pub(crate) seconds: f64,
    pub(crate) pool: PoolMetrics,
    /// Workers by the formula; none while the kind of work is not known.
    pub(crate) formula: Option<f64>,
    /// The most workers that this kind of work can use.
    pub(crate) ceiling: Option<f64>,
    /// CPU that this process uses, as a share of the cores it may use; none where the host does not tell.
    pub(crate) own_cpu: Option<f64>,
    /// CPU that other processes use, as a share of the machine; none where the host does not tell.
    pub(crate) others_cpu: Option<f64>,
}

impl Observation {
    fn is_saturated(&self) -> bool {
        self.own_cpu.is_some_and(|share| share > SATURATED_CPU)
    }

    fn others_are_busy(&self) -> bool {
        self.others_cpu.is_some_and(|share| share >= NOTABLE_OTHERS)
    }
}

/// What a climber wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Stay,
    /// Nothing to change, but worth telling, once.
    Say(String),
    To {
        workers: u32,
        reason: String,
    },
}

/// Throughput over the windows since the pool has its present size.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Throughput {
    windows: u64,
    seconds: f64,
    tasks: f64,
}

impl Throughput {
    fn per_second(self) -> f64 {
        if self.seconds > 0.0 { self.tasks / self.seconds } else { 0.0 }
    }
}

/// A growth that is not yet judged.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Growth {
    from: u32,
    per_second: f64,
    others_cpu: Option<f64>,
}

impl Growth {
    /// Whether other processes use much more or less CPU than when the pool grew.
    fn others_changed(&self, now: &Observation) -> bool {
        let pair = self.others_cpu.zip(now.others_cpu);
        pair.is_some_and(|(before, now)| (before - now).abs() >= CHANGED_OTHERS)
    }
}

/// The memory of one pool.
#[derive(Debug)]
pub(crate) struct Climb {
    pool: &'static str,
    /// Workers at the first tick: what the profile or the user has set.
    set: Option<u32>,
    workers: u32,
    throughput: Throughput,
    growth: Option<Growth>,
    idle_ticks: u64,
    failures: u32,
    silent_until: u64,
    told_saturated: bool,
}

impl Climb {
    pub(crate) fn new(pool: &'static str) -> Self {
        Self {
            pool,
            set: None,
            workers: 0,
            throughput: Throughput::default(),
            growth: None,
            idle_ticks: 0,
            failures: 0,
            silent_until: 0,
            told_saturated: false,
        }
    }

    /// One tick: takes in what there is to see, and says what to do.
    pub(crate) fn step(&mut self, settings: &Settings, now: &Observation) -> Step {
        self.set.get_or_insert(now.pool.workers);
        self.measure(now);
        if now.tick < self.silent_until {
            return Step::Stay;
        }
        if self.growth.is_some() {
            return self.judge(settings, now);
        }
        if is_queueing(&now.pool) {
            self.idle_ticks = 0;
            return self.grow(settings, now);
        }
        self.told_saturated = false;
        self.shrink(settings, now)
    }

    /// The proposal was refused: nothing before `tick`, and what was tried is forgotten.
    pub(crate) fn refused(&mut self, tick: u64) {
        self.growth = None;
        self.silent_until = tick;
    }

    fn measure(&mut self, now: &Observation) {
        if now.pool.workers != self.workers {
            // Of another size than at the tick before, by this strategy or by anyone: measure anew.
            let expected = self.growth.is_some_and(|growth| now.pool.workers > growth.from);
            self.growth = self.growth.filter(|_| expected);
            self.workers = now.pool.workers;
            self.throughput = Throughput::default();
        }
        self.throughput.windows += 1;
        self.throughput.seconds += now.seconds;
        self.throughput.tasks += count(now.pool.window_completed);
        if self.throughput.windows > JUDGED_WINDOWS * 2 {
            // Only the recent past counts.
            let kept = 0.5;
            self.throughput.windows /= 2;
            self.throughput.seconds *= kept;
            self.throughput.tasks *= kept;
        }
    }

    fn grow(&mut self, settings: &Settings, now: &Observation) -> Step {
        if now.is_saturated() {
            return self.say_saturated(now);
        }
        let Some(formula) = now.formula else { return Step::Stay };
        if self.throughput.windows < JUDGED_WINDOWS {
            return Step::Stay;
        }
        let wanted = (f64::from(self.workers) * settings.growth).ceil().max(formula.round());
        let workers = bounded(now.ceiling.map_or(wanted, |ceiling| wanted.min(ceiling)), &now.pool);
        if workers <= self.workers {
            return Step::Stay;
        }
        let per_second = self.throughput.per_second();
        self.growth = Some(Growth { from: self.workers, per_second, others_cpu: now.others_cpu });
        let (queued, busy) = (now.pool.queued, now.pool.utilisation * 100.0);
        self.to(workers, now, format!("{queued} queued, {busy:.0} % busy at {per_second:.0} tasks a second"))
    }

    fn judge(&mut self, settings: &Settings, now: &Observation) -> Step {
        let Some(growth) = self.growth else { return Step::Stay };
        if self.workers <= growth.from {
            // Not applied: another strategy held the control.
            self.refused(now.tick + settings.hold_ticks);
            return Step::Stay;
        }
        if self.throughput.windows < JUDGED_WINDOWS {
            return Step::Stay;
        }
        self.growth = None;
        let after = self.throughput.per_second();
        let served = !is_queueing(&now.pool);
        if served || after > growth.per_second * (1.0 + settings.gain_threshold) {
            self.failures = 0;
            return Step::Stay;
        }
        if growth.others_changed(now) {
            self.silent_until = now.tick + settings.hold_ticks;
            return Step::Say(format!(
                "{} pool stays at {}: other processes' load has changed, so the growth cannot be judged",
                self.pool, self.workers
            ));
        }
        let hold = (settings.hold_ticks << self.failures.min(10)).min(settings.hold_ticks * LONGEST_HOLD);
        self.failures = self.failures.saturating_add(1);
        self.silent_until = now.tick + hold;
        let before = growth.per_second;
        let limit = if now.is_saturated() { ", this process uses all of its CPU" } else { "" };
        self.to(
            bounded(f64::from(growth.from), &now.pool),
            now,
            format!("no gain ({after:.0} tasks a second after {before:.0}){limit}; next try in {hold} ticks"),
        )
    }

    /// Takes back what was added and is idle, as far as the number that was set.
    fn shrink(&mut self, settings: &Settings, now: &Observation) -> Step {
        let pool = &now.pool;
        // A pool that did nothing shows nothing: the next burst may need all of it.
        let idles = pool.window_completed > 0 && pool.queued == 0 && pool.utilisation < IDLE;
        self.idle_ticks = if idles && !now.others_are_busy() { self.idle_ticks + 1 } else { 0 };
        let least = f64::from(self.set.unwrap_or(self.workers));
        let workers = bounded((f64::from(self.workers) / settings.growth).floor().max(least), pool);
        if self.idle_ticks < settings.hold_ticks || workers >= self.workers {
            return Step::Stay;
        }
        let ticks = std::mem::take(&mut self.idle_ticks);
        let reason = format!("{:.0} % busy, nothing queued for {ticks} ticks", pool.utilisation * 100.0);
        self.to(workers, now, reason)
    }

    fn say_saturated(&mut self, now: &Observation) -> Step {
        if std::mem::replace(&mut self.told_saturated, true) {
            return Step::Stay;
        }
        Step::Say(format!(
            "{} pool stays at {}: {} queued, but this process uses {:.0} % of its CPU, so more workers would not help",
            self.pool,
            self.workers,
            now.pool.queued,
            now.own_cpu.unwrap_or(0.0) * 100.0
        ))
    }

    fn to(&self, workers: u32, now: &Observation, why: String) -> Step {
        Step::To { workers, reason: format!("{} pool {} -> {workers}: {why}", self.pool, now.pool.workers) }
    }
}

fn is_queueing(pool: &PoolMetrics) -> bool {
    let waits = pool.queued > 0 || pool.mean_wait_us > NOTABLE_WAIT * pool.mean_service_us;
    waits && pool.utilisation > BUSY
}

/// Within the pool's bounds; at least one.
#[expect(clippy::as_conversions, reason = "the float is clamped to a range of u32 first")]
fn bounded(workers: f64, pool: &PoolMetrics) -> u32 {
    let least = pool.min_workers.max(1);
    workers.clamp(f64::from(least), f64::from(pool.max_workers.max(least))) as u32
}

#[cfg(test)]
mod tests;
