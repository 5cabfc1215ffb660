//! The key in a path: `/cache/` and the bytes of the key, percent-encoded where they have to be.
//!
//! The path is not taken apart: a `/` in it belongs to the key, and so do `.` and `..`. A `+` is a plus.

use thiserror::Error;

/// Why a path has no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadKey {
    /// A `%` without two hexadecimal digits behind it.
    #[error("the key has a % without two hexadecimal digits behind it, at byte {0}")]
    Escape(usize),
    /// The path is another one.
    #[error("the path does not begin with /cache/")]
    Elsewhere,
}

/// The key that a path names.
///
/// # Errors
/// [`BadKey`].
///
/// ```
/// use host_server::http::key::decode;
///
/// assert_eq!(decode("/cache/user:1").as_deref(), Ok(&b"user:1"[..]));
/// assert_eq!(decode("/cache/a%2Fb/c%00%ff").as_deref(), Ok(&b"a/b/c\0\xff"[..]));
/// ```
pub fn decode(path: &str) -> Result<Vec<u8>, BadKey> {
    let encoded = path.strip_prefix("/cache/").ok_or(BadKey::Elsewhere)?;
    let mut key = Vec::with_capacity(encoded.len());
    let mut bytes = encoded.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        let byte = if byte == b'%' {
            let mut digit = || bytes.next().and_then(|(_, digit)| value(digit));
            let both = digit().and_then(|high| Some(high << 4 | digit()?));
            both.ok_or(BadKey::Escape(at))?
        } else {
            byte
        };
        key.push(byte);
    }
    Ok(key)
}

/// The path of a key: what [`decode`] takes back.
#[must_use]
pub fn encode(key: &[u8]) -> String {
    let mut path = "/cache/".to_owned();
    for byte in key {
        if byte.is_ascii_alphanumeric() || b"-._~:/".contains(byte) {
            path.push(char::from(*byte));
        } else {
            for digit in [byte >> 4, byte & 15] {
                path.extend(char::from_digit(u32::from(digit), 16));
            }
            let at = path.len() - 2;
            path.insert(at, '%');
        }
    }
    path
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_through() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&all)), Ok(all));
        assert_eq!(encode(b"a/b c"), "/cache/a/b%20c");
    }

    #[test]
    fn a_path_is_taken_as_it_is_and_half_an_escape_is_refused() {
        for (path, key) in [
            ("/cache/", Ok(&b""[..])),
            ("/cache/a+b", Ok(b"a+b")),
            ("/cache/../a//b", Ok(b"../a//b")),
            ("/cache/%2e%2E", Ok(b"..")),
            ("/cache/%", Err(BadKey::Escape(0))),
            ("/cache/a%2", Err(BadKey::Escape(1))),
            ("/cache/%+1", Err(BadKey::Escape(0))),
            ("/cache/%g1", Err(BadKey::Escape(0))),
            ("/cache", Err(BadKey::Elsewhere)),
        ] {
            assert_eq!(decode(path).as_deref().map_err(|error| *error), key, "{path}");
        }
    }
}
