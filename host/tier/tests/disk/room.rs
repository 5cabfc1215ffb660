//! Room: what goes when there is none, what is kept, and what is written for it.

use std::time::Duration;

use host_tier::{Disk, DiskConfig, Item, Tier, TierError};
use rand::SeedableRng as _;
use rand_distr::Distribution as _;

use crate::support::{REGION, Time, block_on, folder, open, put, value};

/// Fourteen of these fill a region.
const VALUE: usize = 1_100;

#[test]
fn the_oldest_region_goes_first() {
    block_on(async {
        let (folder, time) = (folder(), Time::new());
        let disk = open(folder.path(), 8, &time);
        for number in 0..200 {
            put(&disk, &format!("key {number}"), vec![1; VALUE]).await.unwrap();
        }
        let mut found = Vec::new();
        for number in 0..200 {
            found.push(value(&disk, &format!("key {number}")).await.is_some());
        }
        let first = found.iter().position(|found| *found).unwrap();
        assert!((100..140).contains(&first) && found[first..].iter().all(|found| *found), "{first}");
        let stats = disk.stats();
        assert_eq!(
            (stats.evictions, stats.entries),
            (u64::try_from(first).unwrap(), 200 - u64::try_from(first).unwrap())
        );
    });
}

#[test]
fn a_region_whose_items_are_over_goes_before_older_ones() {
    block_on(async {
        let (folder, time) = (folder(), Time::new());
        let disk = open(folder.path(), 8, &time);
        for number in 0..14 {
            put(&disk, &format!("old {number}"), vec![1; VALUE]).await.unwrap();
        }
        let until = time.now() + Duration::from_secs(10);
        for number in 0..28 {
            disk.put(Item::new(format!("brief {number}"), vec![1; VALUE]).until(until)).await.unwrap();
        }
        time.pass(Duration::from_secs(11));
        for number in 0..60 {
            put(&disk, &format!("key {number}"), vec![1; VALUE]).await.unwrap();
        }
        assert!(value(&disk, "old 3").await.is_some());
        assert_eq!(disk.stats().evictions, 0, "what is over is not evicted");
    });
}

#[test]
fn what_was_asked_for_is_written_once_more_and_all_writing_stays_within_its_bound() {
    block_on(async {
        let (folder, time) = (folder(), Time::new());
        let disk = Disk::open(
            &DiskConfig { region: 1 << 20, ..DiskConfig::new(folder.path(), 16 << 20) },
            time.clock(),
        )
        .unwrap();
        let mut random = rand_pcg::Pcg64::seed_from_u64(7);
        let zipf = rand_distr::Zipf::new(60_000.0, 0.9).unwrap();
        let (mut hits, mut admitted) = (0_u64, 0_u64);
        for _ in 0..150_000 {
            let drawn: f64 = zipf.sample(&mut random);
            let key = format!("key {drawn}");
            if value(&disk, &key).await.is_some() {
                hits += 1;
            } else {
                let item = Item::new(key, vec![3; 1024]);
                admitted += item.bytes();
                disk.put(item).await.unwrap();
            }
        }
        let counters = disk.disk_stats().counters;
        assert!(counters.bytes_written_again > 0 && hits > 10_000);
        let ratio = |part: u64, whole: u64| host_contract::number::ratio(part, whole).unwrap();
        let written = ratio(counters.bytes_written, counters.bytes_admitted);
        assert!(written <= 1.05, "{written} of the bytes of records");
        println!(
            "hits {hits}; written {written:.4} of records, {:.4} of keys and values",
            ratio(counters.bytes_written, admitted)
        );
    });
}

#[test]
fn a_disk_that_is_too_full_is_met_at_the_start_with_the_file_and_the_bytes() {
    let (folder, time) = (folder(), Time::new());
    // 1 TiB; what has that much free is left out.
    let config = DiskConfig { region: 16 << 20, ..DiskConfig::new(folder.path(), 1 << 40) };
    match Disk::open(&config, time.clock()) {
        Err(error @ TierError::NoRoom { .. }) => {
            let text = error.to_string();
            assert!(text.contains("regions: 1099511627776 bytes cannot be reserved"), "{text}");
            assert!(
                std::fs::metadata(folder.path().join("regions")).unwrap().len() == 0,
                "nothing is left of the attempt"
            );
        }
        Err(error) => panic!("{error}"),
        Ok(_) => println!("this disk has 1 TiB free"),
    }
}

#[test]
fn a_tier_that_shrinks_keeps_what_is_newest_within_its_size_and_one_that_grows_all() {
    block_on(async {
        let (folder, time) = (folder(), Time::new());
        let disk = open(folder.path(), 16, &time);
        for number in 0..180 {
            put(&disk, &format!("key {number}"), vec![1; VALUE]).await.unwrap();
        }
        let before = disk.stats().entries;
        disk.set_capacity(24 * u64::from(REGION)).await.unwrap();
        assert_eq!((disk.stats().entries, disk.stats().capacity), (before, 24 * u64::from(REGION)));
        disk.set_capacity(9 * u64::from(REGION)).await.unwrap();
        let stats = disk.stats();
        assert!(
            stats.entries > 40 && stats.entries < 130 && stats.capacity == 9 * u64::from(REGION),
            "{stats:?}"
        );
        let length = std::fs::metadata(folder.path().join("regions")).unwrap().len();
        assert_eq!(length, 9 * u64::from(REGION));
        put(&disk, "new", "value").await.unwrap();
        let error = disk.set_capacity(3 * u64::from(REGION)).await.unwrap_err().to_string();
        assert!(error.contains("has to be 8 to 65536 regions"), "{error}");
        drop(disk);
        let disk = open(folder.path(), 8, &time);
        assert_eq!((value(&disk, "new").await, disk.stats().errors), (Some(b"value".to_vec()), 0));
    });
}
