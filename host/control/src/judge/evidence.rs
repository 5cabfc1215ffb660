//! Whether one setting is better than another, by blocks taken in turns.
//!
//! What is tested is the difference of a pair of blocks, each on a logarithmic scale. The test is sequential: it may be
//! looked at after every tick and stopped whenever it speaks, and still errs in at most [`LEVEL`] of all cases in which
//! there is no difference. It is a mixture of likelihood ratios, as in the mSPRT (Johari, Pekelis and Walsh, "Always Valid
//! Inference", 2015) with a variance that is not known (Lai, "On Confidence Sequences", 1976): under "no difference" its
//! expected value stays at 1, so that it passes `1 / LEVEL` with a probability of at most `LEVEL` (Ville). The variance
//! has a prior worth [`PRIOR`] pairs that is taken from the ticks inside of the blocks. So a difference of a factor is seen
//! from one return to the reference, before two pairs could tell their own variance; one of a few percent takes the
//! variance from the pairs themselves.
//!
//! Ticks that follow each other resemble each other, so that they tell too little of the variance from block to block: it
//! is taken [`INFLATION`] times as large, and never below [`FLOOR`]. docs/judge.md has what that gives.

use super::seen::{Block, Metric, count, moments};

/// Share of comparisons without a difference in which the test may see one.
pub(crate) const LEVEL: f64 = 0.03;

/// Pairs that the variance inside of the blocks counts for.
const PRIOR: f64 = 4.0;

/// What the variance inside of the blocks is multiplied by.
const INFLATION: f64 = 1.5;

/// Least standard deviation of the difference of two blocks.
const FLOOR: f64 = 0.02;

/// Variance of a difference that is worth finding, in variances of one pair.
const SPREAD: f64 = 9.0;

/// A difference below this share is of no account.
const MARGIN: f64 = 0.025;

/// Standard errors that are kept from [`MARGIN`] before a difference is called of no account.
const ERRORS: f64 = 2.0;

/// Pairs, or blocks, from which the middle of them tells what is far out.
const ENOUGH: usize = 5;

/// Deviations that a pair may be from the middle; the deviation for a median of distances in a normal distribution; and the
/// median of the variances of three ticks for a variance of 1, a little below.
const CLIP: f64 = 2.5;
const NORMAL: f64 = 1.4826;
/// What clipping takes off the variance of a normal distribution, and the middle that is itself drawn.
const CLIPPED: f64 = 1.1;
const MEDIAN_OF_VARIANCES: f64 = 0.6;

/// Pairs below which nothing is called of no account.
const FEWEST: usize = 4;

/// What was seen of two settings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evidence {
    /// Differences of pairs, present minus reference.
    pairs: Vec<f64>,
    /// Variance of the ticks inside of each block, with its degrees of freedom.
    inside: Vec<(f64, f64)>,
    /// Ticks and requests of a block, summed, and blocks.
    ticks: f64,
    requests: f64,
    blocks: f64,
    /// The same of blocks at one setting that should not differ: squares in units of a pair's variance.
    between: (f64, f64),
}

/// What the evidence comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Finding {
    /// The likelihood of a difference over that of none.
    pub(crate) statistic: f64,
    /// Mean difference, on the logarithmic scale; above 0 where the present setting is better.
    pub(crate) difference: f64,
    /// Standard error of the mean.
    pub(crate) error: f64,
}

/// What follows from a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conclusion {
    Better,
    Worse,
    /// Too little to matter.
    Same,
}

impl Evidence {
    /// Takes the ticks inside of a block into the variance.
    pub(crate) fn block(&mut self, metric: Metric, block: &Block) {
        let levels = block.levels(metric);
        if levels.is_empty() {
            return;
        }
        let freedom = count(levels.len()) - 1.0;
        if freedom > 0.0 {
            self.inside.push((moments(&levels).1, freedom));
        }
        self.ticks += count(levels.len());
        self.requests += block.requests().max(1.0);
        self.blocks += 1.0;
    }

    /// Takes in the difference of two blocks.
    pub(crate) fn pair(&mut self, difference: f64) {
        self.pairs.push(difference);
    }

