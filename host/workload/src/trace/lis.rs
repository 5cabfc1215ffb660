//! The ARC paper's traces: `start count flags id`, which stands for a request to each block from `start` on.
//!
//! A line may announce any count: the blocks are produced one by one, never as a list, and a count above [`MAX_COUNT`] is
//! an error, so that a damaged file does not keep a run busy for hours. A count of 0 asks for nothing.

use super::Decode;
use super::error::Fault;
use super::input::Input;
use super::keys::Sink;
use crate::key;

/// Most blocks that one line of a `.lis` trace may stand for.
pub const MAX_COUNT: u64 = 1_000_000;

const EXPECTED: &str = "four decimal numbers: start, count (at most 1000000), flags, request id";

/// Decodes `lis`.
#[derive(Default)]
pub(super) struct Lis {
    next: u64,
    left: u64,
}

impl Decode for Lis {
    fn decode(&mut self, input: &mut Input, out: &mut Sink<'_>) -> Result<(), Fault> {
        while !out.is_full() {
            if self.left > 0 {
                out.number(self.next, 0);
                // The last block of a range may be the last number there is.
                self.next = self.next.wrapping_add(1);
                self.left -= 1;
                continue;
            }
            let text = match input.line()? {
                None => break,
                Some([]) => continue,
                Some(text) => match range(text) {
                    Some((start, count)) => {
                        (self.next, self.left) = (start, count);
                        continue;
                    }
                    None => text.to_owned(),
                },
            };
            return Err(Fault::malformed(input.position(), &text, EXPECTED));
        }
        Ok(())
    }
}

/// Start and count of a line.
pub(super) fn range(line: &[u8]) -> Option<(u64, u64)> {
    let mut fields = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty()).map(key::number);
    let (start, count) = (fields.next()??, fields.next()??);
    fields.next()??;
    fields.next()??;
    let fits = count <= MAX_COUNT && start.checked_add(count.saturating_sub(1)).is_some();
    (fits && fields.next().is_none()).then_some((start, count))
}
