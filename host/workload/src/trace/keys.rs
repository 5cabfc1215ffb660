//! Turns a key in a file into the number that is handed on: the number in the file, or a hash.
//!
//! A prefetcher and a strategy look for runs of consecutive keys. Such runs are real only where a number is an address: a
//! block of a disk, an offset in a volume. Where a number is a name they mean nothing. Where keys were numbered by first
//! appearance they give the future away: the next new key is always the next number. So each format says whether its
//! numbers are addresses, and [`Options::keys`](super::Options::keys) overrides it:
//!
//! | format | keys | why |
//! |---|---|---|
//! | `lis`, `lirs`, `vscsi` | ordered | block numbers |
//! | `msr` | ordered | offsets in bytes |
//! | `csv` | ordered where the key column is called `lbn`, `lba`, `block`, `sector` or `offset`, else hashed | other columns may hold names |
//! | `plain`, `oracleGeneral` | hashed | the file does not say what its numbers are |
//! | `twitter` | hashed | names |
//! | `mooncake` | hashed | blocks of text, numbered by first appearance |
//! | `recording` | ordered where those of the recorded run were, else hashed | the recording says so |
//!
//! A file of an ordered format may have been renumbered by first appearance all the same, as the published OLTP and LIRS
//! traces were. That shows only when it was read: see [`FirstAppearance`](crate::analysis::FirstAppearance).
//!
//! Every key fits [`key::BITS`] bits. In a trace with ordered keys a text, and a number that does not fit, is hashed;
//! [`TraceReader::unordered`](super::TraceReader::unordered) counts them. Hashes of 53 bits collide: two of n distinct
//! keys have the same with a probability of n^2 / 2^54, which is 1 in 18,000 for a million keys. A simulator reads
//! [whole hashes](super::TraceReader::with_ids).

use std::fmt;

use super::Request;
use crate::key;

/// What the value of a key tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyForm {
    /// A key is the number in the trace: consecutive keys are neighbours.
    Ordered,
    /// A key is a hash: nothing follows from its value.
    Hashed,
}

impl fmt::Display for KeyForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ordered => "ordered",
            Self::Hashed => "hashed",
        })
    }
}

/// The form of a trace's keys, and why it has this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChoice {
    /// The form.
    pub form: KeyForm,
    /// Why, in words for a user.
    pub reason: String,
}

impl KeyChoice {
    pub(super) fn new(form: KeyForm, reason: impl Into<String>) -> Self {
        Self { form, reason: reason.into() }
    }
}

/// What is handed on as a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    /// The number itself where it fits, else the hash cut to [`key::BITS`].
    Ordered,
    /// The hash cut to [`key::BITS`].
    Cut,
    /// All 64 bits of the hash.
    Whole,
}

/// Turns the keys of a trace into those that are handed on.
#[derive(Debug)]
pub(super) struct KeyEncoder {
    encoding: Encoding,
    /// Requests whose key has no place in the order.
    unordered: u64,
    /// Texts of keys, where they are wanted.
    texts: Option<Texts>,
}

impl KeyEncoder {
    pub(super) fn new(form: KeyForm) -> Self {
        let encoding = match form {
            KeyForm::Ordered => Encoding::Ordered,
            KeyForm::Hashed => Encoding::Cut,
        };
        Self { encoding, unordered: 0, texts: None }
    }

    /// From now on hands on whole hashes.
    pub(super) fn whole(&mut self) {
        self.encoding = Encoding::Whole;
    }

    /// From now on hands on whole hashes and keeps the texts of keys.
    pub(super) fn keep_texts(&mut self) {
        self.whole();
        self.texts = Some(Texts::default());
    }

    /// The texts kept since they were last taken, in the order of the requests.
    pub(super) fn texts(&mut self) -> Option<&mut Texts> {
        self.texts.as_mut()
    }

    pub(super) fn unordered(&self) -> u64 {
        self.unordered
    }

