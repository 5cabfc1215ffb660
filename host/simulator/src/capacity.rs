//! A capacity as a person gives it.

use std::fmt;
use std::str::FromStr;

use bytesize::ByteSize;

/// `1000` objects, `1%` of the distinct keys, or `64MB`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Capacity {
    /// So many objects, whatever their size.
    Objects(u64),
    /// So many percent of the trace's distinct keys, above 0, in objects.
    Percent(f64),
    /// So many bytes.
    Bytes(u64),
}

/// Not a capacity.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no capacity: expected objects (1000), percent of the distinct keys (1%) or bytes (64MB)")]
pub struct CapacityError(String);

impl Capacity {
    /// Whether it counts bytes rather than objects.
    #[must_use]
    pub fn is_bytes(self) -> bool {
        matches!(self, Self::Bytes(_))
    }

    /// Whether a replay weighs objects at this capacity; with `sizes` percent mean bytes, not objects.
    #[must_use]
    pub fn in_bytes(self, sizes: bool) -> bool {
        self.is_bytes() || (sizes && matches!(self, Self::Percent(_)))
    }

    /// Objects, or bytes where it was given in bytes; at least 1. Percentages are of `distinct` and rounded
    /// to the nearest whole, halves to even.
    #[must_use]
    #[expect(
        clippy::as_conversions,
        reason = "distinct keys stay far below 2^53, and a float cast saturates"
    )]
    pub fn resolve(self, distinct: u64) -> u64 {
        match self {
            Self::Objects(n) | Self::Bytes(n) => n.max(1),
            Self::Percent(percent) => ((distinct as f64 * percent / 100.0).round_ties_even() as u64).max(1),
        }
    }
}

impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Objects(n) => write!(f, "{n}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
            // Decimal units, one decimal place at most: as profiles and reports write bytes.
            Self::Bytes(n) => {
                f.write_str(&ByteSize::b(*n).display().si().to_string().replacen(".0 ", " ", 1))
            }
        }
    }
}

impl FromStr for Capacity {
    type Err = CapacityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || CapacityError(text.to_owned());
        let text = text.trim();
        if let Some(percent) = text.strip_suffix('%') {
            let percent: f64 = percent.trim().parse().map_err(|_| error())?;
            let sensible = percent.is_finite() && percent > 0.0 && percent <= 100.0;
            return sensible.then_some(Self::Percent(percent)).ok_or_else(error);
        }
        let parsed = match text.parse::<u64>() {
            Ok(objects) => Self::Objects(objects),
            // A number without a unit that is no count of objects is no count of bytes either.
            Err(_) if !text.contains(char::is_alphabetic) => return Err(error()),
            Err(_) => Self::Bytes(text.parse::<ByteSize>().map_err(|_| error())?.as_u64()),
        };
        match parsed {
            Self::Objects(0) | Self::Bytes(0) => Err(error()),
            other => Ok(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_is_understood() {
        assert_eq!("1000".parse(), Ok(Capacity::Objects(1000)));
        assert_eq!("0.1%".parse(), Ok(Capacity::Percent(0.1)));
        assert_eq!("64MB".parse(), Ok(Capacity::Bytes(64_000_000)));
        assert_eq!("64 MiB".parse(), Ok(Capacity::Bytes(64 << 20)));
    }

    #[test]
    fn nonsense_is_refused_with_what_was_expected() {
        for text in ["", "0", "0%", "-1", "101%", "NaN%", "inf%", "many", "1parsec", "0MB"] {
            let error = text.parse::<Capacity>().unwrap_err().to_string();
            assert!(error.contains("expected objects (1000)"), "{text}: {error}");
        }
    }

    #[test]
    fn percentages_round_to_the_nearest_object_halves_to_even() {
        // The reference tables were made this way: 10 % of 1,011 keys, 50 % of 2,529 and of 7,075.
        assert_eq!(Capacity::Percent(10.0).resolve(1_011), 101);
        assert_eq!(Capacity::Percent(50.0).resolve(2_529), 1_264);
        assert_eq!(Capacity::Percent(50.0).resolve(7_075), 3_538);
        assert_eq!(Capacity::Percent(0.1).resolve(5), 1);
    }
}
