//! A strategy that does what its setting `act` says: the things a guest may do, and those it may not.

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use strategy_sdk::prefetch::{AssociationRule, Rule, SequentialRule};
use strategy_sdk::{
    Description, Strategy, TickError, TickInfo, accesses, cache, dial, dials, executor, log, metrics,
    prefetch, run, shadows, state, tiers,
};

strategy_sdk::settings! {
    /// What a test may ask for.
    pub struct Settings {
        /// What to do at each tick.
        act: String = "nothing",
        /// How often.
        times: u32 = 1 in 1..,
    }
}

struct Probe {
    settings: Settings,
    ticks: u64,
}

impl Strategy for Probe {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new("probe", "0.1.0", "Does what a test asks for").dials(&[
            dial::CACHE_POLICY,
            dial::CACHE_CAPACITY,
            dial::CPU_WORKERS,
            dial::PREFETCH_IN_FLIGHT,
            dial::PREFETCH_SHARE,
            "dial-of-a-later-host",
        ])
    }

    fn new(settings: Settings) -> Result<Self, TickError> {
        Ok(Self { settings, ticks: 0 })
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        self.ticks += 1;
        for _ in 0..self.settings.times {
            act(&self.settings.act, self.ticks, info)?;
        }
        Ok(())
    }
}

/// Counts in what it has learnt.
fn learn() {
    let before = state::get("n").map_or(0, |bytes| bytes[0]);
    log::info(format!("{before} {:?} {:?}", state::keys(), state::set("n", &[before + 1])));
}

