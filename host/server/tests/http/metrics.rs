//! Every figure has its HELP and TYPE, and a name by the conventions.

use std::collections::{BTreeMap, BTreeSet};

use super::running::{Running, start};

/// Labels that figures may have.
const LABELS: [&str; 11] = [
    "version", "profile", "protocol", "method", "code", "command", "policy", "size", "plugin", "state",
    "answer",
];

fn busy() -> Running {
    let server = start(&[]);
    server.put("/cache/a", b"1");
    server.get("/cache/a");
    server.get("/cache/b");
    server.redis("SET a 2");
    server.redis("GET a");
    server.redis("INCR no such arity");
    server.tick();
    server
}

/// Samples by family: name, labels, value.
type Samples = Vec<(String, BTreeMap<String, String>, f64)>;

struct Family {
    kind: String,
    help: String,
    samples: Samples,
}

fn labels(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split("\",").filter(|pair| !pair.is_empty());
    let pair = |pair: &str| {
        let (name, value) = pair.split_once("=\"").unwrap_or_else(|| panic!("{text}"));
        (name.to_owned(), value.trim_end_matches('"').to_owned())
    };
    pairs.map(pair).collect()
}

/// Reads the text format, and demands HELP, TYPE and samples of a family in this order, each family once.
fn families(text: &str) -> BTreeMap<String, Family> {
    let mut all: BTreeMap<String, Family> = BTreeMap::new();
    let mut help: Option<(String, String)> = None;
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, words) = rest.split_once(' ').unwrap();
            help = Some((name.to_owned(), words.to_owned()));
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            let (helped, words) = help.take().unwrap_or_else(|| panic!("{name} has no HELP"));
            assert_eq!(helped, name);
            let family = Family { kind: kind.to_owned(), help: words, samples: Vec::new() };
            assert!(all.insert(name.to_owned(), family).is_none(), "{name} comes twice");
            name.clone_into(&mut current);
        } else if line.starts_with("# UNIT ") || line == "# EOF" {
        } else {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let (name, of) =
                name.split_once('{').map_or((name, ""), |(name, rest)| (name, rest.trim_end_matches('}')));
            let family = all.get_mut(&current).unwrap_or_else(|| panic!("{line} has no TYPE"));
            family.samples.push((name.to_owned(), labels(of), value.parse().unwrap()));
        }
    }
    all
}

#[test]
fn every_figure_says_what_it_is_and_is_named_by_the_conventions() {
    let server = busy();
    let answer = server.get("/metrics");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = String::from_utf8(answer.body).unwrap();
    let all = families(&text);
    assert!(all.len() > 40, "{text}");
    for (name, family) in &all {
        assert!(name.starts_with("host_"), "{name}");
        assert!(
            name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'),
            "{name}"
        );
        assert!(
            family.help.len() > 10 && family.help.ends_with(char::is_alphanumeric)
                || family.help.ends_with(')'),
            "{name}: {}",
            family.help
        );
        assert!(!family.samples.is_empty(), "{name}");
        match family.kind.as_str() {
            "counter" => assert!(name.ends_with("_total"), "{name} only grows"),
            "gauge" => assert!(!name.ends_with("_total"), "{name} goes up and down"),
            kind => panic!("{name}: {kind}"),
        }
        // Base units alone, each at the end of a name.
        for part in ["_ms", "_us", "_microseconds", "_milliseconds", "_percent", "_kb", "_mb", "_ratios"] {
            assert!(!format!("{name}_").contains(&format!("{part}_")), "{name}");
        }
        for unit in ["seconds", "bytes", "ratio"] {
            if let Some(at) = name.find(&format!("_{unit}")) {
                let rest = &name[at + 1 + unit.len()..];
                assert!(rest.is_empty() || rest == "_total", "{name}");
            }
        }
        let mut seen = BTreeSet::new();
        for (sample, labels, value) in &family.samples {
            assert_eq!(sample, name);
            assert!(value.is_finite() && seen.insert(labels), "{name} {labels:?} {value}");
            assert!(
                labels.keys().all(|label| LABELS.contains(&label.as_str()) || label == "type"),
                "{name} {labels:?}"
            );
        }
    }
    let value = |name: &str, label: Option<(&str, &str)>| {
        let samples = &all.get(name).unwrap_or_else(|| panic!("no {name} in {text}")).samples;
        let wanted = |labels: &BTreeMap<String, String>| {
            label.is_none_or(|(label, value)| labels.get(label).is_some_and(|of| of == value))
        };
        samples.iter().find(|(_, labels, _)| wanted(labels)).map(|(.., value)| *value)
    };
    assert_eq!(
        (value("host_cache_hits_total", None), value("host_cache_misses_total", None)),
        (Some(2.0), Some(1.0))
    );
    assert_eq!(value("host_commands_total", Some(("command", "set"))), Some(1.0));
    assert_eq!(value("host_cache_policy", Some(("policy", "sieve"))), Some(1.0));
    assert_eq!(value("host_cache_policy", Some(("policy", "lru"))), Some(0.0));
    assert_eq!(value("host_strategy_ticks_total", Some(("plugin", "chooser"))), Some(2.0));
    assert_eq!(value("host_strategy_state", Some(("state", "active"))), Some(1.0));
    assert_eq!(value("host_events_total", Some(("type", "decision"))), Some(1.0));
    assert_eq!(value("host_ready", None), Some(1.0));
    assert!(value("host_latency_p99_seconds", None).is_some_and(|seconds| seconds > 0.0 && seconds < 60.0));
    assert_eq!(value("host_hit_ratio", None), Some(2.0 / 3.0));
}

#[test]
fn open_metrics_is_written_for_who_accepts_it() {
    let server = busy();
    let accept = [("Accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")];
    let answer = server.ask("GET", "/metrics", &accept, b"");
    assert_eq!(
        answer.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    let text = String::from_utf8(answer.body).unwrap();
    assert!(text.ends_with("# EOF\n"), "{text}");
    assert!(
        text.contains("# TYPE host_cache_hits counter\n") && text.contains("\nhost_cache_hits_total 2"),
        "{text}"
    );
    assert!(text.contains("# UNIT host_cache_used_bytes bytes\n"), "{text}");
    // The same families as in the other format.
    let plain = String::from_utf8(server.get("/metrics").body).unwrap();
    let named = |text: &str| {
        let all = families(text).into_keys();
        all.map(|name| name.trim_end_matches("_total").to_owned()).collect::<BTreeSet<_>>()
    };
    assert_eq!(named(&text), named(&plain));
}

/// Every name of a figure in the dashboard's queries.
fn queried(value: &serde_json::Value, names: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    serde_json::Value::String(query) if name == "expr" || name == "query" => {
                        let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                        names.extend(words.filter(|word| word.starts_with("host_")).map(str::to_owned));
                    }
                    value => queried(value, names),
                }
            }
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| queried(value, names)),
        _ => {}
    }
}

#[test]
fn the_dashboard_asks_for_figures_that_there_are() {
    let dashboard: serde_json::Value =
        serde_json::from_str(include_str!("../../../../docs/grafana.json")).unwrap();
    let mut names = BTreeSet::new();
    queried(&dashboard, &mut names);
    assert!(names.len() > 20, "{names:?}");
    let all = families(&String::from_utf8(busy().get("/metrics").body).unwrap());
    let missing: Vec<_> = names.iter().filter(|name| !all.contains_key(*name)).collect();
    assert!(missing.is_empty(), "the dashboard asks for {missing:?}, and there are {:?}", all.keys());
}
