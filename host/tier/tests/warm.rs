//! The warm tier: its limit, its compression, ends of life, and the change of its size while requests go on.
#![expect(clippy::unwrap_used, reason = "a test: a panic is its failure")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use host_tier::{Clock, Coding, Item, Tier, Warm, WarmConfig};
use parking_lot::Mutex;

const MIB: u64 = 1 << 20;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn warm(capacity: u64, coding: Coding) -> Warm {
    Warm::new(WarmConfig { capacity, coding }, Clock::system())
}

/// Bytes that do not shrink.
fn noise(number: u64, length: usize) -> Vec<u8> {
    let words = (number..).map(|word| word.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29) ^ (word << 7));
    words.flat_map(u64::to_le_bytes).take(length).collect()
}

fn get(warm: &Warm, key: &str) -> Option<Item> {
    block_on(warm.get(key.as_bytes())).unwrap()
}

fn put(warm: &Warm, key: &str, value: Vec<u8>) {
    block_on(warm.put(Item::new(key.to_owned(), value))).unwrap();
}

#[test]
fn an_item_comes_back_as_it_was_put_until_it_is_removed_taken_or_over() {
    let time = Arc::new(AtomicU64::new(1_000));
    let clock = {
        let time = Arc::clone(&time);
        Clock::new(move || Duration::from_secs(time.load(Relaxed)))
    };
    for coding in [Coding::None, Coding::Lz4, Coding::Zstd] {
        let warm = Warm::new(WarmConfig { capacity: MIB, coding }, clock.clone());
        let until = clock.now() + Duration::from_secs(10);
        let item = Item { kind: 4, ..Item::new("key", b"again and ".repeat(90)) }.until(until);
        block_on(warm.put(item.clone())).unwrap();
        assert_eq!(get(&warm, "key").as_ref(), Some(&item));
        assert_eq!(block_on(warm.take(b"key")).unwrap(), Some(item.clone()));
        assert_eq!(get(&warm, "key"), None);
        block_on(warm.put(item.clone())).unwrap();
        block_on(warm.remove(b"key")).unwrap();
        assert_eq!(get(&warm, "key"), None);
        block_on(warm.put(item.clone())).unwrap();
        time.fetch_add(10, Relaxed);
        assert_eq!(get(&warm, "key"), None, "its life is over by the time that was handed in");
        block_on(warm.put(item)).unwrap();
        put(&warm, "other", vec![1]);
        block_on(warm.clear()).unwrap();
        assert_eq!(get(&warm, "other"), None);
        let stats = warm.stats();
        assert_eq!((stats.hits, stats.misses, stats.puts, stats.refused, stats.removes), (2, 4, 4, 1, 1));
        assert_eq!((stats.entries, stats.bytes, stats.get_latency.count()), (0, 0, 6));
    }
}

#[test]
fn what_shrinks_takes_less_of_the_limit() {
    let mut bytes = Vec::new();
    for coding in [Coding::None, Coding::Lz4, Coding::Zstd] {
        let warm = warm(16 * MIB, coding);
        for number in 0..100 {
            put(&warm, &format!("key {number}"), b"again and ".repeat(1_000));
        }
        bytes.push(warm.stats().bytes);
    }
    assert!(bytes[0] > 1_000_000 && bytes[1] < bytes[0] / 5 && bytes[2] < bytes[1], "{bytes:?}");
}

#[test]
fn the_limit_holds_for_values_of_every_size_and_what_goes_is_handed_over_whole() {
    let warm = warm(4 * MIB, Coding::Lz4);
    let evicted = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&evicted);
    warm.hand_evicted_to(Arc::new(move |item| list.lock().push(item)));
    let mut number = 0;
    for length in [1_usize, 100, 10_000, 300_000, 2 << 20, 8 << 20] {
        for _ in 0..(200_000 / length).clamp(12, 3_000) {
            number += 1;
            put(&warm, &format!("key {number}"), noise(number, length));
        }
        let stats = warm.stats();
        assert!(stats.bytes <= 4 * MIB, "{} bytes with values of {length}", stats.bytes);
    }
    let evicted = evicted.lock();
    assert_eq!(warm.stats().evictions, u64::try_from(evicted.len()).unwrap());
    assert!(evicted.len() > 20, "{}", evicted.len());
    for item in evicted.iter() {
        let number = std::str::from_utf8(&item.key).unwrap().trim_start_matches("key ").parse().unwrap();
        assert_eq!(item.value, noise(number, item.value.len()));
    }
}

#[test]
fn a_removed_or_replaced_or_expired_item_is_not_handed_over() {
    let warm = warm(MIB, Coding::None);
    let evicted = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&evicted);
    warm.hand_evicted_to(Arc::new(move |_| {
        count.fetch_add(1, Relaxed);
    }));
    put(&warm, "key", vec![1]);
    put(&warm, "key", vec![2]);
    block_on(warm.remove(b"key")).unwrap();
    let until = Clock::system().now() + Duration::from_millis(20);
    block_on(warm.put(Item::new("brief", "value").until(until))).unwrap();
    std::thread::sleep(Duration::from_millis(60));
    assert_eq!((get(&warm, "brief"), evicted.load(Relaxed)), (None, 0));
}

#[test]
fn a_new_limit_keeps_what_fits_and_evicts_the_rest() {
    let warm = warm(8 * MIB, Coding::None);
    let evicted = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&evicted);
    warm.hand_evicted_to(Arc::new(move |_| {
        count.fetch_add(1, Relaxed);
    }));
    for number in 0..1_000 {
        put(&warm, &format!("key {number}"), noise(number, 1_000));
    }
    let held = |warm: &Warm| (0..1_000_u64).filter(|n| get(warm, &format!("key {n}")).is_some()).count();
    assert_eq!(held(&warm), 1_000);
    warm.set_capacity(16 * MIB);
    assert_eq!((held(&warm), evicted.load(Relaxed), warm.stats().capacity), (1_000, 0, 16 * MIB));
    warm.set_capacity(MIB);
    let left = held(&warm);
    assert!(left > 500 && left < 800, "{left}");
    assert!(warm.stats().bytes <= MIB);
    assert_eq!(evicted.load(Relaxed), 1_000 - u64::try_from(left).unwrap());
}

#[test]
fn a_change_of_size_under_load_brings_nothing_old_back() {
    let warm = Arc::new(warm(4 * MIB, Coding::None));
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (warm, stop) = (Arc::clone(&warm), Arc::clone(&stop));
        std::thread::spawn(move || {
            let mut rounds = 0_u64;
            while !stop.load(Relaxed) || rounds < 3 {
                rounds += 1;
                for key in 0..300_u64 {
                    let name = format!("key {key}");
                    if (key + rounds).is_multiple_of(3) {
                        block_on(warm.remove(name.as_bytes())).unwrap();
                        assert_eq!(get(&warm, &name), None);
                    } else {
                        put(&warm, &name, rounds.to_le_bytes().repeat(20));
                        let found = get(&warm, &name).map(|item| item.value);
                        let right = rounds.to_le_bytes().repeat(20);
                        assert!(found.is_none_or(|found| found == right), "round {rounds}, key {key}");
                    }
                }
            }
        })
    };
    for round in 0..60 {
        warm.set_capacity(if round % 2 == 0 { 64 * 1024 } else { 4 * MIB });
    }
    stop.store(true, Relaxed);
    writer.join().unwrap();
}
