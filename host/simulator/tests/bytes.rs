//! The memory of a replay for each resident object, under every policy, counted by the allocator.
//!
//! The sizes are those asked for; rounding is the allocator's own. What a growing vector has in reserve is included.
#![expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a measurement: its numbers are far below 2^53"
)]

use host_policy::builtin;
use host_simulator::{Replay, Weigh};
use host_workload::key::hash_number;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The system's allocator, counting.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is passed on as it came; the count beside it changes nothing of the memory.
#[expect(
    unsafe_code,
    reason = "an allocator is an unsafe trait, and no other one counts for this process alone"
)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above; `at` came from the system's allocator, by `alloc` or `realloc`.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        HELD.fetch_add(size, Ordering::Relaxed);
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

/// Requests by the numbers of their keys: half of them ask again, half ask for something new.
fn requests(distinct: u32, lately: u32) -> Vec<u32> {
    let again =
        |number: u32| number - (hash_number(u64::from(number)) % u64::from(lately.min(number) + 1)) as u32;
    (0..distinct).flat_map(|number| [number, again(number)]).collect()
}

#[test]
fn a_replay_is_small() {
    const CAPACITY: u32 = 50_000;
    const DISTINCT: u32 = 8 * CAPACITY;
    let ids: Vec<u64> = (0..u64::from(DISTINCT)).map(hash_number).collect();
    let requests = requests(DISTINCT, 2 * CAPACITY);
    println!("bytes of a replay for each resident object, besides 12 for each distinct key");
    for kind in &builtin::ALL {
        let before = HELD.load(Ordering::Relaxed);
        let mut replay = Replay::numbered(kind, CAPACITY.into(), Weigh::Objects);
        replay.learn(&ids);
        let mut worst = 0;
        for requests in requests.chunks(requests.len() / 16) {
            replay.feed(requests, &[]);
            worst = worst.max(HELD.load(Ordering::Relaxed) - before);
        }
        let each = (worst as f64 - 12.0 * f64::from(DISTINCT)) / f64::from(CAPACITY);
        println!("{:<10} {each:>6.1}", kind.name());
        assert!(each < 40.0, "{kind}: {each:.1} bytes");
    }
}
