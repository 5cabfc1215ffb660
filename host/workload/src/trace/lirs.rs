//! The LIRS paper's traces: one decimal block a line, `*` for a checkpoint.
//!
//! The checkpoints separate the paper's measuring intervals; they ask for nothing.

use super::Decode;
use super::error::Fault;
use super::input::Input;
use super::keys::Sink;
use crate::key;

/// Decodes `lirs`.
pub(super) struct Lirs;

impl Decode for Lirs {
    fn decode(&mut self, input: &mut Input, out: &mut Sink<'_>) -> Result<(), Fault> {
        while !out.is_full() {
            let text = match input.line()? {
                None => break,
                Some([] | [b'*']) => continue,
                Some(text) => match key::number(text) {
                    Some(block) => {
                        out.number(block, 0);
                        continue;
                    }
                    None => text.to_owned(),
                },
            };
            return Err(Fault::malformed(
                input.position(),
                &text,
                "a decimal block number, or `*` for a checkpoint",
            ));
        }
        Ok(())
    }
}
