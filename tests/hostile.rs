//! Components that misbehave: each run ends well, with the strategy stopped or clamped and the text
//! shown.

use serde_json::Value;

use crate::support::{fail, host, ledger, of_type, plugin_dir, succeed, trace};

const ALL: &str =
    r#"grants=["metrics","dials","cache-control","executor-control","prefetch-control","settings","log"]"#;

/// Runs a small trace with one component of `tests/components` beside the bundled strategies.
fn run_with(name: &str) -> (Value, Vec<Value>) {
    run_under(name, "control.judge=true")
}

/// As [`run_with`], with another setting.
fn run_under(name: &str, set: &str) -> (Value, Vec<Value>) {
    let dir = plugin_dir(&[name]);
    let trace = trace(dir.path(), 6_000);
    let file = dir.path().join("ledger.jsonl");
    let output = host()
        .args(["run", "--json", "--set", &format!("strategies.{name}.{ALL}")])
        .args(["--set", "control.tick=20ms", "--set", "control.tick-requests=500", "--set", set])
        .args(["--set", "limits.deadline=2s", "--set", "limits.memory=16MB"])
        .arg("--plugin-dir")
        .arg(dir.path())
        .arg("--ledger")
        .arg(&file)
        .arg(&trace)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["tuned"]["requests"], 6_000, "every request was served");
    (report, ledger(&file))
}

/// The strategies that failed, as the report has them.
fn failed(report: &Value) -> Vec<&Value> {
    report["strategies"].as_array().unwrap().iter().filter(|of| of["failures"] != 0).collect()
}

/// The tick and the text with which `name`, and nobody else, failed first.
fn first_failure(name: &str) -> (u64, String) {
    let (report, ledger) = run_with(name);
    let failed = failed(&report);
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0]["strategy"], name);
    let first = &failed[0]["events"][0];
    let tick = first["tick"].as_u64().unwrap();
    let on_ledger = of_type(&ledger, "strategy");
    // What could not be started took no part in any tick.
    assert_eq!(on_ledger.first().copied(), (tick > 0).then_some(first).map(typed).as_ref());
    assert_eq!(first["event"], if tick > 0 { "back-off" } else { "quarantine" });
    (tick, first["text"].as_str().unwrap().to_owned())
}

/// An event of the report, as the ledger has it.
fn typed(event: &Value) -> Value {
    let mut record = event.clone();
    record["type"] = "strategy".into();
    record
}

#[test]
fn one_that_loops_for_ever_runs_out_of_fuel() {
    let (tick, text) = first_failure("loop-forever");
    assert_eq!(tick, 2);
    assert_eq!(
        text,
        "ran out of fuel after 50000000 units; raise `strategies.loop-forever.limits.fuel` if it needs more"
    );
}

#[test]
fn one_that_allocates_for_ever_meets_its_memory_limit() {
    let (_, text) = first_failure("allocate-forever");
    assert_eq!(
        text,
        "asked for more memory than its limit of 16000000 bytes; raise `strategies.allocate-forever.limits.memory` if it \
         needs more"
    );
}

#[test]
fn one_that_recurses_for_ever_traps() {
    let (_, text) = first_failure("recurse-forever");
    assert!(text.starts_with("trapped: "), "{text}");
}

#[test]
fn one_that_panics_is_quoted() {
    let (_, text) = first_failure("panics");
    assert!(
        text.starts_with("trapped: ") && text.contains("tick 2 is more than this strategy can bear"),
        "{text}"
    );
}

#[test]
fn one_that_answers_with_an_error_is_quoted() {
    let (_, text) = first_failure("bad-answer");
    assert_eq!(text, "answered: no idea what to do at tick 2");
}

#[test]
fn one_that_sleeps_does_not_hold_up_the_run() {
    let began = std::time::Instant::now();
    let (_, text) = first_failure("sleeps");
    assert_eq!(
        text,
        "still running after its deadline of 2000 ms; raise `strategies.sleeps.limits.deadline` if it needs more"
    );
    assert!(began.elapsed() < std::time::Duration::from_secs(40), "it asked for a minute");
}

#[test]
fn one_that_loops_while_it_describes_itself_is_not_started() {
    let (tick, text) = first_failure("loops-in-describe");
    assert_eq!(tick, 0);
    assert!(text.contains("loops-in-describe") && text.contains("fuel"), "{text}");
}

#[test]
fn one_with_a_nonsensical_name_is_not_started() {
    let (tick, text) = first_failure("bad-name");
    assert_eq!(tick, 0);
    assert!(text.contains("bad-name.wasm"), "{text}");
}

