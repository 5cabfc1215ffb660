//! How many distinct keys there are, in bounded memory.
//!
//! Adaptive sampling (Flajolet, "On adaptive sampling", Computing 43, 1990; the idea is Wegman's): keys are kept in a
//! set, and the count is exact, until the set is full. Then it keeps only keys whose hash ends in a zero bit, of those
//! to come as well, which halves it; and so on with two bits, three, ... Each key that is kept stands for 2^bits. With
//! n keys kept the standard error is about 1.2 / sqrt(n): 0.02 % for the 32 million that are kept at least.

use hashbrown::HashTable;

/// Keys that are kept at most; 1 GiB, at 9 bytes and a load of at least 7/16.
const MOST: usize = 56 << 20;

/// A count of distinct hashes.
pub(crate) struct Distinct {
    kept: HashTable<u64>,
    most: usize,
    /// Bits at the end of a hash that have to be zero for it to be kept.
    bits: u32,
}

impl Distinct {
    pub(crate) const fn new() -> Self {
        Self::with_room(MOST)
    }

    const fn with_room(most: usize) -> Self {
        Self { kept: HashTable::new(), most, bits: 0 }
    }

    /// Counts a hash; true if it is known to be new.
    pub(crate) fn add(&mut self, hash: u64) -> bool {
        // The table is addressed by the low bits, which all end alike among those that are kept.
        let address = |hash: &u64| hash.rotate_right(20);
        if hash.trailing_zeros() < self.bits || self.kept.find(address(&hash), |&kept| kept == hash).is_some()
        {
            return false;
        }
        self.kept.insert_unique(address(&hash), hash, address);
        while self.kept.len() > self.most {
            self.bits += 1;
            let bits = self.bits;
            self.kept.retain(|kept| kept.trailing_zeros() >= bits);
        }
        true
    }

    /// The number of distinct hashes.
    pub(crate) fn count(&self) -> u64 {
        u64::try_from(self.kept.len()).unwrap_or(u64::MAX).saturating_mul(1 << self.bits.min(63))
    }

    /// Whether [`count`](Self::count) is exact.
    pub(crate) const fn is_exact(&self) -> bool {
        self.bits == 0
    }
}

#[cfg(test)]
mod tests {
    use super::Distinct;
    use host_workload::key::hash_number;

    #[test]
    fn a_count_that_fits_is_exact() {
        let mut distinct = Distinct::with_room(1_000);
        let new = (0..3_000).filter(|n| distinct.add(hash_number(n % 1_000))).count();
        assert_eq!((new, distinct.count(), distinct.is_exact()), (1_000, 1_000, true));
        assert!(distinct.add(hash_number(1_000)));
        assert!(!distinct.is_exact());
    }

    #[test]
    fn a_larger_count_is_near() {
        let mut distinct = Distinct::with_room(10_000);
        for n in 0..1_000_000 {
            distinct.add(hash_number(n));
            distinct.add(hash_number(n / 2));
        }
        // 5,000 are kept at least: a standard error of 1.7 %, of which four are allowed.
        assert!(distinct.count().abs_diff(1_000_000) < 68_000, "{}", distinct.count());
        assert!(distinct.kept.len() > 4_000 && distinct.kept.len() <= 10_000);
    }
}
