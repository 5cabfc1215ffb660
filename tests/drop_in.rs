//! A strategy of one's own: dropped in, named in one line, listed, consulted, on the ledger.

use crate::support::{host, ledger, of_type, plugin_dir, succeed, trace};

#[test]
fn a_dropped_in_component_is_listed_and_runs_with_one_line() {
    let dir = plugin_dir(&["drop-in"]);
    let list = |set: &[&str]| {
        let mut arguments = vec!["plugin", "list", "--plugin-dir", dir.path().to_str().unwrap()];
        arguments.extend(set);
        succeed(arguments)
    };
    let before = list(&[]);
    assert!(before.contains("not in the profile"), "{before}");

    // The one line of a profile of the user's own, as the list gives it.
    let line = before.lines().find(|line| line.starts_with("strategies.")).unwrap();
    assert_eq!(line, "strategies.grow-while-evicting = { grants = [\"metrics\", \"cache-control\"] }");
    let profile = dir.path().join("mine.toml");
    std::fs::write(&profile, line).unwrap();
    let after = list(&["--profile", profile.to_str().unwrap()]);
    assert!(!after.contains("not in the profile"), "{after}");

    // Long enough that the cache is warm for some ticks, and nothing else is tried then: before, its capacity stays.
    let trace = trace(dir.path(), 60_000);
    let file = dir.path().join("ledger.jsonl");
    let output = host()
        .args(["run", "--set", "control.tick-requests=500", "--capacity", "100", "--profile"])
        .arg(&profile)
        .args([
            "--set",
            "strategies.worker-sizing.enabled=false",
            "--set",
            "strategies.prefetch-rules.enabled=false",
        ])
        .arg("--plugin-dir")
        .arg(dir.path())
        .arg("--ledger")
        .arg(&file)
        .arg(&trace)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let ledger = ledger(&file);
    let named = of_type(&ledger, "run")[0]["strategies"].to_string();
    assert!(named.contains("grow-while-evicting"), "{named}");
    let grown = of_type(&ledger, "decision")
        .iter()
        .any(|d| d["dial"] == "cache-capacity" && d["by"][0] == "grow-while-evicting");
    assert!(grown, "a trace larger than its cache evicts, so that the strategy grows it");
}
