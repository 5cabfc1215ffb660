//! `host run --record` and `host replay`: a run that was recorded, once more, with its strategies and settings or with others.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{fail, host, ledger, of_type, plugin_dir, run, succeed, trace};

const GRANTS: &str = "strategies.grow-while-evicting.grants=metrics, cache-control";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A recorded run with the bundled strategies and one that grows the cache while it evicts; and its ledger.
fn recorded(dir: &Path, plugins: &Path, more: &[&str]) -> (PathBuf, PathBuf) {
    let (keys, file, ledger) = (trace(dir, 20_000), dir.join("run.rec"), dir.join("run.jsonl"));
    let flags = [
        "run",
        "--profile",
        "medium",
        "--against",
        "nothing",
        "--capacity",
        "1%",
        "--set",
        "control.tick-requests=200",
        "--set",
        GRANTS,
        "--plugin-dir",
        text(plugins),
        "--record",
        text(&file),
        "--ledger",
        text(&ledger),
        text(&keys),
    ];
    let printed = succeed(flags.iter().chain(more));
    assert!(printed.contains("note: recorded ") && printed.contains(" bytes a request"), "{printed}");
    (file, ledger)
}

fn replayed(file: &Path, more: &[&str]) -> Value {
    serde_json::from_str(&succeed(["replay", text(file), "--json"].iter().chain(more))).unwrap()
}

fn printed(file: &Path, more: &[&str]) -> String {
    succeed(["replay", text(file)].iter().chain(more))
}

#[test]
fn a_recorded_run_decides_the_same_again_and_gives_the_same_bytes_twice() {
    let (dir, plugins) = (tempfile::tempdir().unwrap(), plugin_dir(&["drop-in"]));
    let (file, of_run) = recorded(dir.path(), plugins.path(), &[]);
    let here = ["--plugin-dir", text(plugins.path())];
    let report = replayed(&file, &here);
    assert_eq!(report["differences"], Value::Array(Vec::new()), "{report:#}");
    assert_eq!(report["first_record"], Value::Null, "{report:#}");
    assert_eq!(report["settings"], Value::Array(Vec::new()), "{report:#}");
    let decisions = report["recorded_decisions"].as_u64().unwrap();
    assert!(decisions > 0 && report["replayed_decisions"] == decisions, "{report:#}");
    assert_eq!(report["requests"], 20_000);

    // The ledgers of the run and of the replay hold the same decisions, proposals and effects.
    let ledgers = [dir.path().join("a.jsonl"), dir.path().join("b.jsonl")];
    let all =
        ledgers.clone().map(|to| printed(&file, &[&here[..], &["--json", "--ledger", text(&to)]].concat()));
    assert_eq!(all[0], all[1]);
    let bytes = ledgers.clone().map(|path| std::fs::read(path).unwrap());
    assert!(bytes[0] == bytes[1] && !bytes[0].is_empty());
    let (then, now) = (ledger(&of_run), ledger(&ledgers[0]));
    for kind in ["decision", "rules", "proposal", "rule-proposal", "effect", "block", "offer", "tick"] {
        assert_eq!(of_type(&then, kind), of_type(&now, kind), "{kind}");
    }
    assert!(!of_type(&now, "proposal").is_empty() && !of_type(&now, "decision").is_empty());

    let words = printed(&file, &here);
    assert!(words.contains("with the recorded strategies and settings\n"), "{words}");
    let said = if decisions == 1 { "the one decision is" } else { "decisions are the recorded ones" };
    assert!(words.contains(said) && words.contains(" times as fast as it happened\n"), "{words}");
    // With the recorded decisions nothing is simulated, and nothing is said of a simulated cache.
    assert!(words.contains("\nnothing was simulated: "), "{words}");
    assert!(words.contains("as it was recorded") && !words.contains("simulated cache"), "{words}");
    for of in ["accuracy", "recorded_simulated", "replayed_simulated"] {
        assert_eq!(report[of], Value::Null, "{of}");
    }
}

