//! What shadows cost the cache in front of them: `cargo bench -p host-cache --bench shadows`, and `-- --quick`.
//!
//! First what a followed request costs whoever drains the tap: for the eight policies that the bundled strategy follows, at
//! the present capacity, of 256 requests drained at a time. Only the draining is timed. As a live tap is drained every ten
//! milliseconds, the shadows then find little in the processor's cache: the second figure is with 8 MiB written elsewhere
//! before each drain.
//!
//! Then what the cache loses. The same cache serves the same requests with and without a tap, in short batches that take turns, and what is
//! quoted is the median of the ratios of neighbours. With the tap a thread of its own drains it every
//! ten milliseconds, as the control loop does, whether or not there is a core to spare: what it takes counts.
//! "nothing" is the cache without a tap once more: how far it is from 0 is how far the other row can be believed.
//!
//! It fails, with status 2, on an argument it does not know.

use host_cache::{Cache, Registry, Shadows, builtin};
use rand::SeedableRng as _;
use rand::distr::Distribution as _;
use rand::seq::SliceRandom as _;
use rand_distr::Zipf;
use rand_pcg::Pcg64;
use std::process::ExitCode;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What `cache-policy` follows.
const FOLLOWED: [&str; 8] = [
    "lru",
    "arc",
    "w-tinylfu",
    "lirs",
    "2q",
    "lfu",
    "lirs(hir=0.1, ghosts=4)",
    "s3-fifo(small=0.25, ghosts=2)",
];

#[expect(clippy::expect_used, reason = "all are built in")]
fn shadows(capacity: u64) -> Shadows {
    let registry = Registry::default();
    let policies: Result<Vec<_>, _> = FOLLOWED.iter().map(|policy| registry.parse(policy)).collect();
    Shadows::new(&policies.expect("a policy that is built in"), &[1.0], capacity, 1)
}

const KEYS: u64 = 1_000_000;
const EXPONENT: f64 = 0.99;
const WARM_UP: usize = 2_000_000;
/// As the runtime has it: places of the queue, and how often it is drained.
const PLACES: usize = 256;
const OTHER_WORK: usize = 8 << 20;
const FEED: Duration = Duration::from_millis(10);

/// With what a batch is run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum With {
    Nothing,
    NothingAgain,
    Shadows,
}

/// What the serving threads share.
struct Served {
    cache: Cache<u64, u64, ahash::RandomState>,
    tap: host_cache::SampleTap,
}

struct Bench {
    served: Served,
    shadows: Shadows,
}

impl Bench {
    fn new(capacity: u64) -> Self {
        let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
        let cache = Cache::builder(capacity).policy(&builtin::ARC).hasher(hasher).build();
        let shadows = shadows(capacity);
        let tap = shadows.tap(PLACES);
        Self { served: Served { cache, tap }, shadows }
    }
}

impl Served {
    fn serve(&self, keys: &[u64], with: With) -> u64 {
        let mut hits = 0;
        for &key in keys {
            match self.cache.get(&key) {
                Some(value) => hits += u64::from(value == !key),
                None => {
                    self.cache.insert(key, !key);
                }
            }
            if with == With::Shadows {
                self.tap.offer(self.cache.id(&key), 1);
            }
        }
        hits
    }
}

