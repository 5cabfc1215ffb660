//! Asks a server over HTTP, encrypted or not, for the commands that show one.

mod failure;

pub use failure::ClientError;

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::tls::Trust;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of an answer that are read, at most.
const LONGEST: usize = 16 << 20;

/// Asks one server.
pub struct Client {
    address: String,
    password: String,
    /// None: it is not encrypted.
    trust: Option<Trust>,
    runtime: tokio::runtime::Runtime,
}

impl Client {
    /// Asks the server of this address; with a password, unless it is empty. Over TLS where there is `trust`, unless the address
    /// begins with `http://`.
    ///
    /// # Errors
    /// [`ClientError::Runtime`]; [`ClientError::NoTrust`] where the address begins with `https://` and there is no `trust`.
    pub fn new(address: &str, password: &str, trust: Option<Trust>) -> Result<Self, ClientError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(ClientError::Runtime)?;
        let (plain, encrypted) = (address.strip_prefix("http://"), address.strip_prefix("https://"));
        let host = plain.or(encrypted).unwrap_or(address).trim_end_matches('/').to_owned();
        if encrypted.is_some() && trust.is_none() {
            return Err(ClientError::NoTrust { address: host });
        }
        let trust = trust.filter(|_| plain.is_none());
        Ok(Self { address: host, password: password.to_owned(), trust, runtime })
    }

    /// What the server says of a path, read as JSON.
    ///
    /// # Errors
    /// [`ClientError`].
    ///
    /// # Panics
    /// Inside async code, where blocking would stop other tasks.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let (status, body) = self.runtime.block_on(async {
            let asked = tokio::time::timeout(PATIENCE, self.ask(path)).await;
            asked
                .map_err(|_| ClientError::TimedOut { address: self.address.clone(), path: path.to_owned() })?
        })?;
        if status == StatusCode::UNAUTHORIZED {
            return Err(ClientError::Password { address: self.address.clone() });
        }
        let refused = |text: String| ClientError::Refused {
            address: self.address.clone(),
            path: path.to_owned(),
            status: status.as_u16(),
            text,
        };
        if !status.is_success() {
            return Err(refused(String::from_utf8_lossy(&body).trim().to_owned()));
        }
        serde_json::from_slice(&body)
            .map_err(|error| refused(format!("which is not what this host expects: {error}")))
    }

    async fn ask(&self, path: &str) -> Result<(StatusCode, Bytes), ClientError> {
        let unreachable = |cause| ClientError::Unreachable { address: self.address.clone(), cause };
        let stream = TcpStream::connect(&self.address).await.map_err(unreachable)?;
        let Some(trust) = &self.trust else { return self.ask_over(stream, path).await };
        let host = self.address.rsplit_once(':').map_or(self.address.as_str(), |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(|error| self.broken(&error))?;
        let stream = trust.connect(name, stream).await.map_err(|error| self.broken(&error))?;
        self.ask_over(stream, path).await
    }

    async fn ask_over<S>(&self, stream: S, path: &str) -> Result<(StatusCode, Bytes), ClientError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let handshake = http1::handshake::<_, Body>(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| self.broken(&error))?;
        let driver = tokio::spawn(connection);
        let mut request = Request::get(path).header(HOST, &self.address);
        if !self.password.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {}", self.password));
        }
        let request = request.body(Body::empty()).map_err(|error| self.broken(&error))?;
        let response = sender.send_request(request).await.map_err(|error| self.broken(&error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LONGEST).collect().await;
        let body = body.map_err(|error| self.broken(&*error))?.to_bytes();
        driver.abort();
        Ok((status, body))
    }

    /// A connection that comes to nothing.
    fn broken(&self, error: &(dyn std::error::Error + 'static)) -> ClientError {
        let address = self.address.clone();
        match self.trust {
            None => ClientError::NoHttp { address, cause: error.to_string() },
            Some(_) => ClientError::no_tls(address, error),
        }
    }
}

// Without the password.
impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("address", &self.address).finish_non_exhaustive()
    }
}
