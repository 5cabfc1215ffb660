//! Kills under write load, and how long opening takes.
//!
//! The child is this test's own binary, which runs [`child`]. It prints what it is about to do and what it has done; what was done
//! has to hold, and of what was about to be done either may.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use host_tier::{Clock, Disk, DiskConfig, Item, Tier};
use rand::{RngExt as _, SeedableRng as _};

use crate::support::{block_on, folder};

const FOLDER: &str = "HOST_TIER_KILLED_FOLDER";
const ROUND: &str = "HOST_TIER_KILLED_ROUND";
const KEYS: u32 = 400;

fn tier(folder: &Path) -> Disk {
    let config = DiskConfig { region: 64 * 1024, ..DiskConfig::new(folder, 20 * 64 * 1024) };
    Disk::open(&config, Clock::system()).unwrap()
}

fn text(version: u64) -> Vec<u8> {
    format!("{version:>12}").repeat(usize::try_from(version % 300).unwrap() + 1).into_bytes()
}

/// Not a test of its own: what is killed.
#[test]
#[ignore = "the tests of kills start it"]
fn child() {
    let (Ok(folder), Ok(round)) = (std::env::var(FOLDER), std::env::var(ROUND)) else { return };
    let mut random = rand_pcg::Pcg64::seed_from_u64(round.parse().unwrap());
    let mut version = round.parse::<u64>().unwrap() * 1_000_000;
    block_on(async {
        let disk = tier(Path::new(&folder));
        let mut out = std::io::stdout();
        loop {
            let key = random.random_range(0..KEYS);
            version += 1;
            if random.random_bool(0.2) {
                writeln!(out, "@ begin {key} 0").unwrap();
                disk.remove(format!("{key}").as_bytes()).await.unwrap();
                writeln!(out, "@ done {key} 0").unwrap();
            } else {
                writeln!(out, "@ begin {key} {version}").unwrap();
                let life =
                    random.random_bool(0.5).then(|| Clock::system().now() + Duration::from_secs(3_000));
                let item = Item { until: life, ..Item::new(format!("{key}"), text(version)) };
                disk.put(item).await.unwrap();
                writeln!(out, "@ done {key} {version}").unwrap();
            }
        }
    });
}

/// What may be found of a key: what was done last, and what was begun after it. 0 is nothing, which is always right.
type Newest = HashMap<u32, Vec<u64>>;

/// Lets the child write for a while, kills it, and notes what it has done and begun.
fn write_and_kill(folder: &Path, round: u64, newest: &mut Newest) -> usize {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["kill::child", "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut done = 0;
    let wanted = 400 + usize::try_from(round % 7).unwrap() * 300;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let Ok(line) = line else { break };
        // The harness prints the name of the test on the same line as the first of these.
        let Some((_, words)) = line.split_once("@ ") else { continue };
        let words: Vec<&str> = words.split(' ').collect();
        let [what, key, version] = words[..] else { continue };
        let (Ok(key), Ok(version)) = (key.parse(), version.parse()) else { continue };
        if what == "begin" {
            newest.entry(key).or_default().push(version);
        } else {
            newest.insert(key, vec![version]);
            done += 1;
            if done == wanted {
                child.kill().unwrap();
            }
        }
    }
    child.wait().unwrap();
    done
}

fn kill_often(rounds: u64) {
    let folder = folder();
    let mut newest = Newest::new();
    let mut found_in_all = 0;
    for round in 1..=rounds {
        assert!(write_and_kill(folder.path(), round, &mut newest) >= 400);
        block_on(async {
            let disk = tier(folder.path());
            for key in 0..KEYS {
                let Some(item) = disk.get(format!("{key}").as_bytes()).await.unwrap() else { continue };
                let versions = newest.get(&key).cloned().unwrap_or_default();
                let right = versions.iter().any(|version| *version != 0 && text(*version) == item.value);
                assert!(right, "round {round}, key {key}: {versions:?}, found {:?}", &item.value[..12]);
                found_in_all += 1;
            }
            assert_eq!(disk.stats().errors, 0);
        });
    }
    println!("{rounds} kills: {found_in_all} values found, none of them wrong");
    assert!(found_in_all > 50 * rounds, "{found_in_all}");
}

#[test]
fn three_kills_under_write_load_leave_nothing_wrong() {
    kill_often(3);
}

#[test]
#[ignore = "half a minute"]
fn fifty_kills_under_write_load_leave_nothing_wrong() {
    kill_often(50);
}

#[test]
#[ignore = "measures: run it with --release --nocapture"]
fn how_long_opening_takes() {
    let folder = folder();
    let config = DiskConfig::new(folder.path(), 1 << 30);
    let entries = 1_000_000;
    block_on(async {
        let disk = Disk::open(&config, Clock::system()).unwrap();
        for number in 0..entries {
            disk.put(Item::new(format!("key {number}"), vec![1; 512])).await.unwrap();
        }
    });
    for _ in 0..3 {
        let since = Instant::now();
        let disk = Disk::open(&config, Clock::system()).unwrap();
        println!("{} entries: opened in {:.3} s", disk.stats().entries, since.elapsed().as_secs_f64());
        assert_eq!(disk.stats().entries, entries);
    }
}
