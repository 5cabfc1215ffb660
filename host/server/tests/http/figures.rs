//! What is told as JSON.

use std::io::Write as _;

use serde_json::Value;

use crate::running::{Running, start};

#[test]
fn figures_and_settings_are_told() {
    let server = start(&[]);
    server.put("/cache/a", b"1");
    server.get("/cache/a");
    server.get("/cache/b");
    let stats = server.get("/stats").json();
    assert_eq!((stats["cache"]["hits"].as_u64(), stats["cache"]["misses"].as_u64()), (Some(1), Some(1)));
    assert_eq!((stats["cache"]["hit_ratio"].as_f64(), stats["requests"].as_u64()), (Some(0.5), Some(3)));
    assert_eq!((stats["ready"].as_bool(), stats["profile"].as_str()), (Some(true), Some("small")));
    let read: host_server::http::figures::Stats = serde_json::from_value(stats).unwrap();
    assert_eq!((read.cache.entries, read.decisions), (1, 1));
    let profile = server.get("/profile").json();
    let rows = profile["settings"].as_array().unwrap();
    let tick = rows.iter().find(|row| row["key"] == "control.tick").unwrap();
    assert_eq!((&tick["value"], &tick["source"]), (&"1h".into(), &"flag --set".into()));
    let strategies = server.get("/strategies").json();
    let chooser = &strategies["strategies"][0];
    assert_eq!((&chooser["strategy"], &chooser["state"]), (&"chooser".into(), &"active".into()));
    let read: host_server::http::figures::Strategy = serde_json::from_value(chooser.clone()).unwrap();
    assert_eq!((read.cost.ticks, read.cost.accepted, read.failures), (1, 1, 0));
}

#[test]
fn what_was_decided_before_the_first_client_came_is_told() {
    let server = start(&[]);
    let decisions = server.get("/decisions").json();
    let first = &decisions["decisions"][0];
    assert_eq!(
        (&first["id"], &first["type"], &first["to"]),
        (&1.into(), &"decision".into(), &"sieve".into())
    );
    assert_eq!(first["words"], "cache-policy lru -> sieve, by chooser: the test says so; not judged yet");
    assert_eq!(server.get("/decisions?after=1").json()["decisions"], Value::Array(Vec::new()));
    assert_eq!(server.get("/decisions?latest=5").json()["decisions"].as_array().unwrap().len(), 1);
    assert!(server.redis("HOST.LEDGER 10").contains("\"to\":\"sieve\""));
    for wrong in ["after=x", "after=-1", "after=1&latest=1"] {
        let refused = server.get(&format!("/decisions?{wrong}"));
        assert_eq!((refused.status, refused.json()["hint"].is_string()), (400, true), "{wrong}");
    }
}

#[test]
fn what_if_is_answered_by_the_shadows_as_it_is_over_redis() {
    let server = start(&[]);
    server.put("/cache/a", b"1");
    for _ in 0..20 {
        server.get("/cache/a");
    }
    server.tick();
    let answer = server.get("/whatif?of=policy").json();
    let cases = answer["cases"].as_array().unwrap();
    assert!(cases.iter().any(|case| case["policy"] == "sieve"), "{cases:?}");
    let over_redis = server.redis("HOST.WHATIF policy");
    for case in cases {
        assert!(over_redis.contains(case["policy"].as_str().unwrap()));
        assert_eq!(case["capacity_factor"], 1.0);
    }
    assert_eq!(server.get("/whatif?of=weather").status, 400);
    let none = start(&["cache.shadows=false"]);
    let refused = none.get("/whatif");
    assert_eq!((refused.status, refused.json()["error"].clone()), (404, "there are no shadows".into()));
}

/// The hit ratio of a prefix, or of all keys, under LRU.
fn under_lru(server: &Running, query: &str) -> f64 {
    let answer = server.get(&format!("/whatif?of=policy{query}"));
    assert_eq!(answer.status, 200);
    let json = answer.json();
    let cases = json.get("cases").and_then(Value::as_array).unwrap();
    let is_lru = |case: &&Value| case.get("policy").is_some_and(|policy| policy == "lru");
    let lru = cases.iter().find(is_lru).unwrap();
    lru.get("hit_ratio").and_then(Value::as_f64).unwrap()
}

