//! What is loaded before it is asked for: the modes, and what was hot before.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{fail, run, succeed};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&succeed(arguments)).unwrap()
}

/// 60 keys that are asked for again and again, and 400 that are asked for once or twice.
fn recording(dir: &Path) -> PathBuf {
    let path = dir.join("requests.csv");
    let key = |n: u64| if n.is_multiple_of(3) { 1_000 + n / 3 % 400 } else { n * n % 61 };
    let rows: String = (0..1_500).map(|n| format!("{}\n", key(n))).collect();
    std::fs::write(&path, format!("key\n{rows}")).unwrap();
    path
}

/// A run whose strategies change nothing.
fn still(path: &Path, more: &[&str]) -> Value {
    let arguments = ["run", text(path), "--json", "--capacity", "64MB", "--set", "control.enabled=false"];
    json(&[&arguments[..], more].concat())
}

fn count(report: &Value, what: &str) -> u64 {
    report["tuned"]["warming"][what].as_u64().unwrap_or_else(|| panic!("no {what} in {report}"))
}

#[test]
fn a_run_leaves_its_hottest_keys_and_the_next_one_begins_with_them() {
    let dir = tempfile::tempdir().unwrap();
    let (path, hot) = (recording(dir.path()), dir.path().join("hot.csv"));
    let first = still(&path, &["--save-hot", text(&hot)]);
    assert!(first["tuned"]["warming"].is_null());
    assert!(first["notes"].to_string().contains("hottest keys in "), "{}", first["notes"]);
    let saved = std::fs::read_to_string(&hot).unwrap();
    let requests: Vec<u64> =
        saved.lines().skip(1).map(|row| row.split_once(',').unwrap().1.parse().unwrap()).collect();
    assert!(saved.starts_with("block,requests\n") && requests.is_sorted_by(|a, b| a >= b), "{saved}");
    assert!(requests.len() > 60 && requests[0] > 10, "{saved}");

    let cold = first["tuned"]["misses"].as_u64().unwrap();
    for from in [&hot, &path] {
        let second = still(&path, &["--warm", text(from), "--save-hot", text(&hot)]);
        let (loaded, asked) = (count(&second, "loaded"), count(&second, "asked"));
        assert!(loaded > 60 && asked == loaded, "all fits: {}", second["tuned"]["warming"]);
        assert_eq!(count(&second, "loaded_before"), loaded);
        assert_eq!(second["tuned"]["misses"].as_u64().unwrap() + asked, cold, "each is a miss less");
        assert_eq!(second["tuned"]["prefetched"].as_u64(), Some(asked));
        assert!(second["tuned"]["warming"]["saved_seconds"].as_f64().unwrap() > 0.0);
    }
    let said = succeed(["run", text(&path), "--warm", text(&hot), "--capacity", "64MB"]);
    assert!(said.contains("warmed: ") && said.contains(" s before the run"), "{said}");
    assert!(said.contains("of loading saved"), "{said}");
}

#[test]
fn a_profile_names_the_file_of_the_last_run_which_the_first_has_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = recording(dir.path());
    let profile = dir.path().join("mine.toml");
    let keys = "prefetch = { mode = \"full\", warm = \"hot.csv\", save-hot = \"hot.csv\" }\n";
    std::fs::write(&profile, format!("base = \"small\"\n{keys}")).unwrap();
    let first = still(&path, &["--profile", text(&profile)]);
    assert!(first["notes"].to_string().contains("hot.csv is not there yet"), "{}", first["notes"]);
    let second = still(&path, &["--profile", text(&profile)]);
    assert!(count(&second, "asked") > 60, "{}", second["tuned"]["warming"]);
    // The first request waits for nothing: what is loaded is loaded beside the run, if a quiet period comes.
    let third = still(&path, &["--profile", text(&profile), "--warm-for", "0s"]);
    assert_eq!((count(&third, "loaded_before"), count(&third, "wasted")), (0, 0));
    let dormant = still(&path, &["--profile", text(&profile), "--set", "prefetch.mode=predictive"]);
    assert!(dormant["tuned"]["warming"].is_null());
    assert!(dormant["notes"].to_string().contains("prefetch.mode predictive warms nothing"));
}

