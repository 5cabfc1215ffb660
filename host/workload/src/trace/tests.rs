//! Reading, detecting and refusing, on files written here; real traces are in `tests/shared_traces.rs`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::*;
use crate::key;

mod formats;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// The message without the folder's name.
    fn text(&self, error: &TraceError) -> String {
        error.to_string().replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

fn read(path: &Path, options: &Options) -> Result<Vec<Request>, TraceError> {
    TraceReader::open(path, options)?.collect()
}

fn keys(path: &Path) -> Vec<u64> {
    read(path, &Options::default()).unwrap().into_iter().map(|request| request.key).collect()
}

/// What a number becomes where keys are hashed.
fn hash_number(number: u64) -> u64 {
    key::cut(key::hash_number(number))
}

/// What a text becomes.
fn hash_text(text: &[u8]) -> u64 {
    key::cut(key::hash_text(text))
}

fn hashed(numbers: impl IntoIterator<Item = u64>) -> Vec<u64> {
    numbers.into_iter().map(hash_number).collect()
}

fn forced(format: Format) -> Options {
    Options { format: Some(format), ..Options::default() }
}

fn record(time: u32, id: u64, size: u32, next: i64) -> Vec<u8> {
    [&time.to_le_bytes()[..], &id.to_le_bytes(), &size.to_le_bytes(), &next.to_le_bytes()].concat()
}

#[test]
fn plain_keys_are_lines() {
    let folder = Folder::new();
    let path = folder.file("a.txt", "\u{feff}# a comment\n7\r\n\nüser:1\n  7  \nlast");
    assert_eq!(
        keys(&path),
        [hash_number(7), hash_text("üser:1".as_bytes()), hash_number(7), hash_text(b"last")]
    );
    let spaced = folder.file("b.keys", "two words\n");
    assert_eq!(keys(&spaced), [hash_text(b"two words")]);
}

#[test]
fn lis_lines_expand() {
    let folder = Folder::new();
    let path = folder.file("a.lis", "10 3 0 0\n99 0 0 1\n\n5  1\t0 2\n18446744073709551614 2 0 3\n");
    // The last two do not fit.
    let above = hashed([u64::MAX - 1, u64::MAX]);
    assert_eq!(keys(&path), [10, 11, 12, 5, above[0], above[1]]);
    let mut trace = TraceReader::open(&path, &Options::default()).unwrap();
    assert_eq!((trace.by_ref().count(), trace.unordered()), (6, 2));
}

#[test]
fn lirs_skips_checkpoints() {
    let folder = Folder::new();
    let path = folder.file("a.lirs", "1\n*\n2\n*\n");
    assert_eq!(keys(&path), [1, 2]);
}

#[test]
fn oracle_general_keeps_sizes() {
    let folder = Folder::new();
    let path = folder.file("a.oracleGeneral", [record(1, 300, 512, 2), record(1, 400, 0, -1)].concat());
    let requests = read(&path, &Options::default()).unwrap();
    assert_eq!(
        requests,
        [Request { key: hash_number(300), size: 512 }, Request { key: hash_number(400), size: 0 }]
    );
}

#[test]
fn csv_columns_by_default_and_by_name() {
    let folder = Folder::new();
    let path = folder.file("a.csv", "version,Size,LBN,\"who, when\"\r\n1,512,7,\"a,\nb\"\r\n1,,8,c\r\n");
    let requests = read(&path, &Options::default()).unwrap();
    assert_eq!(requests, [Request { key: 7, size: 512 }, Request { key: 8, size: 0 }]);
    let options = Options {
        key_column: Some("who, when".into()),
        size_column: Some("version".into()),
        ..Options::default()
    };
    let requests = read(&path, &options).unwrap();
    assert_eq!(
        requests,
        [Request { key: hash_text(b"a,\nb"), size: 1 }, Request { key: hash_text(b"c"), size: 1 }]
    );
}

#[test]
fn each_format_says_whether_its_keys_keep_their_order() {
    let folder = Folder::new();
    let ordered = |name: &str, content: &str| {
        let trace = TraceReader::open(&folder.file(name, content), &Options::default()).unwrap();
        assert!(!trace.keys().reason.is_empty());
        trace.keys().form == KeyForm::Ordered
    };
    for (name, content) in [
        ("a.lis", "1 2 0 0\n"),
        ("a.lirs", "1\n"),
        ("a.trace", "1\n2\n"),
        ("a.csv", "lbn,size\n1,2\n"),
        ("b.csv", "LBA\n1\n"),
        ("hm.csv", "1,hm,0,Read,512,1,1\n"),
    ] {
        assert!(ordered(name, content), "{name}");
    }
    for (name, content) in [
        ("a.keys", "1\n2\n"),
        ("c.csv", "key,size\n1,2\n"),
        ("d.csv", "obj_id\n1\n"),
        ("e.csv", "0,k,1,1,1,get,0\n"),
        ("a.jsonl", "{\"hash_ids\": [1]}\n"),
        ("a.oracleGeneral", "123456789012345678901234"),
    ] {
        assert!(!ordered(name, content), "{name}");
    }
}

#[test]
fn the_form_of_keys_can_be_forced_and_ids_are_the_same_in_every_form() {
    let folder = Folder::new();
    let lis = folder.file("a.lis", "5 3 0 0\n");
    let plain = folder.file("a.keys", "5\n6\n7\nx\n");
    let options = |form| Options { keys: Some(form), ..Options::default() };
    let read = |path: &Path, form| -> Vec<u64> {
        read(path, &options(form)).unwrap().iter().map(|request| request.key).collect()
    };
    assert_eq!(read(&lis, KeyForm::Hashed), hashed([5, 6, 7]));
    assert_eq!(read(&plain, KeyForm::Ordered), [5, 6, 7, hash_text(b"x")]);
    for form in [KeyForm::Ordered, KeyForm::Hashed] {
        let trace = TraceReader::open(&lis, &options(form)).unwrap().with_ids();
        assert!(trace.map(|request| request.unwrap().key).eq([5, 6, 7].map(key::hash_number)));
    }
}

#[test]
fn content_decides_where_the_name_does_not() {
    let folder = Folder::new();
    let records: Vec<u8> = (0..40).flat_map(|i| record(i, u64::from(i), 8, -1)).collect();
    let cases: [(&str, &[u8], Format); 9] = [
        ("a", b"1 2 0 0\n5 1 0 1\n", Format::Lis),
        ("b", b"1\n2\n", Format::Plain),
        ("b.trace.gz", b"1\n2\n", Format::Lirs),
        ("c", b"1\n*\n2\n", Format::Lirs),
        ("d.txt", b"/etc/passwd\n/etc/hosts\n", Format::Plain),
        ("e.dat", b"time,obj_id,obj_size\n1,2,3\n", Format::Csv),
        ("f.bin", &records, Format::OracleGeneral),
        // The name decides, although the content fits another.
        ("g.keys", b"1 2 0 0\n", Format::Plain),
        ("h.lis.zst", b"1 2 0 0\n", Format::Lis),
    ];
    for (name, content, format) in cases {
        let trace = TraceReader::open(&folder.file(name, content), &Options::default()).unwrap();
        assert_eq!((trace.format(), trace.compression()), (format, Compression::None), "{name}");
    }
}

#[test]
fn compression_is_told_by_content_and_goes_on_after_a_member() {
    let folder = Folder::new();
    let (first, second) = (&b"1\n2\n"[..], &b"3\n"[..]);
    let gz = [gzip(first), gzip(second)].concat();
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"xyz"].concat();
    let frame = |content| zstd::encode_all(content, 3).unwrap();
    let zst = [frame(first), frame(second)].concat();
    let parallel = [skippable, zst.clone()].concat();
    for (name, content, compression) in
        [("a", gz, Compression::Gzip), ("b.gz", zst, Compression::Zstd), ("c", parallel, Compression::Zstd)]
    {
        let path = folder.file(name, content);
        assert_eq!(TraceReader::open(&path, &Options::default()).unwrap().compression(), compression);
        assert_eq!(keys(&path), hashed([1, 2, 3]), "{name}");
    }
}

