//! The hostile strategies of the whole project, each on its own: they behave at tick 1 and turn bad at tick 2.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use host_control::{Fault, Response};
use host_plugin::{Limits, LoadError, Source, WasmStrategy};

use super::{LOADER, all, build, limits, out_of_fuel, past_deadline, tick};

/// Copies, because other tests build the same sources into the same place at the same time.
static COMPONENTS: LazyLock<PathBuf> = LazyLock::new(|| {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile");
    std::fs::create_dir_all(&dir).unwrap();
    for built in build("../../tests/components") {
        std::fs::copy(&built.path, dir.join(format!("{}.wasm", built.name))).unwrap();
    }
    dir
});

fn load(name: &str, limits: &Limits) -> Result<WasmStrategy, LoadError> {
    let path = COMPONENTS.join(format!("{name}.wasm"));
    LOADER.load(Source::File(&path), &all(), &Default::default(), limits, 1)
}

/// What the second tick led to, which must be the same twice.
fn second_tick(name: &str) -> Response {
    let run = || {
        let mut strategy = load(name, &limits()).unwrap();
        let first = tick(&mut strategy, 1);
        assert_eq!(first.fault, None, "{name} behaves at first");
        tick(&mut strategy, 2)
    };
    let (once, twice) = (run(), run());
    assert_eq!(once.fault, twice.fault, "{name}");
    assert_eq!(once.usage.fuel, twice.usage.fuel, "{name} burns the same fuel twice");
    assert_eq!(once.log, twice.log, "{name}");
    once
}

fn fault(name: &str) -> Fault {
    second_tick(name).fault.unwrap()
}

#[test]
fn each_is_stopped_for_what_it_did() {
    assert_eq!(fault("loop-forever"), out_of_fuel("loop-forever", limits().fuel));
    let key = "strategies.allocate-forever.limits.memory".to_owned();
    assert_eq!(fault("allocate-forever"), Fault::OutOfMemory { bytes: limits().memory_bytes, key });
    assert_eq!(fault("bad-answer"), Fault::Answer("no idea what to do at tick 2".to_owned()));
    let text = fault("recurse-forever").to_string();
    assert!(text.contains("recursion"), "{text}");
    let text = fault("panics").to_string();
    assert!(
        text.contains("panicked at ") && text.contains("tick 2 is more than this strategy can bear"),
        "{text}"
    );
}

#[test]
fn sleeping_is_no_way_to_hold_a_thread() {
    let deadline = std::time::Duration::from_secs(30);
    let mut strategy = load("sleeps", &Limits { deadline, ..limits() }).unwrap();
    assert_eq!(tick(&mut strategy, 1).fault, None);
    let outcome = tick(&mut strategy, 2);
    assert_eq!(outcome.fault, Some(past_deadline("sleeps", 30_000)));
    assert!(outcome.usage.wall < deadline);
}

#[test]
fn nonsense_is_answered_and_does_no_harm() {
    let outcome = second_tick("nonsense");
    assert_eq!(outcome.fault, None);
    let context = &outcome.context;
    assert_eq!(context.proposals().len() + context.rule_proposals().len(), outcome.log.len());
}

#[test]
fn chatter_is_bounded() {
    let outcome = second_tick("chatty");
    assert_eq!(outcome.fault, None);
    let kept = outcome.context.proposals().len();
    assert_eq!(kept + usize::try_from(outcome.context.ignored()).unwrap(), 100_000);
    assert_eq!(outcome.log.len(), 65);
}

#[test]
fn a_start_that_fails_is_a_load_error() {
    let text = load("loops-in-describe", &limits()).unwrap_err().to_string();
    assert!(
        text.contains("failed at its start, before the first tick: ran out of fuel after 1000000000 units"),
        "{text}"
    );
    let text = load("bad-name", &limits()).unwrap_err().to_string();
    assert!(
        text.ends_with(
            "bad description: name `../Bad Name ` holds `.`: only lower-case letters, digits and `-` are allowed; a name is \
             for example `cache-policy` or `tuner-2`. The component's `describe` has to change"
        ),
        "{text}"
    );
}

#[test]
fn the_readme_s_strategy_runs() {
    let outcome = second_tick("drop-in");
    assert_eq!(outcome.fault, None);
}
