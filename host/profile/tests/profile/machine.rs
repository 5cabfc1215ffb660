//! Capacities against the machine: the cap beats the minimum, the machine's memory beats both.

use host_profile::{Bytes, Settings};

use crate::{loader, machine};

const MB: u64 = 1_000_000;

fn on(memory: u64, profile: &str, sets: &[&str]) -> Settings {
    loader().profile(profile).set(sets.iter().copied()).load(&machine(2.0, memory)).unwrap()
}

fn capacities(settings: &Settings) -> [u64; 4] {
    let cache = &settings.cache;
    [settings.memory.cap, cache.min_capacity, cache.capacity, cache.max_capacity].map(|b| b.get() / MB)
}

#[test]
fn a_small_machine_lowers_the_profiles_capacities_and_says_so() {
    let settings = on(400 * MB, "large", &[]);
    assert_eq!(capacities(&settings), [320, 50, 120, 160]);
    assert_eq!(
        settings.notes,
        [
            "memory.cap 6.2 GB -> 320 MB: the machine has 400 MB, of which 80 % at most",
            "cache.max-capacity 500 MB -> 160 MB: the machine has 400 MB, of which 40 % at most",
            "cache.capacity 500 MB -> 120 MB: the machine has 400 MB, of which 30 % at most",
        ]
    );
    assert_eq!(settings.source("cache.capacity"), Some("machine"));
    assert_eq!(settings.source("cache.min-capacity"), Some("profile large"));
}

#[test]
fn workers_are_neither_raised_nor_lowered() {
    assert_eq!(on(400 * MB, "large", &[]).executor.cpu_workers, 16);
}

#[test]
fn a_tiny_machine_beats_the_floor_too() {
    let settings = on(100 * MB, "medium", &[]);
    assert_eq!(capacities(&settings), [80, 30, 30, 40]);
    assert_eq!(
        settings.notes.last().unwrap(),
        "cache.min-capacity 50 MB -> 30 MB: cache.capacity is 30 MB (machine)"
    );
}

#[test]
fn the_cap_beats_the_floor() {
    let settings = on(64_000 * MB, "medium", &["memory.cap=20MB"]);
    assert_eq!(capacities(&settings), [20, 20, 20, 20]);
    assert_eq!(
        settings.notes,
        [
            "cache.max-capacity 500 MB -> 20 MB: memory.cap is 20 MB (flag --set)",
            "cache.capacity 260 MB -> 20 MB: memory.cap is 20 MB (flag --set)",
            "cache.min-capacity 50 MB -> 20 MB: cache.capacity is 20 MB (memory.cap)",
        ]
    );
    assert_eq!(settings.source("cache.capacity"), Some("memory.cap"));
}

#[test]
fn who_names_a_capacity_is_limited_by_the_cap_alone() {
    let settings = on(1_000 * MB, "medium", &["cache.capacity=500MB"]);
    assert_eq!(capacities(&settings), [800, 50, 500, 500]);
    assert_eq!(settings.source("cache.capacity"), Some("flag --set"));
    let settings = on(400 * MB, "medium", &["cache.capacity=500MB"]);
    assert_eq!(capacities(&settings), [320, 50, 320, 320]);
    assert_eq!(settings.source("cache.capacity"), Some("machine"));
    let settings = on(400 * MB, "medium", &["cache.max-capacity=300MB"]);
    assert_eq!(capacities(&settings), [320, 50, 120, 300]);
}

#[test]
fn unknown_memory_clamps_nothing_but_the_cap_still_holds() {
    let settings = on(0, "small", &["memory.cap=100MB"]);
    assert_eq!(capacities(&settings), [100, 50, 50, 100]);
}

#[test]
fn whatever_the_machine_the_order_holds() {
    for (name, _) in host_profile::list() {
        for memory in (0..40).map(|power| 1_u64 << power) {
            let Settings { cache, memory: caps, .. } = on(memory, name, &[]);
            assert!(cache.min_capacity <= cache.capacity, "{name} on {memory}");
            assert!(cache.capacity <= cache.max_capacity, "{name} on {memory}");
            assert!(cache.max_capacity <= caps.cap, "{name} on {memory}");
            assert!(memory == 0 || caps.cap <= Bytes(memory), "{name} on {memory}");
        }
    }
}
