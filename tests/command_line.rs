//! Every command as a stranger would call it.

use std::path::Path;

use host_contract::{Dials, Gauges};

use crate::support::{fail, host, repository, succeed};

#[test]
fn every_command_explains_itself() {
    for command in [
        &["--help"][..],
        &["run", "--help"],
        &["sim", "--help"],
        &["trace", "--help"],
        &["trace", "info", "--help"],
        &["trace", "convert", "--help"],
        &["plugin", "--help"],
        &["plugin", "list", "--help"],
        &["plugin", "inspect", "--help"],
        &["plugin", "new", "--help"],
        &["plugin", "check", "--help"],
        &["plugin", "test", "--help"],
        &["plugin", "bench", "--help"],
        &["plugin", "lock", "--help"],
        &["plugin", "logs", "--help"],
        &["plugin", "reset", "--help"],
        &["plugin", "gauges", "--help"],
        &["plugin", "dials", "--help"],
        &["profile", "--help"],
        &["profile", "list", "--help"],
        &["profile", "show", "--help"],
        &["profile", "detect", "--help"],
        &["ledger", "--help"],
        &["ledger", "show", "--help"],
    ] {
        let text = succeed(command);
        assert!(text.contains("Usage: host"), "{command:?}: {text}");
    }
    assert!(succeed(["--help"]).contains("Exit codes:"));
}

#[test]
fn wrong_arguments_end_with_two_and_a_hint() {
    let text = fail(2, ["run", "--profil", "medium"]);
    assert!(text.contains("--profile"), "{text}");
    let text = fail(2, ["simulate"]);
    assert!(text.contains("unrecognized subcommand"), "{text}");
    let text = fail(2, ["run", "--passes", "0", "."]);
    assert!(text.contains("0 is not in 1..=1000"), "{text}");
    let text = fail(2, ["run", "--origin-latency", "soon"]);
    assert!(text.contains("--origin-latency"), "{text}");
}

#[test]
fn what_is_handed_in_wrong_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let text = fail(1, ["run", empty.to_str().unwrap()]);
    assert!(text.contains("no file to work on"), "{text}");
    let text = fail(1, ["run", "no/such/path"]);
    assert!(text.contains("no/such/path"), "{text}");
    let text = fail(2, ["run", "--profile", "medum"]);
    assert!(text.contains("medum") && text.contains("medium"), "{text}");
    let text = fail(2, ["run", "--set", "cache.capcity=1MB"]);
    assert!(text.contains("cache.capcity") && text.contains("cache.capacity"), "{text}");
    let text = fail(2, ["run", "--set", "strategies.cache-polcy.enabled=false"]);
    assert!(text.contains("cache-polcy") && text.contains("cache-policy"), "{text}");
    let text = fail(1, ["run", "--ledger", "no/such/dir/l.jsonl", dir.path().to_str().unwrap()]);
    assert!(text.contains("the ledger cannot be created"), "{text}");
    let bad = dir.path().join("bad.lis");
    std::fs::write(&bad, "1 2 x 4\nnonsense here\n").unwrap();
    let text = fail(1, ["run", bad.to_str().unwrap()]);
    assert!(text.contains("bad.lis") && text.contains('1'), "{text}");
}

#[test]
fn a_profile_of_ones_own_is_checked_with_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mine.toml");
    std::fs::write(&path, "[cache]\npolicy = \"lru\"\ncapacity = \"10 parsecs\"\n").unwrap();
    let text = fail(2, ["profile", "show", path.to_str().unwrap()]);
    assert!(text.contains("mine.toml:3") && text.contains("cache.capacity"), "{text}");
}

#[test]
fn profiles_are_listed_shown_and_detected() {
    let list = succeed(["profile", "list"]);
    for name in ["small", "medium", "large", "high-performance", "memory-constrained", "cpu-constrained"] {
        assert!(list.contains(name), "{list}");
        assert!(succeed(["profile", "show", name]).contains(&format!("profile {name}")), "{name}");
    }
    let show = succeed(["profile", "show", "medium", "--set", "cache.policy=arc"]);
    assert!(show.contains("flag --set") && show.contains("default"), "{show}");
    let detect = succeed(["profile", "detect", env!("CARGO_MANIFEST_DIR")]);
    assert!(detect.starts_with("small") && detect.contains("fewer than 1000"), "{detect}");
}

#[test]
fn bundled_strategies_are_listed_and_inspected() {
    let list = succeed(["plugin", "list"]);
    for name in ["cache-policy", "prefetch-rules", "worker-sizing"] {
        assert!(list.contains(name), "{list}");
        let text = succeed(["plugin", "inspect", name]);
        assert!(text.contains("optimizer:plugin/strategy@0.1.0"), "{text}");
        assert!(text.contains("granted by profile medium") && !text.contains("NOT granted"), "{text}");
        assert!(text.contains("digest") && text.contains("describe, tick"), "{text}");
    }
    let text = succeed([
        "plugin",
        "inspect",
        "cache-policy",
        "--set",
        "strategies.cache-policy.grants=[\"metrics\"]",
    ]);
    assert!(text.contains("NOT granted by profile medium: add \"cache-control\""), "{text}");
}

