//! Fields one behind the other: a length, a name, a length, a value, and so on.
//!
//! A length is written in groups of seven bits, the lowest first; all but the last have their upper bit set.

/// Fields in one piece of memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Flat {
    bytes: Vec<u8>,
    fields: usize,
}

/// Where a field lies.
struct Place {
    start: usize,
    value: usize,
    end: usize,
}

impl Flat {
    pub(super) fn len(&self) -> usize {
        self.fields
    }

    /// Bytes of memory that it has.
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (name, behind) = part(rest)?;
            let (value, next) = part(behind)?;
            rest = next;
            Some((name, value))
        })
    }

    fn find(&self, name: &[u8]) -> Option<Place> {
        let mut rest = self.bytes.as_slice();
        loop {
            let (field, behind) = part(rest)?;
            let (_, next) = part(behind)?;
            if field == name {
                let at = |rest: &[u8]| self.bytes.len() - rest.len();
                return Some(Place { start: at(rest), value: at(behind), end: at(next) });
            }
            rest = next;
        }
    }

    /// Sets a field, and says whether there was none.
    pub(super) fn set(&mut self, name: &[u8], value: &[u8]) -> bool {
        match self.find(name) {
            Some(place) => {
                let mut new = Vec::with_capacity(value.len() + 10);
                write(&mut new, value);
                let old = place.end - place.value;
                self.bytes.reserve_exact(new.len().saturating_sub(old));
                self.bytes.splice(place.value..place.end, new);
                self.give_back();
                false
            }
            None => {
                self.bytes.reserve_exact(length(name.len()) + name.len() + length(value.len()) + value.len());
                write(&mut self.bytes, name);
                write(&mut self.bytes, value);
                self.fields += 1;
                true
            }
        }
    }

    /// Removes a field, and says whether there was one.
    pub(super) fn remove(&mut self, name: &[u8]) -> bool {
        let Some(place) = self.find(name) else { return false };
        self.bytes.drain(place.start..place.end);
        self.fields -= 1;
        self.give_back();
        true
    }

    /// Gives memory back, once a quarter lies idle.
    fn give_back(&mut self) {
        if self.bytes.capacity() - self.bytes.len() > self.bytes.capacity() / 4 {
            self.bytes.shrink_to_fit();
        }
    }
}

/// Bytes that this length is written in.
fn length(mut len: usize) -> usize {
    let mut bytes = 1;
    while len > 0x7f {
        len >>= 7;
        bytes += 1;
    }
    bytes
}

fn write(out: &mut Vec<u8>, part: &[u8]) {
    let mut len = part.len();
    loop {
        let low = u8::try_from(len & 0x7f).unwrap_or(0);
        len >>= 7;
        if len == 0 {
            out.push(low);
            break;
        }
        out.push(low | 0x80);
    }
    out.extend_from_slice(part);
}

/// The first name or value, and what is behind it.
#[inline]
fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, mut rest) = bytes.split_first()?;
    let mut len = usize::from(first & 0x7f);
    let (mut last, mut shift) = (*first, 7);
    while last & 0x80 != 0 {
        (last, rest) = rest.split_first().map(|(byte, rest)| (*byte, rest))?;
        len |= usize::from(last & 0x7f).checked_shl(shift)?;
        shift += 7;
    }
    rest.split_at_checked(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_every_size_are_read_as_they_were_written() {
        for len in [0, 1, 127, 128, 300, 16_383, 16_384, 3_000_000] {
            let mut out = Vec::new();
            write(&mut out, &vec![7; len]);
            assert_eq!(out.len(), len + length(len));
            out.push(9);
            let (read, rest) = part(&out).unwrap();
            assert_eq!((read.len(), rest), (len, &[9_u8][..]));
        }
    }

    #[test]
    fn memory_that_lies_idle_is_given_back() {
        let mut flat = Flat::default();
        for number in 0..100_u8 {
            flat.set(&[number], &[number; 60]);
        }
        let full = flat.capacity();
        for number in 1..100_u8 {
            flat.remove(&[number]);
        }
        assert!(flat.capacity() < full / 50, "{full} -> {}", flat.capacity());
        flat.set(&[0], b"");
        assert_eq!(flat.iter().collect::<Vec<_>>(), [(&[0_u8][..], &b""[..])]);
    }
}
