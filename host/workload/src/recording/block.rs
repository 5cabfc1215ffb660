//! A block: its head, what it holds compressed, and a checksum over both.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

/// Requests of a block at the most.
pub const MOST_REQUESTS: usize = 16_384;

/// Bytes that a block holds at the most, before it is compressed and after.
pub const MOST_BYTES: u32 = 1 << 26;

/// Bytes of a header at the most.
pub const MOST_HEADER: u32 = 1 << 20;

/// Bytes of a [`Head`].
pub(super) const HEAD: usize = 17;

/// Fast: the thread that compresses shares the cores with the requests.
const LEVEL: i32 = 1;

/// Window of what is decompressed, as a power of two: more than any block holds.
const WINDOW: u32 = 26;

/// What a block holds.
pub(super) const REQUESTS: u8 = 1;
pub(super) const RECORDS: u8 = 2;
pub(super) const END: u8 = 3;

/// What stands before every block. Its integers have a fixed length, so that a reader knows how much to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) kind: u8,
    /// Requests or records in it.
    #[serde(with = "postcard::fixint::le")]
    pub(super) count: u32,
    /// Bytes before they were compressed.
    #[serde(with = "postcard::fixint::le")]
    pub(super) raw: u32,
    /// Bytes that follow.
    #[serde(with = "postcard::fixint::le")]
    pub(super) stored: u32,
    /// CRC-32 of the head up to here and of what follows.
    #[serde(with = "postcard::fixint::le")]
    pub(super) checksum: u32,
}

impl Head {
    pub(super) fn checksum(self, stored: &[u8]) -> u32 {
        let mut of = crc32fast::Hasher::new();
        of.update(&[self.kind]);
        for number in [self.count, self.raw, self.stored] {
            of.update(&number.to_le_bytes());
        }
        of.update(stored);
        of.finalize()
    }
}

/// A whole block, as it is written.
pub(super) fn seal(kind: u8, count: usize, raw: &[u8]) -> io::Result<Vec<u8>> {
    let too_long = |_| io::Error::new(io::ErrorKind::InvalidInput, "more than a block of a recording holds");
    let small = |number: usize| u32::try_from(number).map_err(too_long);
    let mut stored = vec![0; HEAD];
    let mut encoder = zstd::stream::write::Encoder::new(stored, LEVEL)?;
    encoder.set_pledged_src_size(u64::try_from(raw.len()).ok())?;
    encoder.write_all(raw)?;
    stored = encoder.finish()?;
    let (head, body) = stored.split_at_mut(HEAD);
    let mut of =
        Head { kind, count: small(count)?, raw: small(raw.len())?, stored: small(body.len())?, checksum: 0 };
    of.checksum = of.checksum(body);
    postcard::to_slice(&of, head).map_err(io::Error::other)?;
    Ok(stored)
}

/// Whether the head and what follows are those that were written.
///
/// # Errors
/// What is wrong, in words.
pub(super) fn check(head: Head, stored: &[u8]) -> Result<(), String> {
    match head.checksum(stored) == head.checksum {
        true => Ok(()),
        false => Err("its checksum is another one".to_owned()),
    }
}

/// What a block holds, where that is as long as its head says.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn unpack(head: Head, stored: &[u8]) -> Result<Vec<u8>, String> {
    let text = |error: io::Error| format!("it cannot be decompressed: {error}");
    let mut decoder = zstd::stream::read::Decoder::new(stored).map_err(text)?;
    decoder.window_log_max(WINDOW).map_err(text)?;
    let mut raw = Vec::new();
    // One more than it says, to see where it says too little.
    decoder.take(u64::from(head.raw) + 1).read_to_end(&mut raw).map_err(text)?;
    if u32::try_from(raw.len()) != Ok(head.raw) {
        return Err(format!("it says that it holds {} bytes, and does not", head.raw));
    }
    Ok(raw)
}
