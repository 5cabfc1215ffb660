//! Conversions between whole numbers and floats that say what they do at the edges.

/// A count as a number to calculate with. Exact up to 2^53.
#[must_use]
#[expect(clippy::as_conversions, reason = "there is no `f64::from(u64)`; the loss beyond 2^53 is documented")]
pub fn to_f64(count: u64) -> f64 {
    count as f64
}

/// The nearest whole number; 0 for what is below or not a number, the largest for what is above.
#[must_use]
#[expect(clippy::as_conversions, reason = "the cast from a float saturates, which is what is wanted")]
pub fn to_u64(number: f64) -> u64 {
    number.round() as u64
}

/// `part / whole`; none where there is no whole.
#[must_use]
pub fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| to_f64(part) / to_f64(whole))
}

/// `count` a second; 0 where no time has passed.
#[must_use]
pub fn per_second(count: u64, elapsed: std::time::Duration) -> f64 {
    if elapsed.is_zero() { 0.0 } else { to_f64(count) / elapsed.as_secs_f64() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edges_are_as_documented() {
        assert_eq!([to_u64(-1.0), to_u64(f64::NAN), to_u64(2.5), to_u64(f64::INFINITY)], [0, 0, 3, u64::MAX]);
        assert_eq!((ratio(1, 4), ratio(1, 0)), (Some(0.25), None));
        assert_eq!(per_second(3, std::time::Duration::ZERO), 0.0);
    }
}
