//! Messages, and what clients do to each other.

use super::running::{Connection, start};

#[test]
fn messages_reach_channels_and_patterns() {
    let running = start(Default::default());
    let (mut one, mut all, mut sender) = (running.connect(), running.connect(), running.connect());
    one.send_words("SUBSCRIBE news sport");
    assert_eq!([one.reply(), one.reply()], ["[\"subscribe\", \"news\", 1]", "[\"subscribe\", \"sport\", 2]"]);
    assert_eq!(all.ask("PSUBSCRIBE n*"), "[\"psubscribe\", \"n*\", 1]");
    assert_eq!(sender.ask("PUBLISH news a"), "2");
    assert_eq!(sender.ask("PUBLISH sport b"), "1");
    assert_eq!(sender.ask("PUBLISH other c"), "0");
    assert_eq!(
        [one.reply(), one.reply()],
        ["[\"message\", \"news\", \"a\"]", "[\"message\", \"sport\", \"b\"]"]
    );
    assert_eq!(all.reply(), "[\"pmessage\", \"n*\", \"news\", \"a\"]");
    assert_eq!(sender.ask("PUBSUB NUMSUB news other"), "[\"news\", 1, \"other\", 0]");
    assert!(one.ask("GET a").starts_with("error ERR Can't execute 'get'"));
    assert_eq!(one.ask("PING"), "[\"pong\", \"\"]");
    drop(one);
    while sender.ask("PUBLISH news d") != "1" {}
}

fn id(client: &mut Connection) -> String {
    client.ask("CLIENT ID")
}

#[test]
fn a_client_can_be_ended_by_another() {
    let running = start(Default::default());
    let (mut one, mut two) = (running.connect(), running.connect());
    let number = id(&mut one);
    assert_eq!(two.ask("CLIENT KILL ID 999999"), "0");
    assert_eq!(two.ask(&format!("CLIENT KILL ID {number}")), "1");
    assert!(one.is_closed());
    running.wait_for_clients(1);
    // Its own end comes behind the reply.
    let number = id(&mut two);
    assert_eq!(two.ask(&format!("CLIENT KILL ID {number} SKIPME no")), "1");
    assert!(two.is_closed());
    running.wait_for_clients(0);
}

#[test]
fn a_monitor_sees_what_others_do_and_no_password() {
    let running = start(Default::default());
    let (mut monitor, mut client) = (running.connect(), running.connect());
    assert_eq!(monitor.ask("MONITOR"), "OK");
    client.ask("AUTH secret");
    client.ask("SET a 1");
    let seen = monitor.reply();
    assert!(seen.ends_with("\"SET\" \"a\" \"1\"") && seen.contains("[0 127.0.0.1:"), "{seen}");
}

#[test]
fn whoever_is_connected_at_the_end_gets_what_was_asked_for() {
    let running = start(Default::default());
    let mut clients: Vec<_> = (0..20).map(|_| running.connect()).collect();
    clients.iter_mut().for_each(|client| assert_eq!(client.ask("PING"), "PONG"));
    assert_eq!(running.shut_down(), 0);
    assert!(clients.iter_mut().all(Connection::is_closed));
}
