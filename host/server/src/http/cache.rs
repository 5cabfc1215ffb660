//! Values by key: those of the first database, as clients of Redis see them.

use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use host_cache::{Life, Outcome};
use host_runtime::{Settling, Value};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;

use super::Server;
use super::answer::Wrong;
use super::key;
use crate::resp::stored;
use crate::server::Shared;

/// How long a client may pause while it sends a body.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is set aside for a body before it comes, at most.
const SET_ASIDE: usize = 64 << 10;

fn key_of(uri: &Uri) -> Result<Vec<u8>, Wrong> {
    let hint = "write bytes that a URL does not take as %XX, and % itself as %25";
    key::decode(uri.path()).map_err(|error| Wrong::request(error.to_string(), hint))
}

fn missing() -> Wrong {
    Wrong::new(
        StatusCode::NOT_FOUND,
        "there is no value under this key",
        "store one by PUT, or by SET of a client of Redis",
    )
}

fn has_fields() -> Wrong {
    Wrong::new(
        StatusCode::CONFLICT,
        "the value is a hash or a list, and not one text",
        "read it by HGETALL or LRANGE of a client of Redis",
    )
}

fn headed(body: Body, length: usize) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    // A browser is not to guess what somebody stored.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The value. Counts as a request to the cache.
pub(super) async fn get(State(shared): Server, uri: Uri) -> Result<Response, Wrong> {
    let arrived = Instant::now();
    let key = key_of(&uri)?;
    let mut found = look_up(&shared, &key);
    if found.is_none() && fetched(&shared, &key).await {
        let _passing = shared.gate.pass();
        found = shared.keys.peek_with(&stored(0, &key), |present| present.value.to_bytes());
    }
    shared.keys.finished(arrived.elapsed(), 1);
    let bytes = found.ok_or_else(missing)?.ok_or_else(has_fields)?;
    let length = bytes.len();
    Ok(headed(Body::from(bytes), length))
}

/// A counted lookup.
fn look_up(shared: &Shared, key: &[u8]) -> Option<Option<Bytes>> {
    let _passing = shared.gate.pass();
    shared.keys.get_with(&stored(0, key), |value| value.to_bytes())
}

/// Fetches from the tiers what they have of a key; false where there are no tiers.
async fn fetched(shared: &Shared, key: &[u8]) -> bool {
    let is_below = shared.keys.tiers().is_some() && !shared.keys.contains(&stored(0, key));
    if is_below {
        let key = Bytes::copy_from_slice(&stored(0, key));
        shared.keys.clone().fetch(key, shared.flat_fields()).await;
    }
    is_below
}

/// Whether there is a value, and its length. Counts as nothing.
pub(super) async fn head(State(shared): Server, uri: Uri) -> Result<Response, Wrong> {
    let key = key_of(&uri)?;
    fetched(&shared, &key).await;
    let found = {
        let _passing = shared.gate.pass();
        shared.keys.peek_with(&stored(0, &key), |present| present.value.bytes().map(<[u8]>::len))
    };
    let length = found.ok_or_else(missing)?.ok_or_else(has_fields)?;
    Ok(headed(Body::empty(), length))
}

/// Stores the body.
pub(super) async fn put(
    State(shared): Server,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Wrong> {
    let key = key_of(&uri)?;
    let lifetime = lifetime(uri.query(), &headers)?;
    let bytes = read(body, shared.config.bulk).await?;
    let arrived = Instant::now();
    let (outcome, settling) = store(&shared, &key, bytes, lifetime);
    settled(settling).await;
    shared.keys.finished(arrived.elapsed(), 1);
    match outcome {
        Outcome::Inserted | Outcome::Replaced => Ok(StatusCode::NO_CONTENT.into_response()),
        Outcome::Refused => Err(Wrong::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the value is larger than the cache takes, and what was under the key is gone",
            "raise cache.capacity, or store less under one key",
        )),
    }
}

/// Waits until the tiers have what they are to have.
async fn settled(settling: Option<Settling>) {
    if let Some(settling) = settling {
        // It ends with an error where the server ends.
        drop(settling.await);
    }
}

fn store(
    shared: &Shared,
    key: &[u8],
    bytes: Vec<u8>,
    lifetime: Option<Duration>,
) -> (Outcome, Option<Settling>) {
    let life =
        lifetime.map_or(Life::Default, |lifetime| Life::Until(shared.keys.now().saturating_add(lifetime)));
    let key = stored(0, key);
    let _passing = shared.gate.pass();
    let _locked = shared.keys.lock([&*key]);
    let outcome = shared.keys.insert(&key, Value::new(bytes), life);
    shared.watches.changed(&key);
    (outcome, shared.keys.changed(&key))
}

