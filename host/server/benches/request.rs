//! What it takes to read requests, beside redis-protocol: `cargo bench -p host-server --bench request`.
//!
//! Both find where arguments lie, and copy none.

#![expect(clippy::unwrap_used, reason = "a measurement: a panic is a failure")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use host_server::resp::request::{Limits, Parsed, Parser};
use redis_protocol::resp2::decode::decode_range;

/// Requests that come together.
const PIPELINED: u64 = 16;

fn pipelined(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n", word.len()).into_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.repeat(usize::try_from(PIPELINED).unwrap())
}

fn ours(mut bytes: &[u8]) -> usize {
    let (mut parser, mut arguments) = (Parser::default(), 0);
    while let Ok(Parsed::Whole(length)) = parser.parse(bytes, Limits::REDIS) {
        arguments += black_box(parser.places()).len();
        bytes = bytes.get(length..).unwrap_or_default();
    }
    arguments
}

fn theirs(mut bytes: &[u8]) -> usize {
    let mut arguments = 0;
    while let Ok(Some((redis_protocol::resp2::types::RangeFrame::Array(frames), length))) =
        decode_range(bytes)
    {
        arguments += black_box(&frames).len();
        bytes = bytes.get(length..).unwrap_or_default();
    }
    arguments
}

fn requests(criterion: &mut Criterion) {
    let value = [b'x'; 128];
    for (name, words) in [
        ("GET", &[&b"GET"[..], b"key:000000012345"][..]),
        ("SET of 128 bytes", &[b"SET", b"key:000000012345", &value]),
    ] {
        let bytes = pipelined(words);
        assert_eq!(ours(&bytes), theirs(&bytes));
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(PIPELINED));
        group.bench_function("host", |bencher| bencher.iter(|| ours(black_box(&bytes))));
        group.bench_function("redis-protocol", |bencher| bencher.iter(|| theirs(black_box(&bytes))));
        group.finish();
    }
}

criterion_group!(benches, requests);
criterion_main!(benches);
