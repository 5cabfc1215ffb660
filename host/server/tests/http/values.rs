//! Values by key, and who may ask for them.

use std::io::Write as _;

use crate::running::{Answer, start};

#[test]
fn a_value_is_stored_read_and_removed_under_any_key() {
    let server = start(&[]);
    for key in ["user:1", "a/b//..", "%00%ff%25", "", "caf%C3%A9+1"] {
        let path = format!("/cache/{key}");
        let missing = server.get(&path);
        assert_eq!(missing.status, 404, "{key}");
        assert_eq!(missing.json()["hint"], "store one by PUT, or by SET of a client of Redis");
        assert_eq!(server.put(&path, b"one\0two").status, 204);
        let found = server.get(&path);
        assert_eq!((found.status, found.body.as_slice()), (200, &b"one\0two"[..]), "{key}");
        assert_eq!(found.header("content-type"), Some("application/octet-stream"));
        let head = server.head(&path);
        assert_eq!((head.status, head.header("content-length")), (200, Some("7")));
        assert_eq!(server.ask("DELETE", &path, &[], b"").status, 204);
        assert_eq!(server.ask("DELETE", &path, &[], b"").status, 404);
    }
    let bad = server.get("/cache/100%");
    assert_eq!(bad.status, 400);
    assert_eq!(bad.json()["error"], "the key has a % without two hexadecimal digits behind it, at byte 3");
}

#[test]
fn clients_of_redis_see_the_same_values() {
    let server = start(&[]);
    assert_eq!(server.redis("SET greeting hello"), "+OK\r\n");
    assert_eq!(server.get("/cache/greeting").body, b"hello");
    assert_eq!(server.put("/cache/greeting?ttl=60", b"hi").status, 204);
    assert_eq!(server.redis("GET greeting"), "$2\r\nhi\r\n");
    let ttl = server.redis("TTL greeting");
    assert!(ttl == ":60\r\n" || ttl == ":59\r\n", "{ttl}");
    let max_age = [("Cache-Control", "private, max-age=3600")];
    assert_eq!(server.ask("PUT", "/cache/greeting", &max_age, b"hi").status, 204);
    let ttl = server.redis("TTL greeting");
    assert!(ttl == ":3600\r\n" || ttl == ":3599\r\n", "{ttl}");
    assert_eq!(server.put("/cache/greeting", b"hi").status, 204);
    assert_eq!(server.redis("TTL greeting"), ":-1\r\n");
    let refused = server.put("/cache/greeting?ttl=soon", b"hi");
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["error"], "ttl: expected whole seconds from 1 to 4294967295, got \"soon\"");
    assert_eq!(server.redis("HSET user name Ada"), ":1\r\n");
    let fields = server.get("/cache/user");
    assert_eq!(fields.status, 409);
    assert_eq!(fields.json()["error"], "the value is a hash or a list, and not one text");
    assert_eq!(server.head("/cache/user").status, 409);
    // A transaction that watches a key sees that it was changed.
    let mut redis = server.connect_redis();
    redis.write_all(b"WATCH greeting\r\n").unwrap();
    assert_eq!(server.reply(&mut redis), "+OK\r\n");
    server.put("/cache/greeting", b"changed");
    redis.write_all(b"MULTI\r\nGET greeting\r\nEXEC\r\n").unwrap();
    assert_eq!(
        server.reply(&mut redis) + &server.reply(&mut redis) + &server.reply(&mut redis),
        "+OK\r\n+QUEUED\r\n*-1\r\n"
    );
}

#[test]
fn a_body_beyond_its_limit_is_refused_before_it_is_read() {
    let server = start(&["serve.max-bulk=1KiB"]);
    assert_eq!(server.put("/cache/a", &[b'x'; 1_024]).status, 204);
    let refused = server.put("/cache/a", &[b'x'; 1_025]);
    assert_eq!(refused.status, 413);
    assert_eq!(refused.json()["error"], "the body has more than 1024 bytes");
    // Nothing of it comes, and it is refused all the same.
    let mut stream = server.connect();
    stream
        .write_all(b"PUT /cache/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n")
        .unwrap();
    assert_eq!(Answer::read(&mut stream).status, 413);
    // One that does not say how long it is.
    let mut stream = server.connect();
    let mut text =
        b"PUT /cache/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n".to_vec();
    text.extend([b'y'; 1_024]);
    text.extend(b"\r\n1\r\ny\r\n0\r\n\r\n");
    stream.write_all(&text).unwrap();
    assert_eq!(Answer::read(&mut stream).status, 413);
    assert_eq!(server.get("/cache/a").body, [b'x'; 1_024], "what stood there stands");
    // Within the limit, and more than the cache takes.
    let server = start(&["cache.min-capacity=1MB", "cache.capacity=1MB", "cache.max-capacity=1MB"]);
    let refused = server.put("/cache/a", &vec![b'x'; 2_000_000]);
    assert_eq!(refused.status, 413);
    assert!(
        refused.json()["error"].as_str().unwrap().starts_with("the value is larger than the cache takes")
    );
}

#[test]
fn with_a_password_nothing_is_told_without_it_but_whether_the_server_is_there() {
    let server = start(&["serve.password=opensesame"]);
    for path in ["/stats", "/cache/a", "/metrics", "/events", "/nowhere"] {
        let refused = server.get(path);
        assert_eq!(refused.status, 401, "{path}");
        assert!(refused.header("www-authenticate").unwrap().starts_with("Bearer"));
        assert!(refused.json()["hint"].as_str().unwrap().contains("Authorization: Bearer PASSWORD"));
    }
    assert_eq!((server.get("/healthz").status, server.get("/readyz").status), (200, 200));
    let with = |header: &str| server.ask("GET", "/stats", &[("Authorization", header)], b"").status;
    assert_eq!((with("Bearer opensesame"), with("Basic YW55Ym9keTpvcGVuc2VzYW1l")), (200, 200));
    assert_eq!((with("Bearer opensesam"), with("Basic b3BlbnNlc2FtZQ==")), (401, 401));
    // A body that nobody is let in with is not waited for.
    let mut stream = server.connect();
    stream.write_all(b"PUT /cache/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n").unwrap();
    assert_eq!(Answer::read(&mut stream).status, 401);
    let profile = server.ask("GET", "/profile", &[("Authorization", "Bearer opensesame")], b"");
    assert_eq!(profile.status, 200);
    assert!(!String::from_utf8(profile.body).unwrap().contains("opensesame"));
}

#[test]
fn without_a_password_a_request_has_to_name_this_machine() {
    let server = start(&[]);
    let mut stream = server.connect();
    stream.write_all(b"GET /stats HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").unwrap();
    let refused = Answer::read(&mut stream);
    assert_eq!(refused.status, 403);
    assert!(refused.json()["hint"].as_str().unwrap().contains("127.0.0.1"));
}
