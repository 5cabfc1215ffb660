//! Events as they come, as server-sent events.
//!
//! Each has an id, and a client that lost its connection says in `Last-Event-ID` where it was. What is kept of before is sent
//! then; what is not kept any more is counted in an event `lost`. An id begins with when the server began: after a restart
//! everything that is kept is new to the client. Nothing is put aside for a client that is slow: it reads from what is kept.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use tokio::sync::watch;

use super::Server;
use crate::events::Event;
use crate::server::{Shared, Stage};

/// A comment is sent as often where nothing else is, so that nobody on the way takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Events that are taken at once.
const AT_ONCE: usize = 64;

pub(super) async fn events(State(shared): Server, headers: HeaderMap) -> Response {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let reader = Reader::new(shared, last);
    let events = stream::unfold(reader, async |mut reader| {
        let event = reader.next().await?;
        Some((Ok::<_, Infallible>(event), reader))
    });
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE).text("still here");
    let mut response = Sse::new(Box::pin(events)).keep_alive(keep_alive).into_response();
    // Proxies that put answers aside until they are whole are told not to.
    response.headers_mut().insert("x-accel-buffering", axum::http::HeaderValue::from_static("no"));
    response
}

struct Reader {
    shared: Arc<Shared>,
    /// What ids of this server begin with.
    run: String,
    /// Number of the last event that was sent.
    at: u64,
    ready: VecDeque<Sent>,
    last: watch::Receiver<u64>,
    stage: watch::Receiver<Stage>,
}

impl Reader {
    /// Goes on after the event of this id; from the first one that is kept where it is of another run, and with what comes
    /// next where there is none.
    fn new(shared: Arc<Shared>, after: Option<&str>) -> Self {
        let began = shared.started_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let run = format!("{:x}", began.as_millis());
        let (last, stage) = (shared.events.last(), shared.stage.subscribe());
        let newest = *last.borrow();
        let at = match after.map(|id| id.trim().split_once('-')) {
            None => newest,
            Some(Some((of, number))) if of == run => {
                number.parse().map_or(0, |number: u64| number.min(newest))
            }
            Some(_) => 0,
        };
        Self { shared, run, at, ready: VecDeque::new(), last, stage }
    }

    /// The next event; none when the server ends.
    async fn next(&mut self) -> Option<Sent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            self.last.mark_unchanged();
            self.fill();
            if self.ready.is_empty() {
                tokio::select! {
                    changed = self.last.changed() => changed.ok()?,
                    _ = self.stage.wait_for(|stage| *stage >= Stage::Draining) => return None,
                }
            }
        }
    }

    fn fill(&mut self) {
        let (events, lost) = self.shared.events.after(self.at, AT_ONCE);
        if lost > 0 {
            let text = format!("{{\"type\":\"lost\",\"events\":{lost}}}");
            self.ready.push_back(Sent::default().event("lost").data(text));
        }
        for Event { id, kind, json } in events {
            self.at = id;
            self.ready
                .push_back(Sent::default().id(format!("{}-{id}", self.run)).event(kind.name()).data(json));
        }
    }
}
