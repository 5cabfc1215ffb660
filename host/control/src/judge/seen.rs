//! What one tick says of how well the run goes, and ticks taken together as a block.
//!
//! The figure goes by what the operator wants: the requests served a second; under `latency` the mean time of a request.
//! Blocks are compared by the logarithm of their figure, in which a change by a share has the same size wherever it
//! starts, with the better one above. A tick without a request says nothing and is left out, unless tasks wait: then
//! the setting itself may be what stops them.

use host_contract::number::{to_f64, to_u64};
use host_contract::{Objective, Snapshot};

/// A change of what one setting serves from which the load is another one, on the logarithmic scale.
pub(crate) const OTHER_LOAD: f64 = 0.4;

/// The figure that a run is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    /// Requests a second.
    Throughput,
    /// Mean time of a request, microseconds.
    Latency,
}

impl Metric {
    /// The one that speaks for an objective. Memory and bandwidth are saved only where throughput does not fall.
    pub(crate) fn of(objective: Objective) -> Self {
        match objective {
            Objective::Latency => Self::Latency,
            Objective::Throughput | Objective::Memory | Objective::Bandwidth => Self::Throughput,
        }
    }

    /// Its name in an effect.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::Latency => "latency-mean",
        }
    }

    /// What this tick says; none where nothing happened.
    pub(crate) fn look(self, snapshot: &Snapshot) -> Option<Seen> {
        let seconds = snapshot.elapsed.as_secs_f64();
        if seconds <= 0.0 {
            return None;
        }
        // Whole requests: the gauge was made from a count.
        let requests = to_f64(to_u64(snapshot.throughput() * seconds));
        match self {
            Self::Throughput if requests > 0.0 => Some(Seen { requests, seconds, amount: requests }),
            Self::Throughput if waiting(snapshot) => Some(Seen { requests, seconds, amount: 0.5 }),
            Self::Latency if requests > 0.0 => {
                let mean = snapshot.gauge("latency-mean").filter(|mean| *mean > 0.0)?;
                Some(Seen { requests, seconds, amount: mean * requests })
            }
            _ => None,
        }
    }

    /// The figure of several ticks together; none of none.
    pub(crate) fn figure<'a>(self, ticks: impl Iterator<Item = &'a Seen>) -> Option<f64> {
        let (mut requests, mut seconds, mut amount) = (0.0, 0.0, 0.0);
        for seen in ticks {
            requests += seen.requests;
            seconds += seen.seconds;
            amount += seen.amount;
        }
        let figure = match self {
            Self::Throughput => amount / seconds,
            Self::Latency => amount / requests,
        };
        (figure.is_finite() && figure > 0.0).then_some(figure)
    }

    /// A figure on the scale of comparison.
    pub(crate) fn scale(self, figure: f64) -> f64 {
        match self {
            Self::Throughput => figure.ln(),
            Self::Latency => -figure.ln(),
        }
    }
}

/// Whether work waits that the pools could do.
fn waiting(snapshot: &Snapshot) -> bool {
    snapshot.executor.as_ref().is_some_and(|pools| pools.cpu.queued > 0 || pools.io.queued > 0)
}

/// What one tick saw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seen {
    pub(crate) requests: f64,
    pub(crate) seconds: f64,
    /// Requests, or the time of all of them together.
    amount: f64,
}

/// Ticks at one setting, one after the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Block(pub(crate) Vec<Seen>);

impl Block {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The whole block on the scale of comparison; none where it holds nothing.
    pub(crate) fn level(&self, metric: Metric) -> Option<f64> {
        metric.figure(self.0.iter()).map(|figure| metric.scale(figure))
    }

    /// Each tick on the scale of comparison.
    pub(crate) fn levels(&self, metric: Metric) -> Vec<f64> {
        let one = |seen| metric.figure(std::iter::once(seen)).map(|figure| metric.scale(figure));
        self.0.iter().filter_map(one).collect()
    }

    /// Without the ticks before the load changed, where it did so with the last one.
    pub(crate) fn of_the_last_load(mut self, metric: Metric) -> Self {
        let last = self.0.pop();
        let levels = self.level(metric).zip(last.and_then(|seen| Self(vec![seen]).level(metric)));
        if levels.is_some_and(|(before, last)| (before - last).abs() > OTHER_LOAD) {
            self.0.clear();
        }
        self.0.extend(last);
        self
    }

    /// Requests of the block.
    pub(crate) fn requests(&self) -> f64 {
        self.0.iter().map(|seen| seen.requests).sum()
    }

    /// Mean time from tick to tick, seconds; none where it holds nothing.
    pub(crate) fn seconds_a_tick(&self) -> Option<f64> {
        let seconds: f64 = self.0.iter().map(|seen| seen.seconds).sum();
        (!self.0.is_empty()).then(|| seconds / count(self.0.len()))
    }
}

/// A count as a number.
pub(crate) fn count(of: usize) -> f64 {
    u32::try_from(of).map_or(f64::MAX, f64::from)
}

/// Mean and variance of some numbers; the variance of one is 0.
pub(crate) fn moments(of: &[f64]) -> (f64, f64) {
    let n = count(of.len()).max(1.0);
    let mean = of.iter().sum::<f64>() / n;
    let square = of.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
    (mean, square / (n - 1.0).max(1.0))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use host_contract::snapshot::{Executor, Pool};

    use super::*;

    fn snapshot(throughput: f64, ms: u64, latency: Option<f64>) -> Snapshot {
        let mut gauges = host_contract::gauge::Values::from([("throughput", throughput)]);
        gauges.extend(latency.map(|mean| ("latency-mean", mean)));
        Snapshot { elapsed: Duration::from_millis(ms), gauges, ..Snapshot::default() }
    }

    #[test]
    fn a_block_weighs_its_ticks_by_time_or_by_requests() {
        let ticks = [snapshot(100.0, 1_000, Some(10.0)), snapshot(500.0, 100, Some(40.0))];
        for (metric, figure) in
            [(Metric::Throughput, 150.0 / 1.1), (Metric::Latency, (100.0 * 10.0 + 50.0 * 40.0) / 150.0)]
        {
            let block = Block(ticks.iter().filter_map(|tick| metric.look(tick)).collect());
            assert!((block.level(metric).unwrap() - metric.scale(figure)).abs() < 1e-9, "{metric:?}");
        }
    }

    #[test]
    fn more_throughput_and_less_latency_are_above() {
        assert!(Metric::Throughput.scale(2.0) > Metric::Throughput.scale(1.0));
        assert!(Metric::Latency.scale(2.0) < Metric::Latency.scale(1.0));
    }

    #[test]
    fn a_tick_without_requests_says_nothing_unless_tasks_wait() {
        let mut idle = snapshot(0.0, 100, None);
        assert_eq!(Metric::Throughput.look(&idle), None);
        let io = Pool { queued: 3, ..Pool::default() };
        idle.executor = Some(Executor { io, ..Executor::default() });
        let starved = Block(vec![Metric::Throughput.look(&idle).unwrap()]);
        assert_eq!(
            starved.level(Metric::Throughput),
            Some(5.0_f64.ln()),
            "less than one request in the tick"
        );
        assert_eq!(Metric::Latency.look(&idle), None);
        assert_eq!(Metric::Throughput.look(&Snapshot::default()), None, "no time has passed");
    }
}
