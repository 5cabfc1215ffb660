//! TLS in front of both protocols.
//!
//! Certificate and key are PEM files. They are read at the start, and again when the server is told to: what is wrong with them is
//! an error then, and those before stand. Connections that there are go on with what they began with.
//!
//! A connection that is not encrypted pays nothing for this: which of the two it is, is decided once where it is accepted, and what
//! serves it is compiled for each kind of stream.

mod error;
mod pem;
mod trust;

pub use error::TlsError;
pub use trust::Trust;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{Error, ServerConfig};
use tokio_rustls::server::TlsStream;

/// Keys of the files.
pub(crate) const CERTIFICATE: &str = "serve.tls-cert";
pub(crate) const KEY: &str = "serve.tls-key";
pub(crate) const CLIENT_CA: &str = "serve.tls-client-ca";

/// How long a client may take until the connection is encrypted.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long the last words of a connection may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// The first byte of what begins a handshake of TLS.
const RECORD: u8 = 22;

/// The files that a server encrypts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate of the server, and behind it those that signed it, in PEM.
    pub certificate: PathBuf,
    /// The private key of the first of them, in PEM.
    pub key: PathBuf,
    /// Certificates in PEM; clients have to show one that one of these signed.
    pub client_ca: Option<PathBuf>,
}

impl TlsFiles {
    /// These files; none where there is none of them.
    ///
    /// # Errors
    /// [`TlsError::Missing`] where one is there and another that it needs is not.
    pub fn new(
        certificate: Option<PathBuf>,
        key: Option<PathBuf>,
        client_ca: Option<PathBuf>,
    ) -> Result<Option<Self>, TlsError> {
        let missing = |set, missing| Err(TlsError::Missing { set, missing });
        match (certificate, key) {
            (Some(certificate), Some(key)) => Ok(Some(Self { certificate, key, client_ca })),
            (Some(_), None) => missing(CERTIFICATE, KEY),
            (None, Some(_)) => missing(KEY, CERTIFICATE),
            (None, None) if client_ca.is_some() => missing(CLIENT_CA, CERTIFICATE),
            (None, None) => Ok(None),
        }
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.certificate, &self.key].into_iter().chain(&self.client_ca)
    }
}

/// Why a connection is not encrypted.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The client speaks something else.
    Plain(TcpStream),
    /// It speaks TLS, and both sides do not agree; or it went away.
    Broken(io::Error),
    /// It took too long.
    TimedOut,
}

/// What encrypts the connections of a server.
pub(crate) struct Tls {
    files: TlsFiles,
    config: ArcSwap<ServerConfig>,
    /// Connections that were not encrypted in the end.
    pub(crate) failed: AtomicU64,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`].
    pub(crate) fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let config = ArcSwap::from_pointee(config(files)?);
        Ok(Self { files: files.clone(), config, failed: AtomicU64::new(0) })
    }

    /// Reads the files again, for the connections to come.
    ///
    /// # Errors
    /// [`TlsError`]; what was read before stands then.
    pub(crate) fn reload(&self) -> Result<(), TlsError> {
        self.config.store(Arc::new(config(&self.files)?));
        Ok(())
    }

    /// Encrypts a connection.
    pub(crate) async fn accept(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, Failed> {
        let config = self.config.load_full();
        let shake = async {
            let mut first = [0];
            // Seen before anything else looks at it, so that who speaks no TLS can be told in words.
            match stream.peek(&mut first).await {
                Ok(1) if first != [RECORD] => return Err(Failed::Plain(stream)),
                Ok(_) => {}
                Err(error) => return Err(Failed::Broken(error)),
            }
            TlsAcceptor::from(config).accept(stream).await.map_err(Failed::Broken)
        };
        let shaken = tokio::time::timeout(HANDSHAKE, shake).await.unwrap_or(Err(Failed::TimedOut));
        shaken.inspect_err(|_| {
            self.failed.fetch_add(1, Ordering::Relaxed);
        })
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

/// Ends a connection that could not be encrypted. Who speaks no TLS gets `text`. Nothing is logged above debug: whoever likes can
/// cause it.
pub(crate) async fn turn_away(failed: Failed, from: &str, text: &[u8]) {
    match failed {
        Failed::Plain(mut stream) => {
            tracing::debug!(client = from, "turned away: it speaks no TLS");
            // What it has sent is taken off. Else the system ends the connection with a reset, which may overtake the text.
            let mut sent = [0; 1_024];
            drop(stream.try_read(&mut sent));
            if stream.write_all(text).await.is_ok() {
                farewell(&mut stream).await;
            }
        }
        Failed::Broken(error) => tracing::debug!(client = from, %error, "no TLS came about"),
        Failed::TimedOut => {
            tracing::debug!(client = from, seconds = HANDSHAKE.as_secs(), "no TLS came about in time");
        }
    }
}

/// Says that nothing more comes: a client may take an end without it for an attack.
pub(crate) async fn farewell(stream: &mut (impl AsyncWrite + Unpin)) {
    // Whether it hears that is its own affair.
    drop(tokio::time::timeout(FAREWELL, stream.shutdown()).await);
}

/// What does the arithmetic.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn config(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let chain = pem::certificates(CERTIFICATE, &files.certificate)?;
    let key = pem::key(KEY, &files.key)?;
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Refused { cause: error.to_string() })?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let roots = pem::roots(CLIENT_CA, file)?;
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build();
            let verifier = verifier.map_err(|error| TlsError::Refused { cause: error.to_string() })?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    builder.with_single_cert(chain, key).map_err(|error| match error {
        Error::InconsistentKeys(_) => TlsError::OtherKey {
            key: KEY,
            file: files.key.clone(),
            certificate_key: CERTIFICATE,
            certificate: files.certificate.clone(),
        },
        Error::InvalidCertificate(cause) => TlsError::NoUse {
            key: CERTIFICATE,
            file: files.certificate.clone(),
            cause: format!("the first certificate in it cannot be read: {cause}"),
            expected: "the certificate of this server first",
        },
        other => TlsError::NoUse {
            key: KEY,
            file: files.key.clone(),
            cause: other.to_string(),
            expected: "a key of RSA with 2048 bits or more, ECDSA on P-256 or P-384, or Ed25519",
        },
    })
}
