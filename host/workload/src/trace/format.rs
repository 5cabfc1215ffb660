//! The formats of a trace: their names, and which file names decide for one.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::excerpt::excerpt;
use super::keys::{KeyChoice, KeyForm};

/// How the requests of a trace are written down.
///
/// | name | content | a file name that decides for it |
/// |---|---|---|
/// | `plain` | one key a line, a decimal number or any text; blank lines and lines that begin with `#` are skipped | `.keys` |
/// | `csv` | a header row and named columns, see [`Options`](super::Options) | `.csv` |
/// | `lis` | ARC: `start count flags id`, a request for each of `count` consecutive blocks | `.lis` |
/// | `lirs` | one decimal block a line; a line `*` is a checkpoint and skipped | `.lirs`, `.trc` |
/// | `oracleGeneral` | libCacheSim: records of 24 bytes, little-endian: u32 time, u64 id, u32 size, i64 next access | `.oracleGeneral`, also followed by `.bin` |
/// | `vscsi` | VMware vscsiStats, versions 1 and 2: an IO is a request for its first block, with its size | `.vscsi` |
/// | `msr` | MSR Cambridge: `timestamp,hostname,disk,type,offset,size,response time`: an IO is a request for its offset in bytes, with its size | |
/// | `twitter` | Twitter: `timestamp,key,key size,value size,client,operation,ttl`: a `get` or `gets` is a request, other operations are skipped | |
/// | `mooncake` | JSON lines with `hash_ids`: each block of 512 tokens is a request | `.jsonl` |
/// | `recording` | what `host run --record` writes ([`crate::recording`]): its requests for keys | `.rec` |
///
/// A file named `.csv` is `msr` or `twitter` where its first row is one of theirs. `.gz`, `.zst` and `.zstd` at the end of a name do not count, nor does case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Format {
    /// One key a line.
    Plain,
    /// Comma-separated values with a header row.
    Csv,
    /// The ARC paper's format (Megiddo and Modha, FAST 2003).
    Lis,
    /// The LIRS paper's format (Jiang and Zhang, SIGMETRICS 2002).
    Lirs,
    /// libCacheSim's binary format.
    OracleGeneral,
    /// Block IOs as VMware's vscsiStats records them.
    Vscsi,
    /// The MSR Cambridge traces (Narayanan, Donnelly and Rowstron, FAST 2008).
    Msr,
    /// Twitter's cache traces (Yang, Yue and Rashmi, OSDI 2020).
    Twitter,
    /// Mooncake's traces of LLM serving (Qin et al., FAST 2025).
    Mooncake,
    /// A recording of a run of this host.
    Recording,
}

impl Format {
    /// Every format, in the order in which they are listed to a user.
    pub const ALL: [Self; 10] = [
        Self::Plain,
        Self::Csv,
        Self::Lis,
        Self::Lirs,
        Self::OracleGeneral,
        Self::Vscsi,
        Self::Msr,
        Self::Twitter,
        Self::Mooncake,
        Self::Recording,
    ];

    /// The formats that [`TraceWriter`](super::TraceWriter) writes: those that have a use beyond one source of traces.
    pub const WRITABLE: [Self; 5] = [Self::Plain, Self::Csv, Self::Lis, Self::Lirs, Self::OracleGeneral];

    /// The name, as [`FromStr`] reads it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Csv => "csv",
            Self::Lis => "lis",
            Self::Lirs => "lirs",
            Self::OracleGeneral => "oracleGeneral",
            Self::Vscsi => "vscsi",
            Self::Msr => "msr",
            Self::Twitter => "twitter",
            Self::Mooncake => "mooncake",
            Self::Recording => "recording",
        }
    }

    /// The form of its keys, and why. A `csv` decides by its key column, a `recording` by the run.
    #[must_use]
    pub(super) fn keys(self) -> KeyChoice {
        let (form, reason) = match self {
            Self::Lis | Self::Lirs | Self::Vscsi => (KeyForm::Ordered, "numbers blocks"),
            Self::Msr => (KeyForm::Ordered, "gives offsets in bytes"),
            Self::Plain | Self::Csv | Self::OracleGeneral => (KeyForm::Hashed, "may hold names"),
            Self::Twitter => (KeyForm::Hashed, "holds names"),
            Self::Mooncake => (KeyForm::Hashed, "numbers blocks by first appearance"),
            Self::Recording => (KeyForm::Hashed, "holds hashes"),
        };
        KeyChoice::new(form, format!("{self} {reason}"))
    }

    /// The format that a file's name decides for, if it does.
    ///
    /// `.txt`, `.trace` and `.bin` are used for several formats and decide nothing.
    ///
    /// ```
    /// use host_workload::trace::Format;
    /// use std::path::Path;
    /// assert_eq!(Format::from_name(Path::new("OLTP.lis.zst")), Some(Format::Lis));
    /// assert_eq!(Format::from_name(Path::new("w.oracleGeneral.bin.gz")), Some(Format::OracleGeneral));
    /// assert_eq!(Format::from_name(Path::new("sprite.trace.gz")), None);
    /// ```
    #[must_use]
    pub fn from_name(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_lowercase();
        let name = [".gz", ".zst", ".zstd"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
        let name = name.strip_suffix(".oraclegeneral.bin").map_or(name, |_| "x.oraclegeneral");
        match Path::new(name).extension().and_then(OsStr::to_str)? {
            "keys" => Some(Self::Plain),
            "csv" => Some(Self::Csv),
            "lis" => Some(Self::Lis),
            "lirs" | "trc" => Some(Self::Lirs),
            "oraclegeneral" => Some(Self::OracleGeneral),
            "vscsi" => Some(Self::Vscsi),
            "jsonl" => Some(Self::Mooncake),
            "rec" => Some(Self::Recording),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownFormatName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|format| format.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownFormatName { found: excerpt(name.as_bytes()) })
    }
}

/// A name that no format has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown trace format \"{found}\"; the formats are: {list}", list = Names(&Format::ALL))]
pub struct UnknownFormatName {
    /// The name that was given, shortened and escaped.
    pub found: String,
}

/// The names of formats, separated by commas.
pub(super) struct Names<'a>(pub(super) &'a [Format]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, format) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{format}")?;
        }
        Ok(())
    }
}
