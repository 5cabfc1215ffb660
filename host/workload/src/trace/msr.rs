//! The MSR Cambridge traces (Narayanan, Donnelly and Rowstron, "Write Off-Loading", FAST 2008): block IOs of servers, rows
//! without a header `timestamp,hostname,disk,type,offset,size,response time`, as SNIA publishes them.
//!
//! An IO is one request, whatever it spans: its key is its offset in bytes, its size the size in bytes, and reads and
//! writes count alike. So read libCacheSim and Caffeine's simulator these traces. Cutting an IO into blocks of 4 KiB, as
//! some papers do, gives more requests and other miss ratios.
//!
//! SNIA's files hold one volume each. Where a file holds several, the offsets of another volume than the first row's are
//! other keys: the text `hostname.disk:offset`.

use super::Decode;
use super::error::Fault;
use super::input::Input;
use super::keys::Sink;
use super::rows::{Quotes, Rows};
use crate::key;

const EXPECTED: &str =
    "timestamp,hostname,disk,Read or Write,offset,size,response time; numbers but for the hostname";

/// Decodes `msr`.
pub(super) struct Msr {
    rows: Rows,
    /// Hostname and disk of the first row.
    volume: Option<Volume>,
    begun: bool,
}

#[derive(PartialEq, Eq)]
struct Volume {
    host: Vec<u8>,
    disk: u64,
}

/// What a row says.
struct Io<'a> {
    host: &'a [u8],
    disk: u64,
    offset: u64,
    size: u32,
}

impl Msr {
    pub(super) fn new() -> Self {
        Self { rows: Rows::new(Quotes::Plain), volume: None, begun: false }
    }
}

/// Whether a row is the header that some copies have been given.
fn is_header(rows: &Rows) -> bool {
    let named =
        |column, name: &[u8]| rows.field(column).is_some_and(|field| field.eq_ignore_ascii_case(name));
    rows.columns() == 7 && named(0, b"timestamp") && named(4, b"offset")
}

/// The IO of a row, if it is one.
fn io(rows: &Rows) -> Option<Io<'_>> {
    let number = |column| rows.field(column).and_then(key::number);
    let kind = rows.field(3)?;
    let known = kind.eq_ignore_ascii_case(b"read") || kind.eq_ignore_ascii_case(b"write");
    let fits = rows.columns() == 7 && known && number(0).is_some() && number(6).is_some();
    let host = rows.field(1).filter(|host| fits && !host.is_empty())?;
    let size = u32::try_from(number(5)?).ok()?;
    Some(Io { host, disk: number(2)?, offset: number(4)?, size })
}

impl Decode for Msr {
    fn decode(&mut self, input: &mut Input, out: &mut Sink<'_>) -> Result<(), Fault> {
        while !out.is_full() && self.rows.read(input)? {
            let first = !std::mem::replace(&mut self.begun, true);
            if first && is_header(&self.rows) {
                continue;
            }
            let Some(io) = io(&self.rows) else {
                return Err(Fault::malformed(self.rows.position(), &self.rows.joined(), EXPECTED));
            };
            let volume =
                self.volume.get_or_insert_with(|| Volume { host: io.host.to_owned(), disk: io.disk });
            if volume.host == io.host && volume.disk == io.disk {
                out.number(io.offset, io.size);
            } else {
                let name = [io.host, format!(".{}:{}", io.disk, io.offset).as_bytes()].concat();
                out.text(&name, io.size);
            }
        }
        Ok(())
    }
}
