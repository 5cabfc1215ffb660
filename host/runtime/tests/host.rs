//! A running host, as a program that embeds it uses it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use host_cache::{Change, Life, Outcome};
use host_contract::{Grant, Snapshot};
use host_control::ledger::Record;
use host_control::supervisor::State;
use host_control::{Fault, Identity, ProposalContext, Registration, Response, Strategy, Usage};
use host_profile::{Loader, Settings};
use host_runtime::{
    Command, Fields, Found, Host, HostError, InPlace, Key, Load, Options, Origin, OriginError, Value,
};
use host_telemetry::Machine;

const GRACE: Duration = Duration::from_secs(30);

#[expect(clippy::unwrap_used, reason = "a test fails where this does")]
fn settings(sets: &[&str]) -> Settings {
    // Ticks only when they are asked for.
    let still = ["control.tick=1h", "control.tick-requests=0"];
    let machine = Machine::read(Path::new("."));
    let sets = still.iter().chain(sets).copied();
    Loader::new().profile("small").user_file(None).set(sets).load(&machine).unwrap()
}

#[expect(clippy::unwrap_used, reason = "a test fails where this does")]
fn tick(host: &Host) {
    host.command_blocking(Command::Tick { reason: "the test says so".to_owned() }).unwrap();
}

/// Answers with the key itself, after a while, and counts.
#[derive(Default)]
struct Echo(AtomicU64);

impl Origin for Echo {
    fn load(&self, key: &Key) -> Load<'_> {
        let key = key.clone();
        Box::pin(async move {
            self.0.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(5)).await;
            match &key {
                Key::Bytes(bytes) if bytes.starts_with(b"no ") => Err(OriginError::NoSuchKey(key)),
                key => Ok(Value::from(key.to_string())),
            }
        })
    }

    fn has(&self, _: u64) -> bool {
        true
    }
}

/// Looks and proposes nothing.
struct Idle(Identity);

impl Strategy for Idle {
    fn identity(&self) -> &Identity {
        &self.0
    }

    fn tick(&mut self, _: Arc<Snapshot>, context: ProposalContext) -> Response {
        Response { context, usage: Usage::default(), log: Vec::new(), fault: None }
    }

    fn restart(&mut self) -> Result<Usage, Fault> {
        Ok(Usage::default())
    }
}

/// A caller that looks up first and stores what it missed.
#[test]
fn shadows_see_the_misses_of_a_caller_that_puts() {
    let sets = ["cache.min-capacity=1MB", "cache.capacity=1MB", "cache.policy=lru"];
    // Only a strategy has shadows run.
    let identity = Identity {
        name: "idle".to_owned(),
        version: "0.1.0".to_owned(),
        digest: String::new(),
        dials: Vec::new(),
    };
    let idle = Registration::new(Box::new(Idle(identity)), 50, [Grant::Metrics].into());
    let host = Host::start(Options::new(settings(&sets)).strategies(vec![idle])).unwrap();
    // Ten times as much as fits, three times over: LRU misses every request.
    for step in 1..=3_000_u64 {
        let key = step % 1_000;
        if host.get(key).is_none() {
            host.put(key, vec![0_u8; 10_000], None);
        }
        // A tick takes what waits for the shadows, before the queue is full.
        if step % 100 == 0 {
            tick(&host);
        }
    }
    let snapshot = host.snapshot();
    let lru = snapshot.shadows.iter().find(|shadow| shadow.policy == "lru" && shadow.capacity_factor == 1.0);
    let lru = lru.unwrap();
    assert!(lru.requests > 2_000 && lru.misses * 10 > lru.requests * 9, "{lru:?}");
    let missed = snapshot.gauge("missed-bytes").unwrap();
    assert!(missed > 900_000.0, "a hundred values of 10 kB were put since the last tick: {missed} bytes");
}

