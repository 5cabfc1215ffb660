//! Buffers that are used again, within a bound.
//!
//! Files are read into buffers of a few sizes, each twice the one before. One that is done with is kept for the next file, as
//! long as the kept ones take no more than the cap together. One that nobody has wanted for [`IDLE`] is given back to the system. A
//! buffer above [`LARGEST`] is never kept: such files are rare, and one would take the room of many.
//!
//! What it saves, in microseconds a file whose content the system has in memory, medians of 41 rounds that took turns (2 cores, Intel
//! Xeon): `cargo test -p host-runtime --lib what_reading_costs -- --ignored --nocapture`.
//!
//! | file, bytes | a buffer of its own | used again |
//! |---|---|---|
//! | 4000 | 3.0 | 1.3 |
//! | 30000 | 4.6 | 2.4 |
//! | 200000 | 9.7 | 6.8 |
//! | 1000000 | 139.9 | 126.6 |

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The smallest buffer, bytes: most source files fit.
const SMALLEST: usize = 16 * 1024;
/// The largest that is kept, bytes.
const LARGEST: usize = 4 * 1024 * 1024;
/// A buffer that is kept unused for as long goes.
const IDLE: Duration = Duration::from_secs(5);

/// Buffers, kept from one file for the next.
#[derive(Debug)]
pub(super) struct Buffers {
    /// Most that kept buffers take together, bytes.
    cap: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// By size, ascending from [`SMALLEST`]. In each the one that was used last is at the back.
    sizes: Vec<VecDeque<(Vec<u8>, Instant)>>,
    bytes: usize,
    /// Whether somebody comes back to give idle ones away.
    watched: bool,
}

/// A buffer, to be kept when it is dropped.
#[derive(Debug)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    buffers: Arc<Buffers>,
}

impl Buffers {
    /// None yet. Those that are kept take `cap` bytes at most.
    pub(super) fn new(cap: u64) -> Arc<Self> {
        let cap = usize::try_from(cap).unwrap_or(usize::MAX);
        Arc::new(Self { cap, kept: Mutex::default() })
    }

    /// An empty buffer with room for `size` bytes.
    pub(super) fn take(self: &Arc<Self>, size: usize) -> Buffer {
        let kept = class(size).and_then(|class| self.kept.lock().take(class));
        let bytes = kept.unwrap_or_else(|| Vec::with_capacity(class(size).map_or(size, size_of_class)));
        Buffer { bytes, buffers: Arc::clone(self) }
    }

    /// Bytes of the buffers that are kept.
    #[cfg(test)]
    fn kept(&self) -> usize {
        self.kept.lock().bytes
    }

    /// Keeps a buffer that is done with, if there is room.
    fn keep(self: &Arc<Self>, mut bytes: Vec<u8>, now: Instant) {
        bytes.clear();
        // One that grew, or was made for a larger file, has no class.
        let Some(class) = class(bytes.capacity()).filter(|class| size_of_class(*class) == bytes.capacity())
        else {
            return;
        };
        let mut kept = self.kept.lock();
        if kept.bytes + bytes.capacity() > self.cap {
            return;
        }
        kept.keep(class, bytes, now);
        let watch = !std::mem::replace(&mut kept.watched, true);
        drop(kept);
        if watch {
            self.watch();
        }
    }

    /// Gives idle buffers away from time to time, as long as there are any. Outside of async code nobody does: those that are kept
    /// then wait for the next file.
    fn watch(self: &Arc<Self>) {
        let Ok(handle) = tokio::runtime::Handle::try_current() else {
            self.kept.lock().watched = false;
            return;
        };
        let buffers = Arc::downgrade(self);
        handle.spawn(async move {
            loop {
                tokio::time::sleep(IDLE).await;
                if !Weak::upgrade(&buffers).is_some_and(|buffers| buffers.give_away(Instant::now())) {
                    return;
                }
            }
        });
    }

    /// Gives away what nobody has wanted for [`IDLE`]. Whether any are left.
    fn give_away(&self, now: Instant) -> bool {
        let mut kept = self.kept.lock();
        let idle = kept.take_idle(now);
        kept.watched = kept.bytes > 0;
        let left = kept.watched;
        drop(kept);
        drop(idle);
        left
    }
}

impl Kept {
    fn take(&mut self, class: usize) -> Option<Vec<u8>> {
        let (bytes, _) = self.sizes.get_mut(class)?.pop_back()?;
        self.bytes -= bytes.capacity();
        Some(bytes)
    }

    fn keep(&mut self, class: usize, bytes: Vec<u8>, now: Instant) {
        if self.sizes.len() <= class {
            self.sizes.resize_with(class + 1, VecDeque::new);
        }
        if let Some(of_size) = self.sizes.get_mut(class) {
            self.bytes += bytes.capacity();
            of_size.push_back((bytes, now));
        }
    }

