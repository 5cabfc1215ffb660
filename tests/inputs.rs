//! What a run is given: keys that keep their order, sizes that are claims, pipes.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use crate::simulator::simulate;
use crate::support::{fail, host, run, shared_trace, succeed};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn write(dir: &Path, name: &str, content: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&succeed(arguments)).unwrap()
}

/// The report of a profile in virtual time.
fn virtual_run(path: &Path, more: &[&str]) -> Value {
    let arguments = ["sim", text(path), "--profile", "medium", "--capacity", "10%", "--json"];
    json(&[&arguments[..], more].concat())
}

/// Whether a rule for keys at an equal distance was installed.
fn has_run_rule(report: &Value) -> bool {
    report["rules"].to_string().contains("keys at an equal distance")
}

#[test]
fn a_rule_for_runs_fires_on_a_trace_that_is_one_unless_keys_are_hashed() {
    let Some(whole) = shared_trace("loop.trace.gz") else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("loop.lirs");
    succeed(["trace", "convert", text(&whole), "--limit", "20000", "-o", text(&path)]);

    let report = virtual_run(&path, &[]);
    assert!(has_run_rule(&report), "{}", report["rules"]);
    let prefetch = |what: &str| report["prefetch"][what].as_u64().unwrap();
    let used = prefetch("timely") + prefetch("late");
    assert!(used > 5_000, "of 20,000 requests: {}", report["prefetch"]);
    // The keys of this file were numbered as they came, and nobody should be impressed without knowing.
    assert!(report["notes"].to_string().contains("numbered in the order of their first requests"));

    let report = virtual_run(&path, &["--hash-keys"]);
    assert!(!has_run_rule(&report), "{}", report["rules"]);
    assert!(!report["notes"].to_string().contains("numbered in the order"));
}

/// A run that differs by its prefetching alone.
fn prefetching_run(path: &Path, more: &[&str]) -> Value {
    let fixed = ["--unit", "objects", "--capacity", "100", "--hash-keys", "--set", "cache.policy=lru"];
    let alone = ["--set", "strategies.cache-policy.enabled=false", "--set", "cache.shadows=false"];
    let arguments = ["sim", text(path), "--profile", "medium", "--json"];
    json(&[&arguments[..], &fixed, &alone, more].concat())
}

#[test]
fn prefetches_are_charged_and_misses_wait_behind_them() {
    let dir = tempfile::tempdir().unwrap();
    // A loop of 400 keys, and among them keys that come once.
    let keys = (0..20_000_u64).map(|n| if n % 4 == 0 { 1_000_000 + n } else { n % 1_600 });
    let path = write(
        dir.path(),
        "loop.csv",
        &format!("key\n{}", keys.map(|k| format!("{k}\n")).collect::<String>()),
    );
    let off = prefetching_run(&path, &["--set", "prefetch.mode=on-demand", "--origin-slots", "2"]);
    assert_eq!((&off["misses"], &off["origin"]["loads"]), (&20_000.into(), &20_000.into()));
    assert_eq!(off["origin"]["delayed"], 0, "one request at a time");
    let on = prefetching_run(&path, &["--origin-slots", "2"]);
    let count = |what: &Value| what.as_u64().unwrap();
    let issued = count(&on["prefetch"]["issued"]);
    assert_eq!(count(&on["origin"]["loads"]), count(&on["misses"]) + issued);
    // What a load weighs is known when it ends: up to eight are under way when the run does.
    let (weight, loads) = (count(&on["origin"]["weight"]), count(&on["origin"]["loads"]));
    assert!((loads - 8..=loads).contains(&weight), "{weight} of {loads}");
    assert!(count(&on["origin"]["delayed"]) > 100, "{}", on["origin"]);
    let used = count(&on["prefetch"]["timely"]) + count(&on["prefetch"]["late"]);
    assert!(used > 10_000 && count(&on["prefetch"]["withheld"]) > issued / 30, "{}", on["prefetch"]);
    let seconds = |report: &Value| report["seconds"].as_f64().unwrap();
    assert!(seconds(&on) < seconds(&off));
    assert!(seconds(&prefetching_run(&path, &[])) < seconds(&on), "any number of slots");
}

#[test]
fn prefetching_costs_nothing_where_keys_come_at_random() {
    let dir = tempfile::tempdir().unwrap();
    let mut state = 7_u64;
    let random = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{}\n", (state >> 33) % 2_000)
    });
    let path = write(dir.path(), "random.csv", &format!("key\n{}", random.take(40_000).collect::<String>()));
    let off = prefetching_run(&path, &["--set", "prefetch.mode=on-demand"])["misses"].as_u64().unwrap();
    let on = prefetching_run(&path, &[]);
    assert!(on["misses"].as_u64().unwrap() <= off + off / 200, "{off} without, {}", on["prefetch"]);
}

