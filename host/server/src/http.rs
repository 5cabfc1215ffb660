//! HTTP: values by key, figures, decisions, events.
//!
//! | part | its job |
//! |---|---|
//! | `listen` | connections: their number, their time limits, their orderly end |
//! | `access` | password, and which hosts a request may name |
//! | `answer` | JSON, and errors as JSON |
//! | [`key`] | the key in a path |
//! | `cache` | values by key |
//! | [`figures`] | what JSON tells: figures, strategies, decisions, settings |
//! | `metrics` | the same for Prometheus and OpenMetrics |
//! | `stream` | events as they come |
//! | `statistics` | what is counted here |
//! | [`client`] | asks another server |
//!
//! Nothing here waits for a tick. A request costs one connection at most, of as many as `serve.max-clients` says, and a body
//! of `serve.max-bulk`.

pub mod client;
pub mod figures;
pub mod key;
pub mod tiers;

pub(crate) mod listen;

mod access;
mod answer;
mod cache;
mod metrics;
mod statistics;
mod stream;

pub(crate) use statistics::Statistics;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, get};

use crate::server::Shared;
use answer::Wrong;

/// What there is, for who asks for something else.
const PATHS: &str = "there are /cache/KEY, /stats, /decisions, /strategies, /profile, /whatif, /events, /metrics, /healthz and \
                     /readyz";

type Server = State<Arc<Shared>>;

/// All paths.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let values = || -> MethodRouter<Arc<Shared>> {
        get(cache::get).head(cache::head).put(cache::put).delete(cache::delete)
    };
    Router::new()
        .route("/cache/", values())
        .route("/cache/{*key}", values())
        .route("/stats", get(figures::stats))
        .route("/decisions", get(figures::decisions))
        .route("/strategies", get(figures::strategies))
        .route("/profile", get(figures::profile))
        .route("/whatif", get(figures::whatif))
        .route("/healthz", get(figures::healthy))
        .route("/readyz", get(figures::ready))
        .route("/metrics", get(metrics::metrics))
        .route("/events", get(stream::events))
        .fallback(|| async { Wrong::new(StatusCode::NOT_FOUND, "there is nothing under this path", PATHS) })
        .method_not_allowed_fallback(|| async {
            let hint = "everything is read by GET; a value is also stored by PUT and removed by DELETE";
            Wrong::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take this method", hint)
        })
        .layer(from_fn_with_state(Arc::clone(&shared), access::check))
        .layer(from_fn_with_state(Arc::clone(&shared), count))
        .with_state(shared)
}

/// Counts a request by its method and what came of it.
async fn count(State(shared): Server, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    shared.http.answered(&method, response.status());
    tracing::debug!(%method, path, status = response.status().as_u16(), "answered");
    response
}
