//! What an eviction policy may use is in the profile, and what it runs into names the key that gives more.

use crate::support::{bad_policy, plugin_dir, run, succeed, trace};

/// The report of a run under a policy with this misdeed and this setting.
fn report(misdeed: u8, set: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let keys = trace(dir.path(), 20_000);
    let plugins = tempfile::tempdir().unwrap();
    std::fs::write(plugins.path().join("bad-policy.wasm"), bad_policy(misdeed)).unwrap();
    let arguments = ["--capacity", "1000", "--origin-latency", "0ms", "--against", "nothing", "--set", set];
    let sets = ["--set", "cache.policy=plugin:bad-policy", "--set", "control.enabled=false", "--plugin-dir"];
    let paths = [keys.as_os_str(), plugins.path().as_os_str()];
    let [keys, plugins] = paths.map(|path| path.to_str().unwrap());
    succeed(["run", keys].into_iter().chain(arguments).chain(sets).chain([plugins])).replace('\n', " ")
}

#[test]
fn a_policy_that_needs_more_than_its_limits_is_told_which_key_gives_more() {
    for (misdeed, set, texts) in [
        (1, "policy-limits.deadline=50ms", ["deadline of 50 ms", "`policy-limits.deadline`"]),
        (9, "policy-limits.memory=20MB", ["limit of 20000000 bytes", "`policy-limits.memory`"]),
        (14, "policy-limits.fuel=100000", ["out of fuel after 100000 units", "`policy-limits.fuel`"]),
    ] {
        let report = report(misdeed, set);
        let words: Vec<&str> = report.split_whitespace().collect();
        let report = words.join(" ");
        assert!(report.contains("a policy failed"), "{set}: {report}");
        for text in texts {
            assert!(report.contains(text), "{set}, {text}: {report}");
        }
    }
}

#[test]
fn a_policy_that_cannot_start_under_its_limits_is_told_which_key_gives_more() {
    let plugins = plugin_dir(&["bad-policy"]);
    let sound = plugins.path().join("bad-policy.wasm");
    let looping = plugins.path().join("loops.wasm");
    std::fs::write(&looping, bad_policy(15)).unwrap();
    for (file, set, text) in [
        (&sound, "policy-limits.instances=1", "raise `policy-limits.instances` if it needs more"),
        (&sound, "policy-limits.table-elements=0", "raise `policy-limits.table-elements` if it needs more"),
        (
            &looping,
            "policy-limits.start-deadline=50ms",
            "raise `policy-limits.start-deadline` if it needs more",
        ),
    ] {
        let output = run(["plugin", "check", file.to_str().unwrap(), "--set", set]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let told =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        let words: Vec<&str> = told.split_whitespace().collect();
        assert!(words.join(" ").contains(text), "{set}: {told}");
    }
    // A cache of its own, in which nobody has kept what it says of itself.
    let mut inspect = crate::support::host();
    inspect.env("XDG_CACHE_HOME", plugins.path().join("cache")).args(["plugin", "inspect"]).arg(&sound);
    let output = inspect.args(["--set", "policy-limits.instances=1"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("raise `policy-limits.instances`"), "{output:?}");
}

#[test]
fn what_a_policy_logs_goes_to_the_log_of_the_host_up_to_its_limits() {
    let dir = tempfile::tempdir().unwrap();
    let keys = trace(dir.path(), 20_000);
    let file = dir.path().join("talks.wasm");
    std::fs::write(&file, bad_policy(14)).unwrap();
    let output = crate::support::host()
        .args(["sim", keys.to_str().unwrap(), "--capacity", "1000", "--policy", file.to_str().unwrap()])
        .env("HOST_LOG", "info")
        .env("HOST_POLICY_LIMITS_LOG_LINES", "3")
        .output()
        .unwrap();
    // It is out of fuel in the end.
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("raise `policy-limits.fuel`"), "{told}");
    assert_eq!(told.matches("too much to say").count(), 3, "{told}");
    assert!(told.contains("3 are kept; raise `policy-limits.log-lines` to keep more"), "{told}");
}
