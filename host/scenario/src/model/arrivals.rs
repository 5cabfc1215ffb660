//! When open arrivals come. They hang on the seed and the scenario alone, and never on what became of those before.
//!
//! Candidates come at the highest rate of the phase; each is one with the probability that the rate of its moment has of the
//! highest one (thinning, Lewis and Shedler 1979). At equal distances chance is replaced by a sum.

use host_contract::number::{to_f64, to_u64};

use crate::random::Stream;
use crate::scenario::{Arrivals, Process};

/// The number that its random numbers have among those of a seed.
const STREAM: u64 = 0xa221_0a15;

/// The open arrivals of a run; those of a closed phase are none.
#[derive(Debug)]
pub(crate) struct Source {
    random: Stream,
    rate: Option<Rate>,
    process: Process,
    /// Requests that may wait.
    queue: usize,
    /// When the phase began, and how long a tick is. Seconds.
    began: f64,
    tick: f64,
    /// Share of an arrival that the candidates before have left.
    left: f64,
}

/// Requests a second.
#[derive(Debug)]
enum Rate {
    Steady(f64),
    Bursts { low: f64, high: f64, off: f64, on: f64 },
    Sine { low: f64, high: f64, period: f64 },
}

impl Source {
    pub(crate) fn new(seed: u64, tick: f64) -> Self {
        Self {
            random: Stream::new(seed, STREAM),
            rate: None,
            process: Process::Poisson,
            queue: 0,
            began: 0.0,
            tick,
            left: 0.0,
        }
    }

    pub(crate) fn begin_phase(&mut self, now: f64, arrivals: &Arrivals) {
        let ticks = |ticks: u32| f64::from(ticks) * self.tick;
        let (rate, process, queue) = match arrivals {
            Arrivals::Closed(_) => (None, Process::Poisson, 0),
            Arrivals::Open(open) => (Some(Rate::Steady(open.rate)), open.process, open.queue),
            Arrivals::Bursts(bursts) => {
                let (off, on) = (ticks(bursts.off_ticks), ticks(bursts.on_ticks));
                let rate = Rate::Bursts { low: bursts.low, high: bursts.high, off, on };
                (Some(rate), bursts.process, bursts.queue)
            }
            Arrivals::Daily(daily) => {
                let period = ticks(daily.period_ticks);
                (Some(Rate::Sine { low: daily.low, high: daily.high, period }), daily.process, daily.queue)
            }
        };
        (self.rate, self.process, self.began, self.left) = (rate, process, now, 0.0);
        self.queue = usize::try_from(queue).unwrap_or(usize::MAX);
    }

    /// Whether one more fits a queue that holds so many.
    pub(crate) fn fits(&self, waiting: usize) -> bool {
        waiting < self.queue
    }

    /// Seconds to the next candidate; none in a closed phase.
    pub(crate) fn gap(&mut self) -> Option<f64> {
        let peak = self.rate.as_ref()?.peak();
        Some(match self.process {
            Process::Poisson => self.random.exponential() / peak,
            Process::Even => 1.0 / peak,
        })
    }

    /// Whether the candidate at this time is an arrival.
    pub(crate) fn is_one(&mut self, now: f64) -> bool {
        let Some(rate) = &self.rate else { return false };
        let share = rate.at(now - self.began) / rate.peak();
        match self.process {
            Process::Poisson => share >= 1.0 || self.random.unit() < share,
            Process::Even => {
                self.left += share;
                let one = self.left >= 1.0;
                self.left -= if one { 1.0 } else { 0.0 };
                one
            }
        }
    }
}

impl Rate {
    fn peak(&self) -> f64 {
        match self {
            Self::Steady(rate) => *rate,
            Self::Bursts { low, high, .. } => low.max(*high),
            Self::Sine { high, .. } => *high,
        }
    }

    /// So many seconds after the phase began.
    fn at(&self, seconds: f64) -> f64 {
        match self {
            Self::Steady(rate) => *rate,
            Self::Bursts { low, high, off, on } => {
                let periods = (seconds / (off + on)).floor();
                let within = seconds - to_f64(to_u64(periods)) * (off + on);
                if within < *off { *low } else { *high }
            }
            Self::Sine { low, high, period } => {
                let swing = 0.5 - 0.5 * (std::f64::consts::TAU * seconds / period).cos();
                low + (high - low) * swing
            }
        }
    }
}
