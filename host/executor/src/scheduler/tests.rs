//! In virtual time: tasks of known length on a few workers, and who had how much of them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use host_contract::number::to_f64;
use host_contract::split_mix::mix;

use super::{Scheduler, Turn};
use crate::priority::{ByPriority, Priority};

const MS: u64 = 1_000_000;

/// A pool in virtual time.
struct Pool {
    scheduler: Scheduler,
    now: u64,
    free: usize,
    running: BinaryHeap<Reverse<(u64, u64)>>,
    turns: std::collections::BTreeMap<u64, (Turn, u64)>,
    tasks: u64,
    /// Lengths of tasks, and whether there are always more.
    length: fn(Priority, u64) -> u64,
    waiting: ByPriority<u64>,
    served: ByPriority<u64>,
}

impl Pool {
    fn new(shares: ByPriority<u32>, workers: usize, length: fn(Priority, u64) -> u64) -> Self {
        Self {
            scheduler: Scheduler::new(&shares),
            now: 0,
            free: workers,
            running: BinaryHeap::new(),
            turns: std::collections::BTreeMap::new(),
            tasks: 0,
            length,
            waiting: ByPriority::default(),
            served: ByPriority::default(),
        }
    }

    /// Runs until `end`. `busy` priorities never run out of tasks.
    fn run(&mut self, end: u64, busy: &[Priority]) -> ByPriority<f64> {
        let before = self.served;
        loop {
            for &priority in busy {
                while self.waiting[priority] < 3 {
                    self.waiting[priority] += 1;
                    self.scheduler.arrived(priority);
                }
            }
            if self.free > 0
                && let Some((turn, from_queue)) = self.scheduler.next(None, false)
            {
                assert!(from_queue);
                self.waiting[turn.priority] -= 1;
                self.free -= 1;
                self.tasks += 1;
                let length = (self.length)(turn.priority, self.tasks);
                self.running.push(Reverse((self.now + length, self.tasks)));
                self.turns.insert(self.tasks, (turn, length));
                continue;
            }
            let Some(&Reverse((at, task))) = self.running.peek() else { break };
            if at > end {
                break;
            }
            self.running.pop();
            let (turn, length) = self.turns.remove(&task).unwrap();
            (self.now, self.free) = (at, self.free + 1);
            self.served[turn.priority] += length;
            self.scheduler.end(&turn, Duration::from_nanos(length));
        }
        self.now = self.now.max(end);
        let got = ByPriority::new(|priority| self.served[priority] - before[priority]);
        let sum = got.high + got.normal + got.low;
        ByPriority::new(|priority| 100.0 * to_f64(got[priority]) / to_f64(sum.max(1)))
    }

    /// Those that still wait leave: nothing of that priority is left.
    fn clear(&mut self, priority: Priority) {
        for _ in 0..std::mem::take(&mut self.waiting[priority]) {
            self.scheduler.left(priority);
        }
    }
}

fn near(got: ByPriority<f64>, high: f64, normal: f64, low: f64) {
    for (priority, wanted) in (ByPriority { high, normal, low }).iter() {
        let (got, wanted) = (got[priority], *wanted);
        assert!((got - wanted).abs() <= 0.01 * wanted.max(1.0), "{priority}: {got:.3}, expected {wanted}");
    }
}

const ALL: [Priority; 3] = Priority::ALL;
const SHARES: ByPriority<u32> = ByPriority { high: 50, normal: 30, low: 20 };

/// Lengths that differ by priority and from task to task: low tasks are the longest by far.
fn mixed(priority: Priority, task: u64) -> u64 {
    let drawn = mix(task) % 1000;
    match priority {
        Priority::High => 1 + drawn * MS / 1000,
        Priority::Normal => MS + drawn * 4 * MS / 1000,
        Priority::Low => 5 * MS + drawn * 40 * MS / 1000,
    }
}

