//! Twitter's cache traces (Yang, Yue and Rashmi, "A large scale analysis of hundreds of in-memory cache clusters at
//! Twitter", OSDI 2020): rows without a header `timestamp,key,key size,value size,client,operation,ttl`.
//!
//! A `get` or a `gets` is a request. The other operations (`set`, `add`, `replace`, `cas`, `append`, `prepend`, `delete`,
//! `incr`, `decr`) put or change what the requests then find: a client that misses sends a `set` after it, and to count
//! that as a request would turn each miss into a miss and a hit. Caffeine's simulator counts the same. The size of an
//! object is that of its key and its value; a `get` that missed when the trace was recorded has a value of 0 bytes.
//! Keys hold any character but a comma and a line end: a double quote means nothing.

use super::Decode;
use super::error::Fault;
use super::input::Input;
use super::keys::Sink;
use super::rows::{Quotes, Rows};
use crate::key;

const EXPECTED: &str =
    "timestamp,key,key size,value size,client,operation,ttl with one of the operations of memcached";

/// Operations that ask for an object, and the others.
const READS: [&[u8]; 2] = [b"get", b"gets"];
const WRITES: [&[u8]; 9] =
    [b"set", b"add", b"replace", b"cas", b"append", b"prepend", b"delete", b"incr", b"decr"];

/// Decodes `twitter`.
pub(super) struct Twitter {
    rows: Rows,
}

impl Twitter {
    pub(super) fn new() -> Self {
        Self { rows: Rows::new(Quotes::Plain) }
    }
}

/// Key and size of the present row, nothing for a write; `None` where it is no row of this format.
fn request(rows: &Rows) -> Option<Option<(&[u8], u32)>> {
    let number = |column| rows.field(column).and_then(key::number);
    let name = rows.field(1).filter(|name| !name.is_empty())?;
    let size = u32::try_from(number(2)?.checked_add(number(3)?)?).ok()?;
    let fits = rows.columns() == 7 && number(0).is_some() && number(6).is_some();
    match rows.field(5).filter(|_| fits)? {
        operation if READS.contains(&operation) => Some(Some((name, size))),
        operation if WRITES.contains(&operation) => Some(None),
        _ => None,
    }
}

impl Decode for Twitter {
    fn decode(&mut self, input: &mut Input, out: &mut Sink<'_>) -> Result<(), Fault> {
        while !out.is_full() && self.rows.read(input)? {
            match request(&self.rows) {
                Some(None) => {}
                None => return Err(Fault::malformed(self.rows.position(), &self.rows.joined(), EXPECTED)),
                Some(Some((name, size))) => out.text(name, size),
            }
        }
        Ok(())
    }
}
