//! How much samples of one number of workers differ.

use crate::observation::Sample;

/// Standard deviation from sample to sample, as logarithms, until more is known, and at least.
const UNKNOWN: f64 = 0.03;
const LEAST: f64 = 0.005;
const LARGEST: f64 = 0.5;
/// One difference counts for so many times the variance at most: a change of the load is none of it.
const OUTLIER: f64 = 6.0;
/// Differences from which the noise is known, and to which it is remembered.
const KNOWN: f64 = 4.0;
const REMEMBERED: f64 = 8.0;
/// A difference of so many standard deviations, and of so much, is a change of the load.
const CHANGED: f64 = 4.0;
const LEAST_CHANGE: f64 = 0.1;
/// Noise of counting, as a share of what independent arrivals would give.
const COUNTING: f64 = 0.25;

/// Noise of a pool's samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Noise {
    /// Variance of the logarithm of goodput.
    goodput: f64,
    /// Variance of the logarithm of the time of service.
    service: f64,
    /// Differences that it was measured from, up to what is remembered.
    seen: f64,
}

impl Default for Noise {
    fn default() -> Self {
        Self { goodput: UNKNOWN * UNKNOWN, service: UNKNOWN * UNKNOWN, seen: 1.0 }
    }
}

impl Noise {
    /// Two samples of one number of workers under one load.
    pub(crate) fn note(&mut self, one: &Sample, other: &Sample) {
        if one.is_saturated() != other.is_saturated() {
            return;
        }
        let learn = |variance: &mut f64, difference: f64, share: f64| {
            let seen = (0.5 * difference * difference).min(OUTLIER * *variance);
            *variance = (*variance + (seen - *variance) * share).clamp(LEAST * LEAST, LARGEST * LARGEST);
        };
        self.seen = (self.seen + 1.0).min(REMEMBERED);
        let share = 1.0 / (self.seen + 1.0);
        learn(&mut self.goodput, other.utility() - one.utility(), share);
        learn(&mut self.service, service(one, other), share);
    }

    /// Standard deviation of the difference of two samples' goodput.
    pub(crate) fn of_difference(&self) -> f64 {
        (2.0 * self.goodput).sqrt()
    }

    /// The same of these two. Few tasks cannot be told apart however orderly they came so far.
    pub(crate) fn between(&self, one: &Sample, other: &Sample) -> f64 {
        let measured = self.of_difference().max(LEAST);
        if self.seen >= KNOWN {
            return measured;
        }
        measured.max(COUNTING * one.counting_noise().hypot(other.counting_noise()))
    }

    /// Standard deviation of the time of service.
    pub(crate) fn of_service(&self) -> f64 {
        self.service.sqrt()
    }

    /// Standard deviation of a sample's goodput, where a sample has as many tasks as this one.
    pub(crate) fn of_sample(&self, like: Option<&Sample>) -> f64 {
        let counting = like.map_or(0.0, |sample| 1.6 * COUNTING * sample.counting_noise());
        self.goodput.sqrt().max(counting)
    }

    /// Whether two samples of one number of workers are of different loads.
    pub(crate) fn is_changed(&self, before: &Sample, now: &Sample) -> bool {
        let limit = |variance: f64| (CHANGED * (2.0 * variance).sqrt()).max(LEAST_CHANGE);
        let goodput = (now.log_goodput() - before.log_goodput()).abs();
        // Throughput that follows the demand says nothing of the pool.
        let saturated = now.is_saturated() && before.is_saturated();
        saturated && goodput > limit(self.goodput) || service(before, now).abs() > limit(self.service)
    }
}

/// How much longer tasks take in the second one, as a logarithm.
fn service(one: &Sample, other: &Sample) -> f64 {
    (other.mean_service_us().max(1.0) / one.mean_service_us().max(1.0)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::tests::{Shape, sample};

    #[test]
    fn noise_is_learnt_and_a_change_of_the_load_is_none() {
        let mut noise = Noise::default();
        let (one, other) = (sample(Shape::of(10, 1000.0)), sample(Shape::of(10, 1020.0)));
        for _ in 0..40 {
            noise.note(&one, &other);
        }
        assert!((noise.of_difference() - 0.02).abs() < 0.003, "{noise:?}");
        assert!(!noise.is_changed(&one, &other));
        let changed = sample(Shape::of(10, 500.0));
        assert!(noise.is_changed(&one, &changed));
        noise.note(&one, &changed);
        assert!(noise.of_difference() < 0.05, "one outlier does not count in full: {noise:?}");
    }

    #[test]
    fn demand_that_falls_is_no_change_and_slower_service_is() {
        let noise = Noise::default();
        let idle = |per_second, service_us| {
            sample(Shape { queued: 0.0, busy: 0.5, service_us, ..Shape::of(10, per_second) })
        };
        assert!(!noise.is_changed(&idle(1000.0, 5000.0), &idle(500.0, 5000.0)));
        assert!(noise.is_changed(&idle(1000.0, 5000.0), &idle(1000.0, 15_000.0)));
    }

    #[test]
    fn few_tasks_are_noisy_until_more_is_known() {
        let few = sample(Shape::of(1, 25.0));
        assert!(Noise::default().between(&few, &few) > 0.06);
    }
}
