//! What a strategy has learnt outlives its instance, and the run where a folder is given.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::support::{host, ledger, of_type, plugin_dir, trace};

/// `counts` from a plugin directory, over a trace of so many ticks.
struct Counting {
    dir: tempfile::TempDir,
    trace: std::path::PathBuf,
}

impl Counting {
    fn new(ticks: u64) -> Self {
        let dir = plugin_dir(&["counts"]);
        let trace = trace(dir.path(), ticks * 100);
        Self { dir, trace }
    }

    /// Runs this command, and returns what it printed, the counts in the order of the ledger, and the ledger's text.
    fn run(&self, command: &[&str], more: &[&str]) -> (Value, Vec<u64>, String) {
        let file = self.dir.path().join("ledger.jsonl");
        let output = self.output(command, more, &file);
        assert!(output.status.success(), "{output:?}");
        let records = ledger(&file);
        let logged = of_type(&records, "log");
        let counts = logged
            .iter()
            .filter_map(|line| line["message"].as_str()?.strip_prefix("count ")?.parse().ok())
            .collect();
        let text = std::fs::read_to_string(&file).unwrap();
        (serde_json::from_slice(&output.stdout).unwrap(), counts, text)
    }

    fn output(&self, command: &[&str], more: &[&str], ledger: &Path) -> Output {
        let mut host = host();
        host.args(command).args(["--profile", "small", "--json", "--capacity", "100", "--plugin-dir"]);
        host.arg(self.dir.path())
            .args(["--set", "strategies.counts.grants=[\"settings\", \"state\", \"log\"]"]);
        host.args(["--set", "control.tick-requests=100"]).args(more).arg("--ledger").arg(ledger);
        host.arg(&self.trace).output().unwrap()
    }
}

/// How often `counts` was called.
fn called(report: &Value) -> u64 {
    report["cost"]["strategies"]["counts"]["ticks"].as_u64().unwrap()
}

#[test]
fn a_restart_finds_it_and_a_tick_that_failed_does_not_count() {
    let counting = Counting::new(40);
    let more = ["--set", "strategies.counts.settings.panics-after=5"];
    let (report, counts, text) = counting.run(&["sim"], &more);
    // The fifth tick of an instance is taken back, so that the next one has the same count.
    assert_eq!(counts[..11], [1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 9], "{report}");
    assert_eq!(text, counting.run(&["sim"], &more).2, "in virtual time each run begins with nothing");
}

#[test]
fn the_simulator_goes_on_from_a_folder_that_it_is_given() {
    let counting = Counting::new(20);
    let folder = counting.dir.path().join("learnt");
    let given = ["--state-dir", folder.to_str().unwrap()];
    let (report, counts, first) = counting.run(&["sim"], &given);
    let ticks = called(&report);
    assert_eq!((counts[0], counts.len()), (1, usize::try_from(ticks).unwrap()));
    let (_, counts, second) = counting.run(&["sim"], &given);
    assert_eq!(counts[0], ticks + 1);
    // The folder of a profile is the running host's, and no business of a simulation.
    let named = format!("plugins.state-dir={}", folder.display());
    assert_eq!(counting.run(&["sim"], &["--set", &named]).1[0], 1);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(counting.run(&["sim"], &given).2, first, "the same bytes from the same folder");
    assert_eq!(counting.run(&["sim"], &given).2, second);
}

#[test]
fn the_next_run_goes_on_from_it_and_a_broken_file_is_set_aside() {
    let counting = Counting::new(10);
    let folder = counting.dir.path().join("learnt");
    let given = ["--state-dir", folder.to_str().unwrap()];
    let run = ["run", "--against", "nothing", "--origin-latency", "1us"];
    let (report, counts, _) = counting.run(&run, &given);
    assert_eq!(counts[0], 1);
    let named = format!("plugins.state-dir={}", folder.display());
    let (next, counts, _) = counting.run(&run, &["--set", &named]);
    assert_eq!(counts[0], called(&report) + 1);
    assert_eq!(counting.run(&run, &[]).1[0], 1, "without a folder it lasts for the run");

    let file = folder.join("counts.json");
    let kept: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!((&kept["format"], &kept["strategy"]), (&"host-strategy-state".into(), &"counts".into()));
    let text = std::fs::read_to_string(&file).unwrap();
    let half = &text[..text.len() / 2];
    std::fs::write(&file, half).unwrap();
    let (report, counts, _) = counting.run(&run, &given);
    assert_eq!(counts[0], 1, "{next}");
    let notes = report["notes"].to_string();
    assert!(notes.contains("counts begins with nothing, and it was set aside as"), "{notes}");
    assert_eq!(std::fs::read_to_string(folder.join("counts.json.broken")).unwrap(), half);
    assert_eq!(counting.run(&run, &given).1[0], called(&report) + 1);
}

#[test]
fn what_does_not_fit_names_the_key_and_a_folder_that_is_none_ends_the_run_before_it_begins() {
    let counting = Counting::new(4);
    let more = ["--set", "strategies.counts.settings.ballast=2000", "--set", "limits.state-bytes=1KB"];
    let (_, counts, text) = counting.run(&["sim"], &more);
    assert_eq!(counts[..3], [1, 2, 3]);
    assert!(
        text.contains("at most 1000 bytes are kept; raise `strategies.counts.limits.state-bytes`"),
        "{text}"
    );
    let trace = counting.trace.to_str().unwrap();
    let output = counting.output(&["sim"], &["--state-dir", trace], &counting.dir.path().join("none.jsonl"));
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("keys.txt: what strategies learn cannot be kept there: "), "{text}");
}
