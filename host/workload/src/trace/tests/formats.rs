//! The formats of single sources of traces: vscsi, MSR Cambridge, Twitter, Mooncake.

use super::*;

/// A vscsi record of either version.
fn vscsi(version: u16, serial: u32, bytes: u32, block: u64) -> Vec<u8> {
    let (ver, cmd, segments, time) = (version << 8 | 3, 0x2a_u16, 1_u32, 5_000_000_u64);
    let start = [&serial.to_le_bytes()[..], &bytes.to_le_bytes(), &segments.to_le_bytes()].concat();
    let end = [block.to_le_bytes(), time.to_le_bytes()].concat();
    match version {
        1 => [&start[..], &cmd.to_le_bytes(), &ver.to_le_bytes(), &end].concat(),
        _ => [&cmd.to_le_bytes()[..], &ver.to_le_bytes(), &start, &end, &77_u64.to_le_bytes()].concat(),
    }
}

/// A request of a format that keeps the order of numbers.
fn address(number: u64, size: u32) -> Request {
    Request { key: number, size }
}

/// A request of a format that hashes its numbers.
fn request(number: u64, size: u32) -> Request {
    Request { key: hash_number(number), size }
}

fn detected(path: &Path) -> (Format, Vec<Request>) {
    let trace = TraceReader::open(path, &Options::default()).unwrap();
    (trace.format(), trace.collect::<Result<_, _>>().unwrap())
}

#[test]
fn vscsi_of_both_versions_by_name_and_by_content() {
    let folder = Folder::new();
    for (version, bytes) in [(1, 32), (2, 40)] {
        // More than a buffer, so that records are cut in two by it.
        let count = u32::try_from(2 * BUFFER_BYTES / bytes + 7).unwrap();
        let content: Vec<u8> =
            (0..count).flat_map(|n| vscsi(version, n, 512 * (n % 9), 1000 + u64::from(n))).collect();
        for name in ["a.vscsi", "a.bin", "a.vscsi.gz"] {
            let (format, requests) = detected(&folder.file(name, &content));
            assert_eq!(format, Format::Vscsi, "{name}, version {version}");
            assert!(requests.into_iter().eq((0..count).map(|n| address(1000 + u64::from(n), 512 * (n % 9)))));
        }
        let one = folder.file("one.vscsi", vscsi(version, 0, 4096, 9));
        assert_eq!(detected(&one), (Format::Vscsi, vec![address(9, 4096)]), "version {version}");
    }
}

#[test]
fn the_two_binary_formats_are_not_mistaken_for_each_other() {
    let folder = Folder::new();
    for count in [1, 2, 3, 5, 8, 100] {
        let records: Vec<u8> =
            (0..count).flat_map(|n| record(n * 1000, u64::from(n) << 7, 4096, i64::from(n) + 2)).collect();
        let path = folder.file("a", &records);
        assert_eq!(detected(&path).0, Format::OracleGeneral, "{count} records");
        for version in [1, 2] {
            let records: Vec<u8> = (0..count).flat_map(|n| vscsi(version, n, 4096, u64::from(n))).collect();
            assert_eq!(
                detected(&folder.file("a", &records)).0,
                Format::Vscsi,
                "{count} of version {version}"
            );
        }
    }
}

#[test]
fn msr_ios_are_offsets_with_or_without_a_header() {
    let folder = Folder::new();
    let rows = "128166372003061629,hm,1,Read,383496192,32768,413\n\
                128166372016382155,hm,1,Write,2822144,4096,1200\r\n\
                128166372026382245,hm,1,read,383496192,512,3\n";
    let expected = [address(383_496_192, 32_768), address(2_822_144, 4096), address(383_496_192, 512)];
    let header = "Timestamp,Hostname,DiskNumber,Type,Offset,Size,ResponseTime\n";
    for (name, content) in [
        ("hm_1.csv", rows.to_owned()),
        ("hm_1", rows.to_owned()),
        ("hm_1.csv.gz", format!("{header}{rows}")),
        ("b", format!("\u{feff}{header}{rows}")),
    ] {
        assert_eq!(detected(&folder.file(name, content)), (Format::Msr, expected.to_vec()), "{name}");
    }
    // Who names a column means the header.
    let path = folder.file("c.csv", format!("{header}{rows}"));
    let options = Options { key_column: Some("ResponseTime".into()), ..Options::default() };
    assert_eq!(read(&path, &options).unwrap()[0], request(413, 32_768));
}

#[test]
fn msr_volumes_do_not_share_their_offsets() {
    let folder = Folder::new();
    let path = folder
        .file("a", "1,hm,0,Read,512,1,1\n2,hm,1,Read,512,1,1\n3,web,0,Read,512,1,1\n4,hm,0,Read,512,1,1\n");
    let expected = [512, hash_text(b"hm.1:512"), hash_text(b"web.0:512"), 512];
    assert_eq!(keys(&path), expected);
}

