//! Reads the small text files of `/proc` and `/sys`.
//!
//! The kernel writes them, but a container may mount anything in their place, and their metadata says
//! nothing about how much there is to read. So no more than a limit is read, and a longer file counts as
//! one that is not there: half of it would be parsed as if it were all.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The longest of them, `memory.stat` of a control group, has some 2 KB.
const MOST_BYTES: u64 = 64 * 1024;

/// The text of a file; none if it is missing, not readable, not UTF-8 or longer than 64 KiB.
pub(crate) fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(MOST_BYTES + 1).read_to_string(&mut text).ok()?;
    (u64::try_from(text.len()).ok()? <= MOST_BYTES).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_too_long_or_no_text_counts_as_missing() {
        let dir = tempfile::tempdir().unwrap();
        let file = |bytes: &[u8]| {
            let path = dir.path().join("file");
            std::fs::write(&path, bytes).unwrap();
            read(&path)
        };
        assert_eq!(file(b"7\n"), Some("7\n".to_owned()));
        assert_eq!(file(&[b'1'; 64 * 1024]).map(|text| text.len()), Some(64 * 1024));
        assert_eq!(file(&[b'1'; 64 * 1024 + 1]), None);
        assert_eq!(file(&[0xff, 0xfe]), None);
        assert_eq!(read(&dir.path().join("not there")), None);
        #[cfg(unix)]
        assert_eq!(read(Path::new("/dev/zero")).map(|text| text.len()), None, "a file without an end");
    }
}
