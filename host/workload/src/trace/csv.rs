//! Comma-separated values: a header row that names the columns, then a row a request.

use super::error::Fault;
use super::excerpt::excerpt;
use super::input::Input;
use super::keys::{KeyChoice, KeyForm, Sink};
use super::rows::{Quotes, Rows};
use super::{Decode, Options};
use crate::key;

/// Columns looked for where none is named, in this order.
pub(super) const KEY_COLUMNS: [&str; 7] = ["key", "lbn", "obj_id", "id", "block", "lba", "path"];
const SIZE_COLUMNS: [&str; 3] = ["size", "obj_size", "bytes"];

/// Key columns whose numbers are addresses.
const ADDRESSES: [&str; 5] = ["lbn", "lba", "block", "sector", "offset"];

/// Decodes `csv`.
pub(super) struct Csv {
    rows: Rows,
    key: usize,
    size: Option<usize>,
    /// What the key column is called, and whether its numbers are addresses.
    choice: KeyChoice,
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
        let name = names.get(key).map_or("", String::as_str);
        let is_address = ADDRESSES.iter().any(|column| name.eq_ignore_ascii_case(column));
        let choice = if is_address {
            KeyChoice::new(KeyForm::Ordered, format!("column \"{name}\" of csv holds addresses"))
        } else {
            KeyChoice::new(KeyForm::Hashed, format!("column \"{name}\" of csv may hold names"))
        };
        Ok(Self { rows, key, size, choice })
    }

    /// The form that its keys have by themselves.
    pub(super) fn choice(&self) -> KeyChoice {
        self.choice.clone()
    }

    /// Key and size of the present row.
    fn request(&self) -> Result<(&[u8], u32), Fault> {
        let wrong = |expected| Fault::malformed(self.rows.position(), &self.rows.joined(), expected);
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
        Ok((key, size))
    }
}

impl Decode for Csv {
    fn decode(&mut self, input: &mut Input, out: &mut Sink<'_>) -> Result<(), Fault> {
        while !out.is_full() && self.rows.read(input)? {
            let (key, size) = self.request()?;
            out.text(key, size);
        }
        Ok(())
    }
}
