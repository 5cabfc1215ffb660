//! Capacities as `--capacity` takes them: one, or a range that a curve is drawn over.

use std::str::FromStr;

use host_simulator::{Capacity, CapacityError};

use crate::format::{float, nearest};

/// Points of a curve: enough for its shape, and a table of them fits a screen.
const POINTS: u32 = 20;

/// `1000`, `1%` or `64MB`; or two of one kind with `..` between them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Span {
    One(Capacity),
    Range(Capacity, Capacity),
}

/// Neither a capacity nor a range of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SpanError {
    Capacity(CapacityError),
    Range(String),
}

impl std::fmt::Display for SpanError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Capacity(error) => error.fmt(f),
            Self::Range(text) => write!(
                f,
                "{text:?} is no range: expected the smaller and the larger of two capacities of one kind, \
                 for example 1%..50% or 1MB..1GB"
            ),
        }
    }
}

impl std::error::Error for SpanError {}

impl Span {
    /// What a curve is drawn over where nothing else is said.
    pub(super) const WHOLE: Self = Self::Range(Capacity::Percent(0.1), Capacity::Percent(100.0));

    /// The capacities that it stands for: of a range 20 with equal factors between them, less those that are the same
    /// number.
    pub(super) fn capacities(self) -> Vec<Capacity> {
        let (low, high) = match self {
            Self::One(capacity) => return vec![capacity],
            Self::Range(low, high) => (low, high),
        };
        let between = |low: f64, high: f64, share: f64| low * (high / low).powf(share);
        let at = |point: u32| {
            let share = f64::from(point) / f64::from(POINTS - 1);
            match (low, high) {
                _ if point == 0 => low,
                _ if point == POINTS - 1 => high,
                (Capacity::Percent(low), Capacity::Percent(high)) => {
                    Capacity::Percent(four_digits(between(low, high, share)))
                }
                (Capacity::Objects(low), Capacity::Objects(high)) => {
                    Capacity::Objects(nearest(between(float(low), float(high), share)))
                }
                (Capacity::Bytes(low), Capacity::Bytes(high)) => {
                    Capacity::Bytes(nearest(between(float(low), float(high), share)))
                }
                _ => high,
            }
        };
        let mut capacities: Vec<Capacity> = (0..POINTS).map(at).collect();
        capacities.dedup();
        capacities
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((low, high)) = text.split_once("..") else {
            return text.parse().map(Self::One).map_err(SpanError::Capacity);
        };
        let low = low.parse().map_err(SpanError::Capacity)?;
        let high = high.parse().map_err(SpanError::Capacity)?;
        let rises = match (low, high) {
            (Capacity::Objects(low), Capacity::Objects(high))
            | (Capacity::Bytes(low), Capacity::Bytes(high)) => low < high,
            (Capacity::Percent(low), Capacity::Percent(high)) => low < high,
            _ => false,
        };
        rises.then_some(Self::Range(low, high)).ok_or_else(|| SpanError::Range(text.to_owned()))
    }
}

/// A percentage that reads well where it is quoted.
fn four_digits(percent: f64) -> f64 {
    format!("{percent:.3e}").parse().unwrap_or(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amounts(text: &str, distinct: u64) -> Vec<u64> {
        let span = text.parse::<Span>().unwrap();
        span.capacities().into_iter().map(|capacity| capacity.resolve(distinct)).collect()
    }

    #[test]
    fn a_curve_goes_from_a_thousandth_to_all_keys_in_equal_factors() {
        let whole: Vec<u64> = Span::WHOLE.capacities().into_iter().map(|c| c.resolve(186_880)).collect();
        assert_eq!(whole.len(), 20);
        assert_eq!((whole[0], whole[19]), (187, 186_880));
        for pair in whole.windows(2) {
            let factor = float(pair[1]) / float(pair[0]);
            assert!((factor - 1_000f64.powf(1.0 / 19.0)).abs() < 0.01, "{pair:?}");
        }
        assert_eq!(Span::WHOLE.capacities().first().map(|c| c.resolve(5)), Some(1));
    }

    #[test]
    fn a_range_has_its_ends_and_no_number_twice() {
        let objects = amounts("100..10000", 0);
        assert_eq!((objects.len(), objects[0], objects[19]), (20, 100, 10_000));
        assert_eq!(amounts("1..5", 0), [1, 2, 3, 4, 5]);
        assert_eq!(amounts("1kB..1MB", 0).last(), Some(&1_000_000));
        assert_eq!(amounts("50%..100%", 1_000).first(), Some(&500));
        assert_eq!(amounts("7", 0), [7]);
    }

    #[test]
    fn a_range_that_is_none_is_refused_with_what_was_expected() {
        for text in ["5..5", "10..1", "1%..100", "1MB..5000", "50%..1%"] {
            let error = text.parse::<Span>().unwrap_err().to_string();
            assert!(error.contains("is no range: expected the smaller"), "{text}: {error}");
        }
        for text in ["1..", "..1", "..", "a..b", "0..5"] {
            let error = text.parse::<Span>().unwrap_err().to_string();
            assert!(error.contains("expected objects (1000)"), "{text}: {error}");
        }
    }
}
