//! The miss-ratio curve around the present capacity, from few points.
//!
//! The shadows say what the policy in force misses at half, at once and at twice the capacity; the warm tier adds a point further
//! out, where it is measured what both together miss. In between misses are taken to fall evenly with the logarithm of the
//! capacity, as they do for popularities by Zipf's law, and never to rise: a curve that rises is noise, or a policy's anomaly
//! that no size should be built on.

use strategy_sdk::count;
use strategy_sdk::metrics::{CacheMetrics, ShadowEstimate};

/// Sampled requests below which a difference is chance.
const FEWEST_SAMPLED: f64 = 1_000.0;

/// The multiples of the present capacity that shadows run at.
const FACTORS: [f64; 3] = [0.5, 1.0, 2.0];

/// What the shadows of the policy in force saw at each of three capacities, summed up over some ticks.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sampled {
    requests: [f64; 3],
    missed: [f64; 3],
}

impl Sampled {
    /// Adds one tick. Nothing where the policy in force has no shadow at one of the capacities.
    pub(crate) fn add(&mut self, cache: &CacheMetrics, shadows: &[ShadowEstimate]) {
        let at = |factor: f64| {
            let of =
                |s: &&ShadowEstimate| s.policy == cache.policy && (s.capacity_factor - factor).abs() < 1e-6;
            shadows.iter().find(of)
        };
        let [Some(half), Some(present), Some(twice)] = FACTORS.map(at) else { return };
        let sums = self.requests.iter_mut().zip(&mut self.missed);
        for ((requests, missed), shadow) in sums.zip([half, present, twice]) {
            *requests += count(shadow.window_requests);
            *missed += count(shadow.window_misses);
        }
    }

    /// The miss ratios at half, at once and at twice the capacity; none where too little was seen to tell.
    pub(crate) fn ratios(&self) -> Option<[f64; 3]> {
        let enough = self.requests.iter().all(|requests| *requests >= FEWEST_SAMPLED);
        let [half, present, twice] = self.missed;
        let [of_half, of_present, of_twice] = self.requests;
        enough.then(|| [half / of_half, present / of_present, twice / of_twice])
    }

    /// The points of the curve at these three capacities, where `miss` is the ratio that was measured at the present one: the shadows
    /// see no prefetching, and may be a little off, so that their differences are what counts.
    pub(crate) fn points(&self, capacity: f64, miss: f64) -> Option<[(f64, f64); 3]> {
        let [half, present, twice] = self.ratios()?;
        Some([
            (capacity / 2.0, miss + half - present),
            (capacity, miss),
            (capacity * 2.0, miss + twice - present),
        ])
    }
}

/// Misses of all requests by capacity.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Curve {
    /// Capacity and miss ratio, by capacity.
    points: Vec<(f64, f64)>,
}

impl Curve {
    /// A curve through these points. Those of no capacity are left out.
    pub(crate) fn through(points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let mut points: Vec<(f64, f64)> =
            points.into_iter().filter(|(capacity, ratio)| *capacity > 0.0 && ratio.is_finite()).collect();
        points.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let mut least = 1.0_f64;
        for (_, ratio) in &mut points {
            least = least.min(ratio.clamp(0.0, 1.0));
            *ratio = least;
        }
        Self { points }
    }

    /// The miss ratio at a capacity. Beyond the points it goes on as between the last two of that side, within 0 and 1. None
    /// where there are fewer than two.
    pub(crate) fn at(&self, capacity: f64) -> Option<f64> {
        let (first, last) = (self.points.first()?, self.points.last()?);
        let pairs = || self.points.iter().zip(self.points.iter().skip(1)).filter(|((a, _), (b, _))| a < b);
        let around = if capacity <= first.0 {
            pairs().next()
        } else if capacity >= last.0 {
            pairs().next_back()
        } else {
            pairs().find(|((low, _), (high, _))| (*low..=*high).contains(&capacity))
        };
        let ((low, at_low), (high, at_high)) = around?;
        let along = (capacity / low).ln() / (high / low).ln();
        Some((at_low + (at_high - at_low) * along).clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(one: Option<f64>, other: f64) -> bool {
        one.is_some_and(|one| (one - other).abs() < 1e-9)
    }

    #[test]
    fn misses_fall_evenly_with_the_logarithm() {
        let curve = Curve::through([(200.0, 0.2), (50.0, 0.6), (100.0, 0.4)]);
        assert!(near(curve.at(50.0), 0.6) && near(curve.at(100.0), 0.4) && near(curve.at(200.0), 0.2));
        assert!(near(curve.at(100.0 * 2.0_f64.sqrt()), 0.3));
        assert!(near(curve.at(400.0), 0.0) && near(curve.at(1e6), 0.0), "never below nothing");
        assert!(near(curve.at(25.0), 0.8) && near(curve.at(0.001), 1.0));
    }

    #[test]
    fn a_curve_does_not_rise() {
        let curve = Curve::through([(50.0, 0.4), (100.0, 0.5), (200.0, 0.3)]);
        assert!(near(curve.at(100.0), 0.4) && near(curve.at(200.0), 0.3));
    }

    #[test]
    fn one_point_is_no_curve() {
        assert_eq!(Curve::through([(100.0, 0.5)]).at(100.0), None);
        assert_eq!(Curve::through([(100.0, 0.5), (100.0, 0.4)]).at(100.0), None);
        assert_eq!(Curve::through([(0.0, 0.5), (100.0, f64::NAN), (100.0, 0.4)]).at(100.0), None);
        assert_eq!(Curve::default().at(1.0), None);
    }
}
