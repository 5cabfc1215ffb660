//! The remote tier: Redis or Valkey, one node or a cluster, which several hosts share.
//!
//! It is across a network, so that it can be slow, frozen or gone. Each operation has a time limit. After some failures in a row the
//! breaker (`remote/breaker.rs`) opens: then every lookup is a miss at once, and puts are dropped, both counted, until one request
//! finds the server again.
//!
//! A put or removal that did not reach the server for certain leaves it with an older value. This host does not find that one: the key is
//! a miss until the server has deleted it (`remote/owed.rs`). What weakens that, and does so for any cache that is shared without
//! a protocol between its users: another host may find the older value until its life ends; so may this one after a restart in
//! the middle of an outage; and a server that was frozen may carry out a put that was given up before a newer one that came by another connection.
//!
//! The server ends lives by itself (`PX`). It needs a limit of memory and a policy of its own (`maxmemory`, `allkeys-lru`).

mod breaker;
mod header;
mod link;
mod owed;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use redis::{Cmd, Value};

pub use breaker::BreakerState;
use breaker::{Breaker, Limits};
use link::Link;
use owed::Owed;

use crate::item::size;
use crate::meter::Meter;
use crate::{Answer, Clock, Item, Tier, TierError, TierStats};

/// Keys that the server is told of at a time, when it is there again.
const SETTLED_AT_ONCE: usize = 16;

/// Settings of the [`Remote`] tier.
#[derive(Debug, Clone)]
pub struct RemoteConfig {
    /// One address like `redis://:password@127.0.0.1:6379/0`; of a cluster some of its nodes, which name the others.
    pub addresses: Vec<String>,
    /// Whether the addresses are of a cluster.
    pub cluster: bool,
    /// What every key begins with on the server, so that others can use it as well. May be empty.
    pub prefix: String,
    /// How long an operation may take, 1 ms or more.
    pub limit: Duration,
    /// Failures in a row after which the breaker opens, 1 or more.
    pub failures: u32,
    /// How long the breaker stays open at first, and at most. It doubles in between.
    pub pauses: (Duration, Duration),
}

impl RemoteConfig {
    /// One node, 50 ms, 5 failures, pauses of 0.5 to 30 s, and keys that begin with `host:`.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            addresses: vec![address.into()],
            cluster: false,
            prefix: "host:".to_owned(),
            limit: Duration::from_millis(50),
            failures: 5,
            pauses: (Duration::from_millis(500), Duration::from_secs(30)),
        }
    }
}

/// What the remote tier knows beside [`TierStats`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteStats {
    /// How the breaker stands.
    pub breaker: BreakerState,
    /// How often it has opened.
    pub opened: u64,
    /// Lookups that were misses without asking the server.
    pub skipped: u64,
    /// Puts and removals that were dropped without telling the server.
    pub dropped: u64,
    /// Keys that the server still has to delete.
    pub owed: u64,
}

/// Values on a server. It is connected to when it is first asked; nothing fails while it is not there.
#[derive(Debug)]
pub struct Remote {
    link: Link,
    prefix: String,
    clock: Clock,
    meter: Meter,
    breaker: Breaker,
    owed: Owed,
    settling: tokio::sync::Mutex<()>,
    opened: AtomicU64,
    skipped: AtomicU64,
    dropped: AtomicU64,
}

impl Remote {
    /// A tier that will connect to these addresses.
    ///
    /// # Errors
    /// [`TierError::Setting`] where an address cannot be read or a number is outside of its range.
    pub fn new(config: &RemoteConfig, clock: Clock) -> Result<Self, TierError> {
        let wrong = |setting, value, expected: &str| {
            Err(TierError::Setting { tier: "remote", setting, value, expected: expected.to_owned() })
        };
        if config.limit < Duration::from_millis(1) {
            return wrong("the time limit", format!("{:?}", config.limit), "1 ms or more");
        }
        if config.failures == 0 {
            return wrong("the number of failures that open the breaker", "0".to_owned(), "1 or more");
        }
        Ok(Self {
            link: Link::new(config)?,
            prefix: config.prefix.clone(),
            clock,
            meter: Meter::default(),
            breaker: Breaker::new(Limits { failures: config.failures, pauses: config.pauses }),
            owed: Owed::default(),
            settling: tokio::sync::Mutex::default(),
            opened: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        })
    }

    /// What it knows beside [`Tier::stats`].
    pub fn remote_stats(&self) -> RemoteStats {
        RemoteStats {
            breaker: self.breaker.state(),
            opened: self.opened.load(Relaxed),
            skipped: self.skipped.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            owed: size(self.owed.len()),
        }
    }

    fn key(&self, key: &[u8]) -> Vec<u8> {
        [self.prefix.as_bytes(), key].concat()
    }

