//! What the best fixed settings would have given: a small sweep over an input, beside tuned runs.
//!
//! A baseline says what tuning gained over the profile's starting settings. Whoever knows the machine would not have left
//! it at those. So the sweep looks for the settings that such a person would have set, one kind after the other, each at the best found so
//! far: IO workers, CPU workers, policy, prefetching. Then the best and the tuned run take turns, because a machine drifts;
//! their medians are compared, and a difference is claimed only beyond what runs of one setting differ by.

use host_cache::{PolicyFactory, builtin};
use host_contract::dial::{CPU_WORKERS, IO_WORKERS};
use host_contract::{Dial, Objective, Value};
use host_profile::Settings;
use serde::Serialize;

use crate::ranges::prefetches;
use crate::report::Figures;

/// Turns of the best fixed settings and the tuned run.
pub(crate) const TURNS: usize = 3;

/// Runs of a sweep and of its turns, at most, with room to spare.
pub(crate) const MOST_RUNS: u64 = 64;

/// Relative differences up to this are noise, whatever a few runs say.
const FLOOR: f64 = 0.02;

/// Settings that stay as they are for a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FixedSettings {
    /// The policy of the cache.
    pub policy: String,
    /// IO workers.
    pub io_workers: u32,
    /// CPU workers.
    pub cpu_workers: u32,
    /// Whether the strategies for prefetching ran, and no other.
    pub prefetching: bool,
}

impl FixedSettings {
    /// What a profile starts with.
    pub(crate) fn start(settings: &Settings) -> Self {
        Self {
            policy: settings.cache.policy.clone(),
            io_workers: settings.executor.io_workers,
            cpu_workers: settings.executor.cpu_workers,
            prefetching: false,
        }
    }

    /// A profile that starts with these.
    pub(crate) fn within(&self, settings: &Settings) -> Settings {
        let mut settings = settings.clone();
        settings.cache.policy.clone_from(&self.policy);
        settings.executor.io_workers = self.io_workers;
        settings.executor.cpu_workers = self.cpu_workers;
        let mut start = |dial: Dial, workers: u32| {
            if let Some(of) = settings.dials.get_mut(&dial) {
                of.start = Value::Count(u64::from(workers));
            }
        };
        start(IO_WORKERS, self.io_workers);
        start(CPU_WORKERS, self.cpu_workers);
        settings
    }
}

impl std::fmt::Display for FixedSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let prefetching = if self.prefetching { "on" } else { "off" };
        let Self { policy, io_workers, cpu_workers, .. } = self;
        write!(f, "{policy}, {io_workers} IO and {cpu_workers} CPU workers, prefetching {prefetching}")
    }
}

/// What is compared, by what is optimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compared {
    /// Wall time of the run, seconds.
    Time,
    /// 99th percentile of the time of a request, microseconds.
    P99,
    /// Requests that had to load.
    Misses,
}

impl Compared {
    pub(crate) fn by(objective: Objective) -> Self {
        match objective {
            Objective::Throughput | Objective::Memory => Self::Time,
            Objective::Latency => Self::P99,
            Objective::Bandwidth => Self::Misses,
        }
    }

    /// The figure; less is better.
    #[expect(clippy::as_conversions, reason = "a count as a number to compare")]
    #[must_use]
    pub fn of(self, figures: &Figures) -> f64 {
        match self {
            Self::Time => figures.seconds,
            Self::P99 => figures.p99_us,
            Self::Misses => figures.misses as f64,
        }
    }
}

/// One run of the sweep.
#[derive(Debug, Clone, Serialize)]
pub struct Tried {
    /// The settings.
    pub settings: FixedSettings,
    /// The figure compared.
    pub figure: f64,
    /// Share of the requests that the cache served by itself, 0.0 to 1.0.
    pub hit_ratio: f64,
}

/// A sweep and what tuning came to beside it. Figures are as [`Compared`] says; less is better.
#[derive(Debug, Clone, Serialize)]
pub struct Sweep {
    /// What is compared.
    pub compared: Compared,
    /// Every fixed setting that was run, in order.
    pub tried: Vec<Tried>,
    /// The best of them.
    pub best: FixedSettings,
    /// Its runs in turn with the tuned ones.
    pub best_runs: Vec<f64>,
    /// The tuned runs, from the profile's starting settings.
    pub tuned_runs: Vec<f64>,
}

