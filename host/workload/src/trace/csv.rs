//! Comma-separated values: a header row that names the columns, then a row a request.

use super::error::{Fault, excerpt};
use super::input::Input;
use super::raw::{Texts, hash_key};
use super::rows::{Quotes, Rows};
use super::{Decode, Options, Request};
use crate::key;

/// Columns looked for where none is named, in this order.
pub(super) const KEY_COLUMNS: [&str; 7] = ["key", "lbn", "obj_id", "id", "block", "lba", "path"];
const SIZE_COLUMNS: [&str; 3] = ["size", "obj_size", "bytes"];

/// Decodes `csv`.
pub(super) struct Csv {
    rows: Rows,
    key: usize,
    size: Option<usize>,
    texts: Option<Texts>,
}

impl Csv {
    /// Reads the header row and finds the columns.
    pub(super) fn with_header(input: &mut Input, options: &Options) -> Result<Self, Fault> {
        let mut rows = Rows::new(Quotes::Group);
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
        Ok(Self { rows, key, size, texts: None })
    }

    /// The request of the present row.
    fn request(&mut self) -> Result<Request, Fault> {
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
        Ok(Request { key: hash_key(key, self.texts.as_mut()), size })
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

    fn keep_texts(&mut self) {
        self.texts = Some(Texts::default());
    }

    fn texts(&mut self) -> Option<&mut Texts> {
        self.texts.as_mut()
    }
}
