//! Random numbers, in streams that do not disturb each other.

use host_contract::number::to_f64;
use host_contract::split_mix::mix;

/// What SplitMix64 adds to its state from step to step.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
/// 2^-53: from 53 random bits to a number below 1.
const BITS_53: f64 = 1.0 / 9_007_199_254_740_992.0;

/// A sequence of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Stream(u64);

impl Stream {
    /// The stream of this number from this seed.
    pub(crate) fn new(seed: u64, number: u64) -> Self {
        Self(mix(mix(seed) ^ number.wrapping_mul(GOLDEN)))
    }

    /// Uniform, 0.0 to below 1.0.
    pub(crate) fn unit(&mut self) -> f64 {
        let bits = mix(self.0);
        self.0 = self.0.wrapping_add(GOLDEN);
        to_f64(bits >> 11) * BITS_53
    }

    /// Exponential, of mean 1.
    pub(crate) fn exponential(&mut self) -> f64 {
        -(1.0 - self.unit()).ln()
    }

    /// Normal, of mean 0 and deviation 1 (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(mut draw: impl FnMut() -> f64) -> (f64, f64) {
        let draws: Vec<f64> = (0..100_000).map(|_| draw()).collect();
        let mean = draws.iter().sum::<f64>() / 1e5;
        (mean, draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1e5)
    }

    #[test]
    fn the_distributions_have_their_moments() {
        let mut stream = Stream::new(1, 1);
        let (mean, variance) = moments(|| stream.unit());
        assert!((mean - 0.5).abs() < 0.005 && (variance - 1.0 / 12.0).abs() < 0.002, "{mean} {variance}");
        let (mean, variance) = moments(|| stream.exponential());
        assert!((mean - 1.0).abs() < 0.02 && (variance - 1.0).abs() < 0.04, "{mean} {variance}");
        let (mean, variance) = moments(|| stream.normal());
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.04, "{mean} {variance}");
    }

    #[test]
    fn streams_of_neighbouring_numbers_do_not_resemble_each_other() {
        let firsts = moments({
            let mut number = 0;
            move || {
                number += 1;
                Stream::new(7, number).unit()
            }
        });
        assert!((firsts.0 - 0.5).abs() < 0.005 && (firsts.1 - 1.0 / 12.0).abs() < 0.002, "{firsts:?}");
    }
}
