//! What a person reads.

pub(crate) mod batch;
pub(crate) mod curve;
pub(crate) mod grid;
pub(crate) mod plot;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod scenario;
pub(crate) mod simulation;
pub(crate) mod sparkline;
pub(crate) mod strategies;
pub(crate) mod sweep;
pub(crate) mod table;
pub(crate) mod trace;
pub(crate) mod virtual_run;
pub(crate) mod warming;
pub(crate) mod window;

/// The algorithm of a digest and its start: enough to tell components apart by eye.
pub(crate) fn short_digest(digest: &str) -> &str {
    let end = digest.find(':').map_or(12, |colon| colon + 1 + 12);
    digest.get(..end).unwrap_or(digest)
}

/// A ratio as a percentage.
pub(crate) fn percent(ratio: f64) -> String {
    format!("{:.1} %", ratio * 100.0)
}

/// Microseconds in the unit that reads best.
pub(crate) fn micros(us: f64) -> String {
    if us < 1_000.0 {
        format!("{us:.0} us")
    } else if us < 1_000_000.0 {
        format!("{:.2} ms", us / 1_000.0)
    } else {
        format!("{:.2} s", us / 1_000_000.0)
    }
}

/// A count where a fraction is needed.
#[expect(clippy::as_conversions, reason = "counts stay far below 2^53, where every one has its float")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// The nearest count.
#[expect(clippy::as_conversions, reason = "a float cast saturates, and no count is negative")]
pub(crate) fn nearest(value: f64) -> u64 {
    value.round() as u64
}

/// A whole number with its thousands set apart.
pub(crate) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!([thousands(0), thousands(999), thousands(1_234_567)], ["0", "999", "1,234,567"]);
        assert_eq!([micros(12.4), micros(1_500.0), micros(2_000_000.0)], ["12 us", "1.50 ms", "2.00 s"]);
        assert_eq!(percent(0.3283), "32.8 %");
        assert_eq!(short_digest("blake3:0123456789abcdef"), "blake3:0123456789ab");
        assert_eq!((short_digest("0123456789abcdef"), short_digest("ab")), ("0123456789ab", "ab"));
    }
}
