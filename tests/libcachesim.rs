//! What is written for libCacheSim, read by libCacheSim.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::simulator::simulate;
use crate::support::{looping, succeed, trace};

/// Misses under LRU at each capacity, as libCacheSim counts them.
const SCRIPT: &str = "
import sys
import libcachesim as lcs

path, *capacities = sys.argv[1:]
for capacity in map(int, capacities):
    reader = lcs.TraceReader(path, lcs.TraceType.ORACLE_GENERAL_TRACE, lcs.ReaderInitParam(ignore_obj_size=True))
    requests = reader.get_num_of_req()
    ratio, _ = lcs.LRU(capacity).process_trace(reader)
    print(requests, round(ratio * requests))
";

/// A Python that has libcachesim, installed in `dir`; none where it cannot be installed, with a line that says why.
fn python(dir: &Path) -> Option<PathBuf> {
    let venv = dir.join("venv");
    let python = venv.join("bin/python");
    let steps = [
        Command::new("python3").args(["-m", "venv"]).arg(&venv).output(),
        Command::new(&python).args(["-m", "pip", "install", "--quiet", "libcachesim==0.3.5"]).output(),
    ];
    for step in steps {
        match step {
            Ok(output) if output.status.success() => {}
            failed => {
                eprintln!("SKIPPED: libcachesim cannot be installed here: {failed:?}");
                return None;
            }
        }
    }
    Some(python)
}

#[test]
#[ignore = "installs libcachesim from PyPI"]
fn libcachesim_counts_the_same_misses_in_a_trace_without_sizes() {
    let dir = tempfile::tempdir().unwrap();
    let Some(python) = python(dir.path()) else { return };
    for original in [trace(dir.path(), 5_000), looping(dir.path())] {
        let converted = dir.path().join("converted.oracleGeneral");
        let (from, to) = (original.to_str().unwrap(), converted.to_str().unwrap());
        succeed(["trace", "convert", from, "--force", "--output", to]);
        let there = Command::new(&python).args(["-c", SCRIPT, to, "9", "10", "100"]).output().unwrap();
        assert!(there.status.success(), "{there:?}");
        let here = simulate(&[from, "--policy", "lru", "--capacity", "9,10,100"]);
        let here: String =
            here.iter().map(|row| format!("{} {}\n", row["requests"], row["misses"])).collect();
        assert_eq!(String::from_utf8(there.stdout).unwrap(), here, "{from}");
    }
}
