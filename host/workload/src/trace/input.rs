//! Reads the bytes of a trace through one buffer of fixed size.
//!
//! `BufRead::read_until` would copy each line and let a file without line ends fill the memory. Here a line is a slice of
//! the buffer, and one that does not fit is a fault.

use std::io::{self, Read};
use std::ops::Range;

use super::bounds::{BUFFER_BYTES, MAX_LINE_BYTES};
use super::error::{Fault, Position};

/// A buffered reader.
pub(super) struct Input {
    reader: Box<dyn Read + Send>,
    buffer: Box<[u8]>,
    /// The part of `buffer` that was read and not consumed; always within it.
    filled: Range<usize>,
    ended: bool,
    lines: u64,
}

impl Input {
    pub(super) fn new(reader: Box<dyn Read + Send>) -> Self {
        let buffer = vec![0; BUFFER_BYTES].into_boxed_slice();
        Self { reader, buffer, filled: 0..0, ended: false, lines: 0 }
    }

    /// What was read and not consumed.
    pub(super) fn available(&self) -> &[u8] {
        self.buffer.get(self.filled.clone()).unwrap_or_default()
    }

    /// Whether all that is left is in the buffer.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Marks bytes of [`available`](Self::available) as done with.
    pub(super) fn consume(&mut self, bytes: usize) {
        self.filled.start = (self.filled.start + bytes).min(self.filled.end);
    }

    /// Reads once more; false at the end of the file or with a full buffer.
    pub(super) fn fill(&mut self) -> io::Result<bool> {
        if self.filled.start > 0 && self.filled.end == self.buffer.len() {
            self.buffer.copy_within(self.filled.clone(), 0);
            self.filled = 0..self.filled.len();
        }
        let space = self.buffer.get_mut(self.filled.end..).unwrap_or_default();
        if self.ended || space.is_empty() {
            return Ok(false);
        }
        loop {
            match self.reader.read(space) {
                Ok(0) => {
                    self.ended = true;
                    return Ok(false);
                }
                Ok(bytes) => {
                    self.filled.end += bytes;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads the first bytes without consuming them, as many as detection looks at.
    pub(super) fn peek(&mut self) -> io::Result<()> {
        while self.available().len() < MAX_LINE_BYTES && self.fill()? {}
        Ok(())
    }

    /// Editors on some systems begin a text file with this mark; it is no part of the first key.
    pub(super) fn skip_byte_order_mark(&mut self) {
        if self.available().starts_with(b"\xef\xbb\xbf") {
            self.consume(3);
        }
    }

    /// Where the line stands that was read last.
    pub(super) fn position(&self) -> Position {
        Position::Line(self.lines)
    }

    /// The next line without white space around it; `None` at the end.
    pub(super) fn line(&mut self) -> Result<Option<&[u8]>, Fault> {
        self.lines += 1;
        let mut searched = 0;
        let (length, consumed) = loop {
            let rest = self.available().get(searched..).unwrap_or_default();
            if let Some(found) = rest.iter().position(|&byte| byte == b'\n') {
                break (searched + found, searched + found + 1);
            }
            searched = self.filled.len();
            if searched > MAX_LINE_BYTES {
                break (searched, searched);
            }
            if !self.fill().map_err(|error| Fault::read(self.position(), error))? {
                if searched == 0 {
                    return Ok(None);
                }
                break (searched, searched);
            }
        };
        if length > MAX_LINE_BYTES {
            return Err(Fault::too_long(self.position()));
        }
        let start = self.filled.start;
        self.consume(consumed);
        Ok(Some(self.buffer.get(start..start + length).unwrap_or_default().trim_ascii()))
    }
}
