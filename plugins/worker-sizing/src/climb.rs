//! From the start onwards: grow while tasks queue and growing pays, else step back and stay.
//!
//! Queueing alone is no reason to grow: under steady overload a limit that follows the queue grows
//! without bound (as Netflix's Gradient2 does). Throughput alone is none either: it changes with
//! the load. So a growth needs both, is judged over the windows that follow it, is taken back where
//! throughput did not rise, and the time until the next try doubles with each try that failed.
//! Where the CPU is saturated there is no try: more workers would only take turns, and that is said
//! instead.

use crate::Settings;
use strategy_sdk::{count, metrics::PoolMetrics};

/// Share of CPU above which nothing can be gained by more workers.
const SATURATED_CPU: f64 = 0.95;
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
pub(crate) struct Sight {
    pub(crate) tick: u64,
    /// Length of the window.
    pub(crate) seconds: f64,
    pub(crate) pool: PoolMetrics,
    /// Workers by the formula; none while the kind of work is not known.
    pub(crate) start: Option<f64>,
    /// The most workers that this kind of work can use.
    pub(crate) ceiling: Option<f64>,
    /// Share of the machine's CPU in use.
    pub(crate) cpu_usage: f64,
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
struct Measured {
    windows: u64,
    seconds: f64,
    tasks: f64,
}

impl Measured {
    fn per_second(self) -> f64 {
        if self.seconds > 0.0 { self.tasks / self.seconds } else { 0.0 }
    }
}

/// A growth that is not yet judged.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Growth {
    from: u32,
    per_second: f64,
}

