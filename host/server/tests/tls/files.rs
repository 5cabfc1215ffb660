//! What is wrong with files, and files that are read again.

use std::path::{Path, PathBuf};

use host_server::{Config, Server, TlsFiles};
use tokio_rustls::rustls::ALL_VERSIONS;

use crate::certificates::{Authority, Folder};
use crate::running::{Connection, client, start};

fn check(certificate: &Path, key: &Path, client_ca: Option<PathBuf>) -> String {
    let tls = Some(TlsFiles { certificate: certificate.to_owned(), key: key.to_owned(), client_ca });
    let config = Config { resp: Some("127.0.0.1:0".to_owned()), tls, ..Config::default() };
    Server::check(&config).map_or_else(|error| error.to_string(), |_| "fine".to_owned())
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_setting_and_what_to_do() {
    let (authority, folder) = (Authority::new("servers"), Folder::new());
    let (certificate, key) = folder.write_pair("server", &authority.issue(&["localhost"]));
    let (_, other_key) = folder.write_pair("other", &authority.issue(&["localhost"]));
    let nothing = folder.write("nothing.pem", "nothing of use\n");
    let pem = std::fs::read_to_string(&certificate).unwrap();
    let damaged = folder.write("damaged.pem", &pem.replace("-----END", "????\n-----END"));
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let garbage = folder.write("garbage.pem", garbage);
    let no_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let no_key = folder.write("no.key", no_key);
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let encrypted = folder.write("encrypted.key", encrypted);
    let missing = folder.path().join("missing.pem");
    assert_eq!(check(&certificate, &key, Some(certificate.clone())), "fine");
    for (certificate, key, ca, setting, file, says) in [
        (&missing, &key, None, "tls-cert", "missing.pem", "cannot be read: No such file"),
        (&nothing, &key, None, "tls-cert", "nothing.pem", "there is no certificate in it; expected PEM"),
        (&damaged, &key, None, "tls-cert", "damaged.pem", "it is damaged"),
        (&garbage, &key, None, "tls-cert", "garbage.pem", "cannot be read"),
        (&key, &key, None, "tls-cert", "server.key", "there is no certificate in it"),
        (&certificate, &missing, None, "tls-key", "missing.pem", "cannot be read: No such file"),
        (
            &certificate,
            &certificate,
            None,
            "tls-key",
            "server.pem",
            "there is no private key in it; expected PEM",
        ),
        (&certificate, &no_key, None, "tls-key", "no.key", "expected a key of RSA"),
        (
            &certificate,
            &encrypted,
            None,
            "tls-key",
            "encrypted.key",
            "is encrypted; expected one without a passphrase",
        ),
        (&certificate, &other_key, None, "tls-key", "other.key", "it is the key of another certificate"),
        (&certificate, &key, Some(&missing), "tls-client-ca", "missing.pem", "cannot be read: No such file"),
        (&certificate, &key, Some(&nothing), "tls-client-ca", "nothing.pem", "there is no certificate in it"),
        (
            &certificate,
            &key,
            Some(&garbage),
            "tls-client-ca",
            "garbage.pem",
            "certificate 1 in it cannot be read",
        ),
        (&certificate, &folder.path().to_owned(), None, "tls-key", "", "cannot be read: Is a directory"),
        (&PathBuf::from("/dev/zero"), &key, None, "tls-cert", "/dev/zero", "it has more than 16 MiB"),
    ] {
        let error = check(certificate, key, ca.cloned());
        assert!(error.starts_with(&format!("serve.{setting} = \"")), "{error}");
        assert!(error.contains(&format!("{file}\": ")) && error.contains(says), "{says}: {error}");
        assert!(error.contains("expected "), "{error}");
    }
    let some = |path: &PathBuf| Some(path.clone());
    for (certificate, key, ca, error) in [
        (
            some(&certificate),
            None,
            None,
            "serve.tls-cert is set and serve.tls-key is not; set both, or neither",
        ),
        (None, some(&key), None, "serve.tls-key is set and serve.tls-cert is not; set both, or neither"),
        (
            None,
            None,
            some(&certificate),
            "serve.tls-client-ca is set and serve.tls-cert is not; set both, or neither",
        ),
    ] {
        assert_eq!(TlsFiles::new(certificate, key, ca).unwrap_err().to_string(), error);
    }
    assert_eq!(TlsFiles::new(None, None, None).unwrap(), None);
}

#[test]
fn files_that_are_read_again_count_for_the_connections_to_come_and_wrong_ones_do_not() {
    let running = start(Config::default());
    let mut before = running.connect();
    before.ask("PING", "+PONG\r\n");
    let (certificate, key) = running.authority.issue(&["localhost"]);
    running.folder.write("server.pem", &certificate);
    let error = running.server.reload_certificates().unwrap_err().to_string();
    assert!(error.contains("it is the key of another certificate"), "{error}");
    running.connect().ask("PING", "+PONG\r\n");
    running.folder.write("server.key", &key);
    assert!(running.server.reload_certificates().unwrap());
    running.connect().ask("PING", "+PONG\r\n");
    let others = Authority::new("others");
    running.folder.write_pair("server", &others.issue(&["localhost"]));
    assert!(running.server.reload_certificates().unwrap());
    let error = running.connect().refused("PING");
    assert!(error.contains("invalid peer certificate"), "{error}");
    Connection::new(running.redis, client(&others, None, ALL_VERSIONS)).ask("PING", "+PONG\r\n");
    before.ask("PING", "+PONG\r\n");
}
