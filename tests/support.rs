//! Runs `host`, builds components, finds the shared traces.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

/// Where this test run may write.
pub(crate) fn scratch() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// The top of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The binary under test, with nothing of the user's around it.
pub(crate) fn host() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HOST_")) {
        command.env_remove(name);
    }
    // Compiled components are shared between tests; everything else of the home stays empty.
    let home = scratch().join("home");
    command
        .env("HOME", &home)
        .env("XDG_CONFIG_HOME", home.join("config"))
        .env("XDG_DATA_HOME", home.join("data"))
        .env("XDG_CACHE_HOME", home.join("cache"))
        .env("COLUMNS", "100");
    command
}

/// Runs `host` with these arguments.
pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    host().args(arguments).output().unwrap()
}

/// Standard output of a run that must succeed.
pub(crate) fn succeed<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Standard error of a run that must fail with this code.
pub(crate) fn fail<S: AsRef<std::ffi::OsStr>>(code: i32, arguments: impl IntoIterator<Item = S>) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert!(output.stdout.is_empty() || output.stdout.starts_with(b"host "), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Where components are built.
pub(crate) fn guests() -> PathBuf {
    guest_build::outer_target_dir(scratch()).unwrap().join("plugins")
}

/// The components of `tests/components`, by name, built once from their sources.
pub(crate) fn components() -> &'static BTreeMap<String, PathBuf> {
    static BUILT: OnceLock<BTreeMap<String, PathBuf>> = OnceLock::new();
    BUILT.get_or_init(|| {
        let build = guest_build::Build::new(repository().join("tests/components"));
        let artifacts = build.target_dir(guests()).locked(true).run();
        let artifacts = artifacts.unwrap_or_else(|error| panic!("{error}"));
        artifacts.into_iter().map(|artifact| (artifact.name, artifact.path)).collect()
    })
}

/// A plugin directory with copies of these components.
pub(crate) fn plugin_dir(names: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in names {
        std::fs::copy(&components()[*name], dir.path().join(format!("{name}.wasm"))).unwrap();
    }
    dir
}

/// The misdeeds of `bad-policy` from the second on, and what the host says of each. The first never ends.
pub(crate) const MISDEEDS: [(u64, &str); 12] = [
    (2, "an entry too many"),
    (3, "it made too little room for slot"),
    (4, "which is not resident then"),
    (5, "it named slot 4000000, which there is not"),
    (6, "which is not resident then"),
    (7, "its victims and their events do not fit together"),
    (8, "too much data is being copied between the host and the guest"),
    (9, "asked for more memory than its limit of 1000000000 bytes; raise `policy-limits.memory`"),
    (10, "recursion"),
    (11, "which is resident"),
    (12, "it named slot 4000000, which there is not"),
    (13, "thirteen is not for me"),
];

/// `bad-policy` with the number of a misdeed, for every capacity.
pub(crate) fn bad_policy(misdeed: u8) -> Vec<u8> {
    let mut bytes = std::fs::read(&components()["bad-policy"]).unwrap();
    let marker = b"misdeed=00";
    let at = bytes.windows(marker.len()).position(|window| window == marker).unwrap();
    let written = format!("misdeed={misdeed:02}");
    bytes[at..at + marker.len()].copy_from_slice(written.as_bytes());
    bytes
}

/// A trace of `requests` plain keys: a hot set with scans through it.
pub(crate) fn trace(dir: &Path, requests: u64) -> PathBuf {
    let path = dir.join("keys.txt");
    let key = |n: u64| if n.is_multiple_of(3) { 1_000 + n } else { n * n % 97 };
    let text: String = (0..requests).map(|n| format!("{}\n", key(n))).collect();
    std::fs::write(&path, text).unwrap();
    path
}

/// Ten keys round and round for 2,000 requests.
pub(crate) fn looping(dir: &Path) -> PathBuf {
    let path = dir.join("loop.txt");
    std::fs::write(&path, "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n".repeat(200)).unwrap();
    path
}

/// A file of the shared traces; none where they are not there, with a line that says so.
pub(crate) fn shared_trace(name: &str) -> Option<PathBuf> {
    let path = repository().join("../shared/traces").join(name);
    if path.is_file() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} is not there", path.display());
    None
}

/// The records of a ledger.
pub(crate) fn ledger(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The records of one type.
pub(crate) fn of_type<'a>(ledger: &'a [Value], kind: &str) -> Vec<&'a Value> {
    ledger.iter().filter(|record| record["type"] == kind).collect()
}
