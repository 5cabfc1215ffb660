use proptest::prelude::*;

use super::*;

const GOOD: &str = r#"name = "a"
summary = "b"
seed = 1
tick-ms = 500
pool = "io"
workers = { min = 1, max = 10 }

[[phase]]
name = "one"
ticks = 10
arrivals = { closed = { clients = 4 } }
[phase.service]
delay-ms = 5
jitter = { uniform = 0.1 }
"#;

fn error(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    Scenario::from_text("x.toml", &GOOD.replace(from, to)).unwrap_err().to_string()
}

#[test]
fn a_file_is_read() {
    let scenario = Scenario::from_text("x.toml", GOOD).unwrap();
    assert_eq!((scenario.ticks(), scenario.pool), (10, PoolKind::Io));
    assert_eq!(scenario.phases[0].service.jitter, Some(Jitter::Uniform(0.1)));
}

#[test]
fn the_example_of_the_documentation_has_every_key() {
    let document = include_str!("../../../../docs/workers.md");
    let example = document.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let scenario = Scenario::from_text("docs/workers.md", example).unwrap();
    let has = |part: fn(&Service) -> bool| scenario.phases.iter().any(|phase| part(&phase.service));
    assert!(has(|service| service.jitter.is_some()) && has(|service| service.knee.is_some()));
    assert!(has(|service| service.contention.is_some()) && has(|service| service.drop.is_some()));
    assert!(has(|service| service.defer.is_some()) && has(|service| service.rate_limit.is_some()));
    assert!(has(|service| service.cpu.is_some()) && has(|service| service.neighbour.is_some()));
    let closed = |phase: &Phase| matches!(phase.arrivals, Arrivals::Closed(_));
    assert!(closed(&scenario.phases[0]) && !scenario.phases[1..].iter().any(closed));
}

#[test]
fn an_error_names_file_and_line_and_what_was_expected() {
    let cases = [
        ("delay-ms = 5", "delay = 5", "x.toml:13: unknown field `delay`, expected one of `delay-ms`, "),
        ("clients = 4", "clients = -4", "x.toml:11: invalid value: integer `-4`, expected u32"),
        ("\"io\"", "\"disk\"", "x.toml:5: unknown variant `disk`, expected `io` or `cpu`"),
        ("closed =", "shut =", "x.toml:11: unknown variant `shut`, expected one of `closed`, `open`, "),
        ("seed = 1\n", "", "missing field `seed`"),
        ("max = 10", "max = 0", "x.toml: workers.max: expected 1 to 4096, got 0"),
        ("ticks = 10", "ticks = 0", "x.toml:8: phase \"one\": ticks: expected 1 to 100000, got 0"),
        (
            "delay-ms = 5",
            "delay-ms = 0",
            "x.toml:8: phase \"one\": service.delay-ms: expected 0.01 to 600000, got 0",
        ),
        (
            "delay-ms = 5",
            "delay-ms = nan",
            "x.toml:8: phase \"one\": service.delay-ms: expected 0.01 to 600000, got NaN",
        ),
        (
            "delay-ms = 5",
            "cpu = { time-ms = 5 }",
            "phase \"one\": service.cpu: expected `cores = N` at the top of the file, got none",
        ),
        (
            "delay-ms = 5",
            "delay-ms = 5\nneighbour = { share = 0.5, off-ticks = 1, on-ticks = 1 }",
            "service.neighbour: expected `service.cpu` beside it, got none",
        ),
        ("ticks = 10", "ticks = 100000", "phase: expected phases of at most 20000000 requests together, got"),
    ];
    for (from, to, expected) in cases {
        let text = error(from, to);
        assert!(text.contains(expected), "{text}\ndoes not contain\n{expected}");
    }
    let none = Scenario::read(Path::new("no/such.toml")).unwrap_err().to_string();
    assert!(none.starts_with("no/such.toml: cannot be read: "), "{none}");
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*", at in 0_usize..GOOD.len(), cut in 0_usize..40) {
        drop(Scenario::from_text("x", &text));
        let broken = format!("{}{text}{}", &GOOD[..at], &GOOD[(at + cut).min(GOOD.len())..]);
        drop(Scenario::from_text("x", &broken));
    }
}
