//! The value of a dial, and what it can take.

use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::answer::{Acceptance, Refusal};
use crate::names::Names;
use crate::number::{to_f64, to_u64};

/// A value of a dial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// One of the names that the dial takes.
    Name(String),
    /// A whole number in the dial's unit.
    Count(u64),
    /// A number from 0.0 to 1.0.
    Ratio(f64),
}

impl Value {
    /// The value as a number; none for a name.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Name(_) => None,
            Self::Count(count) => Some(to_f64(*count)),
            Self::Ratio(ratio) => Some(*ratio),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.pad(name),
            Self::Count(count) => write!(f, "{count}"),
            Self::Ratio(ratio) => write!(f, "{:.0} %", ratio * 100.0),
        }
    }
}

/// What a dial can take in this run.
#[derive(Debug, Clone, PartialEq)]
pub enum Range {
    /// One of these names.
    Names(Names),
    /// A whole number in this range.
    Count(RangeInclusive<u64>),
    /// A number in this range.
    Ratio(RangeInclusive<f64>),
}

impl Range {
    /// The least and the largest number; none for names.
    #[must_use]
    pub fn numbers(&self) -> Option<(f64, f64)> {
        match self {
            Self::Names(_) => None,
            Self::Count(range) => Some((to_f64(*range.start()), to_f64(*range.end()))),
            Self::Ratio(range) => Some((*range.start(), *range.end())),
        }
    }

    /// The nearest value inside, and whether the value was inside already.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] for a name that is not among the names, [`Refusal::Invalid`] for a parameter that the name does
    /// not take, a value of another kind and not-a-number.
    pub fn admit(&self, value: &Value) -> Result<(Value, Acceptance), Refusal> {
        match (self, value) {
            (Self::Names(names), Value::Name(name)) => {
                names.read(name).map(|name| (Value::Name(name), Acceptance::Accepted))
            }
            (Self::Count(range), Value::Count(count)) => {
                // `Ord::clamp` panics on an empty range; a range from outside must not.
                let within = (*count).min(*range.end()).max(*range.start());
                Ok((Value::Count(within), answer(within == *count, to_f64(within))))
            }
            (Self::Count(_), Value::Ratio(ratio)) if ratio.is_finite() => {
                self.admit(&Value::Count(to_u64(*ratio)))
            }
            (Self::Ratio(range), _) => match value.number() {
                Some(number) if number.is_finite() => {
                    let within = number.min(*range.end()).max(*range.start());
                    Ok((Value::Ratio(within), answer(within.to_bits() == number.to_bits(), within)))
                }
                Some(_) => Err(Refusal::Invalid("not a finite number".to_owned())),
                None => Err(Refusal::Invalid("expected a number".to_owned())),
            },
            (Self::Names(_), _) => Err(Refusal::Invalid("expected a name".to_owned())),
            (Self::Count(_), _) => Err(Refusal::Invalid("expected a whole number".to_owned())),
        }
    }
}

fn answer(inside: bool, within: f64) -> Acceptance {
    if inside { Acceptance::Accepted } else { Acceptance::Clamped(within) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_taken_to_the_nearest_inside() {
        let range = Range::Count(2..=8);
        assert_eq!(range.admit(&Value::Count(5)), Ok((Value::Count(5), Acceptance::Accepted)));
        assert_eq!(range.admit(&Value::Count(9)), Ok((Value::Count(8), Acceptance::Clamped(8.0))));
        assert_eq!(range.admit(&Value::Count(0)), Ok((Value::Count(2), Acceptance::Clamped(2.0))));
        let ratio = Range::Ratio(0.0..=0.5);
        assert_eq!(ratio.admit(&Value::Ratio(0.7)), Ok((Value::Ratio(0.5), Acceptance::Clamped(0.5))));
        assert!(matches!(ratio.admit(&Value::Ratio(f64::NAN)), Err(Refusal::Invalid(_))));
    }

    #[test]
    fn an_empty_range_does_not_panic() {
        #[expect(clippy::reversed_empty_ranges, reason = "this is the point")]
        let range = Range::Count(8..=2);
        assert_eq!(range.admit(&Value::Count(5)), Ok((Value::Count(8), Acceptance::Clamped(8.0))));
    }

    #[test]
    fn a_name_is_one_of_the_names() {
        let range = Range::Names(vec!["lru".into(), "arc".into()].into());
        assert_eq!(
            range.admit(&Value::Name("arc".into())).map(|(_, answer)| answer),
            Ok(Acceptance::Accepted)
        );
        assert_eq!(
            range.admit(&Value::Name("clock".into())),
            Err(Refusal::Unknown(vec!["lru".into(), "arc".into()]))
        );
        assert!(matches!(range.admit(&Value::Count(1)), Err(Refusal::Invalid(_))));
    }

    #[test]
    fn a_name_with_parameters_is_taken_in_its_canonical_spelling() {
        let read = |text: &str| match text.strip_prefix("lru") {
            Some(rest) => Ok(format!("lru{}", rest.replace(' ', ""))),
            None => Err(Refusal::Unknown(vec!["lru".into()])),
        };
        let range = Range::Names(Names::new(["lru".to_owned()], read));
        let admitted = range.admit(&Value::Name("lru( k = 2 )".into()));
        assert_eq!(admitted, Ok((Value::Name("lru(k=2)".into()), Acceptance::Accepted)));
        let unknown = range.admit(&Value::Name("arc".into()));
        assert_eq!(unknown, Err(Refusal::Unknown(vec!["lru".into()])));
    }
}
