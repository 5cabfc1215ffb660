//! Real components in the real sandbox. One binary, because wasmtime is linked into each.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test: what cannot be set up fails it")]

mod bundled;
mod catalogue;
mod contract;
mod faults;
mod files;
mod hostile;
mod learnt;
mod mutated;
mod outside;
mod refused;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use host_contract::{DialSpec, Grant, Range, Snapshot, Value, dial};
use host_control::{DialState, Fault, Offer, ProposalContext, Response, RuleKinds, Strategy};
use host_plugin::{Limits, Loader, LoaderConfig, Source, WasmStrategy};

/// The component of `tests/guests/probe`, built once.
static PROBE: LazyLock<PathBuf> = LazyLock::new(|| build("tests/guests/probe").remove(0).path);

/// Builds the components below a folder of this crate. Shares what it compiles with the bundled strategies.
fn build(folder: &str) -> Vec<guest_build::Artifact> {
    let target = guest_build::outer_target_dir(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap();
    guest_build::Build::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
        .target_dir(target.join("plugins"))
        .locked(true)
        .run()
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Keeps what it compiles from one run of the tests to the next.
static LOADER: LazyLock<Loader> = LazyLock::new(|| {
    let cache_dir = Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("components"));
    Loader::new(&LoaderConfig { cache_dir, ..LoaderConfig::default() }).unwrap()
});

fn limits() -> Limits {
    // Wall time is generous: these tests are about fuel, which gives the same outcome in every run.
    let minute = Duration::from_secs(60);
    Limits { fuel: 100_000_000, deadline: minute, start_deadline: minute, ..Limits::default() }
}

/// The fault of a strategy of that name that burnt its fuel.
fn out_of_fuel(name: &str, units: u64) -> Fault {
    Fault::OutOfFuel { units, key: format!("strategies.{name}.limits.fuel") }
}

/// The fault of a strategy of that name that met its deadline.
fn past_deadline(name: &str, ms: u64) -> Fault {
    Fault::Deadline { ms, key: format!("strategies.{name}.limits.deadline") }
}

fn all() -> BTreeSet<Grant> {
    Grant::ALL.into()
}

fn settings(act: &str, times: u32) -> BTreeMap<String, String> {
    BTreeMap::from([("act".to_owned(), act.to_owned()), ("times".to_owned(), times.to_string())])
}

fn probe(act: &str, times: u32) -> WasmStrategy {
    probe_with(act, times, &limits(), 1)
}

fn probe_with(act: &str, times: u32, limits: &Limits, seed: u64) -> WasmStrategy {
    let source = Source::File(&PROBE);
    LOADER.load(source, &all(), &settings(act, times), limits, seed).unwrap_or_else(|error| panic!("{error}"))
}

/// Takes the proposals of one strategy that declares the dials of the probe.
fn context() -> ProposalContext {
    let state = |spec: &DialSpec| {
        let (range, value) = match spec.dial {
            _ if spec.kind == dial::Kind::Choice => {
                (Range::Names(vec!["lru".to_owned(), "arc".to_owned()].into()), Value::Name("lru".to_owned()))
            }
            dial::CACHE_CAPACITY => (Range::Count(100..=1000), Value::Count(400)),
            dial::PREFETCH_IN_FLIGHT => (Range::Count(0..=4), Value::Count(4)),
            _ if spec.kind == dial::Kind::Ratio => (Range::Ratio(0.0..=0.5), Value::Ratio(0.1)),
            _ => (Range::Count(1..=8), Value::Count(2)),
        };
        DialState { spec: *spec, range: Some(range), value: Some(value), free_from_tick: 0 }
    };
    let offer = Offer {
        tick: 1,
        dials: dial::BUILT_IN.iter().map(state).collect(),
        rule_limit: Some(10),
        rule_kinds: RuleKinds::All,
        followed: vec!["lru".to_owned()],
        policies: Some(vec!["lru".to_owned(), "arc".to_owned()].into()),
        shadow_budget: 2,
    };
    // What the probe and the hostile strategies declare: all but one.
    let declared = dial::BUILT_IN.iter().map(|spec| spec.dial).filter(|dial| *dial != dial::IO_WORKERS);
    let declared = declared.map(|dial| dial.name().to_owned()).collect();
    ProposalContext::new(Arc::new(offer), all(), declared)
}

fn tick(strategy: &mut WasmStrategy, tick: u64) -> Response {
    let now = Duration::from_secs(tick);
    let snapshot = Snapshot { tick, now, elapsed: Duration::from_secs(1), ..Snapshot::default() };
    strategy.tick(Arc::new(snapshot), context())
}

fn messages(response: &Response) -> Vec<&str> {
    response.log.iter().map(|line| line.message.as_str()).collect()
}
