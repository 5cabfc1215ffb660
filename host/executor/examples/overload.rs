//! Ten times more work than the workers can do, of three priorities alike: what each gets of the workers' time, and what is shed.
//!
//!     cargo run --release -p host-executor --example overload [SECONDS]
//!
//! Tasks sleep: what is shared out is the time of workers, and a machine that is busy otherwise shows the same. Those of a low priority
//! take eight times as long as those of a high one, so that counting tasks would share out something else. Two runs follow each other: one in which
//! all three have too much to do, and one in which the normal priority has nothing.
#![expect(clippy::print_stdout, reason = "a program for the command line")]

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use host_executor::{ByPriority, Config, Executor, PoolStats, Priority};

const WORKERS: u32 = 4;
/// Work offered, as a multiple of what the workers can do.
const OVERLOAD: f64 = 10.0;
/// How long a task of each priority takes.
const LENGTHS: ByPriority<Duration> = ByPriority {
    high: Duration::from_micros(500),
    normal: Duration::from_millis(2),
    low: Duration::from_millis(4),
};

fn main() -> Result<(), Box<dyn Error>> {
    let seconds = match std::env::args().nth(1) {
        Some(text) => {
            text.parse::<u64>().ok().filter(|seconds| (1..=3_600).contains(seconds)).ok_or_else(|| {
                format!("expected a whole number of seconds from 1 to 3600, got {text:?}: overload [SECONDS]")
            })?
        }
        None => 10,
    };
    println!("{WORKERS} workers, {OVERLOAD} times what they can do, {seconds} s");
    for offered in [&Priority::ALL[..], &[Priority::High, Priority::Low]] {
        let executor = Executor::new(Config { cpu_workers: WORKERS, ..Config::for_cores(WORKERS) })?;
        print(&run(&executor, offered, Duration::from_secs(seconds))?);
    }
    Ok(())
}

/// Offers work for so long. Answers with the pool's figures.
fn run(executor: &Executor, offered: &[Priority], time: Duration) -> Result<PoolStats, Box<dyn Error>> {
    let class = executor.class("work");
    let begun = Instant::now();
    let each = OVERLOAD * f64::from(WORKERS) / f64::from(u32::try_from(offered.len())?);
    let mut submitted = ByPriority::<u64>::default();
    while begun.elapsed() < time {
        for &priority in offered {
            let length = LENGTHS[priority];
            let due =
                Duration::from_secs_f64(begun.elapsed().as_secs_f64() * each).as_nanos() / length.as_nanos();
            while u128::from(submitted[priority]) < due {
                submitted[priority] += 1;
                // Shed or not: that is counted.
                drop(executor.try_submit_cpu(class.with(priority), move || thread::sleep(length)));
            }
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(executor.window().cpu)
}

fn print(pool: &PoolStats) {
    let shares = Config::for_cores(WORKERS).shares;
    let all: f64 = pool.priorities.iter().map(|(_, stats)| stats.service.as_secs_f64()).sum();
    println!("\n| priority | sure of | got | completed | shed |\n|---|---|---|---|---|");
    for (priority, stats) in pool.priorities.iter() {
        let got = 100.0 * stats.service.as_secs_f64() / all;
        println!(
            "| {priority} | {} % | {got:.1} % | {} | {} |",
            shares[priority], stats.completed, stats.shed
        );
    }
}
