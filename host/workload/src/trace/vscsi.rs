//! VMware vscsiStats traces, as libCacheSim reads them (its `vscsi` reader): little-endian records of block IOs.
//!
//! | version | record | fields |
//! |---|---|---|
//! | 1 | 32 bytes | u32 serial, u32 length, u32 segments, u16 command, u16 version, u64 block, u64 time (us) |
//! | 2 | 40 bytes | u16 command, u16 version, u32 serial, u32 length, u32 segments, u64 block, u64 time (us), u64 response time |
//!
//! The version is the upper byte of the version field. An IO is one request: its key is the number of the first block
//! (512 bytes each), its size the length in bytes; reads and writes count alike. That is libCacheSim's reading, so that
//! the published miss ratios of these traces can be compared. What the other simulators of block traces do as well is to
//! cut an IO into pages; that would be another trace.
//!
//! libCacheSim looks at the version of the first records alone. Here each record has to have the file's version, since
//! nothing else in a record shows that it is damaged.

use super::Decode;
use super::error::{Fault, Position};
use super::input::Input;
use super::keys::Sink;

/// Version of a file, which decides on the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// Records that decide on the version of a file, where there are so many.
const PROBED: usize = 8;

impl Version {
    const fn record_bytes(self) -> usize {
        match self {
            Self::One => 32,
            Self::Two => 40,
        }
    }

    /// What this layout finds in a record: its version, first block and length.
    fn parse(self, record: &[u8]) -> Option<(u8, u64, u32)> {
        let (version, length, block) = match self {
            Self::One => (15, 4, 16),
            Self::Two => (3, 8, 16),
        };
        let (length, _) = record.get(length..)?.split_first_chunk()?;
        let (block, _) = record.get(block..)?.split_first_chunk()?;
        Some((*record.get(version)?, u64::from_le_bytes(*block), u32::from_le_bytes(*length)))
    }

    /// Whether a record has this version.
    fn fits(self, record: &[u8]) -> bool {
        let number = match self {
            Self::One => 1,
            Self::Two => 2,
        };
        self.parse(record).is_some_and(|(version, ..)| version == number)
    }

    /// The version of the records that these bytes begin with.
    fn of(head: &[u8], probed: usize) -> Option<Self> {
        [Self::Two, Self::One].into_iter().find(|version| {
            let mut records = head.chunks_exact(version.record_bytes()).take(probed).peekable();
            records.peek().is_some() && records.all(|record| version.fits(record))
        })
    }
}

/// Decodes `vscsi`.
pub(super) struct Vscsi {
    version: Version,
    records: u64,
}

impl Vscsi {
    /// Tells the version from the first two records, as libCacheSim does.
    pub(super) fn with_version(input: &Input) -> Result<Self, Fault> {
        let head = input.available();
        if let Some(version) = Version::of(head, 2) {
            return Ok(Self { version, records: 0 });
        }
        let (position, smallest) = (Position::Record(1), Version::One.record_bytes());
        if head.len() < smallest {
            return Err(Fault::truncated(position, head.len(), smallest));
        }
        let found = head.get(..16).unwrap_or(head);
        Err(Fault::malformed(position, found, "a vscsi record of version 1 or 2"))
    }
}

impl Decode for Vscsi {
    fn decode(&mut self, input: &mut Input, out: &mut Sink<'_>) -> Result<(), Fault> {
        let bytes = self.version.record_bytes();
        while !out.is_full() {
            let next = Position::Record(self.records + 1);
            while input.available().len() < bytes {
                if input.fill().map_err(|error| Fault::read(next, error))? {
                    continue;
                }
                return match input.available().len() {
                    0 => Ok(()),
                    found => Err(Fault::truncated(next, found, bytes)),
                };
            }
            let mut taken = 0;
            let mut damaged = None;
            for record in input.available().chunks_exact(bytes).take(out.room()) {
                match self.version.parse(record) {
                    Some((_, block, length)) if self.version.fits(record) => out.number(block, length),
                    Some((version, ..)) => damaged = Some(version),
                    None => {}
                }
                if damaged.is_some() {
                    break;
                }
                taken += 1;
            }
            input.consume(taken * bytes);
            self.records += u64::try_from(taken).unwrap_or(u64::MAX);
            if let Some(version) = damaged {
                let expected = match self.version {
                    Version::One => "a vscsi record of version 1, as the first records are",
                    Version::Two => "a vscsi record of version 2, as the first records are",
                };
                let found = format!("version {version}");
                return Err(Fault::malformed(Position::Record(self.records + 1), found.as_bytes(), expected));
            }
        }
        Ok(())
    }
}

/// Whether the first bytes of a file look like records.
pub(super) fn plausible(input: &Input) -> bool {
    let head = input.available();
    // A short file is there as a whole, and then it has no part of a record.
    Version::of(head, PROBED)
        .is_some_and(|version| !input.ended() || head.len().is_multiple_of(version.record_bytes()))
}