impl Sweep {
    /// Median of the best fixed settings' runs; none before the first.
    #[must_use]
    pub fn best_median(&self) -> Option<f64> {
        median(&self.best_runs)
    }

    /// Median of the tuned runs; none before the first.
    #[must_use]
    pub fn tuned_median(&self) -> Option<f64> {
        median(&self.tuned_runs)
    }

    /// What runs of one setting differ by, relative.
    #[must_use]
    pub fn noise(&self) -> f64 {
        [&self.best_runs, &self.tuned_runs].into_iter().map(|runs| spread(runs)).fold(FLOOR, f64::max)
    }

    /// How much more the tuned runs took than the best fixed settings, relative; below 0 for less. None without both.
    #[must_use]
    pub fn difference(&self) -> Option<f64> {
        let (best, tuned) = (self.best_median()?, self.tuned_median()?);
        (best > 0.0).then(|| tuned / best - 1.0)
    }
}

/// Looks for the best fixed settings. `run` gives the figures of a run, or none where the sweep is to end.
pub(crate) fn search<E>(
    settings: &Settings,
    cores: u32,
    compared: Compared,
    mut run: impl FnMut(&FixedSettings) -> Result<Option<Figures>, E>,
) -> Result<Vec<Tried>, E> {
    let mut tried: Vec<Tried> = Vec::new();
    let mut best = FixedSettings::start(settings);
    for kind in KINDS {
        for candidate in kind(settings, cores, &best) {
            if tried.iter().any(|tried| tried.settings == candidate) {
                continue;
            }
            let Some(figures) = run(&candidate)? else { return Ok(tried) };
            let figure = compared.of(&figures);
            tried.push(Tried { settings: candidate, figure, hit_ratio: figures.hit_ratio });
        }
        if let Some(found) = least(&tried) {
            best = found.settings.clone();
        }
    }
    Ok(tried)
}

/// The run with the least figure.
pub(crate) fn least(tried: &[Tried]) -> Option<&Tried> {
    tried.iter().min_by(|a, b| a.figure.total_cmp(&b.figure))
}

type Candidates = fn(&Settings, u32, &FixedSettings) -> Vec<FixedSettings>;

/// The kinds of settings, in the order in which they are searched.
const KINDS: [Candidates; 4] = [io_workers, cpu_workers, policies, prefetching];

/// The start, and from there by doubling to the most that a strategy may set.
fn io_workers(settings: &Settings, _: u32, best: &FixedSettings) -> Vec<FixedSettings> {
    let most = settings.executor.max_io_workers;
    let doubled = std::iter::successors(Some(best.io_workers), |workers| workers.checked_mul(2));
    let counts = doubled.take_while(|workers| *workers < most).chain([most]);
    counts.map(|io_workers| FixedSettings { io_workers, ..best.clone() }).collect()
}

/// As many as cores.
fn cpu_workers(settings: &Settings, cores: u32, best: &FixedSettings) -> Vec<FixedSettings> {
    let executor = &settings.executor;
    let most = executor.max_cpu_workers.max(executor.min_cpu_workers);
    vec![FixedSettings { cpu_workers: cores.clamp(executor.min_cpu_workers, most), ..best.clone() }]
}

/// The policies that are best somewhere among those of real traces (docs/choosing.md).
const POLICIES: [PolicyFactory; 7] = [
    builtin::LRU,
    builtin::LFU,
    builtin::ARC,
    builtin::S3_FIFO,
    builtin::W_TINYLFU,
    builtin::LIRS,
    builtin::TWO_Q,
];

fn policies(_: &Settings, _: u32, best: &FixedSettings) -> Vec<FixedSettings> {
    POLICIES.iter().map(|policy| FixedSettings { policy: policy.to_string(), ..best.clone() }).collect()
}

fn prefetching(settings: &Settings, _: u32, best: &FixedSettings) -> Vec<FixedSettings> {
    if prefetches(settings) { vec![FixedSettings { prefetching: true, ..best.clone() }] } else { Vec::new() }
}

