//! What the cache of a host keeps: a key and its value in one allocation, and when it was used.
//!
//! Bytes up to [`INSIDE`] lie in the allocation itself. Longer ones, fields, lists, and what counts for something else than its bytes
//! are a [`Value`] there. Readers see both through [`Found`].

mod note;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use host_cache::{Equivalent, Packed, PackedValue};

use crate::key::{ByteKey, Key, LARGEST};
use crate::memory;
use crate::value::{Content, Fields, Form, InPlace, List, Parts, Value, Weighing, weight_of};
use note::Note;

/// The longest value of bytes that lies beside its key. A longer one is shared by who reads it, instead of copied.
const INSIDE: usize = 4_096;
const _: () = assert!(INSIDE <= Packed::<Value>::LONGEST, "it fits into a packed entry");

/// What the allocations of an entry take whose key and value weigh so much.
pub(crate) fn taken(key: u64, value: u64) -> u64 {
    let (header, inside) = (size_of::<u64>(), u64::try_from(INSIDE).unwrap_or(u64::MAX));
    let head = key.saturating_add(u64::try_from(header).unwrap_or(0));
    if value <= inside {
        return memory::taken(head.saturating_add(value));
    }
    let body = u64::try_from(size_of::<Value>()).unwrap_or(0);
    memory::taken(head.saturating_add(body)).saturating_add(memory::taken(value))
}

/// A key and its value, shared by all clones. It hashes and compares as its key alone.
#[derive(Debug, Clone)]
pub(crate) struct Entry(
    /// Marked where the key is a number, of eight bytes.
    Packed<Value>,
);

impl Entry {
    pub(crate) fn of<'a>(key: &Key, value: impl Into<Given<'a>>) -> Self {
        match key {
            Key::Number(number) => Self::make(true, &number.to_ne_bytes(), value.into()),
            Key::Bytes(bytes) => Self::make(false, bytes, value.into()),
        }
    }

    /// Under a key of bytes.
    pub(crate) fn of_bytes<'a>(key: &[u8], value: impl Into<Given<'a>>) -> Self {
        Self::make(false, key, value.into())
    }

    fn make(marked: bool, key: &[u8], value: Given<'_>) -> Self {
        let given = Note::of(Form::Given);
        Self(match value {
            Given::Bytes(bytes) if bytes.len() <= INSIDE => Packed::of_bytes(marked, key, bytes, given.0),
            Given::Bytes(bytes) => {
                Packed::of_body(marked, key, Value::new(Bytes::copy_from_slice(bytes)), given.0)
            }
            Given::Value(value) => match value.content() {
                Content::Bytes(bytes) if bytes.len() <= INSIDE && value.weight() == weight_of(bytes) => {
                    Packed::of_bytes(marked, key, bytes, Note::of(value.form()).0)
                }
                _ => Packed::of_body(marked, key, value, given.0),
            },
        })
    }

    /// It is used at this time, in seconds. Nothing is written where that is known: readers of other cores keep their copy of
    /// the line.
    #[inline]
    pub(crate) fn used_at(&self, seconds: u32) {
        let note = Note(self.0.note());
        let used = note.used_at(seconds);
        if used != note {
            // Two readers that write at once write nearly the same time, and nothing else changes.
            self.0.set_note(used.0);
        }
    }

    /// Seconds since it was used, at this time, up to 2^24.
    pub(crate) fn idle(&self, seconds: u32) -> u64 {
        Note(self.0.note()).idle(seconds)
    }

    /// Begins to fetch its first bytes, so many, and waits for nothing.
    #[inline]
    pub(crate) fn prefetch(&self, bytes: usize) {
        self.0.prefetch(bytes);
    }

    /// The key, if it is a number.
    #[inline]
    fn numbered(&self) -> Option<u64> {
        let bytes = self.0.is_marked().then(|| self.0.key())?;
        bytes.try_into().ok().map(u64::from_ne_bytes)
    }

    /// The key, if it is bytes.
    #[inline]
    pub(crate) fn key(&self) -> Option<&[u8]> {
        (!self.0.is_marked()).then(|| self.0.key())
    }

    /// The [number](Key::number) of the key.
    pub(crate) fn number(&self) -> u64 {
        match self.numbered() {
            Some(number) => number & LARGEST,
            None => ByteKey(self.0.key()).number(),
        }
    }

    /// The value.
    #[inline]
    pub(crate) fn value(&self) -> Found<'_> {
        match self.0.value() {
            PackedValue::Bytes(bytes) => Found::Bytes(bytes, Note(self.0.note()).form()),
            PackedValue::Body(value) => Found::Value(value),
        }
    }

    /// What it counts for against a capacity: its value, and its key if that is bytes.
    pub(crate) fn weight(&self, weighing: Weighing) -> u64 {
        let key = self.key().map_or(0, |key| u64::try_from(key.len()).unwrap_or(u64::MAX));
        weighing.of(key, self.value().weight())
    }
}

/// A key under which nothing lies yet.
impl From<&Key> for Entry {
    fn from(key: &Key) -> Self {
        Self::of(key, &b""[..])
    }
}

