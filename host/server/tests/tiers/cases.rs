//! What clients see of tiers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use host_contract::dial;
use host_profile::Loader;
use host_runtime::{Command, Quiet, ServeOptions, Served};
use host_server::{Config, Server};
use host_telemetry::Machine;
use parking_lot::{Mutex, MutexGuard};

use crate::running::{Connection, connect, request};

const GRACE: Duration = Duration::from_secs(60);

/// Held by the server that there is.
static ALONE: Mutex<()> = Mutex::new(());

/// A server whose memory holds some hundred of the values here.
struct Tiered {
    served: Served,
    server: Server,
    /// Let go of last.
    _alone: MutexGuard<'static, ()>,
}

impl Tiered {
    fn start(sets: &[&str]) -> Self {
        let always = ["control.enabled=false", "cache.min-capacity=100KB", "cache.capacity=400KB"];
        Self::start_with(always.iter().chain(sets).copied())
    }

    fn start_with<'a>(sets: impl IntoIterator<Item = &'a str>) -> Self {
        let alone = ALONE.lock();
        let machine = Machine::read(Path::new("."));
        let settings = Loader::new().profile("small").user_file(None).set(sets).load(&machine).unwrap();
        let policies = Arc::default();
        let options = ServeOptions { settings, policies, seed: 1, ledger: None, state_dir: None };
        let served = Served::start(&options, &Quiet).unwrap();
        let config = Config { resp: Some("127.0.0.1:0".to_owned()), threads: 2, ..Config::default() };
        let server = Server::start(Arc::clone(served.host()), options.settings, config, 1).unwrap();
        Self { served, server, _alone: alone }
    }

    fn connect(&self) -> Connection {
        connect(self.server.address().unwrap())
    }

    /// Ends it, and says what it has to say.
    fn end(self) -> Vec<String> {
        assert_eq!(self.server.shut_down(GRACE), 0);
        self.served.shut_down(GRACE).unwrap().1
    }

    fn tier_hits(&self) -> u64 {
        let stats = self.served.host().keyspace().tiers().unwrap().stats();
        stats.hits_in_queue + stats.tiers.iter().map(|(_, tier)| tier.hits).sum::<u64>()
    }
}

fn disk(folder: &tempfile::TempDir) -> Vec<String> {
    let dir = folder.path().join("disk");
    vec![
        format!("tiers.disk.dir={}", dir.display()),
        "tiers.disk.capacity=16MiB".to_owned(),
        "tiers.disk.region=256KiB".to_owned(),
    ]
}

fn strs(sets: &[String]) -> Vec<&str> {
    sets.iter().map(String::as_str).collect()
}

fn value(number: usize) -> String {
    format!("{number}-{}", "v".repeat(900))
}

fn set(client: &mut Connection, key: &str, value: &str) {
    client.send(&request(&[b"SET", key.as_bytes(), value.as_bytes()]));
    assert_eq!(client.reply(), "OK");
}

fn expect(client: &mut Connection, key: &str, value: &str) {
    assert_eq!(client.ask(&format!("GET {key}")), format!("\"{value}\""), "{key}");
}

#[test]
fn what_memory_has_no_room_for_is_found_and_changed_below() {
    let folder = tempfile::tempdir().unwrap();
    for tiers in [vec!["tiers.warm.capacity=20MB".to_owned()], disk(&folder)] {
        let running = Tiered::start(&strs(&tiers));
        let mut client = running.connect();
        for number in 0..3_000 {
            set(&mut client, &format!("key:{number}"), &value(number));
        }
        for number in 0..3_000 {
            match number % 4 {
                0 => set(&mut client, &format!("key:{number}"), &value(number + 1)),
                1 => assert_eq!(client.ask(&format!("DEL key:{number} no:{number}")), "1", "{number}"),
                2 => assert_eq!(
                    client.ask(&format!("APPEND key:{number} !")),
                    (value(number).len() + 1).to_string()
                ),
                _ => assert_eq!(client.ask(&format!("EXPIRE key:{number} 1000")), "1", "{number}"),
            }
        }
        for number in 0..3_000 {
            let key = format!("key:{number}");
            match number % 4 {
                0 => expect(&mut client, &key, &value(number + 1)),
                1 => assert_eq!(client.ask(&format!("GET {key}")), "(nil)"),
                2 => expect(&mut client, &key, &format!("{}!", value(number))),
                _ => {
                    expect(&mut client, &key, &value(number));
                    let left: i64 = client.ask(&format!("TTL {key}")).parse().unwrap();
                    assert!((900..=1_000).contains(&left), "{left}");
                }
            }
        }
        assert!(running.tier_hits() > 3_000, "{}", running.tier_hits());
        assert_eq!(client.ask("EXISTS key:0 key:1 key:2 key:3"), "3");
        assert!(client.ask("MGET key:4 key:5 key:8").starts_with("[\"5-v"), "several at once");
        assert_eq!(client.ask("FLUSHALL"), "OK");
        for number in 0..3_000 {
            assert_eq!(client.ask(&format!("GET key:{number}")), "(nil)", "{number} came back");
        }
        drop(client);
        running.end();
    }
}

