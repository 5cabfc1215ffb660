//! The fault matrix: everything that can be wrong with a component, in virtual time, in a run under load, and put into the
//! plugin directory of a host that runs. Each cell is what the host says and where the component ends, in [`rows::ROWS`]; no
//! request is lost in any of them. `docs/faults.md` has the same table.

mod bytes;
mod expected;
mod rows;
mod running;
mod table;

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::documents::one;
use crate::support::{host, ledger, of_type, repository, trace};
pub(crate) use bytes::strategy;
pub(crate) use expected::{Kind, Row};
pub(crate) use rows::{MUCH, ROWS};

const COMMAND: &str = "HOST_REWRITE=1 cargo test -p host --test whole fault_matrix";

/// The most that a run may ever have resident. The largest component that is read takes 100 MB, and the compiler of another
/// process is not counted.
const MOST_MEMORY: u64 = 250_000_000;

/// Requests of a run under load: a second of them.
const REQUESTS: u64 = 6_000;

/// Goes through all rows, and names those that are not as expected.
fn each_row(what: &str, check: impl Fn(&Row)) {
    let as_expected =
        |row: &Row| std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(row))).is_ok();
    let wrong = ROWS.iter().filter(|row| !as_expected(row)).map(|row| row.fault).collect::<Vec<_>>();
    assert!(wrong.is_empty(), "{what}: these are not as expected: {wrong:?}");
}

/// Whether one of the texts is what is expected, the folder and the digest aside.
pub(crate) fn said(expected: &str, dir: &Path, texts: impl IntoIterator<Item = String>) -> bool {
    texts.into_iter().any(|text| one(expected, &plain(&text, dir)))
}

/// A text without the folder and the digests.
fn plain(text: &str, dir: &Path) -> String {
    let text = text.replace(&format!("{}/", dir.display()), "");
    let mut parts = text.split(" (blake3:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once(')').map_or(part, |(_, rest)| rest))
}

/// Everything that a report says in words, and what the host wrote among a strategy's messages on the ledger.
fn words(report: &Value, records: &[Value]) -> Vec<String> {
    let messages = of_type(records, "log").into_iter().filter(|record| record["context"] == "host");
    let messages = messages.filter_map(|record| record["message"].as_str().map(str::to_owned));
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let notes = report["notes"].as_array().into_iter().flatten().filter_map(text);
    let strategies = report["strategies"].as_array().into_iter().flatten();
    let events = strategies.flat_map(|of| of["events"].as_array().into_iter().flatten());
    notes.chain(messages).chain(events.filter_map(|event| text(&event["text"]))).collect()
}

fn ran(row: &Row, output: &Output) -> Value {
    assert!(output.status.success(), "{}: {output:?}", row.fault);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Where the strategy of a row stands at the end of a run.
fn state(row: &Row, report: &Value) -> String {
    let strategies = report["strategies"].as_array().unwrap();
    let of = strategies.iter().find(|of| of["strategy"] == row.name);
    let of = of.unwrap_or_else(|| panic!("{}: {strategies:?}", row.fault));
    of["state"].as_str().unwrap().to_owned()
}

fn in_virtual_time(row: &Row) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(format!("{}.wasm", row.name));
    row.content.put(row.name, &path);
    let mut command = host();
    command.arg("sim");
    if let Kind::Policy = row.kind {
        let output = command
            .arg(trace(dir.path(), 30_000))
            .args(["--capacity", "1000", "--policy"])
            .arg(&path)
            .output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(1), "{}: {output:?}", row.fault);
        let text = String::from_utf8(output.stderr).unwrap();
        let expected = format!("...{}...", row.text);
        assert!(said(&expected, dir.path(), [text.replace('\n', " ")]), "{}: {text}", row.fault);
        return;
    }
    // Enough ticks for every rest up to the quarantine.
    let file = dir.path().join("ledger.jsonl");
    let trace = trace(dir.path(), 33_000);
    let output = command
        .args(["--profile", "small", "--capacity", "10%", "--json", "--set", "control.tick-requests=100"])
        .args(row.sets())
        .arg("--plugin-dir")
        .arg(dir.path())
        .arg("--ledger")
        .arg(&file)
        .arg(trace)
        .output()
        .unwrap();
    if let Kind::Nobody = row.kind {
        return refused(row, &output, dir.path());
    }
    let report = ran(row, &output);
    let words = words(&report, &ledger(&file));
    assert!(said(row.text, dir.path(), words.clone()), "{}: {:#?}", row.fault, words);
    let expected = match row.kind {
        Kind::Fails | Kind::Broken => "quarantined",
        _ => "active",
    };
    assert_eq!(state(row, &report), expected, "{}", row.fault);
}