/// As the key, whose hash it has.
impl Hash for Entry {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.numbered() {
            Some(number) => (0_isize, number).hash(state),
            None => ByteKey(self.0.key()).hash(state),
        }
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.0.is_marked() == other.0.is_marked() && self.0.key() == other.0.key()
    }
}

impl Eq for Entry {}

impl Equivalent<Entry> for Key {
    #[inline]
    fn equivalent(&self, entry: &Entry) -> bool {
        match self {
            Self::Number(number) => entry.numbered() == Some(*number),
            Self::Bytes(bytes) => ByteKey(bytes).equivalent(entry),
        }
    }
}

impl Equivalent<Entry> for ByteKey<'_> {
    #[inline]
    fn equivalent(&self, entry: &Entry) -> bool {
        entry.key() == Some(self.0)
    }
}

/// A value as it lies in the cache.
///
/// ```
/// use host_runtime::{Form, Found, Value};
///
/// let value = Value::from("hello");
/// for found in [Found::Bytes(b"hello", Form::Given), Found::Value(&value)] {
///     assert_eq!((found.bytes(), found.weight()), (Some(&b"hello"[..]), 5));
/// }
/// ```
#[derive(Debug, Clone, Copy)]
pub enum Found<'a> {
    /// Bytes that lie beside their key, and count for as many as they are, and how they came to be.
    Bytes(&'a [u8], Form),
    /// Anything else.
    Value(&'a Value),
}

/// What a value is made of, as it lies in the cache.
#[derive(Debug, Clone, Copy)]
pub enum ContentRef<'a> {
    /// Bytes.
    Bytes(&'a [u8]),
    /// Fields with values of their own.
    Fields(&'a Arc<InPlace<Fields>>),
    /// A list.
    List(&'a Arc<InPlace<List>>),
}

impl<'a> Found<'a> {
    /// What it is made of.
    #[must_use]
    pub fn content(self) -> ContentRef<'a> {
        match self {
            Self::Bytes(bytes, _) => ContentRef::Bytes(bytes),
            Self::Value(value) => match value.content() {
                Content::Bytes(bytes) => ContentRef::Bytes(bytes),
                Content::Fields(fields) => ContentRef::Fields(fields),
                Content::List(list) => ContentRef::List(list),
            },
        }
    }

    /// The bytes where they lie; none of a value that has parts.
    #[must_use]
    #[inline]
    pub fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes, _) => Some(bytes),
            Self::Value(value) => match value.content() {
                Content::Bytes(bytes) => Some(bytes),
                Content::Fields(_) | Content::List(_) => None,
            },
        }
    }

    /// The parts, of a value that is made of such.
    #[must_use]
    pub fn parts<T: Parts>(self) -> Option<&'a Arc<InPlace<T>>> {
        match self {
            Self::Bytes(..) => None,
            Self::Value(value) => T::of(value.content()),
        }
    }

    /// How its bytes came to be.
    #[must_use]
    pub fn form(self) -> Form {
        match self {
            Self::Bytes(_, form) => form,
            Self::Value(value) => value.form(),
        }
    }

    /// The bytes, to be kept: short ones are copied, long ones shared. None of a value that has parts.
    #[must_use]
    pub fn to_bytes(self) -> Option<Bytes> {
        match self {
            Self::Bytes(bytes, _) => Some(Bytes::copy_from_slice(bytes)),
            Self::Value(value) => match value.content() {
                Content::Bytes(bytes) => Some(bytes.clone()),
                Content::Fields(_) | Content::List(_) => None,
            },
        }
    }

    /// The value, to be kept.
    #[must_use]
    pub fn to_value(self) -> Value {
        match self {
            Self::Bytes(bytes, form) => Value::made(Bytes::copy_from_slice(bytes), form),
            Self::Value(value) => value.clone(),
        }
    }

    /// What it counts for, as [`Value::weight`] says.
    #[must_use]
    #[inline]
    pub fn weight(self) -> u64 {
        match self {
            Self::Bytes(bytes, _) => weight_of(bytes),
            Self::Value(value) => value.weight(),
        }
    }
}

/// A value to be stored: bytes that are copied to where they will lie, or a [`Value`].
///
/// ```
/// use host_runtime::{Given, Value};
///
/// assert_eq!(Given::from(&b"hello"[..]).weight(), Given::from(Value::from("hello")).weight());
/// ```
#[derive(Debug, Clone)]
pub enum Given<'a> {
    /// Bytes of somebody else, which count for as many as they are.
    Bytes(&'a [u8]),
    /// A value.
    Value(Value),
}

impl Given<'_> {
    /// What it counts for, as [`Value::weight`] says.
    #[must_use]
    pub fn weight(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => weight_of(bytes),
            Self::Value(value) => value.weight(),
        }
    }
}

impl<'a> From<&'a [u8]> for Given<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Value> for Given<'_> {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

#[cfg(test)]
mod tests {
    use host_contract::Unit;

    use super::*;
    use crate::wiring::fixed_hasher;

