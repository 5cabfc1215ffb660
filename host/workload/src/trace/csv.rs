//! Comma-separated values: a header row that names the columns, then a row a request.
//!
//! Built on `csv-core`, which parses into buffers that it is given: a quote that is never closed swallows
//! [`MAX_LINE_BYTES`] and not the whole file.

use csv_core::{ReadRecordResult, Reader};

use super::error::{Fault, Place, excerpt};
use super::input::{Input, MAX_LINE_BYTES};
use super::{Decode, Options, Request};
use crate::key;

/// Columns looked for where none is named, in this order.
pub(super) const KEY_COLUMNS: [&str; 7] = ["key", "lbn", "obj_id", "id", "block", "lba", "path"];
const SIZE_COLUMNS: [&str; 3] = ["size", "obj_size", "bytes"];

/// Most columns of a file.
const MAX_COLUMNS: usize = 1024;

/// Decodes `csv`.
pub(super) struct Csv {
    rows: Rows,
    key: usize,
    size: Option<usize>,
}

impl Csv {
    /// Reads the header row and finds the columns.
    pub(super) fn with_header(input: &mut Input, options: &Options) -> Result<Self, Fault> {
        let mut rows = Rows::new();
        // An absent header has no columns, and that is what the error then says.
        rows.read(input)?;
        let names: Vec<String> = rows.fields().map(excerpt).collect();
        let find = |name: &str| names.iter().position(|column| column.eq_ignore_ascii_case(name));
        let missing = |role, what| Fault::no_column(role, what, names.clone());
        let named =
            |role, name: &str| find(name).ok_or_else(|| missing(role, format!("no column \"{name}\"")));
        let key = match &options.key_column {
            Some(name) => named("key", name)?,
            None => KEY_COLUMNS.into_iter().find_map(find).ok_or_else(|| {
                missing(
                    "key",
                    format!("no key column (looked for {} in the header row)", KEY_COLUMNS.join(", ")),
                )
            })?,
        };
        let size = match &options.size_column {
            Some(name) => Some(named("size", name)?),
            None => SIZE_COLUMNS.into_iter().find_map(find),
        };
        Ok(Self { rows, key, size })
    }

    /// The request of the present row.
    fn request(&self) -> Result<Request, Fault> {
        let wrong = |expected| Fault::malformed(self.rows.place(), &self.rows.joined(), expected);
        let key = self.rows.field(self.key).unwrap_or_default();
        if key.is_empty() {
            return Err(wrong("a row with a value in the key column"));
        }
        let size = match self.size.map(|column| self.rows.field(column)) {
            // Not every trace knows every size.
            None | Some(Some([])) => 0,
            Some(text) => text
                .and_then(key::number)
                .and_then(|size| u32::try_from(size).ok())
                .ok_or_else(|| wrong("a row whose size column holds bytes, 0 to 4294967295"))?,
        };
        Ok(Request { key: key::hash_text(key), size })
    }
}

impl Decode for Csv {
    fn decode(&mut self, input: &mut Input, out: &mut Vec<Request>, max: usize) -> Result<(), Fault> {
        for _ in 0..max {
            if !self.rows.read(input)? {
                break;
            }
            out.push(self.request()?);
        }
        Ok(())
    }
}

/// Rows, one at a time, in buffers that are reused.
struct Rows {
    parser: Reader,
    text: Box<[u8]>,
    ends: Box<[usize]>,
    columns: usize,
    line: u64,
}

impl Rows {
    fn new() -> Self {
        Self {
            parser: Reader::new(),
            text: vec![0; MAX_LINE_BYTES].into_boxed_slice(),
            ends: vec![0; MAX_COLUMNS].into_boxed_slice(),
            columns: 0,
            line: 1,
        }
    }

    /// Reads the next row; false at the end.
    fn read(&mut self, input: &mut Input) -> Result<bool, Fault> {
        let (mut written, mut ended) = (0, 0);
        // After a row that ends in CR LF the parser has still to see the LF.
        self.line = self.parser.line() + u64::from(input.available().starts_with(b"\n"));
        loop {
            if input.available().is_empty() {
                // At the end the parser is told so by an empty slice.
                input.fill().map_err(|error| Fault::read(self.place(), error))?;
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
                    return Err(Fault::too_long(self.place()));
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
    fn place(&self) -> Place {
        Place::Line(self.line)
    }

    fn field(&self, column: usize) -> Option<&[u8]> {
        let ends = self.ends.get(..self.columns)?;
        let start = match column.checked_sub(1) {
            Some(before) => *ends.get(before)?,
            None => 0,
        };
        Some(self.text.get(start..*ends.get(column)?)?.trim_ascii())
    }

    fn fields(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.columns).filter_map(|column| self.field(column))
    }

    /// The row as text, for a message.
    fn joined(&self) -> Vec<u8> {
        self.fields().collect::<Vec<_>>().join(&b","[..])
    }
}
