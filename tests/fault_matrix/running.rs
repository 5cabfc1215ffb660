//! The column of hot reload: a host runs through many rows. Each strategy is there at the start, and does nothing wrong; then
//! its file is replaced by the one of the row.

use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::bytes::strategy;
use super::expected::{Kind, Row};
use super::{MOST_MEMORY, said, state, words};
use crate::reload::Running;

/// The most that more may be resident after all of it than before: what the cache holds is among it.
const MOST_GROWTH: u64 = 60_000_000;

/// One host, and these rows one after the other.
pub(crate) fn in_turn(rows: &[Row]) {
    let plugins = tempfile::tempdir().unwrap();
    let mut settings = Vec::new();
    for row in rows.iter().filter(|row| row.kind != Kind::Policy) {
        std::fs::write(file(row, plugins.path()), strategy(row.name, "")).unwrap();
        settings.extend(row.sets());
    }
    let mut run = Running::start(plugins.path(), &settings);
    let mut from = 0;
    let resident = |record: &Value| record["system"]["process_memory_bytes"].as_u64();
    let first = await_record(&mut run, &mut from, "a first tick", |record| resident(record).is_some());
    let most = resident(&first).unwrap() + MOST_GROWTH;
    for row in rows {
        row.content.put(row.name, &file(row, plugins.path()));
        let expected = row.text_reloaded();
        match row.kind {
            // The report says it: once there is something to be said of.
            Kind::Bounded if expected.starts_with(row.name) => {
                await_record(&mut run, &mut from, row.fault, |record| {
                    record["type"] == "proposal"
                        && record["strategy"] == row.name
                        && record["answer"]["clamped"].is_number()
                });
            }
            _ => {
                await_record(&mut run, &mut from, &expected, |record| {
                    let texts =
                        ["text", "detail", "message"].map(|field| record[field].as_str().map(str::to_owned));
                    said(&expected, plugins.path(), texts.into_iter().flatten())
                });
            }
        }
    }
    let small = |record: &Value| resident(record).is_some_and(|bytes| bytes < most);
    await_record(&mut run, &mut from, "memory is back to where it was", small);
    let records = run.ledger();
    let report = run.report();
    assert_eq!(report["interrupted"], true);
    let tuned = &report["tuned"];
    let served: u64 = ["hits", "prefetched", "misses"].iter().map(|of| tuned[of].as_u64().unwrap()).sum();
    assert_eq!(tuned["requests"], served);
    let peak = tuned["peak_memory_bytes"].as_u64().unwrap();
    assert!(peak < MOST_MEMORY, "{peak} bytes");
    let words = words(&report, &records);
    for row in rows {
        check(row, &report, &words, plugins.path());
    }
}

/// Where the strategy of a row stands in the end.
fn check(row: &Row, report: &Value, words: &[String], plugins: &Path) {
    let expected: &[&str] = match row.kind {
        Kind::Fails => &["backing-off", "loading", "quarantined"],
        Kind::Bounded => {
            assert!(said(&row.text_reloaded(), plugins, words.iter().cloned()), "{}: {words:#?}", row.fault);
            &["active"]
        }
        Kind::Broken | Kind::Nobody => &["active"],
        Kind::Policy => return,
    };
    let state = state(row, report);
    assert!(expected.contains(&state.as_str()), "{}: {state}", row.fault);
}

fn file(row: &Row, plugins: &Path) -> std::path::PathBuf {
    plugins.join(format!("{}.wasm", row.name))
}

/// Waits for a record behind those that were read before.
fn await_record(run: &mut Running, from: &mut u64, what: &str, found: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(60) {
        if let Ok(mut ledger) = std::fs::File::open(&run.ledger) {
            ledger.seek(SeekFrom::Start(*from)).unwrap();
            let mut lines = BufReader::new(ledger);
            let mut line = String::new();
            while lines.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
                *from += u64::try_from(line.len()).unwrap();
                let record = serde_json::from_str(&line).unwrap();
                if found(&record) {
                    return record;
                }
                line.clear();
            }
        }
        let ended = run.child.as_mut().unwrap().try_wait().unwrap();
        assert_eq!(ended, None, "the run ended before {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("not within a minute: {what}");
}