    #[test]
    fn an_entry_is_found_by_its_key_and_by_no_other() {
        let keys = [Key::from(7), Key::from(u64::MAX), Key::from(""), Key::from("user:1")];
        let alike = Key::from(&7_u64.to_ne_bytes()[..]);
        for (at, key) in keys.iter().chain([&alike]).enumerate() {
            let entry = Entry::of(key, Value::from("Ada"));
            assert_eq!(fixed_hasher().hash_one(&entry), fixed_hasher().hash_one(key), "{key}");
            assert_eq!(entry.number(), key.number(), "{key}");
            assert_eq!(entry, Entry::from(key));
            for (other_at, other) in keys.iter().chain([&alike]).enumerate() {
                assert_eq!(other.equivalent(&entry), at == other_at, "{other} and {key}");
                assert_eq!(Entry::from(other) == entry, at == other_at, "{other} and {key}");
            }
            if let Key::Bytes(bytes) = key {
                assert!(ByteKey(bytes).equivalent(&entry));
                assert_eq!(fixed_hasher().hash_one(ByteKey(bytes)), fixed_hasher().hash_one(&entry));
            }
        }
    }

    #[test]
    fn short_bytes_lie_inside_and_everything_else_is_a_value() {
        let long = vec![7; INSIDE + 1];
        let inside = |given: Given<'_>| matches!(Entry::of(&Key::from(1), given).value(), Found::Bytes(..));
        let short = long.get(..INSIDE).unwrap();
        assert!(inside(short.into()) && inside(b""[..].into()));
        assert!(inside(Value::from("").into()) && inside(Value::new(short.to_vec()).into()));
        assert!(!inside(long[..].into()) && !inside(Value::new(long.clone()).into()));
        assert!(!inside(Value::standing_for(2).into()));
        assert!(!inside(Value::weighing("Ada", 4).into()));
        assert!(!inside(Value::in_place::<Fields>(Arc::default()).into()));
    }

    #[test]
    fn what_is_read_is_what_was_stored() {
        for length in [0, 1, INSIDE, INSIDE + 1] {
            let bytes = vec![7; length];
            for given in [Given::from(&bytes[..]), Value::new(bytes.clone()).into()] {
                let entry = Entry::of_bytes(b"key", given);
                let found = entry.value();
                assert_eq!(
                    (found.bytes(), found.to_bytes().as_deref()),
                    (Some(&bytes[..]), Some(&bytes[..]))
                );
                assert_eq!((&found.to_value().bytes()[..], found.weight()), (&bytes[..], weight_of(&bytes)));
                assert!(matches!(found.content(), ContentRef::Bytes(_)) && found.parts::<Fields>().is_none());
                assert_eq!(
                    (entry.key(), entry.clone().value().weight()),
                    (Some(&b"key"[..]), found.weight())
                );
            }
        }
        let fields = Entry::of_bytes(b"key", Value::in_place::<Fields>(Arc::default()));
        assert!(fields.value().bytes().is_none() && fields.value().to_bytes().is_none());
        assert!(matches!(fields.value().content(), ContentRef::Fields(_)));
        assert!(fields.value().parts::<Fields>().is_some() && fields.value().parts::<List>().is_none());
        let list = Entry::of_bytes(b"key", Value::in_place::<List>(Arc::default()));
        assert!(matches!(list.value().content(), ContentRef::List(_)) && list.value().bytes().is_none());
    }

    #[test]
    fn how_bytes_came_to_be_and_when_they_were_used_is_kept_for_short_and_long_ones() {
        for length in [1, INSIDE, INSIDE + 1] {
            for form in [Form::Given, Form::Summed, Form::Edited] {
                let entry = Entry::of_bytes(b"key", Value::made(vec![7; length], form));
                entry.used_at(100);
                let found = entry.value();
                assert_eq!((found.form(), found.to_value().form(), entry.idle(103)), (form, form, 3));
                let again = Entry::of_bytes(b"key", found.to_value());
                assert_eq!(again.value().form(), form);
            }
        }
    }

    #[test]
    fn an_entry_takes_one_allocation_or_two() {
        assert_eq!(taken(16, 128), 160);
        assert_eq!(taken(16, 4_096), 4_128);
        // The value apart.
        assert_eq!(taken(16, 4_097), 80 + 4_112);
        assert_eq!(taken(16, 8_000_000), 80 + 8_003_584);
    }

    #[test]
    fn an_entry_weighs_what_its_key_and_value_do() {
        for (key, value) in [
            (Key::from("user:1"), Value::from("Ada")),
            (Key::from(1), Value::from("Ada")),
            (Key::from("user:1"), Value::standing_for(u64::MAX)),
        ] {
            for weighing in [0, 24]
                .into_iter()
                .flat_map(|entry| [Unit::Bytes, Unit::Objects].map(|unit| Weighing { unit, entry }))
            {
                let entry = Entry::of(&key, value.clone());
                assert_eq!(entry.weight(weighing), value.weight_under(&key, weighing));
            }
        }
    }
}
