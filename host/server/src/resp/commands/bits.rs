//! The bits of values. The first one is the highest of the first byte.

use bytes::{Bytes, BytesMut};
use host_runtime::{Form, Value};

use super::super::context::{Context, text};
use super::super::failure::{Done, Failure};
use super::super::number::integer;
use super::arity;
use super::strings::change;

type Words<'w> = &'w [&'w [u8]];

/// A byte of a value, and one of its bits.
struct Place {
    byte: usize,
    mask: u8,
}

impl Place {
    /// The place of a bit, in a value of at most `most` bytes.
    fn of(word: &[u8], most: usize) -> Result<Self, Failure> {
        let wrong = Failure::fixed("ERR bit offset is not an integer or out of range");
        let bit = integer(word).and_then(|bit| usize::try_from(bit).ok());
        let bit = bit.filter(|bit| bit / 8 < most).ok_or(wrong)?;
        Ok(Self { byte: bit / 8, mask: 0x80 >> (bit % 8) })
    }

    fn is_set(&self, bytes: &[u8]) -> bool {
        bytes.get(self.byte).is_some_and(|byte| byte & self.mask != 0)
    }
}

pub(in super::super) fn setbit(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, offset, bit] = words else { return arity("setbit") };
    let place = Place::of(offset, cx.shared.limits().bulk)?;
    let set = match *bit {
        b"0" => false,
        b"1" => true,
        _ => return Err(Failure::fixed("ERR bit is not an integer or out of range")),
    };
    let was = change(cx, name, |old| {
        let old = old.unwrap_or_default();
        let mut new = BytesMut::with_capacity(old.len().max(place.byte + 1));
        new.extend_from_slice(old);
        if new.len() <= place.byte {
            new.resize(place.byte + 1, 0);
        }
        if let Some(byte) = new.get_mut(place.byte) {
            *byte = if set { *byte | place.mask } else { *byte & !place.mask };
        }
        let was = place.is_set(old);
        Ok((Some(Value::made(Bytes::from(new), Form::Edited).into()), was))
    })?;
    cx.flag(was)
}

pub(in super::super) fn getbit(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, offset] = words else { return arity("getbit") };
    let place = Place::of(offset, cx.shared.limits().bulk)?;
    let found = cx.lookup().read(&cx.key(name), |value| text(value).map(|bytes| place.is_set(bytes)));
    cx.flag(found.transpose()?.unwrap_or(false))
}
