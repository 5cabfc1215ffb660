//! One key a line. The line, without white space around it, is the key.

use super::error::Fault;
use super::input::Input;
use super::raw::{Texts, hash_key};
use super::{Decode, Request};

/// Decodes `plain`.
#[derive(Default)]
pub(super) struct Plain {
    texts: Option<Texts>,
}

impl Decode for Plain {
    fn decode(&mut self, input: &mut Input, out: &mut Vec<Request>, max: usize) -> Result<(), Fault> {
        let full = out.len().saturating_add(max);
        while out.len() < full {
            match input.line()? {
                None => break,
                Some([] | [b'#', ..]) => {}
                Some(text) => {
                    out.push(Request { key: hash_key(text, self.texts.as_mut()), size: 0 });
                }
            }
        }
        Ok(())
    }

    fn keep_texts(&mut self) {
        self.texts = Some(Texts::default());
    }

    fn texts(&mut self) -> Option<&mut Texts> {
        self.texts.as_mut()
    }
}