fn act(what: &str, ticks: u64, info: TickInfo) -> Result<(), TickError> {
    match what {
        "nothing" => {}
        "count" => log::info(format!("{ticks} {} {}", info.tick, info.now_ns)),
        "print" => {
            println!("to stdout");
            eprintln!("to stderr");
        }
        "log" => log::info("a line"),
        "state" => learn(),
        "state-and-fail" => {
            learn();
            return Err(TickError::Other("not this time".to_owned()));
        }
        "state-limits" => {
            log::info(format!("{:?}", state::set("", &[])));
            log::info(format!("{:?}", state::set("large", &[0; 300_000])));
            let refused =
                (0..100).find_map(|n| state::set(&format!("key {n}"), &[]).err().map(|error| (n, error)));
            log::info(format!("{refused:?} {}", state::keys().len()));
            log::info(format!("{} {}", state::delete("key 0"), state::delete("key 0")));
        }
        "state-large" => drop(state::set("large", &[0; 200_000])),
        "state-flood" => drop(state::set("flood", &vec![0; 2 << 20])),
        "log-large" => log::info("x".repeat(200_000)),
        "print-large" => print!("{}", "x".repeat(64 << 10)),
        "print-and-exit" => {
            println!("to stdout");
            eprintln!("to stderr");
            std::process::exit(1);
        }
        "print-and-panic" => {
            println!("to stdout");
            eprintln!("to stderr");
            panic!("no such policy");
        }
        "loop" => loop {
            black_box(0);
        },
        "allocate" => {
            let mut all = Vec::new();
            loop {
                all.push(black_box(vec![1_u8; 1 << 20]));
            }
        }
        "recurse" => log::info(recurse(ticks)),
        "panic" => panic!("no such policy"),
        "exit" => std::process::exit(3),
        "fail" => return Err(TickError::Other("nothing to do".to_owned())),
        "bad-setting" => {
            return Err(TickError::BadSetting(("times".to_owned(), "an even number".to_owned())));
        }
        "sleep" => std::thread::sleep(Duration::from_secs(60)),
        "nap" => {
            let before = Instant::now();
            std::thread::sleep(Duration::from_millis(10));
            log::info(before.elapsed().as_millis());
        }
        "clock" => {
            log::info(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos()));
        }
        "random" => {
            use std::hash::{BuildHasher, RandomState};
            log::info(RandomState::new().hash_one(1));
        }
        "outside" => outside(),
        "nonsense" => {
            log::info(format!("{:?}", executor::propose_cpu_workers(u32::MAX)));
            log::info(format!("{:?}", executor::propose_io_workers(1)));
            log::info(format!("{:?}", prefetch::propose_share(f64::NAN)));
            log::info(format!("{:?}", cache::propose_policy(&"x".repeat(1000))));
            log::info(format!("{:?}", cache::propose_capacity(0)));
            let rule = Rule::Sequential(SequentialRule { stride: 0, depth: 1 });
            log::info(format!("{:?}", prefetch::propose_rule(1, &rule)));
            let rule = Rule::Association(AssociationRule { key: 1, targets: (0..100).collect() });
            log::info(format!("{:?}", prefetch::propose_rule(2, &rule)));
            log::info(format!("{:?}", prefetch::propose_withdrawal(9)));
            log::info(format!("{:?}", shadows::follow(&["x".repeat(1000)])));
            log::info(format!("{:?}", tiers::propose_warm_capacity(u64::MAX)));
            log::info(format!("{:?}", tiers::propose_warm_compression(&"x".repeat(1000))));
            log::info(format!("{:?}", tiers::propose_disk_capacity(0)));
            log::info(format!("{:?}", tiers::propose_ttl(0)));
            log::info(format!("{:?}", cache::propose_refresh_ahead(-1.0)));
            dials::explain("no-such-dial", "x".repeat(10_000));
        }
        "flood" => {
            let targets = vec![0; 1 << 20];
            prefetch::propose_rule(1, &Rule::Association(AssociationRule { key: 1, targets })).ok();
        }
        "capacity" => {
            cache::propose_capacity(1).ok();
        }
        "accesses-only" => {
            black_box(accesses::recent(u32::MAX));
        }
        "metrics" => {
            let (cache, executor) = (metrics::cache(), metrics::executor());
            log::info(format!("{} {:?} {}", cache.policy, cache.policies, cache.window_hits));
            log::info(format!("{:?}", metrics::system()));
            log::info(format!("{:?}", metrics::shadows()));
            log::info(format!("{} {:?}", executor.cpu.workers, executor.classes));
            log::info(format!("{:?}", metrics::classes()));
            log::info(format!("{:?}", metrics::prefetch()));
            let gauges = metrics::gauges();
            log::info(format!(
                "{} {:?}",
                gauges.len(),
                gauges.iter().find(|gauge| gauge.name == "hit-ratio")
            ));
            log::info(format!("{:?} {:?}", metrics::gauge("hit-ratio"), metrics::gauge("no-such-gauge")));
            log::info(format!("{:?}", metrics::history("hit-ratio", 2)));
        }
        "accesses" => {
            log::info(format!("{:?} {}", accesses::recent(3), accesses::recent(u32::MAX).len()));
            log::info(format!("{:?}", accesses::since(0, 2)));
            log::info(format!("{:?}", accesses::since(5_999, u32::MAX)));
            log::info(format!("{:?}", accesses::since(6_000, u32::MAX)));
        }
        "dials" => {
            log::info(format!("{:?}", dials::names()));
            log::info(format!("{:?}", dials::range(dial::CACHE_CAPACITY)));
            log::info(format!("{:?}", dials::range("no-such-dial")));
            log::info(format!(
                "{:?} {:?}",
                dials::choice(dial::CACHE_POLICY),
                dials::choices(dial::CACHE_POLICY)
            ));
            log::info(format!("{:?}", dials::free_from_tick(dial::CACHE_POLICY)));
            log::info(format!("{:?}", cache::propose_policy("arc")));
            dials::explain(dial::CACHE_POLICY, "first");
            dials::explain(dial::CACHE_POLICY, "arc does better");
            prefetch::explain_rules("a run was seen");
            log::info(format!(
                "{:?} {} {:?}",
                shadows::followed(),
                shadows::budget(),
                shadows::follow(&["arc".into()])
            ));
        }
        "run" => {
            log::info(format!("{} {} {}", run::clock(), run::capacity_unit(), run::seed()));
            log::info(format!("{:?} {} {}", run::objective(), run::keys_ordered(), run::batch()));
            let before = run::fuel_left();
            black_box((0..100_000_u64).map(black_box).sum::<u64>());
            log::info(format!("{} {}", before > 0, before - run::fuel_left() > 1_000));
            log::info(format!("{}", run::time_left_ns().is_some_and(|left| left > 0)));
        }
        other => return Err(TickError::Other(format!("cannot {other}"))),
    }
    Ok(())
}

fn recurse(n: u64) -> u64 {
    let frame = black_box([n; 64]);
    black_box(recurse(n + 1)) + frame.iter().sum::<u64>()
}

/// Everything outside that a guest might reach for. Each line has to say that it is not there.
fn outside() {
    let lines = [
        ("environment", std::env::vars().count() == 0),
        ("arguments", std::env::args().count() == 0),
        ("directory", std::fs::read_dir("/").is_err()),
        ("file", std::fs::read("/etc/hostname").is_err()),
        ("write", std::fs::write("written-by-a-guest", "x").is_err()),
        ("tcp", std::net::TcpStream::connect("127.0.0.1:80").is_err()),
        ("listen", std::net::TcpListener::bind("127.0.0.1:0").is_err()),
        ("udp", std::net::UdpSocket::bind("127.0.0.1:0").is_err()),
        ("names", std::net::ToSocketAddrs::to_socket_addrs("localhost:80").is_err()),
        ("input", std::io::read_to_string(std::io::stdin()).is_ok_and(|text| text.is_empty())),
    ];
    for (what, closed) in lines {
        log::info(format!("{what} {}", if closed { "closed" } else { "OPEN" }));
    }
}

strategy_sdk::export_strategy!(Probe);
