//! Whole simulations: held or streamed, stopped, refused.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use host_policy::builtin;
use host_simulator::{
    Capacity, Hold, MemoryLimit, Method, Observer, Options, Row, SimError, Simulation, simulate,
};
use host_workload::trace::{Options as TraceOptions, TraceReader};

use crate::reference::Reference;

/// Stops the simulation once a phase begins.
struct StopAt {
    phase: &'static str,
    stopped: AtomicBool,
    phases: Mutex<Vec<String>>,
}

impl Observer for StopAt {
    fn begin(&self, phase: &str, _total: Option<u64>) {
        self.phases.lock().unwrap().push(phase.to_owned());
        self.stopped.fetch_or(phase == self.phase, Ordering::Relaxed);
    }

    fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

/// A trace with sizes, several blocks long: skewed, with a scan in it.
fn write_trace(folder: &Path) -> PathBuf {
    let path = folder.join("small.csv");
    let mut text = "key,size\n".to_owned();
    for step in 0..40_000_u64 {
        let draw = host_workload::key::hash_number(step);
        let key = if step % 10_000 > 9_000 { step } else { (draw % 3_000) * (draw >> 32 & 7) / 3 };
        text.push_str(&format!("{key},{}\n", key % 90 + 10));
    }
    std::fs::write(&path, text).unwrap();
    path
}

fn open(path: &Path) -> TraceReader {
    TraceReader::open(path, &TraceOptions::default()).unwrap()
}

fn every_policy() -> Vec<Method> {
    builtin::ALL.map(Method::Policy).to_vec()
}

fn sim(
    path: &Path,
    methods: &[Method],
    capacities: &[&str],
    options: Options,
) -> Result<Simulation, SimError> {
    let capacities: Vec<Capacity> = capacities.iter().map(|text| text.parse().unwrap()).collect();
    simulate(open(path), methods, &capacities, &options, &())
}

/// Rows without their times.
fn timeless(simulation: Simulation) -> Vec<Row> {
    simulation.rows.into_iter().map(|row| Row { seconds: 0.0, ..row }).collect()
}

#[test]
fn held_and_streamed_rows_are_those_of_the_reference() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_trace(folder.path());
    let requests: Vec<_> = open(&path).with_ids().map(Result::unwrap).collect();
    let mut want = Vec::new();
    for kind in &builtin::ALL {
        for (capacity, in_bytes) in [(100, false), (20_000, true), (2_000, false)] {
            let mut cache = Reference::new(kind, capacity);
            for request in &requests {
                cache.access(request.key, if in_bytes { u64::from(request.size) } else { 1 });
            }
            want.push((kind.to_string(), capacity, cache.misses));
        }
    }
    let capacities = ["100", "20kB", "2000"];
    for hold in [Hold::AsNeeded, Hold::Always, Hold::Never] {
        let came = sim(&path, &every_policy(), &capacities, Options { hold, ..Options::default() }).unwrap();
        assert_eq!((came.requests, came.interrupted, came.distinct_estimated), (40_000, false, false));
        let rows: Vec<_> = came.rows.into_iter().map(|row| (row.policy, row.capacity, row.misses)).collect();
        assert_eq!(rows, want, "{hold:?}");
    }
}

#[test]
fn what_is_known_of_a_trace_does_not_depend_on_how_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_trace(folder.path());
    let options =
        Options { sizes: true, per_window: NonZeroU64::new(777), hold: Hold::Always, ..Options::default() };
    let methods = every_policy();
    let held = sim(&path, &methods, &["300", "10kB"], options).unwrap();
    let streamed = sim(&path, &methods, &["300", "10kB"], Options { hold: Hold::Never, ..options }).unwrap();
    // So little memory that it is full after the first block: the beginning is held, the rest is not.
    let mixed = Options { hold: Hold::AsNeeded, memory: MemoryLimit::Bytes(1_000), ..options };
    let mixed = sim(&path, &methods, &["300", "10kB"], mixed).unwrap();
    let facts = |s: &Simulation| (s.requests, s.distinct, s.footprint);
    assert_eq!(facts(&held), facts(&streamed));
    assert_eq!(facts(&held), facts(&mixed));
    let plain = Options { memory: MemoryLimit::Bytes(1_000), ..Options::default() };
    assert_eq!(facts(&held), facts(&sim(&path, &methods, &["300"], plain).unwrap()));
    assert!(held.footprint.unwrap() > held.distinct * 10);
    let held = timeless(held);
    assert_eq!(held, timeless(streamed));
    assert_eq!(held, timeless(mixed));
}

