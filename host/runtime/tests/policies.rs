//! A policy that the program which embeds the host has registered: it is set, proposed, followed by a shadow and listed as
//! any other.

#[path = "../../cache/tests/support/mru.rs"]
mod mru;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use host_cache::{PolicyFactory, Registry, Slot, builtin};
use host_contract::dial::CACHE_POLICY;
use host_contract::{Grant, Refusal, Snapshot, Unit, Value as DialValue};
use host_control::{Fault, Identity, ProposalContext, Registration, Response, Strategy, Usage};
use host_profile::{Loader, ProfileError, Settings};
use host_runtime::{
    Command, Host, HostError, Options, Progress, Quiet, RunError, Stop, Value, VirtualInput, VirtualOptions,
    run_virtual,
};
use host_simulator::{Capacity, MemoryLimit};
use host_telemetry::Machine;
use mru::Mru;
use parking_lot::Mutex;

const GRACE: Duration = Duration::from_secs(30);

/// The names of a registry with `mru`, as errors list them.
const NAMES: &str = "lru, fifo, lfu, arc, sieve, s3-fifo, w-tinylfu, lirs, 2q, s4-fifo, clock2q-plus, \
                     w-tinylfu-climb, mru";

/// Ends the run when its replay has begun.
struct Ends(Stop);

impl Progress for Ends {
    fn begin(&self, name: &str, _total: Option<u64>) {
        if name == "replay" {
            self.0.ask();
        }
    }
    fn at(&self, _done: u64) {}
    fn end(&self, _summary: &str) {}
    fn say(&self, _line: &str) {}
}

/// The built-in policies, and `mru`.
#[expect(clippy::unwrap_used, reason = "a test fails where this does")]
fn policies() -> Arc<Registry> {
    let mut policies = Registry::default();
    policies.register(PolicyFactory::new("mru", |_| Box::<Mru>::default())).unwrap();
    Arc::new(policies)
}

/// Settings of a loader that was told of `names`: ten entries of 100 kB fit, and ticks come only when they are asked for.
fn load(names: &Registry, policy: &str) -> Result<Settings, ProfileError> {
    let policy = format!("cache.policy={policy}");
    let still = ["control.tick=1h", "control.tick-requests=0"];
    let small = ["cache.min-capacity=1MB", "cache.capacity=1MB", "cache.max-capacity=1MB"];
    let sets = still.into_iter().chain(small).chain([policy.as_str()]);
    let loader = Loader::new().profile("small").user_file(None).policies(names.clone());
    loader.set(sets).load(&Machine::read(Path::new(".")))
}

/// The hits of twenty rounds over fifteen keys: a policy that evicts the oldest has none.
fn hits(host: &Host) -> u64 {
    let before = host.stats().hits;
    for key in (0..15_u64).cycle().take(300) {
        if host.get(key).is_none() {
            host.put(key, Value::standing_for(100_000), None);
        }
    }
    host.stats().hits - before
}

#[expect(clippy::unwrap_used, reason = "a test fails where this does")]
fn tick(host: &Host) -> Arc<Snapshot> {
    host.command_blocking(Command::Tick { reason: "the test says so".to_owned() }).unwrap();
    host.snapshot()
}

#[test]
fn a_host_starts_with_a_registered_policy_and_tells_its_name() {
    let policies = policies();
    let lru = load(&policies, "lru").unwrap();
    assert_eq!(hits(&Host::start(Options::new(lru).policies(Arc::clone(&policies))).unwrap()), 0);

    let settings = load(&policies, "mru").unwrap();
    let host = Host::start(Options::new(settings).policies(policies)).unwrap();
    let hits = hits(&host);
    assert!(hits > 150, "two thirds of the keys fit, and stay: {hits} hits of 300");
    let stats = host.stats();
    assert_eq!((stats.hits, stats.entries, stats.used), (hits, 10, 1_000_000));
    let cache = &tick(&host).cache;
    assert_eq!((cache.policy.as_str(), cache.policies.join(", ").as_str()), ("mru", NAMES));
    let finished = host.shut_down_blocking(GRACE).unwrap();
    assert_eq!((finished.last.cache.policy.as_str(), finished.notes), ("mru", Vec::new()));
}

/// Proposes a policy, and has the shadows follow it; keeps what was refused.
struct Wants {
    identity: Identity,
    policy: &'static str,
    refused: Arc<Mutex<Vec<Refusal>>>,
}

impl Strategy for Wants {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn tick(&mut self, _: Arc<Snapshot>, mut context: ProposalContext) -> Response {
        let policy = self.policy.to_owned();
        let proposed = context.propose(CACHE_POLICY.name(), DialValue::Name(policy.clone()));
        let followed = context.follow(vec![policy]);
        self.refused.lock().extend(proposed.err().into_iter().chain(followed.err()));
        Response { context, usage: Usage::default(), log: Vec::new(), fault: None }
    }

    fn restart(&mut self) -> Result<Usage, Fault> {
        Ok(Usage::default())
    }
}

