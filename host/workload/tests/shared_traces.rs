//! Reads real traces and compares the number of requests and of distinct keys with what is known of them.
//!
//! The traces are not part of this repository; where they are absent the tests say so and pass.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use host_workload::trace::{Format, Options, Request, TraceReader};

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/traces");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: there are no traces in {}", folder.display());
    None
}

fn read(path: &Path) -> (Format, Vec<Request>) {
    let mut trace = TraceReader::open(path, &Options::default()).unwrap();
    let mut requests = Vec::new();
    while trace.read_batch(&mut requests, 4096).unwrap() > 0 {}
    (trace.format(), requests)
}

#[test]
fn requests_and_distinct_keys_of_each_trace() {
    let Some(folder) = folder() else { return };
    let traces = [
        ("OLTP.lis.zst", Format::Lis, 914_145, 186_880),
        ("cloudPhysicsIO.csv.zst", Format::Csv, 113_872, 48_974),
        ("cloudPhysicsIO.oracleGeneral.bin.zst", Format::OracleGeneral, 113_872, 48_974),
        ("loop.trace.gz", Format::Lirs, 505_500, 1_011),
        ("cpp.trace.gz", Format::Lirs, 9_047, 1_223),
        ("gli.trace.gz", Format::Lirs, 6_015, 2_529),
        ("multi1.trace.gz", Format::Lirs, 15_858, 2_606),
        ("multi2.trace.gz", Format::Lirs, 26_311, 5_684),
        ("multi3.trace.gz", Format::Lirs, 30_241, 7_454),
        ("sprite.trace.gz", Format::Lirs, 133_996, 7_075),
        ("c2k_web07.txt.zst", Format::Plain, 76_118, 20_484),
        ("corda_vault.txt.zst", Format::Plain, 135_702, 90_468),
        ("mooncake_conv.txt.zst", Format::Plain, 288_500, 182_790),
    ];
    for (name, format, requests, distinct) in traces {
        let (found_format, found) = read(&folder.join(name));
        let keys: HashSet<u64> = found.iter().map(|request| request.key).collect();
        assert_eq!((found_format, found.len(), keys.len()), (format, requests, distinct), "{name}");
    }
}

#[test]
fn one_trace_in_two_formats_has_the_same_keys() {
    let Some(folder) = folder() else { return };
    let (_, csv) = read(&folder.join("cloudPhysicsIO.csv.zst"));
    let (_, binary) = read(&folder.join("cloudPhysicsIO.oracleGeneral.bin.zst"));
    // Not the sizes: the CSV has that of each request, the other form one for each object.
    assert!(csv.iter().map(|request| request.key).eq(binary.iter().map(|request| request.key)));
    assert_eq!(csv[0], binary[0]);
    assert_eq!(csv[0].size, 512);
}

#[test]
fn json_lines_are_not_mistaken_for_a_trace() {
    let Some(folder) = folder() else { return };
    let error =
        TraceReader::open(&folder.join("mooncake_conversation.jsonl.zst"), &Options::default()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("cannot tell the format") && text.contains("oracleGeneral"), "{text}");
}
