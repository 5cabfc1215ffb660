//! `host ledger show`: what a run wrote down, for people.

use std::path::Path;

use serde_json::Value;

use crate::support::{components, fail, host, ledger, of_type, plugin_dir, run, succeed, trace};

/// A ledger of a run with two strategies, one of them of the tests.
fn recorded(folder: &Path) -> std::path::PathBuf {
    let plugins = plugin_dir(&["drop-in"]);
    let keys = trace(folder, 30_000);
    let file = folder.join("run.jsonl");
    succeed([
        "sim",
        "--profile",
        "medium",
        "--plugin-dir",
        plugins.path().to_str().unwrap(),
        "--set",
        "strategies.grow-while-evicting.grants=[\"metrics\", \"cache-control\"]",
        "--capacity",
        "1%",
        "--ledger",
        file.to_str().unwrap(),
        keys.to_str().unwrap(),
    ]);
    file
}

fn show(file: &Path, more: &[&str]) -> String {
    succeed(["ledger", "show", file.to_str().unwrap()].iter().chain(more))
}

#[test]
fn every_decision_has_a_line_with_what_became_of_it() {
    assert!(components().contains_key("drop-in"));
    let dir = tempfile::tempdir().unwrap();
    let file = recorded(dir.path());
    let text = show(&file, &[]);
    assert!(text.contains("profile medium; strategies: ") && text.contains("ended after "), "{text}");
    for heading in ["TICK", "STRATEGY", "DIAL", "FROM -> TO", "VERDICT", "REASON"] {
        assert!(text.contains(heading), "{heading}: {text}");
    }
    let records = ledger(&file);
    let decisions = of_type(&records, "decision");
    assert!(!decisions.is_empty());
    for decision in &decisions {
        let by = decision["by"][0].as_str().unwrap();
        let dial = decision["dial"].as_str().unwrap();
        let reason: String = decision["reason"].as_str().unwrap().chars().take(40).collect();
        let line =
            text.lines().find(|line| line.contains(by) && line.contains(dial) && line.contains(&reason));
        assert!(line.is_some(), "{decision}: {text}");
    }
    // How one was judged stands in its line.
    let judged = of_type(&records, "effect");
    let effect = judged.first().unwrap();
    assert!(text.contains(effect["basis"].as_str().unwrap()), "{effect}: {text}");
    let column = |line: &str, name: &str| line.find(name);
    let header = text.lines().find(|line| line.contains("FROM -> TO")).unwrap();
    let first = text.lines().skip_while(|line| !line.contains("FROM -> TO")).nth(1).unwrap();
    assert!(column(header, "REASON").unwrap() < first.len(), "aligned: {header}\n{first}");
}

#[test]
fn one_strategy_can_be_picked() {
    let dir = tempfile::tempdir().unwrap();
    let file = recorded(dir.path());
    let text = show(&file, &["--strategy", "grow-while-evicting"]);
    let rows: Vec<&str> = text.lines().filter(|line| line.contains("cache-capacity")).collect();
    assert!(!rows.is_empty() && rows.iter().all(|row| row.contains("grow-while-evicting")), "{text}");
    assert!(!text.contains(" cache-policy  "), "{text}");
    let error = fail(1, ["ledger", "show", file.to_str().unwrap(), "--strategy", "grow"]);
    assert!(
        error.contains("has nothing of a strategy `grow`; it has ") && error.contains("prefetch-rules"),
        "{error}"
    );
}

