//! What W-TinyLFU keeps of an entry, and its three parts.

use super::place::Placed;
use crate::part::Part;

/// Where an entry is; see [`Placed`].
pub(super) const WINDOW: u32 = 1;
pub(super) const PROBATION: u32 = 2;
pub(super) const PROTECTED: u32 = 3;

/// What a hit touches: 20 bytes with the links.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// The id, mixed: what the sketch takes. In two halves, which need no alignment to 8 bytes.
    hash: [u32; 2],
    pub(super) placed: Placed,
}

pub(super) const VACANT: Entry = Entry { hash: [0; 2], placed: Placed::VACANT };

impl Entry {
    #[inline]
    #[expect(clippy::as_conversions, reason = "the two halves of 64 bits")]
    pub(super) const fn new(hash: u64, place: u32, uses: u32) -> Self {
        Self { hash: [hash as u32, (hash >> 32) as u32], placed: Placed::new(place, uses) }
    }

    /// The same elsewhere.
    #[inline]
    pub(super) const fn at(self, place: u32) -> Self {
        Self { placed: self.placed.at(place), ..self }
    }

    #[inline]
    pub(super) fn hash(self) -> u64 {
        let [low, high] = self.hash.map(u64::from);
        high << 32 | low
    }
}

#[derive(Debug)]
pub(super) struct Parts {
    pub(super) window: Part,
    pub(super) probation: Part,
    pub(super) protected: Part,
}

impl Parts {
    pub(super) const fn new() -> Self {
        Self { window: Part::new(), probation: Part::new(), protected: Part::new() }
    }

    #[inline]
    pub(super) const fn of(&mut self, place: u32) -> Option<&mut Part> {
        match place {
            WINDOW => Some(&mut self.window),
            PROBATION => Some(&mut self.probation),
            PROTECTED => Some(&mut self.protected),
            _ => None,
        }
    }
}
