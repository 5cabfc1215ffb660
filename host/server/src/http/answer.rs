//! Answers: JSON, and errors as JSON with what to do.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Why a request is not answered as it wants to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Wrong {
    #[serde(skip)]
    status: StatusCode,
    error: String,
    hint: String,
}

impl Wrong {
    /// What is wrong, and what to do.
    pub(crate) fn new(status: StatusCode, error: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { status, error: error.into(), hint: hint.into() }
    }

    /// A request that cannot be understood.
    pub(crate) fn request(error: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, hint)
    }

    /// The text, for who writes it without a response.
    pub(crate) fn json(&self) -> String {
        // Two texts: that does not fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        let status = self.status;
        (status, Json(self)).into_response()
    }
}

/// A value as JSON. It is of this moment, so that nobody keeps it.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(mut text) => {
                // A line, for who reads it in a terminal.
                text.push(b'\n');
                typed(HeaderValue::from_static("application/json"), text)
            }
            Err(error) => {
                tracing::error!(%error, "an answer cannot be written as JSON");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

/// A body of a type, which nobody keeps.
pub(crate) fn typed(kind: HeaderValue, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
