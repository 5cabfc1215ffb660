//! A component that was built against the contract as it was first published runs on a host that has grown.
//!
//! Its sources, and a copy of that contract, lie in `tests/pinned`. It calls every function and tells the log what it was
//! answered. Here it runs on this host, and on one with one more dial, one more gauge and one more interface.

use std::path::Path;
use std::sync::LazyLock;

use host_contract::{
    Clock, Dial, DialSpec, Dials, GaugeSpec, Gauges, Range, RunInfo, Snapshot, Value, dial, snapshot,
};
use host_control::{DialState, Offer, ProposalContext, Response, RuleKinds, Strategy as _};

use super::*;
use crate::load::{Loader, LoaderConfig, Source};

const NEW_DIAL: Dial = Dial::new("dial-of-a-later-host");
const NEW_GAUGE: &str = "gauge-of-a-later-host";

fn new_dial() -> DialSpec {
    DialSpec { dial: NEW_DIAL, meaning: "one more", ..dial::BUILT_IN[0] }
}

/// The component, built once from its sources.
pub(crate) static PINNED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let exe = std::env::current_exe().unwrap();
    let target = guest_build::outer_target_dir(&exe).unwrap().join("plugins");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pinned/0.1.0/guest");
    let built = guest_build::Build::new(sources).target_dir(target).locked(true).run();
    std::fs::read(&built.unwrap_or_else(|error| panic!("{error}"))[0].path).unwrap()
});

/// What can be proposed on a host with these dials.
fn offer(dials: &Dials) -> Offer {
    let state = |spec: &DialSpec| {
        let (range, value) = match spec.kind {
            dial::Kind::Choice => {
                (Range::Names(vec!["lru".to_owned(), "arc".to_owned()].into()), Value::Name("lru".to_owned()))
            }
            dial::Kind::Count => (Range::Count(1..=1_000), Value::Count(100)),
            dial::Kind::Ratio => (Range::Ratio(0.0..=0.5), Value::Ratio(0.1)),
        };
        DialState { spec: *spec, range: Some(range), value: Some(value), free_from_tick: 1 }
    };
    Offer {
        tick: 1,
        dials: dials.iter().map(state).collect(),
        rule_limit: Some(10),
        rule_kinds: RuleKinds::All,
        followed: vec!["lru".to_owned()],
        policies: Some(vec!["lru".to_owned(), "arc".to_owned()].into()),
        shadow_budget: 2,
    }
}

fn measured(tick: u64, gauges: &Gauges) -> Snapshot {
    let values: BTreeMap<_, _> = gauges.iter().map(|row| (row.name, 0.5)).collect();
    let history = [("hit-ratio", vec![0.25, 0.5])];
    Snapshot {
        tick,
        history: Arc::new(history.into()),
        gauges: values,
        accesses: Arc::new(snapshot::Accesses {
            before: 1,
            keys: vec![7, 8, 9],
            sizes: vec![10, 20, 30],
            hits: vec![0, 1, 0],
        }),
        run: RunInfo { clock: Clock::Virtual, seed: 42, ..RunInfo::default() },
        ..Snapshot::default()
    }
}

/// What the component answers in two ticks of a host, which has one more of everything where it has `grown`.
fn run(grown: bool) -> (Response, Response) {
    let (mut dials, mut gauges) = (Dials::built_in(), Gauges::built_in());
    if grown {
        dials = dials.with(new_dial());
        gauges = gauges.with(GaugeSpec { name: NEW_GAUGE, unit: "count", meaning: "one more" });
    }
    let config = LoaderConfig { dials: dials.clone(), gauges: gauges.clone(), ..LoaderConfig::default() };
    let loader = Loader::new(&config).unwrap();
    let (all, limits) = (Grant::ALL.into(), Limits::default());
    let plugin = loader.open(Source::Bytes { name: "pinned", bytes: &PINNED }, &limits).unwrap();
    let mut linker =
        linker(&plugin.component, &all, &plugin.interfaces, World::Strategy, &plugin.label).unwrap();
    if grown {
        let mut interface = linker.instance("optimizer:plugin/interface-of-a-later-host@0.1.0").unwrap();
        interface.func_wrap("answer", |_, (): ()| Ok((42_u64,))).unwrap();
    }
    let settings = BTreeMap::from([("factor".to_owned(), "1.75".to_owned())]);
    let mut strategy = plugin.start_linked(&linker, settings, &limits, 1).unwrap();
    let declared: BTreeSet<String> = strategy.identity().dials.iter().cloned().collect();
    let offer = Arc::new(offer(&dials));
    let mut tick = |tick| {
        let context = ProposalContext::new(Arc::clone(&offer), all.clone(), declared.clone());
        strategy.tick(Arc::new(measured(tick, &gauges)), context)
    };
    (tick(1), tick(2))
}

