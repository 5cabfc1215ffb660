//! Asks a server over HTTP, for the commands that show one.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of an answer that are read, at most.
const LONGEST: usize = 16 << 20;

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

/// Asks one server.
pub struct Client {
    address: String,
    password: String,
    runtime: tokio::runtime::Runtime,
}

impl Client {
    /// Asks the server of this address; with a password, unless it is empty.
    ///
    /// # Errors
    /// [`ClientError::Runtime`].
    pub fn new(address: &str, password: &str) -> Result<Self, ClientError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(ClientError::Runtime)?;
        let address = address.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Ok(Self { address, password: password.to_owned(), runtime })
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
        let no_http = |cause: String| ClientError::NoHttp { address: self.address.clone(), cause };
        let stream = TcpStream::connect(&self.address).await.map_err(unreachable)?;
        let handshake = http1::handshake::<_, Body>(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| no_http(error.to_string()))?;
        let driver = tokio::spawn(connection);
        let mut request = Request::get(path).header(HOST, &self.address);
        if !self.password.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {}", self.password));
        }
        let request = request.body(Body::empty()).map_err(|error| no_http(error.to_string()))?;
        let response = sender.send_request(request).await.map_err(|error| no_http(error.to_string()))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LONGEST).collect().await;
        let body = body.map_err(|error| no_http(error.to_string()))?.to_bytes();
        driver.abort();
        Ok((status, body))
    }
}

// Without the password.
impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("address", &self.address).finish_non_exhaustive()
    }
}