#[cfg(unix)]
#[test]
fn from_the_first_difference_on_the_cache_is_one_that_was_simulated_from_the_start() {
    let (dir, plugins) = (tempfile::tempdir().unwrap(), plugin_dir(&["drop-in"]));
    let (file, of_run) = recorded(dir.path(), plugins.path(), &["--set", "control.judge=false"]);
    // One of its strategies is missing.
    let to = dir.path().join("again.jsonl");
    let report = replayed(&file, &["--ledger", text(&to)]);
    let first = report["differences"][0]["tick"].as_u64().unwrap();
    assert!(first > 1 && report["same_until"] == first - 1, "{report:#}");
    // Readings are the recorded ones up to there, and others in the tick after it.
    let [then, now] = [&of_run, &to].map(|path| ledger(path));
    let [then, now] = [&then, &now].map(|ledger| of_type(ledger, "tick"));
    let until = usize::try_from(first).unwrap();
    assert_eq!(then[..until], now[..until]);
    assert_ne!(then[until]["cache"], now[until]["cache"]);

    // A pipe takes nothing back: with the ledger there everything is simulated from the start, in one go.
    let from_start = |file: &Path, more: &[&str]| {
        let printed = succeed(["replay", text(file), "--json", "--ledger", "/dev/stdout"].iter().chain(more));
        let (lines, report) = printed.split_at(printed.find("\n{\n").unwrap() + 1);
        (lines.to_owned(), serde_json::from_str::<Value>(report).unwrap())
    };
    let (lines, same) = from_start(&file, &[]);
    assert!(lines == std::fs::read_to_string(&to).unwrap(), "the ledgers differ");
    assert_eq!(same, report);
    // So it is where nothing differs: that tells how far the simulated cache is off.
    let (lines, unchanged) = from_start(&file, &["--plugin-dir", text(plugins.path())]);
    assert!(unchanged["differences"].as_array().unwrap().is_empty(), "{unchanged:#}");
    assert!(unchanged["accuracy"]["ticks"].as_u64().unwrap() > 0, "{unchanged:#}");
    replayed(&file, &["--plugin-dir", text(plugins.path()), "--ledger", text(&to)]);
    assert!(lines == std::fs::read_to_string(&to).unwrap(), "the ledgers differ");
}

#[test]
fn what_others_would_have_decided_stands_beside_what_was_decided() {
    let (dir, plugins) = (tempfile::tempdir().unwrap(), plugin_dir(&["drop-in"]));
    // The judge would keep the capacity from strategies in the first ticks.
    let (file, _) = recorded(dir.path(), plugins.path(), &["--set", "control.judge=false"]);
    // Without the folder of its components one of them is missing, and is said to be.
    let missing = printed(&file, &[]);
    assert!(
        missing.contains("strategy grow-while-evicting 0.1.0 ") && missing.contains("takes no part"),
        "{missing}"
    );
    assert!(!missing.contains("with the recorded strategies"), "{missing}");
    let line = missing.lines().find(|line| line.starts_with("  tick ")).unwrap();
    assert!(
        line.contains(": recorded cache-capacity ") && line.contains(" by grow-while-evicting"),
        "{missing}"
    );
    assert!(line.contains("; replayed "), "{missing}");

    // Another one takes its place.
    let others = plugin_dir(&["worst"]);
    let grants = "strategies.worst.grants=dials, cache-control, executor-control, prefetch-control, settings";
    let sets = [grants, "strategies.worst.settings.how=capacity"];
    let with = ["--plugin-dir", text(others.path()), "--set", sets[0], "--set", sets[1]];
    let report = replayed(&file, &with);
    let first = &report["differences"][0];
    let turned = first["replayed"].as_array().unwrap().iter().chain(first["recorded"].as_array().unwrap());
    assert!(turned.count() > 0 && first["tick"].as_u64().unwrap() > report["same_until"].as_u64().unwrap());
    assert!(report["because"]["record"].is_string(), "{report:#}");
    let worst = report["decisions"].as_array().unwrap().iter().any(|decision| decision["by"][0] == "worst");
    assert!(worst, "its decisions are in force: {report:#}");
    let [was, is] =
        ["recorded_simulated", "replayed_simulated"].map(|of| report[of]["misses"].as_u64().unwrap());
    assert!(is > was, "a cache that does not grow misses more: {was} and {is}");
    assert_eq!(replayed(&file, &with), report, "the same twice");
    let words = printed(&file, &with);
    for said in ["strategy worst 0.1.0 ", " takes part, and did not then", "what differs first there: tick "]
    {
        assert!(words.contains(said), "{said}: {words}");
    }
    assert!(
        words.contains("recorded decisions, simulated")
            && words.contains("the first other decision is in tick "),
        "{words}"
    );

    // Other settings.
    let profile = printed(&file, &["--profile", "small"]);
    assert!(
        profile.contains("profile small in the place of medium\n") && profile.contains("setting "),
        "{profile}"
    );
    let policy = printed(&file, &["--plugin-dir", text(plugins.path()), "--set", "cache.policy=fifo"]);
    assert!(
        policy.contains("at the start cache-policy ") && policy.contains(" in the recording, fifo here"),
        "{policy}"
    );
    let larger = replayed(&file, &["--plugin-dir", text(plugins.path()), "--capacity", "50MB"]);
    assert!(larger["starts"][0].as_str().unwrap().contains("cache-capacity"), "{larger:#}");
    let [was, is] =
        ["recorded_simulated", "replayed_simulated"].map(|of| larger[of]["misses"].as_u64().unwrap());
    assert!(is <= was, "all that misses is asked for once: {was} and {is}");
    let words = printed(&file, &["--plugin-dir", text(plugins.path()), "--capacity", "50MB"]);
    assert!(!words.contains("depends on something that is not in the recording"), "{words}");
}