fn told(response: &Response) -> Vec<&str> {
    response.log.iter().map(|line| line.message.as_str()).collect()
}

/// What was answered to a call of that name.
fn answer<'a>(response: &'a Response, call: &str) -> &'a str {
    let start = format!("{call}: ");
    told(response).into_iter().find_map(|line| line.strip_prefix(&start)).unwrap()
}

#[test]
fn a_component_of_the_first_contract_calls_every_function() {
    let (first, second) = run(false);
    assert_eq!(first.fault, None, "{:?}", first.log);
    assert_eq!(second.fault, Some(host_control::Fault::Answer("the second tick".to_owned())));
    for (call, expected) in [
        ("gauge", "Some(0.5)"),
        ("unknown gauge", "None"),
        ("history", "[0.25, 0.5]"),
        ("since", "AccessBatch { next: 3, lost: 0, keys: [7, 8], sizes: [10, 20], hits: [0, 1] }"),
        ("recent", "[8, 9]"),
        ("range", "Some(DialRange { minimum: 1.0, maximum: 1000.0, value: 100.0 })"),
        ("unknown range", "None"),
        ("choices", r#"["lru", "arc"]"#),
        ("choice", r#"Some("lru")"#),
        ("free-from-tick", "Some(1)"),
        ("clock", r#""virtual""#),
        ("objective", r#""throughput""#),
        ("capacity-unit", r#""bytes""#),
        ("seed", "42"),
        ("keys-ordered", "false"),
        ("fuel-left is above 0", "true"),
        ("time-left-ns is none", "true"),
        ("followed", r#"["lru"]"#),
        ("budget", "2"),
        ("get", r#"Some("1.75")"#),
        ("all", r#"[("factor", "1.75")]"#),
        ("propose-policy", "Ok(Acceptance::Accepted)"),
        ("propose-io-workers", "Ok(Acceptance::Accepted)"),
        ("propose-rule", "Ok(Acceptance::Accepted)"),
        ("propose-withdrawal", "Ok(Acceptance::Accepted)"),
        ("propose-share", "Ok(Acceptance::Accepted)"),
        ("follow", "Ok(())"),
    ] {
        assert_eq!(answer(&first, call), expected, "{call}");
    }
    assert_eq!((first.context.proposals().len(), first.context.rule_proposals().len()), (6, 3));
    assert_eq!(first.context.reason(dial::CACHE_POLICY), Some("arc is what this one likes"));
    assert_eq!(first.context.rules_reason(), Some("a run was seen"));
}

#[test]
fn a_host_that_has_grown_still_runs_it() {
    let (before, after) = (run(false).0, run(true).0);
    assert_eq!(after.fault, None, "{:?}", after.log);
    assert!(answer(&after, "names").contains(NEW_DIAL.name()), "{:?}", after.log);
    assert!(answer(&after, "gauges").contains(NEW_GAUGE), "{:?}", after.log);
    // It asks for both by name, as one would that is built for a later host.
    assert_eq!(answer(&after, "unknown gauge"), "Some(0.5)");
    // What it knew of is as before. Fuel, which names cost too, is not among what it tells.
    let grown = ["names: ", "gauges: ", "unknown gauge: ", "unknown range: "];
    let rest = |response: &Response| {
        let lines =
            told(response).into_iter().filter(|line| !grown.iter().any(|start| line.starts_with(start)));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(rest(&before), rest(&after));
}
