//! A server over TLS with a host of its own, and connections to it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use host_profile::Loader;
use host_runtime::{Host, Options};
use host_server::{Config, Server, TlsFiles};
use host_telemetry::Machine;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{
    ALL_VERSIONS, ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use crate::certificates::{Authority, Folder};

/// Longer than anything takes: a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A server with a certificate of an authority, in files `server.pem` and `server.key`.
pub(crate) struct Running {
    pub(crate) server: Server,
    pub(crate) authority: Authority,
    pub(crate) folder: Folder,
    pub(crate) redis: SocketAddr,
    pub(crate) http: SocketAddr,
}

/// A server whose clients need no certificate.
pub(crate) fn start(config: Config) -> Running {
    let (authority, folder) = (Authority::new("servers"), Folder::new());
    start_with(authority, folder, None, config)
}

/// A server whose clients have to show one of `clients`.
pub(crate) fn start_for(clients: &Authority) -> Running {
    let (authority, folder) = (Authority::new("servers"), Folder::new());
    folder.write("clients.pem", &clients.pem());
    start_with(authority, folder, Some("clients.pem"), Config::default())
}

fn start_with(authority: Authority, folder: Folder, clients: Option<&str>, config: Config) -> Running {
    let (certificate, key) = folder.write_pair("server", &authority.issue(&["localhost", "127.0.0.1"]));
    let client_ca = clients.map(|name| folder.path().join(name));
    let machine = Machine::read(Path::new("."));
    let settings = Loader::new().profile("small").user_file(None).load(&machine).unwrap();
    let host = Arc::new(Host::start(Options::new(settings.clone())).unwrap());
    let config = Config {
        resp: Some("127.0.0.1:0".to_owned()),
        http: Some("127.0.0.1:0".to_owned()),
        unix: Some(folder.path().join("host.sock")),
        tls: Some(TlsFiles { certificate, key, client_ca }),
        threads: 2,
        ..config
    };
    let server = Server::start(host, settings, config, 1).unwrap();
    let (redis, http) = (server.address().unwrap(), server.http().unwrap());
    Running { server, authority, folder, redis, http }
}

impl Running {
    /// A connection that nobody has encrypted yet.
    pub(crate) fn plain(&self) -> TcpStream {
        plain(self.redis)
    }

    /// An encrypted connection.
    pub(crate) fn connect(&self) -> Connection {
        Connection::new(self.redis, client(&self.authority, None, ALL_VERSIONS))
    }

    /// Connections that the server has, once there are so many.
    pub(crate) fn wait_for_clients(&self, clients: usize) {
        while self.server.clients() != clients {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

pub(crate) fn plain(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// What a client believes and shows.
pub(crate) fn client(
    authority: &Authority,
    own: Option<&(String, String)>,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    match own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    }
}

/// An encrypted connection.
pub(crate) struct Connection(pub(crate) StreamOwned<ClientConnection, TcpStream>);

impl Connection {
    pub(crate) fn new(address: SocketAddr, config: ClientConfig) -> Self {
        let name = ServerName::try_from("localhost").unwrap();
        let session = ClientConnection::new(Arc::new(config), name).unwrap();
        Self(StreamOwned::new(session, plain(address)))
    }

    /// Sends words as one line, and reads as many bytes as are expected.
    pub(crate) fn ask(&mut self, line: &str, expected: &str) {
        self.0.write_all(format!("{line}\r\n").as_bytes()).unwrap();
        let mut reply = vec![0; expected.len()];
        self.0.read_exact(&mut reply).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(String::from_utf8_lossy(&reply), expected, "{line}");
    }

    /// Sends a line, and says why no connection came about.
    pub(crate) fn refused(mut self, line: &str) -> String {
        let mut reply = [0; 1];
        let asked =
            self.0.write_all(format!("{line}\r\n").as_bytes()).and_then(|()| self.0.read_exact(&mut reply));
        asked.unwrap_err().to_string()
    }

    /// What comes until the server has said that nothing more does.
    pub(crate) fn rest(mut self) -> String {
        let mut rest = String::new();
        self.0.read_to_string(&mut rest).unwrap();
        rest
    }
}
