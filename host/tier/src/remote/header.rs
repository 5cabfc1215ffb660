//! What lies in front of a value on the server.
//!
//! ```text
//!  0   u8   version, 1
//!  1   u8   kind of the value
//!  2   u64  when it was written, in microseconds since the UNIX epoch
//! 10   u64  end of life in nanoseconds since then; the largest number: without end
//! 18  the value
//! ```
//!
//! All numbers are little-endian. What does not begin so is of somebody else, or of a later version, and is a miss.

use std::time::Duration;

use bytes::Bytes;

use crate::Item;

const VERSION: u8 = 1;
const LENGTH: usize = 18;

/// The value of an item with its header.
pub(super) fn write(item: &Item, now: Duration) -> Vec<u8> {
    let until = item.until.map_or(u64::MAX, |until| u64::try_from(until.as_nanos()).unwrap_or(u64::MAX));
    let mut to = Vec::with_capacity(LENGTH + item.value.len());
    to.extend([VERSION, item.kind]);
    to.extend(microseconds(now).to_le_bytes());
    to.extend(until.to_le_bytes());
    to.extend(&item.value);
    to
}

/// The item of what is on the server, and when it was written.
pub(super) fn read(key: &[u8], bytes: Bytes) -> Option<(Item, u64)> {
    let header = bytes.get(..LENGTH)?;
    let [VERSION, kind, ..] = *header else { return None };
    let number = |at: usize| Some(u64::from_le_bytes(*header.get(at..)?.first_chunk()?));
    let (written, until) = (number(2)?, number(10)?);
    let until = (until != u64::MAX).then(|| Duration::from_nanos(until));
    Some((Item { key: Bytes::copy_from_slice(key), value: bytes.slice(LENGTH..), kind, until }, written))
}

/// A time as the header has it.
pub(super) fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_read_as_it_was_written_and_what_is_no_item_is_none() {
        for until in [None, Some(Duration::from_nanos(123_456_789))] {
            let item = Item { kind: 200, until, ..Item::new("key", "value") };
            let bytes = write(&item, Duration::from_micros(55));
            assert_eq!(read(b"key", bytes.clone().into()), Some((item, 55)));
            assert!(
                (0..LENGTH).all(|length| read(b"key", Bytes::copy_from_slice(&bytes[..length])).is_none())
            );
            assert_eq!(read(b"key", [&[2], &bytes[1..]].concat().into()), None);
        }
    }
}