#[test]
fn nonsense_is_clamped_or_refused_and_on_the_ledger() {
    // The judge would have it rest before every dial has answered.
    let (report, ledger) = run_under("nonsense", "control.judge=false");
    assert_eq!(failed(&report), [&Value::Null; 0]);
    let cost = &report["cost"]["strategies"]["nonsense"];
    assert!(cost["clamped"].as_u64().unwrap() > 0 && cost["refused"].as_u64().unwrap() > 0, "{cost}");
    let noted =
        report["notes"].as_array().unwrap().iter().any(|n| n.as_str().unwrap().starts_with("nonsense: "));
    assert!(noted, "{}", report["notes"]);

    let proposals = of_type(&ledger, "proposal");
    let answers = |dial: &str| -> Vec<&Value> {
        proposals
            .iter()
            .filter(|p| p["strategy"] == "nonsense" && p["dial"] == dial)
            .map(|p| &p["answer"])
            .collect()
    };
    for (dial, within) in
        [("io-workers", 64.0), ("cpu-workers", 16.0), ("cache-ttl", 1.0), ("cache-ttl", 3_155_760_000.0)]
    {
        let clamped = answers(dial).iter().any(|a| a["clamped"].as_f64() == Some(within));
        assert!(clamped, "{dial} to {within}: {:?}", answers(dial));
    }
    let refused =
        |dial: &str, text: &str| answers(dial).iter().any(|a| a["refused"].to_string().contains(text));
    assert!(refused("prefetch-share", "not a finite number"), "{:?}", answers("prefetch-share"));
    assert!(refused("cache-policy", "unknown"), "{:?}", answers("cache-policy"));
    let rules = of_type(&ledger, "rule-proposal");
    assert!(rules.iter().any(|p| p["answer"]["refused"].to_string().contains("stride is 0")), "{rules:?}");
    let workers = report["tuned"]["io_workers"].as_u64().unwrap();
    assert!((1..=64).contains(&workers), "{workers}");
}

