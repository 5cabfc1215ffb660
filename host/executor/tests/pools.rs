//! Both pools as a caller sees them.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use host_executor::{Affinity, Balance, ByPriority, ClassId, Config, Executor, Pending, TaskError};

const SMALL: Config = Config {
    cpu_workers: 4,
    io_workers: 4,
    max_cpu_workers: 16,
    max_io_workers: 16,
    cpu_queue: 64,
    io_queue: 64,
    shares: ByPriority { high: 50, normal: 30, low: 20 },
    balance: Balance::Shared,
    affinity: Affinity::None,
};

/// Runs each test with either way to balance the CPU pool.
macro_rules! with_both {
    ($($test:ident,)*) => {
        mod shared {
            $(#[test]
            fn $test() {
                super::$test(super::SMALL);
            })*
        }

        mod stealing {
            use host_executor::{Balance, Config};

            $(#[test]
            fn $test() {
                super::$test(Config { balance: Balance::Stealing, ..super::SMALL });
            })*
        }
    };
}

with_both! {
    the_limit_is_4_then_8_on_threads,
    the_limit_is_4_then_8_then_2_on_tasks,
    resizing_while_running_loses_nothing,
    a_full_queue_holds_submitters_back,
    a_panic_stays_in_its_task,
    an_error_of_a_fallible_task_counts_as_failed,
    a_result_nobody_waits_for_may_panic_when_dropped,
    dropping_drops_what_is_queued_and_finishes_what_runs,
    dropping_in_async_code_or_on_a_worker_waits_for_nothing,
    sizes_are_clamped_and_checked,
    subtasks_of_tasks_survive_resizing,
    a_subtask_that_is_left_behind_is_told,
}

/// Waits until something holds; fails after a time that no healthy run needs.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(10), "in ten seconds not: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Queues a job from outside of async code; there must be room.
fn queue_cpu<T: Send + 'static>(
    executor: &Executor,
    class: ClassId,
    task: impl FnOnce() -> T + Send + 'static,
) -> Pending<T> {
    executor.block_on(executor.submit_cpu(class, task)).unwrap()
}

/// Queues a task from outside of async code; there must be room.
fn queue_io<T: Send + 'static>(
    executor: &Executor,
    class: ClassId,
    task: impl Future<Output = T> + Send + 'static,
) -> Pending<T> {
    executor.block_on(executor.submit_io(class, task)).unwrap()
}

/// Counts who is inside, and the most there ever were.
#[derive(Default)]
struct Room {
    inside: AtomicU32,
    most: AtomicU32,
    open: AtomicBool,
}

impl Room {
    fn enter(&self) {
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(inside, Ordering::SeqCst);
    }

    fn inside(&self) -> u32 {
        self.inside.load(Ordering::SeqCst)
    }

