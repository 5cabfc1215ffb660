//! A key and its value in one allocation, behind a pointer of one word.
//!
//! A cache of small values spends most of its memory on what is not key or value. In one allocation with a header of 8 bytes, a key
//! of 16 bytes and a value of 128 take 152 bytes, and 8 for the pointer; a test holds it. So this is written by hand, with `unsafe`: no
//! crate has a shared slice whose header is smaller than three words. Miri runs its tests.
//!
//! ```text
//! note  count  key length  kind and value length | key ...   | value ...
//! u32   u8     u8          u16                   |           |
//! ```
//!
//! A key of 255 bytes or more has its length in front of it, as a `usize`. A value that is long, or more than bytes, is a body of the
//! owner's type, which is aligned. Packed entries are shared: a clone counts. When 255 clones are there, the next one is a copy.
//! The note is the owner's, who may change it at any time: it is what makes an entry of a cache more than a key and a value.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering, fence};

use crate::prefetch::prefetch_line;

/// Bytes that the processor loads at a time.
const LINE: usize = 64;

/// The length of a key whose length lies in front of it.
const LONG_KEY: u8 = 255;

/// The longest value of bytes: its length leaves two bits for the kind.
const LONGEST: usize = (1 << BODY) - 1;

/// The bit that says that the value is a body, and the one that says that the key is marked.
const BODY: u32 = 14;
const MARKED: u32 = 15;

#[repr(C, align(8))]
struct Header {
    /// The owner's.
    note: AtomicU32,
    count: AtomicU8,
    /// Length of the key.
    key: u8,
    value: Value,
}

/// The length of a value that lies in the entry, 0 of a body, and what kind of entry it is.
#[derive(Debug, Clone, Copy)]
struct Value(u16);

impl Value {
    /// None of a length that is too large. A body has none.
    fn of(marked: bool, length: Option<usize>) -> Option<Self> {
        let bits = u16::try_from(length.unwrap_or(0)).ok().filter(|bits| *bits >> BODY == 0)?;
        Some(Self(bits | u16::from(length.is_none()) << BODY | u16::from(marked) << MARKED))
    }

    /// Of bytes; none of a body.
    #[inline]
    fn length(self) -> Option<usize> {
        (self.0 >> BODY & 1 == 0).then(|| usize::from(self.0 & !(1 << MARKED)))
    }

    #[inline]
    const fn is_marked(self) -> bool {
        self.0 >> MARKED != 0
    }
}

/// A key and its value, shared by all clones; see the head of the file.
///
/// A value is a few bytes, which lie in the same allocation, or a `B`. A key is bytes, and may be marked, which tells two kinds of
/// keys apart.
///
/// ```
/// use host_cache::{Packed, PackedValue};
///
/// let entry = Packed::<String>::of_bytes(false, b"key", b"value", 0);
/// assert_eq!((entry.key(), entry.is_marked()), (&b"key"[..], false));
/// assert!(matches!(entry.clone().value(), PackedValue::Bytes(b"value")));
/// let entry = Packed::of_body(true, b"key", "text".to_owned(), 7);
/// assert!(matches!(entry.value(), PackedValue::Body(text) if text == "text"));
/// entry.set_note(entry.note() + 1);
/// assert_eq!(entry.clone().note(), 8);
/// ```
pub struct Packed<B: Clone>(NonNull<Header>, PhantomData<B>);

