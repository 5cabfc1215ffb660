//! An axis of a panel: where a value lies along it, and how its ticks read.
//!
//! `plotters` has axes of its own, but no logarithmic one whose labels are spaced for people.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use crate::ticks::{Scale, Ticks};

/// A scale with the ticks of what is shown on it.
#[derive(Debug)]
pub(crate) struct Axis {
    scale: Scale,
    ticks: Ticks,
}

impl Axis {
    /// An axis on which all these values lie.
    pub(crate) fn over(scale: Scale, values: impl Iterator<Item = f64>) -> Self {
        Self { scale, ticks: scale.ticks(values) }
    }

    /// How far along the axis a value lies, from 0 to 1.
    fn share(&self, value: f64) -> f64 {
        let (low, high) = self.ticks.range;
        match self.scale {
            Scale::Percent | Scale::Linear => (value - low) / (high - low),
            Scale::Log(_) => (value / low).ln() / (high / low).ln(),
        }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let along = pixels(self.share(*value).clamp(0.0, 1.0) * f64::from(from.abs_diff(to)));
        if from <= to { from.saturating_add(along) } else { from.saturating_sub(along) }
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        let Ticks { labelled, between, .. } = &self.ticks;
        if hint.weight().allow_light_points() { between.clone() } else { labelled.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.ticks.range.0..self.ticks.range.1
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        self.scale.label(*value)
    }
}

/// The nearest whole number of pixels.
#[expect(clippy::as_conversions, reason = "a float cast saturates")]
fn pixels(length: f64) -> i32 {
    length.round() as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ticks::Unit;

    #[test]
    fn equal_factors_are_equal_steps_and_an_axis_may_run_either_way() {
        let axis = Axis::over(Scale::Log(Unit::Count), [1.0, 10_000.0].into_iter());
        assert_eq!([1.0, 10.0, 100.0, 10_000.0].map(|v| axis.map(&v, (0, 400))), [0, 100, 200, 400]);
        let axis = Axis::over(Scale::Percent, [0.0, 100.0].into_iter());
        assert_eq!([0.0, 25.0, 100.0].map(|v| axis.map(&v, (400, 0))), [400, 300, 0]);
    }

    #[test]
    fn labels_are_those_of_the_scale() {
        let axis = Axis::over(Scale::Log(Unit::Bytes), [1e3, 1e9].into_iter());
        assert_eq!(axis.format_ext(&1e6), "1 MB");
    }
}
