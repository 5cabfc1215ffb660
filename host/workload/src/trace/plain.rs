//! One key a line. The line, without white space around it, is the key.

use super::Decode;
use super::error::Fault;
use super::input::Input;
use super::keys::Sink;

/// Decodes `plain`.
pub(super) struct Plain;

impl Decode for Plain {
    fn decode(&mut self, input: &mut Input, out: &mut Sink<'_>) -> Result<(), Fault> {
        while !out.is_full() {
            match input.line()? {
                None => break,
                Some([] | [b'#', ..]) => {}
                Some(text) => out.text(text, 0),
            }
        }
        Ok(())
    }
}
