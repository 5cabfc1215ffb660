//! Components that change in the plugin directory while a run goes on: taken, refused, taken back.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{components, fail, host, of_type, plugin_dir};

/// Longer than any test: each ends its run itself.
const LONG: &str = "2000000";

/// A run over a trace that takes minutes, with the strategy named and its ledger written.
pub(crate) struct Running {
    pub(crate) child: Option<Child>,
    pub(crate) ledger: PathBuf,
    scratch: tempfile::TempDir,
}

impl Running {
    pub(crate) fn start(plugins: &Path, settings: &[String]) -> Self {
        Self::over(plugins, |n| n * n % 9_973, settings)
    }

    /// The same over these keys.
    pub(crate) fn over(plugins: &Path, key: impl Fn(u64) -> u64, settings: &[String]) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let keys = scratch.path().join("keys.txt");
        let text: String = (0..LONG.parse::<u64>().unwrap()).map(|n| format!("{}\n", key(n))).collect();
        std::fs::write(&keys, text).unwrap();
        let ledger = scratch.path().join("ledger.jsonl");
        let child = host()
            .args(["run", "--json", "--capacity", "1000", "--origin-latency", "2ms", "--against", "nothing"])
            .args(["--set", "control.tick=100ms"])
            .args(settings)
            .arg("--plugin-dir")
            .arg(plugins)
            .arg("--ledger")
            .arg(&ledger)
            .arg(&keys)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child: Some(child), ledger, scratch }
    }

    /// The lines of the ledger that are whole by now.
    pub(crate) fn ledger(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.ledger).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits until the ledger has a record like this one.
    pub(crate) fn until(&mut self, what: &str, found: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(60) {
            if let Some(record) = self.ledger().into_iter().find(&found) {
                return record;
            }
            if let Some(status) = self.child.as_mut().unwrap().try_wait().unwrap() {
                panic!("the run ended with {status} before {what}: {:?}", self.end());
            }
            sleep(Duration::from_millis(50));
        }
        panic!("no {what} within a minute: {:?}", self.end())
    }

    pub(crate) fn commanded(&mut self, command: &str, detail: &str) -> Value {
        self.until(&format!("`{command}` of {detail}"), |record| {
            record["type"] == "command"
                && record["command"] == command
                && record["detail"].as_str().is_some_and(|text| text.contains(detail))
        })
    }

    /// Interrupts the run, as Ctrl-C does.
    fn end(&mut self) -> Option<Output> {
        let child = self.child.take()?;
        let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        killed.unwrap();
        Some(child.wait_with_output().unwrap())
    }

    pub(crate) fn report(mut self) -> Value {
        let output = self.end().unwrap();
        assert!(self.scratch.path().exists());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }
}

/// The same component with other bytes: a section that means nothing at its end.
pub(crate) fn another(component: &Path, number: u8) -> Vec<u8> {
    let mut bytes = std::fs::read(component).unwrap();
    // A custom section of four bytes: the length of its name, the name, and a byte.
    bytes.extend([0, 3, 1, b'n', number]);
    bytes
}

/// Replaces a file in one step, as a careful copy does.
pub(crate) fn put(path: &Path, bytes: &[u8]) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, bytes).unwrap();
    std::fs::rename(beside, path).unwrap();
}

#[test]
fn a_changed_component_takes_the_place_of_the_one_that_runs_and_a_broken_one_does_not() {
    let plugins = plugin_dir(&["drop-in"]);
    let file = plugins.path().join("drop-in.wasm");
    let good = components()["drop-in"].clone();
    let mut run = Running::start(
        plugins.path(),
        &["--set=strategies.grow-while-evicting.grants=[\"metrics\", \"cache-control\"]".to_owned()],
    );
    run.until("a first tick", |record| record["type"] == "tick");

    put(&file, &another(&good, 1));
    run.commanded("replace", "grow-while-evicting");
    let event = run.until("an event", |record| record["type"] == "strategy" && record["event"] == "replace");
    assert_ne!(event["digest"], event["before"]);

    // Half of a file, and bytes that are no component: what ran goes on.
    let whole = std::fs::read(&good).unwrap();
    put(&file, &whole[..whole.len() / 2]);
    run.commanded("keep", "grow-while-evicting goes on as it was");
    put(&file, b"not a component");
    run.commanded("keep", "drop-in.wasm is not taken");

    put(&file, &another(&good, 2));
    run.until("a second change", |record| {
        record["type"] == "strategy" && record["event"] == "replace" && record["before"] == event["digest"]
    });
    std::fs::remove_file(&file).unwrap();
    run.commanded("retire", "was removed");

    // It comes back, and so does a file that nobody asked for.
    std::fs::copy(&components()["nonsense"], plugins.path().join("nonsense.wasm")).unwrap();
    run.commanded("keep", "no profile switches it on");
    put(&file, &whole);
    run.until("a third change", |record| {
        record["type"] == "strategy"
            && record["event"] == "replace"
            && record["before"] != event["before"]
            && record["tick"].as_u64() > event["tick"].as_u64()
    });
    let ledger = run.ledger();
    let report = run.report();
    assert_eq!(report["interrupted"], true);
    let notes = report["notes"].to_string();
    assert!(notes.contains("runs from") && notes.contains("was retired"), "{notes}");
    assert!(of_type(&ledger, "tick").len() > 10);
}