    fn stay(&self) {
        self.enter();
        while !self.open.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_micros(200));
        }
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }

    async fn stay_async(&self) {
        self.enter();
        while !self.open.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

fn the_limit_is_4_then_8_on_threads(small: Config) {
    let executor = Executor::new(small).unwrap();
    let class = executor.class("stay");
    let room = Arc::new(Room::default());
    for _ in 0..20 {
        let room = Arc::clone(&room);
        queue_cpu(&executor, class, move || room.stay());
    }
    eventually("four run", || room.inside() == 4);
    thread::sleep(Duration::from_millis(20));
    assert_eq!(room.most.load(Ordering::SeqCst), 4, "no fifth while four run");
    assert_eq!(executor.resize_cpu(8).unwrap(), 8);
    eventually("eight run", || room.inside() == 8);
    thread::sleep(Duration::from_millis(20));
    assert_eq!(room.most.load(Ordering::SeqCst), 8);
    room.open.store(true, Ordering::SeqCst);
    eventually("all ran", || executor.window().classes[0].completed == 20);
}

fn the_limit_is_4_then_8_then_2_on_tasks(small: Config) {
    let executor = Executor::new(small).unwrap();
    let class = executor.class("stay");
    let (first, second) = (Arc::new(Room::default()), Arc::new(Room::default()));
    for _ in 0..20 {
        let room = Arc::clone(&first);
        queue_io(&executor, class, async move { room.stay_async().await });
    }
    eventually("four run", || first.inside() == 4);
    assert_eq!(executor.window().io.queued, 16);
    thread::sleep(Duration::from_millis(20));
    assert_eq!(first.most.load(Ordering::SeqCst), 4);
    assert_eq!(executor.resize_io(8), 8);
    eventually("eight run", || first.inside() == 8);
    thread::sleep(Duration::from_millis(20));
    assert_eq!(first.most.load(Ordering::SeqCst), 8);

    assert_eq!(executor.resize_io(2), 2);
    for _ in 0..20 {
        let room = Arc::clone(&second);
        queue_io(&executor, class, async move { room.stay_async().await });
    }
    first.open.store(true, Ordering::SeqCst);
    eventually("two of the second lot run", || second.inside() == 2);
    thread::sleep(Duration::from_millis(20));
    assert_eq!(second.most.load(Ordering::SeqCst), 2, "the six too many gave up their permits");
    second.open.store(true, Ordering::SeqCst);
    eventually("all ran", || executor.window().classes[0].completed == 40);
}

fn resizing_while_running_loses_nothing(small: Config) {
    let executor = Arc::new(Executor::new(small).unwrap());
    let class = executor.class("count");
    let (done, submitted) = (Arc::new(AtomicU64::new(0)), 4000);
    let resizer = {
        let (executor, done) = (Arc::clone(&executor), Arc::clone(&done));
        thread::spawn(move || {
            let mut size = 1;
            while done.load(Ordering::SeqCst) < 2 * submitted {
                size = size * 7 % 17;
                executor.resize_cpu(size).unwrap();
                executor.resize_io(17 - size);
                thread::sleep(Duration::from_micros(300));
            }
        })
    };
    executor.block_on(async {
        for _ in 0..submitted {
            let (cpu, io) = (Arc::clone(&done), Arc::clone(&done));
            executor.submit_cpu(class, move || cpu.fetch_add(1, Ordering::SeqCst)).await.unwrap();
            let task = async move {
                tokio::task::yield_now().await;
                io.fetch_add(1, Ordering::SeqCst)
            };
            executor.submit_io(class, task).await.unwrap();
        }
    });
    eventually("every task ran once", || done.load(Ordering::SeqCst) == 2 * submitted);
    resizer.join().unwrap();
    eventually("every task was counted", || executor.window().classes[0].completed == 2 * submitted);
    assert_eq!(done.load(Ordering::SeqCst), 2 * submitted);
    assert_eq!((executor.resize_cpu(3).unwrap(), executor.resize_io(3)), (3, 3));
    let stats = executor.window();
    assert_eq!((stats.cpu.workers, stats.io.workers, stats.cpu.queued, stats.io.queued), (3, 3, 0, 0));
}

fn a_full_queue_holds_submitters_back(small: Config) {
    let config = Config { cpu_workers: 1, io_workers: 1, cpu_queue: 4, io_queue: 4, ..small };
    let executor = Executor::new(config).unwrap();
    let class = executor.class("stay");
    let room = Arc::new(Room::default());
    let on_cpu = Arc::clone(&room);
    queue_cpu(&executor, class, move || on_cpu.stay());
    let on_io = Arc::clone(&room);
    queue_io(&executor, class, async move { on_io.stay_async().await });
    eventually("one of each runs", || room.inside() == 2);

    for _ in 0..4 {
        queue_cpu(&executor, class, || ());
        queue_io(&executor, class, async {});
    }
    let stats = executor.window();
    assert_eq!((stats.cpu.queued, stats.io.queued), (4, 4), "not more than the queue allows");

    executor.block_on(async {
        let patience = Duration::from_millis(20);
        assert!(tokio::time::timeout(patience, executor.submit_cpu(class, || ())).await.is_err());
        assert!(tokio::time::timeout(patience, executor.submit_io(class, async {})).await.is_err());
        room.open.store(true, Ordering::SeqCst);
        assert_eq!(executor.cpu(class, || 1).await, Ok(1));
        assert_eq!(executor.io(class, async { 2 }).await, Ok(2));
    });
    eventually("those given up were never queued", || executor.window().classes[0].completed == 12);
}

fn a_panic_stays_in_its_task(small: Config) {
    let executor = Executor::new(Config { cpu_workers: 1, io_workers: 1, ..small }).unwrap();
    let class = executor.class("fragile");
    executor.block_on(async {
        for round in 0..20 {
            let cpu = executor.cpu(class, move || -> u32 { panic!("cpu {round}") }).await;
            assert_eq!(cpu, Err(TaskError::Panicked(format!("cpu {round}"))));
            let io = executor
                .io(class, async move {
                    if true {
                        panic!("io {round}")
                    }
                })
                .await;
            assert_eq!(io, Err(TaskError::Panicked(format!("io {round}"))));
        }
        assert_eq!(executor.cpu(class, || 7).await, Ok(7), "the only worker is still there");
        assert_eq!(executor.io(class, async { 8 }).await, Ok(8));
    });
    let class = &executor.window().classes[0];
    assert_eq!((class.completed, class.panicked), (42, 40));
}

fn an_error_of_a_fallible_task_counts_as_failed(small: Config) {
    let executor = Executor::new(small).unwrap();
    let class = executor.class("load");
    executor.block_on(async {
        for n in 0..6_u32 {
            let task = move || if n % 3 == 0 { Err(n) } else { Ok(n) };
            let cpu = executor.submit_cpu_fallible(class, task).await.unwrap();
            let io = executor.submit_io_fallible(class, async move { task() }).await.unwrap();
            assert_eq!((cpu.await, io.await), (Ok(task()), Ok(task())), "the result comes back as it is");
            let cpu = executor.try_submit_cpu_fallible(class, task).unwrap();
            let io = executor.try_submit_io_fallible(class, async move { task() }).unwrap();
            assert_eq!((cpu.await, io.await), (Ok(task()), Ok(task())));
        }
        assert_eq!(executor.cpu(class, || Err::<(), _>(7)).await, Ok(Err(7)), "only a value here");
    });
    let class = executor.window().classes.remove(0);
    assert_eq!((class.window_completed, class.window_failed), (25, 8));
    assert_eq!((class.completed, class.failed, class.panicked), (25, 8, 0));
}

fn a_result_nobody_waits_for_may_panic_when_dropped(small: Config) {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let executor = Executor::new(Config { cpu_workers: 1, io_workers: 1, ..small }).unwrap();
    let class = executor.class("bomb");
    // They end only when nobody waits any more; else the one who waits drops the result.
    let room = Arc::new(Room::default());
    let (on_cpu, on_io) = (Arc::clone(&room), Arc::clone(&room));
    let cpu = queue_cpu(&executor, class, move || {
        on_cpu.stay();
        Bomb
    });
    let io = queue_io(&executor, class, async move {
        on_io.stay_async().await;
        Bomb
    });
    drop((cpu, io));
    room.open.store(true, Ordering::SeqCst);
    assert_eq!(executor.block_on(executor.cpu(class, || 7)), Ok(7));
    assert_eq!(executor.block_on(executor.io(class, async { 8 })), Ok(8));
}

fn dropping_drops_what_is_queued_and_finishes_what_runs(small: Config) {
    let executor = Executor::new(Config { cpu_workers: 1, io_workers: 1, ..small }).unwrap();
    let class = executor.class("stay");
    let room = Arc::new(Room::default());
    let ran = Arc::new(AtomicU32::new(0));
    let (on_cpu, on_io) = (Arc::clone(&room), Arc::clone(&room));
    let running: [Pending<()>; 2] = [
        queue_cpu(&executor, class, move || on_cpu.stay()),
        queue_io(&executor, class, async move { on_io.stay_async().await }),
    ];
    eventually("one of each runs", || room.inside() == 2);
    let mut queued = Vec::new();
    for _ in 0..10 {
        let (cpu, io) = (Arc::clone(&ran), Arc::clone(&ran));
        queued.push(queue_cpu(&executor, class, move || cpu.fetch_add(1, Ordering::SeqCst)));
        queued.push(queue_io(&executor, class, async move { io.fetch_add(1, Ordering::SeqCst) }));
    }
    let opener = {
        let room = Arc::clone(&room);
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            room.open.store(true, Ordering::SeqCst);
        })
    };
    drop(executor);
    opener.join().unwrap();
    assert_eq!(room.inside(), 0, "what ran has finished");
    assert_eq!(ran.load(Ordering::SeqCst), 0, "nothing queued has begun");
    let outside = tokio::runtime::Builder::new_current_thread().build().unwrap();
    outside.block_on(async {
        for task in running {
            assert_eq!(task.await, Ok(()));
        }
        for task in queued {
            assert_eq!(task.await, Err(TaskError::Stopped));
        }
    });
}

