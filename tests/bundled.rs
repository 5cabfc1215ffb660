//! The page of the bundled components is what they say of themselves.

use std::fmt::Write as _;

use serde_json::Value;

use crate::support::{repository, succeed};

const COMMAND: &str = "HOST_REWRITE=1 cargo test -p host --test whole bundled";

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&succeed(["plugin"].iter().chain(arguments).chain(&["--json"]))).unwrap()
}

/// The names of the bundled components of a kind, in their order.
fn bundled(kind: &str) -> Vec<String> {
    let listed = json(&["list"]);
    let of = listed.as_array().unwrap().iter().filter(|one| one["kind"] == kind && one["from"] == "bundled");
    // A policy is listed as it is named in a profile.
    of.map(|one| one["name"].as_str().unwrap().trim_start_matches("plugin:").to_owned()).collect()
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn code(of: &Value) -> String {
    match of {
        Value::String(text) if text.is_empty() => "empty".to_owned(),
        Value::String(text) => format!("`{}`", cell(text)),
        Value::Number(number) => {
            let number = number.as_f64().unwrap();
            format!("`{number}`")
        }
        _ => String::new(),
    }
}

fn list<'a>(of: impl Iterator<Item = &'a Value>) -> String {
    let names: Vec<String> = of.map(code).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The heading, the summary and the table of settings of a component.
fn section(name: &str) -> String {
    let about = json(&["inspect", name]);
    let imports = about["imports"].as_array().unwrap().iter();
    let grants = list(imports.map(|import| &import["grant"]).filter(|grant| grant.is_string()));
    let mut text = format!(
        "\n### {name}\n\n{}. Version {}",
        about["summary"].as_str().unwrap(),
        about["version"].as_str().unwrap()
    );
    if about["world"].as_str().unwrap().contains("/strategy@") {
        let dials = list(about["dials"].as_array().unwrap().iter());
        write!(text, "; dials: {dials}; grants: {grants}").unwrap();
    }
    text.push_str(".\n");
    let settings = about["settings"].as_array().unwrap();
    if settings.is_empty() {
        text.push_str("\nNo settings.\n");
        return text;
    }
    text.push_str("\n| setting | type | range | default | what it does |\n|---|---|---|---|---|\n");
    for setting in settings {
        let (least, most) = (&setting["minimum"], &setting["maximum"]);
        let choices = setting["choices"].as_array().unwrap();
        let range = match (choices.is_empty(), least.is_null(), most.is_null()) {
            (false, ..) => list(choices.iter()),
            (_, true, true) => "any".to_owned(),
            (_, false, true) => format!("from {}", code(least)),
            (_, true, false) => format!("to {}", code(most)),
            _ => format!("{} to {}", code(least), code(most)),
        };
        let [name, kind, summary] = ["name", "kind", "summary"].map(|field| setting[field].as_str().unwrap());
        let (default, summary) = (code(&setting["default"]), cell(summary));
        writeln!(text, "| `{name}` | {kind} | {range} | {default} | {summary} |").unwrap();
    }
    text
}

#[test]
fn the_page_of_the_bundled_components_is_what_they_say() {
    let path = repository().join("docs/bundled.md");
    let mut page = format!(
        "# Bundled strategies and policies\n\n\
         What each says of itself, as `host plugin inspect NAME` shows it too. A test makes this page from that, and fails where it differs:\n\
         `{COMMAND}` rewrites it.\n\n\
         ## Strategies\n\n\
         A profile sets them under `strategies.NAME.settings.SETTING`, and grants under `strategies.NAME.grants`. Each bundled profile grants\n\
         what they import.\n"
    );
    let (strategies, policies) = (bundled("strategy"), bundled("eviction"));
    assert!(strategies.len() >= 3 && policies.len() >= 8, "{strategies:?} {policies:?}");
    page.extend(strategies.iter().map(|name| section(name)));
    page.push_str(
        "\n## Eviction policies\n\n\
         `plugin:NAME` wherever a policy is named. Each has a native twin of its name, which is faster, and takes parameters.\n",
    );
    page.extend(policies.iter().map(|name| section(name)));
    if std::env::var_os("HOST_REWRITE").is_some() {
        std::fs::write(&path, &page).unwrap();
        return;
    }
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, page, "docs/bundled.md is out of date; rewrite it with `{COMMAND}`");
}