#[test]
fn a_recording_that_was_cut_is_read_to_its_last_whole_block_by_all_commands() {
    let (dir, plugins) = (tempfile::tempdir().unwrap(), plugin_dir(&["drop-in"]));
    let (file, _) = recorded(dir.path(), plugins.path(), &[]);
    let whole = std::fs::read(&file).unwrap();
    let cut = dir.path().join("cut.rec");
    // The last block says how much there is; the one before it holds records.
    std::fs::write(&cut, &whole[..whole.len() - 100]).unwrap();
    let here = ["--plugin-dir", text(plugins.path())];
    let words = printed(&cut, &here);
    assert!(words.contains("\nit is not whole: the file ends within a block at byte "), "{words}");
    assert!(words.contains(" the recorded one"), "{words}");
    let report = replayed(&cut, &here);
    assert!(report["differences"].as_array().unwrap().is_empty() && report["cut"].is_string(), "{report:#}");
    let info = succeed(["trace", "info", text(&cut)]);
    assert!(info.contains("note: it is not whole: ") && info.contains(": recording, uncompressed"), "{info}");

    // One bit.
    let mut damaged = whole.clone();
    let middle = whole.len() / 2;
    damaged[middle] ^= 4;
    std::fs::write(&cut, &damaged).unwrap();
    let output = run(["replay", text(&cut)].iter().chain(&here));
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(said.contains("its checksum is another one") && said.contains(" at byte "), "{said}");
    std::fs::write(&cut, &whole[..whole.len() / 20]).unwrap();
    let error = fail(1, ["replay", text(&cut)]);
    assert!(error.contains("cut.rec: ") && error.contains("the file ends within"), "{error}");
}

#[test]
fn a_recording_is_a_trace() {
    let (dir, plugins) = (tempfile::tempdir().unwrap(), plugin_dir(&["drop-in"]));
    let (file, _) = recorded(dir.path(), plugins.path(), &[]);
    let info: Value = serde_json::from_str(&succeed(["trace", "info", text(&file), "--json"])).unwrap();
    assert_eq!(
        (info["format"].as_str(), info["requests"].as_u64()),
        (Some("recording"), Some(20_000)),
        "{info:#}"
    );
    assert_eq!(info["note"], Value::Null);
    let simulated = |path: &Path| -> Vec<u64> {
        let flags = ["sim", text(path), "--policy", "lru,arc", "--capacity", "10,50", "--json"];
        let report: Value = serde_json::from_str(&succeed(flags)).unwrap();
        report["rows"].as_array().unwrap().iter().map(|row| row["misses"].as_u64().unwrap()).collect()
    };
    let (misses, of_trace) = (simulated(&file), simulated(&trace(dir.path(), 20_000)));
    // Requests are recorded by their arrival: two in the same microsecond may have changed places.
    for (a, b) in misses.iter().zip(&of_trace) {
        assert!(a.abs_diff(*b) * 100 <= *b, "{misses:?} and {of_trace:?}");
    }
    let converted = dir.path().join("run.csv");
    succeed(["trace", "convert", text(&file), "--output", text(&converted)]);
    assert_eq!(std::fs::read_to_string(converted).unwrap().lines().count(), 20_001);
}

