//! Why a server does not tell what it is asked for.

use std::error::Error;

use tokio_rustls::rustls::{self, AlertDescription, CertificateError};

use super::PATIENCE;

/// Why a server does not tell what it is asked for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers there.
    #[error(
        "{address}: no server answers: {cause}; start one with `host serve --http {address}`, or name another address with --http"
    )]
    Unreachable {
        /// The address.
        address: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// It takes too long.
    #[error("{address}: no answer to {path} within {} s; the server is busy, or something else listens there", PATIENCE.as_secs())]
    TimedOut {
        /// The address.
        address: String,
        /// What was asked for.
        path: String,
    },
    /// It is to be asked over TLS, and nothing says which certificates to believe.
    #[error(
        "{address}: which certificates are to be believed? name a file of them in PEM with --ca; the server's own will do"
    )]
    NoTrust {
        /// The address.
        address: String,
    },
    /// No encrypted connection comes about.
    #[error("{address}: no connection over TLS: {cause}{hint}")]
    NoTls {
        /// The address.
        address: String,
        /// What is wrong.
        cause: String,
        /// What to do, where that is known.
        hint: &'static str,
    },
    /// Something answers that is no server of HTTP.
    #[error(
        "{address}: what answers there is no HTTP: {cause}; is it the address of serve.http, and not that of serve.resp?"
    )]
    NoHttp {
        /// The address.
        address: String,
        /// What is wrong.
        cause: String,
    },
    /// It wants another password.
    #[error("{address}: the server wants a password; set HOST_SERVE_PASSWORD to that of its profile")]
    Password {
        /// The address.
        address: String,
    },
    /// It answers something else.
    #[error("{address}{path}: the server answered {status}: {text}")]
    Refused {
        /// The address.
        address: String,
        /// What was asked for.
        path: String,
        /// The status code.
        status: u16,
        /// What it said, or what is wrong with it.
        text: String,
    },
    /// The system gives no thread or timer.
    #[error("cannot ask: {0}")]
    Runtime(std::io::Error),
}

impl ClientError {
    /// What a connection over TLS ended with.
    pub(super) fn no_tls(address: String, error: &(dyn Error + 'static)) -> Self {
        let (mut cause, mut hint) = (error.to_string(), "");
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            if !cause.contains(&text) {
                cause = format!("{cause}: {text}");
            }
            // What is inside of such an error is not among its sources.
            let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
            next = match inner {
                Some(inner) => Some(inner),
                None => error.source(),
            };
            if let Some(error) = error.downcast_ref() {
                hint = what_to_do(error);
            }
        }
        Self::NoTls { address, cause, hint }
    }
}

fn what_to_do(error: &rustls::Error) -> &'static str {
    use CertificateError::{NotValidForName, NotValidForNameContext, UnknownIssuer};
    match error {
        rustls::Error::InvalidCertificate(UnknownIssuer) => {
            "; name the certificate that signed the server's, or that one itself, with --ca"
        }
        rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => {
            "; ask it under a name that is in its certificate, or name that certificate itself with --ca"
        }
        rustls::Error::InvalidMessage(_) => {
            "; does the server speak TLS? Ask it by http:// where it does not"
        }
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "; it wants a certificate: name one that it believes with --cert, and its key with --key"
        }
        _ => "",
    }
}