#[test]
fn twitter_reads_are_requests_and_writes_are_not() {
    let folder = Folder::new();
    let content = "0,nz:u:eeW511W3dcH3de3d15ec,27,100,13,get,0\n\
                   0,nz:u:eeW511W3dcH3de3d15ec,27,100,13,set,3600\n\
                   1,\"quoted\" key,12,0,13,gets,0\n\
                   2,7,1,4096,14,get,0\n\
                   3,7,1,0,14,delete,0\n";
    let expected = [
        Request { key: hash_text(b"nz:u:eeW511W3dcH3de3d15ec"), size: 127 },
        Request { key: hash_text(b"\"quoted\" key"), size: 12 },
        request(7, 4097),
    ];
    for name in ["cluster52.csv", "cluster52.000", "cluster52.sort.zst"] {
        assert_eq!(detected(&folder.file(name, content)), (Format::Twitter, expected.to_vec()), "{name}");
    }
    let only_writes = folder.file("w.csv", "0,k,1,1,1,set,0\n".repeat(5000));
    assert_eq!(
        folder.text(&read(&only_writes, &Options::default()).unwrap_err()),
        "w.csv: is empty: it holds no request (read as twitter)"
    );
}

#[test]
fn a_csv_with_seven_columns_of_its_own_stays_one() {
    let folder = Folder::new();
    let path = folder.file("a.csv", "timestamp,a,b,c,key,size,d\n1,2,3,Read,5,6,7\n");
    assert_eq!(detected(&path), (Format::Csv, vec![request(5, 6)]));
}

#[test]
fn mooncake_lines_are_their_blocks() {
    let folder = Folder::new();
    let long: Vec<String> = (100..5000).map(|block: u64| block.to_string()).collect();
    let content = format!(
        "{{\"timestamp\": 0, \"input_length\": 6755, \"output_length\": 500, \"hash_ids\": [0, 1, 18446744073709551615]}}\n\
         {{\"hash_ids\": []}}\n\n{{\"hash_ids\": [1], \"more\": {{\"x\": [\"}}\"]}}}}\n{{\"hash_ids\":[{}]}}",
        long.join(",")
    );
    let expected: Vec<Request> =
        [0, 1, u64::MAX, 1].into_iter().chain(100..5000).map(|block| request(block, 0)).collect();
    for name in ["a.jsonl", "a.trace", "a.jsonl.zst"] {
        assert_eq!(detected(&folder.file(name, &content)), (Format::Mooncake, expected.clone()), "{name}");
    }
}

#[test]
fn damage_is_told_with_its_place() {
    let folder = Folder::new();
    let hint =
        |format: &str| format!("the file was read as {format}: if it is another, name it with `--format`");
    let vscsi_cut = [vscsi(1, 0, 512, 1), vscsi(1, 1, 512, 2), vec![0; 5]].concat();
    let vscsi_bad: Vec<u8> = [1, 1, 1, 1, 1, 1, 1, 1, 1, 9]
        .into_iter()
        .flat_map(|version| {
            let mut record = vscsi(1, 0, 512, 2);
            record[15] = version;
            record
        })
        .collect();
    let (good_msr, good_twitter) = ("1,hm,0,Read,512,1,1\n", "0,k,1,1,1,get,0\n");
    let msr = "timestamp,hostname,disk,Read or Write,offset,size,response time; numbers but for the hostname";
    let twitter =
        "timestamp,key,key size,value size,client,operation,ttl with one of the operations of memcached";
    let mooncake = "a JSON object with `hash_ids`, a list of whole numbers from 0 on";
    let malformed = |name: &str, position: &str, expected: &str, found: &str, format: &str| {
        format!("{name}: {position}: expected {expected}, found \"{found}\"; {}", hint(format))
    };
    let cases: Vec<(&str, Vec<u8>, String)> = vec![
        (
            "a.vscsi",
            vscsi_cut,
            "a.vscsi: record 3: the file ends after 5 of the record's 32 bytes; it was cut short, or it is not vscsi: \
             name its format with `--format`"
                .into(),
        ),
        (
            "b",
            vscsi_bad,
            malformed("b", "record 10", "a vscsi record of version 1, as the first records are", "version 9", "vscsi"),
        ),
        (
            "c.vscsi",
            vec![7; 64],
            malformed(
                "c.vscsi",
                "record 1",
                "a vscsi record of version 1 or 2",
                &"\\u{7}".repeat(16),
                "vscsi",
            ),
        ),
        (
            "d.vscsi",
            vec![7; 31],
            "d.vscsi: record 1: the file ends after 31 of the record's 32 bytes; it was cut short, or it is not vscsi: \
             name its format with `--format`"
                .into(),
        ),
        (
            "a.csv",
            format!("{good_msr}2,hm,0,Erase,512,1,1\n").into(),
            malformed("a.csv", "line 2", msr, "2,hm,0,Erase,512,1,1", "msr"),
        ),
        (
            "b.csv",
            format!("{good_msr}{good_msr}2,hm,0,Read,512,1\n").into(),
            malformed("b.csv", "line 3", msr, "2,hm,0,Read,512,1", "msr"),
        ),
        (
            "c.csv",
            format!("{good_msr}2,hm,0,Read,512,4294967296,1\n").into(),
            malformed("c.csv", "line 2", msr, "2,hm,0,Read,512,4294967296,1", "msr"),
        ),
        (
            "d.csv",
            format!("{good_twitter}1,k,1,1,1,got,0\n").into(),
            malformed("d.csv", "line 2", twitter, "1,k,1,1,1,got,0", "twitter"),
        ),
        (
            "e.csv",
            format!("{good_twitter}1,,1,1,1,get,0\n").into(),
            malformed("e.csv", "line 2", twitter, "1,,1,1,1,get,0", "twitter"),
        ),
        (
            "f.csv",
            format!("{good_twitter}1,a,b,1,1,1,get,0\n").into(),
            malformed("f.csv", "line 2", twitter, "1,a,b,1,1,1,get,0", "twitter"),
        ),
        (
            "a.jsonl",
            b"{\"hash_ids\": [1]}\n{\"hash_ids\": [-1]}\n".to_vec(),
            malformed("a.jsonl", "line 2", mooncake, "{\"hash_ids\": [-1]}", "mooncake"),
        ),
        (
            "b.jsonl",
            b"{\"blocks\": [1]}\n".to_vec(),
            malformed("b.jsonl", "line 1", mooncake, "{\"blocks\": [1]}", "mooncake"),
        ),
        (
            "c.jsonl",
            format!("{{\"hash_ids\": [{}1]}}", "1, ".repeat(30_000)).into(),
            format!("c.jsonl: line 1: longer than 65536 bytes; {}", hint("mooncake")),
        ),
    ];
    for (name, content, expected) in cases {
        let path = folder.file(name, content);
        assert_eq!(folder.text(&read(&path, &Options::default()).unwrap_err()), expected);
    }
}

