//! What an author asks of a component before anybody runs it: check, test, bench.

use std::path::Path;

use host_contract::number::to_f64;
use serde_json::Value;

use crate::support::{bad_policy, components, fail, run, shared_trace, succeed, trace};

/// What a check found: whether the component is sound, and the findings.
fn check(arguments: &[&str]) -> (bool, Vec<Value>) {
    // A slow machine is no fault of a component.
    let flags = ["plugin", "check", "--json", "--set", "limits.deadline=30s"];
    let output = run(flags.iter().chain(arguments));
    let checked: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let sound = checked["sound"].as_bool().unwrap();
    assert_eq!(output.status.code(), Some(i32::from(!sound)), "{output:?}");
    (sound, checked["findings"].as_array().unwrap().clone())
}

/// The finding of that name and verdict.
fn finding<'a>(findings: &'a [Value], check: &str, verdict: &str) -> &'a str {
    let found = findings.iter().find(|finding| finding["check"] == check && finding["verdict"] == verdict);
    found.unwrap_or_else(|| panic!("no {verdict} {check} in {findings:#?}"))["text"].as_str().unwrap()
}

fn component(name: &str) -> &'static str {
    components()[name].to_str().unwrap()
}

#[test]
fn bundled_components_are_sound() {
    for name in ["cache-policy", "prefetch-rules", "worker-sizing"] {
        let (sound, findings) = check(&[name]);
        assert!(sound, "{name}: {findings:#?}");
        let text = finding(&findings, "tick", "sound");
        assert!(
            text.starts_with("12 ticks, at most ") && text.contains("of 50,000,000 units of fuel"),
            "{text}"
        );
        assert!(
            finding(&findings, "imports", "sound").contains("granted by profile medium"),
            "{findings:#?}"
        );
        finding(&findings, "determinism", "sound");
    }
    for name in ["2q", "clock2q-plus", "lirs", "lru", "s3-fifo", "s4-fifo", "sieve", "w-tinylfu"] {
        let (sound, findings) = check(&[name]);
        assert!(sound, "{name}: {findings:#?}");
        assert!(finding(&findings, "batch", "sound").contains("every answer fits"), "{findings:#?}");
        finding(&findings, "determinism", "sound");
        finding(&findings, "twin", "sound");
    }
    let text = succeed(["plugin", "check", "sieve"]);
    let last = text.lines().last().unwrap();
    assert!(text.starts_with("ok     file") && last == "sound", "{text}");
}

#[test]
fn what_a_profile_grants_is_held_against_what_a_component_imports() {
    let file = component("drop-in");
    let (sound, findings) = check(&[file]);
    assert!(sound, "no profile names it, and that is no fault of its own: {findings:#?}");
    let text = finding(&findings, "imports", "note");
    let line = "strategies.grow-while-evicting = { grants = [\"metrics\", \"cache-control\"] }";
    assert!(text.contains("does not name `grow-while-evicting`") && text.contains(line), "{text}");
    let with =
        |grants: &str| check(&[file, "--set", &format!("strategies.grow-while-evicting.grants=[{grants}]")]);
    let (sound, findings) = with("\"metrics\"");
    let text = finding(&findings, "imports", "wrong");
    assert!(!sound && text.contains("does not grant `cache-control`") && text.contains(line), "{text}");
    // All the rest is looked at as well.
    finding(&findings, "tick", "sound");
    let (sound, findings) = with("\"metrics\", \"cache-control\", \"log\"");
    assert!(sound && finding(&findings, "imports", "note").contains("also grants `log`"), "{findings:#?}");
    let (sound, findings) = with("\"metrics\", \"cache-control\"");
    finding(&findings, "imports", "sound");
    assert!(
        sound && finding(&findings, "proposals", "sound").contains(" taken and 0 refused"),
        "{findings:#?}"
    );
}

#[test]
fn a_strategy_that_fails_in_a_tick_is_wrong_with_the_reason() {
    for (name, text) in [
        ("panics", "tick 2 is more than this strategy can bear"),
        ("loop-forever", "raise `strategies.loop-forever.limits."),
        ("allocate-forever", "raise `strategies.allocate-forever.limits.memory`"),
        ("recurse-forever", "recursion"),
        ("bad-answer", "no idea what to do at tick 2"),
        ("sleeps", "raise `strategies.sleeps.limits.deadline`"),
    ] {
        let (sound, findings) = check(&[component(name), "--set", "limits.memory=16MB"]);
        let found = finding(&findings, "tick", "wrong");
        assert!(
            !sound && found.starts_with("tick 2, a usual one: ") && found.contains(text),
            "{name}: {found}"
        );
    }
    let (_, findings) = check(&[component("nonsense")]);
    assert!(finding(&findings, "proposals", "note").contains("the first one objected to: "), "{findings:#?}");
}

