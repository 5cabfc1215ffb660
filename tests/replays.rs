//! `host plugin test --replay`: a strategy in the ticks of a run that was recorded.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{components, fail, ledger, of_type, plugin_dir, run, succeed, trace};

/// A ledger of a run with the bundled strategies and one of the tests.
fn recorded(folder: &Path, more: &[&str]) -> PathBuf {
    let plugins = plugin_dir(&["drop-in"]);
    let keys = trace(folder, 30_000);
    let file = folder.join("run.jsonl");
    let grants = "strategies.grow-while-evicting.grants=[\"metrics\", \"cache-control\"]";
    let paths = [plugins.path(), file.as_path(), keys.as_path()].map(|path| path.to_str().unwrap());
    let flags = ["sim", "--profile", "medium", "--capacity", "1%", "--plugin-dir", paths[0], "--set", grants];
    succeed(flags.iter().chain(more).chain(&["--ledger", paths[1], paths[2]]));
    file
}

fn replay(component: &str, file: &Path, more: &[&str]) -> String {
    succeed(["plugin", "test", component, "--replay", file.to_str().unwrap()].iter().chain(more))
}

#[test]
fn a_component_asks_for_the_same_in_the_ticks_in_which_it_was_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let file = recorded(dir.path(), &["--set", "control.record-requests=true"]);
    let records = ledger(&file);
    let drop_in = components()["drop-in"].to_str().unwrap();
    let parts = [
        ("cache-policy", "cache-policy"),
        ("prefetch-rules", "prefetch-rules"),
        (drop_in, "grow-while-evicting"),
    ];
    for (component, name) in parts {
        let text = replay(component, &file, &[]);
        assert!(text.contains(": the component that was recorded"), "{text}");
        let last = text.lines().last().unwrap();
        assert!(last.contains("; the recorded one asked for the same in every tick"), "{name}: {text}");
        let mine = |kind| of_type(&records, kind).iter().filter(|record| record["strategy"] == name).count();
        let asked = mine("proposal") + mine("rule-proposal");
        assert!(asked > 0, "{name} asks for something in this run");
        let shown: Value = serde_json::from_str(&replay(component, &file, &["--json"])).unwrap();
        assert_eq!(shown["summary"]["asked"], asked, "{name}");
        assert_eq!(shown["summary"]["recorded"], asked, "{name}");
        assert_eq!(text, replay(component, &file, &[]), "the same bytes twice");
    }
}

#[test]
fn what_another_one_asks_for_stands_beside_what_was_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let file = recorded(dir.path(), &[]);
    let text = replay("cache-policy", &file, &["--set", "strategies.cache-policy.settings.safe-prior=sieve"]);
    assert!(text.contains("RECORDED") && text.contains("cache-policy -> "), "{text}");
    assert!(text.contains("; the recorded one made ") && text.contains("first in tick "), "{text}");
    // It reads requests, which this ledger does not have.
    let text = replay("prefetch-rules", &file, &[]);
    assert!(
        text.contains("the ledger has no requests") && text.contains("control.record-requests=true"),
        "{text}"
    );
    // Nothing of its name was recorded.
    let worst = replay(components()["worst"].to_str().unwrap(), &file, &[]);
    assert!(
        worst.contains("no strategy of that name was recorded") && !worst.contains("RECORDED"),
        "{worst}"
    );
    // It fails, is started again, and that is told.
    let output =
        run(["plugin", "test", components()["panics"].to_str().unwrap(), "--replay", file.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("failed: trapped: ") && text.contains("more than this strategy can bear"),
        "{text}"
    );
}

#[test]
fn a_ledger_that_cannot_be_replayed_is_refused_with_the_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = recorded(dir.path(), &[]);
    let whole = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let path = dir.path().join("broken.jsonl");
    let broken = |text: String| {
        std::fs::write(&path, text).unwrap();
        let output = run(["plugin", "test", "cache-policy", "--replay", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (_, error) = broken(String::new());
    assert!(error.contains("holds no tick in which strategies were asked"), "{error}");
    let (_, error) = broken("hello\n".to_owned());
    assert!(
        error.contains("broken.jsonl:1: not a record of a ledger") && error.contains("--ledger"),
        "{error}"
    );
    let (_, error) = broken(format!("{}\n", lines[1]));
    assert!(error.contains("broken.jsonl:1: ") && error.contains("expected `run`"), "{error}");
    let (_, error) =
        broken(format!("{}\n{}\n", lines[0], lines[1].replace("\"window_hits\"", "\"window_hats\"")));
    assert!(error.contains("broken.jsonl:2: ") && error.contains("missing field `window_hits`"), "{error}");
    // What stands before a line that is cut is shown.
    let cut = whole.len() * 3 / 4;
    let (shown, error) = broken(whole[..cut].to_owned());
    let number = whole[..cut].lines().count();
    assert!(
        error.contains(&format!("broken.jsonl:{number}: ")) && error.contains("ends within it"),
        "{error}"
    );
    assert!(shown.contains(" ticks, ") && shown.contains(" units of fuel"), "{shown}");
    let text = |arguments: &[&str]| fail(1, ["plugin", "test"].iter().chain(arguments));
    assert!(text(&["cache-policy", "--replay", "no-such.jsonl"]).contains("no-such.jsonl: cannot be read"));
    assert!(text(&["sieve", "--replay", file.to_str().unwrap()]).contains("--replay is for strategies"));
    let text = fail(2, ["plugin", "test", "sieve"]);
    assert!(text.contains("--trace"), "{text}");
}
