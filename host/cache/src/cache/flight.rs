//! Loads under way: at most one a key, awaited by threads and by tasks alike.
//!
//! The first to miss leads the flight and loads; the others wait on it. A flight lands with a value, which
//! every waiter gets, or fails: an error, a panic and a dropped future all end in [`Lead`]'s `Drop`, which
//! takes the flight out of the table *before* it wakes the waiters, so that one of them leads the next.
//!
//! A value that was inserted or removed by hand while its key was being loaded overtakes the load: the load's
//! own value is handed to those who asked for it, but not stored over the newer state. For this the shard
//! calls [`Flights::overtake`] while it holds its order lock, under which a load is stored too.

use crate::index::NIL;
use crate::sync::{Arc, AtomicBool, AtomicUsize, Condvar, Mutex, Ordering};
use hashbrown::{Equivalent, HashTable};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

pub(super) struct Flight<K, V> {
    key: K,
    hash: u64,
    overtaken: AtomicBool,
    state: Mutex<FlightState<K, V>>,
    ended: Condvar,
}

struct FlightState<K, V> {
    phase: Phase<K, V>,
    wakers: Vec<(u32, Waker)>,
    next_waiter: u32,
}

enum Phase<K, V> {
    Loading,
    Landed(K, V),
    Failed,
}

impl<K, V> Flight<K, V> {
    /// Whether the key was inserted or removed by hand since the flight began.
    pub(super) fn is_overtaken(&self) -> bool {
        self.overtaken.load(Ordering::Acquire)
    }

    fn end(&self, phase: Phase<K, V>) {
        let wakers = {
            let mut state = self.state.lock();
            state.phase = phase;
            std::mem::take(&mut state.wakers)
        };
        self.ended.notify_all();
        for (_, waker) in wakers {
            waker.wake();
        }
    }

    /// Blocks until the flight ends, and lets `read` see what it landed with; `None` when it failed.
    pub(super) fn wait<R>(&self, read: impl FnOnce(&K, &V) -> R) -> Option<R> {
        let mut state = self.state.lock();
        loop {
            match &state.phase {
                Phase::Loading => self.ended.wait(&mut state),
                Phase::Landed(key, value) => return Some(read(key, value)),
                Phase::Failed => return None,
            }
        }
    }

    /// Resolves when the flight ends: to what `read` makes of what it landed with, to `None` when it failed.
    pub(super) const fn landed<F>(self: Arc<Self>, read: F) -> Landed<K, V, F> {
        Landed { flight: self, waiter: NIL, read }
    }
}

/// See [`Flight::landed`].
pub(super) struct Landed<K, V, F> {
    flight: Arc<Flight<K, V>>,
    waiter: u32,
    read: F,
}

impl<K, V, R, F: Fn(&K, &V) -> R + Unpin> Future for Landed<K, V, F> {
    type Output = Option<R>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<R>> {
        let flight = Arc::clone(&self.flight);
        let mut state = flight.state.lock();
        match &state.phase {
            Phase::Landed(key, value) => return Poll::Ready(Some((self.read)(key, value))),
            Phase::Failed => return Poll::Ready(None),
            Phase::Loading => {}
        }
        let waiter = self.waiter;
        if let Some((_, waker)) = state.wakers.iter_mut().find(|(number, _)| *number == waiter) {
            waker.clone_from(context.waker());
        } else {
            let waiter = state.next_waiter;
            state.next_waiter += 1;
            state.wakers.push((waiter, context.waker().clone()));
            self.waiter = waiter;
        }
        Poll::Pending
    }
}

impl<K, V, F> Drop for Landed<K, V, F> {
    fn drop(&mut self) {
        let mut state = self.flight.state.lock();
        state.wakers.retain(|(number, _)| *number != self.waiter);
    }
}

/// The flights of one shard.
pub(super) struct Flights<K, V> {
    table: Mutex<HashTable<Arc<Flight<K, V>>>>,
    /// Number of flights in the table, so that a change without any takes no lock.
    under_way: AtomicUsize,
}

