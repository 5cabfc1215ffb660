//! What is written is what is read again.

use std::path::Path;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;
use crate::trace::{NextAccess, Options, RawBatch, RawReader, Request, TraceReader};

/// A file in memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn written(format: Format, compression: Compression, batch: &RawBatch) -> Vec<u8> {
    let mut next = NextAccess::default();
    batch.requests().iter().for_each(|request| next.push(request.key));
    let memory = Memory::default();
    let mut writer = TraceWriter::new(format, compression, memory.clone()).unwrap();
    for (request, key) in batch.iter() {
        writer.write(key, request.size, next.of(writer.written())).unwrap();
    }
    writer.finish().unwrap();
    std::mem::take(&mut memory.0.lock().unwrap())
}

fn read(path: &Path, format: Format) -> Vec<Request> {
    let options = Options { format: Some(format), ..Options::default() };
    TraceReader::open(path, &options).unwrap().with_ids().collect::<Result<_, _>>().unwrap()
}

fn batch(keys: &[RawKey<'_>]) -> RawBatch {
    let mut batch = RawBatch::default();
    for (size, key) in (0..).zip(keys) {
        batch.push(*key, size);
    }
    batch
}

#[test]
fn each_format_looks_as_it_should() {
    use RawKey::{Number, Text};
    let batch =
        batch(&[Number(7), Number(8), Text(b"a, b"), Number(9), Number(8), Number(u64::MAX), Number(0)]);
    let text = |format| String::from_utf8(written(format, Compression::None, &batch)).unwrap();
    let stands_for_it = Text(b"a, b").as_number();
    assert_eq!(text(Format::Plain), "7\n8\na, b\n9\n8\n18446744073709551615\n0\n");
    assert_eq!(text(Format::Csv), "key,size\n7,\n8,1\n\"a, b\",2\n9,3\n8,4\n18446744073709551615,5\n0,6\n");
    assert_eq!(text(Format::Lirs), format!("7\n8\n{stands_for_it}\n9\n8\n18446744073709551615\n0\n"));
    assert_eq!(
        text(Format::Lis),
        format!("7 2 0 0\n{stands_for_it} 1 0 1\n9 1 0 2\n8 1 0 3\n18446744073709551615 1 0 4\n0 1 0 5\n")
    );
    let records = written(Format::OracleGeneral, Compression::None, &batch);
    let (records, rest) = records.as_chunks::<24>();
    assert_eq!((records.len(), rest.len()), (7, 0));
    // Number 8 of request 1 comes again as request 4, the fifth.
    assert_eq!(records[1], [1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(records[4][16..], [255; 8]);
    // The first request has no size.
    assert_eq!(records[0][12..16], 1_u32.to_le_bytes());
}

#[test]
fn what_a_line_cannot_hold_is_written_as_a_number_with_the_same_hash() {
    let long = vec![b'x'; MAX_LINE_BYTES];
    let odd: [&[u8]; 6] = [b"#no comment", b"two\nlines", b"\xef\xbb\xbfmark", b"\xff\xfe", b"*", &long];
    let batch = batch(&odd.map(RawKey::Text));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    for format in Format::WRITABLE {
        std::fs::write(&path, written(format, Compression::None, &batch)).unwrap();
        let keys: Vec<u64> = read(&path, format).iter().map(|request| request.key).collect();
        assert!(batch.requests().iter().map(|request| request.key).eq(keys), "{format}");
    }
}

#[test]
fn runs_of_a_lis_trace_are_no_longer_than_a_reader_takes() {
    let memory = Memory::default();
    let mut writer = TraceWriter::new(Format::Lis, Compression::None, memory.clone()).unwrap();
    for block in 5..5 + MAX_COUNT + 2 {
        writer.write(RawKey::Number(block), 0, None).unwrap();
    }
    writer.finish().unwrap();
    let text = String::from_utf8(memory.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text, "5 1000000 0 0\n1000005 2 0 1\n");
}

#[test]
fn a_format_that_is_only_read_says_so() {
    let error = TraceWriter::new(Format::Msr, Compression::None, Vec::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "msr is only read; the formats that can be written are: plain, csv, lis, lirs, oracleGeneral"
    );
}

#[test]
fn a_full_disk_is_an_error() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        for format in Format::WRITABLE {
            let mut writer = TraceWriter::new(format, compression, Full).unwrap();
            writer.write(RawKey::Number(1), 0, None).unwrap();
            assert_eq!(
                writer.finish().unwrap_err().kind(),
                io::ErrorKind::StorageFull,
                "{format} {compression}"
            );
        }
    }
}

/// A key as some reader might hand it on.
fn key() -> impl Strategy<Value = Result<u64, Vec<u8>>> {
    let text = prop::collection::vec(prop::sample::select(b"ab,\"\n #*0\xff\xef\r;".to_vec()), 1..8)
        .prop_map(|text| text.trim_ascii().to_vec())
        .prop_filter("texts are not empty and no numbers", |text| {
            !text.is_empty() && crate::key::canonical_number(text).is_none()
        });
    prop_oneof![(0_u64..50).prop_map(Ok), any::<u64>().prop_map(Ok), text.prop_map(Err)]
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(
        requests in prop::collection::vec((key(), any::<u32>()), 1..200),
        format in prop::sample::select(Format::WRITABLE.to_vec()),
        compression in prop::sample::select(vec![Compression::None, Compression::Gzip, Compression::Zstd]),
    ) {
        let mut batch = RawBatch::default();
        for (key, size) in &requests {
            batch.push(match key { Ok(number) => RawKey::Number(*number), Err(text) => RawKey::Text(text) }, *size);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, written(format, compression, &batch)).unwrap();
        let sizes = matches!(format, Format::Csv | Format::OracleGeneral);
        let expected: Vec<Request> = batch
            .requests()
            .iter()
            .map(|&request| {
                let least = u32::from(format == Format::OracleGeneral);
                Request { size: if sizes { request.size.max(least) } else { 0 }, ..request }
            })
            .collect();
        let found = read(&path, format);
        prop_assert_eq!(&found, &expected);

        // And the keys, where the format holds texts: a second writing changes nothing.
        let options = Options { format: Some(format), ..Options::default() };
        let mut again = RawBatch::default();
        let count = RawReader::open(&path, &options).unwrap().read_batch(&mut again, 1000).unwrap();
        prop_assert_eq!(count, requests.len());
        let (first, second) = (written(format, Compression::None, &batch), written(format, Compression::None, &again));
        prop_assert_eq!(first, second);
    }
}
