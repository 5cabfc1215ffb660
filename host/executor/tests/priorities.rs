//! Priorities, shares, shedding and single classes, with threads. Shares of work are asserted, never times.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use host_executor::{
    Balance, ByPriority, Config, Executor, Mode, Pending, PoolStats, Priority, Submission, TaskError,
};

const BALANCES: [Balance; 2] = [Balance::Shared, Balance::Stealing];

fn executor(workers: u32, queue: u32, balance: Balance) -> Executor {
    let config = Config {
        cpu_workers: workers,
        io_workers: workers,
        cpu_queue: queue,
        io_queue: queue,
        balance,
        ..Config::for_cores(4)
    };
    Executor::new(config).unwrap()
}

/// Waits until something holds; fails after a time that no healthy run needs.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(20), "in twenty seconds not: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Shares of the workers' time since the start, in percent.
fn shares(pool: &PoolStats) -> ByPriority<f64> {
    let of = |priority: Priority| pool.priorities[priority].service.as_secs_f64();
    let sum: f64 = Priority::ALL.into_iter().map(of).sum();
    ByPriority::new(|priority| 100.0 * of(priority) / sum)
}

/// Lengths of tasks differ, so that counting tasks would give other shares.
fn length(priority: Priority) -> Duration {
    Duration::from_micros(match priority {
        Priority::High => 500,
        Priority::Normal => 1_500,
        Priority::Low => 4_000,
    })
}

/// Keeps every queue of both pools full until `enough` tasks of the lowest priority are done.
fn overload(executor: &Executor, enough: u64) -> (PoolStats, PoolStats) {
    let class = executor.class("overload");
    let mut stats = executor.window();
    while stats.cpu.priorities.low.completed < enough || stats.io.priorities.low.completed < enough {
        for priority in Priority::ALL {
            let (wait, of) = (length(priority), class.with(priority));
            // Sleeping takes a worker and no core: shares are then not at the mercy of what else the machine does.
            while executor.try_submit_cpu(of, move || thread::sleep(wait)).is_ok() {
                if executor.window().cpu.priorities[priority].queued > 60 {
                    break;
                }
            }
            while executor.try_submit_io(of, async move { tokio::time::sleep(wait).await }).is_ok() {
                if executor.window().io.priorities[priority].queued > 60 {
                    break;
                }
            }
        }
        thread::sleep(Duration::from_millis(2));
        stats = executor.window();
    }
    (stats.cpu, stats.io)
}

#[test]
fn under_overload_each_has_its_share_in_both_pools() {
    for balance in BALANCES {
        let executor = executor(4, 400, balance);
        let (cpu, io) = overload(&executor, 250);
        for (pool, stats) in [("cpu", cpu), ("io", io)] {
            for (priority, wanted) in (ByPriority { high: 50.0, normal: 30.0, low: 20.0 }).iter() {
                let got = shares(&stats)[priority];
                let wanted: f64 = *wanted;
                assert!((got - wanted).abs() <= 0.05 * wanted, "{pool} {priority}: {got:.2} %: {stats:?}");
            }
        }
    }
}

/// Keeps a worker until the returned flag is set.
fn occupy(executor: &Executor, class: impl Into<Submission>) -> (Arc<AtomicBool>, Pending<()>) {
    let open = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&open);
    let task = move || {
        while !gate.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_micros(200));
        }
    };
    let pending = executor.block_on(executor.submit_cpu(class, task)).unwrap();
    eventually("it runs", || executor.demand().cpu_queued == 0);
    (open, pending)
}

#[test]
fn the_youngest_of_the_lowest_priority_is_shed_and_told() {
    for balance in BALANCES {
        let executor = executor(1, 10, balance);
        let class = executor.class("any");
        let (open, running) = occupy(&executor, class);
        let mut queued = Vec::new();
        for number in 0..10 {
            queued.push(executor.try_submit_cpu(class.with(Priority::Low), move || number).unwrap());
        }
        let full = executor.try_submit_cpu(class.with(Priority::Low), || 99).map(drop);
        assert_eq!(full, Err(TaskError::Shed { priority: Priority::Low, queued: 10, displaced_by: None }));
        // Five places are its own, the sixth is that of the youngest of the lowest priority.
        let mut high = Vec::new();
        for number in 0..6 {
            high.push(executor.try_submit_cpu(class.with(Priority::High), move || number).unwrap());
        }
        let displaced_by = Some(Priority::High);
        let youngest = executor.block_on(queued.pop().unwrap());
        assert_eq!(youngest, Err(TaskError::Shed { priority: Priority::Low, queued: 9, displaced_by }));
        open.store(true, Ordering::SeqCst);
        executor.block_on(async {
            assert_eq!(running.await, Ok(()));
            for (number, task) in queued.into_iter().enumerate() {
                assert_eq!(task.await, Ok(number));
            }
            for (number, task) in high.into_iter().enumerate() {
                assert_eq!(task.await, Ok(number));
            }
        });
        eventually("all are counted", || executor.window().cpu.priorities.low.completed == 9);
        let counts = executor.window().cpu.priorities;
        assert_eq!((counts.high.completed, counts.normal.completed), (6, 1));
        assert_eq!((counts.high.shed, counts.normal.shed, counts.low.shed), (0, 0, 2));
    }
}