#[test]
fn a_keyspace_serves_short_bytes_long_ones_and_fields() {
    let host = Host::start(Options::new(settings(&[]))).unwrap();
    let keys = host.keyspace();
    let long = vec![7; 100_000];
    let (short, fields) = (&b"Ada"[..], Arc::<InPlace<Fields>>::default());
    assert_eq!(keys.insert(b"short", short, Life::Endless), Outcome::Inserted);
    assert_eq!(keys.insert(b"long", &long[..], Life::Endless), Outcome::Inserted);
    let hash = Value::in_place(Arc::clone(&fields));
    let (was_there, outcome) =
        keys.update(b"hash", |found| (Change::Store(hash.into(), Life::Default), found.is_some()));
    assert_eq!((was_there, outcome), (false, Some(Outcome::Inserted)));
    // A number is no key of bytes, also not of its own bytes.
    host.put(7, "seven", None);

    for (key, bytes) in [(&b"short"[..], short), (b"long", &long)] {
        assert_eq!(keys.get_with(key, |value| value.bytes() == Some(bytes)), Some(true));
        let weight = keys.peek_with(key, |found| (found.value.weight(), found.until));
        assert_eq!(weight, Some((u64::try_from(bytes.len()).unwrap(), None)));
        assert_eq!(host.get(key).unwrap().bytes(), bytes);
    }
    let is_same = |value: Found<'_>| value.parts().is_some_and(|found| Arc::ptr_eq(found, &fields));
    assert_eq!(keys.get_with(b"hash", is_same), Some(true));
    assert_eq!((keys.idle(b"hash"), keys.idle(b"none")), (Some(Duration::ZERO), None));
    assert!(!keys.contains(&7_u64.to_ne_bytes()));

    let end = keys.now() + Duration::from_secs(60);
    let (old, _) = keys.update(b"short", |found| {
        (Change::Live(Life::Until(end)), found.and_then(|found| found.value.to_bytes()))
    });
    assert_eq!(old.as_deref(), Some(short));
    let (_, outcome) = keys.update(b"short", |_| (Change::Store((&b"Grace"[..]).into(), Life::Same), ()));
    assert_eq!(outcome, Some(Outcome::Replaced));
    let found = keys.peek_with(b"short", |found| (found.value.to_value().bytes().clone(), found.until));
    assert_eq!(found, Some(("Grace".into(), Some(end))));

    let (mut names, mut cursor) = (Vec::new(), 0);
    loop {
        cursor = keys.scan(cursor, 10, |key, _| names.push(key.to_vec()));
        if cursor == 0 {
            break;
        }
    }
    names.sort();
    assert_eq!(names, [&b"hash"[..], b"long", b"short"]);
    assert!(keys.remove(b"long") && !keys.remove(b"long"));
    assert_eq!((keys.len(), host.get(7).map(|value| value.bytes().clone())), (3, Some("seven".into())));
    host.shut_down_blocking(GRACE).unwrap();
}

#[test]
fn values_are_put_found_replaced_and_removed() {
    let host = Host::start(Options::new(settings(&[]))).unwrap();
    assert!(host.get("user:1").is_none());
    host.put("user:1", "Ada", None);
    host.put(7, "seven", None);
    assert_eq!(host.get("user:1").unwrap().bytes(), "Ada");
    host.put("user:1", "Grace", None);
    assert_eq!(host.get("user:1").unwrap().bytes(), "Grace");
    assert_eq!(host.remove(7).unwrap().bytes(), "seven");
    assert!(host.get(7).is_none());
    // A lifetime of nothing is over at once.
    host.put("token", "secret", Some(Duration::ZERO));
    assert!(host.get("token").is_none());
    let stats = host.stats();
    assert_eq!((stats.requests, stats.hits, stats.misses), (5, 2, 3));
    let finished = host.shut_down_blocking(GRACE).unwrap();
    assert_eq!((finished.last.cache.hits, finished.last.cache.misses), (2, 3));
    assert!(finished.notes.is_empty(), "{:?}", finished.notes);
}

#[test]
fn keys_count_against_the_capacity_and_the_memory_cap() {
    let key = |number: u32| format!("{number:04000}");
    let host = Host::start(Options::new(settings(&["memory.cap=1MB", "cache.min-capacity=100kB"]))).unwrap();
    for number in 0..1_000 {
        host.put(key(number).as_str(), "x", None);
    }
    let stats = host.stats();
    // The process holds more than the cap by itself: before the first request the cache shrinks to its least.
    assert_eq!((stats.capacity, stats.entries, stats.used), (100_000, 24, 24 * 4_001));
    let longest = "x".repeat(1_000_000);
    assert_eq!(host.put(longest.as_str(), "x", None), Outcome::Refused);
    host.get(key(999).as_str());
    tick(&host);
    assert_eq!(host.snapshot().accesses.sizes, [4_001]);
    // A number takes no more than its place in the table.
    for number in 0..1_000 {
        host.remove(key(number).as_str());
    }
    host.put(7, "seven", None);
    assert_eq!(host.stats().used, 5);
}

