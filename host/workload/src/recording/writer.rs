//! Writes a recording.

use std::io::{self, Write};

use super::block::{self, MOST_BYTES, MOST_HEADER, MOST_REQUESTS};
use super::blocks::Preface;
use super::{Header, MAGIC, Request, Totals, VERSION, requests};

/// Writes the blocks of a recording, each with one call: what has no buffer of its own holds whole blocks whenever it ends.
#[derive(Debug)]
pub struct Writer<W> {
    to: W,
    totals: Totals,
}

impl<W: Write> Writer<W> {
    /// Writes how the file begins.
    ///
    /// # Errors
    /// What writing says; a header of more than [`MOST_HEADER`] bytes.
    pub fn new(mut to: W, header: &Header) -> io::Result<Self> {
        let text = serde_json::to_vec(header)?;
        let length = u32::try_from(text.len()).ok().filter(|length| *length <= MOST_HEADER);
        let length = length.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "the settings take more than the header of a recording holds",
            )
        })?;
        let preface = Preface { version: VERSION, length, checksum: crc32fast::hash(&text) };
        let mut bytes = MAGIC.to_vec();
        bytes.extend(postcard::to_allocvec(&preface).map_err(io::Error::other)?);
        bytes.extend(text);
        to.write_all(&bytes)?;
        to.flush()?;
        Ok(Self { to, totals: Totals::default() })
    }

    /// Writes requests, as many blocks as they need.
    ///
    /// # Errors
    /// What writing says.
    pub fn requests(&mut self, all: &[Request]) -> io::Result<()> {
        for some in all.chunks(MOST_REQUESTS) {
            let raw = requests::encode(some).map_err(io::Error::other)?;
            self.block(block::REQUESTS, some.len(), &raw)?;
            self.totals.requests += u64::try_from(some.len()).unwrap_or(u64::MAX);
        }
        Ok(())
    }

    /// Writes records of the ledger, one a line, as many blocks as they need. A line that fills more than a block is left out, and
    /// counted as lost.
    ///
    /// # Errors
    /// What writing says.
    pub fn records(&mut self, lines: &str) -> io::Result<()> {
        let most = usize::try_from(MOST_BYTES).unwrap_or(usize::MAX) / 2;
        let (mut from, mut to, mut count) = (0, 0, 0);
        for line in lines.split_inclusive('\n') {
            let end = to + line.len();
            if end - from > most {
                self.lines(lines.get(from..to).unwrap_or_default(), count)?;
                (from, count) = (to, 0);
            }
            if line.len() > most {
                self.totals.lost += 1;
                (from, to) = (end, end);
                continue;
            }
            (to, count) = (end, count + 1);
        }
        self.lines(lines.get(from..to).unwrap_or_default(), count)
    }

    fn lines(&mut self, lines: &str, count: usize) -> io::Result<()> {
        if count == 0 {
            return Ok(());
        }
        self.block(block::RECORDS, count, lines.as_bytes())?;
        self.totals.records += u64::try_from(count).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Writes the last block, with what is not in the file; the rest of `missing` does not count.
    ///
    /// # Errors
    /// What writing says.
    pub fn finish(mut self, missing: Totals) -> io::Result<W> {
        self.totals.dropped = missing.dropped;
        self.totals.lost += missing.lost;
        let raw = postcard::to_allocvec(&self.totals).map_err(io::Error::other)?;
        self.block(block::END, 0, &raw)?;
        Ok(self.to)
    }

    /// What was written so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }

    fn block(&mut self, kind: u8, count: usize, raw: &[u8]) -> io::Result<()> {
        self.to.write_all(&block::seal(kind, count, raw)?)?;
        self.to.flush()
    }
}
