//! Where clients connect.

use std::net::ToSocketAddrs as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener};

use crate::config::Config;
use crate::error::ServeError;
use crate::resp::client::Client;
use crate::resp::connection;
use crate::server::{Shared, Stage};
use crate::tls::{farewell, turn_away};

/// Keys of the addresses.
pub(crate) const RESP: &str = "serve.resp";
pub(crate) const HTTP: &str = "serve.http";
const UNIX: &str = "serve.unix";

/// How long to wait after the system could not accept a connection: for want of files, most often.
const PAUSE: Duration = Duration::from_millis(50);

/// What a client reads that speaks no TLS where TLS is spoken.
const NO_TLS: &[u8] = b"-ERR this address speaks TLS: connect with TLS, as redis-cli --tls does\r\n";

/// Binds an address. One that other machines can reach needs a password.
///
/// # Errors
/// [`ServeError`].
pub(crate) async fn bind(
    config: &Config,
    key: &'static str,
    address: &str,
) -> Result<TcpListener, ServeError> {
    let refused = |cause| ServeError::Refused { key, address: address.to_owned(), cause };
    let addresses: Vec<_> = address
        .to_socket_addrs()
        .map_err(|cause| ServeError::NoAddress {
            key,
            address: address.to_owned(),
            cause: cause.to_string(),
        })?
        .collect();
    if config.password.is_none() && !addresses.iter().all(|address| address.ip().is_loopback()) {
        return Err(ServeError::PublicWithoutPassword { key, address: address.to_owned() });
    }
    TcpListener::bind(addresses.as_slice()).await.map_err(refused)
}

/// Binds a path. A socket that an earlier run left there is replaced; anything else is not.
///
/// # Errors
/// [`ServeError`].
pub(crate) fn bind_unix(path: &Path) -> Result<UnixListener, ServeError> {
    let refused = |cause| ServeError::Refused { key: UNIX, address: path.display().to_string(), cause };
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|there| there.file_type().is_socket());
    // Where somebody answers, it is in use.
    if is_socket && std::os::unix::net::UnixStream::connect(path).is_err() {
        std::fs::remove_file(path).map_err(refused)?;
    }
    UnixListener::bind(path).map_err(refused)
}

/// Accepts clients until the server is dropped.
pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let local = listener.local_addr().map(|address| address.to_string()).unwrap_or_default();
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                // Replies are small, and wait for nothing.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "no nodelay");
                }
                let (from, local) = (from.to_string(), local.clone());
                if shared.tls.is_some() {
                    greet_encrypted(stream, &shared, from, local);
                } else {
                    greet(stream, &shared, from, local, false);
                }
            }
            Err(error) => pause(&error).await,
        }
    }
}

/// As [`accept`], of a socket by its path.
pub(crate) async fn accept_unix(listener: UnixListener, path: String, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => greet(stream, &shared, format!("{path}:0"), path.clone(), true),
            Err(error) => pause(&error).await,
        }
    }
}

/// Waits a moment after a client could not be accepted.
pub(crate) async fn pause(error: &std::io::Error) {
    tracing::warn!(%error, "a client could not be accepted");
    tokio::time::sleep(PAUSE).await;
}

/// Serves a client in a task of its own, or turns it away.
fn greet<S>(mut stream: S, shared: &Arc<Shared>, from: String, local: String, unix: bool)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    shared.statistics.connections.fetch_add(1, Ordering::Relaxed);
    let room = shared.room_beside_http();
    let client = room.and_then(|room| Some((enter(shared, from.clone(), local, unix)?, room)));
    match client {
        Some((client, room)) => {
            let shared = Arc::clone(shared);
            tokio::spawn(async move {
                serve(stream, shared, client, &from).await;
                drop(room);
            });
        }
        None => {
            too_many(shared, &from);
            tokio::spawn(async move {
                // Whether it reads why is its own affair.
                drop(stream.write_all(b"-ERR max number of clients reached\r\n").await);
            });
        }
    }
}

/// As [`greet`], over TLS. The place is taken before the handshake, and the client is one of the clients after it. One that is
/// turned away because there are too many is not told why: a handshake for that would cost more than serving it.
fn greet_encrypted(stream: TcpStream, shared: &Arc<Shared>, from: String, local: String) {
    shared.statistics.connections.fetch_add(1, Ordering::Relaxed);
    let Some(room) = shared.room_beside_http() else { return too_many(shared, &from) };
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let Some(tls) = &shared.tls else { return };
        match tls.accept(stream).await {
            Ok(mut stream) => {
                let Some(client) = enter(&shared, from.clone(), local, false) else {
                    return too_many(&shared, &from);
                };
                // Whoever ends all clients has not seen this one where it came later.
                if shared.stage() >= Stage::Draining {
                    client.end();
                }
                serve(&mut stream, Arc::clone(&shared), client, &from).await;
                farewell(&mut stream).await;
            }
            Err(failed) => turn_away(failed, &from, NO_TLS).await,
        }
        drop(room);
    });
}

fn enter(shared: &Shared, from: String, local: String, unix: bool) -> Option<Arc<Client>> {
    shared.clients.enter(from, local, unix, shared.config.clients)
}

fn too_many(shared: &Shared, from: &str) {
    shared.statistics.turned_away.fetch_add(1, Ordering::Relaxed);
    tracing::debug!(client = from, most = shared.config.clients, "turned away: too many clients");
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    shared: Arc<Shared>,
    client: Arc<Client>,
    from: &str,
) {
    tracing::debug!(client = from, "a client of Redis has connected");
    connection::serve(stream, shared, client).await;
    tracing::debug!(client = from, "a client of Redis has gone");
}
