//! A value that is a list of others.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Content, InPlace, Parts};

/// What a list takes beside its items: the shared value with its counters and lock, and its head.
const BASE: u64 = 72;

/// What an item takes beside its bytes: an allocation and its place, of which up to half are free.
const ITEM: u64 = 32;

/// Items in an order.
#[derive(Debug, Clone, Default)]
pub struct List {
    items: VecDeque<Box<[u8]>>,
    bytes: u64,
}

/// An end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Before the first item.
    Left,
    /// Behind the last one.
    Right,
}

impl Parts for List {
    fn weight(&self) -> u64 {
        let items = u64::try_from(self.items.len()).unwrap_or(u64::MAX);
        self.bytes.saturating_add(items.saturating_mul(ITEM)).saturating_add(BASE)
    }

    fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    fn of(content: &Content) -> Option<&Arc<InPlace<Self>>> {
        match content {
            Content::List(list) => Some(list),
            _ => None,
        }
    }

    fn content(parts: Arc<InPlace<Self>>) -> Content {
        Content::List(parts)
    }
}

impl List {
    /// Number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds an item at this end.
    pub fn push(&mut self, side: Side, item: &[u8]) {
        self.bytes = self.bytes.saturating_add(u64::try_from(item.len()).unwrap_or(u64::MAX));
        match side {
            Side::Left => self.items.push_front(item.into()),
            Side::Right => self.items.push_back(item.into()),
        }
    }

    /// Takes the item at this end.
    pub fn pop(&mut self, side: Side) -> Option<Box<[u8]>> {
        let item = match side {
            Side::Left => self.items.pop_front(),
            Side::Right => self.items.pop_back(),
        }?;
        self.bytes = self.bytes.saturating_sub(u64::try_from(item.len()).unwrap_or(u64::MAX));
        if self.items.len() < self.items.capacity() / 4 {
            self.items.shrink_to(self.items.len() * 2);
        }
        Some(item)
    }

    /// The items from the `from`th on, `count` at most.
    pub fn range(&self, from: usize, count: usize) -> impl ExactSizeIterator<Item = &[u8]> {
        let from = from.min(self.items.len());
        self.items.range(from..from.saturating_add(count).min(self.items.len())).map(|item| &**item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_off_either_end_and_the_weight_follows() {
        let mut list = List::default();
        assert_eq!((list.weight(), list.pop(Side::Left)), (BASE, None));
        for (side, item) in [(Side::Right, "b"), (Side::Left, "a"), (Side::Right, "ccc")] {
            list.push(side, item.as_bytes());
        }
        assert_eq!(list.weight(), BASE + 3 * ITEM + 5);
        let items = |from, count| -> Vec<&[u8]> { list.range(from, count).collect() };
        assert_eq!(items(0, 9), [&b"a"[..], b"b", b"ccc"]);
        assert_eq!(items(1, 1), [b"b"]);
        assert!(items(3, 1).is_empty() && items(9, usize::MAX).is_empty());
        assert_eq!(list.pop(Side::Right).as_deref(), Some(&b"ccc"[..]));
        assert_eq!(list.pop(Side::Left).as_deref(), Some(&b"a"[..]));
        assert_eq!((list.len(), list.weight()), (1, BASE + ITEM + 1));
    }
}
