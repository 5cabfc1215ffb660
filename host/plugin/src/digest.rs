//! The digest of a component, with the algorithm that made it: a bare number could be any.

use std::fmt;

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

#[cfg(test)]
mod tests {
    use super::*;

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