fn median(runs: &[f64]) -> Option<f64> {
    let mut runs = runs.to_vec();
    runs.sort_by(f64::total_cmp);
    let upper = *runs.get(runs.len() / 2)?;
    let lower = *runs.get(runs.len().saturating_sub(1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

/// Half of what the runs lie apart, relative to their median.
fn spread(runs: &[f64]) -> f64 {
    let Some(middle) = median(runs).filter(|middle| *middle > 0.0) else { return 0.0 };
    let (least, most) =
        runs.iter().fold((f64::INFINITY, 0.0_f64), |(least, most), run| (least.min(*run), most.max(*run)));
    (most - least) / 2.0 / middle
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        let machine = host_telemetry::Machine::read(std::path::Path::new("."));
        let sets = ["executor.io-workers=6", "executor.max-io-workers=40", "executor.cpu-workers=8"];
        host_profile::Loader::new().user_file(None).set(sets).load(&machine).unwrap()
    }

    /// A run that takes as long as the settings are far from some that are right.
    fn seconds(fixed: &FixedSettings) -> f64 {
        let policy = if fixed.policy == "arc" { 0.0 } else { 1.0 };
        let prefetching = if fixed.prefetching { 0.5 } else { 0.0 };
        10.0 + policy + prefetching + f64::from(fixed.io_workers.abs_diff(24)) + f64::from(fixed.cpu_workers)
    }

    #[test]
    fn the_best_of_each_kind_is_found_and_kept_for_the_next() {
        let settings = settings();
        let run = |fixed: &FixedSettings| {
            Ok::<_, ()>(Some(Figures { seconds: seconds(fixed), ..Figures::default() }))
        };
        let tried = search(&settings, 2, Compared::Time, run).unwrap();
        let counts: Vec<u32> = tried.iter().map(|tried| tried.settings.io_workers).take(4).collect();
        assert_eq!(counts, [6, 12, 24, 40], "doubled as far as the most that is allowed");
        let best = &least(&tried).unwrap().settings;
        let right =
            FixedSettings { policy: "arc".into(), io_workers: 24, cpu_workers: 2, prefetching: false };
        assert_eq!(*best, right);
        let mut settings_seen: Vec<String> = tried.iter().map(|tried| tried.settings.to_string()).collect();
        settings_seen.sort();
        settings_seen.dedup();
        assert_eq!(settings_seen.len(), tried.len(), "nothing is run twice");
    }

    #[test]
    fn a_sweep_that_is_ended_keeps_what_it_has() {
        let mut left = 3;
        let run = |fixed: &FixedSettings| {
            left -= 1;
            let figures = Figures { seconds: seconds(fixed), ..Figures::default() };
            Ok::<_, ()>((left > 0).then_some(figures))
        };
        assert_eq!(search(&settings(), 2, Compared::Time, run).unwrap().len(), 2);
    }

    #[test]
    fn a_run_starts_with_the_fixed_settings() {
        let fixed =
            FixedSettings { policy: "lirs".into(), io_workers: 11, cpu_workers: 3, prefetching: true };
        let within = fixed.within(&settings());
        assert_eq!(FixedSettings { prefetching: true, ..FixedSettings::start(&within) }, fixed);
        let start = |dial: Dial| within.dials.get(&dial).map(|of| of.start.clone());
        assert_eq!(start(IO_WORKERS), Some(Value::Count(11)));
        assert_eq!(start(CPU_WORKERS), Some(Value::Count(3)));
    }

    #[test]
    fn medians_are_compared_and_noise_is_what_one_setting_differs_by() {
        let sweep = Sweep {
            compared: Compared::Time,
            tried: Vec::new(),
            best: FixedSettings::start(&settings()),
            best_runs: vec![2.0, 1.0, 1.1],
            tuned_runs: vec![0.9, 1.0],
        };
        assert_eq!(sweep.best_median(), Some(1.1));
        assert_eq!(sweep.tuned_median(), Some(0.95));
        assert!((sweep.difference().unwrap() + 0.1363).abs() < 1e-3);
        assert!((sweep.noise() - 0.5 / 1.1).abs() < 1e-9, "{}", sweep.noise());
        assert_eq!(Sweep { tuned_runs: Vec::new(), ..sweep }.difference(), None);
    }
}
