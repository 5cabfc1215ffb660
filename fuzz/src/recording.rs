//! Recordings: a reader delivers whole blocks, or says on one line why it delivers none, and ends.

use std::path::Path;

use host_workload::recording::{MAGIC, MOST_REQUESTS, Piece, Reader, RecordingError, Totals, Writer};
use host_workload::trace::Format;

/// Reads bytes as a recording, as they are and after a header that is whole.
pub fn read(bytes: &[u8]) {
    pieces(bytes);
    let begun = Writer::new(Vec::new(), &Default::default()).expect("memory takes it");
    let whole = begun.finish(Totals::default()).expect("memory takes it");
    // The last block: a head of 17 bytes, and what is compressed.
    let length = u32::from_le_bytes([whole[12], whole[13], whole[14], whole[15]]) as usize;
    let header = &whole[..MAGIC.len() + 12 + length];
    pieces(&[header, bytes].concat());
    crate::trace::read(Some(Format::Recording), &[header, bytes].concat());
}

fn pieces(bytes: &[u8]) {
    let mut reader = match Reader::new(Path::new("fuzzed"), bytes) {
        Ok(reader) => reader,
        Err(error) => return check(&error),
    };
    // One that counts requests gives as many blocks or more: it does not see what is wrong within those of requests.
    let mut counting = Reader::new(Path::new("fuzzed"), bytes).expect("the same bytes").counting();
    let mut blocks = 0;
    loop {
        match reader.piece() {
            Ok(Some(Piece::Requests(requests))) => {
                assert!(requests.len() <= MOST_REQUESTS);
                let counted = counting.piece().expect("memory is read");
                assert_eq!(counted, Some(Piece::Counted(requests.len() as u32)));
            }
            Ok(Some(piece)) => assert_eq!(counting.piece().expect("memory is read"), Some(piece)),
            Ok(None) => break,
            Err(error) => return check(&error),
        }
        blocks += 1;
    }
    if let Some(cut) = reader.cut() {
        assert!(cut.blocks == blocks && cut.offset <= bytes.len() as u64);
    }
    assert!(matches!(reader.piece(), Ok(None)), "nothing follows");
}

/// An error is one line that no terminal obeys.
fn check(error: &RecordingError) {
    let text = error.to_string();
    assert!(text.starts_with("fuzzed: ") && !text.contains(char::is_control), "{text:?}");
}
