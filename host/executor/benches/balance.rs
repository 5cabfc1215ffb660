//! What tasks cost in the CPU pool, with the queue that all workers share alone, and with queues of the workers beside it from
//! which others take (`Balance`): `cargo bench -p host-executor --bench balance [ROUNDS]`.
//!
//! Both take turns, round by round; quoted are the medians, in tasks a second, and the median of the ratios of neighbours. "one
//! producer" is a thread that submits tasks which do nothing. In "subtasks" each task submits four more, eight levels deep. In
//! "mixed" one of a hundred tasks from a producer spins for 200 us and submits fifty subtasks of up to 20 us.
//!
//! On a machine of 2 cores (Intel Xeon) that was busy with other builds, `balance 41`, in thousand tasks a second. Over four such
//! runs the ratios were 0.94 to 1.03, 1.43 to 1.78 and 0.87 to 1.08.
//!
//! | load | shared | stealing | ratio |
//! |---|---|---|---|
//! | one producer | 1111 | 1052 | 0.95 |
//! | subtasks | 1060 | 1730 | 1.61 |
//! | mixed | 134 | 137 | 1.01 |
//!
//! So what a task submits to its own pool waits with its worker, and everything else in the shared queue.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a measurement on numbers of its own: what cannot go on panics"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use host_executor::{Balance, ClassId, Config, Executor};

const PRODUCED: u64 = 100_000;
const WIDTH: u64 = 4;
const DEPTH: u32 = 8;
const MIXED: u64 = 10_000;
const BATCH: u64 = 50;

type Load = fn(&Arc<Executor>, ClassId, &Arc<AtomicU64>) -> u64;

fn main() {
    let rounds = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(31_usize);
    let workers = u32::try_from(thread::available_parallelism().unwrap().get()).unwrap();
    println!("{workers} workers, {rounds} rounds, thousand tasks a second\n");
    println!("| load | shared | stealing | ratio |\n|---|---|---|---|");
    let loads: [(&str, Load); 3] = [("one producer", produce), ("subtasks", branch_out), ("mixed", mix)];
    for (name, load) in loads {
        let mut rates = [Vec::new(), Vec::new()];
        for round in 0..rounds + 2 {
            let mut once = [0.0; 2];
            // Who goes first changes, and the first rounds warm up.
            for at in [round % 2, 1 - round % 2] {
                once[at] = measure(workers, [Balance::Shared, Balance::Stealing][at], load);
            }
            if round >= 2 {
                rates[0].push(once[0]);
                rates[1].push(once[1]);
            }
        }
        let ratio = median(rates[0].iter().zip(&rates[1]).map(|(shared, stealing)| stealing / shared));
        let [shared, stealing] = rates.map(|rates| median(rates.into_iter()) / 1e3);
        println!("| {name} | {shared:.0} | {stealing:.0} | {ratio:.2} |");
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Tasks a second.
fn measure(workers: u32, balance: Balance, load: Load) -> f64 {
    let config = Config { cpu_workers: workers, cpu_queue: 1 << 20, balance, ..Config::for_cores(workers) };
    let executor = Arc::new(Executor::new(config).unwrap());
    let (class, done) = (executor.class("any"), Arc::new(AtomicU64::new(0)));
    let begun = Instant::now();
    let tasks = load(&executor, class, &done);
    while done.load(Ordering::Acquire) < tasks {
        thread::sleep(Duration::from_micros(50));
    }
    tasks as f64 / begun.elapsed().as_secs_f64()
}

fn produce(executor: &Arc<Executor>, class: ClassId, done: &Arc<AtomicU64>) -> u64 {
    executor.block_on(async {
        for _ in 0..PRODUCED {
            let done = Arc::clone(done);
            drop(executor.submit_cpu(class, move || done.fetch_add(1, Ordering::Release)).await.unwrap());
        }
    });
    PRODUCED
}

fn branch_out(executor: &Arc<Executor>, class: ClassId, done: &Arc<AtomicU64>) -> u64 {
    let (own, counted) = (Arc::clone(executor), Arc::clone(done));
    drop(executor.try_submit_cpu(class, move || branch(&own, class, DEPTH, &counted)).unwrap());
    (WIDTH.pow(DEPTH + 1) - 1) / (WIDTH - 1)
}

fn branch(executor: &Arc<Executor>, class: ClassId, depth: u32, done: &Arc<AtomicU64>) {
    for _ in 0..if depth == 0 { 0 } else { WIDTH } {
        let (own, counted) = (Arc::clone(executor), Arc::clone(done));
        drop(executor.try_submit_cpu(class, move || branch(&own, class, depth - 1, &counted)).unwrap());
    }
    done.fetch_add(1, Ordering::Release);
}

fn mix(executor: &Arc<Executor>, class: ClassId, done: &Arc<AtomicU64>) -> u64 {
    executor.block_on(async {
        for number in 0..MIXED {
            let (own, counted) = (Arc::clone(executor), Arc::clone(done));
            let task = move || {
                if number % 100 == 0 {
                    spin(Duration::from_micros(200));
                    for length in 0..BATCH {
                        let counted = Arc::clone(&counted);
                        let subtask = move || {
                            spin(Duration::from_micros(length * 2 / 5));
                            counted.fetch_add(1, Ordering::Release);
                        };
                        drop(own.try_submit_cpu(class, subtask).unwrap());
                    }
                }
                counted.fetch_add(1, Ordering::Release);
            };
            drop(executor.submit_cpu(class, task).await.unwrap());
        }
    });
    MIXED + MIXED / 100 * BATCH
}

fn spin(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        black_box(begun);
    }
}
