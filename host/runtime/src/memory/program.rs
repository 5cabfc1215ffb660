//! Pages of the program that only its start has read: the compiler of components, the reader of profiles, much of what the C
//! library has.
//!
//! The kernel reads a program in as it runs, in pieces of 64 KiB, and counts all of it as resident until it needs the memory: some
//! 10 MB that nobody will read again. Whoever counts the memory of a process by that, as containers do, would count them for as
//! long as it runs. So they are let go once, and what is read again is mapped again, from memory in most cases.
#![cfg_attr(target_os = "linux", expect(unsafe_code, reason = "advice on memory is given by address"))]

/// Lets go of the pages of files that are mapped only to be read and were never written. What is needed is read again.
pub(super) fn forget_start() {
    #[cfg(target_os = "linux")]
    for mapping in std::fs::read_to_string("/proc/self/smaps").map(|text| readable(&text)).unwrap_or_default()
    {
        // SAFETY: the mapping cannot be written to and holds what its file holds, so that dropping its pages changes nothing
        // that is read. Where it is gone by now, nothing is there to be dropped, or pages of another mapping of this kind: no
        // file is mapped for good after the start.
        unsafe {
            libc::madvise(
                std::ptr::without_provenance_mut(mapping.start),
                mapping.len(),
                libc::MADV_DONTNEED,
            );
        }
    }
}

/// The address ranges of such mappings.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux tells"))]
fn readable(smaps: &str) -> Vec<std::ops::Range<usize>> {
    let (mut found, mut current) = (Vec::new(), None);
    for line in smaps.lines() {
        if let Some(mapping) = mapping(line) {
            current = mapping;
        } else if line.split_whitespace().eq(["Anonymous:", "0", "kB"]) {
            found.extend(current.take());
        }
    }
    found
}

/// Of the first line of a mapping: its range where it is of a file, private and not to be written. None of other lines.
fn mapping(line: &str) -> Option<Option<std::ops::Range<usize>>> {
    let mut words = line.split_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let range = usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?;
    let (rights, file) = (words.next()?, words.nth(3).is_some_and(|path| path.starts_with('/')));
    let read_only = rights.starts_with('r') && !rights.contains('w') && rights.ends_with('p');
    Some((file && read_only && range.start < range.end).then_some(range))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_never_written_and_has_a_file_is_let_go() {
        let smaps = "\
55d0a000-55d0b000 r--p 00000000 08:01 1 /usr/bin/host
Rss:                 4 kB
Anonymous:             0 kB
55d0b000-55d0d000 r-xp 00001000 08:01 1 /usr/bin/host (deleted)
Anonymous:             0 kB
THPeligible:           0
55d0d000-55d0e000 r--p 00002000 08:01 1 /usr/bin/host
Anonymous:             4 kB
55d0e000-55d0f000 rw-p 00003000 08:01 1 /usr/bin/host
Anonymous:             0 kB
55d0f000-55d10000 r--s 00000000 08:01 2 /var/shared
Anonymous:             0 kB
7f000000-7f001000 r-xp 00000000 00:00 0
Anonymous:             0 kB
7f001000-7f002000 r-xp 00000000 00:00 0 [vdso]
Anonymous:             0 kB
";
        assert_eq!(readable(smaps), [0x55d0_a000..0x55d0_b000, 0x55d0_b000..0x55d0_d000]);
        for nonsense in ["", "-", "zz-1 r--p 0 0 0 /a", "Rss: 4 kB", "2-1 r--p 0 0 0 /a\nAnonymous: 0 kB"] {
            assert!(readable(nonsense).is_empty(), "{nonsense}");
        }
    }

    #[test]
    fn the_program_goes_on_without_the_pages() {
        forget_start();
        assert_eq!(mapping("1-2 r--p 0 0 0 /a"), Some(Some(1..2)));
    }
}
