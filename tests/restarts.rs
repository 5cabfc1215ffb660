//! A component that fails is started again, and quarantined when it goes on failing. In virtual time: the same bytes twice.

use serde_json::Value;

use crate::reload::Running;
use crate::support::{fail, host, of_type, plugin_dir, succeed, trace};

const GRANTS: &str = r#"grants=["settings"]"#;

/// Replays a trace of so many ticks with `panics`, which panics in every tick that is a multiple of `every`. Returns the
/// report, as text and as JSON, and the ledger.
fn replayed(ticks: u64, every: u64) -> (String, Value, String) {
    let dir = plugin_dir(&["panics"]);
    let trace = trace(dir.path(), ticks * 100);
    let file = dir.path().join("ledger.jsonl");
    let simulate = |json: bool| {
        let mut command = host();
        command.args(["sim", "--profile", "small", "--capacity", "10%", "--plugin-dir"]).arg(dir.path());
        command.args(["--set", &format!("strategies.panics.{GRANTS}")]).args(json.then_some("--json"));
        command.args(["--set", &format!("strategies.panics.settings.every={every}")]);
        command.args(["--set", "control.tick-requests=100"]);
        let output = command.arg("--ledger").arg(&file).arg(&trace).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let (text, json) = (simulate(false), simulate(true));
    // The trace is in a folder of its own each time.
    let text = text.replace(&trace.display().to_string(), "TRACE");
    let ledger = std::fs::read_to_string(&file).unwrap().replace(&trace.display().to_string(), "TRACE");
    (text, serde_json::from_str(&json).unwrap(), ledger)
}

/// The status of `panics`.
fn of_panics(report: &Value) -> &Value {
    report["strategies"].as_array().unwrap().iter().find(|of| of["strategy"] == "panics").unwrap()
}

#[test]
fn one_that_panics_now_and_then_is_started_again_and_goes_on() {
    let (text, report, ledger) = replayed(280, 80);
    let status = of_panics(&report);
    assert_eq!(status["state"], "active", "{status}");
    assert_eq!((&status["failures"], &status["restarts"]), (&3.into(), &3.into()), "{status}");
    let events = status["events"].as_array().unwrap();
    let [failed, again] = [&events[0], &events[1]];
    assert_eq!((&failed["event"], &failed["tick"]), (&"back-off".into(), &80.into()));
    assert_eq!((&again["event"], &again["tick"]), (&"restart".into(), &failed["until"]));
    let rested: u64 = events.iter().filter_map(|event| event["ticks"].as_u64()).sum();
    let ticks = report["ticks"].as_u64().unwrap();
    // The tick of a failure is one that it was called in.
    let called = report["cost"]["strategies"]["panics"]["ticks"].as_u64().unwrap();
    assert_eq!(called, ticks - (rested - 3));
    // What it spent is given back before it fails again, so that its rests stay short.
    assert!((12..=18).contains(&rested) && status["restarts_left"] == 5, "{status}");
    assert!(text.lines().any(|line| line.starts_with("panics ") && line.contains(" active ")), "{text}");
    let line = "  panics, tick 160: trapped: panicked at panics/src/lib.rs";
    assert!(text.lines().any(|at| at.starts_with(line) && at.contains("rests until tick 16")), "{text}");
    assert!(text.contains(": started again in a fresh store\n"), "{text}");
    assert_eq!((text, ledger), (replayed(280, 80).0, replayed(280, 80).2), "the same bytes twice");
}

#[test]
fn one_that_always_panics_ends_quarantined() {
    let (text, report, ledger) = replayed(330, 1);
    let status = of_panics(&report);
    assert_eq!((&status["state"], &status["restarts"]), (&"quarantined".into(), &6.into()), "{status}");
    assert_eq!(report["cost"]["strategies"]["panics"]["ticks"], 1 + 7, "the tick before, and one a start");
    assert!(text.contains("; takes no further part, after 6 restarts\n"), "{text}");
    assert!(text.contains("panics: 9 events before these; --ledger FILE keeps them all"), "{text}");
    let records: Vec<Value> = ledger.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events = of_type(&records, "strategy");
    assert_eq!(events.len(), 13);
    let rests: Vec<u64> = events.iter().filter_map(|event| event["ticks"].as_u64()).collect();
    assert!(
        rests.iter().zip([4, 8, 16, 32, 64, 64]).all(|(rest, least)| (least..=least * 3 / 2).contains(rest))
    );
    assert!(events.iter().all(|event| event["event"] == "restart" || event["fault"]["kind"] == "trap"));
    assert_eq!(ledger, replayed(330, 1).2, "the same bytes twice");
}

/// A run with `panics`, which ends quarantined, and `counts`, and a folder for what they learn.
fn running(plugins: &std::path::Path, learnt: &std::path::Path) -> Running {
    Running::start(
        plugins,
        &[
            format!("--set=strategies.panics.{GRANTS}"),
            // Enough ticks for every rest up to the quarantine.
            "--set=control.tick=20ms".to_owned(),
            "--set=strategies.counts.grants=[\"settings\", \"state\", \"log\"]".to_owned(),
            format!("--state-dir={}", learnt.display()),
        ],
    )
}

#[test]
fn an_operator_resets_a_strategy_of_a_running_host() {
    let (plugins, learnt) = (plugin_dir(&["panics", "counts"]), tempfile::tempdir().unwrap());
    let dir = plugins.path().to_str().unwrap();
    let folder = learnt.path().to_str().unwrap();
    let mut run = running(plugins.path(), learnt.path());
    let failed = run.until("a quarantine", |record| record["event"] == "quarantine");
    assert_eq!(failed["strategy"], "panics");
    let answer = succeed(["plugin", "reset", "panics", "--plugin-dir", dir]);
    assert_eq!(answer, "panics was reset by the operator\n");
    let is_reset = |record: &Value| record["event"] == "reset" && record["strategy"] == "panics";
    let reset = run.until("a reset", is_reset);
    let text = reset["text"].as_str().unwrap();
    assert_eq!(text, "reset: started again in a fresh store, with a full budget of restarts");
    let again = run.until("a failure after it", |record| {
        record["event"] == "back-off" && record["tick"].as_u64() > reset["tick"].as_u64()
    });
    assert_eq!(again["restarts_left"], 6, "its budget is full: {again}");

    let wrong = fail(1, ["plugin", "reset", "panic", "--plugin-dir", dir]);
    assert!(
        wrong.contains("no strategy `panic` takes part; expected one of: ") && wrong.contains("panics"),
        "{wrong}"
    );
    // A folder that a host has cannot be taken from it, by whoever asks in another directory.
    let other = tempfile::tempdir().unwrap();
    let elsewhere = other.path().to_str().unwrap();
    let locked =
        fail(1, ["plugin", "reset", "counts", "--forget", "--state-dir", folder, "--plugin-dir", elsewhere]);
    assert!(
        locked.contains("another host keeps it there") && locked.contains("no host took the request"),
        "{locked}"
    );

    run.until("a count", |record| record["message"] == "count 20");
    let answer = succeed(["plugin", "reset", "counts", "--forget", "--plugin-dir", dir]);
    assert_eq!(answer, "counts was reset by the operator, and what it had learnt is forgotten\n");
    let reset = run.until("a reset", |record| record["event"] == "reset" && record["strategy"] == "counts");
    assert!(reset["text"].as_str().unwrap().contains("counts.json.forgotten"), "{reset}");
    run.until("a count from the start", |record| {
        record["message"] == "count 1" && record["tick"].as_u64() > reset["tick"].as_u64()
    });
    let commands = run.ledger();
    let commands: Vec<&Value> = of_type(&commands, "command").into_iter().map(|of| &of["detail"]).collect();
    assert_eq!(commands, ["panics", "panic", "counts, and what it has learnt"]);
    let notes = run.report()["notes"].to_string();
    assert!(
        notes.contains("panics was reset by the operator") && notes.contains("panic was not reset"),
        "{notes}"
    );

    // With the host gone the folder is free.
    let alone = ["plugin", "reset", "counts", "--forget", "--state-dir", folder, "--plugin-dir", elsewhere];
    let answer = succeed(alone);
    assert!(
        answer.contains("what counts had learnt was set aside as ") && answer.contains("no host took"),
        "{answer}"
    );
    let nothing = fail(1, alone);
    assert!(nothing.contains("has nothing that counts has learnt"), "{nothing}");
    let nobody = fail(1, ["plugin", "reset", "counts", "--plugin-dir", elsewhere]);
    assert!(nobody.contains("no host took the request within 5 s, and it was taken back"), "{nobody}");
    assert_eq!(std::fs::read_dir(other.path()).unwrap().count(), 0);
    let missing = fail(1, ["plugin", "reset", "counts", "--plugin-dir", "no/such/dir"]);
    assert!(missing.contains("no/such/dir: there is no such plugin directory"), "{missing}");
}
