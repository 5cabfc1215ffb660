//! Clients that misbehave.

use std::io::Write as _;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::Row;
use super::load::{Connection, Load, Reply};
use crate::serving::{Serving, profile};

/// Files that this process and the server need beside those of clients.
const FILES: u64 = 500;

fn serve(name: &str) -> Serving {
    let text = "serve.max-clients = 11_000\ncache.capacity = \"64 MiB\"\nserve.debug-commands = false\n";
    Serving::start(&profile(name, text), &[])
}

/// A second of load, so that there is some before and behind what happens.
fn moment() {
    std::thread::sleep(std::time::Duration::from_millis(500));
}

fn mebibytes(more: u64) -> String {
    format!("{:.1} MiB", to_f64(more) / to_f64(1 << 20))
}

#[expect(clippy::as_conversions, reason = "a figure to read")]
fn to_f64(number: u64) -> f64 {
    number as f64
}

/// Connections that are open and say nothing, beside those that do. None where the system allows too few files.
pub(super) fn idle(count: u64) -> Option<Row> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let needed = count + FILES;
    // What the server starts with, too.
    if soft < needed && (hard < needed || setrlimit(Resource::RLIMIT_NOFILE, needed, hard).is_err()) {
        println!(
            "SKIPPED: {count} connections need {needed} files (ulimit -n), and the system allows {hard}"
        );
        return None;
    }
    let serving = serve("idle.toml");
    let before = serving.resident();
    let load = Load::start(&serving.redis, false);
    let mut all: Vec<Connection> = (0..count).map(|_| Connection::new(&serving.redis)).collect();
    // The last of them was let in.
    assert!(matches!(all.last_mut().unwrap().ask("PING"), Reply::Line(line) if line == "+PONG"));
    moment();
    let more = serving.resident().saturating_sub(before);
    // Any of them may still begin.
    for connection in all.iter_mut().step_by(100) {
        assert!(matches!(connection.ask("PING"), Reply::Line(line) if line == "+PONG"));
    }
    let load = load.end();
    drop(all);
    let note = format!("{} more resident, {} bytes for each", mebibytes(more), more / count);
    assert_eq!(serving.end(), Some(0));
    Some(Row { fault: "connections that say nothing", times: count, load, note })
}

/// Clients that send half a command and wait.
pub(super) fn half_commands(count: u64) -> Row {
    let serving = serve("half.toml");
    let load = Load::start(&serving.redis, false);
    let mut all: Vec<Connection> = (0..count).map(|_| Connection::new(&serving.redis)).collect();
    for (number, connection) in all.iter_mut().enumerate() {
        connection.send(&format!("*3\r\n$3\r\nSET\r\n$9\r\nhalf:{number:04}\r\n$4\r\nha"));
    }
    moment();
    let mut asking = Connection::new(&serving.redis);
    for number in 0..count {
        assert!(
            matches!(asking.ask(&format!("GET half:{number:04}")), Reply::Nothing),
            "it is stored by half"
        );
    }
    for (number, connection) in all.iter_mut().enumerate() {
        connection.send("lf\r\n");
        assert!(matches!(connection.reply(), Reply::Line(line) if line == "+OK"));
        let value = connection.ask(&format!("GET half:{number:04}"));
        assert!(matches!(&value, Reply::Text(text) if text == b"half"), "{value:?}");
    }
    let load = load.end();
    assert_eq!(serving.end(), Some(0));
    let note = "each is answered once the other half has come".to_owned();
    Row { fault: "half a command, and then nothing", times: count, load, note }
}

/// Clients that announce 512 MB and send a few bytes of it.
pub(super) fn headers_without_a_body(count: u64) -> Row {
    let serving = serve("headers.toml");
    let load = Load::start(&serving.redis, false);
    moment();
    let before = serving.resident();
    let mut all: Vec<Connection> = (0..count).map(|_| Connection::new(&serving.redis)).collect();
    for connection in &mut all {
        connection.send("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$536870912\r\nbegin");
    }
    moment();
    let more = serving.resident().saturating_sub(before);
    // 64 KiB for each, were all of it theirs; the load fills the cache meanwhile.
    assert!(more < count * (64 << 10) + (64 << 20), "{more} bytes more");
    drop(all);
    let load = load.end();
    assert_eq!(serving.end(), Some(0));
    let note = format!("{} more resident", mebibytes(more));
    Row { fault: "a header of 512 MiB without the body", times: count, load, note }
}

/// Clients that ask for 100 MB each, and read nothing of it.
pub(super) fn that_do_not_read(count: u64) -> Row {
    let serving = serve("slow.toml");
    let mut writer = Connection::new(&serving.redis);
    let value = "x".repeat(1_000_000);
    writer.send(&format!("*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$1000000\r\n{value}\r\n"));
    assert!(matches!(writer.reply(), Reply::Line(line) if line == "+OK"));
    let load = Load::start(&serving.redis, false);
    moment();
    let before = serving.resident();
    let mut all: Vec<Connection> = (0..count).map(|_| Connection::new(&serving.redis)).collect();
    for connection in &mut all {
        connection.send(&"GET big\r\n".repeat(100));
    }
    moment();
    let more = serving.resident().saturating_sub(before);
    assert!(more < count * 10_000_000 + (32 << 20), "{more} bytes more");
    // Whoever reads in the end finds all of it.
    for connection in &mut all {
        for _ in 0..100 {
            assert!(matches!(connection.reply(), Reply::Text(text) if text.len() == 1_000_000));
        }
    }
    let load = load.end();
    assert_eq!(serving.end(), Some(0));
    let note =
        format!("{} more resident; each reads 100 MB in the end, and all of it is right", mebibytes(more));
    Row { fault: "clients that ask for 100 MB and do not read", times: count, load, note }
}

/// Clients that are gone in the middle of what they send, with replies that they have not read.
pub(super) fn killed_while_they_write(count: u64) -> Row {
    let serving = serve("killed.toml");
    let load = Load::start(&serving.redis, false);
    let value = "w".repeat(5_000);
    for number in 0..count {
        let mut connection = Connection::new(&serving.redis);
        let mut text = String::new();
        for part in 0..20 {
            text.push_str(&format!("SET killed:{number}:{part} {value}\r\nGET killed:{number}:{part}\r\n"));
        }
        let cut = text.len() - 2_500;
        // Whether the server takes all of it depends on how soon it reads.
        drop(connection.stream.write_all(&text.as_bytes()[..cut]));
    }
    let mut asking = Connection::new(&serving.redis);
    for number in 0..count {
        for part in 0..20 {
            match asking.ask(&format!("GET killed:{number}:{part}")) {
                Reply::Nothing => {}
                Reply::Text(text) if text == value.as_bytes() => {
                    assert!(part < 19, "half a command was taken")
                }
                other => panic!("{other:?}"),
            }
        }
    }
    while serving.status()["stats"]["clients"]["resp"].as_u64().unwrap() > 5 {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let load = load.end();
    assert_eq!(serving.end(), Some(0));
    let note = "what they stored is whole or not there; no connection is left".to_owned();
    Row { fault: "clients that are gone while they write", times: count, load, note }
}