#[test]
fn virtual_time_tells_of_refusals_and_of_fuel_as_a_run_does() {
    let dir = plugin_dir(&["nonsense"]);
    let trace = trace(dir.path(), 3_000);
    let simulate = |json: bool| {
        let mut command = host();
        command.args(["sim", "--profile", "small", "--capacity", "10%", "--plugin-dir"]).arg(dir.path());
        command.args(["--set", &format!("strategies.nonsense.{ALL}")]).args(json.then_some("--json"));
        let output = command.arg(&trace).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let report: Value = serde_json::from_str(&simulate(true)).unwrap();
    let cost = &report["cost"]["strategies"]["nonsense"];
    assert!(cost["clamped"].as_u64().unwrap() > 0 && cost["refused"].as_u64().unwrap() > 0, "{cost}");
    let fuel = cost["fuel"].as_u64().unwrap();
    let text = simulate(false);
    assert!(
        text.lines().any(|line| line.starts_with("note: nonsense: ") && line.contains("refused; first: ")),
        "{text}"
    );
    let line = text.lines().find(|line| line.starts_with("cost of tuning: ")).unwrap().replace(',', "");
    assert!(line.contains(&format!("nonsense {fuel}")), "{line}");
}

#[test]
fn a_hundred_thousand_calls_a_tick_are_answered_and_not_kept() {
    let (report, ledger) = run_with("chatty");
    let cost = &report["cost"]["strategies"]["chatty"];
    // Within its fuel it is refused; beyond it, stopped. Either way the ledger stays small.
    assert!(cost["refused"].as_u64().unwrap() > 50_000 || failed(&report).len() == 1, "{cost}");
    for tick in of_type(&ledger, "tick") {
        let number = &tick["tick"];
        let kept = of_type(&ledger, "proposal");
        let kept = kept.iter().filter(|p| p["strategy"] == "chatty" && &p["tick"] == number).count();
        assert!(kept <= 256, "{kept} proposals of tick {number}");
        let logged = of_type(&ledger, "log");
        let logged = logged.iter().filter(|l| l["strategy"] == "chatty" && &l["tick"] == number).count();
        assert!(logged <= 65, "{logged} log lines of tick {number}");
    }
}

#[test]
fn the_key_that_has_more_proposals_heard_is_named() {
    let dir = plugin_dir(&["chatty"]);
    let trace = trace(dir.path(), 1_000);
    let file = dir.path().join("ledger.jsonl");
    let output = host()
        .args(["sim", "--profile", "small", "--capacity", "10%", "--json", "--plugin-dir"])
        .arg(dir.path())
        .args([
            "--set",
            &format!("strategies.chatty.{ALL}"),
            "--set",
            "strategies.chatty.limits.fuel=200000000",
        ])
        .args([
            "--set",
            "strategies.chatty.limits.deadline=10s",
            "--set",
            "strategies.chatty.limits.proposals=7",
        ])
        .arg("--ledger")
        .arg(&file)
        .arg(&trace)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let told = "99993 more proposals of one tick refused: 7 are heard; raise `strategies.chatty.limits.proposals` to be \
                heard more";
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(failed(&report), [&Value::Null; 0]);
    assert_eq!(report["cost"]["strategies"]["chatty"]["first_objection"], told);
    let ledger = ledger(&file);
    let logged = of_type(&ledger, "log");
    assert!(logged.iter().any(|line| line["message"] == told && line["context"] == "host"), "{logged:?}");
    let heard = of_type(&ledger, "proposal");
    let heard = heard.iter().filter(|of| of["strategy"] == "chatty" && of["tick"] == 2).count();
    assert_eq!(heard, 7);
}

#[test]
fn an_import_that_is_not_granted_is_named_with_the_line_to_add() {
    let dir = plugin_dir(&["nonsense"]);
    let trace = trace(dir.path(), 1_000);
    let output = host()
        .args(["run", "--json", "--set", r#"strategies.nonsense.grants=["metrics","log"]"#, "--plugin-dir"])
        .arg(dir.path())
        .arg(&trace)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = report["strategies"][0]["events"][0]["text"].as_str().unwrap();
    assert_eq!(
        (&report["strategies"][0]["state"], &report["strategies"][0]["restarts"]),
        (&"quarantined".into(), &0.into())
    );
    assert!(
        text.contains("nonsense.wasm") && text.contains("optimizer:plugin/cache-control@0.1.0"),
        "{text}"
    );
    assert!(text.contains("strategies.nonsense") && text.contains("\"cache-control\""), "{text}");
}

#[test]
fn a_strategy_has_limits_of_its_own() {
    let dir = plugin_dir(&["loop-forever"]);
    let trace = trace(dir.path(), 6_000);
    let output = host()
        .args(["run", "--json", "--set", &format!("strategies.loop_forever.{ALL}")])
        .args(["--set", "strategies.loop-forever.limits.fuel=20000", "--set", "control.tick=20ms"])
        .arg("--plugin-dir")
        .arg(dir.path())
        .arg(&trace)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let failed = failed(&report);
    assert_eq!(failed.len(), 1, "the others have the fuel of all: {failed:?}");
    assert_eq!(
        failed[0]["events"][0]["text"],
        "ran out of fuel after 20000 units; raise `strategies.loop-forever.limits.fuel` if it needs more"
    );
    assert!(failed[0]["digest"].as_str().unwrap().starts_with("blake3:"), "{failed:?}");
}

#[test]
fn a_component_has_the_name_that_it_gives_itself_and_no_other() {
    let dir = plugin_dir(&["nonsense"]);
    let trace = trace(dir.path(), 1_000);
    std::fs::rename(dir.path().join("nonsense.wasm"), dir.path().join("renamed.wasm")).unwrap();
    let run = |set: &str| {
        host()
            .args(["run", "--json", "--set", set, "--plugin-dir"])
            .arg(dir.path())
            .arg(&trace)
            .output()
            .unwrap()
    };
    let output = run(&format!("strategies.renamed.{ALL}"));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("strategies.renamed: no strategy of that name"), "{text}");
    let output = run(&format!("strategies.nonsense.{ALL}"));
    assert!(output.status.success(), "{output:?}");

    // Two that call themselves the same cannot be told apart.
    std::fs::copy(dir.path().join("renamed.wasm"), dir.path().join("again.wasm")).unwrap();
    let output = run(&format!("strategies.nonsense.{ALL}"));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{text}");
    let both = format!(
        "{} and {} both call themselves `nonsense`",
        dir.path().join("again.wasm").display(),
        dir.path().join("renamed.wasm").display()
    );
    assert!(text.contains(&both), "{text}");
}

#[test]
fn the_list_says_what_would_happen() {
    let dir = plugin_dir(&["nonsense"]);
    let list = |code: i32, sets: &[&str]| {
        let mut command = host();
        command.args(["plugin", "list", "--plugin-dir"]).arg(dir.path());
        for set in sets {
            command.args(["--set", set]);
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let all = format!("strategies.nonsense.{ALL}");
    assert!(!list(0, &[&all]).contains("cannot start"));
    let text = list(0, &[r#"strategies.nonsense.grants=["metrics"]"#]);
    assert!(text.contains("cannot start") && text.contains("which the profile does not grant"), "{text}");
    let text = list(2, &[&all, "strategies.nonsense.settings.colour=red"]);
    assert!(
        text.contains("ends the run")
            && text.contains("error: flag --set: ")
            && text.contains("has no setting `colour`"),
        "{text}"
    );
}

#[test]
fn compiling_has_limits_of_its_own() {
    let dir = plugin_dir(&["nonsense"]);
    let file = dir.path().join("nonsense.wasm");
    let inspect = |sets: &[&str]| {
        let mut command = host();
        // A cache of its own, in which nothing was compiled before.
        command.env("XDG_CACHE_HOME", dir.path().join("cache")).args(["plugin", "inspect"]).arg(&file);
        for set in sets {
            command.args(["--set", set]);
        }
        command.output().unwrap()
    };
    let output = inspect(&["plugins.compile-memory=10MB"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.trim_end().ends_with(
            "needs more than 10 MB of memory to compile; raise `plugins.compile-memory` in the profile if it is meant to"
        ),
        "{text}"
    );
    let output = inspect(&[]);
    assert!(output.status.success(), "{output:?}");
    let output = inspect(&["plugins.compile-memory=10MB"]);
    assert!(output.status.success(), "what was compiled once is kept: {output:?}");
}

#[test]
fn what_is_no_strategy_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    // A magic number and a version are a whole module, and a whole component.
    let core = write("core.wasm", b"\0asm\x01\0\0\0");
    let foreign = write("world.wasm", b"\0asm\x0d\0\x01\0");
    let text = write("text.wasm", b"hello");
    let empty = write("empty.wasm", b"");
    let inspect = |path: &std::path::Path| fail(1, ["plugin".as_ref(), "inspect".as_ref(), path.as_os_str()]);
    assert!(inspect(&core).contains("a core module, and the host runs components"), "{}", inspect(&core));
    assert!(inspect(&foreign).contains("not a component for this host"), "{}", inspect(&foreign));
    assert!(inspect(&text).contains("not a WebAssembly file"), "{}", inspect(&text));
    assert!(inspect(&empty).contains("the file is empty"), "{}", inspect(&empty));
    let missing = inspect(&dir.path().join("missing.wasm"));
    assert!(missing.contains("missing.wasm: cannot be read"), "{missing}");
    // All of them in one directory: the list goes on, and says what is wrong with each.
    let list = succeed(["plugin".as_ref(), "list".as_ref(), "--plugin-dir".as_ref(), dir.path().as_os_str()]);
    assert_eq!(list.matches("cannot be loaded").count(), 4, "{list}");
    assert!(list.contains("cache-policy"), "{list}");
}

/// A strategy that proposes the worst for ever is undone by the host, and the dials end where they were.
#[test]
fn one_that_proposes_the_worst_is_undone() {
    let dir = plugin_dir(&["worst"]);
    let trace = trace(dir.path(), 30_000);
    let file = dir.path().join("ledger.jsonl");
    let output = host()
        .args(["run", "--json", "--origin-latency", "2ms", "--capacity", "50"])
        .args(["--set", &format!("strategies.worst.{ALL}")])
        .args(["--set", "strategies.worst.settings.how=workers", "--set", "control.tick=20ms"])
        .args(["--set", "control.tick-requests=0", "--set", "cache.shadows=false"])
        .args(
            ["cache-policy", "worker-sizing", "prefetch-rules"]
                .map(|n| format!("--set=strategies.{n}.enabled=false")),
        )
        .arg("--plugin-dir")
        .arg(dir.path())
        .arg("--ledger")
        .arg(&file)
        .arg(&trace)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let ledger = ledger(&file);
    let decisions = of_type(&ledger, "decision");
    let undone: Vec<_> = decisions
        .iter()
        .filter(|d| d["dial"] == "io-workers" && d["by"][0] == "host" && d["to"] == 8)
        .collect();
    assert!(!undone.is_empty(), "{decisions:?}");
    assert!(undone[0]["reason"].as_str().unwrap().starts_with("undone: worse, "), "{}", undone[0]);
    let blocks = of_type(&ledger, "block");
    assert!(blocks.iter().all(|block| block["probability"].as_f64().unwrap() > 0.0) && !blocks.is_empty());
    let worse = of_type(&ledger, "effect");
    assert!(worse.iter().any(|effect| effect["verdict"] == "worse" && effect["pairs"] == 1), "{worse:?}");
    assert_eq!(report["tuned"]["io_workers"], 8);
}
