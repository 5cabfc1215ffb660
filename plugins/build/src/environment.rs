//! Which variables a nested cargo may see.
//!
//! A list of what is taken away rather than of what is kept: proxies, certificates, registries and
//! the like come under many names, and a build that cannot reach its registry helps nobody.

use std::{
    ffi::{OsStr, OsString},
    process::Command,
};

/// Taken away by name: flags and wrappers for native code, the job server of the outer cargo, and
/// what cargo sets for a build script about the package it belongs to.
const NAMES: &[&str] = &[
    "RUSTFLAGS",
    "RUSTDOCFLAGS",
    "RUSTC",
    "RUSTDOC",
    "RUSTC_LINKER",
    // Not emptied like the other wrapper: cargo takes an empty one for a wrapper, and the component's
    // bytes would differ from those that a cargo called by hand makes.
    "RUSTC_WORKSPACE_WRAPPER",
    "CARGO_MAKEFLAGS",
    "MAKEFLAGS",
    "MFLAGS",
    "CARGO_TARGET_DIR",
    "CARGO_INCREMENTAL",
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_MANIFEST_LINKS",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_CRATE_NAME",
    "CARGO_BIN_NAME",
    "TARGET",
    "HOST",
    "OPT_LEVEL",
    "DEBUG",
    "PROFILE",
    "NUM_JOBS",
    "OUT_DIR",
];

/// Taken away by how the name begins.
const PREFIXES: &[&str] = &[
    "CARGO_BUILD_",
    "CARGO_PROFILE_",
    // Not those of the native target: the linker that is named there links the guest's macros.
    "CARGO_TARGET_WASM32_",
    "CARGO_UNSTABLE_",
    "CARGO_CFG_",
    "CARGO_FEATURE_",
    "CARGO_PKG_",
    "CARGO_BIN_EXE_",
    "DEP_",
];

/// Set to nothing, which is stronger than not set: cargo then ignores what its configuration files
/// say, too.
const EMPTIED: &[&str] = &["CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER"];

/// The tool that cargo names to what it runs, or the one on the path.
pub(crate) fn tool(variable: &str, default: &str) -> OsString {
    std::env::var_os(variable).filter(|tool| !tool.is_empty()).unwrap_or_else(|| default.into())
}

/// Takes from the command what does not concern it, of the variables that are there.
pub(crate) fn scrub(command: &mut Command, present: impl Iterator<Item = OsString>) {
    for name in present.filter(|name| concerns_the_outer_build(name)) {
        command.env_remove(name);
    }
    for name in EMPTIED {
        command.env(name, "");
    }
}

fn concerns_the_outer_build(name: &OsStr) -> bool {
    name.to_str()
        .is_some_and(|name| NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn scrubbed(present: &[&str]) -> BTreeMap<String, Option<String>> {
        let mut command = Command::new("cargo");
        scrub(&mut command, present.iter().map(OsString::from));
        let text = |text: &OsStr| text.to_string_lossy().into_owned();
        command.get_envs().map(|(name, value)| (text(name), value.map(text))).collect()
    }

    #[test]
    fn native_flags_and_the_outer_build_are_taken_away() {
        let taken = [
            "RUSTFLAGS",
            "MAKEFLAGS",
            "CARGO_PROFILE_RELEASE_LTO",
            "CARGO_BUILD_TARGET",
            "OPT_LEVEL",
            "DEP_Z_ROOT",
        ];
        let scrubbed = scrubbed(&taken);
        for name in taken {
            assert_eq!(scrubbed.get(name), Some(&None), "{name}");
        }
    }

    #[test]
    fn what_reaches_the_toolchain_and_the_registry_stays() {
        let kept = [
            "PATH",
            "HOME",
            "CARGO_HOME",
            "RUSTUP_HOME",
            "RUSTUP_TOOLCHAIN",
            "HTTPS_PROXY",
            "CARGO_NET_OFFLINE",
        ];
        let scrubbed = scrubbed(&kept);
        for name in kept {
            assert!(!scrubbed.contains_key(name), "{name}");
        }
    }

    #[test]
    fn flags_and_wrappers_of_configuration_files_are_overridden() {
        for name in EMPTIED {
            assert_eq!(scrubbed(&["RUSTC_WRAPPER"]).get(*name), Some(&Some(String::new())), "{name}");
        }
    }
}
