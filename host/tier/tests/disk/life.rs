//! What is put, found, replaced, removed and over.

use std::time::Duration;

use host_tier::{Disk, Item, Tier, TierError};

use crate::support::{REGION, Time, block_on, config, copy, folder, get, open, put, value};

#[test]
fn an_item_comes_back_as_it_was_put_from_memory_from_the_file_and_after_a_restart() {
    block_on(async {
        let (folder, time) = (folder(), Time::new());
        let until = time.now() + Duration::from_nanos(3_600_000_000_007);
        let item = Item { kind: 9, ..Item::new("key", "value").until(until) };
        let disk = open(folder.path(), 8, &time);
        disk.put(item.clone()).await.unwrap();
        assert_eq!(get(&disk, "key").await.as_ref(), Some(&item));
        disk.flush().await.unwrap();
        assert_eq!(get(&disk, "key").await.as_ref(), Some(&item));
        drop(disk);
        let disk = open(folder.path(), 8, &time);
        assert_eq!(get(&disk, "key").await.as_ref(), Some(&item));
        assert_eq!(get(&disk, "kez").await, None);
        let stats = disk.stats();
        assert_eq!((stats.hits, stats.misses, stats.errors, stats.entries), (1, 1, 0, 1));
        assert_eq!((stats.bytes, stats.capacity), (u64::from(REGION), 8 * u64::from(REGION)));
        assert_eq!(stats.get_latency.count(), 2);
    });
}

#[test]
fn empty_keys_and_values_and_the_largest_ones_are_taken_and_larger_ones_are_not() {
    block_on(async {
        let (folder, time) = (folder(), Time::new());
        let disk = open(folder.path(), 8, &time);
        put(&disk, "", "").await.unwrap();
        assert_eq!(value(&disk, "").await, Some(Vec::new()));
        let longest = (1..usize::try_from(REGION).unwrap()).rev();
        let mut fits = 0;
        for length in longest {
            put(&disk, "large", vec![7; length]).await.unwrap();
            if value(&disk, "large").await.is_some() {
                fits = length;
                break;
            }
        }
        assert!(fits > usize::try_from(REGION).unwrap() - 300, "{fits}");
        disk.flush().await.unwrap();
        assert_eq!(value(&disk, "large").await, Some(vec![7; fits]));
        // What is too large goes, and what was there as well.
        put(&disk, "large", vec![7; fits + 1]).await.unwrap();
        assert_eq!(value(&disk, "large").await, None);
        disk.put(Item::new(vec![1; 70_000], "")).await.unwrap();
        assert!(disk.stats().refused >= 2);
    });
}

#[test]
fn the_newest_value_counts_and_what_was_removed_stays_away_after_the_end_of_the_process_at_any_point() {
    block_on(async {
        let (folder, time) = (folder(), Time::new());
        let disk = open(folder.path(), 8, &time);
        for value in ["one", "two", "three"] {
            put(&disk, "changed", value).await.unwrap();
            put(&disk, "removed", value).await.unwrap();
        }
        disk.flush().await.unwrap();
        disk.put(Item::new("changed", "four").until(time.now() + Duration::from_secs(30))).await.unwrap();
        disk.remove(b"removed").await.unwrap();
        let killed = copy(folder.path());
        assert_eq!(value(&disk, "changed").await, Some(b"four".to_vec()));
        assert_eq!(value(&disk, "removed").await, None);
        drop(disk);
        for _ in 0..2 {
            for folder in [killed.path(), folder.path()] {
                let disk = open(folder, 8, &time);
                assert_eq!(value(&disk, "changed").await, Some(b"four".to_vec()));
                assert_eq!(value(&disk, "removed").await, None);
            }
        }
    });
}

#[test]
fn what_falls_again_unchanged_is_not_written_again() {
    block_on(async {
        let (folder, time) = (folder(), Time::new());
        let disk = open(folder.path(), 8, &time);
        let item =
            Item { kind: 3, ..Item::new("key", vec![1; 900]) }.until(time.now() + Duration::from_secs(900));
        disk.put(item.clone()).await.unwrap();
        let once = disk.disk_stats().counters.bytes_admitted;
        disk.put(item.clone()).await.unwrap();
        disk.flush().await.unwrap();
        disk.put(item.clone()).await.unwrap();
        let counters = disk.disk_stats().counters;
        assert_eq!((counters.bytes_admitted, counters.puts_unchanged), (once, 2));
        // Any difference is one.
        let other = [
            Item { kind: 4, ..item.clone() },
            item.clone().until(time.now() + Duration::from_secs(901)),
            Item { value: vec![2; 900].into(), ..item.clone() },
            Item { value: vec![2; 901].into(), ..item },
        ];
        for other in other {
            disk.put(other.clone()).await.unwrap();
            assert_eq!(get(&disk, "key").await, Some(other));
        }
        assert_eq!(disk.disk_stats().counters.puts_unchanged, 2);
    });
}