fn dropping_in_async_code_or_on_a_worker_waits_for_nothing(small: Config) {
    let outside = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let executor = Executor::new(small).unwrap();
    let class = executor.class("stay");
    let room = Arc::new(Room::default());
    let on_cpu = Arc::clone(&room);
    let running = queue_cpu(&executor, class, move || on_cpu.stay());
    queue_io(&executor, class, std::future::pending::<()>());
    eventually("it runs", || room.inside() == 1);
    outside.block_on(async move {
        drop(executor);
        room.open.store(true, Ordering::SeqCst);
        assert_eq!(running.await, Ok(()), "it finished by itself");
    });

    // The last owner is a task of the executor itself.
    let executor = Arc::new(Executor::new(small).unwrap());
    let (owner, alone) = (Arc::clone(&executor), Arc::new(AtomicBool::new(false)));
    let go = Arc::clone(&alone);
    let last = queue_cpu(&executor, executor.class("own"), move || {
        while !go.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
        drop(owner);
    });
    drop(executor);
    alone.store(true, Ordering::SeqCst);
    assert_eq!(outside.block_on(last), Ok(()));
}

fn sizes_are_clamped_and_checked(small: Config) {
    let executor = Executor::new(small).unwrap();
    assert_eq!(executor.resize_cpu(1_000_000).unwrap(), 16);
    assert_eq!(executor.resize_io(0), 1);
    let error = Executor::new(Config { cpu_workers: 0, ..small }).unwrap_err();
    assert_eq!(error.to_string(), "executor setting `cpu_workers` is 0, expected 1 to 16");
}