#[test]
fn a_broken_line_is_named_and_what_stands_before_it_shown() {
    let dir = tempfile::tempdir().unwrap();
    let file = recorded(dir.path());
    let whole = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let broken = |text: &str| {
        let path = dir.path().join("broken.jsonl");
        std::fs::write(&path, text).unwrap();
        let output = run(["ledger", "show", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    // As a run that was killed leaves it.
    let cut = &lines[1][..lines[1].len() / 2];
    let (shown, error) = broken(&format!("{}\n{cut}", lines[0]));
    assert!(
        error.contains("broken.jsonl:2: not a record of a ledger: ") && error.contains("ends within it"),
        "{error}"
    );
    assert!(shown.contains("profile medium"), "{shown}");
    let (_, error) = broken(&format!("{}\nhello\n{}\n", lines[0], lines[1]));
    assert!(
        error.contains("broken.jsonl:2: ") && error.contains("expected one JSON object a line"),
        "{error}"
    );
    let (_, error) = broken("{\"type\":\"decision\",\"id\":1,\"tick\":2}\n");
    assert!(
        error.contains("broken.jsonl:1: ") && error.contains("a record `decision` without `dial`"),
        "{error}"
    );
    let (_, error) = broken("");
    assert!(error.contains("is empty"), "{error}");
    let error = fail(1, ["ledger", "show", "no-such.jsonl"]);
    assert!(error.contains("no-such.jsonl: cannot be read"), "{error}");
    let error = fail(1, ["ledger", "show", dir.path().to_str().unwrap()]);
    assert!(error.contains("is a folder"), "{error}");
    // Not text at all.
    let path = dir.path().join("bytes");
    std::fs::write(&path, [0xff, 0xfe, b'\n']).unwrap();
    assert!(fail(1, ["ledger", "show", path.to_str().unwrap()]).contains("bytes:1: "));
}

#[test]
fn a_record_of_a_later_host_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("later.jsonl");
    std::fs::write(&file, "{\"type\":\"restarted\",\"tick\":4,\"strategy\":\"mine\",\"attempt\":2}\n")
        .unwrap();
    let text = show(&file, &[]);
    let row = text.lines().find(|line| line.contains("restarted")).unwrap();
    assert!(row.contains('4') && row.contains("mine") && row.contains("attempt 2"), "{text}");
}

#[test]
fn the_messages_of_one_plugin_are_shown_with_tick_and_level() {
    let plugins = plugin_dir(&["panics", "counts"]);
    let keys = trace(plugins.path(), 3_000);
    let file = plugins.path().join("run.jsonl");
    let simulated = host()
        .args(["sim", "--profile", "small", "--capacity", "10%", "--set", "control.tick-requests=100"])
        .args(["--set", "strategies.panics.grants=[\"settings\"]"])
        .args(["--set", "strategies.counts.grants=[\"settings\", \"state\", \"log\"]"])
        .arg("--plugin-dir")
        .arg(plugins.path())
        .arg("--ledger")
        .arg(&file)
        .arg(&keys)
        .output()
        .unwrap();
    assert!(simulated.status.success(), "{simulated:?}");
    let ledger = file.to_str().unwrap();
    let text = succeed(["plugin", "logs", "panics", ledger]);
    let panicked = "error  host    back-off: trapped: panicked at panics/src/lib.rs";
    assert!(text.lines().any(|line| line.contains(panicked)), "{text}");
    assert!(text.contains("tick 2 is more than this strategy can bear"), "{text}");
    assert!(text.contains("info   host    restart: started again in a fresh store"), "{text}");
    assert!(!text.contains("count "), "{text}");
    let errors = succeed(["plugin", "logs", "panics", ledger, "--level", "warn"]);
    assert!(errors.contains(panicked) && !errors.contains("restart: "), "{errors}");
    let json: Vec<Value> =
        serde_json::from_str(&succeed(["plugin", "logs", "counts", ledger, "--json"])).unwrap();
    assert_eq!((&json[0]["message"], &json[0]["from"]), (&"count 1".into(), &"log".into()), "{json:?}");
    assert_eq!(
        succeed(["plugin", "logs", "counts", ledger, "--level", "error"]),
        "counts: no message of level error or above\n"
    );
    let wrong = fail(1, ["plugin", "logs", "panic", ledger]);
    assert!(wrong.contains("has no plugin `panic`; it has ") && wrong.contains("counts, panics"), "{wrong}");
    // What could be read is shown, and what is broken told.
    let whole = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() - 20]).unwrap();
    let output = run(["plugin", "logs", "panics", ledger]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
    assert!(String::from_utf8(output.stderr).unwrap().contains("the file ends within it"));
}
