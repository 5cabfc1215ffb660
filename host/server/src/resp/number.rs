//! Numbers in arguments and values, as Redis reads and writes them.

use std::str::FromStr;

use bigdecimal::{BigDecimal, RoundingMode};

use super::failure::Failure;

/// Digits behind the point that a sum of fractions keeps.
const FRACTION: i64 = 17;

/// The longest text that is taken for a number with a fraction.
const LONGEST: usize = 256;

/// The least power of ten: below it there is nothing that is written.
const LEAST_POWER: i64 = -400;

/// A whole number in its shortest form: no sign but `-`, no zero or space before it. None where it is none.
#[inline]
pub(super) fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        _ => (false, text),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    let mut number = 0_i64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        // Downwards, since there is one more number below zero than above.
        number = number.checked_mul(10)?.checked_sub(i64::from(digit - b'0'))?;
    }
    if negative { Some(number) } else { number.checked_neg() }
}

/// The same of an argument.
///
/// # Errors
/// [`Failure::NO_INTEGER`].
pub(super) fn integer_of(argument: &[u8]) -> Result<i64, Failure> {
    integer(argument).ok_or(Failure::NO_INTEGER)
}

/// A whole number from 0 up.
///
/// # Errors
/// The words of `negative` where it is below, [`Failure::NO_INTEGER`] where it is none.
pub(super) fn natural_of(argument: &[u8], negative: Failure) -> Result<u64, Failure> {
    u64::try_from(integer_of(argument)?).map_err(|_| negative)
}

/// A finite decimal number, exactly as it is written.
pub(super) fn decimal(text: &[u8]) -> Option<BigDecimal> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= LONGEST)?;
    // Bounds the exponent: with one of a billion, the digits would fill the memory.
    let float = f64::from_str(text).ok()?;
    let starts = text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | '.'));
    if !float.is_finite() || !starts || exponent(text) < LEAST_POWER {
        return None;
    }
    BigDecimal::from_str(text).ok()
}

/// Whether a text is a number that no double holds, such as `inf`.
pub(super) fn is_infinite(text: &[u8]) -> bool {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= LONGEST);
    text.and_then(|text| f64::from_str(text).ok()).is_some_and(f64::is_infinite)
}

/// The power of ten in a number, 0 where there is none.
fn exponent(text: &str) -> i64 {
    text.split_once(['e', 'E']).map_or(0, |(_, power)| power.parse().unwrap_or(i64::MIN))
}

/// The number as Redis writes it: without an exponent, with at most 17 digits behind the point, without zeros at the end.
/// None where it is beyond what a double holds.
pub(super) fn written(number: &BigDecimal) -> Option<String> {
    let rounded = number.with_scale_round(FRACTION, RoundingMode::HalfEven).normalized();
    let text = rounded.to_plain_string();
    f64::from_str(&text).is_ok_and(f64::is_finite).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_has_one_form() {
        for (text, number) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-9223372036854775809", None),
            ("99999999999999999999", None),
            ("-0", None),
            ("01", None),
            ("+1", None),
            (" 1", None),
            ("1 ", None),
            ("", None),
            ("-", None),
            ("1.0", None),
        ] {
            assert_eq!(integer(text.as_bytes()), number, "{text:?}");
        }
    }

    #[test]
    fn sums_of_fractions_are_exact() {
        let sum =
            |a: &str, b: &str| written(&(decimal(a.as_bytes()).unwrap() + decimal(b.as_bytes()).unwrap()));
        for (a, b, written) in [
            ("1", "-1.1", "-0.1"),
            ("10.50", "0.1", "10.6"),
            ("5.0e3", "2.0e2", "5200"),
            ("17179869184", "1.5", "17179869185.5"),
            ("3", "-3", "0"),
        ] {
            assert_eq!(sum(a, b).as_deref(), Some(written), "{a} {b}");
        }
        assert_eq!(sum("1.7e308", "1.7e308"), None);
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", " 1", "1 ", "abc", "nan", "inf", "-inf", "1e400", "1e-999999999", "infinity", "1\0"]
        {
            assert_eq!(decimal(text.as_bytes()), None, "{text:?}");
            assert_eq!(is_infinite(text.as_bytes()), text.contains("inf") || text == "1e400", "{text:?}");
        }
    }
}
