//! What a tick of a ledger shows, in the records of the contract.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::bindings::optimizer::plugin::metrics::{
    CacheMetrics, ClassMetrics, ClassWindow, ExecutorMetrics, PoolMetrics, RuleCosts, RuleMetrics,
    ShadowEstimate, SystemMetrics, TaskKind,
};

/// A rule with the name of its owner.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) owner: String,
    pub(super) became: RuleMetrics,
    pub(super) costs: RuleCosts,
}

/// A record `tick`.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) tick: u64,
    pub(super) now_ns: u64,
    pub(super) elapsed_ns: u64,
    pub(super) system: SystemMetrics,
    pub(super) cache: CacheMetrics,
    pub(super) shadows: Vec<ShadowEstimate>,
    pub(super) missed_bytes: Vec<u64>,
    pub(super) executor: Option<ExecutorMetrics>,
    pub(super) windows: Vec<ClassWindow>,
    pub(super) in_flight: u32,
    pub(super) max_in_flight: u32,
    pub(super) cache_share: f64,
    pub(super) rules: Vec<Rule>,
    pub(super) gauges: BTreeMap<String, f64>,
}

/// What a field holds.
pub(super) trait Field: Sized {
    /// None: something else.
    fn of(json: &Json) -> Option<Self>;
}

impl Field for f64 {
    fn of(json: &Json) -> Option<Self> {
        json.as_f64()
    }
}

impl Field for u64 {
    fn of(json: &Json) -> Option<Self> {
        json.as_u64()
    }
}

impl Field for u32 {
    fn of(json: &Json) -> Option<Self> {
        json.as_u64()?.try_into().ok()
    }
}

impl Field for u8 {
    fn of(json: &Json) -> Option<Self> {
        json.as_u64()?.try_into().ok()
    }
}

impl Field for bool {
    fn of(json: &Json) -> Option<Self> {
        json.as_bool()
    }
}

impl Field for String {
    fn of(json: &Json) -> Option<Self> {
        json.as_str().map(str::to_owned)
    }
}

impl Field for Json {
    fn of(json: &Json) -> Option<Self> {
        Some(json.clone())
    }
}

impl<T: Field> Field for Option<T> {
    fn of(json: &Json) -> Option<Self> {
        if json.is_null() { Some(None) } else { T::of(json).map(Some) }
    }
}

impl<T: Field> Field for Vec<T> {
    fn of(json: &Json) -> Option<Self> {
        json.as_array()?.iter().map(T::of).collect()
    }
}

impl<T: Field> Field for BTreeMap<String, T> {
    fn of(json: &Json) -> Option<Self> {
        json.as_object()?.iter().map(|(name, value)| Some((name.clone(), T::of(value)?))).collect()
    }
}

impl Field for TaskKind {
    fn of(json: &Json) -> Option<Self> {
        Some(match json.as_str()? {
            "unknown" => Self::Unknown,
            "cpu" => Self::Cpu,
            "io" => Self::Io,
            "mixed" => Self::Mixed,
            _ => return None,
        })
    }
}

/// A field of a record.
///
/// # Errors
/// There is none of that name, or it holds something else.
pub(super) fn field<T: Field>(of: &Json, name: &str) -> Result<T, String> {
    let json = of.get(name).ok_or_else(|| format!("no `{name}`"))?;
    T::of(json).ok_or_else(|| {
        let held = json.to_string();
        let begin: String = held.chars().take(40).collect();
        format!("`{name}` cannot be {begin}")
    })
}

/// A record of the contract from the fields of the same names.
macro_rules! record {
    ($record:ident of $json:expr; $($name:ident),+ $(,)?) => {
        $record { $($name: field($json, stringify!($name))?),+ }
    };
}