#[test]
fn the_form_of_keys_changes_no_miss_of_a_policy() {
    let dir = tempfile::tempdir().unwrap();
    let lines: String =
        (0..3_000_u64).map(|n| format!("{} {} 0 {n}\n", n * n % 997 * 3, n % 5 + 1)).collect();
    let path = write(dir.path(), "a.lis", &lines);
    let policies = "lru,fifo,lfu,arc,sieve,s3-fifo,w-tinylfu,lirs,2q,belady";
    let misses = |more: &[&str]| {
        let arguments = [&[text(&path), "--policy", policies, "--capacity", "20,10%"], more].concat();
        let rows = simulate(&arguments);
        rows.iter().map(|row| row["misses"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    let by_format = misses(&[]);
    assert_eq!(by_format.len(), 20);
    assert_eq!(misses(&["--hash-keys"]), by_format);
    assert_eq!(misses(&["--ordered-keys"]), by_format);

    // What each policy alone would have missed, in virtual time, where the run's own keys are ordered.
    let report = virtual_run(&path, &[]);
    let fixed = |report: &Value| {
        let mut rows = report["fixed"].as_array().unwrap().clone();
        // Its sketch counts other keys together where their hashes are others.
        rows.retain(|row| row["policy"] != "w-tinylfu");
        rows
    };
    let (fixed, hashed) = (fixed(&report), fixed(&virtual_run(&path, &["--hash-keys"])));
    assert_eq!(fixed, hashed);
    assert_eq!(fixed[0]["policy"], "lru");
    assert_eq!(fixed[0]["misses"].as_u64(), Some(by_format[1]));
}

#[test]
fn a_conversion_writes_hashes_where_it_is_told_to() {
    let dir = tempfile::tempdir().unwrap();
    let lis = write(dir.path(), "a.lis", &"1 200 0 0\n".repeat(3));
    let hashed = dir.path().join("hashed.oracleGeneral");
    succeed(["trace", "convert", text(&lis), "--hash-keys", "-o", text(&hashed)]);
    let described = json(&["trace", "info", text(&hashed), "--ordered-keys", "--json"]);
    assert_eq!((&described["requests"], &described["distinct"]), (&600.into(), &200.into()));
    assert_eq!((&described["sequential_share"], &described["unordered_requests"]), (&0.0.into(), &0.into()));
    let misses = |path: &Path| {
        let rows = simulate(&[text(path), "--policy", "lru,belady", "--capacity", "50"]);
        rows.iter().map(|row| row["misses"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(misses(&hashed), misses(&lis));
}

#[test]
fn a_description_says_which_form_keys_have_and_why() {
    let dir = tempfile::tempdir().unwrap();
    let lis = write(dir.path(), "a.lis", "0 500 0 0\n9007199254740992 2 0 0\n");
    let said = succeed(["trace", "info", text(&lis)]);
    assert!(said.contains("ordered  lis numbers blocks"), "{said}");
    assert!(said.contains("note: 2 requests have keys that are no number below 2^53"), "{said}");
    assert!(said.contains("numbered in the order of their first\nrequests"), "{said}");
    let said = succeed(["trace", "info", text(&lis), "--hash-keys"]);
    assert!(said.contains("hashed  asked for") && !said.contains("note:"), "{said}");

    let plain = write(dir.path(), "b.keys", "1\n2\nx\n");
    assert!(succeed(["trace", "info", text(&plain)]).contains("hashed  plain may hold names"));
    let described = json(&["trace", "info", text(&plain), "--ordered-keys", "--json"]);
    assert_eq!((&described["keys"], &described["keys_because"]), (&"ordered".into(), &"asked for".into()));
    assert_eq!(described["unordered_requests"], 1);
    let said = fail(2, ["trace", "info", text(&plain), "--ordered-keys", "--hash-keys"]);
    assert!(said.contains("cannot be used with"), "{said}");
}

#[test]
fn a_size_of_4_gb_is_a_claim_and_takes_no_memory() {
    let dir = tempfile::tempdir().unwrap();
    let rows: String = (0..3_000).map(|n| format!("{},1000\n", n % 700)).collect();
    let huge = "a,4294967295\nb,4294967295\nc,3221225472\na,4294967295\n";
    let path = write(dir.path(), "huge.csv", &format!("key,size\n{huge}{rows}{huge}"));
    let report =
        json(&["run", "--profile", "memory-constrained", "--against", "start", "--json", text(&path)]);
    for side in ["baseline", "tuned"] {
        assert_eq!(report[side]["requests"], 3_008, "{side}");
        let peak = report[side]["peak_memory_bytes"].as_u64().unwrap();
        assert!(peak < 250_000_000, "{side}: {peak} bytes");
    }
    let notes = report["notes"].to_string();
    assert!(notes.contains("objects of up to 4.3 GB in the trace: 3 above"), "{notes}");
    assert!(notes.contains("so that memory.cap holds; 3 are larger than the cache"), "{notes}");
}

#[cfg(unix)]
#[test]
fn a_pipe_is_waited_for_with_a_word_and_never_read_twice() {
    use std::io::{BufRead as _, BufReader, Write as _};

    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());

    // What has to be read again is refused before anything waits.
    for arguments in [
        vec!["run", "--format", "plain", text(&fifo)],
        vec!["sim", "--format", "plain", "--profile", "medium", "--capacity", "10", text(&fifo)],
    ] {
        let said = run(&arguments);
        assert_eq!(said.status.code(), Some(1), "{arguments:?}: {said:?}");
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.contains("is no regular file and can be read only once"), "{arguments:?}: {said}");
    }

    for command in [&["trace", "info"][..], &["sim", "--policy", "lru", "--capacity", "2"]] {
        let arguments = [command, &["--format", "plain", text(&fifo)]].concat();
        let mut child =
            host().args(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut said).unwrap();
        assert!(said.contains("fifo: is a pipe or a device: waiting"), "{said}");
        std::fs::OpenOptions::new().write(true).open(&fifo).unwrap().write_all(b"1\n2\n1\n").unwrap();
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success(), "{ended:?}");
    }
}
