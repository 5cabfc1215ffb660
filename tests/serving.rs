//! `host serve` and `host status`: signals, settings that are read again, and the page on HTTP, command by command.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{fail, host, repository, scratch, succeed};

/// A running `host serve`, and what it prints.
pub(crate) struct Serving {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
    http: String,
    /// Where clients of Redis connect.
    pub(crate) redis: String,
}

impl Serving {
    /// Starts it with free ports, under a profile.
    pub(crate) fn start(profile: &Path, more: &[&str]) -> Self {
        let mut child = host()
            .args(["serve", "--resp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--profile"])
            .arg(profile)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::<Mutex<Vec<String>>>::default();
        let mut serving = Self {
            said: Arc::clone(&said),
            http: String::new(),
            redis: String::new(),
            child: {
                let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
                let readers: [Box<dyn std::io::Read + Send>; 2] = [Box::new(out), Box::new(err)];
                for reader in readers {
                    let said = Arc::clone(&said);
                    std::thread::spawn(move || {
                        for line in BufReader::new(reader).lines().map_while(Result::ok) {
                            said.lock().unwrap().push(line);
                        }
                    });
                }
                child
            },
        };
        let address = |line: String| line.split(' ').nth(2).unwrap().to_owned();
        serving.redis = address(serving.wait_for("for clients of Redis"));
        serving.http = address(serving.wait_for("for HTTP"));
        serving
    }

    /// The first line with this text, as soon as it is printed.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        loop {
            let found = self.said.lock().unwrap().iter().find(|line| line.contains(text)).cloned();
            if let Some(line) = found {
                return line;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "{text:?} was not said: {ended:?}, {:?}", self.said.lock().unwrap());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Lines with this text, so far.
    pub(crate) fn said(&self, text: &str) -> u64 {
        let count = self.said.lock().unwrap().iter().filter(|line| line.contains(text)).count();
        u64::try_from(count).unwrap()
    }

    /// Bytes that the process has in memory.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    pub(crate) fn end(mut self) -> Option<i32> {
        self.signal("-TERM");
        self.child.wait().unwrap().code()
    }

    pub(crate) fn status(&self) -> Value {
        serde_json::from_str(&succeed(["status", "--json", "--http", &self.http])).unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A profile that is a file of its own, so that it can be changed.
pub(crate) fn profile(name: &str, text: &str) -> PathBuf {
    let path = scratch().join(name);
    std::fs::write(&path, format!("base = \"small\"\n{text}")).unwrap();
    path
}

#[test]
fn a_server_ends_in_order_when_it_is_told_to() {
    let mut serving = Serving::start(&profile("ends.toml", ""), &["--log", "info", "--log-format", "json"]);
    let status = serving.status();
    assert_eq!((&status["stats"]["ready"], &status["stats"]["clients"]["resp"]), (&true.into(), &0.into()));
    let line = serving.wait_for("listening\"");
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["level"], &line["target"]), (&"INFO".into(), &"host_server::server".into()));
    let said = Arc::clone(&serving.said);
    let http = serving.http.clone();
    assert_eq!(serving.end(), Some(0));
    let said = said.lock().unwrap().join("\n");
    assert!(said.contains("\"draining\"") && said.contains("served "), "{said}");
    let error = fail(1, ["status", "--http", &http]);
    assert!(error.starts_with(&format!("error: {http}: no server answers")), "{error}");
}