/// What a miss finds.
pub(super) enum Role<'a, K, V> {
    /// Nobody loads the key: the caller does.
    Lead(Lead<'a, K, V>),
    /// Somebody does.
    Wait(Arc<Flight<K, V>>),
}

impl<K, V> Flights<K, V> {
    pub(super) const fn new() -> Self {
        Self { table: Mutex::new(HashTable::new()), under_way: AtomicUsize::new(0) }
    }

    /// Looks for a load of a key, and begins one under `own` of it where there is none.
    pub(super) fn join<Q: Equivalent<K> + ?Sized>(
        &self,
        hash: u64,
        key: &Q,
        own: impl FnOnce(&Q) -> K,
    ) -> Role<'_, K, V> {
        let mut table = self.table.lock();
        if let Some(flight) = table.find(hash, |flight| key.equivalent(&flight.key)) {
            return Role::Wait(Arc::clone(flight));
        }
        let state = FlightState { phase: Phase::Loading, wakers: Vec::new(), next_waiter: 0 };
        let flight = Arc::new(Flight {
            key: own(key),
            hash,
            overtaken: AtomicBool::new(false),
            state: Mutex::new(state),
            ended: Condvar::new(),
        });
        table.insert_unique(hash, Arc::clone(&flight), |flight| flight.hash);
        self.under_way.fetch_add(1, Ordering::SeqCst);
        Role::Lead(Lead { flights: self, flight, ended: false })
    }

    /// Marks a load of the key, if one is under way: it will not be stored. Called inside the shard's order
    /// lock.
    #[inline]
    pub(super) fn overtake<Q: Equivalent<K> + ?Sized>(&self, hash: u64, key: &Q) {
        if self.under_way.load(Ordering::SeqCst) > 0 {
            self.mark(hash, key);
        }
    }

    #[cold]
    fn mark<Q: Equivalent<K> + ?Sized>(&self, hash: u64, key: &Q) {
        let table = self.table.lock();
        if let Some(flight) = table.find(hash, |flight| key.equivalent(&flight.key)) {
            flight.overtaken.store(true, Ordering::Release);
        }
    }

    /// Marks every load under way. Called inside the shard's order lock.
    pub(super) fn overtake_all(&self) {
        for flight in self.table.lock().iter() {
            flight.overtaken.store(true, Ordering::Release);
        }
    }

    /// Takes the flight out; true if somebody else still holds it. Waiters get hold of it under this same
    /// lock.
    fn leave(&self, flight: &Arc<Flight<K, V>>) -> bool {
        let mut table = self.table.lock();
        if let Ok(found) = table.find_entry(flight.hash, |other| Arc::ptr_eq(other, flight)) {
            found.remove();
            self.under_way.fetch_sub(1, Ordering::SeqCst);
        }
        Arc::strong_count(flight) > 1
    }
}

/// The duty to end a flight: by [`Lead::land`], else it fails when this is dropped.
pub(super) struct Lead<'a, K, V> {
    flights: &'a Flights<K, V>,
    flight: Arc<Flight<K, V>>,
    ended: bool,
}

impl<K, V> Lead<'_, K, V> {
    pub(super) fn flight(&self) -> &Flight<K, V> {
        &self.flight
    }

    /// Whether somebody waits for it by now.
    pub(super) fn is_awaited(&self) -> bool {
        // One is this, one is in the table.
        Arc::strong_count(&self.flight) > 2
    }

    /// Hands an entry to all who wait.
    pub(super) fn land(mut self, key: K, value: V) {
        self.ended = true;
        if self.flights.leave(&self.flight) {
            self.flight.end(Phase::Landed(key, value));
        }
    }
}

impl<K, V> Drop for Lead<'_, K, V> {
    fn drop(&mut self) {
        if !self.ended {
            self.flights.leave(&self.flight);
            self.flight.end(Phase::Failed);
        }
    }
}
