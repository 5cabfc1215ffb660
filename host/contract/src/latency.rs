//! The distribution of durations.
//!
//! One HDR histogram in nanoseconds with two significant digits: a figure is at most 1 % off, from a cache
//! hit of 100 ns to a load of an hour, in about 40 KB. It is not shared: each thread or shard records into
//! its own, and who reports merges them.

use std::time::Duration;

use hdrhistogram::Histogram;

/// What is longer is counted as this long.
const LONGEST: Duration = Duration::from_secs(3600);
const SIGNIFICANT_DIGITS: u8 = 2;

/// Durations of one kind of request or task.
#[derive(Debug, Clone)]
pub struct Latency(Histogram<u64>);

/// Figures of a [`Latency`], in microseconds. All zero where nothing was recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Percentiles {
    /// Durations recorded.
    pub count: u64,
    /// Median.
    pub p50_us: f64,
    /// 95th percentile.
    pub p95_us: f64,
    /// 99th percentile.
    pub p99_us: f64,
    /// Mean.
    pub mean_us: f64,
}

impl Latency {
    /// Nothing recorded yet.
    #[must_use]
    pub fn new() -> Self {
        #[expect(clippy::expect_used, reason = "the bounds are constants that the constructor accepts")]
        let nanoseconds = Histogram::new_with_bounds(1, whole_nanoseconds(LONGEST), SIGNIFICANT_DIGITS)
            .expect("constant bounds are valid");
        Self(nanoseconds)
    }

    /// Records one duration. Longer than an hour counts as an hour.
    pub fn record(&mut self, duration: Duration) {
        self.0.saturating_record(whole_nanoseconds(duration));
    }

    /// Records so many durations of one length.
    pub fn record_many(&mut self, duration: Duration, times: u64) {
        self.0.saturating_record_n(whole_nanoseconds(duration), times);
    }

    /// Adds what another one recorded.
    pub fn merge(&mut self, other: &Self) {
        if other.count() == 0 {
            return;
        }
        #[expect(clippy::expect_used, reason = "adding fails only for a histogram with a wider range")]
        self.0.add(&other.0).expect("all histograms have the same bounds");
    }

    /// Forgets everything, as at the start of a window. Keeps the memory.
    pub fn reset(&mut self) {
        self.0.reset();
    }

    /// Durations recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The figures, each at most 1 % off.
    #[must_use]
    pub fn percentiles(&self) -> Percentiles {
        let h = &self.0;
        if h.is_empty() {
            return Percentiles::default();
        }
        // A bucket is answered by its upper edge, which may lie above the longest duration.
        let at = |quantile| microseconds(h.value_at_quantile(quantile).min(h.max()));
        let (p50_us, p95_us, p99_us) = (at(0.50), at(0.95), at(0.99));
        Percentiles { count: h.len(), p50_us, p95_us, p99_us, mean_us: h.mean() / 1e3 }
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

fn whole_nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[expect(clippy::as_conversions, reason = "at most an hour in nanoseconds, far below 2^53")]
fn microseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(figure: f64, expected: f64) -> bool {
        (figure - expected).abs() <= expected * 0.01
    }

    #[test]
    fn percentiles_are_within_one_percent() {
        let mut latency = Latency::new();
        for us in 1..=1000 {
            latency.record(Duration::from_micros(us));
        }
        let p = latency.percentiles();
        assert_eq!(p.count, 1000);
        assert!(near(p.p50_us, 500.0) && near(p.p95_us, 950.0) && near(p.p99_us, 990.0), "{p:?}");
    }

    #[test]
    fn nothing_recorded_is_all_zero() {
        assert_eq!(Latency::new().percentiles(), Percentiles::default());
    }

    #[test]
    fn out_of_range_saturates() {
        let mut latency = Latency::new();
        latency.record(Duration::ZERO);
        latency.record(Duration::MAX);
        let p = latency.percentiles();
        assert_eq!(p.count, 2);
        assert!(near(p.p99_us, 3.6e9) && p.p50_us <= 0.001, "{p:?}");
    }

    #[test]
    fn merging_equals_recording_into_one() {
        let (mut one, mut two, mut both) = (Latency::new(), Latency::new(), Latency::new());
        for us in [3, 70, 900, 12_000] {
            one.record(Duration::from_micros(us));
            both.record(Duration::from_micros(us));
        }
        for us in [5, 60, 7_000_000] {
            two.record(Duration::from_micros(us));
            both.record(Duration::from_micros(us));
        }
        one.merge(&two);
        one.merge(&Latency::new());
        assert_eq!(one.percentiles(), both.percentiles());
        one.record_many(Duration::from_micros(8), 3);
        one.record_many(Duration::MAX, 0);
        (0..3).for_each(|_| both.record(Duration::from_micros(8)));
        assert_eq!(one.percentiles(), both.percentiles());
        one.reset();
        assert_eq!(one.percentiles(), Percentiles::default());
    }
}
