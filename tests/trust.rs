//! Pins and lock files: a component that nobody has accepted is not taken, wherever it would be.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::reload::{Running, another, put};
use crate::support::{components, fail, host, plugin_dir, run, succeed, trace};

const GRANTS: &str = "strategies.grow-while-evicting.grants=[\"metrics\", \"cache-control\"]";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The digest that `plugin inspect` shows.
fn sha256(component: &Path) -> String {
    let json: Value =
        serde_json::from_str(&succeed(["plugin", "inspect", "--json", text(component)])).unwrap();
    json["sha256"].as_str().unwrap().to_owned()
}

/// Replays a short trace with the strategy in the plugin directory.
fn simulated(plugins: &Path, more: &[&str]) -> Output {
    let mut command = host();
    command.args(["sim", "--json", "--profile", "small", "--capacity", "10%", "--set", GRANTS]).args(more);
    command.arg("--plugin-dir").arg(plugins).arg(trace(plugins, 2_000)).output().unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_locked_directory_takes_what_was_accepted_and_a_change_is_refused_with_both_digests() {
    let plugins = plugin_dir(&["drop-in", "bad-policy"]);
    let dir = text(plugins.path());
    let file = plugins.path().join("drop-in.wasm");
    let good = sha256(&file);
    let locked = succeed(["plugin", "lock", "--plugin-dir", dir]);
    assert!(
        locked.contains(&format!("new        drop-in.wasm     {good}  grow-while-evicting ")),
        "{locked}"
    );
    assert!(locked.contains("2 accepted, of which 2 new and 0 changed; 0 gone"), "{locked}");
    let lock = plugins.path().join("host-plugins.lock");
    let written = std::fs::read_to_string(&lock).unwrap();
    assert!(written.contains("name = \"grow-while-evicting\"") && written.contains(&good), "{written}");
    assert!(simulated(plugins.path(), &["--strict"]).status.success());

    put(&file, &another(&components()["drop-in"], 1));
    let changed = sha256(&file);
    assert_ne!(changed, good);
    let both = format!(
        "expected sha256 {good}, found {changed}. If the change is meant, accept it with `host plugin lock "
    );
    // A run goes on without it, and a strict one does not begin.
    let output = simulated(plugins.path(), &[]);
    assert!(output.status.success() && errors(&output).contains(&both), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let status =
        report["strategies"].as_array().unwrap().iter().find(|of| of["strategy"] == "grow-while-evicting");
    let status = status.unwrap();
    assert_eq!(status["state"], "quarantined");
    assert!(status["events"][0]["text"].as_str().unwrap().contains(&both), "{status}");
    let output = simulated(plugins.path(), &["--strict"]);
    assert!(output.status.code() == Some(1) && errors(&output).contains(&both), "{output:?}");
    // So says every other command.
    let listed = succeed(["plugin", "list", "--plugin-dir", dir, "--set", GRANTS]);
    assert!(listed.contains("cannot start") && listed.contains(&both), "{listed}");
    for command in [&["precompile"][..], &["check", text(&file)], &["bench", text(&file)]] {
        let mut arguments = vec!["plugin"];
        arguments.extend(command);
        let output = run(arguments.into_iter().chain(["--plugin-dir", dir]));
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        let said = String::from_utf8(said).unwrap();
        assert!(!output.status.success() && said.contains(&both), "{command:?}: {said}");
    }
    let inspected = succeed(["plugin", "inspect", text(&file)]);
    assert!(inspected.contains(&format!("sha256    {changed}")), "{inspected}");
    assert!(inspected.contains("NOT accepted: ") && inspected.contains(&both), "{inspected}");

    // What nobody has accepted, and what was accepted and is not there.
    std::fs::rename(&file, plugins.path().join("other.wasm")).unwrap();
    let listed = succeed(["plugin", "list", "--plugin-dir", dir]);
    assert!(listed.contains("other.wasm: is not in ") && listed.contains(&changed), "{listed}");
    assert!(
        listed.contains("host-plugins.lock names drop-in.wasm, which is `grow-while-evicting`, and "),
        "{listed}"
    );
    let error = errors(&simulated(plugins.path(), &[]));
    assert!(
        error.contains("other.wasm: is not in ") && error.contains("no strategy of that name"),
        "{error}"
    );

    let accepted = succeed(["plugin", "lock", "--plugin-dir", dir]);
    assert!(accepted.contains(&format!("gone       drop-in.wasm     {good}")), "{accepted}");
    assert!(accepted.contains(&format!("new        other.wasm       {changed}")), "{accepted}");
    assert!(simulated(plugins.path(), &["--strict"]).status.success());
}

#[test]
fn a_locked_policy_is_refused_by_name_and_by_file() {
    let plugins = plugin_dir(&["bad-policy"]);
    let dir = text(plugins.path());
    succeed(["plugin", "lock", "--plugin-dir", dir]);
    let file = plugins.path().join("bad-policy.wasm");
    let before = sha256(&file);
    put(&file, &another(&components()["bad-policy"], 1));
    let both = format!("expected sha256 {before}, found {}", sha256(&file));
    let keys = trace(plugins.path(), 1_000);
    let policy = "--set=cache.policy=plugin:bad-policy";
    let named = fail(2, ["sim", "--profile", "small", policy, "--plugin-dir", dir, text(&keys)]);
    assert!(named.contains(&both) && named.contains("cache.policy"), "{named}");
    let by_file = fail(2, ["sim", "--policy", text(&file), text(&keys)]);
    assert!(by_file.contains(&both), "{by_file}");
    let show = succeed(["profile", "show", "small", "--set", &format!("plugins.dir={dir}")]);
    assert!(show.contains("a policy is left out: ") && show.contains(&both), "{show}");
}

#[test]
fn pins_hold_for_strategies_and_policies() {
    let plugins = plugin_dir(&["drop-in", "bad-policy"]);
    let (strategy, policy) = (plugins.path().join("drop-in.wasm"), plugins.path().join("bad-policy.wasm"));
    let pinned = |name: &str, digest: &str| format!("{name}={digest}");
    let (good, other) = (sha256(&strategy), "0".repeat(64));
    let key = "strategies.grow-while-evicting.sha256";
    let right = pinned(key, &good);
    assert!(simulated(plugins.path(), &["--strict", "--set", &right]).status.success());
    let wrong = pinned(key, &other);
    let output = simulated(plugins.path(), &["--strict", "--set", &wrong]);
    let text = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains(&format!(
            "not the `grow-while-evicting` that is pinned: flag --set: {key}: expected sha256 {other}, found {good}. If the \
             change is meant, set the key to the digest that was found"
        )),
        "{text}"
    );
    // A bundled one as well.
    let bundled = pinned("strategies.cache-policy.sha256", &other);
    let output = simulated(plugins.path(), &["--strict", "--set", &bundled]);
    assert!(errors(&output).contains("cache-policy: not the `cache-policy` that is pinned"), "{output:?}");

    let key = "plugins.pins.plugin:bad-policy";
    let right = pinned(key, &sha256(&policy));
    assert!(simulated(plugins.path(), &["--set", &right]).status.success());
    let wrong = pinned(key, &other);
    let output = simulated(plugins.path(), &["--set", &wrong, "--set", "cache.policy=plugin:bad-policy"]);
    let text = errors(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("not the `plugin:bad-policy` that is pinned: flag --set: plugins.pins."), "{text}");
    let misspelt = pinned("plugins.pins.plugin:bad-polcy", &other);
    let output = simulated(plugins.path(), &["--set", &misspelt]);
    let text = errors(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("no policy of that name; did you mean \"plugin:bad-policy\"?"), "{text}");
}

#[test]
fn a_lock_file_elsewhere_and_one_that_is_broken() {
    let plugins = plugin_dir(&["drop-in"]);
    let dir = text(plugins.path());
    let elsewhere = tempfile::tempdir().unwrap();
    let lock = elsewhere.path().join("reviewed.lock");
    let named = ["--plugin-lock", text(&lock)];
    let output = simulated(plugins.path(), &named);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(errors(&output).contains("reviewed.lock: there is no such lock file"), "{output:?}");
    succeed(["plugin", "lock", "--plugin-dir", dir, named[0], named[1]]);
    assert!(!plugins.path().join("host-plugins.lock").exists());
    assert!(simulated(plugins.path(), &["--strict", named[0], named[1]]).status.success());

    let sound = std::fs::read_to_string(&lock).unwrap();
    let line = 1 + sound.lines().position(|line| line.starts_with("sha256")).unwrap();
    std::fs::write(&lock, sound.replace("sha256 = \"", "sha256 = \"not one, ")).unwrap();
    let output = simulated(plugins.path(), &named);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let place =
        format!("reviewed.lock:{line}: not a lock file of components: `sha256` is not 64 hexadecimal digits");
    assert!(errors(&output).contains(&place), "{output:?}");
    // A component that cannot be opened is accepted by nobody.
    put(&plugins.path().join("broken.wasm"), b"not a component");
    let error = fail(1, ["plugin", "lock", "--plugin-dir", dir]);
    assert!(error.contains("broken.wasm") && error.contains("nothing was accepted"), "{error}");
    assert!(!plugins.path().join("host-plugins.lock").exists());
}

#[test]
fn a_change_under_a_running_host_is_refused_until_it_is_accepted() {
    let plugins = plugin_dir(&["drop-in"]);
    let file = plugins.path().join("drop-in.wasm");
    let dir = text(plugins.path());
    succeed(["plugin", "lock", "--plugin-dir", dir]);
    let before = sha256(&file);
    let mut run = Running::start(plugins.path(), &[format!("--set={GRANTS}")]);
    run.until("a first tick", |record| record["type"] == "tick");
    put(&file, &another(&components()["drop-in"], 1));
    let kept = run.commanded("keep", "grow-while-evicting goes on as it was");
    let detail = kept["detail"].as_str().unwrap();
    assert!(detail.contains(&format!("expected sha256 {before}, found {}", sha256(&file))), "{detail}");
    assert!(run.ledger().iter().all(|record| record["command"] != "replace"));
    succeed(["plugin", "lock", "--plugin-dir", dir]);
    run.commanded("replace", "grow-while-evicting");
    let notes = run.report()["notes"].to_string();
    assert!(notes.contains("drop-in.wasm is not taken") && notes.contains("runs from"), "{notes}");
}
