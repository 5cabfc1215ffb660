//! The lock of a shard: readers by lanes, writers through all of them.
//!
//! A reader-writer lock whose readers count themselves in one word makes every lookup write to a line that
//! all cores share, twice. Here a thread reads under the lock of its own *lane*, a line that as a rule no
//! other core touches: one atomic step to enter, a plain store to leave. A writer takes the lock of the order
//! and then every lane. (The idea is Linux's "big-reader" lock; the lanes also hold what readers write.)
//!
//! | held | access |
//! |---|---|
//! | one lane | that lane's own data, and the shared data to read |
//! | `order` | the order, and the shared data to read: whoever writes holds it too |
//! | `order`, then all lanes | everything, to write |
//!
//! A reader that holds its lane only ever *tries* `order`, so nobody waits in a circle. Lanes are held for well
//! under a microsecond, so waiting for one means spinning, then offering the core to others, then sleeping for
//! longer and longer: leaving can be a plain store because nobody has to be woken. `order` is held for as long
//! as a change of policy takes, and is a lock that parks.
//!
//! This is the one place of the cache with unsafe code. No safe lock gives two kinds of readers access to the same
//! data, and those there are cost the lookup a second atomic step.
#![expect(unsafe_code, reason = "a lock gives access to what it guards; see the module's last paragraph")]

use crate::sync::{
    AtomicBool, Mutex, MutexGuard, Ordering, UnsafeCell, sleep, spin_loop, thread_number, yield_now,
};
use std::time::Duration;

/// Turns of spinning before a waiting thread offers its core, and offers before it sleeps. A lane is free again
/// after some hundred turns, unless its holder lost its core.
const SPINS: u32 = 128;
const OFFERS: u32 = 32;
const LONGEST_SLEEP: Duration = Duration::from_micros(500);

// Two cache lines, because processors fetch lines in pairs: neighbouring lanes do not share one.
#[repr(align(128))]
struct Lane<L> {
    held: AtomicBool,
    data: UnsafeCell<L>,
}

impl<L> Lane<L> {
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
            } else if turn < SPINS + OFFERS {
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
/// lane of readers.
pub(super) struct Lanes<L, O, T> {
    lanes: Box<[Lane<L>]>,
    data: UnsafeCell<T>,
    order: Aside<Mutex<O>>,
}

/// Keeps what writers write off the lines that readers read.
#[repr(align(128))]
struct Aside<T>(T);

// SAFETY: `T` is shared between threads that hold lanes or the order, and is changed by whoever holds all of
// them, possibly another thread than the one that made it; `L` and `O` are only ever used by the one thread
// that holds their lock.
unsafe impl<L: Send, O: Send, T: Send + Sync> Sync for Lanes<L, O, T> {}

impl<L, O, T> Lanes<L, O, T> {
    /// With so many lanes, rounded up to a power of two.
    pub(super) fn new(lanes: usize, lane: impl Fn() -> L, order: O, data: T) -> Self {
        let lane = || Lane { held: AtomicBool::new(false), data: UnsafeCell::new(lane()) };
        Self {
            lanes: std::iter::repeat_with(lane).take(lanes.next_power_of_two()).collect(),
            data: UnsafeCell::new(data),
            order: Aside(Mutex::new(order)),
        }
    }

    /// Enters the lane of this thread. The thread must hold no lane of this lock yet.
    #[inline]
    #[expect(
        clippy::indexing_slicing,
        reason = "there is at least one lane, and their number is a power of two"
    )]
    pub(super) fn read(&self) -> Reading<'_, L, O, T> {
        let lane = &self.lanes[thread_number() & (self.lanes.len() - 1)];
        lane.acquire();
        Reading { lock: self, lane }
    }

    /// Visits the lanes' own data, holding one lane at a time and nothing else. The thread must hold no lane.
    pub(super) fn each_lane(&self, mut visit: impl FnMut(&mut L)) {
        for lane in &self.lanes {
            lane.acquire();
            let reading = Reading { lock: self, lane };
            // SAFETY: `reading` is the only holder of this lane.
            visit(unsafe { &mut *lane.data.get() });
            drop(reading);
        }
    }

    /// The order, if nobody has it. The thread must hold no lane.
    pub(super) fn try_order(&self) -> Option<Ordered<'_, L, O, T>> {
        Some(Ordered { lock: self, order: self.order.0.try_lock()? })
    }

    /// Takes the order. Lookups go on; changes wait. The thread must hold no lane.
    pub(super) fn order(&self) -> Ordered<'_, L, O, T> {
        Ordered { lock: self, order: self.order.0.lock() }
    }
}

