//! The clients of a server: what others may know of one, and what they may do to it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;
use std::time::{Duration, Instant};

use atomic_waker::AtomicWaker;
use parking_lot::Mutex;

use super::reply::Version;

/// What a client calls itself.
#[derive(Debug, Default, Clone)]
pub(crate) struct Names {
    pub(crate) own: String,
    pub(crate) library: String,
    pub(crate) library_version: String,
}

/// A connected client, as the others see it.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: u64,
    /// Where it connects from, and to what.
    pub(crate) address: String,
    pub(crate) local: String,
    pub(crate) unix: bool,
    pub(crate) since: Instant,
    pub(crate) names: Mutex<Names>,
    pub(crate) database: AtomicU8,
    three: AtomicBool,
    pub(crate) monitors: AtomicBool,
    pub(crate) keeps_entries: AtomicBool,
    pub(crate) channels: AtomicUsize,
    pub(crate) patterns: AtomicUsize,
    /// Commands queued for a transaction; -1 outside of one.
    pub(crate) queued: AtomicI64,
    pub(crate) watched: AtomicUsize,
    /// Milliseconds from `since` to its last request.
    active: AtomicU64,
    /// Number of its last command in the table.
    pub(crate) command: AtomicU32,
    /// Bytes of requests and of replies that wait.
    pub(crate) reading: AtomicUsize,
    pub(crate) writing: AtomicUsize,
    /// Messages for it, in its protocol.
    mail: Mutex<Vec<u8>>,
    has_mail: AtomicBool,
    ended: AtomicBool,
    waker: AtomicWaker,
}

impl Client {
    /// It speaks this protocol.
    pub(crate) fn set_version(&self, version: Version) {
        self.three.store(version == Version::Three, Ordering::Relaxed);
    }

    pub(crate) fn version(&self) -> Version {
        if self.three.load(Ordering::Relaxed) { Version::Three } else { Version::Two }
    }

