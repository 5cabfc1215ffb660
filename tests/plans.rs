//! What `plugin list` says is what a run does: one plan for both.

use std::path::Path;

use serde_json::Value;

use crate::support::{host, plugin_dir, trace};

const ALL: &str = r#"grants=["metrics","cache-control"]"#;

/// Exit code, standard output and standard error of a command with a profile's lines over the bundled strategies.
fn outcome(command: &[&str], dir: &Path, lines: &[&str]) -> (i32, String, String) {
    let profile = dir.join("mine.toml");
    std::fs::write(&profile, lines.join("\n")).unwrap();
    let output = host()
        .args(command)
        .args(["--plugin-dir".as_ref(), dir.as_os_str(), "--profile".as_ref(), profile.as_os_str()])
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// The state of a component in the list, and why it is so.
fn listed(dir: &Path, lines: &[&str], name: &str) -> (i32, String, String, String) {
    let (code, list, errors) = outcome(&["plugin", "list", "--json"], dir, lines);
    let rows: Value = serde_json::from_str(&list).unwrap();
    let row = rows.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap();
    let state = row["state"].as_str().unwrap().to_owned();
    (code, state, row["error"].as_str().unwrap_or_default().to_owned(), errors)
}

#[test]
fn a_missing_grant_is_listed_told_first_in_a_run_and_ends_a_strict_one() {
    let dir = plugin_dir(&["drop-in"]);
    let trace = trace(dir.path(), 2_000).display().to_string();
    let lines = ["[strategies]", "grow-while-evicting = { grants = [\"metrics\"] }"];
    let (code, state, error, _) = listed(dir.path(), &lines, "grow-while-evicting");
    assert_eq!((code, state.as_str()), (0, "cannot start"));
    assert!(error.contains("cache-control") && error.contains("does not grant"), "{error}");
    for command in [
        &["run", &trace][..],
        &["run", "--json", &trace],
        &["sim", "--capacity", "10%", &trace],
        &["sim", "--json", "--capacity", "10%", &trace],
    ] {
        let (code, _, errors) = outcome(command, dir.path(), &lines);
        assert_eq!(code, 0, "{errors}");
        let first = errors.lines().next().unwrap();
        assert!(
            first.starts_with("strategy grow-while-evicting cannot start") && first.contains(&error),
            "{errors}"
        );
        let strict = [command, &["--strict"]].concat();
        let (code, out, errors) = outcome(&strict, dir.path(), &lines);
        assert_eq!(code, 1, "{errors}");
        assert!(errors.contains("error: strategy grow-while-evicting cannot start: "), "{errors}");
        assert!(!out.contains("hit ratio"), "nothing ran: {out}");
    }
    let granted = format!("grow-while-evicting.{ALL}");
    assert_eq!(listed(dir.path(), &["[strategies]", &granted], "grow-while-evicting").1, "runs");
    let (code, out, errors) = outcome(&["run", "--strict", &trace], dir.path(), &["[strategies]", &granted]);
    assert_eq!(code, 0, "{errors}");
    assert!(out.contains("hit ratio"), "{out}");
}

#[test]
fn a_wrong_setting_ends_the_list_and_the_run_alike_and_names_its_line() {
    let dir = plugin_dir(&[]);
    let trace = trace(dir.path(), 500).display().to_string();
    for (line, told) in [
        ("settings = { magrin = 0.1 }", "no setting `magrin`"),
        ("settings = { patience = \"wide\" }", "setting `patience` is `wide`"),
        ("settings = { change-cost = true }", "setting `change-cost` is `true`"),
    ] {
        let lines = ["[strategies.cache-policy]", line];
        let (code, list, errors) = outcome(&["plugin", "list"], dir.path(), &lines);
        assert_eq!(code, 2, "{line}: {errors}");
        let row = list.lines().find(|row| row.starts_with("cache-policy ")).unwrap();
        assert!(row.contains("ends the run"), "{row}");
        let error = errors.lines().find(|line| line.starts_with("error: ")).unwrap().to_owned();
        assert!(error.contains("mine.toml:2: cache-policy") && error.contains(told), "{error}");
        for command in [&["run", &trace][..], &["sim", "--capacity", "10%", &trace]] {
            let (code, _, errors) = outcome(command, dir.path(), &lines);
            assert_eq!(code, 2, "{errors}");
            assert!(errors.lines().any(|line| line == error), "{errors}");
        }
    }
}

#[test]
fn two_components_of_one_name_and_a_name_of_none_end_both() {
    let dir = plugin_dir(&["drop-in"]);
    let trace = trace(dir.path(), 500).display().to_string();
    std::fs::copy(dir.path().join("drop-in.wasm"), dir.path().join("again.wasm")).unwrap();
    let (code, state, _, errors) = listed(dir.path(), &[], "grow-while-evicting");
    assert_eq!((code, state.as_str()), (1, "ends the run"), "{errors}");
    assert!(errors.contains("again.wasm") && errors.contains("drop-in.wasm"), "{errors}");
    assert_eq!(outcome(&["run", &trace], dir.path(), &[]).2, errors);

    std::fs::remove_file(dir.path().join("again.wasm")).unwrap();
    let lines = ["[strategies.grow-while-evictin]"];
    let (code, _, errors) = outcome(&["plugin", "list"], dir.path(), &lines);
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("mine.toml:1: ") && errors.contains("\"grow-while-evicting\""), "{errors}");
    assert_eq!(outcome(&["run", &trace], dir.path(), &lines).2, errors);
}

#[test]
fn a_strategy_that_is_switched_off_is_listed_so() {
    let dir = plugin_dir(&[]);
    let off = ["[strategies.cache-policy]", "enabled = false"];
    assert_eq!(listed(dir.path(), &off, "cache-policy").1, "switched off");
    assert_eq!(listed(dir.path(), &["control.enabled = false"], "worker-sizing").1, "switched off");
}
