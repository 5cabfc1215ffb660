//! Strategies in shadow mode: real components on live figures, of whose proposals nothing is applied.

use serde_json::Value;

use crate::support::{host, ledger, of_type, plugin_dir, succeed};

/// A component of `tests/components` in shadow mode, beside the bundled strategies, in virtual time. Returns the report,
/// as text and as JSON, and the ledger.
fn simulated(name: &str, sets: &[&str]) -> (String, Value, Vec<Value>) {
    let dir = plugin_dir(&[name]);
    let trace = dir.path().join("keys.txt");
    // Two hundred keys round and round, of which half fit: whatever lru is asked for, it has just evicted.
    std::fs::write(&trace, (0..200).map(|key| format!("{key}\n")).collect::<String>().repeat(150)).unwrap();
    let file = dir.path().join("ledger.jsonl");
    let simulate = |json: bool| {
        let mut command = host();
        command
            .args(["sim", "--profile", "small", "--capacity", "100", "--unit", "objects", "--plugin-dir"])
            .arg(dir.path());
        for set in sets {
            command.args(["--set", set]);
        }
        let output =
            command.args(json.then_some("--json")).arg("--ledger").arg(&file).arg(&trace).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().replace(&trace.display().to_string(), "TRACE")
    };
    let (text, json) = (simulate(false), simulate(true));
    (text, serde_json::from_str(&json).unwrap(), ledger(&file))
}

/// The status of a strategy.
fn status<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["strategies"].as_array().unwrap().iter().find(|of| of["strategy"] == name).unwrap()
}

/// What was decided and how it was judged. What was seen beside it differs: a strategy that may turn the capacity has it
/// estimated at other capacities, too.
fn decisions(report: &Value) -> Vec<Value> {
    let decisions = report["decisions"].as_array().unwrap().iter().cloned();
    let told = decisions.map(|mut decision| {
        decision.as_object_mut().unwrap().retain(|key, _| key != "saw" && key != "reason");
        decision
    });
    told.collect()
}

const GRANTS: &str =
    r#"grants=["metrics","dials","cache-control","executor-control","prefetch-control","settings","log"]"#;

#[test]
fn the_worst_strategy_changes_nothing() {
    let grants = format!("strategies.worst.{GRANTS}");
    let sets = [grants.as_str(), "strategies.worst.mode=shadow", "strategies.worst.settings.how=every-dial"];
    let (text, report, records) = simulated("worst", &sets);
    let without = simulated("worst", &["control.judge=true"]).1;
    for figure in ["misses", "policy", "rules", "prefetch"] {
        assert_eq!(report[figure], without[figure], "{figure}");
    }
    assert_eq!(decisions(&report), decisions(&without));
    let proposals = of_type(&records, "shadow-proposal");
    assert!(proposals.iter().all(|of| of["strategy"] == "worst") && !proposals.is_empty());
    assert!(of_type(&records, "proposal").iter().all(|of| of["strategy"] != "worst"));
    let shadow = &status(&report, "worst")["shadow"];
    let would = proposals.iter().filter(|of| of["verdict"] == "shadowed").count();
    assert_eq!(shadow["changes"].as_u64(), u64::try_from(would).ok(), "{shadow}");
    assert_eq!(shadow["promote"], r#"strategies.worst.mode = "active""#);
    assert!(text.contains("  worst, in shadow mode: it would have made "), "{text}");
    assert!(text.contains(r#": strategies.worst.mode = "active""#), "{text}");
    assert_eq!(text, simulated("worst", &sets).0, "the same bytes twice");
}

#[test]
fn a_policy_that_would_have_helped_is_told_with_the_line_that_promotes_it() {
    let sets = ["strategies.cache-policy.mode=shadow", "prefetch.mode=on-demand", "cache.policy=lru"];
    let (text, report, records) = simulated("drop-in", &sets);
    assert_eq!((&report["policy"], &report["decisions"]), (&"lru".into(), &Value::Array(vec![])));
    let shadow = &status(&report, "cache-policy")["shadow"];
    assert_eq!(shadow["estimated"]["verdict"], "better", "{shadow}");
    assert_eq!(shadow["not_judged"], Value::Array(vec![]));
    let line = r#"    it would have helped; to let it decide: strategies.cache-policy.mode = "active""#;
    assert!(text.lines().any(|at| at == line), "{text}");
    assert!(!of_type(&records, "shadows").is_empty(), "nobody else chooses what is estimated");

    // The estimate holds what it promises: where it decides, there are fewer misses.
    let promoted = simulated("drop-in", &sets[1..]).1;
    assert!(promoted["misses"].as_u64() < report["misses"].as_u64(), "{promoted} {report}");
}

#[test]
fn the_list_says_that_it_runs_in_shadow_mode() {
    let list = succeed(["plugin", "list", "--set", "strategies.cache-policy.mode=shadow"]);
    let line = |name: &str| list.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(line("cache-policy").contains(" runs in shadow mode "), "{list}");
    assert!(!line("worker-sizing").contains("shadow mode"), "{list}");
}
