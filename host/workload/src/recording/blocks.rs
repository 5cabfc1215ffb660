//! The blocks of a recording, one after the other, from whatever can be read.

use std::fmt;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};

use super::block::{self, HEAD, Head, MOST_BYTES, MOST_HEADER};
use super::{Header, MAGIC, Request, Totals, VERSION, requests};

/// Bytes of a [`Preface`].
const PREFACE: usize = 12;

/// What stands between the magic bytes and the header.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Preface {
    #[serde(with = "postcard::fixint::le")]
    pub(super) version: u32,
    #[serde(with = "postcard::fixint::le")]
    pub(super) length: u32,
    #[serde(with = "postcard::fixint::le")]
    pub(super) checksum: u32,
}

/// What a block holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// Requests, nearly in the order in which they arrived.
    Requests(Vec<Request>),
    /// So many requests, of a reader that [counts](super::Reader::counting) them.
    Counted(u32),
    /// Records of the ledger, one JSON object a line.
    Records(String),
    /// How much there was. Nothing follows.
    End(Totals),
}

/// Where a recording ends that is not whole, and why. What stands before was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Bytes that are whole: where the first block begins that is not.
    pub offset: u64,
    /// Whole blocks before it.
    pub blocks: u64,
    /// What is wrong there, in words.
    pub reason: String,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, blocks, reason } = self;
        write!(f, "it is not whole: {reason} at byte {offset}; the {blocks} blocks before it were read")
    }
}

/// Why nothing of a recording can be read.
#[derive(Debug)]
pub(crate) enum BeginFault {
    Read(io::Error),
    Empty,
    /// It begins with these bytes.
    Magic(Vec<u8>),
    Version(u32),
    /// What is wrong with the header, in words.
    Header(String),
}

/// Where a reader stands in a recording.
#[derive(Debug)]
pub(crate) struct Blocks {
    offset: u64,
    blocks: u64,
    /// Whether requests are counted, and not read.
    pub(super) counting: bool,
    ended: bool,
    cut: Option<Cut>,
}

impl Blocks {
    /// Reads how the recording begins.
    pub(crate) fn begin(from: &mut impl Read) -> Result<(Header, Self), BeginFault> {
        let magic = up_to(from, MAGIC.len()).map_err(BeginFault::Read)?;
        if magic.is_empty() {
            return Err(BeginFault::Empty);
        }
        if magic != MAGIC {
            return Err(BeginFault::Magic(magic));
        }
        let ends = || BeginFault::Header("the file ends within it".to_owned());
        let preface = up_to(from, PREFACE).map_err(BeginFault::Read)?;
        let preface: Preface = postcard::from_bytes(&preface).map_err(|_| ends())?;
        if preface.version != VERSION {
            return Err(BeginFault::Version(preface.version));
        }
        if preface.length > MOST_HEADER {
            let length = preface.length;
            return Err(BeginFault::Header(format!(
                "it says that it has {length} bytes, and {MOST_HEADER} are the most"
            )));
        }
        let length = usize::try_from(preface.length).unwrap_or(usize::MAX);
        let text = up_to(from, length).map_err(BeginFault::Read)?;
        if text.len() != length {
            return Err(ends());
        }
        if crc32fast::hash(&text) != preface.checksum {
            return Err(BeginFault::Header("its checksum is another one".to_owned()));
        }
        let header = serde_json::from_slice(&text).map_err(|error| BeginFault::Header(error.to_string()))?;
        let begun = MAGIC.len() + PREFACE + length;
        let offset = u64::try_from(begun).unwrap_or(u64::MAX);
        Ok((header, Self { offset, blocks: 0, counting: false, ended: false, cut: None }))
    }

    /// What the next block holds; none at the end, and where a block is not whole: then [`cut`](Self::cut) says why.
    pub(crate) fn piece(&mut self, from: &mut impl Read) -> io::Result<Option<Piece>> {
        if self.ended {
            return Ok(None);
        }
        let head = up_to(from, HEAD)?;
        if head.len() < HEAD {
            let reason = if head.is_empty() {
                "the file ends without the block that says how much there was: the run was ended, or goes on,"
            } else {
                "the file ends within a block"
            };
            return Ok(self.cut_by(reason.to_owned()));
        }
        let head: Head = match postcard::from_bytes(&head) {
            Ok(head) => head,
            Err(error) => return Ok(self.cut_by(format!("a block is damaged ({error})"))),
        };
        if head.raw > MOST_BYTES || head.stored > MOST_BYTES {
            return Ok(self
                .cut_by(format!("a block is damaged (it says that it is longer than {MOST_BYTES} bytes)")));
        }
        let length = usize::try_from(head.stored).unwrap_or(usize::MAX);
        let stored = up_to(from, length)?;
        if stored.len() < length {
            return Ok(self.cut_by("the file ends within a block".to_owned()));
        }
        match self.open(head, &stored) {
            Ok(piece) => {
                self.ended = matches!(piece, Piece::End(_));
                self.blocks += 1;
                self.offset += u64::try_from(HEAD + length).unwrap_or(u64::MAX);
                Ok(Some(piece))
            }
            Err(reason) => Ok(self.cut_by(format!("a block is damaged ({reason})"))),
        }
    }

    /// What a block holds.
    fn open(&self, head: Head, stored: &[u8]) -> Result<Piece, String> {
        block::check(head, stored)?;
        if self.counting && head.kind == block::REQUESTS {
            return requests::count(head.count).map(|_| Piece::Counted(head.count));
        }
        let raw = block::unpack(head, stored)?;
        match head.kind {
            block::REQUESTS => requests::decode(&raw, head.count).map(Piece::Requests),
            block::RECORDS => {
                String::from_utf8(raw).map(Piece::Records).map_err(|_| "its records are no UTF-8".to_owned())
            }
            block::END => postcard::from_bytes(&raw).map(Piece::End).map_err(|error| error.to_string()),
            kind => Err(format!("it is of a kind {kind}, which there is not")),
        }
    }

    /// Why it ends before its end; none where it is whole, or was not read to its end yet.
    pub(crate) fn cut(&self) -> Option<&Cut> {
        self.cut.as_ref()
    }

    fn cut_by(&mut self, reason: String) -> Option<Piece> {
        self.ended = true;
        self.cut = Some(Cut { offset: self.offset, blocks: self.blocks, reason });
        None
    }
}

/// Reads so many bytes, or as many as there are. Takes memory for those alone.
fn up_to(from: &mut impl Read, bytes: usize) -> io::Result<Vec<u8>> {
    let mut read = Vec::new();
    from.take(u64::try_from(bytes).unwrap_or(u64::MAX)).read_to_end(&mut read)?;
    Ok(read)
}
