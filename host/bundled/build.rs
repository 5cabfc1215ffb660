//! Compiles the bundled strategies and writes the table that `src/lib.rs` includes.
//!
//! They go to `<target>/plugins`, one fixed place, so that a debug and a release build of the host
//! share them. What is included are copies in `OUT_DIR`: the originals may be overwritten while the
//! host is compiled.

use guest_build::{Artifact, Build, outer_target_dir, rerun_if_changed};
use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// What a component's bytes depend on, below the root of the repository.
const SOURCES: &[&str] = &[
    "plugins/Cargo.toml",
    "plugins/Cargo.lock",
    "plugins/sdk",
    "plugins/cache-policy",
    "plugins/cache-sizing",
    "plugins/worker-sizing",
    "plugins/prefetch-rules",
    "plugins/policy-sdk",
    "plugins/policies",
    "host/policy",
    "wit",
];

/// What the names of crates of eviction policies begin with.
const POLICY: &str = "policy-";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Not as `cargo::error=` directives: cargo would prefix each line, and print all twice.
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let manifest_dir = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let root =
        manifest_dir.ancestors().nth(2).ok_or("host/bundled lies two folders below the repository's root")?;
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    let target = outer_target_dir(&out_dir).ok_or("cannot tell the target directory from OUT_DIR")?;
    let components =
        Build::new(root.join("plugins")).target_dir(target.join("plugins")).locked(true).run()?;
    let (policies, strategies): (Vec<_>, Vec<_>) =
        components.into_iter().partition(|component| component.name.starts_with(POLICY));
    fs::write(out_dir.join("components.rs"), table(&strategies, &out_dir)?)?;
    fs::write(out_dir.join("policies.rs"), table(&policies, &out_dir)?)?;
    // Only now: what failed is run again in any case, and the error stands alone.
    for source in SOURCES {
        println!("{}", rerun_if_changed(&format!("../../{source}"))?);
    }
    Ok(())
}

/// Copies each component and names it in a Rust expression. The expression asks for `OUT_DIR` when it is compiled: a
/// target directory that was copied or moved must not lead back to where it was.
fn table(components: &[Artifact], out_dir: &Path) -> Result<String, Box<dyn Error>> {
    let mut table = String::from("&[\n");
    for Artifact { name, path } in components {
        let name = name.strip_prefix(POLICY).unwrap_or(name);
        let copy = out_dir.join(format!("{name}.wasm"));
        fs::copy(path, &copy)
            .map_err(|error| format!("cannot copy {} to {}: {error}", path.display(), copy.display()))?;
        writeln!(
            table,
            "    Bundled {{ name: {name:?}, bytes: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.wasm\")) }},"
        )?;
    }
    table.push_str("]\n");
    Ok(table)
}
