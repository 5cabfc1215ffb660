//! What is told as JSON.

use serde_json::Value;

use crate::running::start;

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