#[test]
fn files_are_known_by_their_path_from_run_to_run() {
    let dir = tempfile::tempdir().unwrap();
    let (tree, hot) = (dir.path().join("tree"), dir.path().join("hot.csv"));
    std::fs::create_dir_all(tree.join("sub")).unwrap();
    for n in 0..20 {
        std::fs::write(tree.join(format!("sub/{n}.rs")), format!("fn f{n}() {{}}\n")).unwrap();
    }
    still(&tree, &["--save-hot", text(&hot), "--passes", "2"]);
    let saved = std::fs::read_to_string(&hot).unwrap();
    assert!(saved.starts_with("path,requests\nsub/") && saved.contains("sub/7.rs,2\n"), "{saved}");
    // Every number is another one's now.
    std::fs::write(tree.join("a.rs"), "fn a() {}\n").unwrap();
    std::fs::remove_file(tree.join("sub/7.rs")).unwrap();
    let second = still(&tree, &["--warm", text(&hot), "--passes", "1"]);
    assert_eq!((count(&second, "named"), count(&second, "unknown")), (20, 1));
    assert_eq!((count(&second, "asked"), second["tuned"]["misses"].as_u64()), (19, Some(1)));
    assert_eq!(second["workload"]["totals"]["files"], 20);
}

#[test]
fn in_virtual_time_warming_takes_its_misses_away_and_adds_none_the_same_bytes_twice() {
    let dir = tempfile::tempdir().unwrap();
    let (path, hot) = (recording(dir.path()), dir.path().join("hot.csv"));
    let arguments = |policy: &str, more: &[&str]| {
        let set = format!("cache.policy={policy}");
        let fixed =
            ["sim", text(&path), "--profile", "medium", "--json", "--unit", "objects", "--capacity", "40"];
        let alone = ["--set", "control.enabled=false", "--set", &set];
        succeed([&fixed[..], &alone, more].concat())
    };
    let report =
        |policy: &str, more: &[&str]| serde_json::from_str::<Value>(&arguments(policy, more)).unwrap();
    report("lru", &["--save-hot", text(&hot)]);
    let saved = std::fs::read_to_string(&hot).unwrap();
    std::fs::write(&hot, format!("{saved}123456789,1\n")).unwrap();
    for policy in ["lru", "lfu", "arc", "lirs", "w-tinylfu", "sieve"] {
        let cold = report(policy, &[]);
        let warm = report(policy, &["--warm", text(&hot)]);
        let of = |what: &str| warm["warming"][what].as_u64().unwrap();
        assert_eq!((of("loaded"), of("loaded_before")), (40, 40), "{policy}: {}", warm["warming"]);
        assert!(of("asked") > 10, "{policy}: {}", warm["warming"]);
        assert_eq!((of("unknown"), of("not_reached")), (1, 0), "{policy}: {}", warm["warming"]);
        let misses = |report: &Value| report["misses"].as_u64().unwrap();
        assert_eq!(misses(&warm) + of("asked"), misses(&cold), "{policy}");
        assert_eq!(warm["origin"]["loads"].as_u64(), Some(misses(&warm) + of("loaded")), "{policy}");
        assert!(warm["seconds"].as_f64().unwrap() < cold["seconds"].as_f64().unwrap(), "{policy}");
    }
    assert_eq!(arguments("arc", &["--warm", text(&hot)]), arguments("arc", &["--warm", text(&hot)]));
}

