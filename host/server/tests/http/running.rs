//! A server with a host whose only strategy decides once, and what asks it.

use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use host_contract::dial::CACHE_POLICY;
use host_contract::{Grant, Snapshot, Value};
use host_control::{Fault, Identity, ProposalContext, Registration, Response, Strategy, Usage};
use host_profile::{Bytes, Loader};
use host_runtime::{Command, Host, Options};
use host_server::{Config, Password, Server};
use host_telemetry::Machine;

const GRACE: Duration = Duration::from_secs(30);

/// Wants another policy in the first tick.
struct Chooser(Identity);

impl Strategy for Chooser {
    fn identity(&self) -> &Identity {
        &self.0
    }

    fn tick(&mut self, snapshot: Arc<Snapshot>, mut context: ProposalContext) -> Response {
        if snapshot.tick == 1 {
            drop(context.propose(CACHE_POLICY, Value::Name("sieve".to_owned())));
            context.explain(CACHE_POLICY, "the test says so");
            drop(context.follow(vec!["lru".to_owned(), "sieve".to_owned()]));
        }
        Response { context, usage: Usage::default(), log: Vec::new(), fault: None }
    }

    fn restart(&mut self) -> Result<Usage, Fault> {
        Ok(Usage::default())
    }
}

pub(crate) struct Running {
    server: std::sync::Mutex<Option<Server>>,
    host: Arc<Host>,
    http: SocketAddr,
    redis: SocketAddr,
}

/// A server under the profile `small` with these settings, which ticks when it is told to.
pub(crate) fn start(sets: &[&str]) -> Running {
    let always = ["control.tick=1h", "control.tick-requests=0", "cache.policy=lru"];
    let sets = always.iter().chain(sets).copied();
    let machine = Machine::read(Path::new("."));
    let settings = Loader::new().profile("small").user_file(None).set(sets).load(&machine).unwrap();
    let identity = Identity {
        name: "chooser".to_owned(),
        version: "0.1.0".to_owned(),
        digest: String::new(),
        dials: vec!["cache-policy".to_owned()],
    };
    let grants = [Grant::CacheControl, Grant::ShadowControl, Grant::Metrics].into();
    let chooser = Registration::new(Box::new(Chooser(identity)), 50, grants);
    let options = Options::new(settings.clone()).strategies(vec![chooser]).tell_from_the_start();
    let host = Arc::new(Host::start(options).unwrap());
    let size = |bytes: Bytes| usize::try_from(bytes.get()).unwrap();
    let config = Config {
        resp: Some("127.0.0.1:0".to_owned()),
        http: Some("127.0.0.1:0".to_owned()),
        password: Password::new(&settings.serve.password),
        clients: usize::try_from(settings.serve.max_clients).unwrap(),
        bulk: size(settings.serve.max_bulk),
        ..Config::default()
    };
    let server = Server::start(Arc::clone(&host), settings, config, 1).unwrap();
    let (http, redis) = (server.http().unwrap(), server.address().unwrap());
    let running = Running { server: std::sync::Mutex::new(Some(server)), host, http, redis };
    // What was decided at the start is read by a task.
    while !running.decided() {
        std::thread::sleep(Duration::from_millis(1));
    }
    running
}

impl Running {
    fn decided(&self) -> bool {
        let answer = self.get("/decisions");
        answer.status != 200 || answer.json().pointer("/decisions/0/id").is_some()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.http
    }

    pub(crate) fn redis_address(&self) -> SocketAddr {
        self.redis
    }

    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(self.http).unwrap()
    }

    pub(crate) fn connect_redis(&self) -> TcpStream {
        TcpStream::connect(self.redis).unwrap()
    }

    pub(crate) fn tick(&self) {
        self.host.command_blocking(Command::Tick { reason: "the test says so".to_owned() }).unwrap();
    }

    /// Ends the server, and says how many connections were busy.
    pub(crate) fn shut_down(&self) -> usize {
        self.server.lock().unwrap().take().unwrap().shut_down(GRACE)
    }

    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut stream = self.connect();
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.http);
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        stream.write_all(text.as_bytes()).unwrap();
        // Who is refused may be told so before all of it was sent.
        drop(stream.write_all(body));
        Answer::read(&mut stream)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"")
    }

    /// An answer to HEAD says a length, and has no body.
    pub(crate) fn head(&self, path: &str) -> Answer {
        self.ask("HEAD", path, &[], b"")
    }

    /// The next line of a reply of Redis; empty where the connection has ended.
    pub(crate) fn reply(&self, stream: &mut TcpStream) -> String {
        let (mut line, mut byte) = (Vec::new(), [0]);
        while !line.ends_with(b"\r\n") && stream.read(&mut byte).unwrap_or(0) > 0 {
            line.push(byte[0]);
        }
        String::from_utf8(line).unwrap()
    }

    pub(crate) fn put(&self, path: &str, body: &[u8]) -> Answer {
        self.ask("PUT", path, &[], body)
    }

    /// The whole reply to one command of Redis.
    pub(crate) fn redis(&self, command: &str) -> String {
        let mut stream = self.connect_redis();
        write!(stream, "{command}\r\nQUIT\r\n").unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply.strip_suffix("+OK\r\n").unwrap().to_owned()
    }
}

/// An answer of HTTP.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Reads one: the head, and as much of a body as that says.
    pub(crate) fn read(stream: &mut impl Read) -> Self {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header =
            |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        let answer = Self { status, headers: lines.filter_map(header).collect(), body: Vec::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = Vec::new();
        // That of HEAD says a length and has none.
        stream.take(length).read_to_end(&mut body).unwrap();
        Self { body, ..answer }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.header("content-type"), Some("application/json"));
        serde_json::from_slice(&self.body).unwrap()
    }
}