#[test]
fn windows_sum_to_the_totals() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_trace(folder.path());
    let mut methods = every_policy();
    methods.push(Method::Belady);
    for length in [1, 999, 40_000, 1 << 40] {
        let options = Options { per_window: NonZeroU64::new(length), ..Options::default() };
        for row in sim(&path, &methods, &["500"], options).unwrap().rows {
            let hits: u64 = row.windows.iter().map(|window| window.hits).sum();
            assert_eq!(hits, row.requests - row.misses, "{} by {length}", row.policy);
            assert_eq!(u64::try_from(row.windows.len()).unwrap(), 40_000_u64.div_ceil(length));
            let mut next = 0;
            for window in &row.windows {
                assert_eq!(window.first, next);
                assert!(window.requests == length || window.first + window.requests == 40_000);
                next += window.requests;
            }
            assert_eq!(next, 40_000);
        }
    }
}

#[test]
fn bytes_are_counted_and_percent_is_of_the_footprint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("two.csv");
    // 1 fits beside 2, not beside 3.
    std::fs::write(&path, "key,size\n1,10\n2,30\n1,10\n3,60\n1,10\n3,60\n").unwrap();
    let lru = [Method::Policy(builtin::LRU)];
    let options = Options { sizes: true, ..Options::default() };
    let came = sim(&path, &lru, &["60%"], options).unwrap();
    assert_eq!(came.footprint, Some(100));
    let [row] = came.rows.as_slice() else { panic!("one row") };
    assert_eq!((row.capacity, row.misses), (60, 5));
    assert_eq!(row.byte_miss_ratio, Some(170.0 / 180.0));
    let plain = sim(&path, &lru, &["60%"], Options::default()).unwrap();
    assert_eq!((plain.rows[0].capacity, plain.rows[0].byte_miss_ratio), (2, None));
}

#[test]
fn an_interrupted_simulation_has_only_finished_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_trace(folder.path());
    let capacities = ["10".parse().unwrap(), "1%".parse().unwrap()];
    // One of the two has to know the whole trace first.
    let never = Options { hold: Hold::Never, ..Options::default() };
    for (phase, capacities, options) in [
        ("reading", &capacities[..], Options::default()),
        ("replaying", &capacities[..], Options::default()),
        ("reading", &capacities[..1], Options::default()),
        ("reading and replaying", &capacities[..1], never),
    ] {
        let observer = StopAt { phase, stopped: AtomicBool::new(false), phases: Mutex::default() };
        let lru = [Method::Policy(builtin::LRU)];
        let came = simulate(open(&path), &lru, capacities, &options, &observer).unwrap();
        assert!(observer.phases.lock().unwrap().iter().any(|name| name == phase));
        assert!(came.interrupted && came.rows.is_empty(), "{phase}");
    }
}

#[test]
fn what_does_not_fit_or_has_no_sizes_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_trace(folder.path());
    let plain = folder.path().join("plain.keys");
    std::fs::write(&plain, "1\n2\n").unwrap();
    let lru = [Method::Policy(builtin::LRU)];
    let text = |path: &Path, methods: &[Method], capacities: &[&str], options| {
        let error = sim(path, methods, capacities, options).unwrap_err().to_string();
        error.replace(&folder.path().display().to_string(), "DIR")
    };
    let little = Options { memory: MemoryLimit::Bytes(1_000), ..Options::default() };
    let never = Options { hold: Hold::Never, ..Options::default() };
    let advice = "needs the whole trace in memory, and there is no room for it; give capacities in objects (1000) or \
                  bytes (64MB), and policies other than belady";
    for options in [little, never] {
        assert_eq!(
            text(&path, &lru, &["5", "10%"], options),
            format!("DIR/small.csv: a capacity of 10% {advice}")
        );
        assert_eq!(
            text(&path, &[Method::Belady], &["5"], options),
            format!("DIR/small.csv: belady {advice}")
        );
    }
    let sizes = Options { sizes: true, ..Options::default() };
    for hold in [Hold::Always, Hold::Never] {
        assert_eq!(
            text(&plain, &lru, &["1MB"], Options { hold, ..Options::default() }),
            "DIR/plain.keys: capacity 1 MB is in bytes, but plain gives no sizes; give it in objects (1000) or in \
             percent of the distinct keys (1%)"
        );
        assert_eq!(
            text(&plain, &lru, &["5"], Options { hold, ..sizes }),
            "DIR/plain.keys: byte miss ratios were asked for, but plain gives no sizes"
        );
    }
    assert!(
        text(&path, &[Method::Belady], &["10%"], sizes).starts_with("belady needs capacities in objects")
    );
}

#[test]
fn an_error_in_the_middle_of_a_trace_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.oracleGeneral");
    std::fs::write(&path, vec![0_u8; 24 * 50_000 + 7]).unwrap();
    for hold in [Hold::Always, Hold::Never] {
        let options = Options { hold, ..Options::default() };
        let error = sim(&path, &every_policy(), &["5"], options).unwrap_err().to_string();
        assert!(error.contains("50001"), "{error}");
    }
}
