//! The primitives of the machine.

pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};
pub(crate) use std::hint::spin_loop;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize};
pub(crate) use std::thread::{sleep, yield_now};

use super::Ordering;
use std::cell::Cell;

/// Threads get numbers in the order in which they first ask.
static NEXT_THREAD: AtomicUsize = AtomicUsize::new(0);

/// The number of a thread that has none yet.
const UNNUMBERED: usize = usize::MAX;

thread_local! {
    static THREAD: Cell<usize> = const { Cell::new(UNNUMBERED) };
}

/// A small number that is the calling thread's own.
#[inline]
pub(crate) fn thread_number() -> usize {
    let number = THREAD.get();
    if number == UNNUMBERED { number_thread() } else { number }
}

#[cold]
fn number_thread() -> usize {
    let number = NEXT_THREAD.fetch_add(1, Ordering::Relaxed);
    THREAD.set(number);
    number
}

/// How many threads can run at once; 1 where the machine does not say.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
