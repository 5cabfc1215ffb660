//! Traces: a reader delivers requests or a fault on one line, and ends.

use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use host_workload::analysis::Analysis;
use host_workload::key;
pub use host_workload::trace::Format;
use host_workload::trace::{
    Compression, NextAccess, Options, RawBatch, RawKey, RawReader, TraceError, TraceReader, TraceWriter,
};

/// Requests that are read: a few bytes of a `.lis` stand for a million.
const MOST: usize = 20_000;

/// Requests of a batch; small, so that batches end at every place.
const BATCH: usize = 61;

fn options(format: Option<Format>) -> Options {
    Options { format, ..Options::default() }
}

/// Reads bytes as a trace.
pub fn read(format: Option<Format>, bytes: &[u8]) {
    let opened = TraceReader::from_reader(Path::new("fuzzed"), Cursor::new(bytes.to_vec()), &options(format));
    let mut trace = match opened {
        Ok(trace) => trace,
        Err(error) => return check(&error),
    };
    let (mut requests, mut delivered) = (Vec::new(), 0);
    while delivered < MOST {
        requests.clear();
        match trace.read_batch(&mut requests, BATCH) {
            Ok(count) => {
                assert!(count <= BATCH && requests.len() == count);
                assert!(requests.iter().all(|request| request.key <= key::MAX));
                delivered += count;
                if count == 0 {
                    break;
                }
            }
            Err(error) => {
                check(&error);
                break;
            }
        }
    }
    if delivered < MOST {
        // After its end or a fault there is nothing.
        assert!(matches!(trace.read_batch(&mut requests, BATCH), Ok(0)));
    }
    assert_eq!(trace.delivered(), delivered as u64);
}

/// An error is one line that no terminal obeys.
fn check(error: &TraceError) {
    let text = error.to_string();
    assert!(text.starts_with("fuzzed: ") && !text.contains(char::is_control), "{text:?}");
    assert!(text.len() < 20_000, "{} bytes", text.len());
}

/// Reads bytes as a trace, writes it in every format, and reads it again.
pub fn convert(bytes: &[u8]) {
    let Some((&first, bytes)) = bytes.split_first() else { return };
    let format = Format::ALL[usize::from(first) % Format::ALL.len()];
    let Some(batch) = raw(format, bytes) else { return };
    let mut analysis = Analysis::default();
    analysis.add(&batch).unwrap();
    assert_eq!(analysis.finish().requests, batch.requests().len() as u64);
    for format in Format::WRITABLE {
        let written = write(format, &batch);
        let again = raw(format, &written).expect("what was written can be read");
        let ids = |batch: &RawBatch| batch.requests().iter().map(|request| request.key).collect::<Vec<_>>();
        assert_eq!(ids(&again), ids(&batch), "{format}");
        let numbers = |batch: &RawBatch| batch.iter().map(|(_, key)| key.as_number()).collect::<Vec<_>>();
        assert_eq!(numbers(&again), numbers(&batch), "{format}");
        assert!(again.iter().all(|(_, key)| !matches!(key, RawKey::Text(b""))));
    }
}

/// The requests before the first fault; none where there are none.
fn raw(format: Format, bytes: &[u8]) -> Option<RawBatch> {
    let input = Cursor::new(bytes.to_vec());
    let mut reader = RawReader::from_reader(Path::new("fuzzed"), input, &options(Some(format))).ok()?;
    let mut batch = RawBatch::default();
    let count = reader.read_batch(&mut batch, 1000).ok()?;
    (count > 0).then_some(batch)
}

fn write(format: Format, batch: &RawBatch) -> Vec<u8> {
    let mut next = NextAccess::default();
    batch.requests().iter().for_each(|request| next.push(request.key));
    let memory = Memory::default();
    let mut writer = TraceWriter::new(format, Compression::None, memory.clone()).unwrap();
    for (request, key) in batch.iter() {
        writer.write(key, request.size, next.of(writer.written())).unwrap();
    }
    writer.finish().unwrap();
    std::mem::take(&mut memory.0.lock().unwrap())
}

/// A file in memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
