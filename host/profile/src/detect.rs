//! Which profile suits a machine and a project.
//!
//! The base follows from the number of files, which bounds what there is to cache; scarce hardware lays
//! an overlay over it, which takes the smaller value of each bound. Pure but for [`count_files`].

use std::path::Path;

use host_telemetry::{DiskKind, Machine};
use ignore::WalkBuilder;
use serde::Serialize;

use crate::bytes::Bytes;
use crate::error::ProfileError;

/// Fewer files make a small project.
const MEDIUM_FROM: u64 = 1_000;
/// More files make a large one.
const MEDIUM_TO: u64 = 10_000;
/// Counting may stop here: a larger number changes nothing.
pub const FILES_LIMIT: u64 = MEDIUM_TO + 1;

const HIGH_PERFORMANCE_CORES: f64 = 16.0;
const HIGH_PERFORMANCE_MEMORY: Bytes = Bytes(32_000_000_000);
const FEW_CORES: f64 = 4.0;
const LITTLE_MEMORY: Bytes = Bytes(4_000_000_000);

/// A profile with the reasons for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Detection {
    /// The profile that fits the project.
    pub base: &'static str,
    /// The overlays that fit the machine.
    pub overlays: Vec<&'static str>,
    /// Both in one name, as [`crate::Loader::profile`] takes it: "medium+cpu-constrained".
    pub profile: String,
    /// One sentence for each fact, with its consequence.
    pub reasons: Vec<String>,
}

/// Chooses a profile for a project of so many files (at [`FILES_LIMIT`] or above: that many or more).
#[must_use]
pub fn detect(machine: &Machine, files: u64) -> Detection {
    let cores = machine.cpu_limit.min(f64::from(machine.cores));
    let memory = Bytes(machine.memory_limit_bytes);
    let cores_text = cores_text(machine);
    let memory_text = memory_text(machine);
    let mut reasons = Vec::new();
    let mut overlays = Vec::new();

    let base = if files < MEDIUM_FROM {
        reasons.push(format!("{files} files, fewer than {MEDIUM_FROM}: small."));
        "small"
    } else if files <= MEDIUM_TO {
        reasons.push(format!("{files} files, between {MEDIUM_FROM} and {MEDIUM_TO}: medium."));
        "medium"
    } else if cores >= HIGH_PERFORMANCE_CORES && memory >= HIGH_PERFORMANCE_MEMORY {
        reasons.push(format!(
            "More than {MEDIUM_TO} files, and with {HIGH_PERFORMANCE_CORES} cores and \
             {HIGH_PERFORMANCE_MEMORY} or more the hardware for it: high-performance."
        ));
        "high-performance"
    } else {
        reasons.push(format!("More than {MEDIUM_TO} files: large."));
        "large"
    };
    if memory.get() == 0 {
        reasons.push("The memory is not known: no overlay for it.".into());
    } else if memory < LITTLE_MEMORY {
        overlays.push("memory-constrained");
        reasons.push(format!(
            "{memory_text}, less than {LITTLE_MEMORY}: memory-constrained lowers what is above its bounds."
        ));
    } else {
        reasons.push(format!("{memory_text}: enough, no overlay for memory."));
    }
    if cores < FEW_CORES {
        overlays.push("cpu-constrained");
        reasons.push(format!(
            "{cores_text}, fewer than {FEW_CORES}: cpu-constrained lowers what is above its bounds."
        ));
    } else {
        reasons.push(format!("{cores_text}: enough, no overlay for cores."));
    }
    reasons.push(match machine.disk {
        DiskKind::Ssd => {
            "The disk is an SSD: parallel reads cost little, the profile's IO workers stay.".into()
        }
        DiskKind::Hdd => "The disk reports that it rotates (virtual ones often do): if it does, give \
                          --set executor.max-io-workers=4 --set executor.io-workers=4, because such a disk \
                          reads one place at a time."
            .into(),
        DiskKind::Unknown => "The kind of disk is not known: the profile's IO workers stay.".into(),
    });

    let mut names = vec![base];
    names.extend(&overlays);
    Detection { base, profile: names.join("+"), overlays, reasons }
}

fn cores_text(machine: &Machine) -> String {
    let cores = machine.cores;
    let s = if cores == 1 { "" } else { "s" };
    if machine.cpu_limit < f64::from(cores) {
        format!("{cores} core{s}, of which {:.1} may be used", machine.cpu_limit)
    } else {
        format!("{cores} core{s}")
    }
}

fn memory_text(machine: &Machine) -> String {
    let limit = Bytes(machine.memory_limit_bytes);
    if machine.memory_limit_bytes < machine.memory_bytes {
        let memory = Bytes(machine.memory_bytes);
        format!("{memory} of memory, of which {limit} may be used ({})", machine.memory_source)
    } else {
        format!("{limit} of memory")
    }
}

/// Counts the files below a folder, at most `limit` of them, passing over hidden ones and what
/// `.gitignore` and `.ignore` name, inside a repository or not. A file counts as one.
///
/// # Errors
/// [`ProfileError::Walk`] where the folder itself cannot be read; what cannot be read below it is
/// passed over.
pub fn count_files(path: &Path, limit: u64) -> Result<u64, ProfileError> {
    let mut files = 0;
    for entry in WalkBuilder::new(path).require_git(false).build() {
        if files >= limit {
            break;
        }
        match entry {
            Ok(entry) if entry.file_type().is_some_and(|kind| kind.is_file()) => files += 1,
            Err(error) if error.depth() == Some(0) => {
                return Err(ProfileError::Walk { path: path.to_owned(), message: error.to_string() });
            }
            Ok(_) | Err(_) => {}
        }
    }
    Ok(files)
}
