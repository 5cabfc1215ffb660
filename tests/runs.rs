//! Whole runs in wall time.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::simulator::simulate;
use crate::support::{host, ledger, of_type, shared_trace, succeed, trace};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_directory_is_served_from_the_cache_from_the_second_pass_on() {
    let dir = tempfile::tempdir().unwrap();
    let project = dir.path().join("project");
    for folder in ["src", "docs"] {
        std::fs::create_dir_all(project.join(folder)).unwrap();
        for n in 0..30 {
            let text = format!("fn f{n}() {{}}\n").repeat(n + 1);
            std::fs::write(project.join(folder).join(format!("{n}.rs")), text).unwrap();
        }
    }
    std::fs::write(project.join("ignored.log"), "never\n").unwrap();
    std::fs::write(project.join(".gitignore"), "*.log\n").unwrap();
    std::fs::write(project.join("blob.bin"), [0_u8; 100]).unwrap();
    let file = dir.path().join("ledger.jsonl");
    let paths = [project.to_str().unwrap(), file.to_str().unwrap()];
    let report = json(&succeed(["run", "--json", paths[0], "--ledger", paths[1]]));

    let phases = report["tuned"]["phases"].as_array().unwrap();
    let figures = |at: usize| (phases[at]["hits"].as_u64(), phases[at]["misses"].as_u64());
    assert_eq!(
        (figures(0), figures(1), figures(2)),
        ((Some(0), Some(61)), (Some(61), Some(0)), (Some(61), Some(0)))
    );
    let totals = &report["workload"]["totals"];
    let lines: u64 = 2 * (1..=30).sum::<u64>();
    assert_eq!((totals["files"].as_u64(), totals["lines"].as_u64()), (Some(60), Some(lines)));
    assert_eq!((totals["binary"].as_u64(), totals["unreadable"].as_u64()), (Some(1), Some(0)));
    assert_eq!(totals["languages"][0]["name"], "Rust");

    // The report and the ledger tell the same.
    let end = ledger(&file);
    let end = of_type(&end, "end")[0];
    assert_eq!((&end["hits"], &end["misses"]), (&report["tuned"]["hits"], &report["tuned"]["misses"]));
}

#[test]
fn a_changed_file_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    // Large enough that the passes last while one file is changed.
    for n in 0..400 {
        std::fs::write(dir.path().join(format!("{n}.txt")), "word ".repeat(400)).unwrap();
    }
    let changing = dir.path().join("000-first.txt");
    std::fs::write(&changing, "one\n").unwrap();
    let child = host()
        .args(["run", "--json", "--passes", "40"])
        .arg(dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let ended = std::sync::atomic::AtomicBool::new(false);
    let output = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut writes = 0_usize;
            while !ended.load(std::sync::atomic::Ordering::Relaxed) {
                writes += 1;
                std::fs::write(&changing, "one\n".repeat(writes % 50 + 1)).unwrap();
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let output = child.wait_with_output().unwrap();
        ended.store(true, std::sync::atomic::Ordering::Relaxed);
        writer.join().unwrap();
        output
    });
    assert!(output.status.success());
    let report = json(std::str::from_utf8(&output.stdout).unwrap());
    // A file that was read ahead of its request is no miss.
    let figure = |name: &str| report["tuned"][name].as_u64().unwrap();
    let read = figure("misses") + figure("prefetched");
    assert!(read > 401, "401 files, and the one that changes again: {read}");
    assert!(read <= 401 + 39, "no other file was read twice: {read}");
}

#[test]
fn a_trace_is_served_whole_and_compared_with_its_baseline() {
    let dir = tempfile::tempdir().unwrap();
    let path = trace(dir.path(), 8_000);
    let report = json(&succeed(["run", "--json", "--against", "start", path.to_str().unwrap()]));
    for side in ["baseline", "tuned"] {
        let figures = &report[side];
        assert_eq!(figures["requests"], 8_000, "{side}");
        let sum: u64 = ["hits", "prefetched", "misses"].iter().map(|k| figures[*k].as_u64().unwrap()).sum();
        assert_eq!(sum, 8_000, "{side}");
    }
    assert_eq!(report["baseline"]["policy"], "lru");
    for key in ["profile", "workload", "decisions", "strategies", "cost"] {
        assert!(!report[key].is_null(), "{key}");
    }
}

