//! The remote tier against real servers: alive, killed, frozen, started again, and a cluster of six that loses a master.
//!
//! Each test starts its own `redis-server` on a free port and ends it by its process. Where none is installed the tests say so and pass.
#![expect(clippy::unwrap_used, reason = "a test: a panic is its failure")]

use std::future::Future;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use host_tier::{BreakerState, Clock, Item, Remote, RemoteConfig, Tier, TierError};
use tempfile::TempDir;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// A server of its own.
struct Server {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Server {
    /// None where no server is installed.
    fn start(port: u16, arguments: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let started = Command::new("redis-server")
            .args([
                "--port",
                &port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
                "--dir",
            ])
            .arg(folder.path())
            .args(arguments)
            .stdout(Stdio::null())
            .spawn();
        let Ok(child) = started else {
            println!("SKIPPED: no redis-server is installed here (apt-get install redis-server)");
            return None;
        };
        let server = Self { child, port, _folder: folder };
        wait_for("the server", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(server)
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    fn tier(&self) -> Remote {
        let config = RemoteConfig {
            limit: Duration::from_millis(100),
            failures: 3,
            pauses: (Duration::from_millis(50), Duration::from_millis(200)),
            ..RemoteConfig::new(format!("redis://127.0.0.1:{}", self.port))
        };
        Remote::new(&config, Clock::system()).unwrap()
    }

    fn cli(&self, arguments: &[&str]) -> String {
        let port = self.port.to_string();
        let output = Command::new("redis-cli").args(["-p", &port]).args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

/// What has to come, soon or late: a minute is for ever.
fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < Duration::from_secs(60), "{what} did not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

async fn wait_for_put(tier: &Remote, key: &str, value: &str) {
    let since = Instant::now();
    loop {
        let _ = tier.put(Item::new(key.to_owned(), value.to_owned())).await;
        if tier.get(key.as_bytes()).await.ok().flatten().is_some_and(|item| item.value == value) {
            return;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "the server did not come back");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn value(tier: &Remote, key: &str) -> Option<String> {
    let item = tier.get(key.as_bytes()).await.ok().flatten()?;
    Some(String::from_utf8(item.value.to_vec()).unwrap())
}

#[test]
fn an_item_comes_back_as_it_was_put_with_its_end_of_life_on_the_server() {
    let Some(server) = Server::start(free_port(), &[]) else { return };
    block_on(async {
        let tier = server.tier();
        let until = Clock::system().now() + Duration::from_secs(100);
        let item = Item { kind: 8, ..Item::new("key", vec![0, 255, 13, 10]) }.until(until);
        tier.put(item.clone()).await.unwrap();
        assert_eq!(tier.get(b"key").await.unwrap(), Some(item.clone()));
        let left: u64 = server.cli(&["PTTL", "host:key"]).parse().unwrap();
        assert!(left > 50_000 && left <= 100_001, "{left}");
        assert_eq!(tier.take(b"key").await.unwrap(), Some(item));
        assert_eq!(tier.get(b"key").await.unwrap(), None);
        tier.put(Item::new("endless", "value")).await.unwrap();
        assert_eq!(server.cli(&["PTTL", "host:endless"]), "-1");
        tier.put(Item::new("endless", "value").until(Duration::ZERO)).await.unwrap();
        assert_eq!(server.cli(&["EXISTS", "host:endless"]), "0");
        // What another program has written there is a miss, and stays.
        server.cli(&["SET", "host:foreign", "value"]);
        assert_eq!((value(&tier, "foreign").await, tier.stats().errors), (None, 1));
        tier.put(Item::new("cleared", "value")).await.unwrap();
        tier.clear().await.unwrap();
        assert_eq!(value(&tier, "cleared").await, None);
        tokio::time::sleep(Duration::from_millis(1)).await;
        tier.put(Item::new("cleared", "new")).await.unwrap();
        assert_eq!(value(&tier, "cleared").await.as_deref(), Some("new"));
        let stats = tier.stats();
        assert_eq!((stats.hits, stats.misses, stats.puts, stats.refused), (3, 3, 4, 1));
    });
}

#[test]
fn a_server_that_is_killed_costs_hits_alone_and_is_found_again() {
    let port = free_port();
    let Some(mut server) = Server::start(port, &[]) else { return };
    block_on(async {
        let tier = server.tier();
        tier.put(Item::new("key", "old")).await.unwrap();
        server.kill();
        for _ in 0..20 {
            let _ = tier.put(Item::new("key", "new")).await;
            assert_eq!(value(&tier, "key").await, None);
        }
        let stats = tier.remote_stats();
        assert!(stats.opened >= 1 && stats.dropped > 0 && stats.skipped > 0 && stats.owed == 1, "{stats:?}");
        assert_ne!(stats.breaker, BreakerState::Closed);
        let error = server.tier().get(b"key").await.unwrap_err();
        assert!(
            matches!(&error, TierError::Remote { .. })
                && error.to_string().contains(&format!("127.0.0.1:{port}")),
            "{error}"
        );
        let server = Server::start(port, &[]).unwrap();
        wait_for_put(&tier, "other", "value").await;
        assert_eq!(tier.remote_stats().breaker, BreakerState::Closed);
        drop(server);
    });
}

#[test]
fn a_frozen_server_is_left_alone_and_brings_back_nothing_old_when_it_thaws() {
    let Some(server) = Server::start(free_port(), &[]) else { return };
    block_on(async {
        let tier = server.tier();
        for key in ["changed", "removed", "kept"] {
            tier.put(Item::new(key, "old")).await.unwrap();
        }
        server.signal("-STOP");
        let since = Instant::now();
        let _ = tier.put(Item::new("changed", "new")).await;
        let _ = tier.remove(b"removed").await;
        for _ in 0..500 {
            assert_eq!(value(&tier, "kept").await, None);
        }
        assert!(tier.remote_stats().skipped > 400);
        // 502 operations of up to 100 ms each, had each waited.
        println!("502 operations on a frozen server: {:?}", since.elapsed());
        server.signal("-CONT");
        wait_for_put(&tier, "other", "value").await;
        assert_eq!(value(&tier, "kept").await.as_deref(), Some("old"));
        for _ in 0..20 {
            let changed = value(&tier, "changed").await;
            assert!(changed.as_deref() != Some("old"), "{changed:?}");
            assert_eq!(value(&tier, "removed").await, None);
        }
        assert_eq!(tier.remote_stats().owed, 0);
    });
}

#[test]
fn a_server_that_was_never_there_is_misses_and_settings_are_checked() {
    block_on(async {
        let config =
            RemoteConfig { failures: 2, ..RemoteConfig::new(format!("redis://127.0.0.1:{}", free_port())) };
        let tier = Remote::new(&config, Clock::system()).unwrap();
        for _ in 0..2 {
            tier.get(b"key").await.unwrap_err();
        }
        assert_eq!(tier.get(b"key").await.unwrap(), None);
        let error = Remote::new(&RemoteConfig::new("http://user:secret@here"), Clock::system())
            .unwrap_err()
            .to_string();
        assert!(error.contains("redis://127.0.0.1:6379") && !error.contains("secret"), "{error}");
        let none = RemoteConfig { addresses: Vec::new(), ..config.clone() };
        let error = Remote::new(&none, Clock::system()).unwrap_err().to_string();
        assert!(error.starts_with("the number of addresses of the remote tier is 0"), "{error}");
        let error =
            Remote::new(&RemoteConfig { limit: Duration::ZERO, ..config }, Clock::system()).unwrap_err();
        assert!(error.to_string().contains("1 ms or more"));
    });
}

#[test]
#[ignore = "starts six servers, and waits for one to take over"]
fn a_cluster_that_loses_a_master_serves_again() {
    let mut servers = Vec::new();
    for _ in 0..6 {
        let arguments = "--cluster-enabled yes --cluster-node-timeout 1000 --cluster-config-file nodes \
             --repl-diskless-sync-delay 0";
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        // The bus has a port 10,000 above.
        let port = std::iter::repeat_with(free_port).find(|port| *port < 50_000).unwrap();
        let Some(server) = Server::start(port, &arguments) else { return };
        servers.push(server);
    }
    let nodes: Vec<String> = servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
    let created = Command::new("redis-cli")
        .args(["--cluster", "create"])
        .args(&nodes)
        .args(["--cluster-replicas", "1", "--cluster-yes"])
        .output()
        .unwrap();
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stdout));
    wait_for("the cluster", || {
        servers.iter().all(|server| server.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok"))
    });
    block_on(async {
        let config = RemoteConfig {
            addresses: nodes.iter().map(|node| format!("redis://{node}")).collect(),
            cluster: true,
            limit: Duration::from_millis(200),
            failures: 3,
            pauses: (Duration::from_millis(50), Duration::from_millis(200)),
            ..RemoteConfig::new("")
        };
        let tier = Remote::new(&config, Clock::system()).unwrap();
        wait_for_put(&tier, "first", "value").await;
        for key in 0..300 {
            tier.put(Item::new(format!("{key}"), format!("value {key}"))).await.unwrap();
        }
        let master = servers.iter().position(|server| server.cli(&["ROLE"]).starts_with("master")).unwrap();
        // What was written has to be on the replicas: one that has none of it does not take over.
        wait_for("replication", || {
            servers.iter().all(|server| {
                server.cli(&["ROLE"]).starts_with("master")
                    || server.cli(&["INFO", "replication"]).contains("master_link_status:up")
            })
        });
        tokio::time::sleep(Duration::from_millis(500)).await;
        servers.swap_remove(master).kill();
        let since = Instant::now();
        let (mut failed, mut last) = (0, None);
        // All keys again, in one round without a fault.
        loop {
            let mut found = 0;
            for key in 0..300 {
                match tier.get(format!("{key}").as_bytes()).await {
                    Ok(Some(item)) => {
                        assert_eq!(item.value, format!("value {key}"));
                        found += 1;
                    }
                    Ok(None) => {}
                    Err(error) => {
                        failed += 1;
                        last = Some(error);
                    }
                }
            }
            if found == 300 {
                break;
            }
            assert!(
                since.elapsed() < Duration::from_secs(60),
                "{found} of 300 found; {last:?}, {:?}",
                tier.remote_stats()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        println!(
            "all 300 keys again after {:.1} s; {failed} operations failed",
            since.elapsed().as_secs_f64()
        );
    });
}