#[test]
fn a_key_is_loaded_once_for_all_who_ask_and_an_error_reaches_them() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let echo = Arc::new(Echo::default());
    let host = Arc::new(Host::start(Options::new(settings(&[])).origin(echo.clone())).unwrap());
    runtime.block_on(async {
        let asked = (0..20).map(|_| {
            let host = Arc::clone(&host);
            tokio::spawn(async move { host.get_or_load("page").await.unwrap() })
        });
        for asked in asked.collect::<Vec<_>>() {
            assert_eq!(asked.await.unwrap().bytes(), "page");
        }
        assert_eq!(echo.0.load(Ordering::Relaxed), 1);
        let error = host.get_or_load("no such page").await.unwrap_err();
        assert_eq!(error.to_string(), "nothing is stored under key no such page");
        assert_eq!(host.get_or_load(5).await.unwrap().bytes(), "5");
    });
    assert_eq!(host.stats().requests, 22);
}

#[test]
fn who_asks_first_hears_of_what_was_decided_before_the_first_request() {
    let host = Host::start(Options::new(settings(&[])).tell_from_the_start()).unwrap();
    let mut ledger = host.subscribe_from_start();
    tick(&host);
    let records: Vec<_> = std::iter::from_fn(|| ledger.try_recv().ok()).collect();
    assert!(matches!(&*records[0], Record::Run(_)), "{records:?}");
    let ticks = |records: &[Arc<Record>]| {
        let number =
            |record: &Arc<Record>| if let Record::Tick(seen) = &**record { Some(seen.tick) } else { None };
        records.iter().filter_map(number).collect::<Vec<_>>()
    };
    assert_eq!(ticks(&records), [1, 2]);
    // It is handed out once.
    let mut later = host.subscribe_from_start();
    tick(&host);
    let records: Vec<_> = std::iter::from_fn(|| later.try_recv().ok()).collect();
    assert_eq!(ticks(&records), [3]);
}

#[test]
fn where_strategies_stand_is_told_while_the_host_runs() {
    let identity = Identity {
        name: "idle".to_owned(),
        version: "0.1.0".to_owned(),
        digest: String::new(),
        dials: Vec::new(),
    };
    let idle = Registration::new(Box::new(Idle(identity)), 50, [Grant::Metrics].into());
    let lost = host_control::Status::not_started("lost", "", "lost.wasm: the file is empty");
    let options = Options::new(settings(&[])).strategies(vec![idle]).not_started(vec![lost]);
    let host = Host::start(options).unwrap();
    let seen = || {
        let of = |tuner: &host_runtime::Tuner| {
            (tuner.status.strategy.clone(), tuner.status.state, tuner.cost.ticks)
        };
        host.tuning().strategies.iter().map(of).collect::<Vec<_>>()
    };
    let lost = ("lost".to_owned(), State::Quarantined, 0);
    assert_eq!(seen(), [lost.clone(), ("idle".to_owned(), State::Active, 1)]);
    tick(&host);
    assert_eq!(seen(), [lost.clone(), ("idle".to_owned(), State::Active, 2)]);
    let retire = Command::Retire { strategy: "idle".to_owned(), reason: "a test".to_owned() };
    host.command_blocking(retire).unwrap();
    assert_eq!(seen(), [lost, ("idle".to_owned(), State::Retired, 2)]);
}

#[test]
fn a_tick_that_is_asked_for_is_held_and_is_on_the_ledger_with_its_reason() {
    let host = Host::start(Options::new(settings(&[]))).unwrap();
    let mut ledger = host.subscribe();
    assert_eq!(host.snapshot().tick, 1, "held before the first request");
    host.put(1, "one", None);
    host.get(1);
    host.get(2);
    tick(&host);
    let snapshot = host.snapshot();
    assert_eq!((snapshot.tick, snapshot.cache.window_hits, snapshot.cache.window_misses), (2, 1, 1));
    assert_eq!((snapshot.accesses.keys.clone(), snapshot.accesses.hits.clone()), (vec![1, 2], vec![1, 0]));
    let records: Vec<_> = std::iter::from_fn(|| ledger.try_recv().ok()).collect();
    assert!(
        matches!(&*records[0], Record::Command(c) if c.command == "tick" && c.detail == "the test says so")
    );
    assert!(matches!(&*records[1], Record::Tick(told) if Arc::ptr_eq(told, &snapshot)), "shared, not cloned");
}