#[test]
fn what_is_over_is_a_miss_and_is_not_taken() {
    block_on(async {
        let (folder, time) = (folder(), Time::new());
        let disk = open(folder.path(), 8, &time);
        let until = time.now() + Duration::from_secs(5);
        disk.put(Item::new("brief", "value").until(until)).await.unwrap();
        time.pass(Duration::from_secs(4));
        assert!(get(&disk, "brief").await.is_some());
        time.pass(Duration::from_secs(1));
        assert_eq!(get(&disk, "brief").await, None);
        put(&disk, "key", "old").await.unwrap();
        disk.put(Item::new("key", "new").until(time.now())).await.unwrap();
        assert_eq!((get(&disk, "key").await, disk.stats().refused), (None, 1));
    });
}

#[test]
fn clearing_forgets_everything_for_good() {
    block_on(async {
        let (folder, time) = (folder(), Time::new());
        let disk = open(folder.path(), 8, &time);
        for number in 0..40 {
            put(&disk, &format!("key {number}"), vec![1; 1000]).await.unwrap();
        }
        disk.clear().await.unwrap();
        put(&disk, "key 3", "new").await.unwrap();
        disk.flush().await.unwrap();
        let killed = copy(folder.path());
        drop(disk);
        for folder in [folder.path(), killed.path()] {
            let disk = open(folder, 8, &time);
            for number in 0..40 {
                let expected = (number == 3).then(|| b"new".to_vec());
                assert_eq!(value(&disk, &format!("key {number}")).await, expected);
            }
        }
    });
}

#[test]
fn two_processes_cannot_have_one_folder() {
    let (folder, time) = (folder(), Time::new());
    let _disk = open(folder.path(), 8, &time);
    let error = Disk::open(&config(folder.path(), 8), time.clock()).unwrap_err();
    assert!(matches!(&error, TierError::InUse { .. }));
    let text = error.to_string();
    assert!(
        text.contains(&folder.path().display().to_string()) && text.contains("another process"),
        "{text}"
    );
}

#[test]
fn settings_outside_of_their_range_are_refused_with_the_range() {
    let (folder, time) = (folder(), Time::new());
    let few = Disk::open(&config(folder.path(), 7), time.clock()).unwrap_err().to_string();
    assert_eq!(
        few,
        "the capacity of the disk tier is 114688 bytes, and has to be 8 to 65536 regions of 16384 bytes: 131072 to 1073741824 bytes"
    );
    let odd = host_tier::DiskConfig { region: 5000, ..config(folder.path(), 8) };
    let odd = Disk::open(&odd, time.clock()).unwrap_err().to_string();
    assert!(
        odd.starts_with("the region size of the disk tier is 5000 bytes, and has to be a multiple of 4,096"),
        "{odd}"
    );
}

#[test]
fn what_a_dead_machine_has_left_is_not_trusted_and_another_region_size_empties_it() {
    block_on(async {
        let (folder, time) = (folder(), Time::new());
        let disk = open(folder.path(), 8, &time);
        put(&disk, "key", "value").await.unwrap();
        disk.flush().await.unwrap();
        let (same_boot, other_boot) = (copy(folder.path()), copy(folder.path()));
        drop(disk);
        assert!(value(&open(same_boot.path(), 8, &time), "key").await.is_some());
        // Another boot, with a checksum that is right: as it looks after the power went.
        let lock = other_boot.path().join("lock");
        let text = std::fs::read_to_string(&lock).unwrap();
        let body: String = text
            .lines()
            .filter(|line| !line.starts_with("checksum"))
            .map(
                |line| {
                    if line.starts_with("boot") { "boot another\n".to_owned() } else { format!("{line}\n") }
                },
            )
            .collect();
        std::fs::write(&lock, format!("{body}checksum {:08x}\n", crc32fast::hash(body.as_bytes()))).unwrap();
        assert_eq!(value(&open(other_boot.path(), 8, &time), "key").await, None);
        // It was closed in the orderly way: the boot means nothing.
        assert!(value(&open(folder.path(), 8, &time), "key").await.is_some());
        let larger = host_tier::DiskConfig { region: 2 * REGION, ..config(folder.path(), 16) };
        let disk = Disk::open(&larger, time.clock()).unwrap();
        assert_eq!(value(&disk, "key").await, None);
        put(&disk, "key", "new").await.unwrap();
    });
}
