//! Damage: every byte of the files, changed one at a time. What is found is right, or nothing is.

use std::os::unix::fs::FileExt as _;
use std::path::Path;

use host_tier::Tier;

use crate::support::{REGION, Time, block_on, copy, get, open, put, quick_folder, value};

/// Keys with their newest values, after older ones, and removed ones.
async fn check(folder: &Path, time: &Time, at: u64) -> usize {
    let disk = open(folder, 8, time);
    let mut found = 0;
    for number in 0..12 {
        if let Some(item) = get(&disk, &format!("key {number}")).await {
            assert_eq!(
                (item.value.as_ref(), item.kind),
                (format!("new {number}").as_bytes(), 0),
                "byte {at}"
            );
            found += 1;
        }
        assert_eq!(value(&disk, &format!("removed {number}")).await, None, "byte {at}");
    }
    // It goes on working.
    put(&disk, "another", "value").await.unwrap();
    assert_eq!(value(&disk, "another").await, Some(b"value".to_vec()), "byte {at}");
    found
}

async fn fill(folder: &Path, time: &Time) -> host_tier::Disk {
    let disk = open(folder, 8, time);
    for number in 0..12 {
        put(&disk, &format!("key {number}"), format!("old {number}")).await.unwrap();
        put(&disk, &format!("removed {number}"), "old").await.unwrap();
    }
    // The older ones are in a region of their own, or what is damaged would take them with it.
    for number in 0..16 {
        put(&disk, &format!("filler {number}"), vec![0; 1000]).await.unwrap();
    }
    for number in 0..12 {
        put(&disk, &format!("key {number}"), format!("new {number}")).await.unwrap();
        disk.remove(format!("removed {number}").as_bytes()).await.unwrap();
    }
    disk.flush().await.unwrap();
    disk
}

/// Flips each of the bytes that hold something, and some of the others.
async fn flip_each(original: &Path, time: &Time, step: usize) {
    let bytes = std::fs::read(original.join("regions")).unwrap();
    let (mut tried, mut whole, mut less) = (0, 0, 0);
    let holds =
        |at: usize| bytes[at.saturating_sub(3)..(at + 4).min(bytes.len())].iter().any(|byte| *byte != 0);
    for at in (0..3 * usize::try_from(REGION).unwrap()).filter(|at| holds(*at) || at % 997 == 0).step_by(step)
    {
        let damaged = copy(original);
        let file = std::fs::OpenOptions::new().write(true).open(damaged.path().join("regions")).unwrap();
        file.write_all_at(&[bytes[at] ^ 0xA5], u64::try_from(at).unwrap()).unwrap();
        let found = check(damaged.path(), time, u64::try_from(at).unwrap()).await;
        tried += 1;
        whole += usize::from(found == 12);
        less += usize::from(found < 12);
    }
    println!("{tried} bytes: {whole} times all was found, {less} times less");
    assert!(tried > 100 && whole > 0 && less > 0);
}

#[test]
fn a_changed_byte_in_closed_files_is_never_a_wrong_value() {
    block_on(async {
        let (folder, time) = (quick_folder(), Time::new());
        drop(fill(folder.path(), &time).await);
        assert_eq!(check(copy(folder.path()).path(), &time, 0).await, 12);
        flip_each(folder.path(), &time, 7).await;
    });
}

#[test]
fn a_changed_byte_in_files_that_a_killed_process_left_is_never_a_wrong_value() {
    block_on(async {
        let (folder, time) = (quick_folder(), Time::new());
        let disk = fill(folder.path(), &time).await;
        let killed = copy(folder.path());
        drop(disk);
        assert_eq!(check(copy(killed.path()).path(), &time, 0).await, 12);
        flip_each(killed.path(), &time, 7).await;
    });
}

#[test]
#[ignore = "some minutes"]
fn every_changed_byte_is_never_a_wrong_value() {
    block_on(async {
        let (folder, time) = (quick_folder(), Time::new());
        let disk = fill(folder.path(), &time).await;
        let killed = copy(folder.path());
        drop(disk);
        flip_each(folder.path(), &time, 1).await;
        flip_each(killed.path(), &time, 1).await;
    });
}

#[test]
fn damage_while_it_is_open_is_a_miss_that_is_counted_and_the_key_can_be_put_again() {
    block_on(async {
        let (folder, time) = (quick_folder(), Time::new());
        let disk = fill(folder.path(), &time).await;
        let path = folder.path().join("regions");
        let bytes = std::fs::read(&path).unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        let places = bytes.windows(5).enumerate().filter(|(_, window)| window == b"new 7");
        let at = places.map(|(at, _)| at).next().unwrap();
        file.write_all_at(b"old 7", u64::try_from(at).unwrap()).unwrap();
        assert_eq!((value(&disk, "key 7").await, disk.stats().errors), (None, 1));
        assert_eq!((value(&disk, "key 7").await, disk.stats().errors), (None, 1));
        put(&disk, "key 7", "newer").await.unwrap();
        assert_eq!(value(&disk, "key 7").await, Some(b"newer".to_vec()));
        drop(disk);
        assert_eq!(value(&open(folder.path(), 8, &time), "key 7").await, Some(b"newer".to_vec()));
    });
}

#[test]
fn files_of_random_bytes_and_of_any_length_open_as_an_empty_tier() {
    block_on(async {
        for length in [1_usize, 100, 16_384, 100_000, 300_000] {
            let (folder, time) = (quick_folder(), Time::new());
            drop(open(folder.path(), 8, &time));
            let random = (0..length).map(|at| u8::try_from(at * at % 251).unwrap()).collect::<Vec<_>>();
            std::fs::write(folder.path().join("regions"), &random).unwrap();
            let disk = open(folder.path(), 8, &time);
            assert_eq!(value(&disk, "key").await, None);
            put(&disk, "key", "value").await.unwrap();
            drop(disk);
            std::fs::write(folder.path().join("lock"), &random[..length.min(400)]).unwrap();
            assert_eq!(value(&open(folder.path(), 8, &time), "key").await, None);
        }
    });
}