#[test]
fn a_task_on_the_io_pool_is_shed_and_told_too() {
    let executor = executor(1, 4, Balance::default());
    let class = executor.class("any");
    let (open, gate) = tokio::sync::oneshot::channel::<()>();
    let running = executor.try_submit_io(class, gate).unwrap();
    let owned = Arc::new(());
    let mut queued = Vec::new();
    for number in 0..4 {
        let kept = Arc::clone(&owned);
        let task = async move {
            drop(kept);
            number
        };
        queued.push(executor.try_submit_io(class.with(Priority::Normal), task).unwrap());
    }
    // Two of its own, and one that is taken.
    for _ in 0..3 {
        drop(executor.try_submit_io(class.with(Priority::High), async {}).unwrap());
    }
    let displaced_by = Some(Priority::High);
    let youngest = executor.block_on(queued.pop().unwrap());
    assert_eq!(youngest, Err(TaskError::Shed { priority: Priority::Normal, queued: 3, displaced_by }));
    assert_eq!(Arc::strong_count(&owned), 4, "what it owned is dropped");
    open.send(()).unwrap();
    executor.block_on(async {
        assert_eq!(running.await, Ok(Ok(())));
        for (number, task) in queued.into_iter().enumerate() {
            assert_eq!(task.await, Ok(number));
        }
    });
    eventually("all are counted", || executor.window().io.priorities.high.completed == 3);
    assert_eq!(executor.window().io.priorities.normal.shed, 1);
}

#[test]
fn a_task_that_is_shed_may_panic_when_dropped() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let executor = executor(1, 1, Balance::default());
    let class = executor.class("bomb");
    let (open, _running) = occupy(&executor, class);
    let low = class.with(Priority::Low);
    let bomb = Bomb;
    let kept = executor.try_submit_cpu(low, || ()).unwrap();
    // The place of its own is taken; without one more, the bomb has none, and goes off in who submits it.
    let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        executor.try_submit_cpu(low, move || drop(bomb)).map(drop)
    }));
    assert!(refused.is_err());
    open.store(true, Ordering::SeqCst);
    assert_eq!(executor.block_on(kept), Ok(()), "the pool goes on");
    assert_eq!(executor.block_on(executor.cpu(class, || 7)), Ok(7));
}

#[test]
fn a_waiting_submitter_gets_a_place_of_its_priority_while_others_wait_for_theirs() {
    let executor = Arc::new(executor(1, 10, Balance::default()));
    let class = executor.class("any");
    let (open, _running) = occupy(&executor, class);
    for _ in 0..10 {
        executor.try_submit_cpu(class, || ()).unwrap();
    }
    executor.block_on(async {
        let patience = Duration::from_millis(20);
        let normal = executor.submit_cpu(class, || ());
        assert!(tokio::time::timeout(patience, normal).await.is_err(), "all places are taken");
        for _ in 0..2 {
            let low = executor.submit_cpu(class.with(Priority::Low), || ());
            tokio::time::timeout(patience, low).await.unwrap().unwrap();
        }
    });
    open.store(true, Ordering::SeqCst);
    eventually("all ran", || {
        let counts = executor.window().cpu.priorities;
        (counts.normal.completed, counts.low.completed) == (11, 2)
    });
}

#[test]
fn of_a_single_class_one_runs_at_a_time_and_in_order() {
    for balance in BALANCES {
        let executor = Arc::new(executor(4, 100, balance));
        let (single, other) = (executor.class("single"), executor.class("other"));
        executor.set_mode(single, Mode::Single);
        let (inside, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        let task = |number: u32| {
            let (inside, most, order) = (Arc::clone(&inside), Arc::clone(&most), Arc::clone(&order));
            move || {
                most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                thread::sleep(Duration::from_micros(300));
                order.lock().unwrap().push(number);
                inside.fetch_sub(1, Ordering::SeqCst);
            }
        };
        executor.block_on(async {
            let mut tasks = Vec::new();
            for number in 0..60 {
                tasks.push(executor.submit_cpu(single, task(number)).await.unwrap());
                assert_eq!(executor.cpu(other, || 7).await, Ok(7), "others are not held up");
            }
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(*order.lock().unwrap(), (0..60).collect::<Vec<_>>());
            // As async tasks.
            for number in 60..80 {
                let work = task(number);
                executor.submit_io(single, async move { work() }).await.unwrap();
            }
        });
        eventually("all ran", || order.lock().unwrap().len() == 80);
        assert_eq!(most.load(Ordering::SeqCst), 1);

        // From within a worker too, and no longer limited when that is said.
        let (own, work) = (Arc::clone(&executor), [task(80), task(81), task(82)]);
        let submit = move || {
            for work in work {
                own.try_submit_cpu(single, work).unwrap();
            }
        };
        executor.block_on(executor.cpu(single, submit)).unwrap();
        eventually("all ran", || order.lock().unwrap().len() == 83);
        assert_eq!(most.load(Ordering::SeqCst), 1);
        executor.set_mode(single, Mode::Parallel);
        let gates: Vec<_> = (0..4).map(|_| occupy(&executor, single)).collect();
        gates.iter().for_each(|(open, _)| open.store(true, Ordering::SeqCst));
    }
}
