//! One direction from where a pool stands: how far to try, what was seen there, when to try again.

/// Share of the step that throughput has to rise by, both as logarithms, for a step to be worth it: a tenth more workers have
/// to bring a fortieth more.
const NEEDED: f64 = 0.25;
/// Pairs after which a try that stays within the noise has failed: what works is not left on a guess.
const MOST_PAIRS: u32 = 3;
/// Standard errors by which a gain has to differ from what is needed.
const SURE: f64 = 1.6;

/// The gain that makes a step of this size worth it; `enough` is worth any step.
pub(crate) fn needed(step: f64, enough: f64) -> f64 {
    (NEEDED * step.abs()).min(enough)
}

/// Up or down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Up,
    Down,
}

/// What a comparison says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Gains,
    /// It brings less than is needed; whether it costs anything is another question.
    Fails,
    Open,
}

/// Tries in one direction.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Side {
    /// Ratio of the next try to where the pool stands; above 1, for either direction.
    pub(crate) ratio: f64,
    /// The nearest number of workers in this direction that brought nothing.
    pub(crate) bound: Option<u32>,
    /// No try before this tick.
    pub(crate) rests_until: u64,
    /// Ticks of the next rest.
    pub(crate) rest: u64,
    /// Tries that said nothing since the load changed.
    pub(crate) looks: u32,
    gains: f64,
    pairs: u32,
}

impl Side {
    pub(crate) fn new(ratio: f64, rest: u64) -> Self {
        Self { ratio, bound: None, rests_until: 0, rest, looks: 0, gains: 0.0, pairs: 0 }
    }

    /// Whether a gain in the logarithm of throughput is worth a step whose logarithm is `step`, given the standard
    /// deviation of such a gain.
    pub(crate) fn verdict(gain: f64, step: f64, deviation: f64, enough: f64) -> Verdict {
        let needed = needed(step, enough);
        if gain > needed && gain > SURE * deviation {
            Verdict::Gains
        } else if gain < needed - SURE * deviation {
            Verdict::Fails
        } else {
            Verdict::Open
        }
    }

    /// Takes in a pair and says what all of them say.
    pub(crate) fn pair(&mut self, gain: f64, step: f64, deviation: f64, enough: f64) -> Verdict {
        self.gains += gain;
        self.pairs += 1;
        let pairs = f64::from(self.pairs);
        let verdict = Self::verdict(self.gains / pairs, step, deviation / pairs.sqrt(), enough);
        match verdict {
            Verdict::Open if self.pairs >= MOST_PAIRS => Verdict::Fails,
            verdict => verdict,
        }
    }

    /// Forgets the pairs: the next try is another one.
    pub(crate) fn clear(&mut self) {
        (self.gains, self.pairs) = (0.0, 0);
    }
}
