//! A server with a host of its own, and connections to it.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use host_profile::Loader;
use host_runtime::{Host, Options};
use host_server::{Config, Server};
use host_telemetry::Machine;

/// Longer than anything takes: a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Running {
    server: Option<Server>,
    address: SocketAddr,
}

/// A server under the profile `small`, on a free port.
pub(crate) fn start(config: Config) -> Running {
    let machine = Machine::read(Path::new("."));
    let settings = Loader::new().profile("small").user_file(None).load(&machine).unwrap();
    let host = Arc::new(Host::start(Options::new(settings.clone())).unwrap());
    let config = Config { resp: Some("127.0.0.1:0".to_owned()), threads: 2, ..config };
    let server = Server::start(host, settings, config, 1).unwrap();
    let address = server.address().unwrap();
    Running { server: Some(server), address }
}

pub(crate) fn connect(address: SocketAddr) -> Connection {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    Connection { stream, read: Vec::new() }
}

impl Running {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn connect(&self) -> Connection {
        connect(self.address)
    }

    /// Connections that the server has, once there are so many.
    pub(crate) fn wait_for_clients(&self, clients: usize) {
        while self.server.as_ref().unwrap().clients() != clients {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub(crate) fn shut_down(mut self) -> usize {
        self.server.take().unwrap().shut_down(PATIENCE)
    }
}

/// A connection, whose replies are told in the form of `redis-cli --no-raw`, in short: `OK`, `(nil)`, `1`, `"text"`, `[a, b]`.
pub(crate) struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends some of the bytes, and says whether the server took them at once.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.set_nonblocking(true).unwrap();
        let sent = self.stream.write(bytes);
        self.stream.set_nonblocking(false).unwrap();
        match sent {
            Ok(_) => true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// Sends a command whose words have no spaces.
    pub(crate) fn send_words(&mut self, words: &str) {
        let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
        self.send(&request(&words));
    }

    /// Sends a command whose words have no spaces, and reads its reply.
    pub(crate) fn ask(&mut self, words: &str) -> String {
        self.send_words(words);
        self.reply()
    }

    /// The next reply. `closed` where the connection has ended.
    pub(crate) fn reply(&mut self) -> String {
        loop {
            if let Some((reply, length)) = told(&self.read) {
                self.read.drain(..length);
                return reply;
            }
            if !self.more() {
                return "closed".to_owned();
            }
        }
    }

    /// The bytes that have come until there are so many.
    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        while self.read.len() < len && self.more() {}
        let len = len.min(self.read.len());
        self.read.drain(..len).collect()
    }

    /// Whether nothing comes any more.
    pub(crate) fn is_closed(&mut self) -> bool {
        while self.more() {}
        true
    }

    fn more(&mut self) -> bool {
        let mut buffer = [0; 64 << 10];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(read) => {
                self.read.extend_from_slice(&buffer[..read]);
                true
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("nothing came: {error}"),
        }
    }
}

/// A request of these words.
pub(crate) fn request(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n", word.len()).into_bytes());
        bytes.extend_from_slice(word);
        bytes.extend(b"\r\n");
    }
    bytes
}

/// The reply that these bytes begin with, in words, and its length; none where it is not whole.
fn told(bytes: &[u8]) -> Option<(String, usize)> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let line = String::from_utf8_lossy(&bytes[1..end]).into_owned();
    let next = end + 2;
    let several = |pairs: usize, (open, close): (&str, &str)| {
        let (mut parts, mut at) = (Vec::new(), next);
        for _ in 0..line.parse::<usize>().unwrap() * pairs {
            let (part, length) = told(&bytes[at..])?;
            parts.push(part);
            at += length;
        }
        Some((format!("{open}{}{close}", parts.join(", ")), at))
    };
    match bytes[0] {
        b'+' | b':' | b'(' | b',' | b'#' => Some((line, next)),
        b'-' => Some((format!("error {line}"), next)),
        b'_' => Some(("(nil)".to_owned(), next)),
        b'$' | b'*' if line == "-1" => Some(("(nil)".to_owned(), next)),
        b'$' | b'=' => {
            let length: usize = line.parse().unwrap();
            let text = bytes.get(next..next + length + 2)?;
            Some((format!("\"{}\"", text[..length].escape_ascii()), next + length + 2))
        }
        b'*' => several(1, ("[", "]")),
        b'~' => several(1, ("~[", "]")),
        b'>' => several(1, (">[", "]")),
        b'%' => several(2, ("{", "}")),
        other => panic!("a reply of an unknown kind: {:?}", char::from(other)),
    }
}
