//! Events as they come.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use crate::running::{Running, start};

/// The next event of a stream: id, type, data.
fn event(from: &mut impl BufRead) -> (String, String, Value) {
    let (mut id, mut kind, mut data) = (String::new(), String::new(), Value::Null);
    loop {
        let mut line = String::new();
        assert_ne!(from.read_line(&mut line).unwrap(), 0, "the stream ended");
        match line.trim_end().split_once(": ") {
            Some(("id", text)) => text.clone_into(&mut id),
            Some(("event", text)) => text.clone_into(&mut kind),
            Some(("data", text)) => data = serde_json::from_str(text).unwrap(),
            None if line.trim_end().is_empty() && !kind.is_empty() => return (id, kind, data),
            // Lengths of chunks.
            _ => {}
        }
    }
}

fn listen(server: &Running, last: Option<&str>) -> BufReader<TcpStream> {
    let mut stream = server.connect();
    let last = last.map_or_else(String::new, |id| format!("Last-Event-ID: {id}\r\n"));
    write!(stream, "GET /events HTTP/1.1\r\nHost: localhost\r\n{last}\r\n").unwrap();
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        stream.read_line(&mut head).unwrap();
    }
    assert!(
        head.starts_with("HTTP/1.1 200") && head.to_lowercase().contains("content-type: text/event-stream"),
        "{head}"
    );
    stream
}

#[test]
fn events_come_with_ids_and_a_client_goes_on_where_it_was() {
    let server = start(&[]);
    // Of another run: everything that is kept is new.
    let mut all = listen(&server, Some("1234-7"));
    let (first, kind, data) = event(&mut all);
    assert_eq!((kind.as_str(), &data["to"]), ("decision", &"sieve".into()));
    server.tick();
    let (second, kind, data) = event(&mut all);
    assert_eq!((kind.as_str(), &data["command"]), ("command", &"tick".into()));
    // A client that was away.
    let (again, kind, _) = event(&mut listen(&server, Some(&first)));
    assert_eq!((again.as_str(), kind.as_str()), (second.as_str(), "command"));
    // One that comes for the first time hears of what comes next.
    let mut new = listen(&server, None);
    server.tick();
    let (third, kind, _) = event(&mut new);
    assert_eq!((kind.as_str(), third == second), ("command", false));
    // A stream ends with the server, and does not hold it up.
    assert_eq!(server.shut_down(), 0);
    let mut rest = String::new();
    new.read_to_string(&mut rest).unwrap();
    assert!(!rest.contains("event:"), "{rest}");
}