#[test]
fn the_right_policy_is_chosen_live() {
    // The limits of `docs/choosing.md`: points over the best policy, which is known from exact replays. A fixed
    // number of workers, so that each run lasts some seconds: long enough for ticks, on any machine.
    for (name, workers, limit) in
        [("corda_vault.txt.zst", 64, 0.5), ("multi2.trace.gz", 8, 2.0), ("multi3.trace.gz", 8, 2.0)]
    {
        let Some(path) = shared_trace(name) else { return };
        let path = path.to_str().unwrap();
        let replays = simulate(&[path, "--policy", "lru,lfu,arc", "--capacity", "10%"]);
        let misses: Vec<f64> = replays.iter().map(|row| row["misses"].as_f64().unwrap()).collect();
        let requests = replays[0]["requests"].as_f64().unwrap();
        let best = misses.iter().copied().fold(f64::INFINITY, f64::min);

        let workers = format!("executor.io-workers={workers}");
        let arguments = ["run", "--json", "--profile", "medium", "--set", &workers, "--set"];
        // Nothing but the choice: prefetching would hide it.
        let fixed = ["strategies.worker-sizing.enabled=false", "--set", "prefetch.mode=on-demand", path];
        let report = json(&succeed([&arguments[..], &fixed].concat()));
        let tuned = report["tuned"]["misses"].as_f64().unwrap();
        let over = (tuned - best) / requests * 100.0;
        assert!(over <= limit, "{name}: {over:.2} points over the best; {}", report["decisions"]);
        if name.starts_with("multi") {
            assert!(tuned < misses[0], "{name}: {tuned} misses, of LRU alone {}", misses[0]);
        }
    }
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_early_with_a_report() {
    let dir = tempfile::tempdir().unwrap();
    let path = trace(dir.path(), 2_000_000);
    let child = host()
        .args(["run", "--json", "--capacity", "10"])
        .arg(&path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(2_500));
    interrupt(child.id());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let report = json(std::str::from_utf8(&output.stdout).unwrap());
    assert_eq!(report["interrupted"], true);
    assert!(report["tuned"]["requests"].as_u64().is_none_or(|n| n < 2_000_000), "{report}");
}

#[cfg(unix)]
fn interrupt(process: u32) {
    let status = std::process::Command::new("kill").args(["-INT", &process.to_string()]).status();
    assert!(status.unwrap().success());
}

#[test]
fn the_built_in_workload_runs_both_sides() {
    let report = json(&succeed(["run", "--json", "--profile", "medium"]));
    let phases = |side: &str| -> Vec<String> {
        let phases = report[side]["phases"].as_array().unwrap();
        phases.iter().map(|phase| phase["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(phases("baseline"), ["hot-set", "scan", "shift", "loop", "cpu-burst", "io-burst"]);
    assert_eq!(phases("baseline"), phases("tuned"));
    assert_eq!(report["baseline"]["requests"], report["tuned"]["requests"]);
    assert!(!report["decisions"].as_array().unwrap().is_empty(), "it has phases that call for a decision");
    let strategies = report["strategies"].as_array().unwrap();
    assert!(strategies.len() == 4 && strategies.iter().all(|of| of["state"] == "active"), "{strategies:?}");
    let prefetch = &report["tuned"]["prefetch"];
    let sum: u64 = ["timely", "late", "wasted"].iter().map(|k| prefetch[*k].as_u64().unwrap()).sum();
    assert_eq!(prefetch["issued"].as_u64(), Some(sum), "each prefetched entry is counted once");
}

#[test]
fn strategies_can_be_switched_off() {
    let dir = tempfile::tempdir().unwrap();
    let path = trace(dir.path(), 3_000);
    let path: &Path = &path;
    let report = json(&succeed(["run", "--json", "--set", "control.enabled=false", path.to_str().unwrap()]));
    assert_eq!(report["decisions"], Value::Array(vec![]));
    assert_eq!(report["cost"]["strategies"], json("{}"));
}
