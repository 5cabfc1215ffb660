//! How a trace file is compressed: what its name asks for, and what its first bytes say.

use std::fmt;
use std::path::Path;

/// How a trace file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip (RFC 1952), one or several members.
    Gzip,
    /// Zstandard (RFC 8878), one or several frames. Frames that need a window above 128 MiB are refused.
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "uncompressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

impl Compression {
    /// What the end of a file's name asks for: `.gz`, `.zst` or `.zstd`, whatever the case.
    ///
    /// A reader tells compression by content; this is for writing.
    ///
    /// ```
    /// use host_workload::trace::Compression;
    /// use std::path::Path;
    /// assert_eq!(Compression::from_name(Path::new("a.lis.zst")), Compression::Zstd);
    /// assert_eq!(Compression::from_name(Path::new("a.lis")), Compression::None);
    /// ```
    #[must_use]
    pub fn from_name(path: &Path) -> Self {
        let end = path.extension().map(|end| end.to_string_lossy().to_lowercase());
        match end.as_deref() {
            Some("gz") => Self::Gzip,
            Some("zst" | "zstd") => Self::Zstd,
            _ => Self::None,
        }
    }

    /// What the first four bytes of a file say.
    pub(super) fn from_magic(magic: &[u8]) -> Self {
        match magic {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // The second pattern is a skippable frame, with which parallel compressors begin.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}
