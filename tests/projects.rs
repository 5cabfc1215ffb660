//! New projects: written, built with the language's own tool where it is there, and checked.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{fail, repository, run, scratch, succeed};

/// Writes a project into a folder of its own.
fn new(name: &str, kind: &str, lang: &str, folder: &Path) -> String {
    let folder = folder.to_str().unwrap();
    succeed(["plugin", "new", name, "--kind", kind, "--lang", lang, "--path", folder])
}

/// What `host plugin check` says of a component of a project. It has to be sound.
fn checked(folder: &Path, component: &Path) -> String {
    let profile = folder.join("profile.toml");
    let mut arguments = vec!["plugin", "check", component.to_str().unwrap()];
    if profile.exists() {
        arguments.extend(["--profile", profile.to_str().unwrap()]);
    }
    succeed(arguments)
}

#[test]
fn a_rust_project_builds_and_is_sound() {
    let target = guest_build::outer_target_dir(scratch()).unwrap().join("plugins");
    for kind in ["strategy", "eviction"] {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("made");
        let name = format!("my-{kind}");
        let text = new(&name, kind, "rust", &folder);
        assert!(text.contains("Cargo.toml") && text.contains("README.md says how to build"), "{text}");
        // The SDK's own dependencies, as they are locked for it: no registry is asked.
        std::fs::copy(repository().join("plugins/Cargo.lock"), folder.join("Cargo.lock")).unwrap();
        let built = guest_build::Build::new(&folder).target_dir(&target).run();
        let built = built.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(built.len(), 1, "{built:?}");
        let text = checked(&folder, &built[0].path);
        assert!(text.contains(&format!("{name} 0.1.0: ")) && !text.contains("WRONG"), "{text}");
        let note = text.lines().find(|line| line.starts_with("note") && line.contains("imports"));
        assert_eq!(note, None, "the profile grants what it imports and no more");
    }
}

/// The SDKs of a registry would be packages: what they need lies in them, or is another package.
#[test]
#[ignore = "packs the SDKs and builds them twice"]
fn a_rust_project_builds_from_the_packages_of_the_sdks() {
    let target = guest_build::outer_target_dir(scratch()).unwrap().join("packages");
    let packed = Command::new(repository().join(".ci/package"))
        .arg("--allow-dirty")
        .env("CARGO_TARGET_DIR", &target)
        .output()
        .unwrap();
    assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
    let home = tempfile::tempdir().unwrap();
    let packages = home.path().join("packages");
    std::fs::create_dir(&packages).unwrap();
    for name in ["host-policy", "policy-sdk", "strategy-sdk"] {
        let package = target.join(format!("package/{name}-0.1.0.crate"));
        let unpacked =
            Command::new("tar").arg("-xzf").arg(package).arg("-C").arg(&packages).status().unwrap();
        assert!(unpacked.success(), "{name}");
    }
    for kind in ["strategy", "eviction"] {
        let folder = home.path().join(kind);
        let paths = [packages.to_str().unwrap(), folder.to_str().unwrap()];
        let more = ["--lang", "rust", "--sdk", paths[0], "--path", paths[1]];
        succeed(["plugin", "new", "packed", "--kind", kind].iter().chain(&more));
        let built = guest_build::Build::new(&folder).target_dir(target.join("guests")).run();
        let built = built.unwrap_or_else(|error| panic!("{error}"));
        let text = checked(&folder, &built[0].path);
        assert!(text.contains("packed 0.1.0: ") && !text.contains("WRONG"), "{text}");
    }
}

/// The tool of this name on the path, or of that variable.
fn tool(name: &str, variable: &str) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return Some(path.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|tool| tool.is_file())
}

/// Builds a project of each kind by its script and checks it, where all its tools are there.
fn builds(lang: &str, tools: &[(&str, &str)]) {
    let mut found = Vec::new();
    for (name, variable) in tools {
        let Some(path) = tool(name, variable) else {
            eprintln!(
                "SKIPPED: projects in {lang} are not built: {name} is not on the PATH, and {variable} is not set"
            );
            return;
        };
        found.push((*variable, path));
    }
    for kind in ["strategy", "eviction"] {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("made");
        new("made", kind, lang, &folder);
        let built =
            Command::new("sh").arg(folder.join("build")).envs(found.iter().cloned()).output().unwrap();
        assert!(built.status.success(), "{lang} {kind}: {built:?}");
        let text = checked(&folder, &folder.join("made.wasm"));
        assert!(text.contains("made 0.1.0: ") && !text.contains("WRONG"), "{text}");
        let note = text.lines().find(|line| line.starts_with("note") && line.contains("imports"));
        assert_eq!(note, None, "the profile grants what it imports and no more");
    }
}

#[test]
fn a_c_project_builds_and_is_sound() {
    builds("c", &[("wit-bindgen", "WIT_BINDGEN"), ("zig", "ZIG"), ("wasm-tools", "WASM_TOOLS")]);
}

#[test]
fn a_javascript_project_builds_and_is_sound() {
    builds("js", &[("componentize-qjs", "COMPONENTIZE_QJS")]);
}

#[test]
fn a_python_project_builds_and_is_sound() {
    builds("python", &[("componentize-py", "COMPONENTIZE_PY")]);
}

#[test]
fn nothing_is_written_over() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().to_str().unwrap();
    std::fs::write(home.path().join("notes.txt"), "mine").unwrap();
    let text = fail(1, ["plugin", "new", "mine", "--kind", "strategy", "--lang", "js", "--path", folder]);
    assert!(text.contains("is not empty") && text.contains("--path"), "{text}");
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
    let text = fail(1, ["plugin", "new", "My Plugin", "--kind", "eviction", "--lang", "c", "--path", folder]);
    assert!(
        text.contains("`My Plugin` cannot be the name of a plugin") && text.contains("`my-policy`"),
        "{text}"
    );
    let text = fail(
        1,
        ["plugin", "new", "mine", "--kind", "eviction", "--lang", "rust", "--path", "x", "--sdk", folder],
    );
    assert!(text.contains("there is no SDK") && text.contains("--sdk DIR"), "{text}");
    let text = fail(2, ["plugin", "new", "mine", "--kind", "eviction", "--lang", "cobol"]);
    assert!(text.contains("rust, c, js, python"), "{text}");
    let text = fail(2, ["plugin", "new", "mine", "--lang", "c"]);
    assert!(text.contains("--kind"), "{text}");
    // A file is no folder.
    let file = home.path().join("notes.txt");
    let output =
        run(["plugin", "new", "mine", "--kind", "strategy", "--lang", "c", "--path", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "mine");
}
