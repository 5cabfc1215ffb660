//! Small enough for Miri, which sees a data race or a dangling reference where this only sees wrong sums:
//! `just miri`.

use super::StripedLock;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;

const ROUNDS: u64 = if cfg!(miri) { 12 } else { 20_000 };

/// Readers count in their stripes; the order counts writes; what is read has two halves that a writer moves apart.
type Sums = StripedLock<u64, u64, (u64, Vec<u64>)>;

fn sums(stripes: usize) -> Sums {
    StripedLock::new(stripes, || 0, 0, (0, vec![0]))
}

fn write(sums: &Sums) {
    let mut held = sums.order().exclude();
    let (order, data) = held.parts();
    *order += 1;
    data.0 += 1;
    // Another allocation each time: a reader that was let in would follow a pointer to nothing.
    data.1 = vec![data.0];
}

fn read(sums: &Sums) {
    let mut reading = sums.read();
    let (data, reads) = reading.parts();
    assert_eq!(data.1, [data.0], "a reader saw half of a write");
    *reads += 1;
}

#[test]
fn readers_see_whole_writes_and_lose_no_count() {
    for stripes in [1, 2] {
        let sums = sums(stripes);
        thread::scope(|threads| {
            for _ in 0..2 {
                threads.spawn(|| (0..ROUNDS).for_each(|_| write(&sums)));
                threads.spawn(|| (0..ROUNDS).for_each(|_| read(&sums)));
            }
        });
        let mut held = sums.order().exclude();
        assert_eq!(*held.parts().0, 2 * ROUNDS);
        assert_eq!(held.parts().1.0, 2 * ROUNDS);
        let mut reads = 0;
        held.each_stripe(|_, stripe| reads += *stripe);
        assert_eq!(reads, 2 * ROUNDS);
    }
}

#[test]
fn the_order_collects_from_the_stripes_while_they_are_in_use() {
    let sums = sums(2);
    let mut collected = 0;
    thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                for _ in 0..ROUNDS {
                    read(&sums);
                    // As a reader whose buffer is full does.
                    let mut reading = sums.read();
                    if let Some((mut order, stripe)) = reading.try_order() {
                        *order += std::mem::take(stripe);
                    }
                }
            });
        }
        for _ in 0..ROUNDS {
            let mut held = sums.order();
            let (_, data) = held.parts();
            assert_eq!(data.1, [data.0]);
            held.each_stripe(|_, stripe| collected += std::mem::take(stripe));
        }
    });
    let mut held = sums.order();
    held.each_stripe(|_, stripe| collected += *stripe);
    assert_eq!(collected + *held.parts().0, 2 * ROUNDS);
}

#[test]
fn who_holds_the_order_stops_no_reader_and_is_not_waited_for() {
    let sums = sums(2);
    let mut held = sums.order();
    thread::scope(|threads| {
        threads.spawn(|| {
            read(&sums);
            assert!(sums.read().try_order().is_none());
        });
    });
    assert_eq!(held.parts().1.0, 0);
    drop(held);
    assert!(sums.read().try_order().is_some());
}

#[test]
fn a_reader_that_panics_leaves_its_lane() {
    let sums = sums(1);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _reading = sums.read();
        std::panic::resume_unwind(Box::new("a key's comparison")); // no message on the test's output
    }));
    assert!(panicked.is_err());
    write(&sums);
    read(&sums);
}

#[test]
fn a_writer_waits_for_a_reader_that_takes_long() {
    let sums = sums(2);
    let (reading, begun) = mpsc::channel::<()>();
    let (finish, finished) = mpsc::channel::<()>();
    thread::scope(|threads| {
        let sums = &sums;
        threads.spawn(move || {
            let mut held = sums.read();
            reading.send(()).unwrap();
            // Long enough for the writer to stop spinning and sleep.
            finished.recv().unwrap();
            assert_eq!(held.parts().0.0, 0, "the writer came in");
        });
        begun.recv().unwrap();
        let writer = threads.spawn(move || write(sums));
        (0..200).for_each(|_| thread::yield_now());
        finish.send(()).unwrap();
        writer.join().unwrap();
    });
    assert_eq!(sums.order().parts().1.0, 1);
}
