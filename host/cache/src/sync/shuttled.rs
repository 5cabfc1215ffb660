//! Shuttle's primitives, in the shape of the machine's.
//!
//! Shuttle's locks are like the standard library's; the cache uses parking_lot's, which know no poison and wait
//! on a guard that stays where it is. What could differ from run to run on a machine (thread numbers, cores) is
//! fixed here, so that a seed is all it takes to repeat an execution.

pub(crate) use shuttle::hint::spin_loop;
pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize};
pub(crate) use shuttle::thread::{sleep, yield_now};

use shuttle::sync::{self, PoisonError, TryLockError};
use std::ops::{Deref, DerefMut};

/// A mutex without poison.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(sync::Mutex<T>);

/// The right to what a [`Mutex`] guards. Empty only within [`Condvar::wait`].
pub(crate) struct MutexGuard<'a, T>(Option<sync::MutexGuard<'a, T>>);

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(MutexGuard(Some(guard))),
            Err(TryLockError::Poisoned(poisoned)) => Some(MutexGuard(Some(poisoned.into_inner()))),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

#[expect(clippy::expect_used, reason = "a guard is empty only while `Condvar::wait` has it")]
impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("the guard is waiting")
    }
}

#[expect(clippy::expect_used, reason = "a guard is empty only while `Condvar::wait` has it")]
impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("the guard is waiting")
    }
}

/// A condition variable that waits on a guard in place.
#[derive(Debug, Default)]
pub(crate) struct Condvar(sync::Condvar);

impl Condvar {
    pub(crate) const fn new() -> Self {
        Self(sync::Condvar::new())
    }

    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let held = guard.0.take();
        guard.0 = held.map(|held| self.0.wait(held).unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// A small number that is the calling thread's or task's own.
pub(crate) fn thread_number() -> usize {
    shuttle::current::me().into()
}

/// How many threads can run at once, as far as the cache is concerned.
pub(crate) fn cores() -> usize {
    2
}