#[test]
fn what_cannot_be_recorded_or_replayed_is_told_with_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let keys = trace(dir.path(), 1_000);
    let error = fail(1, ["run", "--record", text(&keys), text(&keys)]);
    assert!(
        error.contains("keys.txt: is the input and cannot be the recording; give --record another file"),
        "{error}"
    );
    let file = dir.path().join("same");
    std::fs::write(&file, "kept").unwrap();
    let error = fail(1, ["run", "--record", text(&file), "--ledger", text(&file), text(&keys)]);
    assert!(error.contains("same: is the ledger and cannot be the recording"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
    let error = fail(1, ["run", "--record", text(&dir.path().join("no/run.rec")), text(&keys)]);
    assert!(error.contains("no/run.rec: the recording cannot be created: "), "{error}");

    let error = fail(1, ["replay", text(&dir.path().join("none.rec"))]);
    assert!(
        error.contains("none.rec: no such file; expected a recording, as `host run --record FILE` writes it"),
        "{error}"
    );
    let error = fail(1, ["replay", text(&keys)]);
    assert!(
        error.contains("keys.txt: is no recording") && error.contains("`host ledger show` reads a ledger"),
        "{error}"
    );
    let refused = |bytes: &[u8]| {
        let path = dir.path().join("a.rec");
        std::fs::write(&path, bytes).unwrap();
        fail(1, ["replay", text(&path)])
    };
    assert!(refused(b"").contains("a.rec: is empty; expected a recording"));
    assert!(refused(b"\x89hostrec").contains("a.rec: its header is damaged: the file ends within it"));
    let later = [&b"\x89hostrec"[..], &9_u32.to_le_bytes(), &[0; 8]].concat();
    assert!(refused(&later).contains("a.rec: is a recording of version 9, and this host reads version 1"));
    // Of a run without strategies there is nothing to decide again.
    let still = dir.path().join("still.rec");
    let without = [
        "run",
        "--against",
        "nothing",
        "--set",
        "control.enabled=false",
        "--record",
        text(&still),
        text(&keys),
    ];
    succeed(without);
    let words = printed(&still, &[]);
    assert!(words.contains("nothing was decided, then as now"), "{words}");
    let error = fail(1, ["replay", text(&still), "--capacity", "10%"]);
    assert!(error.contains("--capacity 10%: a replay takes bytes"), "{error}");
    let error = fail(1, ["replay", text(&still), "--config", text(&keys)]);
    assert!(error.contains("--config needs --profile"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_run_that_is_ended_early_leaves_a_whole_recording() {
    let dir = tempfile::tempdir().unwrap();
    let (keys, file) = (trace(dir.path(), 2_000_000), dir.path().join("run.rec"));
    let flags = [
        "run",
        "--json",
        "--against",
        "nothing",
        "--origin-latency",
        "5ms",
        "--record",
        text(&file),
        text(&keys),
    ];
    let child = host()
        .args(flags)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // Something of the run is in it.
    while std::fs::metadata(&file).map_or(0, |about| about.len()) < 20_000 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let status = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(status.unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let report = replayed(&file, &[]);
    assert_eq!(report["cut"], Value::Null, "{report:#}");
    assert!(
        report["requests"].as_u64().unwrap() > 1_000 && report["ticks"].as_u64().unwrap() > 1,
        "{report:#}"
    );
    assert!(report["differences"].as_array().unwrap().is_empty(), "{report:#}");
}
