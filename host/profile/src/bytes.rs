//! A number of bytes, as profiles write it and reports print it.
//!
//! Reading is left to the `bytesize` crate, with one thing stricter: a unit is required, because a
//! bare `260` in a profile is far more often a forgotten "MB" than 260 bytes.

use std::fmt;
use std::str::FromStr;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

/// A number of bytes. Prints in decimal units with at most one decimal place ("260 MB", "2.6 GB");
/// serialises as the plain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl Bytes {
    /// The number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    /// `percent` hundredths of it, rounded down; at most all of it.
    #[must_use]
    pub fn percent(self, percent: u8) -> Self {
        let percent = u64::from(percent.min(100));
        Self(self.0 / 100 * percent + self.0 % 100 * percent / 100)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = ByteSize::b(self.0).display().si().to_string();
        f.pad(&text.replacen(".0 ", " ", 1))
    }
}

impl FromStr for Bytes {
    type Err = String;

    /// Reads "260 MB", "1.5GiB", "512 kB".
    ///
    /// # Errors
    /// A sentence saying what is wrong: no unit, an unknown unit, not a number.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if !text.chars().any(char::is_alphabetic) {
            return Err("no unit".into());
        }
        text.parse::<ByteSize>().map(|size| Self(size.as_u64()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_decimal_units_without_idle_zeros() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1 kB"),
            (260_000_000, "260 MB"),
            (2_600_000_000, "2.6 GB"),
            (10_500_000_000, "10.5 GB"),
            (67_108_864, "67.1 MB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
        assert_eq!(format!("{:>8}", Bytes(1_000)), "    1 kB");
    }

    #[test]
    fn reads_decimal_and_binary_units_and_wants_one() {
        assert_eq!("260 MB".parse(), Ok(Bytes(260_000_000)));
        assert_eq!("2.6GB".parse(), Ok(Bytes(2_600_000_000)));
        assert_eq!("1 GiB".parse(), Ok(Bytes(1 << 30)));
        assert_eq!("260".parse::<Bytes>(), Err("no unit".into()));
        assert!("260 MW".parse::<Bytes>().is_err());
        assert!("-1 MB".parse::<Bytes>().is_err());
        assert!("".parse::<Bytes>().is_err());
    }

    #[test]
    fn percent_neither_overflows_nor_loses_more_than_a_byte() {
        assert_eq!(Bytes(400_000_000).percent(30), Bytes(120_000_000));
        assert_eq!(Bytes(u64::MAX).percent(100), Bytes(u64::MAX));
        assert_eq!(Bytes(199).percent(50), Bytes(99));
    }
}
