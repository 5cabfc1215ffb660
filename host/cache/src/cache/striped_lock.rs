//! The lock of a shard, in stripes: a reader takes one stripe, a writer takes all of them.
//!
//! A reader-writer lock that counts its readers in one word makes every lookup write twice to a cache line that
//! all cores share. Here a thread reads under the lock of its own *stripe*, a cache line that other cores rarely
//! touch: one atomic step to enter, a plain store to leave. A writer takes the lock of the order and then every
//! stripe. (Linux's "big-reader" lock works like this; here a stripe also holds what its readers write.)
//!
//! | held | access |
//! |---|---|
//! | one stripe | that stripe's own data, and the shared data to read |
//! | `order` | the order, and the shared data to read: every writer holds it too |
//! | `order`, then all stripes | everything, to write |
//!
//! A reader that holds its stripe only ever *tries* `order`, so no two threads wait for each other. A stripe is
//! held for well under a microsecond. A thread that waits for one spins, then yields its core, then sleeps for
//! longer and longer; nobody has to be woken, so leaving can be a plain store. `order` is held for as long as a
//! change of policy takes, and is a lock that parks.
//!
//! This is the one module of the cache with unsafe code. No safe lock gives two kinds of readers access to the
//! same data, and the safe ones cost a lookup a second atomic step.
#![expect(unsafe_code, reason = "a lock gives access to what it guards; see the end of the module's head")]

use crate::sync::{
    AtomicBool, Mutex, MutexGuard, Ordering, UnsafeCell, sleep, spin_loop, thread_number, yield_now,
};
use std::time::Duration;

/// Turns of spinning before a waiting thread yields its core, and yields before it sleeps. A stripe is free again
/// after some hundred turns, unless its holder lost its core.
const SPINS: u32 = 128;
const YIELDS: u32 = 32;
const LONGEST_SLEEP: Duration = Duration::from_micros(500);

// Two cache lines, because processors fetch lines in pairs: neighbouring stripes do not share one.
#[repr(align(128))]
struct Stripe<L> {
    held: AtomicBool,
    data: UnsafeCell<L>,
}

impl<L> Stripe<L> {
    #[inline]
    fn acquire(&self) {
        if self.held.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            self.acquire_contended();
        }
    }

    #[cold]
    fn acquire_contended(&self) {
        let mut turn = 0u32;
        loop {
            if !self.held.load(Ordering::Relaxed)
                && self.held.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
            {
                return;
            }
            turn = turn.saturating_add(1);
            if turn < SPINS {
                spin_loop();
            } else if turn < SPINS + YIELDS {
                yield_now();
            } else {
                sleep(Duration::from_micros(u64::from(turn - SPINS)).min(LONGEST_SLEEP));
            }
        }
    }

    #[inline]
    fn release(&self) {
        self.held.store(false, Ordering::Release);
    }
}

/// Data of type `T` that is read often, with an order `O` of it that only writers need, and an `L` for each
/// stripe.
pub(super) struct StripedLock<L, O, T> {
    stripes: Box<[Stripe<L>]>,
    data: UnsafeCell<T>,
    order: Padded<Mutex<O>>,
}

/// Keeps what writers write off the cache lines that readers read.
#[repr(align(128))]
struct Padded<T>(T);

// SAFETY: `T` is shared between threads that hold stripes or the order, and is changed by whoever holds all of
// them, possibly another thread than the one that made it; `L` and `O` are only ever used by the one thread
// that holds their lock.
unsafe impl<L: Send, O: Send, T: Send + Sync> Sync for StripedLock<L, O, T> {}

impl<L, O, T> StripedLock<L, O, T> {
    /// With so many stripes, rounded up to a power of two.
    pub(super) fn new(stripes: usize, data_of_stripe: impl Fn() -> L, order: O, data: T) -> Self {
        let stripe = || Stripe { held: AtomicBool::new(false), data: UnsafeCell::new(data_of_stripe()) };
        Self {
            stripes: std::iter::repeat_with(stripe).take(stripes.next_power_of_two()).collect(),
            data: UnsafeCell::new(data),
            order: Padded(Mutex::new(order)),
        }
    }

