//! Requests in all the ways in which they may come.

use super::running::{request, start};

#[test]
fn what_is_pipelined_is_answered_in_its_order() {
    let running = start(Default::default());
    let mut client = running.connect();
    for thousand in 0..10 {
        let mut all = Vec::new();
        for number in 0..1_000 {
            let (key, value) = (format!("key:{}", number % 100), (thousand * number).to_string());
            all.extend(request(&[b"SET", key.as_bytes(), value.as_bytes()]));
            all.extend(request(&[b"GET", key.as_bytes()]));
        }
        client.send(&all);
        for number in 0..1_000 {
            assert_eq!(
                [client.reply(), client.reply()],
                ["OK".to_owned(), format!("\"{}\"", thousand * number)]
            );
        }
    }
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let running = start(Default::default());
    let mut client = running.connect();
    for byte in request(&[b"SET", b"a", b"two\r\nlines"]).chunks(1) {
        client.send(byte);
    }
    assert_eq!(client.reply(), "OK");
    // A half request stands behind a whole one, whose reply does not wait for it.
    client.send(b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nGE");
    assert_eq!(client.reply(), "\"two\\r\\nlines\"");
    client.send(b"T\r\n$1\r\na\r\n");
    assert_eq!(client.reply(), "\"two\\r\\nlines\"");
}

#[test]
fn a_line_of_words_is_a_request() {
    let running = start(Default::default());
    let mut client = running.connect();
    client.send(b"set \"a key\" 'it''s'\r\nSET \"a key\" \"\\x41\\n\"\nget \"a key\"\r\n\r\nPING\r\n");
    assert!(client.reply().starts_with("error ERR Protocol error: unbalanced quotes"));
    let mut client = running.connect();
    client.send(b"SET \"a key\" \"\\x41\\n\"\nget \"a key\"\r\n\r\nPING\r\n");
    assert_eq!([client.reply(), client.reply(), client.reply()], ["OK", "\"A\\n\"", "PONG"]);
}

#[test]
fn what_is_no_request_is_told_and_ends_the_connection() {
    let running = start(Default::default());
    for (bytes, error) in [
        (&b"*1\r\n:1\r\n"[..], "expected '$', got ':'"),
        (b"*x\r\n", "invalid multibulk length"),
        (b"*1048577\r\n", "invalid multibulk length"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*1\r\n$536870913\r\n", "invalid bulk length"),
    ] {
        let mut client = running.connect();
        client.send(b"*1\r\n$4\r\nPING\r\n");
        client.send(bytes);
        assert_eq!(
            [client.reply(), client.reply()],
            ["PONG".to_owned(), format!("error ERR Protocol error: {error}")]
        );
        assert!(client.is_closed());
    }
    assert_eq!(running.connect().ask("PING"), "PONG");
}

#[test]
fn replies_have_the_form_that_the_client_asked_for() {
    let running = start(Default::default());
    let mut client = running.connect();
    assert_eq!(client.ask("HSET h a 1 b 2"), "2");
    assert_eq!(client.ask("HGETALL h"), "[\"a\", \"1\", \"b\", \"2\"]");
    let hello = client.ask("HELLO 3");
    assert!(hello.starts_with('{') && hello.contains("\"proto\", 3"), "{hello}");
    assert_eq!(client.ask("HGETALL h"), "{\"a\", \"1\", \"b\", \"2\"}");
    client.send_words("GET nothing");
    assert_eq!(client.bytes(3), b"_\r\n");
    assert_eq!(client.ask("SUBSCRIBE c"), ">[\"subscribe\", \"c\", 1]");
    // In RESP3 a client that listens may ask as well.
    assert_eq!(client.ask("HLEN h"), "2");
    assert_eq!(client.ask("RESET"), "RESET");
    client.send_words("GET nothing");
    assert_eq!(client.bytes(5), b"$-1\r\n");
    assert_eq!(client.ask("HELLO 4"), "error NOPROTO unsupported protocol version");
}

#[test]
fn replies_that_are_not_wanted_do_not_come_and_messages_do() {
    let running = start(Default::default());
    let mut client = running.connect();
    client.send_words("CLIENT REPLY SKIP");
    client.send_words("SET a 1");
    assert_eq!(client.ask("GET a"), "\"1\"");
    client.send_words("CLIENT REPLY OFF");
    client.send_words("SET a 2");
    assert_eq!(client.ask("SUBSCRIBE c"), "[\"subscribe\", \"c\", 1]");
    assert_eq!(running.connect().ask("PUBLISH c hello"), "1");
    assert_eq!(client.reply(), "[\"message\", \"c\", \"hello\"]");
    assert_eq!(client.ask("UNSUBSCRIBE c"), "[\"unsubscribe\", \"c\", 0]");
    assert_eq!(client.ask("CLIENT REPLY ON"), "OK");
    assert_eq!(client.ask("GET a"), "\"2\"");
}

#[test]
fn errors_are_told_in_the_words_of_redis() {
    let running = start(Default::default());
    let mut client = running.connect();
    client.ask("RPUSH list a");
    client.ask("SET text a");
    for (words, error) in [
        ("NOTHING a b", "ERR unknown command 'NOTHING', with args beginning with: 'a' 'b' "),
        ("GET", "ERR wrong number of arguments for 'get' command"),
        ("GET list", "WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("HGET text a", "WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("INCR text", "ERR value is not an integer or out of range"),
        ("INCRBYFLOAT text 1", "ERR value is not a valid float"),
        ("INCRBYFLOAT n +inf", "ERR increment would produce NaN or Infinity"),
        ("SETBIT b 4294967296 1", "ERR bit offset is not an integer or out of range"),
        ("SETBIT b 1 2", "ERR bit is not an integer or out of range"),
        ("SETRANGE s -1 a", "ERR offset is out of range"),
        ("SET a 1 EX 0", "ERR invalid expire time in 'set' command"),
        ("SET a 1 NX XX", "ERR syntax error"),
        ("LPOP list -1", "ERR value is out of range, must be positive"),
        ("SELECT 16", "ERR DB index is out of range"),
        ("EXEC", "ERR EXEC without MULTI"),
        (
            "OBJECT FREQ text",
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that \
                              when switching between policies at runtime LRU and LFU data will take some time to adjust.",
        ),
        (
            "DEBUG SET-ACTIVE-EXPIRE 0",
            "ERR DEBUG command not allowed. A profile with serve.debug-commands = true allows \
                                       it; the host has to be started again",
        ),
    ] {
        assert_eq!(client.ask(words), format!("error {error}"), "{words}");
    }
}

#[test]
fn settings_are_all_set_or_none() {
    let running = start(Default::default());
    let mut client = running.connect();
    let mut settings = |set: &str| {
        let reply = client.ask(set);
        (reply, client.ask("CONFIG GET maxmemory timeout slowlog-max-len"))
    };
    let (reply, before) = settings("CONFIG SET timeout 9 maxmemory 0");
    assert!(
        reply.starts_with("error ERR CONFIG SET failed (possibly related to argument 'maxmemory')"),
        "{reply}"
    );
    assert!(before.contains("\"timeout\", \"0\""), "{before}");
    let (reply, after) = settings("CONFIG SET maxmemory 5mb timeout 9 slowlog-max-len 7");
    let expected = "[\"maxmemory\", \"5242880\", \"timeout\", \"9\", \"slowlog-max-len\", \"7\"]";
    assert_eq!((reply.as_str(), after.as_str()), ("OK", expected));
}

/// What INFO says of the calls of a command.
fn calls(client: &mut super::running::Connection, command: &str) -> u64 {
    let info = client.ask("INFO commandstats");
    let of = format!("cmdstat_{command}:calls=");
    let behind = info.split_once(&of).map_or("0", |(_, behind)| behind);
    behind.split(',').next().unwrap().parse().unwrap()
}

#[test]
fn every_call_of_a_row_is_counted_and_the_slow_log_tells_of_each_where_it_is_to() {
    let running = start(Default::default());
    let mut client = running.connect();
    let long = [b'x'; 9_000];
    let mut all = Vec::new();
    for _ in 0..40 {
        all.extend(request(&[b"SET", b"a", b"1"]));
        all.extend(request(&[b"set", b"b", &long]));
        all.extend(request(&[b"GET", b"a"]));
        all.extend(request(&[b"get", b"b"]));
        all.extend(request(&[b"GET", b"a"]));
        all.extend(request(&[b"INCR", b"a"]));
        all.extend(request(&[b"GET"]));
    }
    let send = |client: &mut super::running::Connection| {
        client.send(&all);
        (0..40 * 7).filter(|_| client.reply().starts_with("error")).count()
    };
    assert_eq!(send(&mut client), 40);
    assert_eq!(["set", "get", "incr"].map(|of| calls(&mut client, of)), [80, 120, 40]);
    client.ask("MULTI");
    client.ask("GET a");
    client.ask("GET a");
    client.ask("EXEC");
    assert_eq!(["get", "exec"].map(|of| calls(&mut client, of)), [122, 1]);
    client.ask("CONFIG SET slowlog-log-slower-than 0 slowlog-max-len 1000");
    client.ask("SLOWLOG RESET");
    assert_eq!(send(&mut client), 40);
    let kept: u64 = client.ask("SLOWLOG LEN").parse().unwrap();
    // All that were called, and SLOWLOG RESET itself.
    assert_eq!(kept, 40 * 6 + 1);
}
