//! Reads rows of comma-separated values, one at a time, into buffers that are reused.
//!
//! Built on `csv-core`, which parses into buffers that it is given: a quote that is never closed swallows
//! [`MAX_LINE_BYTES`] and not the whole file.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::bounds::MAX_LINE_BYTES;
use super::error::{Fault, Position};
use super::input::Input;

/// Most columns of a file.
const MAX_COLUMNS: usize = 1024;

/// What a double quote means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quotes {
    /// It encloses a field that may hold commas and line ends (RFC 4180).
    Group,
    /// Nothing: it is a character like any other.
    Plain,
}

/// The present row of a file.
pub(super) struct Rows {
    parser: Reader,
    text: Box<[u8]>,
    ends: Box<[usize]>,
    columns: usize,
    line: u64,
}

impl Rows {
    pub(super) fn new(quotes: Quotes) -> Self {
        Self {
            parser: ReaderBuilder::new().quoting(quotes == Quotes::Group).build(),
            text: vec![0; MAX_LINE_BYTES].into_boxed_slice(),
            ends: vec![0; MAX_COLUMNS].into_boxed_slice(),
            columns: 0,
            line: 1,
        }
    }

    /// Reads the next row; false at the end.
    pub(super) fn read(&mut self, input: &mut Input) -> Result<bool, Fault> {
        let (mut written, mut ended) = (0, 0);
        // After a row that ends in CR LF the parser has still to see the LF.
        self.line = self.parser.line() + u64::from(input.available().starts_with(b"\n"));
        loop {
            if input.available().is_empty() {
                // At the end the parser is told so by an empty slice.
                input.fill().map_err(|error| Fault::read(self.position(), error))?;
            }
            let (result, read, bytes, fields) = self.parser.read_record(
                input.available(),
                self.text.get_mut(written..).unwrap_or_default(),
                self.ends.get_mut(ended..).unwrap_or_default(),
            );
            input.consume(read);
            written += bytes;
            ended += fields;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    return Err(Fault::too_long(self.position()));
                }
                ReadRecordResult::Record => {
                    self.columns = ended;
                    return Ok(true);
                }
                ReadRecordResult::End => {
                    self.columns = 0;
                    return Ok(false);
                }
            }
        }
    }

    /// Where the present row begins.
    pub(super) fn position(&self) -> Position {
        Position::Line(self.line)
    }

    /// A field, without white space around it.
    pub(super) fn field(&self, column: usize) -> Option<&[u8]> {
        let ends = self.ends.get(..self.columns)?;
        let start = match column.checked_sub(1) {
            Some(before) => *ends.get(before)?,
            None => 0,
        };
        Some(self.text.get(start..*ends.get(column)?)?.trim_ascii())
    }

    /// How many fields the present row has.
    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// The fields of the present row.
    pub(super) fn fields(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.columns).filter_map(|column| self.field(column))
    }

    /// The row as text, for a message.
    pub(super) fn joined(&self) -> Vec<u8> {
        self.fields().collect::<Vec<_>>().join(&b","[..])
    }
}