    /// Asks the server; none where the breaker is open.
    async fn ask(&self, action: &'static str, command: &Cmd) -> Option<Result<Value, TierError>> {
        let permit = self.breaker.ask(self.clock.now())?;
        let answer = self.link.ask(command).await;
        let well = answer.as_ref().map_or_else(|failure| !failure.unreachable, |_| true);
        if self.breaker.report(permit, well, self.clock.now()) {
            self.opened.fetch_add(1, Relaxed);
            tracing::warn!(
                address = self.link.address(),
                "the remote tier does not answer; it is left alone for a while"
            );
        }
        Some(answer.map_err(|failure| {
            self.meter.failed();
            TierError::Remote { address: self.link.address().to_owned(), action, reason: failure.reason }
        }))
    }

    /// Deletes some of the keys that the server was not told of.
    async fn settle(&self) {
        if self.owed.len() == 0 || self.breaker.state() == BreakerState::Open {
            return;
        }
        // Others need not wait for it.
        let Ok(_alone) = self.settling.try_lock() else { return };
        for (key, number) in self.owed.due(SETTLED_AT_ONCE) {
            match self.ask("delete what is older there", &del(self.key(&key))).await {
                Some(Ok(_)) => self.owed.settle(&key, number),
                _ => return,
            }
        }
    }

    async fn look_up(&self, key: &[u8]) -> Result<Option<Item>, TierError> {
        self.settle().await;
        if self.owed.has(key) {
            self.skipped.fetch_add(1, Relaxed);
            return Ok(None);
        }
        let mut get = Cmd::new();
        get.arg("GET").arg(self.key(key));
        let Some(answer) = self.ask("look a key up", &get).await else {
            self.skipped.fetch_add(1, Relaxed);
            return Ok(None);
        };
        let found = match answer? {
            Value::Nil => return Ok(None),
            Value::BulkString(bytes) => header::read(key, Bytes::from(bytes)),
            _ => None,
        };
        let Some((item, written)) = found else {
            // Not of this tier. It stays, since it may be of use to whoever wrote it.
            self.meter.failed();
            return Ok(None);
        };
        Ok(Some(item).filter(|item| !item.is_over(self.clock.now()) && self.owed.allows(key, written)))
    }

    /// Tells the server of a change; false where the breaker is open, and the change is owed.
    async fn change(&self, key: &[u8], action: &'static str, command: &Cmd) -> Result<bool, TierError> {
        let change = self.owed.begin(key, header::microseconds(self.clock.now()));
        match self.ask(action, command).await {
            None => {
                self.dropped.fetch_add(1, Relaxed);
                Ok(false)
            }
            Some(Ok(_)) => {
                change.arrived();
                Ok(true)
            }
            Some(Err(error)) => Err(error),
        }
    }
}

fn del(key: Vec<u8>) -> Cmd {
    let mut del = Cmd::new();
    del.arg("DEL").arg(key);
    del
}

impl Tier for Remote {
    fn name(&self) -> &'static str {
        "remote"
    }

    fn get<'a>(&'a self, key: &'a [u8]) -> Answer<'a, Option<Item>> {
        Box::pin(async move {
            let since = self.clock.now();
            let found = self.look_up(key).await;
            self.meter.looked_up(matches!(found, Ok(Some(_))), since, &self.clock);
            found
        })
    }

    fn put(&self, item: Item) -> Answer<'_, ()> {
        Box::pin(async move {
            let since = self.clock.now();
            if item.is_over(since) {
                self.meter.refused();
                return self.change(&item.key, "delete a key", &del(self.key(&item.key))).await.map(drop);
            }
            let mut set = Cmd::new();
            set.arg("SET").arg(self.key(&item.key)).arg(header::write(&item, since));
            if let Some(until) = item.until {
                // Rounded up: the header has the exact end.
                let left = until.saturating_sub(since).as_millis().saturating_add(1);
                set.arg("PX").arg(u64::try_from(left).unwrap_or(u64::MAX >> 12).min(u64::MAX >> 12));
            }
            if self.change(&item.key, "write a value", &set).await? {
                self.meter.put(since, &self.clock);
            } else {
                self.meter.refused();
            }
            self.settle().await;
            Ok(())
        })
    }

    /// As [`Tier::remove`]. While the breaker is open, it is remembered and done later.
    fn remove<'a>(&'a self, key: &'a [u8]) -> Answer<'a, ()> {
        Box::pin(async move {
            self.meter.removed();
            self.change(key, "delete a key", &del(self.key(key))).await.map(drop)
        })
    }

    /// What is on the server does not count any more for this host. For others, it does.
    fn clear(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            self.owed.distrust(header::microseconds(self.clock.now()));
            Ok(())
        })
    }

    fn stats(&self) -> TierStats {
        self.meter.stats()
    }
}