#[test]
fn a_lookup_that_a_tier_serves_is_a_miss_of_the_cache() {
    let running = Tiered::start(&["tiers.warm.capacity=20MB"]);
    let mut client = running.connect();
    for number in 0..1_000 {
        set(&mut client, &format!("key:{number}"), &value(number));
    }
    let stats = || running.served.host().stats();
    let before = (stats().hits, stats().misses);
    // It has left memory long ago.
    expect(&mut client, "key:0", &value(0));
    assert_eq!((stats().hits, stats().misses), (before.0, before.1 + 1));
    expect(&mut client, "key:0", &value(0));
    assert_eq!((stats().hits, stats().misses), (before.0 + 1, before.1 + 1), "and in memory from then on");
    assert_eq!(client.ask("EXISTS key:1"), "1");
    assert_eq!(stats().misses, before.1 + 1, "EXISTS is no request for a value");
    drop(client);
    running.end();
}

#[test]
fn everything_is_there_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let sets = disk(&folder);
    let running = Tiered::start(&strs(&sets));
    let mut client = running.connect();
    for number in 0..2_000 {
        set(&mut client, &format!("key:{number}"), &value(number));
    }
    assert_eq!(client.ask("DEL key:7"), "1");
    set(&mut client, "key:8", "newer");
    assert_eq!(client.ask("HSET hash a 1 b 2"), "2");
    assert_eq!(client.ask("RPUSH list x y z"), "3");
    assert_eq!(client.ask("SET number 41 EX 500"), "OK");
    assert_eq!(client.ask("SET short 1 PX 50"), "OK");
    assert_eq!(client.ask("SELECT 3"), "OK");
    assert_eq!(client.ask("SET key:1 other"), "OK");
    drop(client);
    let notes = running.end();
    assert!(notes.iter().any(|note| note.contains("entries were kept on disk")), "{notes:?}");

    std::thread::sleep(Duration::from_millis(60));
    let running = Tiered::start(&strs(&sets));
    let reopened = running.served.host().keyspace().tiers().unwrap().reopened().unwrap();
    assert!(reopened.entries >= 2_000, "{reopened:?}");
    let mut client = running.connect();
    for number in (0..2_000).filter(|number| ![7, 8].contains(number)) {
        expect(&mut client, &format!("key:{number}"), &value(number));
    }
    assert_eq!(client.ask("GET key:7"), "(nil)");
    expect(&mut client, "key:8", "newer");
    assert_eq!(client.ask("HGETALL hash"), "[\"a\", \"1\", \"b\", \"2\"]");
    assert_eq!(client.ask("LRANGE list 0 -1"), "[\"x\", \"y\", \"z\"]");
    assert_eq!(client.ask("INCR number"), "42");
    let left: i64 = client.ask("TTL number").parse().unwrap();
    assert!((1..=500).contains(&left), "{left}");
    assert_eq!(client.ask("GET short"), "(nil)");
    assert_eq!(client.ask("SELECT 3"), "OK");
    expect(&mut client, "key:1", "other");
    drop(client);
    running.end();
}

