//! Integer mixing: the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
//!
//! Ids arrive as key hashes, but also as small consecutive numbers (a simulator's interned keys).
//! Tables and spatial sampling need every bit of the result to depend on every bit of the id, whatever
//! the id's origin, and need the same result in every process. It is a bijection: distinct ids stay distinct.

/// Mixes `id` so that every output bit depends on every input bit.
#[inline]
pub(crate) const fn mix(id: u64) -> u64 {
    let z = id.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::mix;

    #[test]
    fn is_the_published_function() {
        // First output of SplitMix64 seeded with 0 and with 1234567 (its reference implementation).
        assert_eq!(mix(0), 0xE220_A839_7B1D_CDAF);
        assert_eq!(mix(1_234_567), 6_457_827_717_110_365_317);
    }
}