/// A recording of a run with ordered keys or hashed ones.
fn recording(keys_ordered: bool) -> Vec<u8> {
    use crate::recording::{Header, Outcome, Request, Totals, Writer};

    let about = host_contract::RunInfo { keys_ordered, ..host_contract::RunInfo::default() };
    let mut writer = Writer::new(Vec::new(), &Header { about, ..Header::default() }).unwrap();
    let ended = |key, outcome| Request { key, outcome, size: 10, ..Request::default() };
    writer.requests(&[ended(7, Outcome::Loaded), ended(0, Outcome::Work), ended(7, Outcome::Hit)]).unwrap();
    writer.records("{\"type\":\"tick\"}\n").unwrap();
    writer.requests(&[ended(8, Outcome::Failed)]).unwrap();
    writer.finish(Totals::default()).unwrap()
}

#[test]
fn a_recording_is_a_trace_of_its_requests_for_keys() {
    let folder = Folder::new();
    let ordered = [address(7, 10), address(7, 10), address(8, 10)];
    for name in ["a.rec", "a.bin", "a.rec.zst"] {
        let bytes = recording(true);
        let bytes = if name.ends_with(".zst") { zstd::encode_all(&bytes[..], 1).unwrap() } else { bytes };
        assert_eq!(detected(&folder.file(name, bytes)), (Format::Recording, ordered.to_vec()), "{name}");
    }
    let hashed = detected(&folder.file("b", recording(false))).1;
    assert_eq!(hashed, [request(7, 10), request(7, 10), request(8, 10)]);
}

#[test]
fn a_recording_that_was_cut_gives_its_whole_blocks_and_says_so() {
    let folder = Folder::new();
    let whole = recording(true);
    // Within the last block of requests.
    let path = folder.file("cut.rec", &whole[..whole.len() - 60]);
    let mut trace = TraceReader::open(&path, &Options::default()).unwrap();
    let mut requests = Vec::new();
    while trace.read_batch(&mut requests, 1).unwrap() > 0 {}
    assert_eq!(requests, [address(7, 10), address(7, 10)]);
    let note = trace.note().unwrap();
    assert!(note.starts_with("it is not whole: the file ends within a block at byte "), "{note}");
    let mut trace = TraceReader::open(&folder.file("whole.rec", &whole), &Options::default()).unwrap();
    assert_eq!((trace.by_ref().count(), trace.note()), (3, None));
    // Without a header there is nothing to read.
    let error = read(&folder.file("begun.rec", &whole[..15]), &Options::default()).unwrap_err();
    assert!(folder.text(&error).contains("a recording whose header is whole"), "{error}");
}
