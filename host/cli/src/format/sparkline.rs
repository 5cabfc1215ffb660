//! A row of values as one line of text.

/// What a value is drawn with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    /// `▁▂▃▄▅▆▇█`: eighths of the height.
    Blocks,
    /// `0` to `9`: tenths of the height, for a terminal that has no blocks.
    Digits,
}

impl Ink {
    /// Blocks, unless the terminal says that it is a dumb one.
    pub(crate) fn of_terminal() -> Self {
        if std::env::var_os("TERM").is_some_and(|term| term == "dumb") { Self::Digits } else { Self::Blocks }
    }

    const fn steps(self) -> &'static [char] {
        match self {
            Self::Blocks => &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
            Self::Digits => &['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
        }
    }
}

/// One character a value, from 0 to `top`; what lies outside is drawn at the edge, `None` as a blank.
pub(crate) fn sparkline(ink: Ink, values: impl IntoIterator<Item = Option<f64>>, top: f64) -> String {
    let steps = ink.steps();
    let step = |value: f64| {
        let share = if top > 0.0 { value / top } else { 0.0 };
        let reached = (0u8..).zip(steps).take_while(|(at, _)| {
            // The lowest step stands for everything below the second.
            *at == 0 || share >= f64::from(*at) / f64::from(u8::try_from(steps.len()).unwrap_or(u8::MAX))
        });
        reached.last().map_or(' ', |(_, step)| *step)
    };
    values.into_iter().map(|value| value.map_or(' ', step)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ink: Ink, values: &[f64], top: f64) -> String {
        sparkline(ink, values.iter().copied().map(Some), top)
    }

    #[test]
    fn every_height_has_its_step() {
        let eighths: Vec<f64> = (0..=8).map(|n| f64::from(n) / 8.0).collect();
        assert_eq!(of(Ink::Blocks, &eighths, 1.0), "▁▂▃▄▅▆▇██");
        assert_eq!(of(Ink::Digits, &[0.0, 0.55, 0.99, 1.0], 1.0), "0599");
        assert_eq!(of(Ink::Digits, &[1.0, 2.0], 4.0), "25");
    }

    #[test]
    fn the_edges_hold() {
        assert_eq!(of(Ink::Blocks, &[-1.0, 7.0], 1.0), "▁█");
        assert_eq!(of(Ink::Blocks, &[0.0, 1.0], 0.0), "▁▁");
        assert_eq!(sparkline(Ink::Blocks, [Some(1.0), None, Some(0.0)], 1.0), "█ ▁");
    }
}
