//! Connections: how many, how they end, and where a server may listen.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use host_server::http::client::Client;
use host_server::{Config, Password, Server};
use serde_json::Value;

use crate::running::{Answer, start};

fn moment() {
    std::thread::sleep(Duration::from_millis(1));
}

#[test]
fn what_is_no_http_ends_its_connection_and_nothing_else() {
    let server = start(&[]);
    let mut stream = server.connect();
    stream.write_all(b"*1\r\n$4\r\nPING\r\n").unwrap();
    let mut answer = String::new();
    drop(stream.read_to_string(&mut answer));
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    let mut stream = server.connect();
    stream.write_all(b"GET /stats HTTP/1.1\r\nHost: localhost\r\nX: ").unwrap();
    // It may be refused before all of it was sent.
    drop(stream.write_all(&vec![b'x'; 200_000]));
    drop(stream.write_all(b"\r\n\r\n"));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    assert!(
        answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"),
        "{:?}",
        String::from_utf8_lossy(&answer)
    );
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn one_client_too_many_is_told_so_whichever_protocol_the_others_speak() {
    let server = start(&["serve.max-clients=2"]);
    let mut redis = server.connect_redis();
    redis.write_all(b"PING\r\n").unwrap();
    assert_eq!(server.reply(&mut redis), "+PONG\r\n");
    let mut http = server.connect();
    // The last one of the start may not be gone yet.
    loop {
        http.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        if Answer::read(&mut http).status == 200 {
            break;
        }
        moment();
        http = server.connect();
    }
    let refused = Answer::read(&mut server.connect());
    assert_eq!((refused.status, refused.json()["error"].clone()), (503, "there are too many clients".into()));
    let mut text = String::new();
    server.connect_redis().read_to_string(&mut text).unwrap();
    assert_eq!(text, "-ERR max number of clients reached\r\n");
    drop(http);
    // Its place is free once the server has seen it go.
    loop {
        let mut again = server.connect_redis();
        again.write_all(b"PING\r\n").unwrap();
        if server.reply(&mut again) == "+PONG\r\n" {
            break;
        }
        moment();
    }
}

#[test]
fn a_server_that_ends_answers_what_has_come_and_says_that_it_is_not_ready() {
    let server = start(&[]);
    let mut put = server.connect();
    put.write_all(b"PUT /cache/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nha").unwrap();
    let mut ready = server.connect();
    ready.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n").unwrap();
    let mut idle = server.connect();
    idle.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(Answer::read(&mut idle).status, 200);
    while server.get("/stats").json()["clients"]["http"].as_u64().unwrap() < 4 {
        moment();
    }
    let address = server.address();
    std::thread::scope(|scope| {
        let ending = scope.spawn(|| server.shut_down());
        while TcpStream::connect(address).is_ok() {
            moment();
        }
        let mut nothing = Vec::new();
        drop(idle.read_to_end(&mut nothing));
        assert!(nothing.is_empty(), "an idle connection is ended");
        ready.write_all(b"\r\n").unwrap();
        let answer = Answer::read(&mut ready);
        assert_eq!((answer.status, answer.json()["error"].clone()), (503, "the server is ending".into()));
        put.write_all(b"lf").unwrap();
        let answer = Answer::read(&mut put);
        assert_eq!((answer.status, answer.header("connection")), (204, Some("close")));
        assert_eq!(ending.join().unwrap(), 0);
    });
}

#[test]
fn an_address_that_others_reach_needs_a_password_and_a_check_binds_for_a_moment_only() {
    let check = |http: &str, password: &str| {
        let config = Config {
            resp: None,
            http: Some(http.to_owned()),
            password: Password::new(password),
            ..Config::default()
        };
        Server::check(&config).map_err(|error| error.to_string())
    };
    let error = check("0.0.0.0:0", "").unwrap_err();
    assert!(error.starts_with("serve.http = \"0.0.0.0:0\" can be reached from other machines"), "{error}");
    assert_eq!(check("0.0.0.0:0", "secret").unwrap()[0].whom, "HTTP");
    let free = check("127.0.0.1:0", "").unwrap()[0].at.clone();
    assert_eq!(check(&free, "").unwrap()[0].at, free);
    let _taken = TcpListener::bind(&free).unwrap();
    assert!(check(&free, "").unwrap_err().contains("another server listens there"));
    let error = check("nonsense", "").unwrap_err();
    assert!(error.starts_with("serve.http = \"nonsense\""), "{error}");
}

#[test]
fn the_client_of_the_command_line_says_what_is_wrong() {
    let ask = |address: &str, password: &str| {
        let answer: Result<Value, _> = Client::new(address, password, None).unwrap().get("/stats");
        answer.map_err(|error| error.to_string())
    };
    let server = start(&["serve.password=opensesame"]);
    let address = server.address().to_string();
    assert_eq!(ask(&address, "opensesame").unwrap()["profile"], "small");
    assert_eq!(ask(&format!("http://{address}/"), "opensesame").unwrap()["profile"], "small");
    let error = ask(&address, "").unwrap_err();
    assert_eq!(
        error,
        format!("{address}: the server wants a password; set HOST_SERVE_PASSWORD to that of its profile")
    );
    let redis = server.redis_address().to_string();
    let error = ask(&redis, "").unwrap_err();
    assert!(error.starts_with(&format!("{redis}: what answers there is no HTTP")), "{error}");
    server.shut_down();
    let error = ask(&address, "").unwrap_err();
    assert!(error.contains("no server answers") && error.contains("host serve --http"), "{error}");
}