/// The memory of one pool.
#[derive(Debug)]
pub(crate) struct Climb {
    pool: &'static str,
    started: bool,
    workers: u32,
    measured: Measured,
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
            started: false,
            workers: 0,
            measured: Measured::default(),
            growth: None,
            idle_ticks: 0,
            failures: 0,
            silent_until: 0,
            told_saturated: false,
        }
    }

    /// One tick: takes in what there is to see, and says what to do.
    pub(crate) fn step(&mut self, settings: &Settings, sight: &Sight) -> Step {
        self.measure(sight);
        if sight.tick < self.silent_until {
            return Step::Stay;
        }
        if !self.started {
            return self.start(sight);
        }
        if self.growth.is_some() {
            return self.judge(settings, sight);
        }
        if is_queueing(&sight.pool) {
            self.idle_ticks = 0;
            return self.grow(settings, sight);
        }
        self.told_saturated = false;
        self.shrink(settings, sight)
    }

    /// The proposal was refused: nothing before `tick`, and what was tried is forgotten.
    pub(crate) fn refused(&mut self, tick: u64) {
        self.growth = None;
        self.silent_until = tick;
    }

    fn measure(&mut self, sight: &Sight) {
        if sight.pool.workers != self.workers {
            // Of another size than at the tick before, by this strategy or by anyone: measure anew.
            let expected = self.growth.is_some_and(|growth| sight.pool.workers > growth.from);
            self.growth = self.growth.filter(|_| expected);
            self.workers = sight.pool.workers;
            self.measured = Measured::default();
        }
        self.measured.windows += 1;
        self.measured.seconds += sight.seconds;
        self.measured.tasks += count(sight.pool.window_completed);
        if self.measured.windows > JUDGED_WINDOWS * 2 {
            // Only the recent past counts.
            let kept = 0.5;
            self.measured.windows /= 2;
            self.measured.seconds *= kept;
            self.measured.tasks *= kept;
        }
    }

    fn start(&mut self, sight: &Sight) -> Step {
        let Some(start) = sight.start else { return Step::Stay };
        self.started = true;
        let workers = within(start.round(), sight);
        if workers == sight.pool.workers {
            return Step::Stay;
        }
        self.to(workers, sight, format!("the formula for this kind of work gives {workers}"))
    }

    fn grow(&mut self, settings: &Settings, sight: &Sight) -> Step {
        if sight.cpu_usage > SATURATED_CPU {
            return self.say_saturated(sight);
        }
        if self.measured.windows < JUDGED_WINDOWS {
            return Step::Stay;
        }
        let workers = within((f64::from(self.workers) * settings.growth).ceil(), sight);
        if workers <= self.workers {
            return Step::Stay;
        }
        let per_second = self.measured.per_second();
        self.growth = Some(Growth { from: self.workers, per_second });
        let (queued, busy) = (sight.pool.queued, sight.pool.utilisation * 100.0);
        self.to(
            workers,
            sight,
            format!("{queued} queued, {busy:.0} % busy at {per_second:.0} tasks a second"),
        )
    }

    fn judge(&mut self, settings: &Settings, sight: &Sight) -> Step {
        let Some(growth) = self.growth else { return Step::Stay };
        if self.workers <= growth.from {
            // Not applied: another strategy held the control.
            self.refused(sight.tick + settings.hold_ticks);
            return Step::Stay;
        }
        if self.measured.windows < JUDGED_WINDOWS {
            return Step::Stay;
        }
        self.growth = None;
        let now = self.measured.per_second();
        let served = !is_queueing(&sight.pool);
        if served || now > growth.per_second * (1.0 + settings.gain_threshold) {
            self.failures = 0;
            return Step::Stay;
        }
        let hold = (settings.hold_ticks << self.failures.min(10)).min(settings.hold_ticks * LONGEST_HOLD);
        self.failures = self.failures.saturating_add(1);
        self.silent_until = sight.tick + hold;
        let before = growth.per_second;
        let limit = if sight.cpu_usage > SATURATED_CPU { ", the CPU is saturated" } else { "" };
        self.to(
            within(f64::from(growth.from), sight),
            sight,
            format!("no gain ({now:.0} tasks a second after {before:.0}){limit}; next try in {hold} ticks"),
        )
    }

    fn shrink(&mut self, settings: &Settings, sight: &Sight) -> Step {
        let pool = &sight.pool;
        // A pool that did nothing shows nothing: the next burst may need all of it.
        let idles = pool.window_completed > 0 && pool.queued == 0 && pool.utilisation < IDLE;
        self.idle_ticks = if idles { self.idle_ticks + 1 } else { 0 };
        let workers = within((f64::from(self.workers) / settings.growth).floor(), sight);
        if self.idle_ticks < settings.hold_ticks || workers >= self.workers {
            return Step::Stay;
        }
        let ticks = std::mem::take(&mut self.idle_ticks);
        let reason = format!("{:.0} % busy, nothing queued for {ticks} ticks", pool.utilisation * 100.0);
        self.to(workers, sight, reason)
    }

    fn say_saturated(&mut self, sight: &Sight) -> Step {
        if std::mem::replace(&mut self.told_saturated, true) {
            return Step::Stay;
        }
        Step::Say(format!(
            "{} pool stays at {}: {} queued, but the CPU is saturated ({:.0} % in use), so more workers would not help",
            self.pool,
            self.workers,
            sight.pool.queued,
            sight.cpu_usage * 100.0
        ))
    }

    fn to(&self, workers: u32, sight: &Sight, why: String) -> Step {
        Step::To { workers, reason: format!("{} pool {} -> {workers}: {why}", self.pool, sight.pool.workers) }
    }
}

fn is_queueing(pool: &PoolMetrics) -> bool {
    let waits = pool.queued > 0 || pool.mean_wait_us > NOTABLE_WAIT * pool.mean_service_us;
    waits && pool.utilisation > BUSY
}

/// Within the pool's bounds and the ceiling of its work; at least one.
#[expect(clippy::as_conversions, reason = "the float is clamped to a range of u32 first")]
fn within(workers: f64, sight: &Sight) -> u32 {
    let least = sight.pool.min_workers.max(1);
    let most = f64::from(sight.pool.max_workers.max(least));
    let most = sight.ceiling.map_or(most, |ceiling| ceiling.clamp(f64::from(least), most));
    workers.clamp(f64::from(least), most) as u32
}

#[cfg(test)]
mod tests;
