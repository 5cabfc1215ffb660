//! Requests as they arrive: an array of bulk strings, or a line of words.
//!
//! The parser finds where the arguments of the next request lie in a buffer that it does not own, and copies nothing.
//! It keeps what it has found between two calls, so that a request which arrives in a thousand pieces is read once. It is
//! written here and not taken from a crate, because clients and Redis's own tests go by the words of its errors, because no
//! crate reads lines of words, and for its speed: `cargo bench -p host-server --bench request` has it beside redis-protocol's.

use std::ops::Range;

use smallvec::SmallVec;

use super::words::{self, Unbalanced};

/// Where an argument lies, from the beginning of its request.
pub type Place = Range<usize>;

/// What a request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Arguments of one request.
    pub arguments: usize,
    /// Bytes of one argument.
    pub bulk: usize,
    /// Bytes of a line: of a count, a length, or a request of words.
    pub line: usize,
}

impl Limits {
    /// Those of Redis: 1,048,576 arguments, 512 MiB, lines of 64 KiB.
    pub const REDIS: Self = Self { arguments: 1 << 20, bulk: 512 << 20, line: 64 << 10 };

    /// What a client may send that has not given its password yet: as Redis has it.
    pub const BEFORE_PASSWORD: Self = Self { arguments: 10, bulk: 16 << 10, line: 64 << 10 };
}

/// What is wrong with a request. The connection ends with it: where the next request begins is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The number of arguments is no number, or above the limit.
    #[error("invalid multibulk length")]
    Count,
    /// The line of a number of arguments does not end.
    #[error("too big mbulk count string")]
    CountLine,
    /// An argument does not begin with `$`.
    #[error("expected '$', got '{}'", char::from(*.0))]
    NoBulk(u8),
    /// The length of an argument is no number, or above the limit.
    #[error("invalid bulk length")]
    Length,
    /// The line of a length does not end.
    #[error("too big bulk count string")]
    LengthLine,
    /// A line of words does not end.
    #[error("too big inline request")]
    Line,
    /// A line of words has a quote without its other.
    #[error("unbalanced quotes in request")]
    Quotes,
    /// More arguments than a client without its password may send.
    #[error("unauthenticated multibulk length")]
    CountBeforePassword,
    /// A longer argument than a client without its password may send.
    #[error("unauthenticated bulk length")]
    LengthBeforePassword,
}

/// What lies at the beginning of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A whole request of so many bytes, whose arguments are [`Parser::places`]. None are an empty request, to be ignored.
    Whole(usize),
    /// A whole request of words, of so many bytes.
    Words(usize, Vec<Vec<u8>>),
    /// The beginning of one. So many bytes more are known to be missing, at least 1.
    Part(usize),
}

/// Reads requests; one for each connection.
#[derive(Debug, Default)]
pub struct Parser {
    places: SmallVec<[Place; 8]>,
    /// Bytes read of the present request.
    at: usize,
    /// Arguments that are still to come; none before the number is known.
    missing: Option<usize>,
    /// Length of the argument that begins at `at`, once it is known.
    length: Option<usize>,
}

impl Parser {
    /// Where the arguments of the request lie that was read last.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Reads on. `buffer` begins with the first byte of the present request, as in the call before.
    ///
    /// # Errors
    /// [`ProtocolError`]: what comes is no request.
    #[inline]
    pub fn parse(&mut self, buffer: &[u8], limits: Limits) -> Result<Parsed, ProtocolError> {
        if self.missing.is_none() {
            self.places.clear();
            self.at = 0;
            match buffer.first() {
                None => return Ok(Parsed::Part(1)),
                Some(b'*') => {}
                Some(_) => return words_of(buffer, limits),
            }
            let (count, next) = match short_number(buffer, 1) {
                Some(short) => short,
                None => {
                    let Some((line, next)) = line(buffer, 1) else {
                        let endless = buffer.len() > limits.line;
                        return if endless { Err(ProtocolError::CountLine) } else { Ok(Parsed::Part(1)) };
                    };
                    let count = number(line).ok_or(ProtocolError::Count)?;
                    // As Redis does: nothing, and less than nothing, are no request.
                    (usize::try_from(count.max(0)).map_err(|_| ProtocolError::Count)?, next)
                }
            };
            if count > Limits::REDIS.arguments.max(limits.arguments) {
                return Err(ProtocolError::Count);
            }
            if count > limits.arguments {
                return Err(ProtocolError::CountBeforePassword);
            }
            self.at = next;
            self.missing = Some(count);
        }
        let mut missing = self.missing.unwrap_or(0);
        while missing > 0 {
            let length = match self.length {
                Some(length) => length,
                None => match self.bulk_length(buffer, limits)? {
                    Some(length) => length,
                    None => {
                        self.missing = Some(missing);
                        return Ok(Parsed::Part(1));
                    }
                },
            };
            // The argument and the end of its line.
            let end = self.at.saturating_add(length);
            if buffer.len() < end.saturating_add(2) {
                self.length = Some(length);
                self.missing = Some(missing);
                return Ok(Parsed::Part(end.saturating_add(2) - buffer.len()));
            }
            self.places.push(self.at..end);
            self.at = end + 2;
            self.length = None;
            missing -= 1;
        }
        self.missing = None;
        Ok(Parsed::Whole(self.at))
    }

