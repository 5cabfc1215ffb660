//! Replies, in the form that the client understands: RESP2, or RESP3 once it has asked for it.

/// Which protocol a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// Every client can; replies are strings, integers and arrays.
    #[default]
    Two,
    /// Maps, sets, doubles, booleans and messages have forms of their own.
    Three,
}

/// Writes replies behind what is in a buffer already.
#[derive(Debug)]
pub struct Reply<'a> {
    out: &'a mut Vec<u8>,
    version: Version,
}

impl<'a> Reply<'a> {
    /// Writes to the end of this buffer.
    pub fn new(out: &'a mut Vec<u8>, version: Version) -> Self {
        Self { out, version }
    }

    /// The protocol of the client.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The client speaks this one from here on.
    pub fn set_version(&mut self, version: Version) {
        self.version = version;
    }

    /// Bytes written so far, with those of earlier replies that were not sent yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing is to be sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Takes back what was written behind this length.
    pub fn truncate(&mut self, len: usize) {
        self.out.truncate(len);
    }

    /// Bytes that are replies already.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// `OK`.
    pub fn ok(&mut self) {
        self.out.extend_from_slice(b"+OK\r\n");
    }

    /// A short text without line ends.
    pub fn simple(&mut self, text: &str) {
        self.out.push(b'+');
        self.out.extend_from_slice(text.as_bytes());
        self.end();
    }

