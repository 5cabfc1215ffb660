//! What may be claimed of a change.
//!
//! The same input is run with strategies off, then on, then off again. The two runs without strategies differ by what
//! has nothing to do with tuning: the order of the runs, a cold disk cache, other processes, noise. A change is claimed
//! only where it is larger than that difference, taken over the whole run and over each phase that lasts a tenth of it,
//! and larger than a floor: two runs that happen to agree prove little.

use super::{Figures, Report};

/// Relative differences up to this are noise, whatever two runs say.
const FLOOR: f64 = 0.05;

/// The same of a hit ratio, absolute.
const RATIO_FLOOR: f64 = 0.005;

/// A phase shorter than this share of the run says little by itself.
const LEAST_PHASE: f64 = 0.1;

/// What came of a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// It changed by this: relative to the runs without strategies, 0.1 for a tenth more; of a ratio, absolute.
    By(f64),
    /// It changed by less than runs without strategies differ among themselves. That difference.
    WithinNoise(f64),
}

/// The three runs of a comparison.
#[derive(Debug, Clone, Copy)]
pub struct Comparison<'a> {
    before: &'a Figures,
    after: &'a Figures,
    again: &'a Figures,
}

impl<'a> Comparison<'a> {
    /// The comparison of a report; none where one of the three runs is missing.
    #[must_use]
    pub fn of(report: &'a Report) -> Option<Self> {
        let (before, after) = (report.baseline.as_ref()?, report.tuned.as_ref()?);
        Some(Self { before, after, again: report.baseline_again.as_ref()? })
    }

    /// The mean of a figure over the two runs without strategies.
    pub fn without(&self, figure: impl Fn(&Figures) -> f64) -> f64 {
        f64::midpoint(figure(self.before), figure(self.again))
    }

    /// The change of a figure that scales with time. None where the runs without strategies have none.
    pub fn relative(&self, figure: impl Fn(&Figures) -> f64) -> Option<Change> {
        let without = self.without(&figure);
        if without <= 0.0 {
            return None;
        }
        let own = (figure(self.before) - figure(self.again)).abs() / without;
        let noise = own.max(self.noise());
        Some(claim(figure(self.after) / without - 1.0, noise))
    }

    /// The change of a share of the requests.
    pub fn absolute(&self, figure: impl Fn(&Figures) -> f64) -> Change {
        let noise = (figure(self.before) - figure(self.again)).abs().max(RATIO_FLOOR);
        claim(figure(self.after) - self.without(&figure), noise)
    }

    /// How much the time of the runs without strategies differs, relative: the largest of the whole and of its phases.
    #[must_use]
    pub fn noise(&self) -> f64 {
        let whole = difference(self.before.seconds, self.again.seconds);
        let shortest = self.before.seconds * LEAST_PHASE;
        let phases = self.before.phases.iter().zip(&self.again.phases);
        let phases = phases.filter(|(phase, _)| phase.seconds >= shortest);
        phases.map(|(one, other)| difference(one.seconds, other.seconds)).fold(whole.max(FLOOR), f64::max)
    }
}

fn claim(change: f64, noise: f64) -> Change {
    if change.abs() > noise { Change::By(change) } else { Change::WithinNoise(noise) }
}

fn difference(one: f64, other: f64) -> f64 {
    let mean = f64::midpoint(one, other);
    if mean > 0.0 { (one - other).abs() / mean } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Phase;

    fn figures(seconds: f64, phases: &[f64], hit_ratio: f64) -> Figures {
        let phase = |seconds: &f64| Phase { seconds: *seconds, ..Phase::default() };
        Figures { seconds, hit_ratio, phases: phases.iter().map(phase).collect(), ..Figures::default() }
    }

    #[test]
    fn a_change_within_what_the_runs_without_strategies_differ_by_is_not_claimed() {
        let (before, after, again) =
            (figures(10.0, &[], 0.5), figures(7.0, &[], 0.6), figures(6.0, &[], 0.5));
        let comparison = Comparison { before: &before, after: &after, again: &again };
        // The second run without strategies was faster than the tuned one: a warm disk cache, not tuning.
        assert_eq!(comparison.relative(|f| f.seconds), Some(Change::WithinNoise(0.5)));
        assert!(matches!(comparison.absolute(|f| f.hit_ratio), Change::By(by) if (by - 0.1).abs() < 1e-9));
    }

    #[test]
    fn a_change_beyond_it_is() {
        let (before, after, again) =
            (figures(10.0, &[], 0.5), figures(5.0, &[], 0.5), figures(10.2, &[], 0.5));
        let comparison = Comparison { before: &before, after: &after, again: &again };
        assert!(
            matches!(comparison.relative(|f| f.seconds), Some(Change::By(by)) if (by + 0.505).abs() < 1e-3)
        );
        assert_eq!(comparison.absolute(|f| f.hit_ratio), Change::WithinNoise(0.005));
    }

    #[test]
    fn a_phase_that_wavers_counts_and_a_short_one_does_not() {
        let before = figures(10.0, &[9.5, 0.5], 0.0);
        let again = figures(10.0, &[9.4, 5.0], 0.0);
        let wavering = Comparison { before: &before, after: &before, again: &again };
        assert_eq!(wavering.noise(), 0.05);
        let before = figures(10.0, &[6.0, 4.0], 0.0);
        let again = figures(10.0, &[4.0, 6.0], 0.0);
        let wavering = Comparison { before: &before, after: &before, again: &again };
        assert_eq!(wavering.noise(), 0.4);
    }
}