#[test]
fn what_if_is_answered_by_prefix_too() {
    // Some 500 values of 1,000 bytes.
    let server = start(&["cache.capacity=512KiB", "cache.min-capacity=100KB"]);
    let begun = server.get("/whatif?prefix=loop:");
    assert_eq!((begun.status, begun.json()["cases"].as_array().unwrap().len()), (202, 0));
    let begun = server.redis("HOST.WHATIF POLICY PREFIX hot:");
    assert!(begun.starts_with("-WATCHED the prefix is watched from now on"), "{begun}");
    // What is asked for from here on is counted whole.
    server.tick();
    let mut redis = server.connect_redis();
    let value = "x".repeat(1_000);
    let mut ask = |key: String| {
        // As an application does: what it does not find, it stores.
        let mut asked = |command: String| {
            redis.write_all(command.as_bytes()).unwrap();
            let line = server.reply(&mut redis);
            if line.starts_with('$') && line != "$-1\r\n" {
                assert_eq!(server.reply(&mut redis).len(), 1_002);
            }
            line
        };
        if asked(format!("GET {key}\r\n")) == "$-1\r\n" {
            assert_eq!(asked(format!("SET {key} {value}\r\n")), "+OK\r\n");
        }
    };
    // In parts that the queue to the shadows takes whole.
    for part in 0..45 {
        for step in 0..100 {
            ask(format!("loop:{}", (part * 100 + step) % 1_500));
            ask(format!("hot:{}", step % 5));
        }
        server.tick();
    }
    let (all, of_loop, hot) =
        (under_lru(&server, ""), under_lru(&server, "&prefix=loop:"), under_lru(&server, "&prefix=hot:"));
    assert!(of_loop < 0.01, "LRU never holds a loop that is larger than it: {of_loop}");
    assert!(hot > 0.99, "five keys that are asked for all the time are always there: {hot}");
    assert!((all - (of_loop + hot) / 2.0).abs() < 0.02, "half of the requests are for each: {all}");
    let reply = server.redis("HOST.WHATIF policy PREFIX hot:");
    assert!(reply.contains("$3\r\nlru\r\n") && reply.contains("$8\r\nrequests\r\n:4500\r\n"), "{reply}");
    // Both at once, and neither.
    assert!(server.redis("HOST.WHATIF PREFIX nobody:").starts_with("-WATCHED"));
    server.tick();
    assert_eq!(server.get("/whatif?prefix=nobody:").json()["cases"][0]["hit_ratio"], Value::Null);
    assert_eq!(server.redis("HOST.WHATIF FORGET nobody:"), ":1\r\n");
    assert_eq!(server.redis("HOST.WHATIF FORGET nobody:"), ":0\r\n");
    // Its place is free once nothing that waits for the shadows has its number.
    server.tick();
    for wrong in
        ["HOST.WHATIF PREFIX", "HOST.WHATIF policy size", "HOST.WHATIF FORGET", "HOST.WHATIF POLICY hot:"]
    {
        assert!(
            server.redis(wrong).starts_with("-ERR expected HOST.WHATIF [policy|size] [PREFIX prefix]"),
            "{wrong}"
        );
    }
    assert_eq!(server.get("/whatif?prefix=").status, 400);
    for number in 0..14 {
        assert_eq!(server.get(&format!("/whatif?prefix=p{number:02}")).status, 202);
    }
    let refused = server.get("/whatif?prefix=p14");
    assert_eq!(refused.status, 400);
    let json = refused.json();
    let error = json["error"].as_str().unwrap();
    assert!(error.starts_with("16 prefixes are watched already: loop:, hot:, p00"), "{error}");
    assert!(server.redis("HOST.WHATIF PREFIX p14").contains("HOST.WHATIF FORGET"));
}

#[test]
fn what_there_is_not_is_answered_with_what_there_is() {
    let server = start(&[]);
    let nowhere = server.get("/nowhere");
    assert_eq!(nowhere.status, 404);
    assert!(nowhere.json()["hint"].as_str().unwrap().contains("/cache/KEY, /stats"));
    let method = server.ask("POST", "/cache/a", &[], b"");
    assert_eq!(
        (method.status, method.json()["error"].clone()),
        (405, "this path does not take this method".into())
    );
    assert!(method.header("allow").unwrap().contains("PUT"));
}
