//! The `redis` crate, by its ordinary functions.

use std::time::Duration;

use redis::{
    Commands as _, Connection, ConnectionLike as _, ExistenceCheck, RedisResult, SetExpiry, SetOptions,
};

use super::running::{Running, start};

fn connect(running: &Running, protocol: &str) -> Connection {
    let client = redis::Client::open(format!("redis://{}/?protocol={protocol}", running.address())).unwrap();
    client.get_connection_with_timeout(Duration::from_secs(60)).unwrap()
}

#[test]
fn values_hashes_lists_and_times_to_live() {
    let running = start(Default::default());
    for protocol in ["resp2", "resp3"] {
        let mut redis = connect(&running, protocol);
        let _: () = redis.flushall().unwrap();
        let _: () = redis.set("a", 41).unwrap();
        let sum: i64 = redis.incr("a", 1).unwrap();
        assert_eq!(sum, 42);
        let options = SetOptions::default()
            .conditional_set(ExistenceCheck::NX)
            .with_expiration(SetExpiry::EX(100))
            .get(false);
        assert!(redis.set_options::<_, _, Option<String>>("b", "x", options.clone()).unwrap().is_some());
        assert!(redis.set_options::<_, _, Option<String>>("b", "y", options).unwrap().is_none());
        let left: i64 = redis.ttl("b").unwrap();
        assert!((90..=100).contains(&left));
        let both: Vec<Option<String>> = redis.mget(&["a", "no", "b"]).unwrap();
        assert_eq!(both, [Some("42".to_owned()), None, Some("x".to_owned())]);
        let _: () = redis.hset_multiple("h", &[("one", 1), ("two", 2)]).unwrap();
        let fields: std::collections::HashMap<String, u32> = redis.hgetall("h").unwrap();
        assert_eq!((fields.len(), fields["two"]), (2, 2));
        let _: () = redis.rpush("l", &["x", "y"]).unwrap();
        let items: Vec<String> = redis.lrange("l", 0, -1).unwrap();
        assert_eq!(items, ["x", "y"]);
        let error = redis.get::<_, String>("h").unwrap_err();
        assert_eq!(error.code(), Some("WRONGTYPE"), "{error}");
        let mut keys: Vec<String> = redis.scan().unwrap().collect::<RedisResult<_>>().unwrap();
        keys.sort();
        assert_eq!(keys, ["a", "b", "h", "l"]);
    }
}

#[test]
fn pipelines_and_transactions() {
    let running = start(Default::default());
    for protocol in ["resp2", "resp3"] {
        let mut redis = connect(&running, protocol);
        let _: () = redis.set("n", 1).unwrap();
        let (one, other): (i64, Option<String>) =
            redis::pipe().incr("n", 1).set("m", "x").ignore().get("no").query(&mut redis).unwrap();
        assert_eq!((one, other), (2, None));
        let (sum,): (i64,) = redis::transaction(&mut redis, &["n"], |redis, pipe| {
            let now: i64 = redis.get("n")?;
            pipe.set("n", now + 10).ignore().get("n").query(redis)
        })
        .unwrap();
        assert_eq!(sum, 12);
        assert!(redis.check_connection() && redis.is_open());
    }
}

#[test]
fn messages() {
    let running = start(Default::default());
    let (mut listens, mut sends) = (connect(&running, "resp2"), connect(&running, "resp3"));
    let mut listens = listens.as_pubsub();
    listens.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    listens.subscribe("news").unwrap();
    listens.psubscribe("n*").unwrap();
    let heard: i64 = sends.publish("news", "hello").unwrap();
    assert_eq!(heard, 2);
    for _ in 0..2 {
        let message = listens.get_message().unwrap();
        assert_eq!(
            (message.get_channel_name(), message.get_payload::<String>().unwrap()),
            ("news", "hello".to_owned())
        );
    }
}