impl Bench {
    /// Runs a batch for each thread; the time until the last is done.
    fn batch(&mut self, batches: &[&[u64]], with: With) -> Duration {
        let started = Barrier::new(batches.len() + 1);
        let done = AtomicBool::new(false);
        let (this, shadows, barrier, finished) = (&self.served, &mut self.shadows, &started, &done);
        thread::scope(|scope| {
            let drain = (with == With::Shadows).then(|| {
                scope.spawn(move || {
                    while !finished.load(Ordering::Acquire) {
                        let stats = this.cache.stats();
                        this.tap.drain_into(shadows, stats.hits + stats.misses);
                        thread::park_timeout(FEED);
                    }
                })
            });
            let servers: Vec<_> = batches
                .iter()
                .map(|keys| {
                    scope.spawn(move || {
                        barrier.wait();
                        this.serve(keys, with)
                    })
                })
                .collect();
            started.wait();
            let start = Instant::now();
            for server in servers {
                std::hint::black_box(server.join().ok());
            }
            let took = start.elapsed();
            done.store(true, Ordering::Release);
            if let Some(drain) = &drain {
                drain.thread().unpark();
            }
            took
        })
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(0.0)
}

/// Prints nanoseconds a followed request, of all shadows.
fn measure_feeding(capacity: u64, requests: &[u64]) {
    let [at_once, in_between] = [0, OTHER_WORK].map(|bytes| nanoseconds(capacity, requests, bytes));
    println!("capacity {capacity:>7}: {at_once:.0} ns a followed request, {in_between:.0} after other work");
}

/// The median of the drains in the second half, each over its requests; before each, so many bytes are written elsewhere.
fn nanoseconds(capacity: u64, requests: &[u64], bytes: usize) -> f64 {
    let mut shadows = shadows(capacity);
    let tap = shadows.tap(PLACES);
    let mut elsewhere = vec![0_u64; bytes / 8];
    let (mut drains, mut queued) = (Vec::new(), 0);
    for (number, &key) in (0_u64..).zip(requests) {
        let id = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        tap.offer(id, 1);
        queued += 1;
        if queued == PLACES {
            queued = 0;
            elsewhere.iter_mut().for_each(|word| *word ^= number);
            let start = Instant::now();
            let fed = tap.drain_into(&mut shadows, 0);
            let took = start.elapsed().as_secs_f64() * 1e9;
            if fed > 0 {
                drains.push(took / f64::from(u32::try_from(fed).unwrap_or(u32::MAX)));
            }
        }
    }
    std::hint::black_box(elsewhere);
    median(drains.split_off(drains.len() / 2))
}

fn measure(capacity: u64, threads: usize, rounds: usize, length: usize, requests: &[u64]) {
    let mut bench = Bench::new(capacity);
    bench.served.serve(requests.get(..WARM_UP).unwrap_or(requests), With::Nothing);
    let mut random = Pcg64::seed_from_u64(7);
    let (mut again, mut shadowed, mut speed) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let mut turns = [With::Nothing, With::NothingAgain, With::Shadows];
        turns.shuffle(&mut random);
        let mut took = [Duration::ZERO; 3];
        for with in turns {
            let from = |thread: usize| (round * threads + thread) * length % (requests.len() - length);
            let batches: Vec<&[u64]> =
                (0..threads).filter_map(|thread| requests.get(from(thread)..from(thread) + length)).collect();
            let place = match with {
                With::Nothing => 0,
                With::NothingAgain => 1,
                With::Shadows => 2,
            };
            if let Some(place) = took.get_mut(place) {
                *place = bench.batch(&batches, with);
            }
        }
        let [alone, once_more, with] = took.map(|took| took.as_secs_f64());
        again.push(1.0 - alone / once_more);
        shadowed.push(1.0 - alone / with);
        let served = u32::try_from(threads * length).unwrap_or(u32::MAX);
        speed.push(f64::from(served) / alone / 1e6);
    }
    println!(
        "capacity {capacity:>7}, {threads} thread(s): {:.1} M requests a second; lost to shadows {:+.1} %, to nothing \
         {:+.1} %; rate 1/{:.0}, {} dropped",
        median(speed),
        median(shadowed) * 100.0,
        median(again) * 100.0,
        1.0 / bench.shadows.sampling_rate(),
        bench.served.tap.dropped()
    );
}

fn main() -> ExitCode {
    let mut quick = true;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--bench" => quick = false,
            "--quick" => quick = true,
            other => {
                eprintln!("unknown argument {other}: expected --quick");
                return ExitCode::from(2);
            }
        }
    }
    let (rounds, length) = if quick { (5, 500_000) } else { (21, 2_000_000) };
    let Ok(zipf) = Zipf::new(1e6, EXPONENT) else { return ExitCode::FAILURE };
    let mut random = Pcg64::seed_from_u64(42);
    let keys: Vec<u64> = {
        let mut keys: Vec<u64> = (0..KEYS).collect();
        keys.shuffle(&mut random);
        keys
    };
    let draw = |rank: f64| {
        #[expect(
            clippy::as_conversions,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank"
        )]
        let place = rank as usize - 1;
        keys.get(place).copied().unwrap_or(0)
    };
    let requests: Vec<u64> = (0..8_000_000).map(|_| draw(zipf.sample(&mut random))).collect();
    let some = requests.get(..if quick { 1_000_000 } else { 4_000_000 }).unwrap_or(&requests);
    for capacity in [1_000, 10_000] {
        measure_feeding(capacity, some);
    }
    for capacity in [1_000, 100_000] {
        for threads in [1, 2] {
            measure(capacity, threads, rounds, length, &requests);
        }
    }
    ExitCode::SUCCESS
}