#[test]
fn new_settings_reach_a_running_host_and_move_a_value_into_its_new_range() {
    let host = Host::start(Options::new(settings(&["cache.capacity=60MB"]))).unwrap();
    tick(&host);
    assert_eq!(host.stats().capacity, 60_000_000);
    let smaller = settings(&["cache.capacity=51MB", "cache.min-capacity=50MB", "cache.max-capacity=52MB"]);
    host.command_blocking(Command::Reload(Box::new(smaller))).unwrap();
    assert_eq!(host.stats().capacity, 52_000_000);
}

#[test]
fn a_strategy_that_takes_no_part_cannot_be_retired() {
    let host = Host::start(Options::new(settings(&[]))).unwrap();
    let retire = Command::Retire { strategy: "nobody".to_owned(), reason: "a test".to_owned() };
    let error = host.command_blocking(retire).unwrap_err();
    assert!(matches!(error, HostError::NoSuchStrategy(_)), "{error}");
}

#[test]
fn a_strategy_that_is_retired_is_not_consulted_again() {
    let settings = settings(&[]);
    struct Silent;
    impl host_runtime::Progress for Silent {
        fn begin(&self, _: &str, _: Option<u64>) {}
        fn at(&self, _: u64) {}
        fn end(&self, _: &str) {}
        fn say(&self, _: &str) {}
    }
    let loaded = host_runtime::strategies::load(
        &settings,
        host_plugin::Time::Machine,
        1,
        &host_plugin::StateStore::in_memory(),
        &Silent,
    )
    .unwrap();
    let host = Host::start(Options::new(settings).strategies(loaded.registrations)).unwrap();
    tick(&host);
    let reason = "the operator prefers lru".to_owned();
    host.command_blocking(Command::Retire { strategy: "cache-policy".to_owned(), reason }).unwrap();
    tick(&host);
    let finished = host.shut_down_blocking(GRACE).unwrap();
    let ticks = |name: &str| finished.cost.strategies.get(name).map(|cost| cost.ticks);
    assert_eq!((ticks("cache-policy"), ticks("worker-sizing")), (Some(2), Some(3)));
    let retired: Vec<_> = finished.strategies.iter().filter(|of| of.state == State::Retired).collect();
    assert_eq!(retired.len(), 1, "{:?}", finished.strategies);
    assert_eq!(retired[0].events[0].to_string(), "tick 2: retired: the operator prefers lru");
}

#[test]
fn the_hottest_keys_of_one_host_are_warmed_by_the_next_while_it_is_idle() {
    let start = |options: Options| Host::start(options.origin(Arc::new(Echo::default()))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ask = |host: &Host, key: u64| drop(runtime.block_on(host.get_or_load(key)).unwrap());
    let host = start(Options::new(settings(&[])).count_hot());
    for key in [7_u64, 8, 8, 9, 8, 9] {
        ask(&host, key);
    }
    assert_eq!(host.warming(), None);
    let finished = host.shut_down_blocking(GRACE).unwrap();
    assert_eq!(finished.hot, [(8, 3), (9, 2), (7, 1)]);

    let host = start(Options::new(settings(&["prefetch.mode=full"])));
    host.warm(finished.hot.iter().map(|(key, _)| *key).collect());
    while host.warming().is_some_and(|warming| warming.waiting < 3) {
        std::thread::sleep(Duration::from_millis(1));
    }
    ask(&host, 8);
    let (stats, warming) = (host.stats(), host.warming().unwrap());
    assert_eq!((stats.hits, stats.misses), (1, 0));
    assert_eq!((warming.loaded, warming.asked, warming.waiting, warming.wasted), (3, 1, 2, 0));
    assert!(warming.saved_seconds > 0.0, "{warming:?}");
    assert!(host.shut_down_blocking(GRACE).unwrap().hot.is_empty(), "not counted unless asked for");
}

#[test]
fn a_reload_switches_prefetching_by_its_mode() {
    let host = Host::start(Options::new(settings(&[]))).unwrap();
    let most = || {
        tick(&host);
        host.snapshot().prefetch.max_in_flight
    };
    let usual = most();
    assert!(usual > 0);
    for (mode, expected) in [("on-demand", 0), ("progressive", usual), ("on-demand", 0), ("full", usual)] {
        let mode = format!("prefetch.mode={mode}");
        host.command_blocking(Command::Reload(Box::new(settings(&[&mode])))).unwrap();
        assert_eq!(most(), expected, "{mode}");
    }
}