#[test]
fn shares_are_of_time_and_not_of_tasks() {
    for workers in [1, 2, 7] {
        let got = Pool::new(SHARES, workers, mixed).run(500_000 * MS, &ALL);
        near(got, 50.0, 30.0, 20.0);
    }
    let uneven = ByPriority { high: 2, normal: 1, low: 97 };
    near(Pool::new(uneven, 3, mixed).run(1_000_000 * MS, &ALL), 2.0, 1.0, 97.0);
}

#[test]
fn what_nobody_is_sure_of_goes_to_the_highest_with_work() {
    let half = ByPriority { high: 20, normal: 20, low: 10 };
    near(Pool::new(half, 2, mixed).run(500_000 * MS, &ALL), 70.0, 20.0, 10.0);
    near(Pool::new(half, 2, mixed).run(500_000 * MS, &[Priority::Normal, Priority::Low]), 0.0, 90.0, 10.0);
}

#[test]
fn what_a_priority_leaves_unused_goes_to_the_highest_with_work() {
    near(Pool::new(SHARES, 2, mixed).run(500_000 * MS, &[Priority::High, Priority::Low]), 80.0, 0.0, 20.0);
    near(Pool::new(SHARES, 2, mixed).run(1_000_000 * MS, &[Priority::Low]), 0.0, 0.0, 100.0);
}

#[test]
fn nobody_is_owed_for_time_without_work() {
    let mut pool = Pool::new(SHARES, 2, mixed);
    near(pool.run(1_000_000 * MS, &[Priority::High, Priority::Normal]), 70.0, 30.0, 0.0);
    // Low comes, and has its share from now on, no more, also in a short time.
    let got = pool.run(1_010_000 * MS, &ALL);
    assert!((18.0..22.0).contains(&got.low), "{got:?}");
}

#[test]
fn who_took_spare_time_does_not_pay_for_it() {
    let mut pool = Pool::new(SHARES, 2, mixed);
    near(pool.run(1_000_000 * MS, &[Priority::Low]), 0.0, 0.0, 100.0);
    let got = pool.run(1_010_000 * MS, &ALL);
    assert!((18.0..22.0).contains(&got.low), "{got:?}");
    pool.clear(Priority::High);
    pool.clear(Priority::Low);
    near(pool.run(2_000_000 * MS, &[Priority::Normal]), 0.0, 100.0, 0.0);
    let got = pool.run(2_010_000 * MS, &ALL);
    assert!((28.0..32.0).contains(&got.normal), "{got:?}");
}

#[test]
fn one_that_came_late_waits_for_a_task_and_no_longer() {
    let mut pool = Pool::new(SHARES, 1, |_, _| MS);
    pool.run(1_000 * MS, &[Priority::Low]);
    let mut order = Vec::new();
    pool.clear(Priority::Low);
    for priority in [Priority::Low, Priority::Low, Priority::High] {
        pool.scheduler.arrived(priority);
    }
    while let Some((turn, _)) = pool.scheduler.next(None, false) {
        order.push(turn.priority);
        pool.scheduler.end(&turn, Duration::from_millis(1));
    }
    assert_eq!(order[0], Priority::High, "of equals the higher one: {order:?}");
}

#[test]
fn the_same_twice() {
    let served = || {
        let mut pool = Pool::new(SHARES, 3, mixed);
        pool.run(100_000 * MS, &ALL);
        pool.served
    };
    assert_eq!(served(), served());
}

#[test]
fn what_a_worker_holds_itself_is_served_by_share_too() {
    let mut scheduler = Scheduler::new(&SHARES);
    scheduler.holds(Priority::Low);
    let mut low = 0;
    for _ in 0..10_000 {
        scheduler.arrived(Priority::High);
        let (turn, from_queue) = scheduler.next(Some(Priority::Low), true).unwrap();
        assert_eq!(from_queue, turn.priority == Priority::High);
        low += u32::from(turn.priority == Priority::Low);
        scheduler.end(&turn, Duration::from_micros(10));
    }
    assert!((1_950..=2_050).contains(&low), "{low} of 10000");
    scheduler.holds_no_more(Priority::Low);
}