    /// Takes the stripe of this thread. The thread must hold no stripe of this lock yet.
    #[inline]
    #[expect(
        clippy::indexing_slicing,
        reason = "there is at least one stripe, and their number is a power of two"
    )]
    pub(super) fn read(&self) -> ReadGuard<'_, L, O, T> {
        let stripe = &self.stripes[thread_number() & (self.stripes.len() - 1)];
        stripe.acquire();
        ReadGuard { lock: self, stripe }
    }

    /// Visits the own data of each stripe, holding one stripe at a time and nothing else. The thread must hold no
    /// stripe.
    pub(super) fn each_stripe(&self, mut visit: impl FnMut(&mut L)) {
        for stripe in &self.stripes {
            stripe.acquire();
            let reading = ReadGuard { lock: self, stripe };
            // SAFETY: `reading` is the only holder of this stripe.
            visit(unsafe { &mut *stripe.data.get() });
            drop(reading);
        }
    }

    /// The order, if nobody has it. The thread must hold no stripe.
    pub(super) fn try_order(&self) -> Option<OrderGuard<'_, L, O, T>> {
        Some(OrderGuard { lock: self, order: self.order.0.try_lock()? })
    }

    /// Takes the order. Lookups go on; changes wait. The thread must hold no stripe.
    pub(super) fn order(&self) -> OrderGuard<'_, L, O, T> {
        OrderGuard { lock: self, order: self.order.0.lock() }
    }
}

/// One stripe is held.
pub(super) struct ReadGuard<'a, L, O, T> {
    lock: &'a StripedLock<L, O, T>,
    stripe: &'a Stripe<L>,
}

impl<L, O, T> ReadGuard<'_, L, O, T> {
    /// The shared data, and the stripe's own.
    #[inline]
    pub(super) fn parts(&mut self) -> (&T, &mut L) {
        // SAFETY: this guard holds a stripe, so that nobody has written access to the data, for which all stripes
        // are needed; and it is the only holder of this stripe.
        unsafe { (&*self.lock.data.get(), &mut *self.stripe.data.get()) }
    }

    /// The order, if nobody has it, and the stripe's own data.
    pub(super) fn try_order(&mut self) -> Option<(MutexGuard<'_, O>, &mut L)> {
        let order = self.lock.order.0.try_lock()?;
        // SAFETY: as in `parts`.
        Some((order, unsafe { &mut *self.stripe.data.get() }))
    }
}

impl<L, O, T> Drop for ReadGuard<'_, L, O, T> {
    #[inline]
    fn drop(&mut self) {
        self.stripe.release();
    }
}

/// The order is held.
pub(super) struct OrderGuard<'a, L, O, T> {
    lock: &'a StripedLock<L, O, T>,
    order: MutexGuard<'a, O>,
}

impl<'a, L, O, T> OrderGuard<'a, L, O, T> {
    /// The order, and the data to read.
    pub(super) fn parts(&mut self) -> (&mut O, &T) {
        // SAFETY: written access needs the order's lock, which this guard holds.
        (&mut self.order, unsafe { &*self.lock.data.get() })
    }

    /// Visits the own data of each stripe, holding one stripe at a time.
    pub(super) fn each_stripe(&mut self, mut visit: impl FnMut(&mut O, &mut L)) {
        let order = &mut *self.order;
        self.lock.each_stripe(|stripe| visit(order, stripe));
    }

    /// Waits until no lookup is under way, and keeps new ones out.
    #[inline]
    pub(super) fn exclude(self) -> WriteGuard<'a, L, O, T> {
        // No code of the caller runs in between, hence no unwinding with half of the stripes taken.
        self.lock.stripes.iter().for_each(Stripe::acquire);
        WriteGuard { lock: self.lock, order: self.order }
    }
}

/// Everything is held.
pub(super) struct WriteGuard<'a, L, O, T> {
    lock: &'a StripedLock<L, O, T>,
    order: MutexGuard<'a, O>,
}

impl<L, O, T> WriteGuard<'_, L, O, T> {
    /// The order and the data.
    #[inline]
    pub(super) fn parts(&mut self) -> (&mut O, &mut T) {
        // SAFETY: this guard holds the order and every stripe.
        (&mut self.order, unsafe { &mut *self.lock.data.get() })
    }

    /// Visits the own data of each stripe.
    #[inline]
    pub(super) fn each_stripe(&mut self, mut visit: impl FnMut(&mut O, &mut L)) {
        for stripe in &self.lock.stripes {
            // SAFETY: this guard is the only holder of every stripe.
            visit(&mut self.order, unsafe { &mut *stripe.data.get() });
        }
    }
}

impl<L, O, T> Drop for WriteGuard<'_, L, O, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.stripes.iter().for_each(Stripe::release);
    }
}

#[cfg(test)]
mod tests;