/// One lane is held.
pub(super) struct Reading<'a, L, O, T> {
    lock: &'a Lanes<L, O, T>,
    lane: &'a Lane<L>,
}

impl<L, O, T> Reading<'_, L, O, T> {
    /// The shared data, and the lane's own.
    #[inline]
    pub(super) fn parts(&mut self) -> (&T, &mut L) {
        // SAFETY: this guard holds a lane, so that nobody has written access to the data, for which all lanes
        // are needed; and it is the only holder of this lane.
        unsafe { (&*self.lock.data.get(), &mut *self.lane.data.get()) }
    }

    /// The order, if nobody has it, and the lane's own data.
    pub(super) fn try_order(&mut self) -> Option<(MutexGuard<'_, O>, &mut L)> {
        let order = self.lock.order.0.try_lock()?;
        // SAFETY: as in `parts`.
        Some((order, unsafe { &mut *self.lane.data.get() }))
    }
}

impl<L, O, T> Drop for Reading<'_, L, O, T> {
    #[inline]
    fn drop(&mut self) {
        self.lane.release();
    }
}

/// The order is held.
pub(super) struct Ordered<'a, L, O, T> {
    lock: &'a Lanes<L, O, T>,
    order: MutexGuard<'a, O>,
}

impl<'a, L, O, T> Ordered<'a, L, O, T> {
    /// The order, and the data to read.
    pub(super) fn parts(&mut self) -> (&mut O, &T) {
        // SAFETY: written access needs the order's lock, which this guard holds.
        (&mut self.order, unsafe { &*self.lock.data.get() })
    }

    /// Visits the lanes' own data, holding one lane at a time.
    pub(super) fn each_lane(&mut self, mut visit: impl FnMut(&mut O, &mut L)) {
        let order = &mut *self.order;
        self.lock.each_lane(|lane| visit(order, lane));
    }

    /// Waits until no lookup is under way, and keeps them out.
    #[inline]
    pub(super) fn exclude(self) -> Exclusive<'a, L, O, T> {
        // No code of the caller runs in between, hence no unwinding with half of the lanes taken.
        self.lock.lanes.iter().for_each(Lane::acquire);
        Exclusive { lock: self.lock, order: self.order }
    }
}

/// Everything is held.
pub(super) struct Exclusive<'a, L, O, T> {
    lock: &'a Lanes<L, O, T>,
    order: MutexGuard<'a, O>,
}

impl<L, O, T> Exclusive<'_, L, O, T> {
    /// The order and the data.
    #[inline]
    pub(super) fn parts(&mut self) -> (&mut O, &mut T) {
        // SAFETY: this guard holds the order and every lane.
        (&mut self.order, unsafe { &mut *self.lock.data.get() })
    }

    /// Visits the lanes' own data.
    #[inline]
    pub(super) fn each_lane(&mut self, mut visit: impl FnMut(&mut O, &mut L)) {
        for lane in &self.lock.lanes {
            // SAFETY: this guard is the only holder of every lane.
            visit(&mut self.order, unsafe { &mut *lane.data.get() });
        }
    }
}

impl<L, O, T> Drop for Exclusive<'_, L, O, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.lanes.iter().for_each(Lane::release);
    }
}

#[cfg(test)]
mod tests;