/// The value of a packed entry.
#[derive(Debug)]
pub enum PackedValue<'a, B> {
    /// Bytes that lie in the entry.
    Bytes(&'a [u8]),
    /// What the owner made of it.
    Body(&'a B),
}

/// Where the parts of an entry lie, from its beginning.
#[derive(Debug, Clone, Copy)]
struct Places {
    layout: Layout,
    key: usize,
    value: usize,
}

const HEADER: usize = size_of::<Header>();

/// Of a key of so many bytes, and a value of so many; none of a body. None where no memory is that large.
fn places<B>(key: usize, value: Option<usize>) -> Option<Places> {
    let before = if key < usize::from(LONG_KEY) { HEADER } else { HEADER + size_of::<usize>() };
    let end = before.checked_add(key)?;
    let (at, size) = match value {
        Some(value) => (end, value),
        None => (end.checked_next_multiple_of(align_of::<B>())?, size_of::<B>()),
    };
    let layout =
        Layout::from_size_align(at.checked_add(size)?, align_of::<Header>().max(align_of::<B>())).ok()?;
    Some(Places { layout, key: before, value: at })
}

impl<B: Clone> Packed<B> {
    /// The longest value of bytes that can lie in an entry; longer ones are for a body.
    pub const LONGEST: usize = LONGEST;

    /// A key, a value of bytes, at most [`LONGEST`](Self::LONGEST) of them, and the owner's note.
    ///
    /// # Panics
    /// The value is longer than that.
    #[must_use]
    pub fn of_bytes(marked: bool, key: &[u8], value: &[u8], note: u32) -> Self {
        assert!(value.len() <= LONGEST, "a packed value of {} bytes", value.len());
        Self::make(marked, key, Ok(value), note)
    }

    /// A key, a body and the owner's note.
    #[must_use]
    pub fn of_body(marked: bool, key: &[u8], body: B, note: u32) -> Self {
        Self::make(marked, key, Err(body), note)
    }

    fn make(marked: bool, bytes: &[u8], value: Result<&[u8], B>, note: u32) -> Self {
        let length = value.as_ref().ok().map(|value| value.len());
        // A key and a value that are in memory fit into it once more, or the allocation fails.
        let (Some(places), Some(kind)) = (places::<B>(bytes.len(), length), Value::of(marked, length)) else {
            handle_alloc_error(Layout::new::<Header>())
        };
        let header = Header {
            note: AtomicU32::new(note),
            count: AtomicU8::new(1),
            key: u8::try_from(bytes.len()).unwrap_or(LONG_KEY),
            value: kind,
        };
        // SAFETY: the layout has the size of a header at least. All writes are within it, by `places`: the header at its
        // begin, the length of a long key behind it, the key, and the value, for which it is aligned.
        unsafe {
            let start = alloc(places.layout);
            let Some(item) = NonNull::new(start.cast::<Header>()) else { handle_alloc_error(places.layout) };
            item.as_ptr().write(header);
            if bytes.len() >= usize::from(LONG_KEY) {
                start.add(HEADER).cast::<usize>().write(bytes.len());
            }
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), start.add(places.key), bytes.len());
            match value {
                Ok(value) => {
                    std::ptr::copy_nonoverlapping(value.as_ptr(), start.add(places.value), value.len());
                }
                Err(body) => start.add(places.value).cast::<B>().write(body),
            }
            Self(item, PhantomData)
        }
    }

    #[inline]
    fn header(&self) -> &Header {
        // SAFETY: the allocation lives as long as an entry that points to it, and what changes of its header is atomic.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    fn start(&self) -> *const u8 {
        self.0.as_ptr().cast_const().cast()
    }

    #[inline]
    fn key_length(&self) -> usize {
        match self.header().key {
            // SAFETY: a key that is long has its length behind the header, where it is aligned.
            LONG_KEY => unsafe { self.start().add(HEADER).cast::<usize>().read() },
            short => usize::from(short),
        }
    }

    fn places(&self) -> Places {
        // They fit when the entry was made.
        places::<B>(self.key_length(), self.header().value.length()).unwrap_or(Places {
            layout: Layout::new::<Header>(),
            key: 0,
            value: 0,
        })
    }

    /// Begins to fetch the entry's first bytes, so many, and waits for nothing: key and value, of an entry that is so long.
    #[inline]
    pub fn prefetch(&self, bytes: usize) {
        for line in (0..bytes).step_by(LINE) {
            prefetch_line(self.start().wrapping_add(line));
        }
    }

    /// Whether the key is marked.
    #[must_use]
    #[inline]
    pub fn is_marked(&self) -> bool {
        self.header().value.is_marked()
    }

    /// What the owner noted last.
    #[must_use]
    #[inline]
    pub fn note(&self) -> u32 {
        self.header().note.load(Ordering::Relaxed)
    }

    /// Changes the note for all clones. Of two threads that do it at once, either may be the last.
    #[inline]
    pub fn set_note(&self, note: u32) {
        self.header().note.store(note, Ordering::Relaxed);
    }

    /// The key.
    #[must_use]
    #[inline]
    pub fn key(&self) -> &[u8] {
        let length = self.key_length();
        let at = if length < usize::from(LONG_KEY) { HEADER } else { HEADER + size_of::<usize>() };
        // SAFETY: so many bytes were written there when the entry was made, and nobody writes again.
        unsafe { std::slice::from_raw_parts(self.start().add(at), length) }
    }

    /// The value.
    #[must_use]
    #[inline]
    pub fn value(&self) -> PackedValue<'_, B> {
        let at = self.places().value;
        // SAFETY: by its kind, a value of this length or a body was written there, and nobody writes again.
        unsafe {
            let at = self.start().add(at);
            match self.header().value.length() {
                None => PackedValue::Body(&*at.cast::<B>()),
                Some(length) => PackedValue::Bytes(std::slice::from_raw_parts(at, length)),
            }
        }
    }
}

