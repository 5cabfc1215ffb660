//! What is measured of tasks, and the kind inferred from it.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;
use host_contract::snapshot::TaskKind;
use host_executor::{ClassStats, Config, Executor};

fn executor() -> Executor {
    Executor::new(Config { cpu_workers: 2, io_workers: 4, ..Config::for_cores(2) }).unwrap()
}

fn spin(duration: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < duration {
        black_box(begun);
    }
}

fn class(executor: &Executor, name: &str) -> ClassStats {
    executor.window().classes.into_iter().find(|class| class.name == name).unwrap()
}

const SHORT: Duration = Duration::from_millis(2);

#[test]
fn the_kind_is_inferred_on_threads() {
    let executor = executor();
    let (spins, sleeps) = (executor.class("spins"), executor.class("sleeps"));
    executor.block_on(async {
        for _ in 0..24 {
            executor.cpu(spins, || spin(SHORT)).await.unwrap();
            executor.cpu(sleeps, || thread::sleep(SHORT)).await.unwrap();
        }
    });
    assert_eq!(class(&executor, "spins").kind, TaskKind::Cpu, "{:?}", class(&executor, "spins"));
    assert_eq!(class(&executor, "sleeps").kind, TaskKind::Io, "{:?}", class(&executor, "sleeps"));
}

#[test]
fn work_of_both_kinds_is_mixed() {
    let executor = executor();
    // A machine that starves this process shifts the share towards waiting, so a few rounds are granted.
    let mixed = (0..6).any(|round| {
        let name = format!("both {round}");
        let both = executor.class(&name);
        for _ in 0..16 {
            let task = || {
                let begun = ThreadTime::now();
                while begun.elapsed() < Duration::from_millis(3) {
                    black_box(begun);
                }
                thread::sleep(SHORT);
            };
            executor.block_on(executor.cpu(both, task)).unwrap();
        }
        class(&executor, &name).kind == TaskKind::Mixed
    });
    assert!(mixed, "{:?}", executor.window().classes);
}

#[test]
fn more_workers_than_cores_do_not_turn_cpu_work_into_io() {
    let executor = executor();
    executor.resize_cpu(8).unwrap();
    let spins = executor.class("spins");
    executor.block_on(async {
        let mut tasks = Vec::new();
        for _ in 0..64 {
            tasks.push(executor.submit_cpu(spins, || spin(SHORT)).await.unwrap());
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
    let class = class(&executor, "spins");
    if cfg!(target_os = "linux") {
        assert_eq!(class.kind, TaskKind::Cpu, "{class:?}");
    }
}

#[test]
fn the_kind_is_inferred_on_tasks() {
    let executor = executor();
    let (waits, spins) = (executor.class("waits"), executor.class("spins"));
    executor.block_on(async {
        for _ in 0..24 {
            executor.io(waits, tokio::time::sleep(SHORT)).await.unwrap();
            executor.io(spins, async { spin(SHORT) }).await.unwrap();
        }
    });
    assert_eq!(class(&executor, "waits").kind, TaskKind::Io);
    assert_eq!(class(&executor, "spins").kind, TaskKind::Cpu);
}

#[test]
fn too_few_tasks_say_nothing() {
    let executor = executor();
    let few = executor.class("few");
    for _ in 0..15 {
        executor.block_on(executor.cpu(few, || ())).unwrap();
    }
    assert_eq!(class(&executor, "few").kind, TaskKind::Unknown);
}

#[test]
fn wait_and_service_are_told_apart() {
    let executor = executor();
    executor.resize_cpu(1).unwrap();
    let class = executor.class("nap");
    executor.block_on(async {
        let mut tasks = Vec::new();
        for _ in 0..10 {
            tasks.push(executor.submit_cpu(class, || thread::sleep(Duration::from_millis(3))).await.unwrap());
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
    let stats = executor.window();
    assert_eq!((stats.cpu.workers, stats.cpu.window_completed, stats.io.window_completed), (1, 10, 0));
    assert!(stats.cpu.mean_service_us >= 3_000.0, "{stats:?}");
    // The n-th waits for n-1 naps: 13.5 ms in the mean, and the last of them 27 ms.
    assert!(stats.cpu.mean_wait_us >= 13_000.0, "{stats:?}");
    assert!(stats.classes[0].service_p50_us >= 2_970.0 && stats.classes[0].wait_p99_us >= 26_000.0);
    // With the wait, the one in the middle takes 15 ms and the last one 30 ms.
    assert!(stats.classes[0].total_p50_us >= 14_850.0 && stats.classes[0].window_total_p99_us >= 29_000.0);
    assert!(stats.cpu.utilisation > 0.5, "{stats:?}");

    let next = executor.window();
    assert_eq!((next.cpu.window_completed, next.cpu.mean_wait_us), (0, 0.0), "a new window");
    assert_eq!((next.classes[0].completed, next.classes[0].window_completed), (10, 0));
}

#[test]
fn a_task_that_still_runs_counts_as_busy() {
    let executor = executor();
    executor.resize_io(1);
    let (open, gate) = std::sync::mpsc::channel::<()>();
    let class = executor.class("long");
    executor.block_on(executor.io(class, async {})).unwrap();
    let long = executor.block_on(executor.submit_cpu(class, move || gate.recv())).unwrap();
    while executor.window().cpu.queued > 0 {
        thread::yield_now();
    }
    thread::sleep(Duration::from_millis(30));
    let stats = executor.window();
    assert_eq!(stats.cpu.window_completed, 0);
    assert!((0.3..=0.51).contains(&stats.cpu.utilisation), "one of two threads: {stats:?}");
    assert!(stats.io.utilisation < 0.1, "{stats:?}");
    open.send(()).unwrap();
    executor.block_on(long).unwrap().unwrap();
}

#[test]
fn the_cpu_time_of_work_done_elsewhere_is_what_the_task_says() {
    let executor = executor();
    let jobs = executor.class("jobs");
    executor.block_on(async {
        for _ in 0..24 {
            let job = async {
                tokio::time::sleep(SHORT).await;
                Ok::<_, ()>(SHORT)
            };
            let said = |ran: &Result<Duration, ()>| ran.as_ref().ok().copied();
            executor.submit_io_elsewhere(jobs, job, said).await.unwrap().await.unwrap().unwrap();
        }
    });
    // Its threads only waited.
    assert!(class(&executor, "jobs").cpu_share > 0.1, "{:?}", class(&executor, "jobs"));
}

#[test]
fn a_bound_holds_whatever_is_asked_for() {
    let executor = executor();
    assert_eq!(executor.bound_io(2), 2);
    assert_eq!((executor.resize_io(6), executor.demand().io_workers), (2, 2));
    assert_eq!(executor.window().io.workers, 2);
    assert_eq!(executor.bound_io(0), 1);
    assert_eq!(executor.bound_io(u32::MAX), 6, "what was asked for meanwhile");
}
