//! Whom a client of the command line believes, and what it shows.
//!
//! A server is believed whose certificate one of a file signed, or is one of the file itself, byte for byte: that is what a
//! certificate without an authority needs, and it holds under whichever name the server is asked.

use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use super::{TlsError, pem, provider};

/// The arguments that name the files.
const CA: &str = "--ca";
const CERTIFICATE: &str = "--cert";
const KEY: &str = "--key";

/// Whom a client believes, and what it shows.
#[derive(Clone)]
pub struct Trust(TlsConnector);

impl Trust {
    /// Believes servers by the certificates of `ca`. Shows the certificate of `own`, with its key, to a server that asks for one.
    ///
    /// # Errors
    /// [`TlsError`]: a file cannot be read, or is of no use.
    pub fn new(ca: &Path, own: Option<(&Path, &Path)>) -> Result<Self, TlsError> {
        let refused = |cause: String| TlsError::Refused { cause };
        let known = pem::certificates(CA, ca)?;
        let roots = Arc::new(pem::roots(CA, ca)?);
        let signed = WebPkiServerVerifier::builder_with_provider(roots, provider()).build();
        let signed = signed.map_err(|error| refused(error.to_string()))?;
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| refused(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Known { known, signed }));
        let config = match own {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = pem::certificates(CERTIFICATE, certificate)?;
                let secret = pem::key(KEY, key)?;
                builder.with_client_auth_cert(chain, secret).map_err(|error| match error {
                    Error::InconsistentKeys(_) => TlsError::OtherKey {
                        key: KEY,
                        file: key.to_owned(),
                        certificate_key: CERTIFICATE,
                        certificate: certificate.to_owned(),
                    },
                    other => refused(other.to_string()),
                })?
            }
        };
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Encrypts a connection to the server of this name or address.
    ///
    /// # Errors
    /// Both sides do not agree, or the certificate is not believed.
    pub(crate) async fn connect(
        &self,
        name: ServerName<'static>,
        stream: TcpStream,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        self.0.connect(name, stream).await
    }
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trust").finish_non_exhaustive()
    }
}

/// Believes what is known itself, and what it signed. That the server has the key is proven by the handshake in both cases.
#[derive(Debug)]
struct Known {
    known: Vec<CertificateDer<'static>>,
    signed: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.known.iter().any(|known| known == end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        self.signed.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signed.supported_verify_schemes()
    }
}
