//! Hashes of the keys of a trace.
//!
//! A hash is part of what a trace *is*: it decides which keys a sampled shadow looks at. So it is the same on every machine
//! and in every version, which rules out hashers that are seeded per process or that promise nothing between releases.
//!
//! Policies and simulators take a whole hash as the id of an object. A key that a strategy may see fits [`BITS`] bits, so
//! that JavaScript does not round it.
//!
//! ```
//! use host_workload::key;
//! assert_eq!(key::hash_text(b"42"), key::hash_number(42));
//! assert_ne!(key::hash_text(b"042"), key::hash_number(42));
//! assert!(key::cut(key::hash_number(42)) <= key::MAX);
//! ```

/// Bits of a key that leaves a reader: as many as a double holds exactly.
pub const BITS: u32 = 53;

/// The largest key.
pub const MAX: u64 = (1 << BITS) - 1;

/// The upper [`BITS`] bits of a hash.
#[must_use]
pub const fn cut(hash: u64) -> u64 {
    hash >> (u64::BITS - BITS)
}

/// Hashes a number: one step of SplitMix64.
///
/// It is a bijection, so that distinct numbers stay distinct and a trace keeps exactly its number of keys.
#[must_use]
pub const fn hash_number(number: u64) -> u64 {
    host_contract::split_mix::mix(number)
}

/// The number that [`hash_number`] maps to this hash.
///
/// Every 64-bit value is the hash of exactly one number. So whoever has the hash of a numeric key has its number; and a
/// text has a number that hashes to what the text hashes to, which stands for it in a format that holds numbers only.
///
/// ```
/// use host_workload::key;
/// assert_eq!(key::number_of_hash(key::hash_number(42)), 42);
/// assert_eq!(key::hash_number(key::number_of_hash(key::hash_text(b"user:1"))), key::hash_text(b"user:1"));
/// ```
#[must_use]
pub const fn number_of_hash(hash: u64) -> u64 {
    // The steps of SplitMix64 backwards: a shift of more than 21 bits is undone by two, and the factors are the
    // inverses of its factors modulo 2^64.
    let mut x = hash ^ (hash >> 31) ^ (hash >> 62);
    x = x.wrapping_mul(0x3196_42B2_D24D_8EC3);
    x = x ^ (x >> 27) ^ (x >> 54);
    x = x.wrapping_mul(0x96DE_1B17_3F11_9089);
    x = x ^ (x >> 30) ^ (x >> 60);
    x.wrapping_sub(0x9E37_79B9_7F4A_7C15)
}

/// Hashes the text of a key: a decimal number as [`hash_number`] does, anything else by the first 64 bits of BLAKE3.
///
/// A number is what a `u64` prints as: `042`, `+42` and `99999999999999999999` are texts. So the same key has the same
/// hash in every trace format. Two texts collide with a probability of 2^-64.
#[must_use]
pub fn hash_text(text: &[u8]) -> u64 {
    match canonical_number(text) {
        Some(number) => hash_number(number),
        None => {
            let [a, b, c, d, e, f, g, h, ..] = *blake3::hash(text).as_bytes();
            u64::from_le_bytes([a, b, c, d, e, f, g, h])
        }
    }
}

/// The number that prints as exactly this text.
pub(crate) fn canonical_number(text: &[u8]) -> Option<u64> {
    match text {
        [b'0'] => Some(0),
        [b'1'..=b'9', ..] => number(text),
        _ => None,
    }
}

/// An unsigned decimal number, leading zeros allowed, no sign.
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    // `parse` alone would accept a plus sign.
    text.first().filter(|byte| byte.is_ascii_digit())?;
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_fixed_for_ever() {
        // Changing one of these changes what every sampled estimate over every trace says.
        assert_eq!(hash_number(0), 0xE220_A839_7B1D_CDAF);
        assert_eq!(hash_number(1), 0x910A_2DEC_8902_5CC1);
        assert_eq!(hash_text(b"0"), hash_number(0));
        // First eight bytes of the published BLAKE3 test vector for the empty input, af1349b9f5f9a1a6.
        assert_eq!(hash_text(b""), u64::from_le_bytes([0xaf, 0x13, 0x49, 0xb9, 0xf5, 0xf9, 0xa1, 0xa6]));
    }

    #[test]
    fn hashing_a_number_can_be_undone() {
        for number in (0..10_000).chain([u64::MAX, u64::MAX - 1, 1 << 63]) {
            assert_eq!(number_of_hash(hash_number(number)), number);
            assert_eq!(hash_number(number_of_hash(number)), number);
        }
    }

    #[test]
    fn only_canonical_numbers_count_as_numbers() {
        assert_eq!(canonical_number(b"18446744073709551615"), Some(u64::MAX));
        for text in ["", "-1", "+1", "01", "1.0", "1 ", "18446744073709551616", "0x1"] {
            assert_eq!(canonical_number(text.as_bytes()), None, "{text}");
        }
        assert_eq!(number(b"007"), Some(7));
        assert_eq!(number(b"+7"), None);
    }
}