#[test]
fn a_transaction_sees_what_lies_below() {
    let running = Tiered::start(&["tiers.warm.capacity=20MB"]);
    let (mut client, mut other) = (running.connect(), running.connect());
    set(&mut client, "sum", "5");
    let fill = |client: &mut Connection, from: usize| {
        for number in from..from + 1_000 {
            set(client, &format!("key:{number}"), &value(number));
        }
    };
    fill(&mut client, 0);
    for words in ["MULTI", "INCRBY sum 2", "GET sum", "GET key:0"] {
        client.ask(words);
    }
    assert_eq!(client.ask("EXEC"), format!("[7, \"7\", \"{}\"]", value(0)));
    fill(&mut client, 1_000);
    // That it falls and rises changes nothing.
    assert_eq!(client.ask("WATCH key:1"), "OK");
    client.ask("MULTI");
    client.ask("GET sum");
    assert_eq!(client.ask("EXEC"), "[\"7\"]");
    assert_eq!(client.ask("WATCH key:2"), "OK");
    set(&mut other, "key:2", "changed");
    client.ask("MULTI");
    client.ask("GET sum");
    assert_eq!(client.ask("EXEC"), "(nil)");
    drop((client, other));
    running.end();
}

/// Many clients, little memory, a queue that overflows now and then: whoever reads what he alone has written reads the last of it, or
/// nothing.
#[test]
fn nobody_ever_reads_an_older_value() {
    use rand::{RngExt as _, SeedableRng as _};
    let folder = tempfile::tempdir().unwrap();
    let mut sets = disk(&folder);
    sets.extend(["tiers.warm.capacity=1MB", "tiers.queue=200KB"].map(str::to_owned));
    let running = Tiered::start(&strs(&sets));
    let (mut reads, mut lost) = (0, 0);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4_u64)
            .map(|thread| {
                let mut client = running.connect();
                scope.spawn(move || {
                    let mut random = rand_pcg::Pcg64::seed_from_u64(thread);
                    let mut newest: Vec<Option<String>> = vec![None; 500];
                    let (mut reads, mut lost) = (0, 0);
                    for step in 0..6_000 {
                        let at = random.random_range(0..newest.len());
                        let key = format!("{thread}:{at}");
                        match random.random_range(0..10) {
                            0 => {
                                client.ask(&format!("DEL {key}"));
                                newest[at] = None;
                            }
                            1..4 => {
                                let value = value(step);
                                set(&mut client, &key, &value);
                                newest[at] = Some(value);
                            }
                            4 => {
                                let appended = client.ask(&format!("APPEND {key} +"));
                                let before = newest[at].clone().unwrap_or_default();
                                // It was lost before that.
                                let before = if appended == "1" { String::new() } else { before };
                                newest[at] = Some(format!("{before}+"));
                                assert_eq!(appended, newest[at].as_ref().unwrap().len().to_string());
                            }
                            _ => {
                                let found = client.ask(&format!("GET {key}"));
                                reads += 1;
                                match &newest[at] {
                                    // It may be on its way from the cache to the queue, and come again.
                                    Some(_) if found == "(nil)" => lost += 1,
                                    Some(value) => assert_eq!(found, format!("\"{value}\""), "{key}"),
                                    None => assert_eq!(found, "(nil)", "{key}"),
                                }
                            }
                        }
                    }
                    (reads, lost)
                })
            })
            .collect();
        for thread in threads {
            let of_thread = thread.join().unwrap();
            reads += of_thread.0;
            lost += of_thread.1;
        }
    });
    assert!(running.tier_hits() > 1_000, "{}", running.tier_hits());
    assert!(lost * 10 < reads, "{lost} of {reads} were lost");
    running.end();
}

