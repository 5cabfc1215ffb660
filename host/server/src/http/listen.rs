//! Connections: how many there may be, how long they may say nothing, and how they end.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::answer::Wrong;
use crate::listener::pause;
use crate::server::{Shared, Stage};
use crate::tls;

/// How long a client may take to send a request's head, and how long it may say nothing between two requests.
const HEAD: Duration = Duration::from_secs(20);

/// Bytes of a request's head, and of what is read of a body at once.
const BUFFER: usize = 64 << 10;

/// Accepts connections until the task is ended.
pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let router = super::router(Arc::clone(&shared));
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "no nodelay");
                }
                tokio::spawn(greet(stream, from, router.clone(), Arc::clone(&shared)));
            }
            Err(error) => pause(&error).await,
        }
    }
}

async fn greet(stream: TcpStream, from: SocketAddr, router: Router, shared: Arc<Shared>) {
    let Some(_room) = shared.room() else {
        shared.http.turned_away.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(%from, most = shared.config.clients, "turned away: too many clients");
        // Over TLS it is not told why: a handshake for that would cost more than serving it.
        if shared.tls.is_none() {
            turn_away(stream).await;
        }
        return;
    };
    let _connected = shared.http.connect();
    tracing::debug!(%from, "a client of HTTP has connected");
    match &shared.tls {
        None => serve(stream, router, &shared).await,
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => serve(stream, router, &shared).await,
            Err(failed) => tls::turn_away(failed, &from.to_string(), no_tls().as_bytes()).await,
        },
    }
    tracing::debug!(%from, "a client of HTTP has gone");
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send, router: Router, shared: &Shared) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(BUFFER);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let mut stage = shared.stage.subscribe();
    let ending = async {
        // The sender outlives every connection.
        drop(stage.wait_for(|stage| *stage == Stage::Ending).await);
    };
    let mut ending = pin!(ending);
    let mut ended = false;
    loop {
        tokio::select! {
            result = connection.as_mut() => {
                // A client that goes away, or sends what is no HTTP, is no fault of the server's.
                if let Err(error) = result {
                    tracing::debug!(%error, "connection of HTTP lost");
                }
                return;
            }
            () = ending.as_mut(), if !ended => {
                ended = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

async fn turn_away(mut stream: TcpStream) {
    let hint = "raise serve.max-clients, or let other clients end their connections";
    let wrong = Wrong::new(StatusCode::SERVICE_UNAVAILABLE, "there are too many clients", hint);
    // Whether it reads why is its own affair.
    drop(stream.write_all(last_answer("503 Service Unavailable", &wrong).as_bytes()).await);
}

/// What a client reads that speaks no TLS where TLS is spoken.
fn no_tls() -> String {
    let wrong = Wrong::new(StatusCode::BAD_REQUEST, "this address speaks TLS", "ask by https://");
    last_answer("400 Bad Request", &wrong)
}

/// An answer to who is not served.
fn last_answer(status: &str, wrong: &Wrong) -> String {
    let body = wrong.json();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