#[test]
fn batches_and_single_requests_mix() {
    let folder = Folder::new();
    let numbers: String = (0..5000).map(|number| format!("{number}\n")).collect();
    let mut trace = TraceReader::open(&folder.file("a", &numbers), &Options::default()).unwrap();
    let mut requests = vec![trace.next().unwrap().unwrap()];
    assert_eq!(trace.read_batch(&mut requests, 0).unwrap(), 0);
    // The rest of what the iterator read ahead, then on.
    assert_eq!(trace.read_batch(&mut requests, 3000).unwrap(), 3000);
    requests.push(trace.next().unwrap().unwrap());
    while trace.read_batch(&mut requests, 700).unwrap() > 0 {}
    assert_eq!(requests.iter().map(|request| request.key).collect::<Vec<_>>(), hashed(0..5000));
    assert_eq!(trace.delivered(), 5000);
    assert!(trace.next().is_none());
}

#[test]
fn what_precedes_a_fault_is_delivered_and_nothing_after_it() {
    let folder = Folder::new();
    let path = folder.file("a.lirs", "1\n2\nthree\n4\n");
    let expected = "a.lirs: line 3: expected a decimal block number, or `*` for a checkpoint, found \"three\"; \
                    the file was read as lirs: if it is another, name it with `--format`";
    let mut trace = TraceReader::open(&path, &Options::default()).unwrap();
    let mut requests = Vec::new();
    assert_eq!(trace.read_batch(&mut requests, 10).unwrap(), 2);
    assert_eq!(folder.text(&trace.read_batch(&mut requests, 10).unwrap_err()), expected);
    assert_eq!(trace.read_batch(&mut requests, 10).unwrap(), 0);
    let mut trace = TraceReader::open(&path, &Options::default()).unwrap();
    assert_eq!(trace.by_ref().take(2).filter(Result::is_ok).count(), 2);
    assert_eq!(folder.text(&trace.next().unwrap().unwrap_err()), expected);
    assert!(trace.next().is_none());
}

