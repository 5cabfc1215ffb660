//! What was measured in one tick, and what is asked for.

use strategy_sdk::metrics::{CacheMetrics, ShadowEstimate};

/// What the law sees of one tick.
#[derive(Debug, Clone)]
pub(crate) struct Observation {
    pub(crate) tick: u64,
    /// Since the start of the run.
    pub(crate) seconds: f64,
    pub(crate) cache: CacheMetrics,
    /// The least capacity of the cache that the host allows.
    pub(crate) least: f64,
    /// The most.
    pub(crate) most: f64,
    pub(crate) shadows: Vec<ShadowEstimate>,
    /// None in a run without a warm tier.
    pub(crate) warm: Option<Warm>,
    /// Memory that the process may still take, bytes; none where the machine tells nothing.
    pub(crate) room: Option<f64>,
    /// The hit ratio that the operator wants.
    pub(crate) target: Option<f64>,
}

/// The warm tier. The tier is asked less often than there are ticks: in between there are no figures.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Warm {
    /// Bytes.
    pub(crate) capacity: f64,
    /// The least that the host allows.
    pub(crate) least: f64,
    pub(crate) bytes: Option<f64>,
    pub(crate) entries: Option<f64>,
    pub(crate) hits: Option<f64>,
    pub(crate) misses: Option<f64>,
    pub(crate) latency_us: Option<f64>,
}

/// Who gets another size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Cache,
    Warm,
}

/// A size worth proposing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) part: Part,
    /// In the unit of the capacity.
    pub(crate) bytes: u64,
    /// The figures behind it.
    pub(crate) reason: String,
}

/// A float that counts as a whole number. Negative ones and such that are no number are 0.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "float to integer saturates; NaN gives 0"
)]
pub(crate) fn whole(number: f64) -> u64 {
    number.round() as u64
}

/// Bytes as a reader wants them.
pub(crate) fn megabytes(bytes: f64) -> String {
    if bytes < 10e6 { format!("{:.1} MB", bytes / 1e6) } else { format!("{:.0} MB", bytes / 1e6) }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Ticks of a full cache.

    use super::*;

    /// A full cache of 1,000 entries under `lru` that turns over once a tick.
    pub(crate) fn observation(
        capacity: u64,
        hits: u64,
        misses: u64,
        shadows: Vec<ShadowEstimate>,
    ) -> Observation {
        Observation {
            tick: 1,
            seconds: 1.0,
            cache: CacheMetrics {
                policy: "lru".to_owned(),
                policies: vec!["lru".to_owned()],
                capacity_bytes: capacity,
                used_bytes: capacity,
                entries: 1_000,
                window_hits: hits,
                window_misses: misses,
                window_evictions: 1_000,
                hits: 0,
                misses: 0,
            },
            least: 1_000.0,
            most: 1e12,
            shadows,
            warm: None,
            room: None,
            target: None,
        }
    }

    /// What misses of 2,000 sampled requests at half the capacity, at it, and at twice.
    pub(crate) fn shadows(misses: [f64; 3]) -> Vec<ShadowEstimate> {
        [0.5, 1.0, 2.0]
            .into_iter()
            .zip(misses)
            .map(|(capacity_factor, missed)| ShadowEstimate {
                policy: "lru".to_owned(),
                capacity_factor,
                capacity_bytes: 0,
                sampling_rate: 0.1,
                window_requests: 2_000,
                window_misses: whole(2_000.0 * missed),
                requests: 0,
                misses: 0,
            })
            .collect()
    }
}