impl<B: Clone> Clone for Packed<B> {
    fn clone(&self) -> Self {
        let count = &self.header().count;
        match count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_add(1)) {
            Ok(_) => Self(self.0, PhantomData),
            Err(_) => match self.value() {
                PackedValue::Bytes(bytes) => Self::make(self.is_marked(), self.key(), Ok(bytes), self.note()),
                PackedValue::Body(body) => {
                    Self::make(self.is_marked(), self.key(), Err(body.clone()), self.note())
                }
            },
        }
    }
}

impl<B: Clone> Drop for Packed<B> {
    fn drop(&mut self) {
        if self.header().count.fetch_sub(1, Ordering::Release) != 1 {
            return;
        }
        // Everything that other threads did with it comes before its end.
        fence(Ordering::Acquire);
        let places = self.places();
        let has_body = self.header().value.length().is_none();
        let start = self.0.as_ptr().cast::<u8>();
        // SAFETY: this was the last entry that points there. The layout is that of the allocation, since it follows from
        // lengths that do not change.
        unsafe {
            if has_body {
                start.add(places.value).cast::<B>().drop_in_place();
            }
            dealloc(start, places.layout);
        }
    }
}

// SAFETY: what it owns can be sent and shared, its count and note are atomic, and the rest is not written after it was made.
unsafe impl<B: Clone + Send + Sync> Send for Packed<B> {}
// SAFETY: as above.
unsafe impl<B: Clone + Send + Sync> Sync for Packed<B> {}

impl<B: Clone + fmt::Debug> fmt::Debug for Packed<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packed").field("key", &self.key()).field("value", &self.value()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    type Entry = Packed<Arc<str>>;

    fn bytes<B: Clone>(entry: &Packed<B>) -> Vec<u8> {
        match entry.value() {
            PackedValue::Bytes(bytes) => bytes.to_vec(),
            PackedValue::Body(_) => panic!("a body"),
        }
    }

    #[test]
    fn keys_and_values_of_all_lengths_are_what_they_were() {
        let long = vec![7; LONGEST];
        for key in [&b""[..], b"k", b"key:000000000001", &long[..254], &long[..255], &long[..256]] {
            for value in [&b""[..], b"v", &long[..128], &long] {
                for marked in [false, true] {
                    let entry = Entry::of_bytes(marked, key, value, 9);
                    assert_eq!((entry.key(), entry.is_marked(), entry.note()), (key, marked, 9));
                    entry.set_note(u32::MAX);
                    assert_eq!((bytes(&entry), entry.note()), (value.to_vec(), u32::MAX));
                    let body = Entry::of_body(marked, key, "body".into(), 9);
                    assert_eq!((body.key(), body.is_marked()), (key, marked));
                    assert!(matches!(body.value(), PackedValue::Body(body) if &**body == "body"));
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "a packed value of 16384 bytes")]
    fn longer_values_are_for_a_body() {
        drop(Entry::of_bytes(false, b"key", &[0; LONGEST + 1], 0));
    }

    #[test]
    fn a_body_is_dropped_once() {
        let body: Arc<str> = "body".into();
        let entry = Entry::of_body(false, b"key", Arc::clone(&body), 0);
        let other = entry.clone();
        drop(entry);
        assert_eq!(Arc::strong_count(&body), 2);
        drop(other);
        assert_eq!(Arc::strong_count(&body), 1);
    }

    #[test]
    fn more_clones_than_can_be_counted_are_copies() {
        let entry = Entry::of_bytes(false, b"key", b"value", 9);
        entry.header().count.store(u8::MAX - 20, Ordering::Relaxed);
        let clones: Vec<Entry> = (0..40).map(|_| entry.clone()).collect();
        assert_eq!(clones.iter().filter(|clone| clone.0 != entry.0).count(), 20);
        assert!(clones.iter().all(|clone| bytes(clone) == b"value" && clone.note() == 9));
        drop(clones);
        entry.header().count.store(1, Ordering::Relaxed);
    }

    #[test]
    fn threads_share_it() {
        let entry = Entry::of_bytes(false, b"key", b"value", 9);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let entry = entry.clone();
                scope.spawn(move || (0..50).for_each(|_| assert_eq!(entry.clone().key(), b"key")));
            }
        });
        assert_eq!(entry.header().count.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn it_takes_a_header_of_8_bytes_and_a_word() {
        assert_eq!((HEADER, size_of::<Option<Entry>>()), (8, 8));
        assert_eq!(Entry::of_bytes(false, &[0; 16], &[0; 128], 0).places().layout.size(), 152);
    }
}
