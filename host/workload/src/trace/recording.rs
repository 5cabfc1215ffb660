//! The requests of a recording ([`crate::recording`]), as any other trace.
//!
//! Keys are numbers already: those of the run. Where its keys kept an order, they are handed on in it. Work that asked for no key is
//! passed over. What follows the last whole block of a file that was cut is not there; [`Decode::note`] tells of it.

use std::io::{self, Read};
use std::vec;

use super::Decode;
use super::error::{Fault, Position};
use super::input::Input;
use super::keys::{KeyChoice, KeyForm, Sink};
use crate::recording::{BeginFault, Blocks, MAGIC, Piece, Request, VERSION};

/// Decodes a recording.
pub(super) struct Recording {
    blocks: Blocks,
    ordered: bool,
    /// Requests of a block that are not delivered yet.
    requests: vec::IntoIter<Request>,
    delivered: u64,
}

impl Recording {
    /// Reads how the recording begins.
    pub(super) fn with_header(input: &mut Input) -> Result<Self, Fault> {
        let found = input.available().get(..64).unwrap_or_else(|| input.available()).to_vec();
        let position = Position::Record(0);
        let wrong = |expected| Fault::malformed(position, &found, expected);
        let (header, blocks) = Blocks::begin(&mut Bytes(input)).map_err(|fault| match fault {
            BeginFault::Read(error) => Fault::read(position, error),
            BeginFault::Version(_) => {
                const { assert!(VERSION == 1, "the text below names it") };
                wrong("a recording of version 1")
            }
            BeginFault::Header(_) => wrong("a recording whose header is whole"),
            BeginFault::Empty | BeginFault::Magic(_) => {
                wrong("a recording, as `host run --record` writes it")
            }
        })?;
        let ordered = header.about.keys_ordered;
        Ok(Self { blocks, ordered, requests: Vec::new().into_iter(), delivered: 0 })
    }

    /// The form of its keys, and why.
    pub(super) fn choice(&self) -> KeyChoice {
        match self.ordered {
            true => KeyChoice::new(KeyForm::Ordered, "the keys of the recorded run kept an order"),
            false => KeyChoice::new(KeyForm::Hashed, "recording holds hashes"),
        }
    }
}

impl Decode for Recording {
    fn decode(&mut self, input: &mut Input, out: &mut Sink<'_>) -> Result<(), Fault> {
        while !out.is_full() {
            if let Some(request) = self.requests.next() {
                if request.outcome.asked() {
                    out.number(request.key, request.size);
                    self.delivered += 1;
                }
                continue;
            }
            let piece = self.blocks.piece(&mut Bytes(input));
            match piece.map_err(|error| Fault::read(Position::Record(self.delivered + 1), error))? {
                Some(Piece::Requests(requests)) => self.requests = requests.into_iter(),
                Some(Piece::Counted(_) | Piece::Records(_) | Piece::End(_)) => {}
                None => break,
            }
        }
        Ok(())
    }

    fn note(&self) -> Option<String> {
        self.blocks.cut().map(ToString::to_string)
    }
}

/// Whether bytes begin as a recording does.
pub(super) fn plausible(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// The bytes of an input.
struct Bytes<'a>(&'a mut Input);

impl Read for Bytes<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.0.available().is_empty() {
            self.0.fill()?;
        }
        let read = self.0.available().read(into)?;
        self.0.consume(read);
        Ok(read)
    }
}
