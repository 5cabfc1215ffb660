//! libCacheSim's oracleGeneral: records of 24 bytes, little-endian: u32 time, u64 id, u32 size, i64 next access.
//!
//! Time and next access are not used: the one belongs to the recording, the other is the future.

use super::Decode;
use super::error::{Fault, Position};
use super::input::Input;
use super::keys::Sink;

/// Bytes of a record.
pub(super) const RECORD: usize = 24;

/// Decodes `oracleGeneral`.
#[derive(Default)]
pub(super) struct Oracle {
    records: u64,
}

impl Decode for Oracle {
    fn decode(&mut self, input: &mut Input, out: &mut Sink<'_>) -> Result<(), Fault> {
        while !out.is_full() {
            let next = Position::Record(self.records + 1);
            while input.available().len() < RECORD {
                if input.fill().map_err(|error| Fault::read(next, error))? {
                    continue;
                }
                return match input.available().len() {
                    0 => Ok(()),
                    bytes => Err(Fault::truncated(next, bytes, RECORD)),
                };
            }
            let (records, _) = input.available().as_chunks::<RECORD>();
            let mut taken = 0;
            for record in records.iter().take(out.room()) {
                let [_, _, _, _, id @ .., _, _, _, _, _, _, _, _] = *record;
                let [a, b, c, d, e, f, g, h, size @ ..] = id;
                let id = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
                out.number(id, u32::from_le_bytes(size));
                taken += 1;
            }
            input.consume(taken * RECORD);
            self.records += u64::try_from(taken).unwrap_or(u64::MAX);
        }
        Ok(())
    }
}

/// Whether bytes look like records: what a recording keeps is that time does not run backwards and that the next access
/// is either "never" (negative or the largest number) or later than this one.
pub(super) fn plausible(bytes: &[u8]) -> bool {
    let (records, _) = bytes.as_chunks::<RECORD>();
    let mut last = 0;
    !records.is_empty()
        && records.iter().all(|record| {
            let [a, b, c, d, .., i, j, k, l, m, n, o, p] = *record;
            let time = u32::from_le_bytes([a, b, c, d]);
            let next = i64::from_le_bytes([i, j, k, l, m, n, o, p]);
            let ordered = time >= last;
            last = time;
            // No trace has 2^48 requests; random bytes nearly always claim more.
            ordered && (next == i64::MAX || (-2..1 << 48).contains(&next))
        })
}