/// Submits subtasks from within, `depth` levels of `width` each, and counts all.
fn branch(executor: &Arc<Executor>, class: ClassId, depth: u32, width: u32, done: &Arc<AtomicU64>) {
    done.fetch_add(1, Ordering::SeqCst);
    if depth == 0 {
        return;
    }
    for _ in 0..width {
        let (own, counted) = (Arc::clone(executor), Arc::clone(done));
        let task = move || branch(&own, class, depth - 1, width, &counted);
        executor.try_submit_cpu(class, task).unwrap();
    }
}

fn subtasks_of_tasks_survive_resizing(small: Config) {
    let executor = Arc::new(Executor::new(Config { cpu_queue: 100_000, ..small }).unwrap());
    let class = executor.class("branch");
    let done = Arc::new(AtomicU64::new(0));
    // 1 + 3 + 9 + ... + 3^8.
    let each = (3_u64.pow(9) - 1) / 2;
    for round in 1..=3_u32 {
        let (own, counted) = (Arc::clone(&executor), Arc::clone(&done));
        queue_cpu(&executor, class, move || branch(&own, class, 8, 3, &counted));
        for size in [1, 16, 2, 9, 1, 4] {
            executor.resize_cpu(size).unwrap();
            thread::sleep(Duration::from_micros(500));
        }
        let all = u64::from(round) * each;
        eventually("every subtask ran", || done.load(Ordering::SeqCst) == all);
    }
    eventually("and was counted", || executor.window().cpu.priorities.normal.completed == 3 * each);
    assert_eq!(executor.demand().cpu_queued, 0);
}

fn a_subtask_that_is_left_behind_is_told(small: Config) {
    let executor = Arc::new(Executor::new(Config { cpu_workers: 1, ..small }).unwrap());
    let class = executor.class("stay");
    let (room, ran) = (Arc::new(Room::default()), Arc::new(AtomicU32::new(0)));
    let (inside, own, counted) = (Arc::clone(&room), Arc::clone(&executor), Arc::clone(&ran));
    let stays = queue_cpu(&executor, class, move || {
        let subtask = move || counted.fetch_add(1, Ordering::SeqCst);
        let subtask = own.try_submit_cpu(class, subtask).unwrap();
        drop(own);
        inside.stay();
        subtask
    });
    eventually("it runs", || room.inside() == 1);
    eventually("it has let go", || Arc::strong_count(&executor) == 1);
    assert_eq!(executor.demand().cpu_queued, 1);
    let opener = {
        let room = Arc::clone(&room);
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(30));
            room.open.store(true, Ordering::SeqCst);
        })
    };
    drop(executor);
    opener.join().unwrap();
    let outside = tokio::runtime::Builder::new_current_thread().build().unwrap();
    outside.block_on(async {
        let subtask = stays.await.unwrap();
        assert_eq!(subtask.await, Err(TaskError::Stopped));
    });
    assert_eq!(ran.load(Ordering::SeqCst), 0);
}
