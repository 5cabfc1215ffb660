//! One connection: reads what has come, answers all of it, and writes once.
//!
//! The bytes are read into a buffer that the thread's connections share and are answered from there; only the beginning of a
//! request that is not whole is kept. So a connection that waits holds no buffer. A read that fills less than the buffer tells
//! that nothing is left, which spares the call that would say so.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::session::{Session, Stopped};
use crate::server::Shared;

/// Bytes that one read takes at most.
const READ: usize = 64 << 10;

/// What a buffer for replies keeps when it is put aside.
const KEPT: usize = 64 << 10;

thread_local! {
    static INPUT: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into_boxed_slice());
    /// A buffer for replies that no connection uses.
    static OUTPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

fn spare() -> Vec<u8> {
    OUTPUT.with(|spare| std::mem::take(&mut *spare.borrow_mut()))
}

fn give_back(mut buffer: Vec<u8>) {
    if buffer.capacity() <= KEPT {
        buffer.clear();
        OUTPUT.with(|spare| *spare.borrow_mut() = buffer);
    }
}

/// What there is to do.
enum Event {
    /// Something was read and answered.
    Answered(Stopped),
    /// There are messages.
    Mail,
    /// The client, or somebody else, ended the connection.
    Ended,
}

struct Connection<'a, S> {
    stream: S,
    shared: &'a Shared,
    session: Session,
    /// The beginning of a request that is not whole.
    pending: Vec<u8>,
    out: Vec<u8>,
    /// When the oldest request arrived that is not answered.
    arrived: Instant,
    /// When the last one was answered.
    answered: Instant,
}

/// Serves a client until one of both sides ends the connection.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    shared: Arc<Shared>,
    client: Arc<super::client::Client>,
) {
    let session = Session::new(client, shared.config.password.is_none());
    let mut connection = Connection {
        stream,
        shared: &shared,
        session,
        pending: Vec::new(),
        out: Vec::new(),
        arrived: Instant::now(),
        answered: Instant::now(),
    };
    // A client that goes away is no fault of the server's.
    if let Err(error) = connection.run().await {
        tracing::debug!(%error, client = connection.session.client.address, "connection lost");
    }
    connection.session.end(&shared);
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<'_, S> {
    async fn run(&mut self) -> io::Result<()> {
        loop {
            let mut stopped = match poll_fn(|cx| self.poll_event(cx)).await? {
                Event::Ended => return Ok(()),
                Event::Mail => None,
                Event::Answered(stopped) => Some(stopped),
            };
            loop {
                self.session.client.take_mail(&mut self.out);
                self.send().await?;
                match stopped {
                    Some(Stopped::Closing) => return Ok(()),
                    Some(Stopped::Replies) => {
                        if let Some(later) = self.session.take_later() {
                            let reply = later.await;
                            self.out.extend_from_slice(&reply);
                        }
                        stopped = Some(self.answer_pending());
                    }
                    Some(Stopped::Fetch) => {
                        if let Some(fetching) = self.session.take_fetching() {
                            fetching.await;
                        }
                        stopped = Some(self.answer_pending());
                    }
                    Some(Stopped::Part(_)) | None => break,
                }
            }
        }
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Event>> {
        if let Some(event) = self.told() {
            return Poll::Ready(Ok(event));
        }
        let event = self.poll_read(cx);
        if event.is_pending() {
            self.session.client.register(cx.waker());
            // Others may have told something just before.
            if let Some(event) = self.told() {
                return Poll::Ready(Ok(event));
            }
        }
        event
    }

    /// What others have told.
    #[inline]
    fn told(&self) -> Option<Event> {
        if self.session.client.is_ended() {
            Some(Event::Ended)
        } else {
            self.session.client.has_mail().then_some(Event::Mail)
        }
    }

    /// What the client has sent.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Event>> {
        INPUT.with(|input| {
            let mut input = input.borrow_mut();
            let mut buffer = ReadBuf::new(&mut input);
            std::task::ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            let read = buffer.filled();
            Poll::Ready(Ok(if read.is_empty() { Event::Ended } else { Event::Answered(self.answer(read)) }))
        })
    }

    /// Answers what has come.
    fn answer(&mut self, read: &[u8]) -> Stopped {
        self.arrived = Instant::now();
        self.answered = self.arrived;
        self.session.client.is_active(self.arrived);
        let bytes = u64::try_from(read.len()).unwrap_or(u64::MAX);
        self.shared.statistics.bytes_in.fetch_add(bytes, Ordering::Relaxed);
        if self.out.capacity() == 0 {
            self.out = spare();
        }
        if self.pending.is_empty() {
            let (taken, stopped) = self.session.answer(self.shared, read, &mut self.out, &mut self.answered);
            if let Some(rest) = read.get(taken..)
                && !rest.is_empty()
            {
                self.keep(rest, stopped);
            }
            stopped
        } else {
            self.pending.extend_from_slice(read);
            self.answer_pending()
        }
    }

    /// Keeps the beginning of a request. Room is made for what has come, and not for what a length claims: it doubles as the
    /// bytes come.
    fn keep(&mut self, rest: &[u8], stopped: Stopped) {
        if let Stopped::Part(missing) = stopped {
            self.pending.reserve(rest.len() + missing.min(READ));
        }
        self.pending.extend_from_slice(rest);
        self.session.client.reading.store(self.pending.len(), Ordering::Relaxed);
    }

    fn answer_pending(&mut self) -> Stopped {
        let (taken, stopped) =
            self.session.answer(self.shared, &self.pending, &mut self.out, &mut self.answered);
        if taken >= self.pending.len() {
            self.pending = Vec::new();
        } else {
            self.pending.drain(..taken);
        }
        self.session.client.reading.store(self.pending.len(), Ordering::Relaxed);
        stopped
    }

    /// Writes all replies, and counts the requests that they answer.
    async fn send(&mut self) -> io::Result<()> {
        for settling in self.session.take_settling() {
            // It ends with an error where the server ends.
            drop(settling.await);
        }
        let mut sent = 0;
        while sent < self.out.len() {
            let wrote = poll_fn(|cx| {
                let client = &self.session.client;
                let ended = || client.is_ended().then(|| Err(io::ErrorKind::ConnectionAborted.into()));
                if let Some(ended) = ended() {
                    return Poll::Ready(ended);
                }
                let rest = self.out.get(sent..).unwrap_or_default();
                let wrote = Pin::new(&mut self.stream).poll_write(cx, rest);
                if wrote.is_pending() {
                    client.writing.store(rest.len(), Ordering::Relaxed);
                    client.register(cx.waker());
                    // Who came just before woke nobody.
                    if let Some(ended) = ended() {
                        return Poll::Ready(ended);
                    }
                }
                wrote
            });
            sent += match wrote.await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                wrote => wrote,
            };
        }
        if sent > 0 {
            let bytes = u64::try_from(sent).unwrap_or(u64::MAX);
            self.shared.statistics.bytes_out.fetch_add(bytes, Ordering::Relaxed);
            poll_fn(|cx| self.poll_flush(cx)).await?;
            self.session.client.writing.store(0, Ordering::Relaxed);
        }
        give_back(std::mem::take(&mut self.out));
        let answered = self.session.take_answered();
        if answered > 0 {
            self.shared.keys.finished(self.answered - self.arrived, answered);
        }
        Ok(())
    }

    /// Waits for what the stream itself holds back, as one that encrypts does. A plain one never waits here.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if flushed.is_pending() {
            self.session.client.register(cx.waker());
            if self.session.client.is_ended() {
                return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
            }
        }
        flushed
    }
}
