//! The LIRS paper's traces: one decimal block a line, `*` for a checkpoint.
//!
//! The checkpoints separate the paper's measuring intervals; they ask for nothing.

use super::error::Fault;
use super::input::Input;
use super::{Decode, Request};
use crate::key;

/// Decodes `lirs`.
pub(super) struct Lirs;

impl Decode for Lirs {
    fn decode(&mut self, input: &mut Input, out: &mut Vec<Request>, max: usize) -> Result<(), Fault> {
        let full = out.len().saturating_add(max);
        while out.len() < full {
            let place = match input.line()? {
                None => break,
                Some([] | [b'*']) => continue,
                Some(text) => match key::number(text) {
                    Some(block) => {
                        out.push(Request { key: key::hash_number(block), size: 0 });
                        continue;
                    }
                    None => text.to_owned(),
                },
            };
            return Err(Fault::malformed(
                input.place(),
                &place,
                "a decimal block number, or `*` for a checkpoint",
            ));
        }
        Ok(())
    }
}
