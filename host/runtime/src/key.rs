//! What an entry is stored under.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use host_contract::split_mix::mix;

/// A key: a number, or bytes.
///
/// Strategies, prefetch rules and the access log know a key by its [number](Self::number), which fits 53 bits, so that
/// a double holds it exactly. Only a numbered key can be prefetched: nobody can make the bytes from their hash.
///
/// ```
/// use host_runtime::Key;
///
/// assert_eq!(Key::from(7).number(), 7);
/// assert_eq!(Key::from("user:1"), Key::from("user:1".as_bytes()));
/// assert!(Key::from("user:1").number() < 1 << 53);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// A number, such as that of a block. Its order may mean something.
    Number(u64),
    /// Bytes, such as a name.
    Bytes(Arc<[u8]>),
}

/// The largest number that a double holds exactly, with every one below it.
pub(crate) const LARGEST: u64 = (1 << 53) - 1;

impl Key {
    /// The number by which strategies and prefetch rules know the key: the number itself, cut to 53 bits; of bytes,
    /// a hash of them that is the same on every machine.
    #[must_use]
    pub fn number(&self) -> u64 {
        match self {
            Self::Number(number) => number & LARGEST,
            Self::Bytes(bytes) => ByteKey(bytes).number(),
        }
    }

    /// Its bytes; a number has none.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Number(_) => &[],
            Self::Bytes(bytes) => bytes,
        }
    }

    /// What it counts for beside its value in a cache whose capacity is in bytes: the bytes that it takes beside its
    /// place in the table. A number takes none.
    #[must_use]
    pub fn weight(&self) -> u64 {
        match self {
            Self::Number(_) => 0,
            Self::Bytes(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        }
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Number(number) => (0_isize, number).hash(state),
            Self::Bytes(bytes) => ByteKey(bytes).hash(state),
        }
    }
}

/// A key of bytes that somebody else owns: a lookup by it allocates nothing. It hashes as the [`Key`] of these bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ByteKey<'a>(pub(crate) &'a [u8]);

impl ByteKey<'_> {
    /// The [number](Key::number) of the key.
    pub(crate) fn number(self) -> u64 {
        hash(self.0) & LARGEST
    }
}

impl Hash for ByteKey<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0);
    }
}

/// SplitMix64 over eight bytes at a time, with the length in the state: a hash that every machine and version agrees on,
/// because which keys a shadow samples and what a strategy has learnt depend on it.
fn hash(bytes: &[u8]) -> u64 {
    let mut state = mix(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    let (words, rest) = bytes.as_chunks();
    for word in words {
        state = mix(state ^ u64::from_le_bytes(*word));
    }
    if !rest.is_empty() {
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().zip(rest) {
            *to = *from;
        }
        state = mix(state ^ u64::from_le_bytes(word));
    }
    state
}

impl From<u64> for Key {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<&[u8]> for Key {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::Bytes(text.as_bytes().into())
    }
}

impl std::fmt::Display for Key {
    /// The number, or the bytes with everything escaped that is not printable ASCII.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Bytes(bytes) => write!(f, "{}", bytes.escape_ascii()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_stay_what_they_are() {
        // Were these to change, sampled shadows and what strategies have learnt would change with them.
        assert_eq!(Key::from("").number(), hash(b"") & LARGEST);
        assert_ne!(Key::from("ab").number(), Key::from("ab\0").number());
        assert_ne!(Key::from("12345678a").number(), Key::from("12345678b").number());
    }

    #[test]
    fn a_key_is_printed_without_control_characters() {
        assert_eq!(Key::from("a\nb\u{1b}[0m").to_string(), "a\\nb\\x1b[0m");
        assert_eq!(Key::from(12).to_string(), "12");
    }
}