    #[inline]
    fn number(&mut self, number: u64) -> u64 {
        if let Some(texts) = &mut self.texts {
            texts.push(&[]);
        }
        match self.encoding {
            Encoding::Whole => key::hash_number(number),
            Encoding::Cut => key::cut(key::hash_number(number)),
            Encoding::Ordered if number <= key::MAX => number,
            Encoding::Ordered => {
                self.unordered += 1;
                key::cut(key::hash_number(number))
            }
        }
    }

    fn text(&mut self, text: &[u8]) -> u64 {
        if let Some(number) = key::canonical_number(text) {
            return self.number(number);
        }
        if let Some(texts) = &mut self.texts {
            texts.push(text);
        }
        let hash = key::hash_text(text);
        match self.encoding {
            Encoding::Whole => hash,
            Encoding::Cut => key::cut(hash),
            Encoding::Ordered => {
                self.unordered += 1;
                key::cut(hash)
            }
        }
    }
}

/// Where a decoder puts the requests of a batch.
pub(super) struct Sink<'a> {
    requests: &'a mut Vec<Request>,
    /// Length at which the batch is full.
    full: usize,
    keys: &'a mut KeyEncoder,
}

impl<'a> Sink<'a> {
    /// Takes up to `max` requests.
    pub(super) fn new(requests: &'a mut Vec<Request>, max: usize, keys: &'a mut KeyEncoder) -> Self {
        let full = requests.len().saturating_add(max);
        Self { requests, full, keys }
    }

    /// How many requests it still takes.
    pub(super) fn room(&self) -> usize {
        self.full.saturating_sub(self.requests.len())
    }

    /// Whether it takes none any more.
    pub(super) fn is_full(&self) -> bool {
        self.requests.len() >= self.full
    }

    /// A request for a key that is a number.
    #[inline]
    pub(super) fn number(&mut self, number: u64, size: u32) {
        let key = self.keys.number(number);
        self.requests.push(Request { key, size });
    }

    /// A request for a key that may be a text or a number.
    pub(super) fn text(&mut self, text: &[u8], size: u32) {
        let key = self.keys.text(text);
        self.requests.push(Request { key, size });
    }
}

/// The texts of a batch of keys, in order. A key that is a number has the empty text.
#[derive(Debug, Default)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    pub(super) fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
    }

    pub(super) fn get(&self, at: usize) -> Option<&[u8]> {
        let start = match at.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.bytes.get(start..*self.ends.get(at)?).filter(|text| !text.is_empty())
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(form: KeyForm, found: &[&str]) -> (Vec<u64>, u64) {
        let (mut requests, mut encoder) = (Vec::new(), KeyEncoder::new(form));
        let mut sink = Sink::new(&mut requests, 100, &mut encoder);
        found.iter().for_each(|text| sink.text(text.as_bytes(), 0));
        (requests.iter().map(|request| request.key).collect(), encoder.unordered())
    }

    #[test]
    fn ordered_keys_are_the_numbers_and_what_has_no_place_is_hashed_and_counted() {
        let most = key::MAX.to_string();
        let above = (key::MAX + 1).to_string();
        let (found, unordered) = keys(KeyForm::Ordered, &["0", "7", &most, &above, "x", "007"]);
        let hashed = [key::hash_number(key::MAX + 1), key::hash_text(b"x"), key::hash_text(b"007")];
        assert_eq!(found[..3], [0, 7, key::MAX]);
        assert_eq!(found[3..], hashed.map(key::cut));
        assert_eq!(unordered, 3);
    }

    #[test]
    fn hashed_keys_fit_and_keep_no_order() {
        let numbers: Vec<String> = (0..1000).map(|number: u32| number.to_string()).collect();
        let (found, unordered) =
            keys(KeyForm::Hashed, &numbers.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(found.iter().all(|&key| key <= key::MAX));
        assert!(found.windows(2).all(|pair| pair[0] + 1 != pair[1]));
        assert_eq!(unordered, 0);
    }
}
