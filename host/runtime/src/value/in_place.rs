//! Values that are changed in place, so that a change of one part does not copy the others.

use std::sync::Arc;

use parking_lot::Mutex;

use super::Content;

/// What a value with parts is made of.
pub trait Parts: Default + Clone {
    /// What the parts count for, in bytes.
    fn weight(&self) -> u64;

    /// Whether there is none.
    fn is_empty(&self) -> bool;

    /// These parts, of a value that is made of them.
    fn of(content: &Content) -> Option<&Arc<InPlace<Self>>>;

    /// A value's content.
    fn content(parts: Arc<InPlace<Self>>) -> Content;
}

/// Parts that are changed in place.
///
/// Their lock is taken by who reads, and inside of the lock of the entry by who changes: nothing else is to be locked under
/// it.
#[derive(Debug, Default)]
pub struct InPlace<T>(Mutex<T>);

impl<T> InPlace<T> {
    /// These parts.
    #[must_use]
    pub fn new(parts: T) -> Self {
        Self(Mutex::new(parts))
    }

    /// Reads or changes the parts. Whoever changes them stores the value again, so that its new weight counts.
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        work(&mut self.0.lock())
    }
}
