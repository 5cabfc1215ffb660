//! What an entry of the warm tier takes beside its key and its value, counted by the allocator.

#![expect(unsafe_code, reason = "an allocator that counts is one in unsafe words")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use host_tier::{Clock, Coding, Item, Tier, Warm, WarmConfig};

struct Counting;

static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// What malloc adds to a block, and how it rounds.
const fn block(size: usize) -> usize {
    (size + 8).next_multiple_of(16)
}

// SAFETY: all is handed to the system's allocator as it comes.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.fetch_add(block(layout.size()), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        TAKEN.fetch_sub(block(layout.size()), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn what_is_weighed_is_what_is_taken() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let until = Clock::system().now() + std::time::Duration::from_secs(1_000);
    for (entries, length, lives) in
        [(20_000_u32, 10, false), (20_000, 10, true), (20_000, 1_000, true), (110_000, 100, true)]
    {
        let warm = Warm::new(WarmConfig { capacity: 1 << 30, coding: Coding::None }, Clock::system());
        let before = TAKEN.load(Relaxed);
        for number in 0..entries {
            let item = Item {
                until: lives.then_some(until),
                ..Item::new(format!("key {number:8}"), vec![7; length])
            };
            runtime.block_on(warm.put(item)).unwrap();
        }
        let weighed = warm.stats().bytes;
        let taken = u64::try_from(TAKEN.load(Relaxed) - before).unwrap();
        println!(
            "{entries} of {length}: {taken} bytes taken, {weighed} weighed, {} an entry",
            taken / u64::from(entries)
        );
        assert!(
            taken <= weighed && taken > weighed / 2,
            "{entries} of {length}: {taken} bytes taken, {weighed} weighed"
        );
    }
}