#[test]
fn each_error_says_where_what_and_what_to_do() {
    let folder = Folder::new();
    fs::create_dir(folder.0.path().join("dir")).unwrap();
    let long = "x".repeat(100);
    let cut = [record(1, 2, 3, -1), vec![0; 5]].concat();
    let hint = |format| format!("the file was read as {format}: if it is another, name it with `--format`");
    let lis = "four decimal numbers: start, count (at most 1000000), flags, request id";
    let cases: Vec<(&str, Option<Vec<u8>>, String)> = vec![
        ("none.lis", None, "none.lis: no such file".into()),
        ("dir", None, "dir: is a directory; a trace is one file".into()),
        ("empty", Some(vec![]), "empty: is empty: it holds no request".into()),
        ("empty.gz", Some(gzip(b"")), "empty.gz: is empty: it holds no request".into()),
        ("e.keys", Some(b"# only this\n".into()), "e.keys: is empty: it holds no request (read as plain)".into()),
        ("e.csv", Some(b"key\n".into()), "e.csv: is empty: it holds no request (read as csv)".into()),
        (
            "a.json",
            Some(b"{\"key\": 1}\n".into()),
            "a.json: cannot tell the format of this file, which begins \"{\"key\": 1}\"; name it with \
             `--format`, one of: plain, csv, lis, lirs, oracleGeneral, vscsi, msr, twitter, mooncake, recording"
                .into(),
        ),
        (
            "a.bin",
            Some(b"\x7fELF\0\0\x1b[2J".into()),
            "a.bin: cannot tell the format of this file, which begins \"\\u{7f}ELF\\u{0}\\u{0}\\u{1b}[2J\"; name it with \
             `--format`, one of: plain, csv, lis, lirs, oracleGeneral, vscsi, msr, twitter, mooncake, recording"
                .into(),
        ),
        (
            "a.csv",
            Some(b"when,who\n1,2\n".into()),
            "a.csv: line 1: no key column (looked for key, lbn, obj_id, id, block, lba, path in the header row); \
             the columns are: when, who; choose one with `--key-column`"
                .into(),
        ),
        (
            "b.csv",
            Some(b"key,size\r\n1,2\r\n3,big\r\n".into()),
            format!(
                "b.csv: line 3: expected a row whose size column holds bytes, 0 to 4294967295, found \"3,big\"; {}",
                hint("csv")
            ),
        ),
        (
            "c.csv",
            Some(b"size,key\n1\n".into()),
            format!("c.csv: line 2: expected a row with a value in the key column, found \"1\"; {}", hint("csv")),
        ),
        (
            "d.csv",
            Some(format!("key\n\"{}", "never closed\n".repeat(10_000)).into()),
            format!("d.csv: line 2: longer than 65536 bytes; {}", hint("csv")),
        ),
        (
            "a.lis",
            Some(b"1 4000000000 0 0\n".into()),
            format!("a.lis: line 1: expected {lis}, found \"1 4000000000 0 0\"; {}", hint("lis")),
        ),
        (
            "b.lis",
            Some(format!("1 1 0 0\n{long}\n").into()),
            format!("b.lis: line 2: expected {lis}, found \"{}…\"; {}", &long[..40], hint("lis")),
        ),
        (
            "c.lis",
            Some(b"18446744073709551615 2 0 0\n".into()),
            format!("c.lis: line 1: expected {lis}, found \"18446744073709551615 2 0 0\"; {}", hint("lis")),
        ),
        (
            "c.keys",
            Some("y".repeat(70_000).into()),
            format!("c.keys: line 1: longer than 65536 bytes; {}", hint("plain")),
        ),
        (
            "a.oracleGeneral",
            Some(cut),
            "a.oracleGeneral: record 2: the file ends after 5 of the record's 24 bytes; it was cut short, or it is \
             not oracleGeneral: name its format with `--format`"
                .into(),
        ),
    ];
    for (name, content, expected) in cases {
        let path = folder.0.path().join(name);
        if let Some(content) = content {
            fs::write(&path, content).unwrap();
        }
        assert_eq!(folder.text(&read(&path, &Options::default()).unwrap_err()), expected);
    }
    let path = folder.file("named.csv", "a,b\n");
    let options =
        Options { size_column: Some("c".into()), key_column: Some("a".into()), ..Options::default() };
    assert_eq!(
        folder.text(&read(&path, &options).unwrap_err()),
        "named.csv: line 1: no column \"c\"; the columns are: a, b; choose one with `--size-column`"
    );
}