    /// The length of the next argument, which then begins at `at`. None where its line is not whole yet.
    #[inline]
    fn bulk_length(&mut self, buffer: &[u8], limits: Limits) -> Result<Option<usize>, ProtocolError> {
        match buffer.get(self.at) {
            None => return Ok(None),
            Some(b'$') => {}
            Some(&other) => return Err(ProtocolError::NoBulk(other)),
        }
        let (length, next) = match short_number(buffer, self.at + 1) {
            Some(short) => short,
            None => {
                let Some((line, next)) = line(buffer, self.at + 1) else {
                    let endless = buffer.len() - self.at > limits.line;
                    return if endless { Err(ProtocolError::LengthLine) } else { Ok(None) };
                };
                let length = number(line).and_then(|length| usize::try_from(length).ok());
                (length.ok_or(ProtocolError::Length)?, next)
            }
        };
        if length > limits.bulk {
            let before = limits.bulk == Limits::BEFORE_PASSWORD.bulk;
            return Err(if before { ProtocolError::LengthBeforePassword } else { ProtocolError::Length });
        }
        self.at = next;
        Ok(Some(length))
    }
}

/// A request that is a line of words.
#[cold]
fn words_of(buffer: &[u8], limits: Limits) -> Result<Parsed, ProtocolError> {
    let Some(end) = buffer.iter().position(|&byte| byte == b'\n') else {
        return if buffer.len() > limits.line { Err(ProtocolError::Line) } else { Ok(Parsed::Part(1)) };
    };
    let line = buffer.get(..end).unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let words = words::split(line).map_err(|Unbalanced| ProtocolError::Quotes)?;
    Ok(Parsed::Words(end + 1, words))
}

/// The number of at most three digits that makes up the line from `from` on, and where the next line begins: nearly every count
/// and length. None where it is anything else, or not whole.
#[inline]
fn short_number(buffer: &[u8], from: usize) -> Option<(usize, usize)> {
    let digit = |byte: u8| usize::from(byte.wrapping_sub(b'0'));
    // The line end is two bytes; the second is not looked at, as Redis does not.
    let (number, next) = match *buffer.get(from..from.checked_add(5)?)? {
        [a, b'\r', ..] if a.is_ascii_digit() => (digit(a), 3),
        [a, b, b'\r', ..] if a.is_ascii_digit() && b.is_ascii_digit() => (digit(a) * 10 + digit(b), 4),
        [a, b, c, b'\r', _] if a.is_ascii_digit() && b.is_ascii_digit() && c.is_ascii_digit() => {
            (digit(a) * 100 + digit(b) * 10 + digit(c), 5)
        }
        _ => return None,
    };
    Some((number, from + next))
}

/// The line that begins at `from`, without its end, and where the next one begins.
#[inline]
fn line(buffer: &[u8], from: usize) -> Option<(&[u8], usize)> {
    let rest = buffer.get(from..)?;
    // A handful of digits: shorter than what a vectorised search takes to begin.
    let end = rest.iter().position(|&byte| byte == b'\r')?;
    // The line end is two bytes; the second is not looked at, as Redis does not.
    (rest.len() > end + 1).then_some(())?;
    Some((rest.get(..end)?, from + end + 2))
}

