//! Requests of clients of Redis, as the server meets them.

use redis_protocol::resp2::decode::decode_range;
use redis_protocol::resp2::types::RangeFrame;

use crate::resp::request::{Limits, Parsed, Parser, ProtocolError};

/// Small, so that they are met; but for lines, of which pieces find no end where the whole does.
const LIMITS: Limits = Limits { arguments: 64, bulk: 1 << 10, line: 64 << 10 };

type Requests = Vec<Vec<Vec<u8>>>;

/// Reads the bytes in one piece, and in pieces whose sizes the first byte says. Both must find the same requests and the same
/// error, arguments must lie within the bytes, and a request that another decoder takes for one must be the same.
pub fn read(bytes: &[u8]) {
    let Some((&step, bytes)) = bytes.split_first() else { return };
    let (whole, error) = requests(bytes, bytes.len().max(1));
    let (pieces, error_of_pieces) = requests(bytes, usize::from(step % 16) + 1);
    assert_eq!((&whole, error), (&pieces, error_of_pieces));
    if let (Some(first), Some(theirs)) = (whole.first(), theirs(bytes))
        && bytes.first() == Some(&b'*')
    {
        assert_eq!(*first, theirs);
    }
}

/// The requests that come before an error, and the error.
fn requests(bytes: &[u8], step: usize) -> (Requests, Option<ProtocolError>) {
    let (mut parser, mut found) = (Parser::default(), Requests::new());
    let (mut begin, mut end) = (0, 0);
    loop {
        let buffer = &bytes[begin..end];
        match parser.parse(buffer, LIMITS) {
            Ok(Parsed::Whole(length)) => {
                found.push(parser.places().iter().map(|place| buffer[place.clone()].to_vec()).collect());
                begin += length;
            }
            Ok(Parsed::Words(length, words)) => {
                found.push(words);
                begin += length;
            }
            Ok(Parsed::Part(missing)) => {
                assert!(missing > 0);
                if end == bytes.len() {
                    return (found, None);
                }
                end = (end + step).min(bytes.len());
            }
            Err(error) => return (found, Some(error)),
        }
    }
}

fn theirs(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (RangeFrame::Array(frames), _) = decode_range(bytes).ok()?? else { return None };
    let argument = |frame| match frame {
        RangeFrame::BulkString((from, to)) => bytes.get(from..to).map(<[u8]>::to_vec),
        _ => None,
    };
    frames.into_iter().map(argument).collect()
}
