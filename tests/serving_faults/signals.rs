//! What an operator and the authors of components do to a server under load.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Row;
use super::load::{Counts, Load};
use crate::fault_matrix::{Kind, MUCH, ROWS, Row as Fault, said, strategy};
use crate::serving::{Serving, profile};

/// Settings that are read again ten times a second, each time other ones.
pub(super) fn settings_read_again(times: u64) -> Row {
    let text = |tick: u64| format!("control.tick = \"{} ms\"\n", 50 + tick % 2 * 50);
    let file = profile("often.toml", &text(0));
    let mut serving = Serving::start(&file, &[]);
    let load = Load::start(&serving.redis, false);
    for number in 1..=times {
        profile("often.toml", &text(number));
        serving.signal("-HUP");
        std::thread::sleep(Duration::from_millis(100));
    }
    serving.wait_for("SIGHUP: new settings are in force: control.tick");
    let load = load.end();
    let read = serving.said("SIGHUP: ");
    assert_eq!(serving.end(), Some(0));
    // Two signals that come close together may be one.
    assert!(read * 2 >= times, "{read} of {times}");
    let note = format!("{read} of them seen apart");
    Row { fault: "SIGHUP every 100 ms, with other settings", times, load, note }
}

/// Each fault of the matrix that a plugin directory may come to have, one after the other.
pub(super) fn components_that_fail() -> Row {
    let plugins = tempfile::tempdir().unwrap();
    let faults: Vec<&Fault> =
        ROWS.iter().filter(|fault| fault.more != MUCH && fault.host.is_empty()).collect();
    let file = |fault: &Fault| plugins.path().join(format!("{}.wasm", fault.name));
    let mut settings = vec!["--set=control.tick=100ms".to_owned()];
    for fault in faults.iter().filter(|fault| fault.kind != Kind::Policy) {
        std::fs::write(file(fault), strategy(fault.name, "")).unwrap();
        settings.extend(fault.sets());
    }
    let path = plugins.path().join("ledger.jsonl");
    let (dir, file_of_records) = (plugins.path().to_str().unwrap(), path.to_str().unwrap());
    settings.extend(["--plugin-dir", dir, "--ledger", file_of_records].map(str::to_owned));
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let serving = Serving::start(&profile("components.toml", ""), &settings);
    let mut records = Records { path, at: 0 };
    let load = Load::start(&serving.redis, false);
    for fault in &faults {
        fault.content.put(fault.name, &file(fault));
        let expected = fault.text_reloaded();
        let found = |record: &Value| match fault.kind {
            // The report says it: once there is something to be said of.
            Kind::Bounded if expected.starts_with(fault.name) => {
                record["strategy"] == fault.name && record["answer"]["clamped"].is_number()
            }
            _ => {
                let texts =
                    ["text", "detail", "message"].map(|field| record[field].as_str().map(str::to_owned));
                said(&expected, plugins.path(), texts.into_iter().flatten())
            }
        };
        let began = Instant::now();
        while !records.any(found) {
            assert!(began.elapsed() < Duration::from_secs(60), "not within a minute: {expected}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    let load = load.end();
    assert_eq!(serving.end(), Some(0));
    let times = u64::try_from(faults.len()).unwrap();
    let note = "each is on the ledger in the words of the table above".to_owned();
    Row { fault: "components that trap, loop, allocate, or are broken", times, load, note }
}

/// A ledger that is being written, and where it was read up to.
struct Records {
    path: PathBuf,
    at: u64,
}

impl Records {
    /// Whether there is such a record behind those that were read before.
    fn any(&mut self, found: impl Fn(&Value) -> bool) -> bool {
        let Ok(mut file) = File::open(&self.path) else { return false };
        file.seek(SeekFrom::Start(self.at)).unwrap();
        let mut lines = BufReader::new(file);
        let mut line = String::new();
        while lines.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
            self.at += u64::try_from(line.len()).unwrap();
            if found(&serde_json::from_str(&line).unwrap()) {
                return true;
            }
            line.clear();
        }
        false
    }
}

/// SIGTERM while requests come.
pub(super) fn ends_under_load(times: u64) -> Row {
    let mut all = Counts::default();
    let mut longest = Duration::ZERO;
    for _ in 0..times {
        let serving = Serving::start(&profile("ends-under-load.toml", ""), &[]);
        let load = Load::start(&serving.redis, true);
        std::thread::sleep(Duration::from_millis(300));
        let began = Instant::now();
        assert_eq!(serving.end(), Some(0));
        longest = longest.max(began.elapsed());
        all.add(&load.end());
    }
    let note = format!(
        "no reply is cut off; the process has ended {:.1} s later at most, with 0",
        longest.as_secs_f64()
    );
    Row { fault: "SIGTERM under load", times, load: all, note }
}