/// A whole number in decimal, with a sign where it is negative.
#[inline]
fn number(digits: &[u8]) -> Option<i64> {
    let (negative, digits) = match digits.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, digits),
    };
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut number = 0_i64;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = number * 10 + i64::from(digit - b'0');
    }
    Some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads everything in a buffer that grows by these steps.
    fn read(bytes: &[u8], steps: &[usize]) -> Result<Vec<Vec<Vec<u8>>>, ProtocolError> {
        let mut parser = Parser::default();
        let (mut begin, mut end, mut requests) = (0, 0, Vec::new());
        let mut steps = steps.iter().copied().chain(std::iter::repeat(usize::MAX));
        loop {
            match parser.parse(&bytes[begin..end], Limits::REDIS)? {
                Parsed::Whole(length) => {
                    let request = &bytes[begin..end];
                    requests
                        .push(parser.places().iter().map(|place| request[place.clone()].to_vec()).collect());
                    begin += length;
                }
                Parsed::Words(length, words) => {
                    requests.push(words);
                    begin += length;
                }
                Parsed::Part(missing) => {
                    assert!(missing > 0);
                    if end == bytes.len() {
                        return Ok(requests);
                    }
                    end = end.saturating_add(steps.next().unwrap_or(1).max(1)).min(bytes.len());
                }
            }
        }
    }

    fn encode(requests: &[Vec<Vec<u8>>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for request in requests {
            bytes.extend(format!("*{}\r\n", request.len()).into_bytes());
            for argument in request {
                bytes.extend(format!("${}\r\n", argument.len()).into_bytes());
                bytes.extend(argument);
                bytes.extend(b"\r\n");
            }
        }
        bytes
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_in_pieces_of_any_size(
            requests in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 0..30), 1..12), 0..6),
            steps in prop::collection::vec(1_usize..40, 0..40),
        ) {
            prop_assert_eq!(read(&encode(&requests), &steps), Ok(requests));
        }

        #[test]
        fn no_bytes_make_it_panic_and_pieces_change_nothing(
            bytes in prop::collection::vec(prop::sample::select(b"*$-1239\r\n'\"\\xabc \0".to_vec()), 0..60),
            steps in prop::collection::vec(1_usize..9, 0..60),
        ) {
            // In pieces it may find more requests before the error, but the same ones.
            prop_assert_eq!(read(&bytes, &[]).is_ok(), read(&bytes, &steps).is_ok());
        }
    }

    #[test]
    fn what_is_wrong_is_named_as_redis_names_it() {
        for (bytes, error) in [
            ("*3000000000\r\n", "invalid multibulk length"),
            ("*x\r\n", "invalid multibulk length"),
            ("*1\r\nfoo\r\n", "expected '$', got 'f'"),
            ("*1\r\n$-10\r\n", "invalid bulk length"),
            ("*1\r\n$2000000000\r\n", "invalid bulk length"),
            ("set \"\"\"key\"\"\" v\r\n", "unbalanced quotes in request"),
        ] {
            assert_eq!(read(bytes.as_bytes(), &[]).unwrap_err().to_string(), error, "{bytes}");
        }
        for (byte, error) in [("x", "too big inline request"), ("*", "too big mbulk count string")] {
            let endless = byte.repeat(Limits::REDIS.line + 1);
            assert_eq!(read(endless.as_bytes(), &[]).unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn what_a_client_without_its_password_may_send_is_little() {
        let parse = |text: &[u8]| Parser::default().parse(text, Limits::BEFORE_PASSWORD);
        assert_eq!(parse(b"*11\r\n"), Err(ProtocolError::CountBeforePassword));
        assert_eq!(parse(b"*1\r\n$16385\r\n"), Err(ProtocolError::LengthBeforePassword));
        assert_eq!(parse(b"*1\r\n$4\r\nPING\r\n"), Ok(Parsed::Whole(14)));
    }

    #[test]
    fn nothing_is_no_request() {
        assert_eq!(
            read(b"*0\r\n*-10\r\n\r\n*1\r\n$4\r\nPING\r\n", &[])
                .unwrap()
                .iter()
                .filter(|r| !r.is_empty())
                .count(),
            1
        );
    }
}
