//! Mooncake's traces of LLM serving (Qin et al., "Mooncake", FAST 2025): a JSON object a line, of which `hash_ids` names
//! the blocks of the prompt's prefix, in order.
//!
//! Each block is one request: the KV cache of 512 tokens, found or computed as a whole. How many bytes that is depends on
//! the model and is not in the trace, so that a block counts as one object without a size. An empty list asks for nothing.
//! Timestamps and lengths in tokens are not used.

use serde::Deserialize;

use super::Decode;
use super::error::Fault;
use super::input::Input;
use super::keys::Sink;

const EXPECTED: &str = "a JSON object with `hash_ids`, a list of whole numbers from 0 on";

/// What is used of a line.
#[derive(Deserialize)]
struct Line {
    hash_ids: Vec<u64>,
}

/// Decodes `mooncake`.
#[derive(Default)]
pub(super) struct Mooncake {
    /// Blocks of a line that are still to be delivered.
    blocks: std::vec::IntoIter<u64>,
}

impl Decode for Mooncake {
    fn decode(&mut self, input: &mut Input, out: &mut Sink<'_>) -> Result<(), Fault> {
        loop {
            let room = out.room();
            self.blocks.by_ref().take(room).for_each(|block| out.number(block, 0));
            if out.is_full() {
                return Ok(());
            }
            let text = match input.line()? {
                None => return Ok(()),
                Some([]) => continue,
                Some(text) => match serde_json::from_slice::<Line>(text) {
                    Ok(line) => {
                        self.blocks = line.hash_ids.into_iter();
                        continue;
                    }
                    Err(_) => text.to_owned(),
                },
            };
            return Err(Fault::malformed(input.position(), &text, EXPECTED));
        }
    }
}

/// Whether a line is one of this format.
pub(super) fn is_line(text: &[u8]) -> bool {
    serde_json::from_slice::<Line>(text).is_ok()
}