/// Waits until it holds, for a minute at most.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !holds() {
        assert!(began.elapsed() < GRACE, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_dials_of_tiers_are_turned_while_it_serves() {
    let folder = tempfile::tempdir().unwrap();
    let mut sets = disk(&folder);
    sets.push("tiers.warm.capacity=1MB".to_owned());
    let running = Tiered::start(&strs(&sets));
    let mut client = running.connect();
    let fill = |client: &mut Connection| {
        for number in 0..3_000 {
            set(client, &format!("key:{number}"), &value(number));
        }
    };
    fill(&mut client);
    let turn = |dial: host_contract::Dial, value: host_contract::Value| {
        let by = "a test".to_owned();
        running.served.host().command_blocking(Command::Set { dial, value, by }).unwrap();
    };
    let tier = |at: usize| running.served.host().keyspace().tiers().unwrap().stats().tiers[at].1.clone();
    turn(dial::WARM_CAPACITY, host_contract::Value::Count(4_000_000));
    turn(dial::WARM_COMPRESSION, host_contract::Value::Name("none".to_owned()));
    turn(dial::DISK_CAPACITY, host_contract::Value::Count(8_388_608));
    turn(dial::TIERS_TTL, host_contract::Value::Count(3_600));
    eventually("the sizes are other ones", || (tier(0).capacity, tier(1).capacity) == (4_000_000, 8_388_608));
    fill(&mut client);
    for number in 0..3_000 {
        expect(&mut client, &format!("key:{number}"), &value(number));
    }
    assert!(
        tier(0).bytes > 2_000_000,
        "values of a letter 900 times take their whole length now: {:?}",
        tier(0)
    );
    let refused = running.served.host().command_blocking(Command::Set {
        dial: dial::WARM_COMPRESSION,
        value: host_contract::Value::Name("brotli".to_owned()),
        by: "a test".to_owned(),
    });
    assert!(refused.unwrap_err().to_string().contains("expected a compression, got brotli"));
    drop(client);
    running.end();
}

/// The decisions of `cache-sizing` so far, as dial, from and to.
fn sized(ledger: &mut host_runtime::Subscription, decisions: &mut Vec<(String, f64, f64)>) {
    while let Ok(record) = ledger.try_recv() {
        if let host_control::ledger::Record::Decision(decision) = &*record
            && decision.by.iter().any(|by| by == "cache-sizing")
        {
            let bytes = |value: &host_contract::Value| value.number().unwrap();
            decisions.push((decision.dial.to_string(), bytes(&decision.from), bytes(&decision.to)));
        }
    }
}

/// Strategies on, ticks every few milliseconds, and `cache-sizing` alone.
const SIZING: [&str; 11] = [
    "strategies.cache-policy.enabled=false",
    "strategies.worker-sizing.enabled=false",
    "strategies.prefetch-rules.enabled=false",
    "strategies.cache-sizing.settings.requests=1000",
    "strategies.cache-sizing.settings.rest-seconds=0",
    "strategies.cache-sizing.settings.calm-seconds=1",
    "control.tick=20ms",
    "cache.max-capacity=20MB",
    "cache.min-capacity=100KB",
    "cache.capacity=1MB",
    "cache.hit-ratio-target=0.0",
];

#[test]
fn memory_moves_to_the_tier_that_serves_more_with_it() {
    // Values of 4,000 letters of which all are alike: the warm tier holds six times as many in the same memory.
    let running = Tiered::start_with(SIZING.into_iter().chain(["tiers.warm.capacity=1MB"]));
    let mut ledger = running.served.host().subscribe();
    let mut client = running.connect();
    let large = |number: usize| format!("{number}-{}", "v".repeat(4_000));
    for number in 0..2_000 {
        set(&mut client, &format!("key:{number}"), &large(number));
    }
    let (mut decisions, mut at) = (Vec::new(), 1_usize);
    eventually("memory moves", || {
        for _ in 0..500 {
            // Some keys are asked for often, most now and then.
            at = (at * 48_271) % 2_147_483_647;
            let number = (at % 1_000) * ((at / 1_000) % 1_000) / 500 % 2_000;
            let key = format!("key:{number}");
            if client.ask(&format!("GET {key}")) == "(nil)" {
                set(&mut client, &key, &large(number));
            }
        }
        sized(&mut ledger, &mut decisions);
        decisions.iter().any(|(dial, _, to)| dial == "warm-capacity" && *to >= 1_125_000.0)
    });
    let (_, from, to) = decisions.iter().find(|(dial, ..)| dial == "cache-capacity").unwrap();
    assert!(to < from, "what the warm tier gets the cache gives: {decisions:?}");
    drop(client);
    running.end();
}

#[test]
fn a_shortage_of_memory_shrinks_cache_and_warm_tier() {
    // Of every machine more than a hundredth is in use.
    let short = ["tiers.warm.capacity=1MB", "memory.keep-free=0.99"];
    let running = Tiered::start_with(SIZING.into_iter().chain(short));
    let mut client = running.connect();
    for number in 0..3_000 {
        set(&mut client, &format!("key:{number}"), &value(number));
    }
    // It may have begun before anybody could follow the ledger.
    eventually("both shrink", || {
        let warm = running.served.host().keyspace().tiers().unwrap().stats().tiers[0].1.capacity;
        running.served.host().stats().capacity <= 750_000 && warm <= 750_000
    });
    eventually("it holds less", || running.served.host().stats().used < 1_000_000);
    drop(client);
    running.end();
}
