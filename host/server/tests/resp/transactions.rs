//! Transactions.

use super::running::{request, start};

#[test]
fn the_commands_of_a_transaction_run_in_one_step() {
    let running = start(Default::default());
    let mut client = running.connect();
    assert_eq!(client.ask("MULTI"), "OK");
    for words in ["SET a 1", "INCR a", "GET a", "LPUSH a x", "HSET h f v"] {
        assert_eq!(client.ask(words), "QUEUED");
    }
    assert_eq!(running.connect().ask("GET a"), "(nil)");
    let wrong = "error WRONGTYPE Operation against a key holding the wrong kind of value";
    assert_eq!(client.ask("EXEC"), format!("[OK, 2, \"2\", {wrong}, 1]"));
    assert_eq!(client.ask("MULTI"), "OK");
    assert!(client.ask("NOTHING").starts_with("error ERR unknown command"));
    assert_eq!(client.ask("EXEC"), "error EXECABORT Transaction discarded because of previous errors.");
    assert_eq!([client.ask("MULTI"), client.ask("SET a 9"), client.ask("DISCARD")], ["OK", "QUEUED", "OK"]);
    assert_eq!(client.ask("GET a"), "\"2\"");
}

#[test]
fn a_setting_of_the_host_is_not_changed_in_a_transaction() {
    let running = start(Default::default());
    let mut client = running.connect();
    for words in ["MULTI", "CONFIG SET maxmemory 10mb", "SET a 1"] {
        client.ask(words);
    }
    assert_eq!(
        client.ask("EXEC"),
        "[error ERR a setting of the host cannot be changed in a transaction, OK]"
    );
    assert_eq!(client.ask("PING"), "PONG");
}

#[test]
fn what_is_watched_and_changed_ends_a_transaction() {
    let running = start(Default::default());
    let (mut client, mut other) = (running.connect(), running.connect());
    for (before, change, runs) in [
        ("SET a 1", "SET a 2", false),
        ("SET a 1", "SET b 2", true),
        ("SET a 1", "DEL a", false),
        ("DEL a", "SET a 1", false),
        ("SET a 1", "FLUSHALL", false),
        ("SET a 1", "EXPIRE a 100", false),
        ("SET a 1", "GET a", true),
        ("SET b 1", "RENAME b a", false),
    ] {
        client.ask("FLUSHALL");
        client.ask(before);
        assert_eq!(client.ask("WATCH a"), "OK");
        other.ask(change);
        assert_eq!([client.ask("MULTI"), client.ask("PING")], ["OK", "QUEUED"]);
        assert_eq!(client.ask("EXEC"), if runs { "[PONG]" } else { "(nil)" }, "{before}, {change}");
    }
    client.ask("SET a 1");
    client.ask("WATCH a");
    other.ask("SET a 2");
    client.ask("UNWATCH");
    assert_eq!([client.ask("MULTI"), client.ask("EXEC")], ["OK", "[]"]);
}

#[test]
fn counters_under_watch_lose_nothing() {
    let running = start(Default::default());
    let add = || {
        let mut client = running.connect();
        let mut added = 0;
        while added < 50 {
            client.ask("WATCH n");
            let now: u64 = client.ask("GET n").trim_matches('"').parse().unwrap_or(0);
            client.ask("MULTI");
            client.ask(&format!("SET n {}", now + 1));
            added += u64::from(client.ask("EXEC") != "(nil)");
        }
    };
    std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(add))));
    assert_eq!(running.connect().ask("GET n"), "\"200\"");
}

#[test]
fn several_keys_are_seen_as_they_were_set_behind_a_command_on_several_keys_too() {
    let running = start(Default::default());
    let (mut reader, mut writer) = (running.connect(), running.connect());
    writer.ask("MSET a 0 b 0");
    let set = |number: u32| {
        let number = number.to_string();
        request(&[b"MSET", b"a", number.as_bytes(), b"b", number.as_bytes()])
    };
    // The first command of each batch closes the gate. What follows in the batch passes it again.
    let batch: Vec<u8> =
        [request(&[b"MSET", b"c", b"0"]), request(&[b"MGET", b"a", b"b"]).repeat(15)].concat();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..200 {
                writer.send(&(round * 50..(round + 1) * 50).flat_map(set).collect::<Vec<u8>>());
                assert!((0..50).all(|_| writer.reply() == "OK"));
            }
        });
        for _ in 0..1_000 {
            reader.send(&batch);
            assert_eq!(reader.reply(), "OK");
            for _ in 0..15 {
                let seen = reader.reply();
                let (a, b) = seen.trim_matches(['[', ']']).split_once(", ").unwrap();
                assert_eq!(a, b);
            }
        }
    });
}
