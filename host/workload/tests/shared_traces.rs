//! Reads real traces and compares the number of requests and of distinct keys with what is known of them.
//!
//! The traces are not part of this repository; where they are absent the tests say so and pass.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::as_conversions, reason = "a test")]

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use host_workload::analysis::StackDistances;
use host_workload::trace::{
    Compression, Format, KeyForm, NextAccess, Options, RawBatch, RawReader, Request, TraceReader, TraceWriter,
};

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/traces");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: there are no traces in {}", folder.display());
    None
}

/// The requests, by whole hashes.
fn read(path: &Path) -> (Format, Vec<Request>) {
    let mut trace = TraceReader::open(path, &Options::default()).unwrap().with_ids();
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

/// Requests for the number after the one before, by the keys that a run sees.
fn sequential(path: &Path, form: Option<KeyForm>) -> (KeyForm, usize) {
    let options = Options { keys: form, ..Options::default() };
    let trace = TraceReader::open(path, &options).unwrap();
    let form = trace.keys().form;
    let keys: Vec<u64> = trace.map(|request| request.unwrap().key).collect();
    (form, keys.windows(2).filter(|pair| pair[1] == pair[0] + 1).count())
}

#[test]
fn the_loop_of_a_trace_shows_in_its_keys_unless_they_are_hashed() {
    let Some(folder) = folder() else { return };
    let path = folder.join("loop.trace.gz");
    assert_eq!(sequential(&path, None), (KeyForm::Ordered, 505_000));
    assert_eq!(sequential(&path, Some(KeyForm::Hashed)), (KeyForm::Hashed, 0));
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

/// A vscsi file of version 1 from the rows `version,time,op,size,lbn` that were made of one.
fn as_vscsi(csv: &[u8]) -> Vec<u8> {
    let mut rows = csv::Reader::from_reader(csv);
    let mut bytes = Vec::new();
    for (serial, row) in (0_u32..).zip(rows.records()) {
        let row = row.unwrap();
        let number = |column: usize| row[column].parse::<u64>().unwrap();
        let (version, op) = (u16::try_from(number(0)).unwrap(), u16::from_str_radix(&row[2], 16).unwrap());
        bytes.extend(serial.to_le_bytes());
        bytes.extend(u32::try_from(number(3)).unwrap().to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(op.to_le_bytes());
        bytes.extend((version << 8 | 1).to_le_bytes());
        bytes.extend(number(4).to_le_bytes());
        bytes.extend((number(1) * 1_000_000).to_le_bytes());
    }
    bytes
}

#[test]
fn a_vscsi_file_reads_as_what_was_made_of_it() {
    let Some(folder) = folder() else { return };
    let path = folder.join("cloudPhysicsIO.csv.zst");
    let (_, csv) = read(&path);
    let text = zstd::stream::decode_all(std::fs::File::open(&path).unwrap()).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    // By its content and by its name.
    for name in ["cloudPhysicsIO", "cloudPhysicsIO.vscsi"] {
        let file = scratch.path().join(name);
        std::fs::write(&file, as_vscsi(&text)).unwrap();
        let (format, vscsi) = read(&file);
        assert_eq!((format, vscsi.len()), (Format::Vscsi, 113_872));
        assert!(vscsi == csv, "{name}: other requests than the CSV has");
    }
    let (_, binary) = read(&folder.join("cloudPhysicsIO.oracleGeneral.bin.zst"));
    assert!(csv.iter().map(|request| request.key).eq(binary.iter().map(|request| request.key)));
}

#[test]
fn mooncake_blocks_are_the_requests_of_the_plain_trace() {
    let Some(folder) = folder() else { return };
    let (format, blocks) = read(&folder.join("mooncake_conversation.jsonl.zst"));
    let (_, plain) = read(&folder.join("mooncake_conv.txt.zst"));
    assert_eq!((format, blocks.len()), (Format::Mooncake, 288_500));
    assert!(blocks == plain);
}

#[test]
fn next_accesses_are_those_of_the_reference() {
    let Some(folder) = folder() else { return };
    let path = folder.join("cloudPhysicsIO.oracleGeneral.bin.zst");
    let reference = zstd::stream::decode_all(std::fs::File::open(&path).unwrap()).unwrap();
    let mut reader = RawReader::open(&path, &Options::default()).unwrap();
    let (mut all, mut next) = (RawBatch::default(), NextAccess::default());
    reader.read_batch(&mut all, 1_000_000).unwrap();
    all.requests().iter().for_each(|request| next.push(request.key));
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut writer =
        TraceWriter::new(Format::OracleGeneral, Compression::None, file.reopen().unwrap()).unwrap();
    for (request, key) in all.iter() {
        writer.write(key, request.size, next.of(writer.written())).unwrap();
    }
    writer.finish().unwrap();
    let written = std::fs::read(file.path()).unwrap();
    assert_eq!(written.len(), reference.len());
    let records = written.as_chunks::<24>().0.iter().zip(reference.as_chunks::<24>().0);
    for (number, (ours, theirs)) in records.enumerate() {
        // All but the time, which no reader keeps.
        assert_eq!(ours[4..], theirs[4..], "record {number}");
    }
}

#[test]
fn stack_distances_are_the_reference_simulators_lru() {
    let Some(folder) = folder() else { return };
    let mut rows = csv::Reader::from_path(folder.join("reference.csv")).unwrap();
    let headers = rows.headers().unwrap().clone();
    let column = |name: &str| headers.iter().position(|header| header == name).unwrap();
    let lru = column("lru");
    let mut done: Option<(String, StackDistances, u64)> = None;
    let mut checked = 0;
    for row in rows.records() {
        let row = row.unwrap();
        if done.as_ref().is_none_or(|(name, ..)| *name != row[0]) {
            let (mut numbers, mut distances) = (HashMap::new(), StackDistances::default());
            let (_, requests) = read(&folder.join(&row[0]));
            for request in &requests {
                let next = u32::try_from(numbers.len()).unwrap();
                distances.access(*numbers.entry(request.key).or_insert(next));
            }
            done = Some((row[0].to_owned(), distances, requests.len() as u64));
        }
        let (_, distances, requests) = done.as_ref().unwrap();
        let misses = requests - distances.within(row[1].parse().unwrap());
        let expected: f64 = row[lru].parse().unwrap();
        assert!((misses as f64 / *requests as f64 - expected).abs() < 0.000_051, "{row:?}: {misses}");
        checked += 1;
    }
    assert!(checked > 10, "{checked} rows");
}
