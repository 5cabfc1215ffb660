//! Clients that ask at a given rate, and what their replies take: `paced PORT get|set RATE SECONDS`.
//!
//! 50 connections, 100,000 keys, values of 128 bytes, as redis-benchmark has them. That one goes as fast as it can, so that its latencies are those
//! of a queue. Here a request is due at its time, whether the one before it was answered or not, and its latency counts from then. One
//! thread, which never sleeps. Prints requests a second, and the median, 99th and 99.9th percentile in microseconds.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement: a panic is a failure"
)]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use host_contract::split_mix::mix;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::LocalSet;

const CONNECTIONS: usize = 50;
const KEYS: u64 = 100_000;

/// Requests that are due.
struct Due {
    /// When each was due, and its number.
    times: RefCell<VecDeque<(Instant, u64)>>,
    waiting: Semaphore,
    latencies: RefCell<Histogram<u64>>,
}

fn request(sets: bool, number: u64) -> String {
    let key = format!("key:{:012}", mix(number) % KEYS);
    if sets {
        format!("*3\r\n$3\r\nSET\r\n$16\r\n{key}\r\n$128\r\n{}\r\n", "x".repeat(128))
    } else {
        format!("*2\r\n$3\r\nGET\r\n$16\r\n{key}\r\n")
    }
}

/// Bytes of a whole reply that begins so; none where that is not known yet.
fn length(reply: &[u8]) -> Option<usize> {
    let line = reply.iter().position(|byte| *byte == b'\n')? + 1;
    let first = reply.get(1..line - 2)?;
    match reply.first()? {
        b'$' => {
            let bytes: i64 = std::str::from_utf8(first).unwrap().parse().unwrap();
            Some(line + usize::try_from(bytes).map_or(0, |bytes| bytes + 2))
        }
        b'+' => Some(line),
        other => panic!("no such reply is expected: {}", char::from(*other)),
    }
}

async fn ask(port: u16, sets: bool, due: Rc<Due>) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut reply = vec![0; 4_096];
    loop {
        due.waiting.acquire().await.unwrap().forget();
        let (since, number) = due.times.borrow_mut().pop_front().unwrap();
        stream.write_all(request(sets, number).as_bytes()).await.unwrap();
        let mut read = 0;
        while length(&reply[..read]).is_none_or(|whole| read < whole) {
            let more = stream.read(&mut reply[read..]).await.unwrap();
            assert!(more > 0, "the server ended the connection");
            read += more;
        }
        let took = u64::try_from(since.elapsed().as_nanos()).unwrap();
        due.latencies.borrow_mut().saturating_record(took);
    }
}

async fn run(port: u16, sets: bool, rate: f64, time: Duration) {
    let due = Rc::new(Due {
        times: RefCell::default(),
        waiting: Semaphore::new(0),
        latencies: RefCell::new(Histogram::new_with_bounds(1, 60_000_000_000, 3).unwrap()),
    });
    for _ in 0..CONNECTIONS {
        tokio::task::spawn_local(ask(port, sets, Rc::clone(&due)));
    }
    let (began, every) = (Instant::now(), Duration::from_secs_f64(1.0 / rate));
    let (mut next, mut number) = (began + every, 0);
    while began.elapsed() < time {
        while next <= Instant::now() {
            due.times.borrow_mut().push_back((next, number));
            due.waiting.add_permits(1);
            (next, number) = (next + every, number + 1);
        }
        tokio::task::yield_now().await;
    }
    let latencies = due.latencies.borrow();
    let at = |quantile| latencies.value_at_quantile(quantile) / 1_000;
    let answered = f64::from(u32::try_from(latencies.len()).unwrap());
    println!("{:.0} {} {} {}", answered / began.elapsed().as_secs_f64(), at(0.5), at(0.99), at(0.999));
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, test, rate, seconds] = arguments.as_slice() else {
        panic!("expected: paced PORT get|set RATE SECONDS");
    };
    let (rate, seconds): (f64, u64) = (rate.parse().unwrap(), seconds.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let all = run(port.parse().unwrap(), test == "set", rate, Duration::from_secs(seconds));
    LocalSet::new().block_on(&runtime, all);
}