#[test]
fn gauges_and_dials_are_those_of_the_contract() {
    let rows = |what: &str| -> Vec<serde_json::Value> {
        serde_json::from_str(&succeed(["plugin", what, "--json"])).unwrap()
    };
    let (gauges, dials) = (rows("gauges"), rows("dials"));
    let (gauges_text, dials_text) = (succeed(["plugin", "gauges"]), succeed(["plugin", "dials"]));
    assert_eq!(gauges.len(), Gauges::built_in().iter().count());
    assert_eq!(dials.len(), Dials::built_in().iter().count());
    for (row, known) in gauges.iter().zip(Gauges::built_in().iter()) {
        assert_eq!((&row["name"], &row["unit"]), (&known.name.into(), &known.unit.into()));
        let told = |line: &str| line.starts_with(known.name) && line.ends_with(known.meaning);
        assert!(gauges_text.lines().any(told), "{gauges_text}");
    }
    for (row, known) in dials.iter().zip(Dials::built_in().iter()) {
        assert_eq!((&row["name"], &row["start"]), (&known.dial.name().into(), &known.keys.start.into()));
        let told = |line: &str| {
            line.starts_with(known.dial.name())
                && line.contains(known.keys.start)
                && line.ends_with(known.meaning)
        };
        assert!(dials_text.lines().any(told), "{dials_text}");
    }
    // Each key that is named is a key of the profile.
    let shown = succeed(["profile", "show", "medium"]);
    for key in dials.iter().flat_map(|row| ["start", "min", "max"].map(|key| row[key].as_str())).flatten() {
        assert!(shown.lines().any(|line| line.split(' ').next() == Some(key)), "{key}: {shown}");
    }
}

#[test]
fn the_log_is_silent_until_it_is_asked_for() {
    let show = |arguments: &[&str], variable: &str| {
        let output =
            host().args(arguments).args(["profile", "list"]).env("HOST_LOG", variable).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (list, silence) = show(&[], "");
    assert_eq!(silence, "");
    for (arguments, variable) in
        [(&["--log", "info"][..], ""), (&[], "host=info"), (&["--log", "info"], "off")]
    {
        let (same, text) = show(arguments, variable);
        assert_eq!(same, list, "the log is not part of the output");
        assert!(text.contains("INFO host::log: the log begins"), "{arguments:?}: {text}");
    }
    assert_eq!(show(&["--log", "warn"], "info").1, "", "the flag wins");
    let (_, lines) = show(&["--log", "trace", "--log-format", "json"], "");
    assert!(!lines.is_empty());
    for line in lines.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event["level"].is_string() && event["target"].is_string(), "{line}");
    }
}

#[test]
fn the_profiles_of_the_examples_load() {
    let folder = repository().join("examples/strategies");
    let languages: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(languages.len(), 3, "{languages:?}");
    for language in languages {
        let shown = succeed([Path::new("profile"), Path::new("show"), &language.join("profile.toml")]);
        assert!(
            shown.lines().any(|line| line.contains(".grants") && line.contains("profile.toml:")),
            "{shown}"
        );
    }
}

#[test]
fn the_log_tells_what_each_start_and_each_tick_took() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace.txt");
    let keys: Vec<String> = (0..750).map(|key| key.to_string()).collect();
    std::fs::write(&trace, keys.join("\n")).unwrap();
    let output = host()
        .args(["sim", "--profile", "medium", "--capacity", "100", "--tick-requests", "250"])
        .args(["--log", "host_plugin=debug", "--log-format", "json"])
        .arg(&trace)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let log = String::from_utf8(output.stderr).unwrap();
    let events =
        log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["fields"].take());
    let of_one: Vec<_> = events.filter(|fields| fields["name"] == "cache-policy").collect();
    let saying =
        |message: &str| of_one.iter().filter(|fields| fields["message"] == message).collect::<Vec<_>>();
    let (started, ticked) = (saying("started"), saying("ticked"));
    assert_eq!((started.len(), ticked.len()), (1, 4), "{log}");
    for fields in started.iter().chain(&ticked) {
        assert!(
            fields["fuel"].as_u64().unwrap() > 0 && fields["memory_bytes"].as_u64().unwrap() > 0,
            "{fields}"
        );
    }
    let ticks: Vec<_> = ticked.iter().map(|fields| fields["tick"].as_u64().unwrap()).collect();
    assert_eq!(ticks, [1, 2, 3, 4], "one comes before the first request");
    assert!(ticked.iter().all(|fields| fields["took"].is_string()), "{log}");
}

#[test]
fn a_wrong_filter_of_the_log_is_named() {
    let text = fail(2, ["--log", "loud", "profile", "list"]);
    assert!(text.contains("flag --log") && text.contains("\"loud\""), "{text}");
    let output = host().args(["profile", "list"]).env("HOST_LOG", "host=loud").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("environment HOST_LOG"));
}
