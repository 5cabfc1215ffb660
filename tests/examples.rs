//! The examples of the SDK: sound, and doing what their heads say.

use std::path::Path;
use std::sync::OnceLock;

use serde_json::Value;

use crate::support::{guests, host, ledger, of_type, repository, succeed, trace};

/// A plugin directory with the examples.
fn examples() -> &'static Path {
    static BUILT: OnceLock<tempfile::TempDir> = OnceLock::new();
    let dir = BUILT.get_or_init(|| {
        let build = guest_build::Build::new(repository().join("plugins/sdk")).examples();
        let built = build.target_dir(guests()).locked(true).run();
        let built = built.unwrap_or_else(|error| panic!("{error}"));
        let dir = tempfile::tempdir().unwrap();
        for example in built {
            std::fs::copy(&example.path, dir.path().join(format!("{}.wasm", example.name))).unwrap();
        }
        dir
    });
    dir.path()
}

/// The decisions of a simulated run with one of them.
fn decisions(name: &str, grants: &str, more: &[&str]) -> Vec<Value> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ledger.jsonl");
    let mut command = host();
    command.args(["sim", "--profile", "small", "--set", "control.tick-requests=100", "--plugin-dir"]);
    command.arg(examples()).arg(format!("--set=strategies.{name}.grants=[{grants}]")).args(more);
    // Nobody else turns what it turns, and nobody waits for a warm cache to judge it.
    let alone = ["strategies.cache-policy.enabled=false", "control.judge=false"];
    command.args(alone.iter().flat_map(|key| ["--set", key])).arg("--ledger").arg(&file);
    let output = command.arg(trace(dir.path(), 4_000)).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let records = ledger(&file);
    let decisions = of_type(&records, "decision").into_iter();
    decisions.filter(|decision| decision["by"][0] == name).cloned().collect()
}

#[test]
fn each_example_is_sound() {
    for file in ["five-lines", "grow", "resume"] {
        let path = examples().join(format!("{file}.wasm"));
        let name = if file == "five-lines" { "half-of-memory" } else { file };
        let grants = r#"["metrics", "cache-control", "dials", "settings", "state", "log"]"#;
        let grants = format!("--set=strategies.{name}.grants={grants}");
        let text = succeed(["plugin", "check", path.to_str().unwrap(), &grants]);
        assert!(text.contains(&format!("{name} 0.1.0: ")) && !text.contains("WRONG"), "{text}");
    }
}

#[test]
fn five_lines_turn_a_dial() {
    let decisions = decisions("half-of-memory", r#""metrics", "cache-control""#, &["--capacity", "10%"]);
    assert_eq!(decisions[0]["dial"], "cache-capacity", "{decisions:?}");
}

#[test]
fn a_run_resumes_where_the_last_one_ended() {
    let learnt = tempfile::tempdir().unwrap();
    let run = |capacity: &str| {
        let more = ["--set", "strategies.resume.settings.every=1", "--capacity", capacity, "--state-dir"];
        let grants = r#""metrics", "cache-control", "settings", "state", "log""#;
        decisions("resume", grants, &[&more[..], &[learnt.path().to_str().unwrap()]].concat())
    };
    assert_eq!(run("20%"), Vec::<Value>::new(), "there is nothing to go on from");
    let resumed = run("10%");
    assert_eq!(resumed.len(), 1, "{resumed:?}");
    assert_eq!(resumed[0]["tick"], 1);
    let (from, to) = (resumed[0]["from"].as_u64().unwrap(), resumed[0]["to"].as_u64().unwrap());
    assert!(to.abs_diff(2 * from) <= 8_192, "but for the rounding to whole objects: {resumed:?}");
}
