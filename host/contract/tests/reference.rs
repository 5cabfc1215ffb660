//! The tables of dials and gauges in `docs/reference.md` are those of the code.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use host_contract::dial::{self, Kind};
use host_contract::{Grant, gauge};

const COMMAND: &str = "HOST_REWRITE=1 cargo test -p host-contract --test reference";

fn dials() -> String {
    let mut table = String::from(
        "| dial | unit | grant | what it does | start | least | most | rivals |\n|---|---|---|---|---|---|---|---|\n",
    );
    for row in dial::BUILT_IN {
        let keys = row.keys;
        let key = |key: Option<&str>| key.map_or_else(String::new, |key| format!("`{key}`"));
        let unit = if row.kind == Kind::Choice { "name" } else { row.unit };
        writeln!(
            table,
            "| `{}` | {unit} | `{}` | {} | `{}` | {} | {} | {} |",
            row.dial,
            row.grant,
            row.meaning,
            keys.start,
            key(keys.min),
            key(keys.max),
            mode(row.mode),
        )
        .unwrap();
    }
    table
}

fn mode(mode: dial::Mode) -> &'static str {
    dial::Mode::ALL.into_iter().find(|(each, _)| *each == mode).map(|(_, name)| name).unwrap()
}

fn gauges() -> String {
    let mut table = String::from("| gauge | unit | what it is |\n|---|---|---|\n");
    for row in gauge::BUILT_IN {
        writeln!(table, "| `{}` | {} | {} |", row.name, row.unit, row.meaning).unwrap();
    }
    table
}

/// `text` with `table` between the markers of that name.
fn replaced(text: &str, name: &str, table: &str) -> String {
    let (begin, end) = (format!("<!-- {name} -->\n\n"), format!("\n<!-- end of {name} -->"));
    let (before, rest) = text.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    format!("{before}{begin}{table}{end}{after}")
}

#[test]
fn the_reference_shows_the_tables_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference.md");
    let text = fs::read_to_string(&path).unwrap();
    let expected = replaced(&replaced(&text, "dials", &dials()), "gauges", &gauges());
    if std::env::var_os("HOST_REWRITE").is_some() {
        fs::write(&path, &expected).unwrap();
    } else {
        assert_eq!(text, expected, "docs/reference.md is out of date; rewrite it with `{COMMAND}`");
    }
}

#[test]
fn the_reference_names_every_grant() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, grants) = text.split_once("\n## Grants\n").unwrap();
    let (grants, _) = grants.split_once("\n## ").unwrap();
    let named: Vec<&str> = grants
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(n, _)| n)
        .collect();
    assert_eq!(named, Grant::ALL.map(Grant::name));
}