#[test]
fn settings_are_read_again_when_a_signal_or_a_changed_file_says_so_and_wrong_ones_are_refused() {
    let file = profile("again.toml", "control.tick = \"200 ms\"\n");
    let ledger = scratch().join("again.jsonl");
    drop(std::fs::remove_file(&ledger));
    let mut serving = Serving::start(&file, &["--ledger", ledger.to_str().unwrap()]);
    profile("again.toml", "control.tick = \"100 ms\"\nserve.threads = 1\n");
    let text = serving.wait_for("again.toml changed: ");
    assert!(
        text.ends_with(
            "new settings are in force: control.tick; to be put in force by a new start: serve.threads"
        ),
        "{text}"
    );
    serving.signal("-HUP");
    let text = serving.wait_for("SIGHUP: ");
    assert!(text.ends_with("nothing changes that can while the host runs"), "{text}");
    profile("again.toml", "control.tick = \"never\"\n");
    let text = serving.wait_for("those before stand");
    assert!(text.contains("again.toml:2: control.tick: expected"), "{text}");
    assert_eq!(serving.status()["stats"]["ready"], true);
    assert_eq!(serving.end(), Some(0));
    let ledger = std::fs::read_to_string(&ledger).unwrap();
    let commands: Vec<Value> = ledger
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|record| record["type"] == "command")
        .collect();
    let names: Vec<&str> = commands.iter().map(|record| record["command"].as_str().unwrap()).collect();
    assert_eq!(names, ["reload", "reload", "keep"]);
    assert!(commands[2]["detail"].as_str().unwrap().contains("those before stand"));
}

