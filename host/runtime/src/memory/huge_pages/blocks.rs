//! Where blocks of memory lie that could be huge, and which of their pages are resident.

use std::fs;
use std::ops::Range;

/// The sizes of pages, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pages {
    pub(super) small: usize,
    /// Of a huge one, and of a block.
    pub(super) huge: usize,
}

impl Pages {
    /// Bytes that the system's table of resident pages has of each.
    pub(super) const ENTRY: usize = 8;

    /// None where the system has no huge pages, or they are switched off.
    pub(super) fn of_system() -> Option<Self> {
        let read = |name| fs::read_to_string(format!("/sys/kernel/mm/transparent_hugepage/{name}")).ok();
        if read("enabled")?.contains("[never]") {
            return None;
        }
        let huge: usize = read("hpage_pmd_size")?.trim().parse().ok()?;
        let small = rustix::param::page_size();
        let pages = Self { small, huge };
        (small > 0 && huge > small && huge.is_multiple_of(small) && huge.is_power_of_two()).then_some(pages)
    }

    /// Small pages of a block.
    pub(super) const fn in_block(self) -> usize {
        self.huge / self.small
    }

    /// The number of the small page at an address.
    pub(super) const fn number(self, address: usize) -> usize {
        address / self.small
    }

    /// Whether the system's table says of each of these pages that it is resident.
    pub(super) fn are_all_resident(entries: &[u8]) -> bool {
        // The top bit of a word of 64 bits, in the machine's order of bytes.
        entries.chunks_exact(Self::ENTRY).all(|entry| {
            entry.try_into().is_ok_and(|entry| u64::from_ne_bytes(entry) >> (u64::BITS - 1) == 1)
        })
    }
}

/// The ranges of whole blocks in mappings that can be written to and have no file, of a text such as `/proc/self/maps`.
pub(super) fn blocks(maps: &str, huge: usize) -> Vec<Range<usize>> {
    let block = |line: &str| {
        let mut words = line.split_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let parse = |text| usize::from_str_radix(text, 16).ok();
        let start = parse(start)?.checked_next_multiple_of(huge)?;
        let end = parse(end)? / huge * huge;
        let rights = words.next()?;
        let of_program = words.nth(3).is_none_or(|name| name == "[heap]");
        (rights.starts_with("rw") && rights.ends_with('p') && of_program && start < end).then_some(start..end)
    };
    maps.lines().filter_map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_whole_and_of_memory_that_is_written_to() {
        let maps = "\
200000-700000 rw-p 00000000 00:00 0
800000-a00000 r--p 00000000 00:00 0
a00000-c00000 rw-p 00000000 fe:00 17 /a/file
c00001-e00000 rw-p 00000000 00:00 0
1000000-1200000 rw-s 00000000 00:00 0
1200000-1600000 rw-p 00000000 00:00 0      [heap]
1800000-1a00000 rw-p 00000000 00:00 0      [stack]
nonsense
zz-zz rw-p 0 0 0
ffffffffffffffff-1 rw-p 0 0 0
";
        assert_eq!(blocks(maps, 0x20_0000), [0x20_0000..0x60_0000, 0x120_0000..0x160_0000]);
    }

    #[test]
    fn pages_are_resident_by_their_top_bits() {
        let entry = |word: u64| word.to_ne_bytes();
        assert!(Pages::are_all_resident(&[entry(1 << 63), entry(3 << 62)].concat()));
        assert!(!Pages::are_all_resident(&[entry(1 << 63), entry(1 << 62)].concat()));
    }
}