    /// An error: a code in capitals, a space, and words. Line ends in it become spaces.
    pub fn error(&mut self, text: &str) {
        self.out.push(b'-');
        self.out.extend(text.bytes().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
        self.end();
    }

    /// A whole number.
    pub fn integer(&mut self, number: i64) {
        self.head(b':', number);
    }

    /// A count or a size.
    pub fn count(&mut self, count: usize) {
        self.integer(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Any bytes.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.out.reserve(bytes.len() + 32);
        match short_head(b'$', bytes.len()) {
            Some((head, length)) => {
                // A copy of a length that is known takes one step.
                self.out.extend_from_slice(&head);
                self.out.truncate(self.out.len() - (head.len() - length));
            }
            None => self.head(b'$', bytes.len()),
        }
        self.out.extend_from_slice(bytes);
        self.end();
    }

    /// A number as text.
    pub fn bulk_integer(&mut self, number: i64) {
        self.bulk(itoa::Buffer::new().format(number).as_bytes());
    }

    /// Nothing, where a value might be.
    pub fn null(&mut self) {
        self.out.extend_from_slice(if self.version == Version::Two { b"$-1\r\n" } else { b"_\r\n" });
    }

    /// Nothing, where an array might be.
    pub fn null_array(&mut self) {
        self.out.extend_from_slice(if self.version == Version::Two { b"*-1\r\n" } else { b"_\r\n" });
    }

    /// An array of so many replies, which follow.
    pub fn array(&mut self, len: usize) {
        self.head(b'*', len);
    }

    /// So many pairs of replies, which follow.
    pub fn map(&mut self, pairs: usize) {
        match self.version {
            Version::Two => self.head(b'*', pairs.saturating_mul(2)),
            Version::Three => self.head(b'%', pairs),
        }
    }

    /// A set of so many replies, which follow.
    pub fn set(&mut self, len: usize) {
        self.head(if self.version == Version::Two { b'*' } else { b'~' }, len);
    }

    /// A message that answers no request, of so many parts, which follow.
    pub fn push(&mut self, len: usize) {
        self.head(if self.version == Version::Two { b'*' } else { b'>' }, len);
    }

    /// A number with a fraction.
    pub fn double(&mut self, number: f64) {
        let text = number.to_string();
        match self.version {
            Version::Two => self.bulk(text.as_bytes()),
            Version::Three => {
                self.out.push(b',');
                self.out.extend_from_slice(text.as_bytes());
                self.end();
            }
        }
    }

    /// Yes or no.
    pub fn boolean(&mut self, is: bool) {
        match self.version {
            Version::Two => self.integer(i64::from(is)),
            Version::Three => self.out.extend_from_slice(if is { b"#t\r\n" } else { b"#f\r\n" }),
        }
    }

    /// A whole number of any size, in decimal digits.
    pub fn big_number(&mut self, digits: &str) {
        match self.version {
            Version::Two => self.bulk(digits.as_bytes()),
            Version::Three => {
                self.out.push(b'(');
                self.out.extend_from_slice(digits.as_bytes());
                self.end();
            }
        }
    }

    /// So many pairs about the reply that follows them; a client may pass them over. RESP2 has none: it says so by false, and
    /// nothing is to be written then.
    pub fn attribute(&mut self, pairs: usize) -> bool {
        if self.version == Version::Three {
            self.head(b'|', pairs);
        }
        self.version == Version::Three
    }

    /// A text for people.
    pub fn text(&mut self, text: &str) {
        match self.version {
            Version::Two => self.bulk(text.as_bytes()),
            Version::Three => {
                self.head(b'=', text.len().saturating_add(4));
                self.out.extend_from_slice(b"txt:");
                self.out.extend_from_slice(text.as_bytes());
                self.end();
            }
        }
    }

    #[inline]
    fn head(&mut self, kind: u8, number: impl itoa::Integer) {
        self.out.push(kind);
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        self.end();
    }

    #[inline]
    fn end(&mut self) {
        self.out.extend_from_slice(b"\r\n");
    }
}

/// The line of a kind and a number of at most three digits, and how many of the bytes it takes.
#[inline]
fn short_head(kind: u8, number: usize) -> Option<([u8; 8], usize)> {
    let number = u16::try_from(number).ok()?;
    let digit = |number: u16| u8::try_from(number % 10).unwrap_or(0) + b'0';
    let (ones, tens, hundreds) = (digit(number), digit(number / 10), digit(number / 100));
    match number {
        0..10 => Some(([kind, ones, b'\r', b'\n', 0, 0, 0, 0], 4)),
        10..100 => Some(([kind, tens, ones, b'\r', b'\n', 0, 0, 0], 5)),
        100..1_000 => Some(([kind, hundreds, tens, ones, b'\r', b'\n', 0, 0], 6)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(version: Version, write: impl FnOnce(&mut Reply<'_>)) -> String {
        let mut out = Vec::new();
        write(&mut Reply::new(&mut out, version));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn bytes_of_every_length_have_their_length_before_them() {
        for length in (0..1_100).chain([9_999, 10_000, 65_535, 65_536, 70_000]) {
            let bytes = "x".repeat(length);
            let reply = written(Version::Two, |reply| {
                reply.ok();
                reply.bulk(bytes.as_bytes());
            });
            assert_eq!(reply, format!("+OK\r\n${length}\r\n{bytes}\r\n"));
        }
    }

    #[test]
    fn each_reply_has_the_form_of_the_protocol() {
        let all = |reply: &mut Reply<'_>| {
            reply.ok();
            reply.error("ERR two\r\nlines");
            reply.integer(-1);
            reply.bulk(b"a\r\nb");
            reply.null();
            reply.null_array();
            reply.map(1);
            reply.set(2);
            reply.push(3);
            reply.double(0.5);
            reply.text("hi");
            reply.boolean(true);
            reply.big_number("12");
        };
        let same = "+OK\r\n-ERR two  lines\r\n:-1\r\n$4\r\na\r\nb\r\n";
        assert_eq!(
            written(Version::Two, all),
            format!("{same}$-1\r\n*-1\r\n*2\r\n*2\r\n*3\r\n$3\r\n0.5\r\n$2\r\nhi\r\n:1\r\n$2\r\n12\r\n")
        );
        assert_eq!(
            written(Version::Three, all),
            format!("{same}_\r\n_\r\n%1\r\n~2\r\n>3\r\n,0.5\r\n=6\r\ntxt:hi\r\n#t\r\n(12\r\n")
        );
    }
}
