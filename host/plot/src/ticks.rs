//! Where an axis has its ticks, and what they say.

/// How values lie along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Linear, from 0 to a round number.
    Percent,
    /// Linear, ending where the values end.
    Linear,
    /// The same step for the same factor, ending where the values end; they are above 0.
    Log(Unit),
}

/// What is counted along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Objects.
    Count,
    /// Bytes.
    Bytes,
}

/// Ticks and ends of an axis.
#[derive(Debug, PartialEq)]
pub(crate) struct Ticks {
    /// From and to.
    pub(crate) range: (f64, f64),
    /// Ticks with a label and a line across.
    pub(crate) labelled: Vec<f64>,
    /// Lines across without a label.
    pub(crate) between: Vec<f64>,
}

/// About so many labels fit a linear axis.
const LABELS: f64 = 6.0;
/// An axis over more decades than this has labels at powers of ten alone.
const CROWDED_DECADES: f64 = 3.4;

impl Scale {
    /// What a tick says.
    pub(crate) fn label(self, value: f64) -> String {
        match self {
            Self::Percent | Self::Linear | Self::Log(Unit::Count) => number(value),
            Self::Log(Unit::Bytes) => bytes(value),
        }
    }

    /// Ticks for these values.
    pub(crate) fn ticks(self, values: impl Iterator<Item = f64>) -> Ticks {
        let (low, high) = values
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        match self {
            Self::Percent => {
                let high = if high > 0.0 { high } else { 1.0 };
                let step = step(high);
                linear(step, 0.0, (high / step - 1e-9).ceil() * step)
            }
            Self::Linear if low < high => linear(step(high - low), low, high),
            Self::Log(_) if low < high => logarithmic(low, high),
            // One value alone has some room around it.
            Self::Linear if low.is_finite() => linear(1.0, low - 1.0, low + 1.0),
            Self::Log(_) if low.is_finite() => logarithmic(low / 2.0, low * 2.0),
            Self::Linear => linear(1.0, 0.0, 1.0),
            Self::Log(_) => logarithmic(1.0, 10.0),
        }
    }
}

/// 1, 2 or 5 times a power of ten, for few enough labels over a length.
fn step(length: f64) -> f64 {
    let rough = length / LABELS;
    let power = 10f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|times| times * power);
    steps.into_iter().find(|step| *step >= rough).unwrap_or(rough)
}

fn linear(step: f64, low: f64, high: f64) -> Ticks {
    Ticks {
        range: (low, high),
        labelled: multiples(step, low, high),
        between: multiples(step / 2.0, low, high),
    }
}

fn multiples(step: f64, low: f64, high: f64) -> Vec<f64> {
    let first = (low / step - 1e-9).ceil();
    let count = (0u32..).map(|n| (first + f64::from(n)) * step);
    count.take_while(|tick| *tick <= high + step * 1e-9).collect()
}

fn logarithmic(low: f64, high: f64) -> Ticks {
    let labels: &[f64] = if (high / low).log10() > CROWDED_DECADES { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let mut ticks = Ticks { range: (low, high), labelled: Vec::new(), between: Vec::new() };
    let mut power = 10f64.powf(low.log10().floor());
    while power <= high {
        for digit in 1u8..10 {
            let tick = f64::from(digit) * power;
            if tick < low * (1.0 - 1e-9) || tick > high * (1.0 + 1e-9) {
                continue;
            }
            if labels.contains(&f64::from(digit)) {
                ticks.labelled.push(tick);
            } else {
                ticks.between.push(tick);
            }
        }
        power *= 10.0;
    }
    ticks
}

/// A number as an axis shows it: `0.5`, `100`, `1k`, `2.5M`.
fn number(value: f64) -> String {
    const UNITS: [(f64, &str); 3] = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    in_units(value, &UNITS, "", "")
}

fn bytes(value: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    in_units(value, &UNITS, " ", "B")
}

fn in_units(value: f64, units: &[(f64, &str)], space: &str, smallest: &str) -> String {
    // Ticks are sums of steps, so that the last digits of a round number may be missing.
    let unit = units.iter().copied().find(|(size, _)| value >= size * (1.0 - 1e-9));
    let (size, unit) = unit.unwrap_or((1.0, smallest));
    format!("{}{space}{unit}", short(value / size))
}

/// Up to two decimals, none that say nothing.
fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_end_on_a_round_number() {
        let axis = |high: f64| Scale::Percent.ticks([5.0_f64.min(high), high].into_iter());
        assert_eq!(axis(93.1).labelled, [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!((axis(93.1).range, axis(100.0).range), ((0.0, 100.0), (0.0, 100.0)));
        assert_eq!(axis(0.03).labelled.last().copied().map(short), Some("0.03".to_owned()));
        assert_eq!(axis(0.0).range, (0.0, 1.0));
    }

    #[test]
    fn other_axes_end_with_the_values() {
        let linear = Scale::Linear.ticks([0.0, 26_311.0].into_iter());
        assert_eq!(linear.range, (0.0, 26_311.0));
        assert_eq!(linear.labelled, [0.0, 5_000.0, 10_000.0, 15_000.0, 20_000.0, 25_000.0]);
        let few = logarithmic(187.0, 186_880.0);
        assert_eq!(
            (few.range, few.labelled.first(), few.labelled.len()),
            ((187.0, 186_880.0), Some(&200.0), 9)
        );
        let many = logarithmic(1.0, 1e6);
        assert_eq!(many.labelled.len(), 7, "powers of ten alone");
        assert_eq!(many.between.len(), 48);
    }

    #[test]
    fn one_value_or_none_still_make_an_axis() {
        for scale in [Scale::Log(Unit::Count), Scale::Linear, Scale::Percent] {
            for values in [&[][..], &[5.0], &[5.0, 5.0]] {
                let ticks = scale.ticks(values.iter().copied());
                assert!(ticks.range.0 < ticks.range.1, "{scale:?} {values:?}: {ticks:?}");
            }
        }
    }

    #[test]
    fn labels_are_short() {
        let labels = [0.0, 0.5, 100.0, 999.999_999_999_9, 200_000.0, 1e6, 2.5e6, 3e9].map(number);
        assert_eq!(labels, ["0", "0.5", "100", "1k", "200k", "1M", "2.5M", "3G"]);
        assert_eq!([500.0, 1e3, 2e7, 1e9].map(bytes), ["500 B", "1 kB", "20 MB", "1 GB"]);
    }
}
