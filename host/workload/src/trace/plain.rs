//! One key a line. The line, without white space around it, is the key.

use super::error::Fault;
use super::input::Input;
use super::{Decode, Request};
use crate::key;

/// Decodes `plain`.
pub(super) struct Plain;

impl Decode for Plain {
    fn decode(&mut self, input: &mut Input, out: &mut Vec<Request>, max: usize) -> Result<(), Fault> {
        let full = out.len().saturating_add(max);
        while out.len() < full {
            match input.line()? {
                None => break,
                Some([] | [b'#', ..]) => {}
                Some(text) => out.push(Request { key: key::hash_text(text), size: 0 }),
            }
        }
        Ok(())
    }
}
