//! Builds real crates with the real cargo. They have no dependencies, so that nothing is fetched.

#![expect(clippy::unwrap_used, reason = "a test, whose helpers are outside the test functions")]

use guest_build::{Build, BuildError, rerun_if_changed};
use std::{fs, path::Path, process::Command};
use tempfile::TempDir;

const GUEST: &str = "#[unsafe(no_mangle)]\npub extern \"C\" fn answer() -> u32 { 42 }\n";

/// A crate named `a-guest`.
fn guest(kind: &str, source: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let manifest = format!(
        "[workspace]\n[package]\nname = \"a-guest\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"{kind}\"]\n"
    );
    write(dir.path(), "Cargo.toml", &manifest);
    write(dir.path(), "src/lib.rs", source);
    dir
}

fn write(dir: &Path, path: &str, text: &str) {
    let path = dir.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn a_component_is_built_where_it_was_asked_for() {
    let guest = guest("cdylib", GUEST);
    let elsewhere = tempfile::tempdir().unwrap();
    let built = Build::new(guest.path()).target_dir(elsewhere.path()).run().unwrap();
    assert_eq!(built.len(), 1);
    assert_eq!(built[0].name, "a-guest");
    assert!(built[0].path.starts_with(elsewhere.path()), "{built:?}");
    assert_eq!(fs::read(&built[0].path).unwrap()[..8], *b"\0asm\x0d\0\x01\0");
    assert!(!guest.path().join("target").exists());
    assert_eq!(
        Build::new(guest.path()).target_dir(elsewhere.path()).run().unwrap(),
        built,
        "a fresh build answers the same"
    );
}

#[test]
fn a_cargo_called_by_hand_makes_the_same_bytes() {
    let guest = guest("cdylib", GUEST);
    let built = Build::new(guest.path()).run().unwrap();
    let by_hand = tempfile::tempdir().unwrap();
    let arguments = ["build", "--release", "--target", guest_build::TARGET, "--target-dir"];
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(arguments).arg(by_hand.path()).current_dir(guest.path());
    for flags in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"] {
        cargo.env_remove(flags);
    }
    assert!(cargo.output().unwrap().status.success());
    let file = by_hand.path().join(guest_build::TARGET).join("release/a_guest.wasm");
    assert_eq!(fs::read(file).unwrap(), fs::read(&built[0].path).unwrap());
}

#[test]
fn flags_and_wrappers_of_a_configuration_do_not_reach_the_guest() {
    let guest = guest("cdylib", &format!("#[cfg(poisoned)]\ncompile_error!(\"poisoned\");\n{GUEST}"));
    let poison = "[build]\nrustc-wrapper = \"/nowhere/sccache\"\nrustflags = [\"--cfg\", \"poisoned\"]\n";
    write(guest.path(), ".cargo/config.toml", poison);
    Build::new(guest.path()).run().unwrap();
}

#[test]
fn the_compilers_errors_are_shown_and_its_warnings_are_not() {
    let guest = guest("cdylib", "fn unused() {}\npub fn answer() -> u32 { \"42\" }\n");
    let text = Build::new(guest.path()).run().unwrap_err().to_string();
    let manifest = guest.path().join("Cargo.toml");
    assert!(
        text.starts_with(&format!("the components of {} do not build:\n\n", manifest.display())),
        "{text}"
    );
    assert!(text.contains("error[E0308]: mismatched types"), "{text}");
    assert!(text.contains("src/lib.rs:2:26"), "{text}");
    assert!(!text.contains("unused"), "{text}");
}

#[test]
fn a_lock_file_that_is_missing_is_what_cargo_says() {
    let guest = guest("cdylib", GUEST);
    let text = Build::new(guest.path()).locked(true).run().unwrap_err().to_string();
    assert!(text.contains("--locked"), "{text}");
}

#[test]
fn a_library_for_rust_alone_is_no_component() {
    let guest = guest("rlib", GUEST);
    let error = Build::new(guest.path()).run().unwrap_err();
    assert!(matches!(error, BuildError::NoComponent { .. }), "{error}");
    assert!(error.to_string().ends_with("a guest needs `crate-type = [\"cdylib\"]` in `[lib]`"), "{error}");
}

/// A host whose build script includes what it finds in a guest's folder beside it, as `host/bundled` does.
fn tree_with_a_build_script() -> TempDir {
    let tree = tempfile::tempdir().unwrap();
    let manifest = "[workspace]\n[package]\nname = \"a-host\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    write(tree.path(), "host/Cargo.toml", manifest);
    let line = rerun_if_changed("../guest").unwrap();
    let script = format!(
        "fn main() {{ let out = std::env::var(\"OUT_DIR\").unwrap(); \
         std::fs::copy(\"../guest/answer\", out + \"/answer\").unwrap(); println!({line:?}); }}"
    );
    write(tree.path(), "host/build.rs", &script);
    let main = "fn main() { print!(\"{}\", include_str!(concat!(env!(\"OUT_DIR\"), \"/answer\"))); }";
    write(tree.path(), "host/src/main.rs", main);
    write(tree.path(), "guest/answer", "before");
    tree
}

fn answer_of(tree: &Path) -> String {
    let run = Command::new(env!("CARGO"))
        .args(["run", "--quiet"])
        .current_dir(tree.join("host"))
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}

#[test]
#[cfg(unix)]
fn an_edit_in_a_copy_of_the_tree_is_seen() {
    let original = tree_with_a_build_script();
    assert_eq!(answer_of(original.path()), "before");
    // What cargo has built is newer than what it was built from; a copy that keeps the times keeps that order.
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("copy");
    assert!(Command::new("cp").arg("-a").arg(original.path()).arg(&copy).status().unwrap().success());
    assert_eq!(answer_of(&copy), "before");
    write(&copy, "guest/answer", "after");
    assert_eq!(answer_of(&copy), "after");
    assert_eq!(answer_of(original.path()), "before");
}

#[test]
fn an_absolute_path_that_a_copy_would_share_is_refused() {
    let error = rerun_if_changed("/elsewhere/guest").unwrap_err();
    assert!(error.to_string().starts_with("`/elsewhere/guest` is an absolute path: "), "{error}");
}