impl Shown {
    /// Reads a record `tick`.
    ///
    /// # Errors
    /// The field that is missing, or that holds something else than it should.
    pub(super) fn read(json: &Json) -> Result<Self, String> {
        let nanoseconds = |name| {
            let ms: f64 = field(json, name)?;
            let whole = (0.0..1e15).contains(&ms);
            if whole {
                Ok(crate::replay::whole((ms * 1e6).round()))
            } else {
                Err(format!("`{name}` cannot be {ms}"))
            }
        };
        let part = |name: &str| json.get(name).ok_or_else(|| format!("no `{name}`"));
        let all = |name: &str, of: &Json| field::<Vec<Json>>(of, name);
        let shadows = all("shadows", json)?;
        let prefetch = part("prefetch")?;
        let pools = Some(part("executor")?).filter(|pools| !pools.is_null());
        let classes = pools.map_or_else(|| Ok(Vec::new()), |pools| all("classes", pools))?;
        Ok(Self {
            tick: field(json, "tick")?,
            now_ns: nanoseconds("now_ms")?,
            elapsed_ns: nanoseconds("elapsed_ms")?,
            system: system(part("system")?)?,
            cache: cache(part("cache")?)?,
            shadows: shadows.iter().map(shadow).collect::<Result<_, _>>()?,
            missed_bytes: shadows
                .iter()
                .map(|of| field(of, "window_missed_bytes"))
                .collect::<Result<_, _>>()?,
            executor: pools.map(|pools| executor(pools, &classes)).transpose()?,
            windows: classes.iter().map(window).collect::<Result<_, _>>()?,
            in_flight: field(prefetch, "in_flight")?,
            max_in_flight: field(prefetch, "max_in_flight")?,
            cache_share: field(prefetch, "cache_share")?,
            rules: all("rules", prefetch)?.iter().map(rule).collect::<Result<_, _>>()?,
            gauges: field(json, "gauges")?,
        })
    }
}

fn system(of: &Json) -> Result<SystemMetrics, String> {
    Ok(record! { SystemMetrics of of;
        cpu_cores, cpu_usage, memory_limit_bytes, memory_used_bytes, process_memory_bytes, disk_read_bytes_per_second,
        disk_write_bytes_per_second, network_received_bytes_per_second, network_sent_bytes_per_second,
    })
}

fn cache(of: &Json) -> Result<CacheMetrics, String> {
    Ok(record! { CacheMetrics of of;
        policy, policies, capacity_bytes, used_bytes, entries, window_hits, window_misses, window_evictions, hits, misses,
    })
}

fn shadow(of: &Json) -> Result<ShadowEstimate, String> {
    Ok(record! { ShadowEstimate of of;
        policy, capacity_factor, capacity_bytes, sampling_rate, window_requests, window_misses, requests, misses,
    })
}

fn executor(of: &Json, classes: &[Json]) -> Result<ExecutorMetrics, String> {
    let pool = |name: &str| {
        let of: Json = field(of, name)?;
        Ok::<_, String>(record! { PoolMetrics of &of;
            workers, min_workers, max_workers, utilisation, queued, window_completed, mean_wait_us, mean_service_us,
        })
    };
    let class = |of: &Json| {
        Ok::<_, String>(record! { ClassMetrics of of;
            name, kind, completed, cpu_share, wait_p50_us, wait_p99_us, service_p50_us, service_p99_us,
        })
    };
    let classes = classes.iter().map(class).collect::<Result<_, _>>()?;
    Ok(ExecutorMetrics { cpu: pool("cpu")?, io: pool("io")?, classes })
}

fn window(of: &Json) -> Result<ClassWindow, String> {
    Ok(ClassWindow {
        name: field(of, "name")?,
        completed: field(of, "window_completed")?,
        failed: field(of, "window_failed")?,
        latency_target_us: field(of, "latency_target_us")?,
    })
}

fn rule(of: &Json) -> Result<Rule, String> {
    Ok(Rule {
        owner: field(of, "owner")?,
        became: record! { RuleMetrics of of; id, issued, timely, late, wasted },
        costs: record! { RuleCosts of of;
            id, caused, again, withheld, withheld_asked, tried, tried_asked, resting,
        },
    })
}
