//! Eviction policies as components, in the simulator: exactly what their native twins do, and a clear end where they fail.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::simulator::simulate;
use crate::support::{MISDEEDS, components, fail, shared_trace, succeed, trace};

/// The policies that come with the host as components.
const BUNDLED: [&str; 8] = ["2q", "clock2q-plus", "lirs", "lru", "s3-fifo", "s4-fifo", "sieve", "w-tinylfu"];

/// Misses by policy and capacity.
fn misses(arguments: &[&str]) -> BTreeMap<(String, u64), u64> {
    let row = |row: &Value| {
        let policy = row["policy"].as_str().unwrap().to_owned();
        ((policy, row["capacity"].as_u64().unwrap()), row["misses"].as_u64().unwrap())
    };
    simulate(arguments).iter().map(row).collect()
}

/// Every bundled policy misses as its native twin does, in each row.
fn twins_agree(trace: &str, more: &[&str]) {
    let list: Vec<String> = BUNDLED.iter().map(|name| format!("{name},plugin:{name}")).collect();
    let list = list.join(",");
    let mut arguments = vec![trace, "--policy", list.as_str()];
    arguments.extend(more);
    let misses = misses(&arguments);
    let twins = misses.iter().filter_map(|((name, capacity), misses)| {
        name.strip_prefix("plugin:").map(|native| (native.to_owned(), *capacity, *misses))
    });
    let mut compared = 0;
    for (native, capacity, its) in twins {
        assert_eq!(its, misses[&(native.clone(), capacity)], "{native} at {capacity} over {trace} {more:?}");
        compared += 1;
    }
    assert!(compared >= BUNDLED.len(), "{misses:?}");
}

#[test]
fn a_component_misses_as_its_native_twin_does() {
    let dir = tempfile::tempdir().unwrap();
    let keys = trace(dir.path(), 30_000);
    let keys = keys.to_str().unwrap();
    twins_agree(keys, &["--capacity", "20,100,1000"]);
    for name in ["sprite.trace.gz", "cloudPhysicsIO.csv.zst"] {
        let Some(path) = shared_trace(name) else { continue };
        twins_agree(path.to_str().unwrap(), &["--capacity", "1%,10%"]);
    }
    // Entries of different sizes.
    if let Some(path) = shared_trace("cloudPhysicsIO.oracleGeneral.bin.zst") {
        twins_agree(path.to_str().unwrap(), &["--capacity", "20MB,200MB"]);
    }
}

#[test]
fn a_component_misses_as_its_native_twin_does_on_every_shared_trace() {
    for name in [
        "OLTP.lis.zst",
        "c2k_web07.txt.zst",
        "corda_vault.txt.zst",
        "cpp.trace.gz",
        "gli.trace.gz",
        "loop.trace.gz",
        "mooncake_conv.txt.zst",
        "multi1.trace.gz",
        "multi2.trace.gz",
        "multi3.trace.gz",
    ] {
        let Some(path) = shared_trace(name) else { continue };
        twins_agree(path.to_str().unwrap(), &["--capacity", "0.1%,1%,10%,50%"]);
    }
}

#[test]
fn a_policy_that_fails_ends_the_simulation_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let keys = trace(dir.path(), 30_000);
    let bad = components()["bad-policy"].to_str().unwrap();
    // It behaves where its capacity names no misdeed, and the row is FIFO's.
    let rows = misses(&[keys.to_str().unwrap(), "--policy", &format!("fifo,{bad}"), "--capacity", "1000"]);
    assert_eq!(rows[&("plugin:bad-policy".to_owned(), 1_000)], rows[&("fifo".to_owned(), 1_000)]);
    let endless = (1, "still running after its deadline of 1000 ms");
    for (misdeed, text) in [endless].into_iter().chain(MISDEEDS) {
        let capacity = (1_000 + misdeed).to_string();
        let error = fail(1, ["sim", keys.to_str().unwrap(), "--policy", bad, "--capacity", &capacity]);
        assert!(error.contains("policy `plugin:bad-policy`: ") && error.contains(text), "{misdeed}: {error}");
    }
}

#[test]
fn what_is_no_policy_is_refused_before_the_trace_is_read() {
    let refused = |policy: &str| fail(2, ["sim", "no-such-trace.txt", "--policy", policy]);
    let error = refused("plugin:seive");
    assert!(error.contains("unknown policy `plugin:seive`, did you mean `plugin:sieve`?"), "{error}");
    assert!(refused("no-such.wasm").contains("no-such.wasm: cannot be read"), "a missing file");
    let strategy = components()["nonsense"].to_str().unwrap();
    let error = refused(strategy);
    assert!(
        error.contains("an eviction policy exports `optimizer:plugin/eviction-policy@0.1.0`")
            && error.contains("exports `describe`, `tick`"),
        "{error}"
    );
    let policy = components()["bad-policy"].to_str().unwrap();
    let inspected = succeed(["plugin", "inspect", policy]);
    assert!(inspected.contains("optimizer:plugin/eviction@0.1.0"), "{inspected}");
    let help = succeed(["sim", "--help"]);
    assert!(help.contains("plugin:"), "{help}");
}