#[test]
fn one_that_is_optional_starts_when_its_file_is_put_there() {
    let plugins = tempfile::tempdir().unwrap();
    let name = "strategies.grow-while-evicting";
    let missing = fail(
        2,
        ["run", &format!("--set={name}.grants=[]"), "--plugin-dir", plugins.path().to_str().unwrap()],
    );
    assert!(missing.contains("`optional = true` in its table lets a run begin without it"), "{missing}");
    let settings = [
        format!("--set={name}.grants=[\"metrics\", \"cache-control\"]"),
        format!("--set={name}.optional=true"),
    ];
    let mut run = Running::start(plugins.path(), &settings);
    run.until("a first tick", |record| record["type"] == "tick");
    std::fs::copy(&components()["drop-in"], plugins.path().join("drop-in.wasm")).unwrap();
    run.until("its start", |record| {
        record["type"] == "strategy" && record["strategy"] == "grow-while-evicting"
    });
    let report = run.report();
    let notes = report["notes"].to_string();
    assert!(
        notes.contains("grow-while-evicting is not in ")
            && notes.contains("it starts when its file is put there"),
        "{notes}"
    );
    let of = |of: &&Value| of["strategy"] == "grow-while-evicting";
    assert_eq!(report["strategies"].as_array().unwrap().iter().find(of).unwrap()["state"], "active");
}

#[test]
fn what_was_learnt_goes_over_to_the_one_that_takes_the_place() {
    let plugins = plugin_dir(&["counts"]);
    let file = plugins.path().join("counts.wasm");
    let mut run = Running::start(
        plugins.path(),
        &["--set=strategies.counts.grants=[\"settings\", \"state\", \"log\"]".to_owned()],
    );
    run.until("a count", |record| record["message"] == "count 3");
    put(&file, &another(&components()["counts"], 1));
    let event = run.until("a change", |record| record["type"] == "strategy" && record["event"] == "replace");
    run.until("a count after it", |record| {
        record["type"] == "log" && record["tick"].as_u64() > event["tick"].as_u64()
    });
    let ledger = run.ledger();
    let logged = of_type(&ledger, "log");
    let counts: Vec<u64> = logged
        .iter()
        .filter_map(|line| line["message"].as_str()?.strip_prefix("count ")?.parse().ok())
        .collect();
    let expected: Vec<u64> = (1..).take(counts.len()).collect();
    assert_eq!(counts, expected, "it counts on without a gap, and from nothing at the start of a run");
    run.report();
}

/// The counts that were logged, and what was said of the change.
fn handed_over(wrong: &str) -> (Vec<u64>, String) {
    let plugins = plugin_dir(&["remembers"]);
    let file = plugins.path().join("remembers.wasm");
    let mut run = Running::start(
        plugins.path(),
        &[
            "--set=strategies.remembers.grants=[\"settings\", \"log\"]".to_owned(),
            format!("--set=strategies.remembers.settings.wrong={wrong}"),
        ],
    );
    run.until("a count", |record| record["message"] == "remembers 3");
    put(&file, &another(&components()["remembers"], 1));
    let event = run.until("a change", |record| record["type"] == "strategy" && record["event"] == "replace");
    run.until("a count after it", |record| {
        record["type"] == "log" && record["tick"].as_u64() > event["tick"].as_u64()
    });
    let ledger = run.ledger();
    let report = run.report();
    assert_eq!(
        report["strategies"].as_array().unwrap().iter().filter(|one| one["failures"] != 0).count(),
        0,
        "{report}"
    );
    let logged = of_type(&ledger, "log").into_iter();
    let count = |line: &Value| line["message"].as_str()?.strip_prefix("remembers ")?.parse().ok();
    (logged.filter_map(count).collect(), event["text"].as_str().unwrap().to_owned())
}

#[test]
fn what_a_strategy_has_in_memory_is_handed_over_to_the_one_that_takes_its_place() {
    let (counts, text) = handed_over("nothing");
    assert!(text.ends_with("took its place; 8 bytes of what it had in memory were handed over"), "{text}");
    let expected: Vec<u64> = (1..).take(counts.len()).collect();
    assert_eq!(counts, expected, "it counts on without a gap");
}

#[test]
fn a_handover_that_fails_leaves_a_fresh_start_and_is_told() {
    for (wrong, reason) in [
        (
            "much",
            "`save` gave 1000000 bytes, and 256000 may be kept: raise `strategies.remembers.limits.state-bytes`",
        ),
        ("refuses", "`restore` answered: these are not mine"),
        ("panics", "what is this"),
    ] {
        let (counts, text) = handed_over(wrong);
        assert!(
            text.contains("; what it had in memory is lost: ") && text.contains(reason),
            "{wrong}: {text}"
        );
        let again = counts.iter().skip(1).position(|count| *count == 1);
        assert!(again.is_some(), "{wrong}: it begins anew: {counts:?}");
    }
}
