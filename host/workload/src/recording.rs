//! Recordings of runs: what was asked for and when, what ticks showed, and what came of it.
//!
//! A recording is a file of blocks. Each is compressed and sealed by itself, so that a file that was cut can be read to its last
//! whole block:
//!
//! ```text
//! magic, version, length and checksum of the header; the header, JSON: which run this is
//! block: kind, count, lengths, checksum; then what it holds, compressed with zstd
//! ...
//! the last block says how much there was: without it the file is not whole
//! ```
//!
//! There are two kinds beside the last one. A block of requests holds up to [`MOST_REQUESTS`] of them in columns, since what is alike
//! compresses when it stands together. A block of records holds lines of the ledger of the run, as the ledger has them, and for
//! each tick the requests that strategies were shown. Every request that had ended before a tick stands before the block with the
//! records of the tick.
//!
//! Columns are encoded by serde with postcard, which keeps its format and checks what it reads; every length that comes from a file has
//! a bound, so that no file makes a reader take memory without end. Nothing here knows a clock or a thread: times are handed in.
//!
//! ```
//! use host_workload::recording::{Header, Outcome, Piece, Reader, Request, Totals, Writer};
//!
//! let header = Header { workload: "an example".to_owned(), ..Header::default() };
//! let mut writer = Writer::new(Vec::new(), &header)?;
//! let request = Request { at_us: 5, key: 7, size: 100, outcome: Outcome::Loaded, ..Request::default() };
//! writer.requests(&[request])?;
//! let file = writer.finish(Totals::default())?;
//!
//! let mut reader = Reader::new("small.rec".as_ref(), &file[..])?;
//! assert_eq!(reader.header(), &header);
//! assert_eq!(reader.piece()?, Some(Piece::Requests(vec![request])));
//! assert!(matches!(reader.piece()?, Some(Piece::End(_))));
//! assert_eq!(reader.piece()?, None);
//! assert!(reader.cut().is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use host_contract::RunInfo;
use serde::{Deserialize, Serialize};

mod block;
mod blocks;
mod error;
mod reader;
mod requests;
#[cfg(test)]
mod tests;
mod writer;

pub use block::{MOST_BYTES, MOST_HEADER, MOST_REQUESTS};
pub(crate) use blocks::{BeginFault, Blocks};
pub use blocks::{Cut, Piece};
pub use error::RecordingError;
pub use reader::Reader;
pub use requests::{Outcome, Request};
pub use writer::Writer;

/// How every recording begins. The first byte is none of a text.
pub const MAGIC: [u8; 8] = *b"\x89hostrec";

/// The version that is written and read.
pub const VERSION: u32 = 1;

/// Which run was recorded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Version of the host that recorded.
    pub host: String,
    /// Name of the profile.
    pub profile: String,
    /// Every setting in force that bears on the control loop, as `KEY=VALUE`.
    pub settings: Vec<String>,
    /// What was run.
    pub workload: String,
    /// What strategies could know of the run.
    pub about: RunInfo,
    /// Capacity of the cache at the start, in the unit of `about`.
    pub capacity: u64,
    /// What an entry was taken to weigh on average at the start.
    pub mean_weight: u64,
    /// What every entry counts for beside what it holds, bytes.
    pub entry_bytes: u64,
    /// Names of the classes of requests, by their number.
    pub classes: Vec<String>,
    /// The strategies that took part.
    pub strategies: Vec<Component>,
    /// Names of those that began with something they had learnt in an earlier run. What that was is not recorded.
    pub learnt: Vec<String>,
}

/// A strategy that took part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// Its name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// Digest of the component.
    pub digest: String,
}

/// How much was recorded: the last block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Requests in the file.
    pub requests: u64,
    /// Records of the ledger in the file.
    pub records: u64,
    /// Requests that are not in it, because what writes had no time for them.
    pub dropped: u64,
    /// Records that are not in it for the same reason.
    pub lost: u64,
}
