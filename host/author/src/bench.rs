//! What calling a component costs: time, memory, and fuel where it is counted.
//!
//! Whatever is compared runs in turns, round by round, so that a machine that slows down slows down all of it. A figure is the
//! median of the rounds, with the least and the largest beside it. Every round begins with fresh instances.

mod policy;
mod strategy;

use serde::Serialize;

pub use policy::{PolicyBench, PolicyFigures, PolicyLoad, policy};
pub use strategy::{Failed, StrategyBench, strategy};

/// The median of some measurements, with the least and the largest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one; of an even number the mean of the two.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The largest.
    pub most: f64,
}

impl Spread {
    /// Of no measurement everything is 0.
    #[must_use]
    pub fn of(mut measured: Vec<f64>) -> Self {
        measured.sort_by(f64::total_cmp);
        let (least, most) = (measured.first().copied(), measured.last().copied());
        let middle = measured.len() / 2;
        let (upper, lower) = (measured.get(middle), measured.get(measured.len().saturating_sub(1) / 2));
        let median = upper.zip(lower).map_or(0.0, |(upper, lower)| f64::midpoint(*upper, *lower));
        Self { median, least: least.unwrap_or(0.0), most: most.unwrap_or(0.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn a_median_stands_between_the_least_and_the_largest() {
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]), Spread { median: 2.0, least: 1.0, most: 3.0 });
        assert_eq!(Spread::of(vec![4.0, 1.0, 2.0, 3.0]), Spread { median: 2.5, least: 1.0, most: 4.0 });
        assert_eq!(Spread::of(Vec::new()), Spread { median: 0.0, least: 0.0, most: 0.0 });
    }
}