/// A host under `lru` whose strategy wants another policy, and what it is refused.
fn with_strategy(policy: &'static str) -> (Host, Arc<Mutex<Vec<Refusal>>>) {
    with_strategy_among(policies(), policy)
}

/// The same, with these policies.
#[expect(clippy::unwrap_used, reason = "a test fails where this does")]
fn with_strategy_among(policies: Arc<Registry>, policy: &'static str) -> (Host, Arc<Mutex<Vec<Refusal>>>) {
    let refused = Arc::<Mutex<Vec<Refusal>>>::default();
    let identity = Identity {
        name: "wants".to_owned(),
        version: "0.1.0".to_owned(),
        digest: String::new(),
        dials: vec![CACHE_POLICY.name().to_owned()],
    };
    let strategy = Wants { identity, policy, refused: Arc::clone(&refused) };
    let grants = [Grant::CacheControl, Grant::ShadowControl].into();
    let options = Options::new(load(&policies, "lru").unwrap()).policies(policies);
    let host = Host::start(options.strategies(vec![Registration::new(Box::new(strategy), 50, grants)]));
    (host.unwrap(), refused)
}

#[test]
fn a_strategy_turns_to_a_registered_policy_and_a_shadow_follows_it() {
    let (host, refused) = with_strategy("mru");
    assert_eq!(host.snapshot().cache.policy, "lru", "before the first decision");
    assert!(hits(&host) > 150);
    let now = tick(&host);
    assert_eq!(now.cache.policy, "mru");
    let shadows: Vec<_> = now.shadows.iter().map(|shadow| shadow.policy.as_str()).collect();
    assert_eq!(shadows, ["mru"]);
    assert!(now.shadows.iter().all(|shadow| shadow.requests > 0 && shadow.misses < shadow.requests));
    let refused = std::mem::take(&mut *refused.lock());
    assert!(refused.iter().all(|refusal| matches!(refusal, Refusal::CoolingDown(_))), "{refused:?}");
    // Other settings come with the same policies.
    host.command_blocking(Command::Reload(Box::new(load(&policies(), "lru").unwrap()))).unwrap();
    assert_eq!(tick(&host).cache.policy, "mru");
}

#[test]
fn a_policy_that_failed_is_refused_until_another_one_takes_its_place() {
    let mut policies = Registry::default();
    // Its first victim is an entry that there is not.
    let lost = PolicyFactory::new("mru", |capacity| {
        let mut policy = builtin::LRU.build(capacity);
        policy.on_insert(Slot(1 << 20), 1, 1);
        policy
    });
    policies.register(lost).unwrap();
    let (host, refused) = with_strategy_among(Arc::new(policies), "mru");
    assert_eq!(hits(&host), 0);
    let now = (0..5).map(|_| tick(&host)).last().unwrap();
    assert_eq!(now.cache.policy, "lru", "the fallback");
    assert!(!now.cache.policies.contains(&"mru".to_owned()));
    let text = "invalid: `mru` failed in this run, and is not set again: it named no entry to evict";
    assert!(refused.lock().iter().any(|refusal| refusal.to_string() == text), "{:?}", refused.lock());
    let entries = host.stats().entries;

    let sound = PolicyFactory::new("mru", |_| Box::<Mru>::default());
    let replace = Command::ReplacePolicy { with: sound, from: "the test".to_owned() };
    host.command_blocking(replace).unwrap();
    let now = tick(&host);
    assert_eq!((now.cache.policy.as_str(), host.stats().entries), ("mru", entries));
    assert!(now.cache.policies.contains(&"mru".to_owned()));
    assert!(hits(&host) > 150, "the new one decides");
    // One that cannot be opened changes nothing.
    let closed = PolicyFactory::batched("mru", |_| Err("it does not open".to_owned()));
    let replace = Command::ReplacePolicy { with: closed, from: "the test".to_owned() };
    let error = host.command_blocking(replace).unwrap_err().to_string();
    assert_eq!(error, "it cannot be put in force: it does not open");
    assert!(hits(&host) > 150);

    let reason = "the test says so".to_owned();
    let remove = Command::RemovePolicy { policy: "mru".to_owned(), bundled: None, reason };
    host.command_blocking(remove).unwrap();
    refused.lock().clear();
    let now = tick(&host);
    assert_eq!((now.cache.policy.as_str(), host.stats().entries), ("lru", entries));
    tick(&host);
    assert!(refused.lock().iter().any(|refusal| matches!(refusal, Refusal::Unknown(_))));
    let finished = host.shut_down_blocking(GRACE).unwrap();
    assert!(finished.last.shadows.iter().all(|shadow| shadow.policy != "mru"));
}

