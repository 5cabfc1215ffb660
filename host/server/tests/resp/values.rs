//! Values of each kind, and how long they live.

use std::time::Duration;

use host_server::Config;

use super::running::start;

#[test]
fn what_is_over_its_time_is_gone() {
    let running = start(Default::default());
    let mut client = running.connect();
    assert_eq!(client.ask("SET a 1 PX 20"), "OK");
    assert_eq!(client.ask("PEXPIRE nothing 20"), "0");
    while client.ask("EXISTS a") == "1" {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!([client.ask("GET a"), client.ask("TTL a")], ["(nil)", "-2"]);
    // Nobody has to ask for it.
    client.ask("SET b 1 PX 20");
    while client.ask("DBSIZE") != "0" {
        std::thread::sleep(Duration::from_millis(1));
    }
    client.ask("SET a 1 EX 100");
    assert_eq!([client.ask("PERSIST a"), client.ask("TTL a")], ["1", "-1"]);
    assert_eq!([client.ask("SET a 1 EX 100"), client.ask("SET a 2 KEEPTTL")], ["OK", "OK"]);
    assert!(client.ask("PTTL a").parse::<u64>().unwrap() > 0);
}

#[test]
fn a_form_is_told_as_redis_tells_it() {
    let running = start(Default::default());
    let mut client = running.connect();
    let mut form = |made: &[&str], key: &str| {
        client.ask("FLUSHALL");
        made.iter().for_each(|words| drop(client.ask(words)));
        client.ask(&format!("OBJECT ENCODING {key}"))
    };
    let long = "x".repeat(65);
    for (made, key, told) in [
        (&["SET a 12"][..], "a", "int"),
        (&["SET a 1", "INCR a"], "a", "int"),
        (&["SET a text"], "a", "embstr"),
        (&["SET a 1", "APPEND a 2"], "a", "raw"),
        (&["SET a 1", "SETRANGE a 0 2"], "a", "raw"),
        (&["SET a 1", "SETBIT a 0 0"], "a", "raw"),
        (&["INCRBYFLOAT a 1"], "a", "embstr"),
        (&["SET a 1", "APPEND a 2", "COPY a b"], "b", "raw"),
        (&["SET a 1", "APPEND a 2", "RENAME a b"], "b", "raw"),
        (&["SET a 1", "APPEND a 2", "SET a 12"], "a", "int"),
        (&["RPUSH a 1"], "a", "quicklist"),
        (&["HSET a f v"], "a", "listpack"),
        (&["HSET a f v", &format!("HSET a g {long}")], "a", "hashtable"),
        (&["HSET a f v", &format!("HSET a g {long}"), "HDEL a g"], "a", "hashtable"),
        (&["HSET a f v", &format!("HSET a g {long}"), "COPY a b"], "b", "hashtable"),
    ] {
        assert_eq!(form(made, key), format!("\"{told}\""), "{made:?}");
    }
}

#[test]
fn the_limit_of_flat_fields_can_be_changed() {
    let running = start(Default::default());
    let mut client = running.connect();
    assert_eq!(
        client.ask("CONFIG GET hash-max-*-entries"),
        "[\"hash-max-listpack-entries\", \"512\", \"hash-max-ziplist-entries\", \"512\"]"
    );
    assert_eq!(client.ask("CONFIG SET hash-max-ziplist-entries 2 hash-max-listpack-value 4"), "OK");
    for (words, told) in
        [("HSET a 1 1 2 2", "listpack"), ("HSET a 3 3", "hashtable"), ("HSET b 12345 1", "hashtable")]
    {
        client.ask(words);
        let key = words.split(' ').nth(1).unwrap();
        assert_eq!(client.ask(&format!("OBJECT ENCODING {key}")), format!("\"{told}\""), "{words}");
    }
}

#[test]
fn what_a_value_counts_for_follows_its_parts() {
    let running = start(Default::default());
    let mut client = running.connect();
    let mut usage = |words: &str| -> u64 {
        client.ask(words);
        client.ask("MEMORY USAGE a").parse().unwrap()
    };
    let one = usage("HSET a f v");
    let two = usage("HSET a g 0123456789");
    assert_eq!(two - one, 1 + 1 + 1 + 10);
    assert_eq!(usage("HDEL a g"), one);
    let used = usage("RPUSH a x");
    assert_eq!(used, one, "the wrong kind of value changes nothing");
    usage("DEL b");
    client.ask("FLUSHALL");
    let info = client.ask("INFO memory");
    assert!(info.contains("used_memory:0"), "{info}");
}

#[test]
fn the_time_of_the_last_use_is_told() {
    let running = start(Default::default());
    let mut client = running.connect();
    client.ask("SET a 1");
    client.ask("SET b 1");
    // Reading the type, the time to live or the form is no use; GET is.
    while client.ask("OBJECT IDLETIME b") == "0" {
        client.ask("GET a");
        for words in ["TYPE b", "TTL b", "EXISTS b", "OBJECT ENCODING b"] {
            client.ask(words);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    // A second may end in between.
    let mut used = |words: &str, idle: &str| {
        client.ask(words);
        client.ask(idle) == "0"
    };
    while !used("TOUCH b", "OBJECT IDLETIME b") {}
    while !used("GET a", "OBJECT IDLETIME a") {}
    assert_eq!(client.ask("OBJECT IDLETIME nothing"), "(nil)");
}

#[test]
fn debug_is_there_where_it_is_allowed() {
    let running = start(Config { debug: true, ..Config::default() });
    let mut client = running.connect();
    assert_eq!(client.ask("DEBUG SET-ACTIVE-EXPIRE 0"), "OK");
    client.ask("SET a 1 PX 1");
    while client.ask("EXISTS a") == "1" {}
    // Long enough for it to have been removed several times.
    std::thread::sleep(Duration::from_millis(350));
    assert_eq!(client.ask("DBSIZE"), "1");
    assert_eq!(client.ask("DEBUG SET-ACTIVE-EXPIRE 1"), "OK");
    while client.ask("DBSIZE") == "1" {}
    client.ask("HSET h a 1 b 2");
    client.ask("HSET i b 2 a 1");
    assert_eq!(client.ask("DEBUG DIGEST-VALUE h"), client.ask("DEBUG DIGEST-VALUE i"));
    client.ask("HELLO 3");
    assert_eq!(client.ask("DEBUG PROTOCOL map"), "{0, f, 1, t, 2, f}");
}

#[test]
fn lists_are_taken_from_either_end() {
    let running = start(Default::default());
    let mut client = running.connect();
    assert_eq!([client.ask("RPUSH a 1 2 3"), client.ask("LPUSH a 0")], ["3", "4"]);
    assert_eq!(client.ask("LRANGE a 0 -1"), "[\"0\", \"1\", \"2\", \"3\"]");
    assert_eq!(
        [client.ask("LPOP a"), client.ask("RPOP a 2"), client.ask("LLEN a")],
        ["\"0\"", "[\"3\", \"2\"]", "1"]
    );
    assert_eq!([client.ask("LPOP a 5"), client.ask("EXISTS a")], ["[\"1\"]", "0"]);
    assert_eq!(
        [client.ask("LPOP a"), client.ask("LRANGE a 0 -1"), client.ask("TYPE a")],
        ["(nil)", "[]", "none"]
    );
    client.ask("RPUSH a 1");
    assert_eq!([client.ask("COPY a b"), client.ask("RPUSH b 2"), client.ask("LLEN a")], ["1", "2", "1"]);
}
