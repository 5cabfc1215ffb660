//! Finds streams by themselves: keys at an equal distance, whichever it is, also where several interleave.
//!
//! A table of the last keys shows three at one distance, and the stream that begins then is followed. A key that continues none is
//! taken for the first or the second of one at the distance that came true last; whether such guesses pay is for the gates. A
//! table of streams, the least recently used of which gives way, waits for the next key of each. One key may be left out:
//! it was in a nearer cache. The cost of a key that belongs to no stream is a look for each of the last [`RECENT`] keys
//! a count of their hashes, and where that says so through all of them.
//!
//! Distances mean something only where keys keep an order. Requests that name a client or a session would have a table
//! each, because theirs interleave; none does yet.

/// Last keys that are remembered.
const RECENT: usize = 24;
/// Streams that are followed at once.
const STREAMS: usize = 32;
/// Counts of hashes of the last keys: most keys that are not among them have none.
const HASHES: usize = 256;
/// The farthest that keys of a stream are apart.
const MOST_STRIDE: u64 = 1 << 20;

#[derive(Debug, Clone, Copy)]
struct Stream {
    next: u64,
    stride: i64,
    /// Keys so far.
    length: u32,
    /// The turn of its last key.
    used: u64,
}

/// The tables.
#[derive(Debug)]
pub(crate) struct Streams {
    /// Newest first, of which so many are keys. All are looked through at once, which a queue that turns around is slow for.
    recent: [u64; RECENT],
    known: usize,
    /// How many of them have each hash.
    hashes: [u8; HASHES],
    last: Option<u64>,
    /// The stride that came true last.
    usual: Option<i64>,
    streams: Vec<Stream>,
    turn: u64,
}

/// A stream that a key continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Continued {
    pub(crate) stride: i64,
    /// Keys so far: 1 and 2 are guesses.
    pub(crate) length: u32,
    /// Whether it is the next key, and not the one after it.
    pub(crate) next: bool,
}

impl Default for Streams {
    fn default() -> Self {
        Self {
            recent: [0; RECENT],
            known: 0,
            hashes: [0; HASHES],
            last: None,
            usual: None,
            streams: Vec::new(),
            turn: 0,
        }
    }
}

impl Streams {
    /// Notes an access.
    pub(crate) fn access(&mut self, key: u64) -> Option<Continued> {
        let last = self.last.replace(key);
        if last == Some(key) {
            return None;
        }
        self.turn += 1;
        let continued = self.follow(key);
        self.usual = continued.map(|continued| continued.stride).or(self.usual);
        if continued.is_none()
            && let Some(stride) = self.found(key)
            && let Some(next) = key.checked_add_signed(stride)
        {
            self.begin(Stream { next, stride, length: 3, used: self.turn });
        }
        self.remember(key);
        continued.or_else(|| {
            let stride = self.usual?;
            let second = last.is_some() && last == key.checked_add_signed(stride.checked_neg()?);
            Some(Continued { stride, length: if second { 2 } else { 1 }, next: true })
        })
    }

    fn follow(&mut self, key: u64) -> Option<Continued> {
        let comes = |stream: &&mut Stream| {
            stream.next == key || stream.next.checked_add_signed(stream.stride) == Some(key)
        };
        let place =
            self.streams.iter_mut().filter(comes).max_by_key(|stream| (stream.length, stream.used))?;
        let next = place.next == key;
        place.length = place.length.saturating_add(1);
        place.used = self.turn;
        let stream = *place;
        match key.checked_add_signed(stream.stride) {
            Some(next) => place.next = next,
            // The edge of the number range.
            None => self.streams.retain(|other| other.used != stream.used),
        }
        Some(Continued { stride: stream.stride, length: stream.length, next })
    }

