//! The digests of a component.
//!
//! Everything in this crate goes by [`Digest`], which is fast and names the algorithm that made it: a bare number could be any.
//! [`Sha256`] is for what people write down and compare with other tools.

use std::fmt;

use sha2::Digest as _;

/// How the text begins.
const ALGORITHM: &str = "blake3:";

/// Digits that are enough to tell components apart by eye.
const SHORT: usize = 12;

/// BLAKE3 digest of a component's bytes: `blake3:` and 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Digest(Box<str>);

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(format!("{ALGORITHM}{}", blake3::hash(bytes).to_hex()).into())
    }

    /// All of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The algorithm and the first 12 digits.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(..ALGORITHM.len() + SHORT).unwrap_or(&self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Hexadecimal digits of a SHA-256 digest.
const SHA256_DIGITS: usize = 64;

/// SHA-256 digest of a component's bytes: 64 hexadecimal digits in lower case, as `sha256sum` prints them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sha256(Box<str>);

impl Sha256 {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let digits = |byte: &u8| [byte >> 4, byte & 15];
        let digits = sha2::Sha256::digest(bytes).iter().flat_map(digits).collect::<Vec<_>>();
        Self(digits.into_iter().filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect())
    }

    /// The digest that a text gives, in letters of either case. None where it is not 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_one = text.len() == SHA256_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_one.then(|| Self(text.to_ascii_lowercase().into()))
    }

    /// Its digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sha256_is_that_of_the_standard() {
        let digest = Sha256::of(b"abc");
        assert_eq!(digest.as_str(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(Sha256::parse(&digest.as_str().to_uppercase()), Some(digest));
        for text in ["", "ba78", &"g".repeat(64), &"ä".repeat(32)] {
            assert_eq!(Sha256::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_digest_names_its_algorithm() {
        let digest = Digest::of(b"");
        assert_eq!(
            digest.to_string(),
            "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
        );
        assert_eq!(digest.short(), "blake3:af1349b9f5f9");
    }
}