    /// It has sent something.
    #[inline]
    pub(crate) fn is_active(&self, now: Instant) {
        let since = now.saturating_duration_since(self.since);
        self.active.store(u64::try_from(since.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How long it has sent nothing.
    pub(crate) fn idle(&self, now: Instant) -> Duration {
        let since = now.saturating_duration_since(self.since);
        since.saturating_sub(Duration::from_millis(self.active.load(Ordering::Relaxed)))
    }

    /// Ends the connection, as soon as its task runs. True where nobody has ended it before.
    pub(crate) fn end(&self) -> bool {
        let first = !self.ended.swap(true, Ordering::SeqCst);
        self.waker.wake();
        first
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Who is to be woken by mail, and by the end.
    #[inline]
    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Hands over a message. Where more would wait than the limit allows, the connection ends.
    pub(crate) fn deliver(&self, message: &[u8], limit: OutputLimit<'_>) {
        {
            let mut mail = self.mail.lock();
            if mail.len().saturating_add(message.len()) > limit.bytes {
                drop(mail);
                if self.end() {
                    limit.exceeded.fetch_add(1, Ordering::Relaxed);
                }
                return;
            }
            mail.extend_from_slice(message);
        }
        self.has_mail.store(true, Ordering::SeqCst);
        self.waker.wake();
    }

    #[inline]
    pub(crate) fn has_mail(&self) -> bool {
        self.has_mail.load(Ordering::Relaxed)
    }

    /// Moves the messages that wait behind `out`.
    pub(crate) fn take_mail(&self, out: &mut Vec<u8>) {
        // The look spares those without mail, nearly all, a step that other cores wait for.
        if self.has_mail() && self.has_mail.swap(false, Ordering::SeqCst) {
            out.append(&mut self.mail.lock());
        }
    }

    /// Bytes of messages that wait.
    pub(crate) fn mail(&self) -> usize {
        self.mail.lock().len()
    }

    /// Whether it subscribed to anything.
    pub(crate) fn subscribes(&self) -> bool {
        self.channels.load(Ordering::Relaxed) + self.patterns.load(Ordering::Relaxed) > 0
    }

    /// What it is, in a word of Redis.
    pub(crate) fn kind(&self) -> &'static str {
        if self.subscribes() { "pubsub" } else { "normal" }
    }

    /// One letter for each thing that it is or does; `N` for none.
    fn flags(&self) -> String {
        let mut flags = String::new();
        let set = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        for (is, flag) in [
            (set(&self.monitors), 'O'),
            (self.subscribes(), 'P'),
            (self.queued.load(Ordering::Relaxed) >= 0, 'x'),
            (self.unix, 'U'),
            (set(&self.keeps_entries), 'e'),
        ] {
            if is {
                flags.push(flag);
            }
        }
        if flags.is_empty() { "N".to_owned() } else { flags }
    }

    /// The line of `CLIENT LIST`, with the name of its last command.
    pub(crate) fn line(&self, now: Instant, command: &str) -> String {
        let names = self.names.lock().clone();
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        format!(
            "id={} addr={} laddr={} fd=-1 name={} age={} idle={} flags={} db={} sub={} psub={} ssub=0 multi={} watch={} \
             qbuf={} qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl={} oll=0 omem={} tot-mem={} events=r cmd={command} \
             user=default redir=-1 resp={} lib-name={} lib-ver={}",
            self.id,
            self.address,
            self.local,
            names.own,
            now.saturating_duration_since(self.since).as_secs(),
            self.idle(now).as_secs(),
            self.flags(),
            self.database.load(Ordering::Relaxed),
            count(&self.channels),
            count(&self.patterns),
            self.queued.load(Ordering::Relaxed),
            count(&self.watched),
            count(&self.reading),
            count(&self.writing),
            self.mail(),
            count(&self.reading) + count(&self.writing) + self.mail(),
            if self.version() == Version::Three { 3 } else { 2 },
            names.library,
            names.library_version,
        )
    }
}

/// How much may wait to be read by one client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutputLimit<'a> {
    pub(crate) bytes: usize,
    /// Clients that were ended because more waited.
    pub(crate) exceeded: &'a AtomicU64,
}

/// All connected clients.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    next: AtomicU64,
    connected: Mutex<HashMap<u64, Arc<Client>>>,
    /// Those that see every command.
    monitors: AtomicUsize,
}

impl Clients {
    /// A client has connected. None where there are `most` already.
    pub(crate) fn enter(
        &self,
        address: String,
        local: String,
        unix: bool,
        most: usize,
    ) -> Option<Arc<Client>> {
        let mut connected = self.connected.lock();
        if connected.len() >= most {
            return None;
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let client = Arc::new(Client {
            id,
            address,
            local,
            unix,
            since: Instant::now(),
            names: Mutex::default(),
            database: AtomicU8::new(0),
            three: AtomicBool::new(false),
            monitors: AtomicBool::new(false),
            keeps_entries: AtomicBool::new(false),
            channels: AtomicUsize::new(0),
            patterns: AtomicUsize::new(0),
            queued: AtomicI64::new(-1),
            watched: AtomicUsize::new(0),
            active: AtomicU64::new(0),
            command: AtomicU32::new(u32::MAX),
            reading: AtomicUsize::new(0),
            writing: AtomicUsize::new(0),
            mail: Mutex::default(),
            has_mail: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        });
        connected.insert(id, Arc::clone(&client));
        Some(client)
    }

    /// A client has gone.
    pub(crate) fn leave(&self, client: &Client) {
        self.monitor(client, false);
        self.connected.lock().remove(&client.id);
    }

    /// All of them, in the order in which they came.
    pub(crate) fn all(&self) -> Vec<Arc<Client>> {
        let mut all: Vec<_> = self.connected.lock().values().cloned().collect();
        all.sort_by_key(|client| client.id);
        all
    }

    pub(crate) fn len(&self) -> usize {
        self.connected.lock().len()
    }

    /// A client sees every command from here on, or does not any more.
    pub(crate) fn monitor(&self, client: &Client, sees: bool) {
        let saw = client.monitors.swap(sees, Ordering::SeqCst);
        match (saw, sees) {
            (false, true) => self.monitors.fetch_add(1, Ordering::SeqCst),
            (true, false) => self.monitors.fetch_sub(1, Ordering::SeqCst),
            _ => 0,
        };
    }

    /// Whether anybody sees every command.
    #[inline]
    pub(crate) fn has_monitors(&self) -> bool {
        self.monitors.load(Ordering::Relaxed) > 0
    }

    /// Shows a command to those who see all of them.
    pub(crate) fn show(&self, line: &[u8], limit: OutputLimit<'_>) {
        for client in self.all().iter().filter(|client| client.monitors.load(Ordering::Relaxed)) {
            client.deliver(line, limit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_too_many_is_not_let_in_until_another_has_gone() {
        let clients = Clients::default();
        let enter = || clients.enter("a".to_owned(), "b".to_owned(), false, 2);
        let first = enter().unwrap();
        let _second = enter().unwrap();
        assert!(enter().is_none());
        clients.leave(&first);
        assert_eq!((enter().unwrap().id, clients.len()), (3, 2));
    }

    #[test]
    fn whoever_lets_too_much_wait_is_ended() {
        let clients = Clients::default();
        let client = clients.enter(String::new(), String::new(), false, 1).unwrap();
        let exceeded = AtomicU64::new(0);
        let limit = OutputLimit { bytes: 8, exceeded: &exceeded };
        client.deliver(b"12345", limit);
        assert!(!client.is_ended());
        client.deliver(b"1234", limit);
        client.deliver(b"1234", limit);
        assert!(client.is_ended());
        // It is ended once, whoever else writes to it.
        assert_eq!(exceeded.into_inner(), 1);
        let mut out = Vec::new();
        client.take_mail(&mut out);
        assert_eq!((out, client.mail()), (b"12345".to_vec(), 0));
    }
}