    /// Takes in the difference of two blocks at one and the same setting: it says how far blocks differ by themselves.
    pub(crate) fn same(&mut self, difference: f64) {
        // Half of it enters the mean of the two, whose variance is three quarters of a pair's.
        self.between.0 += difference.powi(2) * 0.75;
        self.between.1 += 1.0;
    }

    /// Pairs so far.
    pub(crate) fn len(&self) -> usize {
        self.pairs.len()
    }

    /// What it comes to; none before the first pair.
    pub(crate) fn finding(&self) -> Option<Finding> {
        if self.pairs.is_empty() {
            return None;
        }
        let blocks = self.blocks.max(1.0);
        let inside = self.inside() * blocks / self.ticks.max(1.0);
        // A count of requests has a variance of its own, which a pair of quiet ticks would not show.
        let counted = blocks / self.requests.max(1.0);
        let variance = (INFLATION * 2.0 * inside.max(counted)).max(FLOOR.powi(2));
        // One load that changed between the two says little once there are pairs enough to tell their own variance.
        let (between, more) = if self.pairs.len() < ENOUGH { self.between } else { (0.0, 0.0) };
        let freedom = PRIOR + more;
        let prior = PRIOR * variance + between;

        let n = count(self.pairs.len());
        let pairs = clipped(&self.pairs, variance.sqrt());
        let (mean, own) = moments(&pairs);
        let own = if pairs.len() < ENOUGH { own } else { own * CLIPPED };
        let square = own * (n - 1.0) + n * mean.powi(2);
        let explained = n.powi(2) * SPREAD * mean.powi(2) / (1.0 + n * SPREAD);
        let likelihood = ((prior + square) / (prior + square - explained)).powf((freedom + n) / 2.0);
        let error = ((prior + own * (n - 1.0)) / (freedom + n - 1.0) / n).sqrt();
        Some(Finding { statistic: likelihood / (1.0 + n * SPREAD).sqrt(), difference: mean, error })
    }

    /// Variance of a tick inside of its block. Once there are some blocks, one that a stall fell into has no say.
    fn inside(&self) -> f64 {
        let (squares, freedom) = self
            .inside
            .iter()
            .fold((0.0, 0.0), |(sum, all), (variance, freedom)| (sum + variance * freedom, all + freedom));
        let pooled = squares / f64::max(freedom, 1.0);
        if self.inside.len() < ENOUGH {
            return pooled;
        }
        let variances: Vec<f64> = self.inside.iter().map(|(variance, _)| *variance).collect();
        pooled.min(median(&variances) / MEDIAN_OF_VARIANCES)
    }

    /// What follows; none while it does not speak.
    pub(crate) fn conclusion(&self) -> Option<Conclusion> {
        let found = self.finding()?;
        if found.statistic >= 1.0 / LEVEL {
            return Some(if found.difference > 0.0 { Conclusion::Better } else { Conclusion::Worse });
        }
        let small = found.difference.abs() + ERRORS * found.error < MARGIN;
        (small && self.pairs.len() >= FEWEST).then_some(Conclusion::Same)
    }
}

/// The pairs, with those that are far out brought in: a stall of the machine falls on one side of one pair, and says nothing
/// of either setting. Both sides are cut alike, so that without a difference the mean stays without one.
fn clipped(pairs: &[f64], deviation: f64) -> Vec<f64> {
    if pairs.len() < ENOUGH {
        return pairs.to_vec();
    }
    let middle = median(pairs);
    let off: Vec<f64> = pairs.iter().map(|d| (d - middle).abs()).collect();
    let reach = CLIP * (NORMAL * median(&off)).max(deviation);
    pairs.iter().map(|d| d.clamp(middle - reach, middle + reach)).collect()
}

fn median(of: &[f64]) -> f64 {
    let mut sorted = of.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |at: usize| sorted.get(at).copied().unwrap_or(0.0);
    f64::midpoint(at(sorted.len().saturating_sub(1) / 2), at(sorted.len() / 2))
}

impl Finding {
    /// How sure a difference is, 0.0 to 1.0: the share of cases without one in which the test would not have come so far.
    pub(crate) fn confidence(self) -> f64 {
        (1.0 - 1.0 / self.statistic).max(0.0)
    }
}

#[cfg(test)]
mod tests;