#[test]
fn the_shadow_of_a_policy_follows_the_one_that_takes_its_place() {
    let (host, _) = with_strategy("mru");
    assert!(hits(&host) > 150);
    let before = tick(&host).shadows.first().unwrap().requests;
    let again = PolicyFactory::new("mru", |_| Box::<Mru>::default());
    host.command_blocking(Command::ReplacePolicy { with: again, from: "the test".to_owned() }).unwrap();
    let shadows = tick(&host).shadows.clone();
    let after = shadows.first().unwrap();
    assert_eq!((after.policy.as_str(), shadows.len()), ("mru", 1));
    assert!(after.requests < before, "it counts anew: {} of {before}", after.requests);
}

#[test]
fn a_strategy_that_moves_the_capacity_and_cannot_ask_finds_shadows_at_others() {
    let shadows = |dial: host_contract::Dial, grants: &[Grant]| {
        let identity = Identity {
            name: "mover".to_owned(),
            version: "0.1.0".to_owned(),
            digest: String::new(),
            dials: vec![dial.name().to_owned()],
        };
        let strategy = Wants { identity, policy: "lru", refused: Arc::default() };
        let registration = Registration::new(Box::new(strategy), 50, grants.iter().copied().collect());
        let options = Options::new(load(&policies(), "lru").unwrap()).policies(policies());
        tick(&Host::start(options.strategies(vec![registration])).unwrap()).shadows.len()
    };
    let (policy, capacity) = (CACHE_POLICY, host_contract::dial::CACHE_CAPACITY);
    assert_eq!(shadows(policy, &[Grant::CacheControl]), 3, "of LRU, LFU and ARC");
    assert_eq!(shadows(capacity, &[Grant::CacheControl]), 9);
    assert_eq!(shadows(capacity, &[Grant::CacheControl, Grant::ShadowControl]), 1, "it follows LRU alone");
}

#[test]
fn a_strategy_is_refused_a_policy_that_nobody_registered_with_those_that_are() {
    let (host, refused) = with_strategy("clock");
    assert_eq!(tick(&host).cache.policy, "lru");
    let refused: Vec<_> = refused.lock().iter().map(ToString::to_string).collect();
    assert_eq!(refused, vec![format!("unknown, expected one of: {NAMES}"); 4]);
}

#[test]
fn settings_with_a_policy_that_nobody_registered_are_refused_with_those_that_are() {
    let policies = policies();
    let error = load(&policies, "clock").unwrap_err().to_string();
    assert!(error.contains("clock") && error.contains(NAMES), "{error}");

    // A loader that was told of other names than the host knows.
    let mut others = Registry::default();
    others.register(PolicyFactory::new("clock", |_| Box::<Mru>::default())).unwrap();
    let settings = load(&others, "clock").unwrap();
    let error = Host::start(Options::new(settings.clone()).policies(policies)).unwrap_err();
    assert!(matches!(error, HostError::Policy(_)), "{error}");
    assert_eq!(error.to_string(), format!("cache.policy: unknown policy `clock`: expected one of {NAMES}"));
    assert!(
        matches!(Host::start(Options::new(settings)).unwrap_err(), HostError::Policy(_)),
        "no default stands in"
    );
}

#[test]
fn virtual_time_runs_a_registered_policy_too() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("loop.txt");
    let keys: Vec<_> = (0..15).cycle().take(300).map(|key| format!("{key}\n")).collect();
    std::fs::write(&trace, keys.concat()).unwrap();
    let mut settings = load(&policies(), "mru").unwrap();
    settings.control.enabled = false;
    let mut options = VirtualOptions {
        warm: None,
        save_hot: None,
        state_dir: None,
        settings,
        policies: policies(),
        input: VirtualInput::Trace(trace, host_workload::trace::Options::default()),
        capacity: Some(Capacity::Objects(10)),
        unit: Unit::Objects,
        object_size: 1,
        tick_requests: 100,
        origin_latency: Duration::from_millis(1),
        origin_slots: None,
        memory: MemoryLimit::None,
        seed: 1,
        ledger: None,
    };
    let report = run_virtual(&options, &Quiet, &Stop::default()).unwrap();
    assert_eq!((report.policy.as_str(), report.requests), ("mru", 300));
    assert!(report.misses < 150, "{} misses", report.misses);
    assert_eq!((report.fixed[0].policy.as_str(), report.fixed[0].misses), ("lru", 300));

    // A run that was ended is compared with nothing: a policy alone would have had other requests.
    let stop = Stop::default();
    let ended = run_virtual(&options, &Ends(stop.clone()), &stop).unwrap();
    assert!(ended.interrupted && ended.requests < 300, "{} requests", ended.requests);
    assert!(ended.fixed.is_empty(), "{:?}", ended.fixed);

    // The requests need not fit in memory.
    options.memory = MemoryLimit::Bytes(0);
    let again = run_virtual(&options, &Quiet, &Stop::default()).unwrap();
    assert_eq!(serde_json::to_value(again).unwrap(), serde_json::to_value(report).unwrap());

    options.policies = Arc::default();
    let error = run_virtual(&options, &Quiet, &Stop::default()).unwrap_err();
    assert!(matches!(error, RunError::Policy(_)), "{error}");
}