#[test]
fn what_is_wrong_with_the_file_is_told_before_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let (path, hot) = (recording(dir.path()), dir.path().join("hot.csv"));
    let warm = |more: &[&str]| fail(1, [&["run", text(&path), "--warm", text(&hot)], more].concat());
    assert!(warm(&[]).contains("hot.csv: no such file"));
    let profile = format!("prefetch.warm={}", text(&hot));
    for (content, said) in [
        ("block,requests\n7,3\n8,x\n", "hot.csv: line 3: expected a row whose size column holds bytes"),
        ("block,requests\n", "hot.csv: is empty: it holds no request"),
        ("", "hot.csv: is empty: it holds no request"),
        ("name,times\n7,3\n", "hot.csv: line 1: no key column"),
    ] {
        std::fs::write(&hot, content).unwrap();
        assert!(warm(&[]).contains(said), "{content:?}: {}", warm(&[]));
        // Of a profile's file only that it is missing is no error.
        let set = ["run", text(&path), "--set", "prefetch.mode=full", "--set", &profile];
        assert!(fail(1, set).contains(said), "{content:?}");
    }
    let off = ["run", text(&path), "--warm", text(&hot), "--set", "prefetch.mode=on-demand"];
    let said = fail(2, off);
    assert!(said.contains("which prefetch.mode=on-demand leaves out: prefetch.mode=full takes it"), "{said}");
    let said = fail(1, ["run", text(&path), "--save-hot", text(&path)]);
    assert!(said.contains("hot keys cannot be saved there: is the input"), "{said}");
    let said = fail(1, ["run", text(&path), "--save-hot", text(&dir.path().join("no/hot.csv"))]);
    assert!(said.contains("hot.csv: hot keys cannot be saved there: "), "{said}");
    std::fs::write(&hot, "block,requests\n7,3\n").unwrap();
    let said = succeed(["run", text(&path), "--warm", text(&hot)]);
    assert!(said.contains("1 are unknown to the origin"), "{said}");
}

#[test]
fn a_mode_that_is_none_is_answered_with_the_four() {
    let said = fail(2, ["run", "--set", "prefetch.mode=eager"]);
    assert!(
        said.contains("expected one of on-demand, progressive, predictive, full, got \"eager\""),
        "{said}"
    );
    let said = fail(2, ["run", "--set", "prefetch.enabled=false"]);
    assert!(said.contains("prefetch.enabled: no such key"), "{said}");
}

#[test]
fn each_mode_takes_the_rules_that_are_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("loop.csv");
    let keys: String = (0..12_000_u64).map(|n| format!("{}\n", n * n % 809 % 600)).collect();
    std::fs::write(&path, format!("key\n{keys}")).unwrap();
    let report = |mode: &str| {
        let set = format!("prefetch.mode={mode}");
        json(&["sim", text(&path), "--profile", "medium", "--capacity", "10%", "--json", "--set", &set])
    };
    let ledger_of = |report: &Value| report["rules"].to_string();
    let on_demand = report("on-demand");
    assert_eq!((&on_demand["rules"], &on_demand["prefetch"]["issued"]), (&Value::Array(vec![]), &0.into()));
    let progressive = report("progressive");
    assert!(ledger_of(&progressive).contains("followed the last time"), "{progressive}");
    assert!(!ledger_of(&progressive).contains("after key"), "{progressive}");
    // Streams need an order of the keys: one rule is left of the two.
    assert_eq!(progressive["rules"][0]["to"], 1);
    assert_eq!(progressive["rules"].as_array().unwrap().len(), 1, "{}", progressive["rules"]);
    let notes = progressive["notes"].to_string();
    assert!(
        notes.contains("prefetch-rules: 0 proposals clamped") && notes.contains("(prefetch.mode)"),
        "{notes}"
    );
    let predictive = report("predictive");
    assert_eq!(predictive["rules"][0]["to"], 2, "{}", predictive["rules"]);
    assert_eq!(predictive["rules"], report("full")["rules"]);
    assert!(!predictive["notes"].to_string().contains("prefetch.mode"));
}

#[test]
fn a_damaged_recording_is_told_as_one() {
    let dir = tempfile::tempdir().unwrap();
    let (path, broken) = (recording(dir.path()), dir.path().join("a.lis"));
    std::fs::write(&broken, "5 2 0 0\n6 x 0 1\n").unwrap();
    let output = run(["sim", text(&path), "--profile", "medium", "--warm", text(&broken)]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("a.lis: line 2: expected "), "{said}");
}
