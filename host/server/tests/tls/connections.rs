//! Clients of Redis.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use host_server::Config;
use tokio_rustls::rustls::version::{TLS12, TLS13};

use crate::certificates::Authority;
use crate::running::{Connection, PATIENCE, client, start, start_for};

#[test]
fn commands_are_answered_as_they_are_without() {
    let running = start(Config::default());
    for version in [&TLS12, &TLS13] {
        let mut connection = Connection::new(running.redis, client(&running.authority, None, &[version]));
        connection.ask("SET a 1", "+OK\r\n");
        connection.ask("INCR a\r\nINCR a\r\nGET a", ":2\r\n:3\r\n$1\r\n3\r\n");
        // More than one record of TLS, and more than one read, in both directions.
        let value = "0123456789abcdef".repeat(300_000);
        let set = format!("*3\r\n$3\r\nSET\r\n$1\r\nb\r\n${}\r\n{value}", value.len());
        connection.ask(&set, "+OK\r\n");
        connection.ask("GET b", &format!("${}\r\n{value}\r\n", value.len()));
        connection.0.write_all(b"QUIT\r\n").unwrap();
        // Without the end that TLS has for it, this would be an error.
        assert_eq!(connection.rest(), "+OK\r\n");
    }
    running.wait_for_clients(0);
    let listening: Vec<_> = running.server.listening().iter().map(|listening| listening.whom).collect();
    assert_eq!(listening, ["clients of Redis, over TLS", "clients of Redis", "HTTP, over TLS"]);
}

#[test]
fn who_speaks_plain_text_is_told_so_and_the_socket_by_its_path_speaks_it() {
    let running = start(Config::default());
    let mut plain = running.plain();
    plain.write_all(b"*1\r\n$4\r\nPING\r\n").unwrap();
    let mut reply = String::new();
    plain.read_to_string(&mut reply).unwrap();
    assert_eq!(reply, "-ERR this address speaks TLS: connect with TLS, as redis-cli --tls does\r\n");
    // The first byte says that it is TLS, and nothing else does.
    let mut broken = running.plain();
    broken.write_all(&[22; 100]).unwrap();
    let mut alert = Vec::new();
    drop(broken.read_to_end(&mut alert));
    assert!(alert.is_empty() || alert.starts_with(&[21]), "an alert of TLS, or nothing: {alert:?}");
    let mut socket = UnixStream::connect(running.folder.path().join("host.sock")).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(b"PING\r\n").unwrap();
    let mut reply = [0; 7];
    socket.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"+PONG\r\n");
    running.connect().ask("PING", "+PONG\r\n");
}

#[test]
fn a_client_needs_a_certificate_where_the_server_wants_one() {
    let (clients, others) = (Authority::new("clients"), Authority::new("others"));
    let running = start_for(&clients);
    for version in [&TLS12, &TLS13] {
        let connect = |own: Option<&Authority>| {
            let own = own.map(|authority| authority.issue(&["client"]));
            Connection::new(running.redis, client(&running.authority, own.as_ref(), &[version]))
        };
        connect(Some(&clients)).ask("PING", "+PONG\r\n");
        // Nor does the authority of servers speak for clients.
        for own in [None, Some(&others), Some(&running.authority)] {
            let error = connect(own).refused("PING");
            assert!(error.contains("alert"), "{error}");
        }
    }
}

#[test]
fn a_server_is_not_believed_under_another_name_or_authority() {
    let running = start(Config::default());
    let error =
        Connection::new(running.redis, client(&Authority::new("servers"), None, &[&TLS13])).refused("PING");
    assert!(error.contains("invalid peer certificate"), "{error}");
    running.connect().ask("PING", "+PONG\r\n");
}

#[test]
fn a_handshake_takes_a_place_and_gives_it_back() {
    let running = start(Config { clients: 2, ..Config::default() });
    let silent = [running.plain(), running.plain()];
    // Both are in their handshake once there is no place left.
    loop {
        let mut third = running.plain();
        let mut nothing = [0];
        third.set_read_timeout(Some(std::time::Duration::from_millis(50))).unwrap();
        if third.read(&mut nothing).is_ok() {
            break;
        }
    }
    assert_eq!(running.server.clients(), 0, "they are no clients yet");
    drop(silent);
    // The places are free once the server has seen that they are gone.
    loop {
        let mut connection = running.connect();
        if connection.0.write_all(b"PING\r\n").is_ok() {
            let mut reply = [0; 7];
            if connection.0.read_exact(&mut reply).is_ok() {
                assert_eq!(&reply, b"+PONG\r\n");
                break;
            }
        }
    }
}

#[test]
#[ignore = "takes the 10 s that a handshake may take"]
fn a_handshake_that_does_not_go_on_is_ended() {
    let running = start(Config::default());
    let (mut silent, mut slow) = (running.plain(), running.plain());
    slow.write_all(&[22, 3, 1, 2, 0]).unwrap();
    let mut nothing = Vec::new();
    for stream in [&mut silent, &mut slow] {
        drop(stream.read_to_end(&mut nothing));
        assert!(nothing.is_empty());
    }
    running.connect().ask("PING", "+PONG\r\n");
}

#[test]
fn one_that_does_not_read_can_be_ended() {
    let running = start(Config::default());
    let mut client = running.connect();
    let value = "x".repeat(1_000_000);
    client.ask(&format!("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1000000\r\n{value}"), "+OK\r\n");
    let mut slow = running.connect();
    slow.ask("CLIENT SETNAME slow", "+OK\r\n");
    slow.0.write_all("GET a\r\n".repeat(20).as_bytes()).unwrap();
    // What it does not read waits in the server.
    let waits = |list: &str| {
        let line = list.lines().find(|line| line.contains("name=slow")).unwrap();
        !line.contains(" omem=0 ") || line.contains("cmd=get")
    };
    loop {
        client.0.write_all(b"CLIENT LIST\r\nPING\r\n").unwrap();
        let mut list = Vec::new();
        while !list.ends_with(b"+PONG\r\n") {
            let mut byte = [0];
            client.0.read_exact(&mut byte).unwrap();
            list.extend(byte);
        }
        if waits(&String::from_utf8(list).unwrap()) {
            break;
        }
    }
    client.ask("CLIENT KILL TYPE normal SKIPME yes", ":1\r\n");
    running.wait_for_clients(1);
}

#[test]
fn a_server_that_ends_waits_for_no_handshake_and_ends_what_is_encrypted() {
    let running = start(Config::default());
    let _silent = running.plain();
    let mut connection = running.connect();
    connection.ask("PING", "+PONG\r\n");
    assert_eq!(running.server.shut_down(PATIENCE), 0);
    assert_eq!(connection.rest(), "");
}
