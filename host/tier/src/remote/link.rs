//! The connection to a node or a cluster: made when it is first needed, multiplexed, and made anew by the client library.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::AcqRel};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{
    Client, Cmd, ErrorKind, IntoConnectionInfo as _, RedisError, RedisResult, ServerErrorKind, Value,
};
use tokio::sync::OnceCell;

use super::RemoteConfig;
use crate::TierError;

/// A connection takes some round trips, and to a cluster several connections.
const CONNECTING: u32 = 20;

/// Attempts to connect again come so far apart.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(200));

/// The server, by address.
#[derive(Debug)]
pub(super) struct Link(Arc<Inner>);

struct Inner {
    address: String,
    limit: Duration,
    kind: Kind,
    connection: OnceCell<Connection>,
    connecting: AtomicBool,
}

enum Kind {
    Node(Box<Client>),
    Cluster(Box<ClusterClient>),
}

#[derive(Clone)]
enum Connection {
    Node(ConnectionManager),
    Cluster(ClusterConnection),
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.address)
    }
}

impl Link {
    pub(super) fn new(config: &RemoteConfig) -> Result<Self, TierError> {
        let wrong = |address: &str, error: &RedisError| TierError::Setting {
            tier: "remote",
            setting: "an address",
            // Without what may be a password.
            value: address.rsplit('@').next().unwrap_or_default().to_owned(),
            expected: format!("like redis://127.0.0.1:6379 ({error})"),
        };
        let mut addresses = Vec::new();
        for address in &config.addresses {
            let info = address.as_str().into_connection_info().map_err(|error| wrong(address, &error))?;
            addresses.push(info.addr().to_string());
        }
        let first = config.addresses.first().map(String::as_str).unwrap_or_default();
        let kind = if config.cluster {
            let builder = ClusterClient::builder(config.addresses.clone())
                .connection_timeout(config.limit.saturating_mul(CONNECTING))
                .response_timeout(config.limit)
                .retries(2)
                .min_retry_wait(10)
                .max_retry_wait(100);
            Kind::Cluster(Box::new(builder.build().map_err(|error| wrong(first, &error))?))
        } else if config.addresses.len() == 1 {
            Kind::Node(Box::new(Client::open(first).map_err(|error| wrong(first, &error))?))
        } else {
            return Err(TierError::Setting {
                tier: "remote",
                setting: "the number of addresses",
                value: config.addresses.len().to_string(),
                expected: "1, or more with `cluster`".to_owned(),
            });
        };
        Ok(Self(Arc::new(Inner {
            address: addresses.join(", "),
            limit: config.limit,
            kind,
            connection: OnceCell::new(),
            connecting: AtomicBool::new(false),
        })))
    }

    pub(super) fn address(&self) -> &str {
        &self.0.address
    }

    /// Sends a command and waits for its answer, no longer than the limit in all.
    pub(super) async fn ask(&self, command: &Cmd) -> Result<Value, Failure> {
        let answer = tokio::time::timeout(self.0.limit, async {
            match self.connection().await? {
                Connection::Node(mut node) => command.query_async(&mut node).await,
                Connection::Cluster(mut cluster) => command.query_async(&mut cluster).await,
            }
        });
        match answer.await {
            Err(_) => {
                Err(Failure { reason: format!("no answer within {:?}", self.0.limit), unreachable: true })
            }
            Ok(answer) => answer
                .map_err(|error| Failure { unreachable: is_unreachable(&error), reason: error.to_string() }),
        }
    }

    async fn connection(&self) -> RedisResult<Connection> {
        if let Some(connection) = self.0.connection.get() {
            return Ok(connection.clone());
        }
        // In a task of its own, which who waits for it does not end: connecting may take longer than a request may.
        if !self.0.connecting.swap(true, AcqRel) {
            let inner = Arc::clone(&self.0);
            tokio::spawn(async move {
                let connected = inner.connection.get_or_try_init(|| inner.connect()).await;
                if let Err(error) = connected {
                    tracing::debug!(address = %inner.address, %error, "the remote tier cannot connect");
                }
                inner.connecting.store(false, std::sync::atomic::Ordering::Release);
            });
        }
        let inner = Arc::clone(&self.0);
        inner.connection.get_or_try_init(|| inner.connect()).await.cloned()
    }
}

impl Inner {
    async fn connect(&self) -> RedisResult<Connection> {
        match &self.kind {
            Kind::Node(client) => {
                let config = ConnectionManagerConfig::new()
                    .set_connection_timeout(Some(self.limit.saturating_mul(CONNECTING)))
                    .set_response_timeout(Some(self.limit))
                    .set_number_of_retries(1)
                    .set_min_delay(PAUSES.0)
                    .set_max_delay(PAUSES.1);
                ConnectionManager::new_with_config(Client::clone(client), config).await.map(Connection::Node)
            }
            Kind::Cluster(client) => client.get_async_connection().await.map(Connection::Cluster),
        }
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) reason: String,
    /// Whether the next request will hardly fare better. A server that refuses one value still serves.
    pub(super) unreachable: bool,
}

fn is_unreachable(error: &RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, NoPerm, ReadOnly, TryAgain};
    match error.kind() {
        ErrorKind::Server(kind) => {
            matches!(kind, BusyLoading | ClusterDown | MasterDown | NoPerm | ReadOnly | TryAgain)
        }
        ErrorKind::Extension => error.code() == Some("NOAUTH"),
        _ => true,
    }
}
