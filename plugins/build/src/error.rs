//! What can go wrong, in words that stand alone in the output of a build script.

use std::{ffi::OsString, io, path::PathBuf};

/// Why there are no components.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A tool could not be started.
    #[error("cannot run `{}`: {source}\nThe components are built with cargo and rustc; is Rust installed (https://rustup.rs)?", tool.to_string_lossy())]
    Run {
        /// The tool.
        tool: OsString,
        /// What the system said.
        source: io::Error,
    },

    /// rustc would not say where its libraries are.
    #[error("`{} --print sysroot` failed:\n{said}", rustc.to_string_lossy())]
    Sysroot {
        /// The compiler.
        rustc: OsString,
        /// Its output.
        said: String,
    },

    /// The toolchain has no wasm target and it could not be added.
    #[error(
        "the Rust toolchain in {} has no {target} target, which the components are built for,\n\
         and it could not be added: {said}\n\
         Run this, then build again:\n\n    {command}\n\n\
         Where Rust was not installed by rustup, install the {target} standard library from the same place.",
        sysroot.display(), target = crate::TARGET
    )]
    MissingTarget {
        /// Where the toolchain lies.
        sysroot: PathBuf,
        /// What to run.
        command: String,
        /// What rustup said.
        said: String,
    },

    /// Cargo failed.
    #[error("the components of {} do not build:\n\n{said}", manifest.display())]
    Cargo {
        /// What was built.
        manifest: PathBuf,
        /// The compiler's errors, or else what cargo said.
        said: String,
    },

    /// The build went well and there was nothing in it.
    #[error("{} builds no component: a guest needs `crate-type = [\"cdylib\"]` in `[lib]`", manifest.display())]
    NoComponent {
        /// What was built.
        manifest: PathBuf,
    },

    /// A build script asks to be run again when a file at an absolute path changes.
    #[error(
        "`{path}` is an absolute path: a copy of the tree would watch the original. Give the path relative to the \
         package of the build script"
    )]
    AbsoluteSource {
        /// The path.
        path: String,
    },
}
