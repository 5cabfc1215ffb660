//! The parser of requests beside a decoder of others.

#![expect(clippy::indexing_slicing, reason = "a test: a panic is a failure")]

use host_server::resp::request::{Limits, Parsed, Parser};
use proptest::prelude::*;
use redis_protocol::resp2::decode::decode_range;
use redis_protocol::resp2::types::RangeFrame;

/// The first request as the other one reads it: its arguments and its length; none where it is not whole, an error where
/// it is no array of strings.
type Read = Result<Option<(Vec<Vec<u8>>, usize)>, ()>;

fn theirs(bytes: &[u8]) -> Read {
    let Some((frame, length)) = decode_range(bytes).map_err(drop)? else { return Ok(None) };
    let RangeFrame::Array(frames) = frame else { return Err(()) };
    let argument = |frame| match frame {
        RangeFrame::BulkString((from, to)) => Ok(bytes[from..to].to_vec()),
        _ => Err(()),
    };
    Ok(Some((frames.into_iter().map(argument).collect::<Result<_, _>>()?, length)))
}

fn ours(bytes: &[u8]) -> Read {
    let mut parser = Parser::default();
    match parser.parse(bytes, Limits::REDIS).map_err(drop)? {
        Parsed::Whole(length) => {
            Ok(Some((parser.places().iter().map(|place| bytes[place.clone()].to_vec()).collect(), length)))
        }
        Parsed::Words(..) => Err(()),
        Parsed::Part(_) => Ok(None),
    }
}

fn encode(request: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", request.len()).into_bytes();
    for argument in request {
        bytes.extend(format!("${}\r\n", argument.len()).into_bytes());
        bytes.extend_from_slice(argument);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

fn requests() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..10)
}

proptest! {
    #[test]
    fn both_read_the_same_requests(first in requests(), second in requests()) {
        let bytes = [encode(&first), encode(&second)].concat();
        let (read, length) = ours(&bytes).unwrap().unwrap();
        prop_assert_eq!(theirs(&bytes), Ok(Some((read.clone(), length))));
        prop_assert_eq!(read, first);
        prop_assert_eq!(ours(&bytes[length..]), theirs(&bytes[length..]));
    }

    #[test]
    fn neither_takes_a_part_for_a_request(request in requests(), cut in any::<prop::sample::Index>()) {
        let bytes = encode(&request);
        let part = &bytes[..cut.index(bytes.len())];
        prop_assert_eq!(ours(part), Ok(None));
        prop_assert_eq!(theirs(part), Ok(None));
    }

    /// Whatever a byte more or less makes of a request: what both take for one, they read alike.
    #[test]
    fn what_both_take_for_a_request_they_read_alike(
        request in requests(),
        at in any::<prop::sample::Index>(),
        byte in prop::sample::select(b"*$-0123456789\r\nx".to_vec()),
    ) {
        let mut bytes = encode(&request);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let (Ok(Some(ours)), Ok(Some(theirs))) = (ours(&bytes), theirs(&bytes)) {
            prop_assert_eq!(ours, theirs);
        }
    }
}