#[test]
fn what_cannot_be_opened_has_one_finding() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let module = file("module.wasm", b"\0asm\x01\0\0\0");
    let empty = file("empty.wasm", b"");
    let whole = std::fs::read(component("drop-in")).unwrap();
    let cut = file("cut.wasm", &whole[..whole.len() / 2]);
    for (path, step, text) in [
        ("no-such.wasm", "file", "cannot be read"),
        (empty.as_str(), "component", "the file is empty"),
        (module.as_str(), "component", "a core module"),
        (cut.as_str(), "component", "not a valid component"),
        (component("bad-name"), "description", "lower-case letters"),
        (component("loops-in-describe"), "start", "ran out of fuel"),
    ] {
        let (sound, findings) = check(&[path]);
        let found = finding(&findings, step, "wrong");
        assert!(!sound && findings.len() == 1 && found.contains(text), "{path}: {findings:#?}");
    }
    let output = run(["plugin", "check", "no-such.wasm"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("WRONG  file ") && text.ends_with("1 thing is wrong\n"), "{text}");
}

#[test]
fn a_setting_that_does_not_fit_is_wrong() {
    let worst = component("worst");
    let (sound, findings) = check(&[worst]);
    let text = finding(&findings, "settings", "sound");
    assert!(
        sound && text.starts_with("how (text workers|turns|") && text.ends_with("default workers)"),
        "{text}"
    );
    let grants = "strategies.worst.grants=[\"dials\", \"cache-control\", \"executor-control\", \"prefetch-control\", \"settings\"]";
    let (sound, findings) =
        check(&[worst, "--set", grants, "--set", "strategies.worst.settings.how=sideways"]);
    assert!(!sound && finding(&findings, "settings", "wrong").contains("`sideways`"), "{findings:#?}");
}

#[test]
fn a_policy_that_depends_on_where_batches_end_is_not_deterministic() {
    let (sound, findings) = check(&[component("late-hits")]);
    let text = finding(&findings, "determinism", "wrong");
    assert!(!sound && text.contains("another entry leaves where batches end elsewhere"), "{text}");
    finding(&findings, "batch", "sound");
    let dir = tempfile::tempdir().unwrap();
    let bad = dir.path().join("bad-policy.wasm");
    std::fs::write(&bad, bad_policy(4)).unwrap();
    let (sound, findings) = check(&[bad.to_str().unwrap()]);
    assert!(!sound && finding(&findings, "batch", "wrong").contains("wit/eviction.wit"), "{findings:#?}");
}