#[test]
fn a_check_says_where_a_server_would_listen() {
    let said =
        succeed(["serve", "--check", "--profile", "small", "--resp", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines[1].starts_with("would listen on 127.0.0.1:") && lines[1].ends_with(" for clients of Redis"),
        "{said}"
    );
    assert!(lines[2].starts_with("would listen on 127.0.0.1:") && lines[2].ends_with(" for HTTP"), "{said}");
    assert_eq!(lines[3], "everything is in order");
    let error = fail(1, ["serve", "--check", "--profile", "small", "--http", "0.0.0.0:0"]);
    assert!(error.contains("serve.http = \"0.0.0.0:0\" can be reached from other machines"), "{error}");
}

#[test]
fn who_asks_for_no_server_is_told_how_to_name_one() {
    let error = fail(1, ["status", "--profile", "small"]);
    assert!(error.starts_with("error: which server? give its address with --http ADDRESS:PORT"), "{error}");
}

#[test]
fn memory_goes_back_to_the_system_after_a_flush_though_there_is_room() {
    let room =
        ["--set", "memory.cap=400MB", "--set", "cache.max-capacity=400MB", "--set", "cache.capacity=400MB"];
    let serving = Serving::start(&profile("flush.toml", ""), &room);
    let mut client = TcpStream::connect(&serving.redis).unwrap();
    let mut ask = |requests: &str, replies: usize| {
        client.write_all(requests.as_bytes()).unwrap();
        let mut reply = vec![0; 5 * replies];
        client.read_exact(&mut reply).unwrap();
        assert!(reply.chunks(5).all(|reply| reply == b"+OK\r\n"), "{:?}", String::from_utf8_lossy(&reply));
    };
    let value = "v".repeat(1_000);
    for batch in 0..1_000 {
        let requests: String = (0..100).map(|key| format!("SET {batch}:{key} {value}\r\n")).collect();
        ask(&requests, 100);
    }
    let full = serving.resident();
    assert!(full > 100_000_000, "{full}");
    ask("FLUSHALL\r\n", 1);
    let began = Instant::now();
    while serving.resident() > full / 2 {
        assert!(began.elapsed() < Duration::from_secs(60), "it holds {} of {full}", serving.resident());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(serving.end(), Some(0));
}

/// A new certificate that stands for itself, and its key.
fn certificate() -> (String, String) {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

#[test]
fn certificates_are_read_again_when_a_signal_or_a_changed_file_says_so_and_wrong_ones_are_refused() {
    let folder = scratch().join("certificates");
    std::fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    let (cert, key) = certificate();
    write("server.pem", &cert);
    write("server.key", &key);
    let text = "serve.tls-cert = \"certificates/server.pem\"\nserve.tls-key = \"certificates/server.key\"\n";
    let file = profile("tls.toml", text);
    let mut serving = Serving::start(&file, &[]);
    serving.wait_for("for clients of Redis, over TLS");
    serving.wait_for("for HTTP, over TLS");
    let (http, pem) = (serving.http.clone(), folder.join("server.pem"));
    let ready = |arguments: &[&str]| {
        let status = succeed(["status", "--json", "--http"].iter().chain(arguments));
        serde_json::from_str::<Value>(&status).unwrap()["stats"]["ready"] == true
    };
    assert!(ready(&[&http, "--ca", pem.to_str().unwrap()]));
    // The settings of the server name its certificate.
    assert!(ready(&[&http, "--profile", file.to_str().unwrap()]));
    let error = fail(1, ["status", "--http", &http]);
    assert!(error.contains("this address speaks TLS"), "{error}");
    let (cert, key) = certificate();
    write("server.pem", &cert);
    let text = serving.wait_for("the certificates are not taken, and those before stand");
    assert!(text.contains("server.pem changed: ") && text.contains("serve.tls-key = "), "{text}");
    write("server.key", &key);
    let text = serving.wait_for("the certificates were read again");
    assert!(text.contains("server.key changed: "), "{text}");
    assert!(ready(&[&http, "--ca", pem.to_str().unwrap()]));
    serving.signal("-HUP");
    serving.wait_for("SIGHUP: the certificates were read again");
    assert_eq!(serving.end(), Some(0));
    let pem = pem.to_str().unwrap();
    let error = fail(1, ["serve", "--check", "--profile", "small", "--tls-cert", pem]);
    assert!(error.contains("serve.tls-cert is set and serve.tls-key is not"), "{error}");
    let error = fail(1, ["serve", "--check", "--profile", "small", "--tls-cert", pem, "--tls-key", pem]);
    assert!(error.contains("serve.tls-key = ") && error.contains("there is no private key in it"), "{error}");
}

/// The commands of the page, against a server on another port, with the password that the page has.
#[test]
fn every_command_of_the_page_on_http_does_what_the_page_says() {
    let page = std::fs::read_to_string(repository().join("docs/http.md")).unwrap();
    let serving = Serving::start(&profile("page.toml", ""), &[]);
    // The shadows have something to say from the first ticks on.
    while serving.status()["stats"]["ticks"].as_u64().unwrap() < 3 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let (mut blocks, mut inside) = (Vec::<(String, Vec<String>)>::new(), false);
    for line in page.lines() {
        match line.strip_prefix("```") {
            Some(kind) if !inside => {
                blocks.push((kind.to_owned(), Vec::new()));
                inside = true;
            }
            Some(_) => inside = false,
            None if inside => blocks.last_mut().unwrap().1.push(line.to_owned()),
            None => {}
        }
    }
    let mut ran = 0;
    let mut blocks = blocks.iter().peekable();
    while let Some((kind, lines)) = blocks.next() {
        if kind != "sh" {
            continue;
        }
        let binary = env!("CARGO_BIN_EXE_host");
        let script = lines
            .join("\n")
            .replace("127.0.0.1:8080", &serving.http)
            .replace("host status", &format!("{binary} status"));
        let output = Command::new("bash").args(["-ec", &script]).output().unwrap();
        assert!(output.status.success(), "{script}\n{output:?}");
        ran += lines.iter().filter(|line| line.starts_with("curl") || line.starts_with("host")).count();
        let Some((_, expected)) = blocks.next_if(|(kind, _)| kind == "text") else { continue };
        let printed = String::from_utf8(output.stdout).unwrap();
        // Each line of the page is printed, up to an ellipsis in it.
        for line in expected {
            for part in line.split("...").map(str::trim).filter(|part| !part.is_empty()) {
                assert!(printed.contains(part), "{script}\nprints\n{printed}\nwithout\n{part}");
            }
        }
    }
    assert!(ran >= 10, "{ran} commands were run");
    assert_eq!(serving.end(), Some(0));
}
