//! Builds WebAssembly components from Rust sources, from inside a build script or a test.
//!
//! A nested cargo is a small minefield, and this crate is the map of it. It needs a target
//! directory of its own (in the outer one it would wait for a lock that the outer cargo holds), an
//! environment without what the outer cargo and the user's shell set for native code
//! (`environment.rs`; such flags change the component's bytes or break the build), and a toolchain
//! that has the target (`target.rs`). Two builds into one directory wait for each other by cargo's
//! own lock.
//!
//! It fails with a [`BuildError`] whose text stands alone: what was run, what the tool said, what
//! to do.

mod environment;
mod error;
mod messages;
mod target;

pub use error::BuildError;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

/// The target that yields a component straight from cargo.
pub const TARGET: &str = "wasm32-wasip2";

/// A component that was built.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Artifact {
    /// Name of the crate's library target, or of the example, in kebab-case: `cache-policy`.
    pub name: String,
    /// Where the component lies. Overwritten by the next build into the same target directory.
    pub path: PathBuf,
}

/// A build of one guest crate, or of a workspace of them.
#[derive(Debug, Clone)]
pub struct Build {
    manifest_dir: PathBuf,
    target_dir: PathBuf,
    locked: bool,
    examples: bool,
}

impl Build {
    /// Builds the crate or workspace whose `Cargo.toml` lies in `manifest_dir`, by default into
    /// `target` there.
    #[must_use]
    pub fn new(manifest_dir: impl Into<PathBuf>) -> Self {
        let manifest_dir = manifest_dir.into();
        Self { target_dir: manifest_dir.join("target"), manifest_dir, locked: false, examples: false }
    }

    /// Where cargo puts what it builds. Must not be the target directory of a cargo that is running
    /// this.
    #[must_use]
    pub fn target_dir(mut self, target_dir: impl Into<PathBuf>) -> Self {
        self.target_dir = target_dir.into();
        self
    }

    /// Whether the guest's `Cargo.lock` must be there and up to date (`--locked`).
    #[must_use]
    pub fn locked(mut self, locked: bool) -> Self {
        self.locked = locked;
        self
    }

    /// Builds the examples in place of the library.
    #[must_use]
    pub fn examples(mut self) -> Self {
        self.examples = true;
        self
    }

    /// Builds, and lists the components by name.
    ///
    /// # Errors
    /// A missing wasm target that cannot be added, a tool that cannot be run, sources that do not
    /// compile, and a build that yields no component.
    pub fn run(&self) -> Result<Vec<Artifact>, BuildError> {
        let rustc = environment::tool("RUSTC", "rustc");
        target::ensure(&rustc)?;
        let manifest = self.manifest_dir.join("Cargo.toml");
        let output = self
            .cargo(&rustc, &manifest)
            .output()
            .map_err(|source| BuildError::Run { tool: environment::tool("CARGO", "cargo"), source })?;
        let stdout = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            return Err(BuildError::Cargo { manifest, said: messages::failure(&stdout, &stderr) });
        }
        let artifacts = messages::artifacts(&stdout);
        if artifacts.is_empty() {
            return Err(BuildError::NoComponent { manifest });
        }
        Ok(artifacts)
    }

    fn cargo(&self, rustc: &OsString, manifest: &Path) -> Command {
        let mut command = Command::new(environment::tool("CARGO", "cargo"));
        command
            .args(["build", "--release", "--message-format", "json", "--target", TARGET])
            .arg("--manifest-path")
            .arg(manifest)
            .arg("--target-dir")
            .arg(&self.target_dir)
            // Not the caller's: a `.cargo/config.toml` there is about native code.
            .current_dir(&self.manifest_dir);
        if self.locked {
            command.arg("--locked");
        }
        if self.examples {
            command.arg("--examples");
        }
        if let Some(jobs) = std::env::var_os("NUM_JOBS") {
            command.arg("--jobs").arg(jobs);
        }
        environment::scrub(&mut command, std::env::vars_os().map(|(name, _)| name));
        command.env("RUSTC", rustc);
        command
    }
}

/// The target directory of the cargo that runs a build script or a test, from the script's
/// `OUT_DIR` or the test's `CARGO_TARGET_TMPDIR`.
///
/// Cargo does not tell where that is, but marks it: with `CACHEDIR.TAG` where it made the directory
/// itself, and with `.rustc_info.json` in any case. None where neither is found above `inside`.
#[must_use]
pub fn outer_target_dir(inside: &Path) -> Option<PathBuf> {
    let is_marked =
        |dir: &Path| [".rustc_info.json", "CACHEDIR.TAG"].iter().any(|mark| dir.join(mark).is_file());
    inside.ancestors().find(|dir| is_marked(dir)).map(Path::to_path_buf)
}

/// The line with which a build script asks cargo to run it again when `source` changes, a file or a folder, relative to
/// the package of the build script.
///
/// Cargo keeps the line as it is, and an absolute path in it leads from a copy of the tree to the original: an edit of
/// the copy is not seen.
///
/// # Errors
/// [`BuildError::AbsoluteSource`] for an absolute path.
pub fn rerun_if_changed(source: &str) -> Result<String, BuildError> {
    if Path::new(source).is_absolute() {
        return Err(BuildError::AbsoluteSource { path: source.to_owned() });
    }
    Ok(format!("cargo::rerun-if-changed={source}"))
}
