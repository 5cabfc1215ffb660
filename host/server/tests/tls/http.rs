//! HTTP, and what asks it.

use std::io::{Read as _, Write as _};

use host_server::http::client::Client;
use host_server::{Config, Trust};
use rcgen::{CertificateParams, IsCa, KeyPair};
use serde_json::Value;
use tokio_rustls::rustls::ALL_VERSIONS;

use crate::certificates::{Authority, Folder};
use crate::running::{Connection, client, plain, start, start_for};

fn ask(address: &str, trust: Option<Trust>) -> Result<Value, String> {
    let client = Client::new(address, "", trust).map_err(|error| error.to_string())?;
    client.get("/stats").map_err(|error| error.to_string())
}

#[test]
fn values_and_figures_come_over_tls() {
    let running = start(Config::default());
    let mut connection = Connection::new(running.http, client(&running.authority, None, ALL_VERSIONS));
    connection
        .0
        .write_all(b"PUT /cache/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nhalf")
        .unwrap();
    connection.0.write_all(b"GET /cache/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let answers = connection.rest();
    assert!(answers.starts_with("HTTP/1.1 204") && answers.ends_with("\r\n\r\nhalf"), "{answers}");
    running.connect().ask("GET a", "$4\r\nhalf\r\n");
    let trust = Trust::new(&running.folder.write("ca.pem", &running.authority.pem()), None).unwrap();
    let address = running.http.to_string();
    assert_eq!(ask(&address, Some(trust.clone())).unwrap()["profile"], "small");
    assert_eq!(ask(&format!("https://{address}/"), Some(trust)).unwrap()["profile"], "small");
    // The certificate of the server itself will do.
    let trust = Trust::new(&running.folder.path().join("server.pem"), None).unwrap();
    assert_eq!(ask(&address, Some(trust)).unwrap()["profile"], "small");
}

#[test]
fn the_client_of_the_command_line_says_what_is_wrong() {
    let running = start(Config::default());
    let address = running.http.to_string();
    let error = ask(&format!("https://{address}"), None).unwrap_err();
    assert_eq!(
        error,
        format!(
            "{address}: which certificates are to be believed? name a file of them in PEM with --ca; the server's own will do"
        )
    );
    // Who speaks plain text is told so in plain text.
    let error = ask(&format!("http://{address}"), None).unwrap_err();
    assert!(error.contains("400") && error.contains("ask by https://"), "{error}");
    let folder = Folder::new();
    let trust = |authority: &Authority| Trust::new(&folder.write("ca.pem", &authority.pem()), None).unwrap();
    let error = ask(&address, Some(trust(&Authority::new("others")))).unwrap_err();
    assert!(error.contains("no connection over TLS") && error.ends_with("with --ca"), "{error}");
    let other = format!("localhost.localdomain:{}", running.http.port());
    if let Err(error) = ask(&other, Some(trust(&running.authority))) {
        // It may not be known as a name of this machine.
        assert!(
            error.contains("under a name that is in its certificate") || error.contains("no server"),
            "{error}"
        );
    }
    // The other way round.
    let (certificate, key) = folder.write_pair("own", &running.authority.issue(&["a client"]));
    let error = Trust::new(&certificate, Some((&certificate, &running.folder.path().join("server.key"))));
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("--key = ") && error.contains("(--cert)"), "{error}");
    drop(Trust::new(&certificate, Some((&certificate, &key))).unwrap());
}

#[test]
fn a_certificate_without_an_authority_is_believed_by_its_own_file_alone() {
    let running = start(Config::default());
    // As `openssl req -x509` makes one: it could sign others itself.
    let mut params = CertificateParams::new(vec!["somewhere".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    running.folder.write_pair("server", &(certificate.clone(), key.serialize_pem()));
    assert!(running.server.reload_certificates().unwrap());
    let own = Trust::new(&running.folder.path().join("server.pem"), None).unwrap();
    assert_eq!(ask(&running.http.to_string(), Some(own)).unwrap()["profile"], "small");
    let other = Trust::new(&running.folder.write("other.pem", &running.authority.pem()), None).unwrap();
    assert!(ask(&running.http.to_string(), Some(other)).is_err());
}

#[test]
fn a_client_shows_its_certificate_where_the_server_wants_one() {
    let clients = Authority::new("clients");
    let running = start_for(&clients);
    let ca = running.folder.path().join("server.pem");
    let (certificate, key) = running.folder.write_pair("client", &clients.issue(&["client"]));
    let trust = Trust::new(&ca, Some((&certificate, &key))).unwrap();
    assert_eq!(ask(&running.http.to_string(), Some(trust)).unwrap()["profile"], "small");
    let error = ask(&running.http.to_string(), Some(Trust::new(&ca, None).unwrap())).unwrap_err();
    assert!(error.contains("--cert"), "{error}");
}

#[test]
fn connections_that_come_to_nothing_are_counted() {
    let running = start(Config::default());
    let mut text = String::new();
    let mut stream = plain(running.http);
    stream.write_all(b"GET /stats HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    stream.read_to_string(&mut text).unwrap();
    assert!(
        text.starts_with("HTTP/1.1 400 Bad Request\r\n") && text.contains("this address speaks TLS"),
        "{text}"
    );
    let mut connection = Connection::new(running.http, client(&running.authority, None, ALL_VERSIONS));
    connection.0.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let metrics = connection.rest();
    assert!(metrics.contains("\nhost_tls_handshakes_failed_total 1"), "{metrics}");
}
