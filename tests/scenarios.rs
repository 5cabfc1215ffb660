//! `host sim --executor`: a pool in a scenario, from the command line.

use std::path::Path;

use serde_json::Value;

use crate::support::{components, fail, ledger, of_type, succeed};

/// A short scenario: best at 20 workers.
const SCENARIO: &str = "name = \"mine\"\nsummary = \"a knee\"\nseed = 4\ntick-ms = 500\npool = \"io\"\n\
    workers = { min = 1, max = 100 }\n\
    [[phase]]\nname = \"one\"\nticks = 40\narrivals = { closed = { clients = 80 } }\n\
    [phase.service]\ndelay-ms = 20\nknee = { at = 20, exponent = 2.0 }\n\
    [[phase]]\nname = \"two\"\nticks = 40\narrivals = { closed = { clients = 80 } }\n\
    [phase.service]\ndelay-ms = 30\nknee = { at = 20, exponent = 2.0 }\n";

fn written(dir: &Path, text: &str) -> String {
    let path = dir.join("mine.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&succeed([&["sim", "--json"], arguments].concat())).unwrap()
}

#[test]
fn the_same_command_gives_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let file = written(dir.path(), SCENARIO);
    let runs = ["a", "b"].map(|name| {
        let path = dir.path().join(name);
        let ledger = path.to_str().unwrap();
        let text = succeed(["sim", "--executor", &file, "--workers", "1", "--sweep", "--ledger", ledger]);
        (text, std::fs::read(&path).unwrap())
    });
    assert_eq!(runs[0], runs[1]);
    let text = &runs[0].0;
    let wanted =
        ["80 ticks of 500 ms, IO pool from 1 workers, profile medium, seed 4", "FIXED AT 20", "the whole"];
    for wanted in wanted {
        assert!(text.contains(wanted), "{text}");
    }
    let other = succeed(["sim", "--executor", &file, "--workers", "1", "--sweep", "--seed", "5"]);
    assert!(other.contains("seed 5") && other != *text, "{other}");
}

#[test]
fn a_fixed_number_is_held_and_the_sweep_finds_the_best_one() {
    let dir = tempfile::tempdir().unwrap();
    let file = written(dir.path(), SCENARIO);
    let report = json(&["--executor", &file, "--fixed", "5", "--sweep"]);
    assert!(report["decisions"].as_array().unwrap().is_empty());
    assert!(report["ticks"].as_array().unwrap().iter().all(|tick| tick["workers"] == 5));
    let goodput = |phase: &Value| phase["goodput"].as_f64().unwrap();
    let near = |measured: f64, expected: f64| (measured / expected - 1.0).abs() < 0.03;
    assert!(near(goodput(&report["phases"][0]), 250.0) && near(goodput(&report["phases"][1]), 166.7));
    assert_eq!(report["best"]["workers"], 20);
    assert!(near(goodput(&report["best"]["phases"][0]), 1_000.0), "{}", report["best"]["phases"][0]);
    let against = json(&["--executor", &file, "--fixed", "5", "--against", "20"]);
    assert_eq!(against["best"]["whole"], report["best"]["whole"]);
}

#[test]
fn the_bundled_strategy_sizes_the_pool_and_every_other_dial_is_unavailable() {
    let dir = tempfile::tempdir().unwrap();
    let file = written(dir.path(), SCENARIO);
    let path = dir.path().join("ledger.jsonl");
    let report = json(&["--executor", &file, "--workers", "2", "--ledger", path.to_str().unwrap()]);
    let decisions = report["decisions"].as_array().unwrap();
    assert!(!decisions.is_empty() && decisions.iter().all(|decision| decision["dial"] == "io-workers"));
    assert!(report["ticks"][79]["workers"].as_u64().unwrap() > 2);
    let ledger = ledger(&path);
    let run = &of_type(&ledger, "run")[0];
    assert_eq!(run["workload"], "scenario mine in virtual time");
    assert_eq!(run["settings"], serde_json::json!({ "io-workers": 2 }));
    let ticks = of_type(&ledger, "tick");
    assert_eq!(ticks.len(), 80);
    assert_eq!(
        (&ticks[79]["executor"]["io"]["max_workers"], &ticks[79]["now_ms"]),
        (&100.into(), &40_000.0.into())
    );
}

#[test]
fn a_component_of_a_file_sizes_it_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = written(dir.path(), SCENARIO);
    let nonsense = components()["nonsense"].to_str().unwrap();
    let report = json(&["--executor", &file, "--plugin", nonsense]);
    let costs = report["cost"]["strategies"].as_object().unwrap();
    assert_eq!(costs.keys().collect::<Vec<_>>(), ["nonsense"]);
    // What it proposes is clamped to the range of the scenario.
    assert!(report["ticks"].as_array().unwrap().iter().all(|tick| tick["workers"].as_u64().unwrap() <= 100));
    let panics = components()["panics"].to_str().unwrap();
    let report = json(&["--executor", &file, "--plugin", panics]);
    let panics = &report["strategies"][0];
    assert_eq!((&panics["strategy"], &panics["events"][0]["tick"]), (&"panics".into(), &2.into()));
    assert_eq!(report["whole"]["ticks"], 80, "the run goes on");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let text = fail(1, ["sim", "--executor", "knee-shalow"]);
    assert!(text.contains("no such scenario, and no such file; did you mean \"knee-shallow\"?"), "{text}");
    let file = written(dir.path(), &SCENARIO.replace("ticks = 40", "tick = 40"));
    let text = fail(1, ["sim", "--executor", &file]);
    assert!(text.contains("mine.toml:9: unknown field `tick`, expected one of `name`, `ticks`"), "{text}");
    let file = written(dir.path(), SCENARIO);
    let text = fail(1, ["sim", "--executor", &file, "--plugin", "none.wasm"]);
    assert!(text.contains("none.wasm"), "{text}");
    for wrong in [
        &["--workers", "3"][..],
        &["--executor", &file, "--curve"],
        &["--executor", &file, "--fixed", "3", "--workers", "4"],
        &["--executor", &file, "--sweep", "--against", "4"],
        &["--executor", &file, "--fixed", "0"],
        &["trace.lis", "--executor", &file],
    ] {
        fail(2, [&["sim"], wrong].concat());
    }
}