#[test]
fn a_policy_is_tested_beside_others_and_its_native_twin() {
    let dir = tempfile::tempdir().unwrap();
    let keys = trace(dir.path(), 30_000);
    let keys = keys.to_str().unwrap();
    let text = succeed(["plugin", "test", "sieve", "--trace", keys]);
    for part in ["1% = ", "10% = ", "plugin:sieve", "lru", "arc", "GAIN %", "30,000 requests"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json = succeed(["plugin", "test", "sieve", "--trace", keys, "--capacity", "100", "--json"]);
    let tested: Value = serde_json::from_str(&json).unwrap();
    let rows = tested["rows"].as_array().unwrap();
    let names: Vec<&str> = rows.iter().map(|row| row["policy"].as_str().unwrap()).collect();
    assert_eq!(names, ["plugin:sieve", "lru", "arc", "sieve"]);
    let misses: Vec<u64> = rows.iter().map(|row| row["misses"].as_u64().unwrap()).collect();
    assert_eq!(misses[0], misses[3], "the twin misses as often");
    assert_eq!((rows[0]["gain"].as_f64(), rows[3]["gain"].as_f64()), (None, Some(0.0)));
    let gain = 1.0 - to_f64(misses[0]) / to_f64(misses[1]);
    assert!((rows[1]["gain"].as_f64().unwrap() - gain).abs() < 1e-9, "{rows:?}");
    // A component of somebody else's beside policies that were named.
    let text = succeed([
        "plugin",
        "test",
        component("late-hits"),
        "--trace",
        keys,
        "--against",
        "fifo,belady",
        "--capacity",
        "200",
    ]);
    assert!(text.contains("plugin:late-hits") && text.contains("belady") && !text.contains("arc"), "{text}");
}

#[test]
fn a_strategy_is_tested_beside_the_same_settings_without_it() {
    let dir = tempfile::tempdir().unwrap();
    let keys = trace(dir.path(), 30_000);
    let keys = keys.to_str().unwrap();
    let arguments = ["plugin", "test", component("drop-in"), "--trace", keys, "--capacity", "1%"];
    let text = succeed(arguments);
    for part in ["without strategies", "with grow-while-evicting", "LOADS", " decision", "units of fuel"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json = succeed(arguments.iter().chain(&["--json"]));
    let tested: Value = serde_json::from_str(&json).unwrap();
    let row = &tested["rows"][0];
    let misses = |run: &str| row[run]["misses"].as_u64().unwrap();
    // It grows a cache that evicts.
    assert!(misses("with") < misses("without") && row["gain"].as_f64().unwrap() > 0.0, "{row}");
    assert!(row["without"]["decisions"].as_array().unwrap().is_empty(), "{row}");
    assert!(!row["with"]["decisions"].as_array().unwrap().is_empty(), "{row}");
    assert_eq!(succeed(arguments), text, "in virtual time");
    // The bundled one, by its name, with prefetches.
    let text = succeed(["plugin", "test", "prefetch-rules", "--trace", keys, "--capacity", "10%"]);
    assert!(text.contains("with prefetch-rules"), "{text}");
}

#[test]
fn a_strategy_that_fails_in_its_test_ends_with_one() {
    let dir = tempfile::tempdir().unwrap();
    let keys = trace(dir.path(), 5_000);
    let output = run(["plugin", "test", component("panics"), "--trace", keys.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(": tick 2: ") && text.contains("more than this strategy can bear"), "{text}");
}

#[test]
fn what_a_test_is_given_wrong_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let keys = trace(dir.path(), 1_000);
    let keys = keys.to_str().unwrap();
    let file = component("drop-in");
    let text = fail(2, ["plugin", "test", file]);
    assert!(text.contains("--trace"), "{text}");
    let text = fail(1, ["plugin", "test", file, "--trace", keys, "--against", "lru"]);
    assert!(text.contains("--against is for eviction policies"), "{text}");
    let text = fail(2, ["plugin", "test", "sieve", "--trace", keys, "--against", "lur"]);
    assert!(text.contains("did you mean `lru`"), "{text}");
    let text = fail(2, ["plugin", "test", "sieve", "--trace", keys, "--capacity", "lots"]);
    assert!(text.contains("expected objects (1000)"), "{text}");
    let text = fail(1, ["plugin", "test", "sieve", "--trace", "no-such.txt"]);
    assert!(text.contains("no-such.txt"), "{text}");
    let text = fail(1, ["plugin", "test", "no-such.wasm", "--trace", keys]);
    assert!(text.contains("no-such.wasm: cannot be read"), "{text}");
    if cfg!(unix) {
        let text = fail(1, ["plugin", "test", file, "--trace", "/dev/null"]);
        assert!(
            text.contains("/dev/null: is a pipe or a device") && text.contains("save the trace"),
            "{text}"
        );
    }
    let text = fail(1, ["plugin", "test", "sieve", "--trace", keys, "--capacity", "1MB"]);
    assert!(text.contains("gives no sizes"), "{text}");
}

#[test]
fn a_bench_says_what_was_measured() {
    let text = succeed(["plugin", "bench", "sieve", "--requests", "20000", "--rounds", "3"]);
    for part in [
        "20,000 requests by Zipf's law",
        "median of 3 rounds",
        "plugin:sieve",
        "sieve (native)",
        "misses as often",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let bench = |arguments: &[&str]| -> Value {
        let json = succeed(["plugin", "bench", "--json", "--rounds", "3"].iter().chain(arguments));
        serde_json::from_str(&json).unwrap()
    };
    let measured = bench(&["lru", "--requests", "20000"]);
    assert_eq!(measured["component"]["misses"], measured["native"]["misses"]);
    for policy in ["component", "native"] {
        let spread = &measured[policy]["ns_per_event"];
        let figure = |name: &str| spread[name].as_f64().unwrap();
        assert!(
            figure("least") > 0.0
                && figure("least") <= figure("median")
                && figure("median") <= figure("most")
        );
    }
    assert!(measured["memory_bytes"].as_u64().unwrap() > 0, "{measured}");
    assert!(bench(&[component("late-hits"), "--requests", "20000"])["native"].is_null());
    let text = succeed(["plugin", "bench", component("drop-in"), "--rounds", "2"]);
    assert!(
        text.contains("200 ticks") && text.contains("fuel: ") && text.contains("no native twin"),
        "{text}"
    );
    let measured = bench(&["cache-policy"]);
    assert!(measured["fuel_per_tick"].as_u64().unwrap() > 0, "{measured}");
    assert_eq!(
        measured["fuel_per_tick"],
        bench(&["cache-policy"])["fuel_per_tick"],
        "fuel is the same each time"
    );
    let text = fail(1, ["plugin", "bench", component("panics")]);
    assert!(
        text.contains("failed while it was measured: tick 2") && text.contains("host plugin check"),
        "{text}"
    );
}

#[test]
fn a_shared_trace_shows_what_a_policy_gains() {
    let Some(path) = shared_trace("OLTP.lis.zst") else { return };
    let json = succeed([
        Path::new("plugin"),
        Path::new("test"),
        Path::new("s3-fifo"),
        Path::new("--trace"),
        &path,
        Path::new("--json"),
    ]);
    let tested: Value = serde_json::from_str(&json).unwrap();
    let gains = tested["rows"].as_array().unwrap().iter().filter(|row| row["policy"] == "lru");
    let gains: Vec<f64> = gains.map(|row| row["gain"].as_f64().unwrap()).collect();
    assert!(gains.len() == 2 && gains.iter().all(|gain| *gain > 0.0), "{gains:?}");
}
