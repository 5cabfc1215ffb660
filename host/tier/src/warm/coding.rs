//! How values lie in memory: as they are, or compressed where that makes them smaller.

use std::time::Duration;

use bytes::Bytes;

use crate::Item;

/// What is shorter is kept as it is: compressing it saves nothing worth the time.
const SHORTEST: usize = 64;

/// Of zstd's levels the quickest that is not "fast": a request waits for it.
const ZSTD_LEVEL: i32 = 1;

/// How the warm tier compresses values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Coding {
    /// Not at all.
    None,
    /// LZ4: some 0.5 GB/s in, some 2 GB/s out.
    #[default]
    Lz4,
    /// Zstandard, level 1: smaller, at a third of the speed.
    Zstd,
}

/// A value as it lies in memory.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    data: Bytes,
    /// How it was compressed, and how long it was before that.
    coded: (Coding, usize),
    kind: u8,
    pub(super) until: Option<Duration>,
}

impl Stored {
    /// Compresses a value; one that does not shrink is kept as it is. It owns its bytes: those of the item may be a part of something
    /// much larger, which they would keep alive.
    pub(super) fn new(item: &Item, coding: Coding) -> Self {
        let plain = item.value.as_ref();
        let smaller = Some(coding)
            .filter(|_| plain.len() >= SHORTEST)
            .and_then(|coding| match coding {
                Coding::None => None,
                Coding::Lz4 => Some(lz4_flex::block::compress(plain)),
                Coding::Zstd => zstd::bulk::compress(plain, ZSTD_LEVEL).ok(),
            })
            .filter(|data| data.len() < plain.len());
        let (coding, data) = smaller.map_or_else(
            || (Coding::None, Bytes::copy_from_slice(plain)),
            // The compressor reserves more than it needs.
            |data| (coding, Bytes::from(data.into_boxed_slice())),
        );
        Self { data, coded: (coding, plain.len()), kind: item.kind, until: item.until }
    }

    /// The item again. None where the value does not decompress, which only a fault of the machine's memory can bring about.
    pub(super) fn item(&self, key: Bytes) -> Option<Item> {
        let (coding, length) = self.coded;
        let value = match coding {
            Coding::None => self.data.clone(),
            Coding::Lz4 => lz4_flex::block::decompress(&self.data, length).ok()?.into(),
            Coding::Zstd => zstd::bulk::decompress(&self.data, length).ok()?.into(),
        };
        (value.len() == length).then_some(Item { key, value, kind: self.kind, until: self.until })
    }

    /// Bytes that the value takes.
    pub(super) fn len(&self) -> usize {
        self.data.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_coding_gives_the_value_back() {
        let texts =
            [Vec::new(), b"short".to_vec(), b"again and ".repeat(500), (0..=255).collect::<Vec<u8>>()];
        for coding in [Coding::None, Coding::Lz4, Coding::Zstd] {
            for text in &texts {
                let item = Item { kind: 7, ..Item::new("k", text.clone()).until(Duration::from_secs(9)) };
                let stored = Stored::new(&item, coding);
                assert!(stored.len() <= text.len());
                assert_eq!(stored.item(item.key.clone()), Some(item));
            }
        }
    }

    #[test]
    fn what_repeats_shrinks_and_what_does_not_is_kept_plain() {
        let repeats = Item::new("k", b"again and ".repeat(500));
        let random: Vec<u8> =
            (0..4096_u32).map(|i| crate::hash::hash(&i.to_le_bytes()).to_le_bytes()[0]).collect();
        for coding in [Coding::Lz4, Coding::Zstd] {
            assert!(Stored::new(&repeats, coding).len() < 200);
            let stored = Stored::new(&Item::new("k", random.clone()), coding);
            assert_eq!((stored.len(), stored.coded.0), (4096, Coding::None));
        }
        assert_eq!(Stored::new(&repeats, Coding::None).len(), 5000);
    }
}
