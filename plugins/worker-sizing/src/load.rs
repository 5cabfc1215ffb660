//! What is known of the present load: how quick tasks are among how many.
//!
//! Fewer tasks at once serve more only where each of them then takes less time. So the quickest that was seen, and among how
//! many, says whether fewer workers can gain anything, and by Little's law how few can still serve as much.

use crate::curve::Curve;
use crate::observation::Sample;

/// What was seen among this share of the tasks at once was seen among fewer.
const FEWER: f64 = 0.85;
/// Standard deviations by which service has to be longer.
const SURE: f64 = 2.5;

/// What was seen since the load last changed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Load {
    /// The lowest mean time of service, microseconds, and how many tasks ran at once then.
    quickest: Option<(f64, f64)>,
    pub(crate) curve: Curve,
}

impl Load {
    pub(crate) fn saw(&mut self, sample: &Sample) {
        let (service_us, at_once) = (sample.mean_service_us(), sample.in_flight());
        self.curve.saw(at_once, service_us);
        if self.quickest.is_none_or(|(quickest, _)| service_us < quickest) {
            self.quickest = Some((service_us, at_once));
        }
    }

    /// The load is another one.
    pub(crate) fn forget(&mut self) {
        self.quickest = None;
        self.curve.forget();
    }

    /// Whether tasks were seen to be quicker among fewer, by this share and by more than the noise.
    pub(crate) fn is_slower(&self, now: &Sample, share: f64, noise: f64) -> bool {
        let slower = 1.0 + share.max(SURE * noise);
        self.among_fewer(now).is_some_and(|quickest| now.mean_service_us() > slower * quickest)
    }

    /// Whether tasks were not yet seen among fewer.
    pub(crate) fn is_unknown(&self, now: &Sample) -> bool {
        self.among_fewer(now).is_none()
    }

    /// By Little's law no fewer than so many can serve as much, were each task as quick as the quickest were.
    pub(crate) fn fewest(&self, now: &Sample) -> u32 {
        self.among_fewer(now).map_or(1, |quickest| crate::whole((now.per_second() * quickest / 1e6).ceil()))
    }

    /// How many times as long tasks take as the quickest among fewer; none where none were seen.
    pub(crate) fn slowness(&self, now: &Sample) -> Option<f64> {
        self.among_fewer(now).map(|quickest| now.mean_service_us() / quickest.max(1.0))
    }

    /// The quickest among clearly fewer tasks at once, microseconds.
    fn among_fewer(&self, now: &Sample) -> Option<f64> {
        let (service_us, at_once) = self.quickest?;
        (at_once <= FEWER * now.in_flight()).then_some(service_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::tests::{Shape, sample};

    fn at_once(workers: u32, service_us: f64) -> Sample {
        let per_second = f64::from(workers) * 1e6 / service_us;
        sample(Shape { service_us, ..Shape::of(workers, per_second) })
    }

    #[test]
    fn fewer_can_gain_only_where_tasks_were_quicker_among_fewer() {
        let mut load = Load::default();
        let many = at_once(40, 20_000.0);
        load.saw(&many);
        assert!(load.is_unknown(&many) && !load.is_slower(&many, 0.1, 0.01));
        assert_eq!(load.fewest(&many), 1, "nothing is known of fewer");
        load.saw(&at_once(10, 10_000.0));
        assert!(!load.is_unknown(&many) && load.is_slower(&many, 0.1, 0.01));
        assert!(!load.is_slower(&many, 0.1, 0.5), "within the noise");
        assert_eq!(load.fewest(&many), 20, "2,000 a second at 10 ms");
        assert_eq!(load.slowness(&many), Some(2.0));
        load.forget();
        assert!(load.is_unknown(&many));
    }
}