    /// The distance at which the key is the third.
    fn found(&self, key: u64) -> Option<i64> {
        let recent = self.recent.get(..self.known)?;
        let mut strides = recent.iter().filter_map(|&before| {
            let stride = key.checked_signed_diff(before)?;
            let first = before.checked_add_signed(stride.checked_neg()?)?;
            let near = stride != 0 && stride.unsigned_abs() <= MOST_STRIDE;
            (near && self.may_contain(first) && recent.contains(&first)).then_some(stride)
        });
        strides.next()
    }

    fn begin(&mut self, stream: Stream) {
        if self.streams.len() < STREAMS {
            self.streams.push(stream);
        } else if let Some(place) = self.streams.iter_mut().min_by_key(|stream| stream.used) {
            *place = stream;
        }
    }

    fn may_contain(&self, key: u64) -> bool {
        self.hashes.get(hash(key)).is_some_and(|count| *count > 0)
    }

    fn remember(&mut self, key: u64) {
        self.recent.rotate_right(1);
        if let Some(newest) = self.recent.first_mut() {
            let oldest = std::mem::replace(newest, key);
            if self.known == RECENT
                && let Some(count) = self.hashes.get_mut(hash(oldest))
            {
                *count -= 1;
            }
            self.known = RECENT.min(self.known + 1);
        }
        if let Some(count) = self.hashes.get_mut(hash(key)) {
            *count += 1;
        }
    }
}

fn hash(key: u64) -> usize {
    usize::try_from(key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The strides of the streams that the keys continue, 0 for none.
    fn strides(keys: &[u64]) -> Vec<i64> {
        let mut streams = Streams::default();
        let sure =
            |found: Option<Continued>| found.filter(|found| found.length > 3).map_or(0, |found| found.stride);
        keys.iter().map(|&key| sure(streams.access(key))).collect()
    }

    #[test]
    fn a_stride_is_found_and_has_to_come_true_once() {
        assert_eq!(strides(&[10, 17, 24, 31, 38]), [0, 0, 0, 7, 7]);
        assert_eq!(strides(&[90, 80, 70, 60]), [0, 0, 0, -10]);
        assert_eq!(strides(&[1, 2, 4, 8, 16, 32]), [0; 6]);
    }

    #[test]
    fn a_new_stream_is_guessed_by_the_stride_that_came_true_last() {
        let mut streams = Streams::default();
        let mut lengths = |keys: &[u64]| -> Vec<u32> {
            keys.iter().map(|&key| streams.access(key).map_or(0, |found| found.length)).collect()
        };
        assert_eq!(lengths(&[10, 11, 12, 13, 14]), [0, 0, 0, 4, 5]);
        assert_eq!(lengths(&[900, 901, 902, 903]), [1, 2, 2, 4]);
    }

    #[test]
    fn interleaved_streams_are_told_apart() {
        let keys: Vec<u64> = (0..8).flat_map(|n| [1_000 + n, 50_000 + 16 * n, 900_000 - 3 * n]).collect();
        let found = strides(&keys);
        assert_eq!(found.get(9..).unwrap(), [1, 16, -3].repeat(5));
    }

    #[test]
    fn a_repetition_and_a_gap_of_one_do_not_end_a_stream() {
        assert_eq!(strides(&[1, 2, 3, 3, 4, 4, 6, 7]), [0, 0, 0, 0, 1, 0, 1, 1]);
    }

    #[test]
    fn the_tables_are_bounded_and_the_number_range_has_an_edge() {
        let mut streams = Streams::default();
        for n in 0..5_000_u64 {
            for step in 0..4 {
                streams.access(n * 10_000_000 + step * (n % 100 + 1));
            }
        }
        assert!(streams.streams.len() <= STREAMS);
        assert_eq!(
            strides(&[u64::MAX - 4, u64::MAX - 3, u64::MAX - 2, u64::MAX - 1, u64::MAX, 0]),
            [0, 0, 0, 1, 1, 0]
        );
        assert_eq!(strides(&[3, 2, 1, 0, 7]), [0, 0, 0, -1, 0]);
    }
}
