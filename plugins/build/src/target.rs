//! Makes sure that the toolchain can compile to WebAssembly.
//!
//! The target's presence is looked up in the toolchain's own directory, which works without rustup
//! and costs nothing. Only where it is missing is rustup asked to add it, to the toolchain that
//! this build runs under: an installation often has several, and `rustup target add` alone would
//! serve the default one.

use crate::{BuildError, TARGET};
use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Command,
};

/// Adds the target where it is missing.
pub(crate) fn ensure(rustc: &OsStr) -> Result<(), BuildError> {
    ensure_with(&sysroot(rustc)?, OsStr::new("rustup"), std::env::var_os("RUSTUP_TOOLCHAIN"))
}

fn ensure_with(sysroot: &Path, rustup: &OsStr, toolchain: Option<OsString>) -> Result<(), BuildError> {
    if installed(sysroot) {
        return Ok(());
    }
    let mut arguments: Vec<OsString> = vec!["target".into(), "add".into(), TARGET.into()];
    if let Some(toolchain) = toolchain.or_else(|| managed_name(sysroot)) {
        arguments.extend(["--toolchain".into(), toolchain]);
    }
    let said = match Command::new(rustup).args(&arguments).output() {
        Ok(_) if installed(sysroot) => return Ok(()),
        Ok(output) => {
            let said = format!(
                "{}{}",
                String::from_utf8_lossy(&output.stderr),
                String::from_utf8_lossy(&output.stdout)
            );
            format!("rustup said\n\n{}\n", indented(said.trim_end()))
        }
        Err(error) => format!("rustup cannot be run ({error})."),
    };
    let command = std::iter::once(OsStr::new("rustup"))
        .chain(arguments.iter().map(OsString::as_os_str))
        .map(|part| part.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ");
    Err(BuildError::MissingTarget { sysroot: sysroot.to_path_buf(), command, said })
}

fn sysroot(rustc: &OsStr) -> Result<PathBuf, BuildError> {
    let output = Command::new(rustc)
        .args(["--print", "sysroot"])
        .output()
        .map_err(|source| BuildError::Run { tool: rustc.to_owned(), source })?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let path = stdout.trim_end();
    if output.status.success() && !path.is_empty() {
        return Ok(path.into());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
    Err(BuildError::Sysroot { rustc: rustc.to_owned(), said })
}

/// The `lib` below matters: rustup leaves an empty directory behind when a download is broken off.
fn installed(sysroot: &Path) -> bool {
    sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir()
}

/// The name under which rustup knows a toolchain: it keeps each in `toolchains/NAME`.
fn managed_name(sysroot: &Path) -> Option<OsString> {
    let parent = sysroot.parent()?.file_name()?;
    (parent == "toolchains").then(|| sysroot.file_name().map(OsStr::to_owned)).flatten()
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toolchain_that_has_the_target_needs_no_rustup() {
        let sysroot = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(sysroot.path().join("lib/rustlib").join(TARGET).join("lib")).unwrap();
        ensure_with(sysroot.path(), OsStr::new("/nowhere/rustup"), None).unwrap();
    }

    #[test]
    fn without_rustup_the_command_to_run_is_shown() {
        let root = tempfile::tempdir().unwrap();
        let sysroot = root.path().join("toolchains/stable-x86_64");
        let text = ensure_with(&sysroot, OsStr::new("/nowhere/rustup"), None).unwrap_err().to_string();
        assert!(text.contains("\n    rustup target add wasm32-wasip2 --toolchain stable-x86_64\n"), "{text}");
        assert!(text.contains("rustup cannot be run"), "{text}");
        assert!(text.contains(&sysroot.display().to_string()), "{text}");
    }

    #[test]
    #[cfg(unix)]
    fn what_rustup_says_is_shown() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().unwrap();
        let rustup = root.path().join("rustup");
        std::fs::write(&rustup, "#!/bin/sh\necho \"error: no route to host ($*)\" >&2\nexit 1\n").unwrap();
        std::fs::set_permissions(&rustup, std::fs::Permissions::from_mode(0o755)).unwrap();
        let text =
            ensure_with(root.path(), rustup.as_os_str(), Some("1.95.0".into())).unwrap_err().to_string();
        let said = "error: no route to host (target add wasm32-wasip2 --toolchain 1.95.0)";
        assert!(text.contains(&format!("rustup said\n\n    {said}\n")), "{text}");
    }

    #[test]
    #[cfg(unix)]
    fn a_target_that_rustup_adds_is_enough() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().unwrap();
        let rustup = root.path().join("rustup");
        let lib = root.path().join("lib/rustlib").join(TARGET).join("lib");
        std::fs::write(&rustup, format!("#!/bin/sh\nmkdir -p '{}'\n", lib.display())).unwrap();
        std::fs::set_permissions(&rustup, std::fs::Permissions::from_mode(0o755)).unwrap();
        ensure_with(root.path(), rustup.as_os_str(), None).unwrap();
    }
}
