//! Where requests are noted that have ended, on their way to the thread that writes.
//!
//! A thread that serves has a buffer of its own as a rule; one that is taken just now is not waited for. A full buffer is handed over as
//! a whole, into a queue that holds so many and no more. A request that finds no room is dropped and counted.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use host_workload::recording::{Outcome, Request};
use parking_lot::Mutex;

/// Names of the classes, by their number.
pub(crate) const CLASSES: [&str; 3] = ["request", "compute", "wait"];
/// A request for a key.
pub(crate) const REQUEST: u8 = 0;
/// Work that keeps a CPU busy.
pub(crate) const COMPUTE: u8 = 1;
/// Work that waits.
pub(crate) const WAIT: u8 = 2;

const STRIPES: usize = 8;

/// Requests of a buffer.
const BATCH: usize = 512;

/// Buffers that may wait for the thread: 65,536 requests, some 3 MB.
const QUEUE: usize = 128;

thread_local! {
    /// The buffer that this thread takes first.
    static OWN: Cell<Option<usize>> = const { Cell::new(None) };
}

/// When a request came, was served and had ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) arrived: Instant,
    pub(crate) served: Instant,
    pub(crate) ended: Instant,
}

/// Notes requests.
#[derive(Debug)]
pub(crate) struct RequestTap {
    /// When the clock of the ticks began.
    began: OnceLock<Instant>,
    stripes: [Mutex<Vec<Request>>; STRIPES],
    threads: AtomicUsize,
    full: SyncSender<Vec<Request>>,
    dropped: AtomicU64,
}

impl RequestTap {
    /// One, and where full buffers come out.
    pub(crate) fn new() -> (Self, Receiver<Vec<Request>>) {
        let (full, batches) = sync_channel(QUEUE);
        let stripes = std::array::from_fn(|_| Mutex::new(Vec::with_capacity(BATCH)));
        let (threads, dropped) = (AtomicUsize::new(0), AtomicU64::new(0));
        (Self { began: OnceLock::new(), stripes, threads, full, dropped }, batches)
    }

    /// Times count from here. Only the first call counts.
    pub(crate) fn begin(&self, at: Instant) {
        self.began.get_or_init(|| at);
    }

    /// Notes a request that has ended at these times; those of `request` are taken from them.
    pub(crate) fn ended(&self, request: Request, times: Spent) {
        let Spent { arrived, served, ended } = times;
        let began = *self.began.get_or_init(|| arrived);
        let at_us = u64::try_from(arrived.saturating_duration_since(began).as_micros()).unwrap_or(u64::MAX);
        let wait_us = micros(served.saturating_duration_since(arrived));
        let service_us = micros(ended.saturating_duration_since(served));
        self.note(Request { at_us, wait_us, service_us, ..request });
    }

    /// Notes a piece of work of this class, which was submitted at `arrived` and has just ended.
    pub(crate) fn worked(&self, class: u8, arrived: Instant) {
        let times = Spent { arrived, served: arrived, ended: Instant::now() };
        self.ended(Request { class, outcome: Outcome::Work, ..Request::default() }, times);
    }

    fn note(&self, request: Request) {
        let own = OWN.get().unwrap_or_else(|| {
            let own = self.threads.fetch_add(1, Ordering::Relaxed) % STRIPES;
            OWN.set(Some(own));
            own
        });
        let stripes = self.stripes.iter().cycle().skip(own).take(STRIPES);
        let Some(mut stripe) = stripes.into_iter().find_map(Mutex::try_lock) else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        stripe.push(request);
        if stripe.len() < BATCH {
            return;
        }
        let full = std::mem::replace(&mut *stripe, Vec::with_capacity(BATCH));
        drop(stripe);
        if self.full.try_send(full).is_err() {
            self.dropped.fetch_add(u64::try_from(BATCH).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    /// Takes what is in the buffers that are not full.
    pub(crate) fn drain(&self, into: &mut Vec<Request>) {
        for stripe in &self.stripes {
            into.append(&mut stripe.lock());
        }
    }

    /// Requests that found no room.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// Microseconds, as far as 32 bits hold them: 71 minutes.
fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_dropped_and_counted_and_nobody_waits() {
        let (tap, batches) = RequestTap::new();
        let room = BATCH * QUEUE;
        for key in 0..room + BATCH {
            let now = Instant::now();
            let request = Request { key: u64::try_from(key).unwrap(), ..Request::default() };
            tap.ended(request, Spent { arrived: now, served: now, ended: now });
        }
        assert_eq!(tap.dropped(), u64::try_from(BATCH).unwrap(), "nobody takes");
        let kept: Vec<u64> = batches.try_iter().flatten().map(|request| request.key).collect();
        assert!(kept.iter().copied().eq(0..u64::try_from(room).unwrap()));
    }

    #[test]
    fn threads_lose_nothing_while_somebody_takes() {
        let (tap, batches) = RequestTap::new();
        let mut taken = Vec::new();
        std::thread::scope(|scope| {
            for thread in 0..4_u64 {
                let tap = &tap;
                scope.spawn(move || {
                    for n in 0..10_000 {
                        let now = Instant::now();
                        let request = Request { key: thread << 32 | n, ..Request::default() };
                        tap.ended(request, Spent { arrived: now, served: now, ended: now });
                    }
                });
            }
            while taken.len() < 30_000 {
                taken.extend(batches.recv_timeout(Duration::from_secs(60)).unwrap());
            }
        });
        taken.extend(batches.try_iter().flatten());
        tap.drain(&mut taken);
        let kept = u64::try_from(taken.len()).unwrap();
        assert_eq!(kept + tap.dropped(), 40_000);
        let mut keys: Vec<u64> = taken.iter().map(|request| request.key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), taken.len(), "each once");
    }

    #[test]
    fn times_count_from_the_begin_of_the_ticks() {
        let (tap, _batches) = RequestTap::new();
        let began = Instant::now();
        tap.begin(began);
        let at = |ms| began + Duration::from_millis(ms);
        tap.ended(Request::default(), Spent { arrived: at(5), served: at(7), ended: at(10) });
        let mut noted = Vec::new();
        tap.drain(&mut noted);
        assert_eq!((noted[0].at_us, noted[0].wait_us, noted[0].service_us), (5_000, 2_000, 3_000));
    }
}
