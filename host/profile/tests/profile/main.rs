//! The profiles from the outside: what a user writes, and what comes of it.

#![expect(clippy::unwrap_used, reason = "a test: a panic is a failure")]

mod bases;
mod builtin;
mod detect;
mod dials;
mod errors;
mod layers;
mod machine;

use std::fs;
use std::path::PathBuf;

use host_profile::{Loader, ProfileError, Settings};
use host_telemetry::{DiskKind, Machine, MemorySource};

/// A machine on which nothing is clamped.
fn big() -> Machine {
    machine(8.0, 64_000_000_000)
}

fn machine(cores: f64, memory: u64) -> Machine {
    Machine {
        cores: 64,
        cpu_limit: cores,
        cpu_frequency_mhz: 0,
        memory_bytes: memory,
        memory_limit_bytes: memory,
        memory_source: MemorySource::Machine,
        disk: DiskKind::Ssd,
    }
}

/// The defaults alone, whatever the user who runs the tests has in his home.
fn loader() -> Loader {
    Loader::new().user_file(None)
}

/// Loads over the defaults a user's file of this text; the file is called `host.toml` in messages.
fn load_file(text: &str) -> (Result<Settings, ProfileError>, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("host.toml");
    fs::write(&path, text).unwrap();
    (loader().user_file(Some(path.clone())).load(&big()), path)
}

fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
