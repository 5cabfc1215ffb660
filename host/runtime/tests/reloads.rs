//! A thousand strategies, and a thousand eviction policies, replaced under load: no request fails, and nothing is left behind.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use host_cache::Registry;
use host_control::supervisor::State;
use host_plugin::{Source, StateStore, Time, full_name, probe_policy};
use host_profile::{Loader, Settings};
use host_runtime::{Command, Finished, Host, Key, Load, Options, Origin, Quiet, Value, strategies};
use host_telemetry::Machine;

/// Answers with the key itself.
struct Echo;

impl Origin for Echo {
    fn load(&self, key: &Key) -> Load<'_> {
        let value = Value::from(key.to_string());
        Box::pin(async move { Ok(value) })
    }

    fn has(&self, _: u64) -> bool {
        true
    }
}

#[expect(clippy::unwrap_used, reason = "a test fails where this does")]
fn settings_among(policies: Registry, sets: &[&str]) -> Settings {
    let sets = ["control.tick=20ms"].iter().chain(sets).copied();
    let loader = Loader::new().profile("small").user_file(None).policies(policies).set(sets);
    loader.load(&Machine::read(Path::new("."))).unwrap()
}

fn settings(sets: &[&str]) -> Settings {
    settings_among(Registry::default(), sets)
}

/// Bytes that the process holds, its threads, and its open files.
#[expect(clippy::unwrap_used, reason = "a test fails where this does")]
fn held() -> (u64, usize, usize) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes: u64 = resident.trim().trim_end_matches(" kB").parse().unwrap();
    let count = |path: &str| std::fs::read_dir(path).unwrap().count();
    (kilobytes * 1_024, count("/proc/self/task"), count("/proc/self/fd"))
}

/// A thousand reloads while two threads ask for keys. `reload` puts something else in the place of what runs, and says how many
/// it was.
#[expect(clippy::unwrap_used, reason = "a test fails where this does")]
fn leave_nothing_behind(host: Host, mut reload: impl FnMut(&Host) -> u64) -> Finished {
    let (stop, served, failed) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let mut at_first = (0, 0, 0);
    let mut at_last = (0, 0, 0);
    thread::scope(|scope| {
        for seed in 0..2_u64 {
            let (host, stop, served, failed) = (&host, &stop, &served, &failed);
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let mut n = seed;
                while !stop.load(Ordering::Relaxed) {
                    n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let key = format!("key:{}", (n >> 33) % 5_000);
                    match runtime.block_on(host.get_or_load(key.as_str())) {
                        Ok(value) if value.bytes() == key.as_bytes() => {
                            served.fetch_add(1, Ordering::Relaxed)
                        }
                        _ => failed.fetch_add(1, Ordering::Relaxed),
                    };
                }
            });
        }
        let mut reloads = 0;
        while reloads < 1_100 {
            let before = reloads;
            reloads += reload(&host);
            if before < 100 && reloads >= 100 {
                at_first = held();
            }
        }
        thread::sleep(Duration::from_millis(200));
        at_last = held();
        stop.store(true, Ordering::Relaxed);
    });
    println!(
        "resident {} -> {} bytes, threads {} -> {}, files {} -> {}; {} requests served, {} failed",
        at_first.0,
        at_last.0,
        at_first.1,
        at_last.1,
        at_first.2,
        at_last.2,
        served.load(Ordering::Relaxed),
        failed.load(Ordering::Relaxed)
    );
    assert_eq!(failed.load(Ordering::Relaxed), 0);
    assert!(served.load(Ordering::Relaxed) > 10_000);
    assert!(at_last.0 <= at_first.0 + 5_000_000, "{at_first:?} {at_last:?}");
    // Each load has a ticker of its own until its strategies are gone.
    assert!(at_last.1 <= at_first.1 + 2 && at_last.2 <= at_first.2 + 2, "{at_first:?} {at_last:?}");
    host.shut_down_blocking(Duration::from_secs(30)).unwrap()
}

#[test]
#[ignore = "half a minute; `cargo test -p host-runtime --test reloads -- --ignored --nocapture` shows what is held"]
fn a_thousand_reloads_under_load_leave_nothing_behind() {
    let settings = settings(&[]);
    let states = StateStore::in_memory();
    let load = || strategies::load(&settings, Time::Machine, 1, &states, &Quiet).unwrap().registrations;
    let options = Options::new(settings.clone()).strategies(load()).origin(Arc::new(Echo));
    let finished = leave_nothing_behind(Host::start(options).unwrap(), |host| {
        let mut reloads = 0;
        for with in load() {
            let from = "the test".to_owned();
            host.command_blocking(Command::Replace { with: Box::new(with), from }).unwrap();
            reloads += 1;
        }
        reloads
    });
    assert!(
        finished.strategies.iter().all(|status| status.state == State::Active),
        "{:?}",
        finished.strategies
    );
}

#[test]
#[ignore = "half a minute; `cargo test -p host-runtime --test reloads -- --ignored --nocapture` shows what is held"]
fn a_thousand_policies_replaced_under_load_leave_nothing_behind() {
    let any = Registry::default().with_any_component();
    let sets = ["cache.policy=plugin:sieve", "cache.min-capacity=10kB", "cache.capacity=50kB"];
    let settings = settings_among(any, &sets);
    let loader = strategies::loader(&settings).unwrap();
    let limits = strategies::policy_limits(&settings);
    let (name, bytes) = host_plugin::bundled_policies().find(|(name, _)| *name == "sieve").unwrap();
    let open = || {
        let plugin = loader.open_policy(Source::Bytes { name, bytes }, &limits).unwrap();
        let policy = Arc::new(plugin).factory(full_name(name));
        probe_policy(&policy).unwrap();
        policy
    };
    let mut policies = Registry::default();
    policies.register(open()).unwrap();
    let options = Options::new(settings).policies(policies).origin(Arc::new(Echo));
    let finished = leave_nothing_behind(Host::start(options).unwrap(), |host| {
        let from = "the test".to_owned();
        host.command_blocking(Command::ReplacePolicy { with: open(), from }).unwrap();
        1
    });
    let cache = &finished.last.cache;
    assert_eq!((cache.policy.as_str(), finished.notes.join("; ").as_str()), ("plugin:sieve", ""));
    assert!(cache.hits > cache.misses / 10, "{cache:?}");
}
