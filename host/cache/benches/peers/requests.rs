//! What the caches are asked for: Zipf-distributed keys, of either type, in an order that is the same for all.

use rand::SeedableRng as _;
use rand::distr::Distribution as _;
use rand_distr::Zipf;
use rand_pcg::Pcg64;
use std::hash::Hash;

/// A type of key. Its value in every cache is [`Key::value`], so that a wrong one is noticed.
pub(crate) trait Key: Clone + Hash + Eq + Send + Sync + 'static {
    /// What the type is called in the names of benchmarks.
    const NAME: &'static str;

    /// The key with this number. The popular ones, whose numbers are low, are scattered.
    fn numbered(number: u64) -> Self;

    /// What is stored under it.
    fn value(&self) -> u64;
}

impl Key for u64 {
    const NAME: &'static str = "u64";

    fn numbered(number: u64) -> Self {
        scattered(number)
    }

    fn value(&self) -> u64 {
        !self
    }
}

impl Key for String {
    const NAME: &'static str = "string";

    /// 32 bytes.
    fn numbered(number: u64) -> Self {
        format!("{:032x}", scattered(number))
    }

    fn value(&self) -> u64 {
        self.bytes().rev().take(8).fold(0, |value, byte| value << 8 | u64::from(byte))
    }
}

/// Odd, hence a permutation of all numbers.
const fn scattered(number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Requests without end.
pub(crate) struct Requests {
    popularity: Zipf<f64>,
    random: Pcg64,
}

impl Requests {
    /// Among keys numbered from 1 to `distinct`.
    #[expect(
        clippy::expect_used,
        clippy::as_conversions,
        clippy::cast_precision_loss,
        reason = "constants of the benchmark"
    )]
    pub(crate) fn new(distinct: u64, exponent: f64, seed: u64) -> Self {
        let popularity = Zipf::new(distinct as f64, exponent).expect("an exponent above 0");
        Self { popularity, random: Pcg64::seed_from_u64(seed) }
    }

    /// The next `count`.
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "samples are whole, and from 1 to the number of keys"
    )]
    pub(crate) fn next<K: Key>(&mut self, count: usize) -> Vec<K> {
        let numbers = (&self.popularity).sample_iter(&mut self.random).take(count);
        numbers.map(|number: f64| K::numbered(number as u64)).collect()
    }
}