    fn take_idle(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut idle = Vec::new();
        for of_size in &mut self.sizes {
            let is_idle = |since: &Instant| now.saturating_duration_since(*since) >= IDLE;
            while of_size.front().is_some_and(|(_, since)| is_idle(since))
                && let Some((bytes, _)) = of_size.pop_front()
            {
                self.bytes -= bytes.capacity();
                idle.push(bytes);
            }
        }
        idle
    }
}

/// The class of the least buffer that holds `size` bytes; none where it would not be kept.
fn class(size: usize) -> Option<usize> {
    (0..).take_while(|class| size_of_class(*class) <= LARGEST).find(|class| size_of_class(*class) >= size)
}

fn size_of_class(class: usize) -> usize {
    u32::try_from(class).ok().and_then(|class| SMALLEST.checked_shl(class)).unwrap_or(usize::MAX)
}

impl Buffer {
    /// To be read into.
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.buffers.keep(std::mem::take(&mut self.bytes), Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_by_a_file_of_its_size() {
        let buffers = Buffers::new(1 << 20);
        let mut first = buffers.take(20_000);
        first.bytes().extend_from_slice(b"text");
        let (at, capacity) = (first.as_ptr(), first.bytes.capacity());
        assert_eq!(capacity, 32 * 1024);
        drop(first);
        assert_eq!(buffers.kept(), capacity);
        assert_ne!(buffers.take(10).as_ptr(), at, "another size");
        let again = buffers.take(32 * 1024);
        assert_eq!((again.as_ptr(), again.len()), (at, 0), "the same, and empty");
        assert_eq!(buffers.kept(), 16 * 1024);
    }

    #[test]
    fn no_more_is_kept_than_the_cap_and_no_large_one() {
        let buffers = Buffers::new(100_000);
        let many: Vec<_> = (0..10).map(|_| buffers.take(1)).collect();
        drop(many);
        assert_eq!(buffers.kept(), 6 * 16 * 1024);
        let large = Buffers::new(u64::MAX);
        drop((large.take(LARGEST + 1), large.take(usize::from(u16::MAX) * 1_000)));
        assert_eq!(large.kept(), 0);
        drop(large.take(LARGEST));
        assert_eq!(large.kept(), LARGEST);
        // One that grew while it was read.
        let mut grown = large.take(1);
        grown.bytes().resize(50_000, 0);
        drop(grown);
        assert_eq!(large.kept(), LARGEST);
    }

    #[test]
    fn idle_ones_are_given_away() {
        let buffers = Buffers::new(1 << 20);
        let begun = Instant::now();
        buffers.keep(Vec::with_capacity(SMALLEST), begun);
        buffers.keep(Vec::with_capacity(2 * SMALLEST), begun + IDLE / 2);
        assert!(buffers.give_away(begun + IDLE - Duration::from_nanos(1)));
        assert_eq!(buffers.kept(), 3 * SMALLEST);
        assert!(buffers.give_away(begun + IDLE));
        assert_eq!(buffers.kept(), 2 * SMALLEST);
        assert!(!buffers.give_away(begun + 2 * IDLE), "none is left");
        assert_eq!(buffers.kept(), 0);
    }

    /// What reading a file costs with a buffer of its own and with one that is used again: medians over rounds that take turns.
    ///
    ///     cargo test -p host-runtime --lib what_reading_costs -- --ignored --nocapture
    #[test]
    #[ignore = "a measurement"]
    #[expect(clippy::print_stdout, reason = "a measurement")]
    fn what_reading_costs() {
        use std::io::Read as _;

        const ROUNDS: usize = 41;
        let folder = tempfile::tempdir().unwrap();
        println!("| file, bytes | its own buffer, us | used again, us |\n|---|---|---|");
        for size in [4_000, 30_000, 200_000, 1_000_000] {
            let path = folder.path().join(size.to_string());
            std::fs::write(&path, vec![b'x'; size]).unwrap();
            let limit = u64::try_from(size).unwrap();
            let buffers = Buffers::new(8 << 20);
            let once = |bytes: &mut Vec<u8>| {
                std::fs::File::open(&path).unwrap().take(limit + 1).read_to_end(bytes).unwrap();
                std::hint::black_box(bytes.len());
            };
            let mut times = [Vec::new(), Vec::new()];
            for _ in 0..ROUNDS {
                let begun = Instant::now();
                for _ in 0..100 {
                    once(&mut Vec::new());
                }
                times[0].push(begun.elapsed() / 100);
                let begun = Instant::now();
                for _ in 0..100 {
                    once(buffers.take(size + 1).bytes());
                }
                times[1].push(begun.elapsed() / 100);
            }
            let [own, again] = times.map(|mut times| {
                times.sort();
                times[ROUNDS / 2].as_secs_f64() * 1e6
            });
            println!("| {size} | {own:.1} | {again:.1} |");
        }
    }
}