fn refused(row: &Row, output: &Output, dir: &Path) {
    assert_eq!(output.status.code(), Some(2), "{}: {output:?}", row.fault);
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    let expected = format!("...{}...", row.text);
    assert!(said(&expected, dir, [text.replace('\n', " ")]), "{}: {text}", row.fault);
}

fn under_load(row: &Row) {
    let dir = tempfile::tempdir().unwrap();
    row.content.put(row.name, &dir.path().join(format!("{}.wasm", row.name)));
    let file = dir.path().join("ledger.jsonl");
    let trace = trace(dir.path(), REQUESTS);
    let output = host()
        .args(["run", "--json", "--set", "control.tick=20ms", "--set", "control.tick-requests=100"])
        .args(row.sets())
        .arg("--plugin-dir")
        .arg(dir.path())
        .arg("--ledger")
        .arg(&file)
        .arg(trace)
        .output()
        .unwrap();
    if let Kind::Nobody = row.kind {
        return refused(row, &output, dir.path());
    }
    let report = ran(row, &output);
    let words = words(&report, &ledger(&file));
    let tuned = &report["tuned"];
    let served = ["hits", "prefetched", "misses"].map(|figure| tuned[figure].as_u64().unwrap());
    assert_eq!(
        (&tuned["requests"], served.iter().sum()),
        (&REQUESTS.into(), REQUESTS),
        "{}: {words:#?}",
        row.fault
    );
    let peak = tuned["peak_memory_bytes"].as_u64().unwrap();
    assert!(peak < MOST_MEMORY, "{}: {peak} bytes", row.fault);
    if let Kind::Policy = row.kind {
        let expected = format!("a policy failed ... end on lru, not plugin:bad-policy; {}", row.text);
        assert!(said(&expected, dir.path(), words.clone()), "{}: {:#?}", row.fault, words);
        return;
    }
    assert!(said(row.text, dir.path(), words.clone()), "{}: {:#?}", row.fault, words);
    let state = state(row, &report);
    let expected: &[&str] = match row.kind {
        // One that was started again a moment ago is loading.
        Kind::Fails => &["backing-off", "loading", "quarantined"],
        Kind::Broken => &["quarantined"],
        _ => &["active"],
    };
    assert!(expected.contains(&state.as_str()), "{}: {state}", row.fault);
}

#[test]
fn in_virtual_time_the_fault_matrix_is_as_the_table_says() {
    each_row("host sim", in_virtual_time);
}

#[test]
fn under_load_the_fault_matrix_is_as_the_table_says() {
    each_row("host run", under_load);
}

#[test]
fn under_hot_reload_the_fault_matrix_is_as_the_table_says() {
    // A host asks each component for its name under the largest limits of all, so that those who have much are apart. So are those
    // of a host with other settings.
    let (much, others): (Vec<Row>, Vec<Row>) = ROWS.iter().partition(|row| row.more == rows::MUCH);
    let (own, others): (Vec<Row>, Vec<Row>) = others.iter().partition(|row| !row.host.is_empty());
    for rows in [much, own, others] {
        running::in_turn(&rows);
    }
}

#[test]
fn the_fault_matrix_is_in_the_documents() {
    let path = repository().join("docs/faults.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let table = table::of(ROWS);
    println!("{table}");
    let (begin, end) = ("<!-- faults -->\n\n", "\n<!-- end of faults -->");
    let (before, rest) = text.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let expected = format!("{before}{begin}{table}{end}{after}");
    if std::env::var_os("HOST_REWRITE").is_some() {
        std::fs::write(&path, &expected).unwrap();
    } else {
        assert_eq!(text, expected, "docs/faults.md is out of date; rewrite it with `{COMMAND}`");
    }
}
