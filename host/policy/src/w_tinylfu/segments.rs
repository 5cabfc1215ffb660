//! What W-TinyLFU keeps of an entry, and its three parts.

use super::usage::Usage;
use crate::segment::Segment;

/// Where an entry is; see [`Usage`].
pub(super) const WINDOW: u32 = 1;
pub(super) const PROBATION: u32 = 2;
pub(super) const PROTECTED: u32 = 3;

/// What a hit touches: 20 bytes with the links.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// The id, mixed: what the sketch takes. In two halves, which need no alignment to 8 bytes.
    hash: [u32; 2],
    pub(super) usage: Usage,
}

pub(super) const VACANT: Entry = Entry { hash: [0; 2], usage: Usage::VACANT };

impl Entry {
    #[inline]
    #[expect(clippy::as_conversions, reason = "the two halves of 64 bits")]
    pub(super) const fn new(hash: u64, segment: u32, uses: u32) -> Self {
        Self { hash: [hash as u32, (hash >> 32) as u32], usage: Usage::new(segment, uses) }
    }

    /// The same elsewhere.
    #[inline]
    pub(super) const fn in_segment(self, segment: u32) -> Self {
        Self { usage: self.usage.in_segment(segment), ..self }
    }

    #[inline]
    pub(super) fn hash(self) -> u64 {
        let [low, high] = self.hash.map(u64::from);
        high << 32 | low
    }
}

#[derive(Debug, Clone)]
pub(super) struct Segments {
    pub(super) window: Segment,
    pub(super) probation: Segment,
    pub(super) protected: Segment,
}

impl Segments {
    pub(super) const fn new() -> Self {
        Self { window: Segment::new(), probation: Segment::new(), protected: Segment::new() }
    }

    #[inline]
    pub(super) const fn of(&mut self, segment: u32) -> Option<&mut Segment> {
        match segment {
            WINDOW => Some(&mut self.window),
            PROBATION => Some(&mut self.probation),
            PROTECTED => Some(&mut self.protected),
            _ => None,
        }
    }
}
