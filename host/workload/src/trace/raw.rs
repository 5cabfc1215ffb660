//! Reads the keys of a trace as they stand in the file, to describe or rewrite it.
//!
//! A converter has to write the same keys again, whatever their form, and an analysis of sequential access needs the
//! numbers. The number of a numeric key follows from its hash ([`key::number_of_hash`]); so hashes are read, and beside
//! them only the texts of the other keys are kept.

use std::path::Path;

use super::keys::Texts;
use super::{Compression, Format, KeyChoice, Options, Request, TraceError, TraceReader};
use crate::key;

/// A key as it stands in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawKey<'a> {
    /// A decimal number in a text, or the number of a binary record.
    Number(u64),
    /// Anything else, not empty, without white space around it.
    Text(&'a [u8]),
}

impl RawKey<'_> {
    /// All bits of its hash, see [`crate::key`].
    #[must_use]
    pub fn hash(self) -> u64 {
        match self {
            Self::Number(number) => key::hash_number(number),
            Self::Text(text) => key::hash_text(text),
        }
    }

    /// The number, or for a text the number whose hash is the hash of the text.
    ///
    /// A format that holds numbers only can so hold any key, and what is read from it has the same hashes as the
    /// original.
    #[must_use]
    pub fn as_number(self) -> u64 {
        match self {
            Self::Number(number) => number,
            Self::Text(_) => key::number_of_hash(self.hash()),
        }
    }
}

/// Some requests with their keys. Memory: 16 bytes a request, and for text keys 8 bytes and the text.
#[derive(Debug, Default)]
pub struct RawBatch {
    requests: Vec<Request>,
    texts: Texts,
}

impl RawBatch {
    /// The requests, their keys as whole hashes.
    #[must_use]
    pub fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// The requests and their keys.
    pub fn iter(&self) -> impl Iterator<Item = (Request, RawKey<'_>)> {
        self.requests.iter().enumerate().map(|(at, &request)| {
            let number = || RawKey::Number(key::number_of_hash(request.key));
            (request, self.texts.get(at).map_or_else(number, RawKey::Text))
        })
    }

    /// Appends a request.
    pub fn push(&mut self, key: RawKey<'_>, size: u32) {
        self.requests.push(Request { key: key.hash(), size });
        self.texts.push(match key {
            RawKey::Number(_) => &[],
            RawKey::Text(text) => text,
        });
    }

    /// Forgets the requests and keeps the memory for the next ones.
    pub fn clear(&mut self) {
        self.requests.clear();
        self.texts.clear();
    }
}

/// Reads the requests of a trace in order, with their keys.
#[derive(Debug)]
pub struct RawReader(TraceReader);

impl RawReader {
    /// Opens a trace as [`TraceReader::open`] does.
    ///
    /// # Errors
    /// Those of [`TraceReader::open`].
    pub fn open(path: &Path, options: &Options) -> Result<Self, TraceError> {
        TraceReader::open(path, options).map(Self::keep_texts)
    }

    /// Reads a trace from elsewhere as [`TraceReader::from_reader`] does.
    ///
    /// # Errors
    /// Those of [`TraceReader::from_reader`].
    pub fn from_reader(
        path: &Path,
        bytes: impl std::io::Read + Send + 'static,
        options: &Options,
    ) -> Result<Self, TraceError> {
        TraceReader::from_reader(path, bytes, options).map(Self::keep_texts)
    }

    fn keep_texts(mut reader: TraceReader) -> Self {
        reader.keys.keep_texts();
        Self(reader)
    }

    /// The format that is being read.
    #[must_use]
    pub fn format(&self) -> Format {
        self.0.format()
    }

    /// The form of the keys that a [`TraceReader`] with the same options hands on.
    #[must_use]
    pub fn keys(&self) -> &KeyChoice {
        self.0.keys()
    }

    /// How the file is compressed.
    #[must_use]
    pub fn compression(&self) -> Compression {
        self.0.compression()
    }

    /// As [`TraceReader::note`].
    #[must_use]
    pub fn note(&self) -> Option<String> {
        self.0.note()
    }

    /// Requests delivered so far.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.0.delivered()
    }

    /// Replaces what `batch` holds by up to `max` requests and returns how many; with `max` above 0, 0 means the end.
    ///
    /// # Errors
    /// As [`TraceReader::read_batch`].
    pub fn read_batch(&mut self, batch: &mut RawBatch, max: usize) -> Result<usize, TraceError> {
        batch.clear();
        if let Some(texts) = self.0.keys.texts() {
            texts.clear();
        }
        let count = self.0.read_batch(&mut batch.requests, max)?;
        if let Some(texts) = self.0.keys.texts() {
            std::mem::swap(texts, &mut batch.texts);
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(name: &str, content: &str, max: usize) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let mut reader = RawReader::open(&path, &Options::default()).unwrap();
        let (mut batch, mut keys) = (RawBatch::default(), Vec::new());
        while reader.read_batch(&mut batch, max).unwrap() > 0 {
            for (request, key) in batch.iter() {
                assert_eq!(request.key, key.hash());
                keys.push(match key {
                    RawKey::Number(number) => number.to_string(),
                    RawKey::Text(text) => format!("<{}>", String::from_utf8_lossy(text)),
                });
            }
        }
        assert_eq!(reader.delivered(), u64::try_from(keys.len()).unwrap());
        keys
    }

    #[test]
    fn numbers_and_texts_come_back_as_they_stand() {
        for max in [1, 2, 100] {
            let found = keys("a.keys", "7\nuser:1\n007\n18446744073709551615\n-1\n0\n", max);
            assert_eq!(found, ["7", "<user:1>", "<007>", "18446744073709551615", "<-1>", "0"]);
            assert_eq!(keys("a.csv", "key\n5\n\"a, b\"\n", max), ["5", "<a, b>"]);
            assert_eq!(keys("a.lis", "5 2 0 0\n", max), ["5", "6"]);
        }
    }

    #[test]
    fn a_number_stands_for_a_text() {
        let text = RawKey::Text(b"user:1");
        assert_eq!(RawKey::Number(text.as_number()).hash(), text.hash());
        assert_eq!(RawKey::Number(9).as_number(), 9);
    }

    #[test]
    fn a_batch_made_by_hand_reads_as_it_was_pushed() {
        let mut batch = RawBatch::default();
        let keys = [RawKey::Number(1), RawKey::Text(b"x"), RawKey::Number(2), RawKey::Text(b"yz")];
        for key in keys {
            batch.push(key, 3);
        }
        assert!(batch.iter().map(|(_, key)| key).eq(keys));
        assert!(batch.requests().iter().all(|request| request.size == 3));
        batch.clear();
        assert_eq!(batch.iter().count(), 0);
    }
}
