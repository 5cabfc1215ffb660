//! Requests whose replies are checked, and connections to send anything by.

use std::collections::HashMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Longer than anything takes: what waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Clients of a load, each with keys of its own.
const CLIENTS: u64 = 4;

/// Keys of each.
const KEYS: u64 = 500;

/// Requests that are sent at once.
const BATCH: u64 = 20;

/// What became of the requests of a load.
#[derive(Debug, Default, Clone)]
pub(crate) struct Counts {
    /// Replies that were whole.
    pub(crate) answered: u64,
    /// Requests that were answered with an error, or not at all while the server served.
    pub(crate) failed: u64,
    /// Replies that are not what was stored, or that ended in the middle.
    pub(crate) wrong: u64,
    /// The first of those, in words.
    pub(crate) first: Option<String>,
}

impl Counts {
    fn note(&mut self, what: String) {
        self.first.get_or_insert(what);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.answered += other.answered;
        self.failed += other.failed;
        self.wrong += other.wrong;
        self.first = self.first.take().or_else(|| other.first.clone());
    }
}

/// A load that runs until it is ended.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Counts>>,
}

impl Load {
    /// `ends`: the server may end the connections; what it has answered until then must be whole and right all the same.
    pub(crate) fn start(address: &str, ends: bool) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let clients = (0..CLIENTS).map(|client| {
            let (address, stop) = (address.to_owned(), Arc::clone(&stop));
            std::thread::spawn(move || one(&address, client, &stop, ends))
        });
        Self { clients: clients.collect(), stop }
    }

    pub(crate) fn end(self) -> Counts {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Counts::default();
        self.clients.into_iter().for_each(|client| all.add(&client.join().unwrap()));
        all
    }
}

/// One client: it stores and reads, and knows what it stored last.
fn one(address: &str, client: u64, stop: &AtomicBool, ends: bool) -> Counts {
    let (mut counts, mut stored) = (Counts::default(), HashMap::<u64, String>::new());
    let mut connection = Connection::new(address);
    let mut step = 0;
    while !stop.load(Ordering::Relaxed) {
        let (mut text, mut expected) = (String::new(), Vec::new());
        for _ in 0..BATCH {
            step += 1;
            let key = step * 7 % KEYS;
            if step % 3 == 0 {
                // Of other lengths each time, so that parts of two values would be seen.
                let value =
                    format!("{client}:{key}:{step}:{}", "v".repeat(usize::try_from(step % 700).unwrap()));
                text.push_str(&format!("SET load:{client}:{key} {value}\r\n"));
                stored.insert(key, value);
                expected.push(None);
            } else {
                text.push_str(&format!("GET load:{client}:{key}\r\n"));
                expected.push(Some((key, stored.get(&key).cloned())));
            }
        }
        let sent = connection.stream.write_all(text.as_bytes());
        for expected in &expected {
            let reply = sent.as_ref().map_or(Reply::Closed { part: false }, |()| connection.reply());
            match (reply, expected) {
                (Reply::Line(line), None) if line == "+OK" => counts.answered += 1,
                // It is a cache: what was stored may be gone, and nothing else may be there.
                (Reply::Nothing, Some(_)) => counts.answered += 1,
                (Reply::Text(text), Some((_, Some(value)))) if text == value.as_bytes() => {
                    counts.answered += 1
                }
                (Reply::Line(line), _) if line.starts_with('-') => {
                    counts.failed += 1;
                    counts.note(line);
                }
                (Reply::Closed { part: false }, _) if ends => return counts,
                (Reply::Closed { part }, _) => {
                    counts.failed += u64::from(!part);
                    counts.wrong += u64::from(part);
                    counts.note(format!("the connection ended, in the middle of a reply: {part}"));
                    return counts;
                }
                (other, expected) => {
                    counts.wrong += 1;
                    counts.note(format!("{other:?}, and {expected:?} was stored"));
                }
            }
        }
    }
    counts
}

/// A reply.
#[derive(Debug)]
pub(crate) enum Reply {
    /// A status, an error or a number, with its first byte.
    Line(String),
    Text(Vec<u8>),
    Nothing,
    /// The connection has ended, in the middle of a reply or not.
    Closed {
        part: bool,
    },
}

/// A connection.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    pub(crate) fn new(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, read: Vec::new() }
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// The reply to a line.
    pub(crate) fn ask(&mut self, line: &str) -> Reply {
        self.send(&format!("{line}\r\n"));
        self.reply()
    }

    pub(crate) fn reply(&mut self) -> Reply {
        loop {
            if let Some((reply, length)) = first(&self.read) {
                self.read.drain(..length);
                return reply;
            }
            let mut buffer = [0; 64 << 10];
            match self.stream.read(&mut buffer) {
                Ok(read) if read > 0 => self.read.extend_from_slice(&buffer[..read]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Reply::Line(format!("-no reply within {} s", PATIENCE.as_secs()));
                }
                Ok(_) | Err(_) => return Reply::Closed { part: !self.read.is_empty() },
            }
        }
    }
}

/// The reply that these bytes begin with, and its length.
fn first(bytes: &[u8]) -> Option<(Reply, usize)> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let line = String::from_utf8_lossy(&bytes[..end]).into_owned();
    match line.strip_prefix('$') {
        None => Some((Reply::Line(line), end + 2)),
        Some("-1") => Some((Reply::Nothing, end + 2)),
        Some(length) => {
            let (begin, length) = (end + 2, length.parse::<usize>().unwrap());
            let text = bytes.get(begin..begin + length + 2)?;
            Some((Reply::Text(text[..length].to_vec()), begin + length + 2))
        }
    }
}
