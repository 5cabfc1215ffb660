//! A key and its value in one allocation, behind a pointer of one word.
//!
//! A cache of small values spends most of its memory on what is not key or value. In one allocation with a header of 8 bytes, a key
//! of 16 bytes and a value of 128 take 152 bytes, and 8 for the pointer; a test holds it. So this is written by hand, with `unsafe`: no
//! crate has a shared slice whose header is smaller than three words. Miri runs its tests.
//!
//! ```text
//! count  kind  key length  value length | key ...   | value ...
//! u16    u8    u8          u32          |           |
//! ```
//!
//! A key of 255 bytes or more has its length in front of it, as a `usize`. A value that is long, or more than bytes, is a body of the
//! owner's type, which is aligned. Packed entries are shared: a clone counts. When 65,535 clones are there, the next one is a copy.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering, fence};

/// The length of a key whose length lies in front of it.
const LONG_KEY: u8 = 255;

#[repr(C, align(8))]
struct Header {
    count: AtomicU16,
    kind: Kind,
    key: u8,
    /// Of a value that lies here; 0 of a body.
    value: u32,
}

/// What lies behind the header.
#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A value of bytes.
    Bytes,
    /// A body.
    Body,
    /// The same of a marked key.
    MarkedBytes,
    MarkedBody,
}

/// A key and its value, shared by all clones; see the head of the file.
///
/// A value is a few bytes, which lie in the same allocation, or a `B`. A key is bytes, and may be marked, which tells two kinds of
/// keys apart.
///
/// ```
/// use host_cache::{Packed, PackedValue};
///
/// let entry = Packed::<String>::of_bytes(false, b"key", b"value");
/// assert_eq!((entry.key(), entry.is_marked()), (&b"key"[..], false));
/// assert!(matches!(entry.clone().value(), PackedValue::Bytes(b"value")));
/// let entry = Packed::of_body(true, b"key", "text".to_owned());
/// assert!(matches!(entry.value(), PackedValue::Body(text) if text == "text"));
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
    /// A key and a value of bytes, at most `u32::MAX` of them: longer ones are for a body.
    ///
    /// # Panics
    /// The value is longer than that.
    #[must_use]
    pub fn of_bytes(marked: bool, key: &[u8], value: &[u8]) -> Self {
        assert!(u32::try_from(value.len()).is_ok(), "a packed value of {} bytes", value.len());
        Self::make(marked, key, Ok(value))
    }

    /// A key and a body.
    #[must_use]
    pub fn of_body(marked: bool, key: &[u8], body: B) -> Self {
        Self::make(marked, key, Err(body))
    }

    fn make(marked: bool, bytes: &[u8], value: Result<&[u8], B>) -> Self {
        let (kind, length) = match (&value, marked) {
            (Ok(value), false) => (Kind::Bytes, Some(value.len())),
            (Ok(value), true) => (Kind::MarkedBytes, Some(value.len())),
            (Err(_), false) => (Kind::Body, None),
            (Err(_), true) => (Kind::MarkedBody, None),
        };
        // A key and a value that are in memory fit into it once more, or the allocation fails.
        let Some(places) = places::<B>(bytes.len(), length) else {
            handle_alloc_error(Layout::new::<Header>())
        };
        let header = Header {
            count: AtomicU16::new(1),
            kind,
            key: u8::try_from(bytes.len()).unwrap_or(LONG_KEY),
            value: u32::try_from(length.unwrap_or(0)).unwrap_or(0),
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
        // SAFETY: the allocation lives as long as an entry that points to it, and its header is only read, but for the count.
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

    fn has_body(&self) -> bool {
        matches!(self.header().kind, Kind::Body | Kind::MarkedBody)
    }

    fn places(&self) -> Places {
        let value = self.header().value;
        let value = (!self.has_body()).then(|| usize::try_from(value).unwrap_or(0));
        // They fit when the entry was made.
        places::<B>(self.key_length(), value).unwrap_or(Places {
            layout: Layout::new::<Header>(),
            key: 0,
            value: 0,
        })
    }

    /// Whether the key is marked.
    #[must_use]
    #[inline]
    pub fn is_marked(&self) -> bool {
        matches!(self.header().kind, Kind::MarkedBytes | Kind::MarkedBody)
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
            if self.has_body() {
                PackedValue::Body(&*at.cast::<B>())
            } else {
                let length = usize::try_from(self.header().value).unwrap_or(0);
                PackedValue::Bytes(std::slice::from_raw_parts(at, length))
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
                PackedValue::Bytes(bytes) => Self::make(self.is_marked(), self.key(), Ok(bytes)),
                PackedValue::Body(body) => Self::make(self.is_marked(), self.key(), Err(body.clone())),
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
        let has_body = self.has_body();
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

// SAFETY: what it owns can be sent and shared, its count is atomic, and the rest is not written after it was made.
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
        let long = vec![7; 5_000];
        for key in [&b""[..], b"k", b"key:000000000001", &long[..254], &long[..255], &long[..256]] {
            for value in [&b""[..], b"v", &long[..128], &long] {
                for marked in [false, true] {
                    let entry = Entry::of_bytes(marked, key, value);
                    assert_eq!((entry.key(), entry.is_marked()), (key, marked));
                    assert_eq!(bytes(&entry), value);
                    let body = Entry::of_body(marked, key, "body".into());
                    assert_eq!((body.key(), body.is_marked()), (key, marked));
                    assert!(matches!(body.value(), PackedValue::Body(body) if &**body == "body"));
                }
            }
        }
    }

    #[test]
    fn a_body_is_dropped_once() {
        let body: Arc<str> = "body".into();
        let entry = Entry::of_body(false, b"key", Arc::clone(&body));
        let other = entry.clone();
        drop(entry);
        assert_eq!(Arc::strong_count(&body), 2);
        drop(other);
        assert_eq!(Arc::strong_count(&body), 1);
    }

    #[test]
    fn more_clones_than_can_be_counted_are_copies() {
        let entry = Entry::of_bytes(false, b"key", b"value");
        entry.header().count.store(u16::MAX - 20, Ordering::Relaxed);
        let clones: Vec<Entry> = (0..40).map(|_| entry.clone()).collect();
        assert_eq!(clones.iter().filter(|clone| clone.0 != entry.0).count(), 20);
        assert!(clones.iter().all(|clone| bytes(clone) == b"value"));
        drop(clones);
        entry.header().count.store(1, Ordering::Relaxed);
    }

    #[test]
    fn threads_share_it() {
        let entry = Entry::of_bytes(false, b"key", b"value");
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
        assert_eq!(Entry::of_bytes(false, &[0; 16], &[0; 128]).places().layout.size(), 152);
    }
}
