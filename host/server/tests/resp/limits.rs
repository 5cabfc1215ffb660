//! What a client may take.

use host_server::{Config, Password};

use super::running::{request, start};

#[test]
fn one_client_too_many_is_told_so() {
    let running = start(Config { clients: 2, ..Config::default() });
    let (mut one, mut two) = (running.connect(), running.connect());
    assert_eq!([one.ask("PING"), two.ask("PING")], ["PONG", "PONG"]);
    let mut three = running.connect();
    assert_eq!([three.reply(), three.reply()], ["error ERR max number of clients reached", "closed"]);
    drop(one);
    running.wait_for_clients(1);
    assert_eq!(running.connect().ask("PING"), "PONG");
}

#[test]
fn without_the_password_a_client_can_do_nothing() {
    let running = start(Config { password: Password::new("secret"), ..Config::default() });
    let mut client = running.connect();
    assert_eq!(client.ask("GET a"), "error NOAUTH Authentication required.");
    assert_eq!(
        client.ask("AUTH wrong"),
        "error WRONGPASS invalid username-password pair or user is disabled."
    );
    assert!(client.ask("HELLO 3").starts_with("error NOAUTH"));
    assert_eq!(client.ask("AUTH secret"), "OK");
    assert_eq!(client.ask("GET a"), "(nil)");
    assert_eq!(running.connect().ask("AUTH default secret"), "OK");
    // Before, it may send little.
    let mut client = running.connect();
    client.send(&request(&[b"GET", &[b'a'; 17_000]]));
    assert_eq!(client.reply(), "error ERR Protocol error: unauthenticated bulk length");
}

#[test]
fn a_length_takes_no_memory_before_its_bytes_come() {
    let running = start(Default::default());
    let mut clients: Vec<_> = (0..200).map(|_| running.connect()).collect();
    for client in &mut clients {
        // 100 GiB in all, were they taken at their word.
        client.send(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$536870912\r\nbegin");
    }
    let mut other = running.connect();
    assert_eq!(other.ask("PING"), "PONG");
    // What each of them holds is in the list of clients.
    let list = other.ask("CLIENT LIST");
    let held = list.split("qbuf=").skip(1).map(|rest| {
        rest.split(|byte: char| !byte.is_ascii_digit()).next().unwrap().parse::<usize>().unwrap()
    });
    assert!(held.clone().count() == 201 && held.max().unwrap() < 200, "{list}");
}

#[test]
fn an_argument_above_the_limit_is_refused_before_it_comes() {
    let running = start(Config { bulk: 1_000, arguments: 4, ..Config::default() });
    let mut client = running.connect();
    client.send(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1001\r\n");
    assert_eq!([client.reply(), client.reply()], ["error ERR Protocol error: invalid bulk length", "closed"]);
    assert_eq!(running.connect().ask("APPEND a 1"), "1");
    let mut client = running.connect();
    client.send(&request(&[b"SET", b"a", &[b'x'; 1_000]]));
    assert_eq!(client.reply(), "OK");
    assert_eq!(
        client.ask("APPEND a 1"),
        "error ERR string exceeds maximum allowed size (proto-max-bulk-len)"
    );
}

#[test]
fn whoever_does_not_read_stops_no_other() {
    let running = start(Config { output: 1 << 20, ..Config::default() });
    let mut client = running.connect();
    client.send(&request(&[b"SET", b"a", &vec![b'x'; 100_000]]));
    assert_eq!(client.reply(), "OK");
    // It asks, reads nothing, and is not read any more itself: what waits for it is bounded.
    let mut slow = running.connect();
    let get = request(&[b"GET", b"a"]).repeat(1_000);
    let mut sent = 0;
    while slow.try_send(&get) {
        sent += 1;
        assert!(sent < 100_000, "the server reads on and on");
    }
    assert_eq!(client.ask("STRLEN a"), "100000");
    drop(slow);
    running.wait_for_clients(1);
}

#[test]
fn a_listener_that_does_not_read_is_ended() {
    let running = start(Config { output: 1 << 20, ..Config::default() });
    let (mut slow, mut sender) = (running.connect(), running.connect());
    assert_eq!(slow.ask("SUBSCRIBE c"), "[\"subscribe\", \"c\", 1]");
    let message = request(&[b"PUBLISH", b"c", &vec![b'x'; 500_000]]);
    let mut sent = 0;
    loop {
        sender.send(&message);
        if sender.reply() == "0" {
            break;
        }
        sent += 1;
        assert!(sent < 10_000, "it is never ended");
    }
    running.wait_for_clients(1);
    let stats = sender.ask("INFO stats");
    assert!(stats.contains("client_output_buffer_limit_disconnections:1"), "{stats}");
}