#[test]
fn damaged_compression_is_a_read_error_after_what_was_good() {
    let folder = Folder::new();
    let numbers: String = (0..200_000u64).map(|number| format!("{}\n", hash_number(number))).collect();
    for (name, mut content) in
        [("a.gz", gzip(numbers.as_bytes())), ("a.zst", zstd::encode_all(numbers.as_bytes(), 1).unwrap())]
    {
        content.truncate(content.len() / 2);
        let path = folder.file(name, content);
        let mut trace = TraceReader::open(&path, &Options::default()).unwrap();
        let error = trace.by_ref().find_map(Result::err).unwrap();
        assert!(
            matches!(error, TraceError::Read { position: Position::Line(line), .. } if line > 1000),
            "{error}"
        );
        assert!(trace.delivered() > 1000);
        let kind = &name[2..].replace("zst", "zstd").replace("gz", "gzip");
        assert!(folder.text(&error).contains(&format!("reading {kind} data failed")), "{error}");
    }
}

#[test]
fn a_bomb_of_one_endless_line_is_refused() {
    let folder = Folder::new();
    // 256 MiB of one letter in some 30 KiB; reading stops in the first 64 KiB of it.
    let mut writer = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    let block = vec![b'a'; 1 << 20];
    for _ in 0..256 {
        writer.write_all(&block).unwrap();
    }
    let path = folder.file("bomb.keys", writer.finish().unwrap());
    assert!(matches!(
        read(&path, &Options::default()),
        Err(TraceError::TooLong { position: Position::Line(1), .. })
    ));
    let lis = folder.file("count.lis", format!("0 {MAX_COUNT} 0 0\n").repeat(1000));
    // A thousand million requests are announced; taking three costs three.
    assert_eq!(TraceReader::open(&lis, &Options::default()).unwrap().take(3).count(), 3);
}

#[cfg(unix)]
#[test]
fn an_unreadable_file_says_why() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let path = folder.file("secret.lis", "1 1 0 0\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&path).is_ok() {
        eprintln!("SKIPPED: this user may read everything");
        return;
    }
    let error = read(&path, &Options::default()).unwrap_err();
    assert!(folder.text(&error).starts_with("secret.lis: cannot be opened: "), "{error}");
}

#[test]
fn a_forced_format_wins() {
    let folder = Folder::new();
    let path = folder.file("a.lis", "1 1 0 0\n");
    assert_eq!(read(&path, &forced(Format::Plain)).unwrap()[0].key, hash_text(b"1 1 0 0"));
}

#[test]
fn format_names_round_trip() {
    for format in Format::ALL {
        assert_eq!(format.to_string().parse(), Ok(format));
        assert_eq!(format.name().to_uppercase().parse(), Ok(format));
    }
    assert_eq!(
        "xml".parse::<Format>().unwrap_err().to_string(),
        "unknown trace format \"xml\"; the formats are: plain, csv, lis, lirs, oracleGeneral, vscsi, msr, twitter, mooncake, recording"
    );
}

#[test]
fn no_bytes_whatever_bring_a_reader_down() {
    use rand::RngExt as _;
    let folder = Folder::new();
    let mut random = rand_pcg::Pcg64::new(1, 2);
    let alphabets: [&[u8]; 3] = [b"0123456789 \n", b"key,\"\n\r1*#", b"\0\x01\xff\x1f\x8b\n"];
    let (mut read_whole, mut refused) = (0, 0);
    for round in 0..600 {
        let alphabet = alphabets[round % 3];
        let length = random.random_range(0..200);
        let content: Vec<u8> =
            (0..length).map(|_| alphabet[random.random_range(0..alphabet.len())]).collect();
        let path = folder.file("a", &content);
        for format in Format::ALL.into_iter().map(Some).chain([None]) {
            match read(&path, &Options { format, ..Options::default() }) {
                Ok(requests) => {
                    assert!(!requests.is_empty());
                    read_whole += 1;
                }
                Err(error) => {
                    let text = folder.text(&error);
                    assert!(text.starts_with("a: ") && !text.contains(char::is_control), "{text:?}");
                    refused += 1;
                }
            }
        }
    }
    assert!(read_whole > 100 && refused > 100, "{read_whole} read, {refused} refused");
}

#[test]
fn a_reader_may_move_to_another_thread() {
    let folder = Folder::new();
    let trace = TraceReader::open(&folder.file("a", "1\n2\n"), &Options::default()).unwrap();
    assert_eq!(std::thread::spawn(move || trace.count()).join().unwrap(), 2);
}