/// Removes the value.
pub(super) async fn delete(State(shared): Server, uri: Uri) -> Result<Response, Wrong> {
    let arrived = Instant::now();
    let key = key_of(&uri)?;
    fetched(&shared, &key).await;
    let (removed, settling) = {
        let key = stored(0, &key);
        let _passing = shared.gate.pass();
        let _locked = shared.keys.lock([&*key]);
        let removed = shared.keys.remove(&key);
        if removed {
            shared.watches.changed(&key);
        }
        (removed, shared.keys.changed(&key))
    };
    settled(settling).await;
    shared.keys.finished(arrived.elapsed(), 1);
    if removed { Ok(StatusCode::NO_CONTENT.into_response()) } else { Err(missing()) }
}

/// How long a value is to live: what the query says, else what the header does; none where neither does.
fn lifetime(query: Option<&str>, headers: &HeaderMap) -> Result<Option<Duration>, Wrong> {
    let seconds = |text: &str, place: &str| {
        let number = text.parse::<u32>().ok().filter(|seconds| *seconds > 0 && !text.starts_with('+'));
        let wrong = || {
            let error = format!("{place}: expected whole seconds from 1 to {}, got {text:?}", u32::MAX);
            Wrong::request(error, "for example ?ttl=60, or the header Cache-Control: max-age=60")
        };
        number.map(|seconds| Some(Duration::from_secs(u64::from(seconds)))).ok_or_else(wrong)
    };
    let mut ttl = None;
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("ttl", text)) if ttl.is_none() => ttl = Some(text),
            _ => {
                let error = format!("the query has {pair:?}, which is not taken here");
                return Err(Wrong::request(error, "PUT takes ?ttl=SECONDS, once"));
            }
        }
    }
    if let Some(text) = ttl {
        return seconds(text, "ttl");
    }
    for header in headers.get_all(CACHE_CONTROL) {
        for directive in header.to_str().unwrap_or_default().split(',') {
            let Some((name, text)) = directive.split_once('=') else { continue };
            if name.trim().eq_ignore_ascii_case("max-age") {
                return seconds(text.trim().trim_matches('"'), "Cache-Control: max-age");
            }
        }
    }
    Ok(None)
}

/// The whole body, at most so many bytes. It is copied: what arrives lies in buffers that are larger than a small value.
async fn read(mut body: Body, most: usize) -> Result<Vec<u8>, Wrong> {
    let too_large = || {
        let error = format!("the body has more than {most} bytes");
        Wrong::new(StatusCode::PAYLOAD_TOO_LARGE, error, "raise serve.max-bulk, or store less under one key")
    };
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > most {
        return Err(too_large());
    }
    let mut whole = Vec::with_capacity(announced.min(SET_ASIDE));
    loop {
        let frame = tokio::time::timeout(PATIENCE, body.frame()).await.map_err(|_| {
            let error = format!("nothing of the body has come for {} s", PATIENCE.as_secs());
            Wrong::new(StatusCode::REQUEST_TIMEOUT, error, "send it again, in one go")
        })?;
        match frame {
            None => break,
            Some(Ok(frame)) => {
                let Ok(data) = frame.into_data() else { continue };
                if data.len() > most.saturating_sub(whole.len()) {
                    return Err(too_large());
                }
                whole.extend_from_slice(&data);
            }
            Some(Err(error)) => {
                return Err(Wrong::request(format!("the body is not whole: {error}"), "send it again"));
            }
        }
    }
    whole.shrink_to_fit();
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_that_of_the_query_else_of_the_header() {
        let headers =
            |text: &'static str| HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static(text))]);
        let seconds = |query, header| {
            lifetime(query, &headers(header))
                .map(|time| time.map(|time| time.as_secs()))
                .map_err(|wrong| wrong.json())
        };
        assert_eq!(seconds(None, ""), Ok(None));
        assert_eq!(seconds(Some("ttl=60"), "max-age=5"), Ok(Some(60)));
        assert_eq!(seconds(Some(""), "public, Max-Age=\"5\""), Ok(Some(5)));
        assert_eq!(seconds(None, "no-cache"), Ok(None));
        for query in
            ["ttl=0", "ttl=-1", "ttl=+1", "ttl=1.5", "ttl=", "ttl=99999999999", "ttl", "ttl=1&ttl=2", "tll=1"]
        {
            let error = seconds(Some(query), "").unwrap_err();
            assert!(error.contains("ttl") && error.contains("hint"), "{error}");
        }
        assert!(
            seconds(None, "max-age=0")
                .unwrap_err()
                .contains("Cache-Control: max-age: expected whole seconds")
        );
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        assert_eq!(read(Body::from("12345"), 5).await, Ok(b"12345".to_vec()));
        let error = read(Body::from("123456"), 5).await.unwrap_err().json();
        assert!(error.contains("more than 5 bytes"), "{error}");
        // One that does not say beforehand how long it is.
        let pieces = futures_util::stream::iter(["123", "456"].map(Ok::<_, std::io::Error>));
        assert!(read(Body::from_stream(pieces), 5).await.is_err());
    }
}
