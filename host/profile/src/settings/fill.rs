//! Filling the typed settings from merged layers: the one place that knows every key by name.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use host_contract::Objective;
use host_contract::dial::WITHOUT_END;

use super::{
    AffinityMode, CacheSettings, Compression, ControlSettings, DiskSettings, ExecutorSettings, JudgeSettings,
    LimitSettings, MemorySettings, PluginSettings, PolicyLimitSettings, PolicyPin, PrefetchMode,
    PrefetchSettings, RemoteSettings, Row, ServeSettings, Settings, ShareSettings, StrategyMode,
    StrategySettings, TierSettings, WarmSettings,
};
use crate::bytes::Bytes;
use crate::dials;
use crate::error::ProfileError;
use crate::layer::Layer;
use crate::schema::{self, Field, LIMITS, Path};
use crate::source::Source;
use crate::value::Value;

impl Settings {
    /// Fills the typed settings from the merged layers.
    pub(crate) fn from_layer(
        profile: String,
        layer: &Layer,
        default_plugins: Option<PathBuf>,
        notes: Vec<String>,
        files: Vec<PathBuf>,
    ) -> Result<Self, ProfileError> {
        let get = Get { layer, strategy: None };
        let plugins = PluginSettings {
            dir: get.path("plugins.dir")?.or(default_plugins),
            state_dir: get.path("plugins.state-dir")?,
            lock: get.path("plugins.lock")?,
            pins: pins(layer),
            compile_memory: get.bytes("plugins.compile-memory")?,
            cache_size: get.bytes("plugins.cache-size")?,
            compile_time: get.span("plugins.compile-time")?,
            strict: get.flag("plugins.strict")?,
        };
        Ok(Self {
            profile,
            summary: get.text("summary")?,
            optimise: match get.text("optimise")?.as_str() {
                "latency" => Objective::Latency,
                "memory" => Objective::Memory,
                "bandwidth" => Objective::Bandwidth,
                _ => Objective::Throughput,
            },
            memory: MemorySettings {
                cap: get.bytes("memory.cap")?,
                keep_free: get.ratio("memory.keep-free")?,
                pressure: get.ratio("memory.pressure")?,
                huge_pages: get.flag("memory.huge-pages")?,
            },
            cache: CacheSettings {
                policy: get.text("cache.policy")?,
                fallback_policy: get.text("cache.fallback-policy")?,
                capacity: get.bytes("cache.capacity")?,
                min_capacity: get.bytes("cache.min-capacity")?,
                max_capacity: get.bytes("cache.max-capacity")?,
                shadows: get.flag("cache.shadows")?,
                shadow_policies: get.count("cache.shadow-policies")?,
                hit_ratio_target: Some(get.ratio("cache.hit-ratio-target")?).filter(|target| *target > 0.0),
            },
            executor: ExecutorSettings {
                cpu_workers: get.count("executor.cpu-workers")?,
                min_cpu_workers: get.count("executor.min-cpu-workers")?,
                max_cpu_workers: get.count("executor.max-cpu-workers")?,
                io_workers: get.count("executor.io-workers")?,
                min_io_workers: get.count("executor.min-io-workers")?,
                max_io_workers: get.count("executor.max-io-workers")?,
                queue: get.count("executor.queue")?,
                latency_target: Some(get.span("executor.latency-target")?).filter(|span| !span.is_zero()),
                affinity: AffinityMode::from_name(&get.text("executor.affinity")?).unwrap_or_default(),
                shares: ShareSettings {
                    high: get.count("executor.shares.high")?,
                    normal: get.count("executor.shares.normal")?,
                    low: get.count("executor.shares.low")?,
                },
            },
            prefetch: PrefetchSettings {
                mode: PrefetchMode::from_name(&get.text("prefetch.mode")?).unwrap_or_default(),
                warm: get.path("prefetch.warm")?,
                save_hot: get.path("prefetch.save-hot")?,
                max_in_flight: get.count("prefetch.max-in-flight")?,
                max_in_flight_limit: get.count("prefetch.max-in-flight-limit")?,
                cache_share: get.ratio("prefetch.cache-share")?,
                max_rules: get.count("prefetch.max-rules")?,
            },
            control: ControlSettings {
                enabled: get.flag("control.enabled")?,
                tick: get.span("control.tick")?,
                tick_requests: get.count("control.tick-requests")?,
                cool_down_ticks: get.count("control.cool-down-ticks")?,
                record_requests: get.flag("control.record-requests")?,
                judge: JudgeSettings {
                    enabled: get.flag("control.judge")?,
                    after_ticks: get.count("control.judge-after-ticks")?,
                    settle_ticks: get.count("control.judge-settle-ticks")?,
                    wash_in_ticks: get.count("control.judge-wash-in-ticks")?,
                    block_ticks: get.count("control.judge-block-ticks")?,
                    blocks: get.count("control.judge-blocks")?,
                    cost: get.ratio("control.judge-cost")?,
                },
            },
            dials: dials::settings(layer)?,
            limits: get.limits()?,
            policy_limits: PolicyLimitSettings {
                fuel: get.count("policy-limits.fuel")?,
                deadline: get.span("policy-limits.deadline")?,
                memory: get.bytes("policy-limits.memory")?,
                table_elements: get.count("policy-limits.table-elements")?,
                instances: get.count("policy-limits.instances")?,
                start_deadline: get.span("policy-limits.start-deadline")?,
                log_lines: get.count("policy-limits.log-lines")?,
                log_bytes: get.bytes("policy-limits.log-bytes")?,
            },
            tiers: get.tiers()?,
            serve: ServeSettings {
                resp: Some(get.text("serve.resp")?).filter(|address| !address.is_empty()),
                unix: get.path("serve.unix")?,
                http: Some(get.text("serve.http")?).filter(|address| !address.is_empty()),
                tls_cert: get.path("serve.tls-cert")?,
                tls_key: get.path("serve.tls-key")?,
                tls_client_ca: get.path("serve.tls-client-ca")?,
                password: get.text("serve.password")?,
                threads: get.count("serve.threads")?,
                max_clients: get.count("serve.max-clients")?,
                idle_timeout: get.span("serve.idle-timeout")?,
                max_arguments: get.count("serve.max-arguments")?,
                max_bulk: get.bytes("serve.max-bulk")?,
                max_output: get.bytes("serve.max-output")?,
                slow_log: get.span("serve.slow-log")?,
                slow_log_entries: get.count("serve.slow-log-entries")?,
                debug_commands: get.flag("serve.debug-commands")?,
            },
            rows: rows(layer, &plugins),
            portable: portable(layer),
            plugins,
            strategies: layer
                .strategies
                .iter()
                .map(|(name, source)| strategy(layer, name, source))
                .collect::<Result<_, _>>()?,
            notes,
            files,
        })
    }
}

/// The keys whose values are not printed. An address may have a password in it.
const SECRETS: [&str; 2] = ["serve.password", ADDRESSES];

const ADDRESSES: &str = "tiers.remote.addresses";

/// The folder of components is printed as it is used: an empty text would not say where to put one.
fn rows(layer: &Layer, plugins: &PluginSettings) -> Vec<Row> {
    let row = |(path, (value, source)): (&Path, &(Value, Source))| {
        let key = path.to_string();
        let value = match &plugins.dir {
            Some(dir) if key == "plugins.dir" => dir.display().to_string(),
            _ if SECRETS.contains(&key.as_str()) && *value != Value::Text(String::new()) => "***".to_owned(),
            _ => value.to_string(),
        };
        Row { key, value, source: source.to_string(), is_users: source.is_users() }
    };
    layer.values.iter().map(row).collect()
}

/// What keys begin with that mean nothing elsewhere: paths, addresses, passwords, and what is accepted of components.
const AT_HOME: [&str; 6] =
    ["serve.", "tiers.disk.dir", "tiers.remote.", "plugins.", "prefetch.warm", "prefetch.save-hot"];

/// Rows have sizes rounded, as people read them. Here a value is what it was.
fn portable(layer: &Layer) -> Vec<String> {
    let set = |(path, (value, _)): (&Path, &(Value, Source))| {
        let key = path.to_string();
        let at_home = matches!(path, Path::Pin(_) | Path::Strategy(_, Field::Sha256));
        if at_home || AT_HOME.iter().any(|begin| key.starts_with(begin)) {
            return None;
        }
        Some(match value {
            // In quotes, so that it is read as a text whatever it begins with.
            Value::Text(text) => format!("{key}={}", toml::Value::String(text.clone())),
            Value::Bytes(bytes) => format!("{key}={} B", bytes.get()),
            other => format!("{key}={other}"),
        })
    };
    layer.values.iter().filter_map(set).collect()
}

fn pins(layer: &Layer) -> Vec<PolicyPin> {
    let pin = |(path, (value, source)): (&Path, &(Value, Source))| match (path, value) {
        (Path::Pin(policy), Value::Text(sha256)) => {
            Some(PolicyPin { policy: policy.clone(), sha256: sha256.clone(), place: source.place() })
        }
        _ => None,
    };
    layer.values.iter().filter_map(pin).collect()
}

fn strategy(layer: &Layer, name: &str, source: &Source) -> Result<StrategySettings, ProfileError> {
    let mut strategy = StrategySettings {
        name: name.to_owned(),
        enabled: true,
        optional: false,
        mode: StrategyMode::default(),
        priority: 0,
        grants: Vec::new(),
        sha256: None,
        limits: Get { layer, strategy: Some(name) }.limits()?,
        settings: BTreeMap::new(),
        source: source.to_string(),
        place: source.place(),
    };
    for (path, (value, _)) in &layer.values {
        let Path::Strategy(owner, field) = path else { continue };
        if owner != name {
            continue;
        }
        match (field, value) {
            (Field::Enabled, Value::Flag(enabled)) => strategy.enabled = *enabled,
            (Field::Optional, Value::Flag(optional)) => strategy.optional = *optional,
            (Field::Mode, Value::Text(name)) => {
                strategy.mode = StrategyMode::from_name(name).unwrap_or_default();
            }
            (Field::Priority, Value::Count(count)) => {
                strategy.priority = u32::try_from(*count).unwrap_or(u32::MAX);
            }
            (Field::Grants, Value::Grants(grants)) => strategy.grants.clone_from(grants),
            (Field::Sha256, Value::Text(digest)) => strategy.sha256 = Some(digest.clone()),
            (Field::Setting(setting), Value::Text(text)) => {
                strategy.settings.insert(setting.clone(), text.clone());
            }
            _ => {}
        }
    }
    Ok(strategy)
}

/// Typed access to merged layers. The defaults hold every key, so a miss is a fault of this build.
struct Get<'a> {
    layer: &'a Layer,
    /// The strategy whose own limits come before those of all.
    strategy: Option<&'a str>,
}

impl Get<'_> {
    fn entry(&self, key: &str) -> Option<&(Value, Source)> {
        let own = self.strategy.zip(key.strip_prefix(LIMITS).and_then(|rest| rest.strip_prefix('.')));
        let own = own.and_then(|(strategy, limit)| {
            self.layer.values.get(&Path::Strategy(strategy.to_owned(), Field::limit(limit)?))
        });
        own.or_else(|| schema::find(key).and_then(|(path, _)| self.layer.values.get(&path)))
    }

    fn limits(&self) -> Result<LimitSettings, ProfileError> {
        Ok(LimitSettings {
            fuel: self.count("limits.fuel")?,
            deadline: self.span("limits.deadline")?,
            memory: self.bytes("limits.memory")?,
            table_elements: self.count("limits.table-elements")?,
            instances: self.count("limits.instances")?,
            start_deadline: self.span("limits.start-deadline")?,
            log_lines: self.count("limits.log-lines")?,
            log_bytes: self.bytes("limits.log-bytes")?,
            proposals: self.count("limits.proposals")?,
            state_keys: self.count("limits.state-keys")?,
            state_bytes: self.bytes("limits.state-bytes")?,
        })
    }

    fn tiers(&self) -> Result<TierSettings, ProfileError> {
        let warm = WarmSettings {
            capacity: self.bytes("tiers.warm.capacity")?,
            compression: Compression::from_name(&self.text("tiers.warm.compression")?)
                .unwrap_or(Compression::Lz4),
        };
        let disk = match self.path("tiers.disk.dir")? {
            None => None,
            Some(dir) => Some(DiskSettings {
                dir,
                capacity: self.bytes("tiers.disk.capacity")?,
                region: self.bytes("tiers.disk.region")?,
                keep: self.flag("tiers.disk.keep")?,
            }),
        };
        let addresses = self.text(ADDRESSES)?;
        let addresses: Vec<_> =
            addresses.split(',').map(str::trim).filter(|address| !address.is_empty()).collect();
        let pause = self.span("tiers.remote.pause")?;
        let remote = RemoteSettings {
            addresses: addresses.into_iter().map(str::to_owned).collect(),
            cluster: self.flag("tiers.remote.cluster")?,
            prefix: self.text("tiers.remote.prefix")?,
            time_limit: self.span("tiers.remote.time-limit")?,
            failures: self.count("tiers.remote.failures")?,
            pause,
            longest_pause: self.span("tiers.remote.longest-pause")?.max(pause),
            write_behind: self.count("tiers.remote.write-behind")?,
        };
        Ok(TierSettings {
            queue: self.bytes("tiers.queue")?,
            negative_ttl: self.span("tiers.negative-ttl")?,
            ttl: Some(self.span("tiers.ttl")?).filter(|ttl| ttl.as_secs() < WITHOUT_END),
            warm: (warm.capacity.get() > 0).then_some(warm),
            disk,
            remote: (!remote.addresses.is_empty()).then_some(remote),
        })
    }

    fn value<T>(&self, key: &str, pick: impl FnOnce(&Value) -> Option<T>) -> Result<T, ProfileError> {
        self.entry(key)
            .and_then(|(value, _)| pick(value))
            .ok_or_else(|| ProfileError::Incomplete { key: key.to_owned() })
    }

    fn text(&self, key: &str) -> Result<String, ProfileError> {
        self.value(key, |value| if let Value::Text(text) = value { Some(text.clone()) } else { None })
    }

    fn flag(&self, key: &str) -> Result<bool, ProfileError> {
        self.value(key, |value| if let Value::Flag(flag) = value { Some(*flag) } else { None })
    }

    fn count<T: TryFrom<u64>>(&self, key: &str) -> Result<T, ProfileError> {
        self.value(key, |value| if let Value::Count(n) = value { T::try_from(*n).ok() } else { None })
    }

    fn ratio(&self, key: &str) -> Result<f64, ProfileError> {
        self.value(key, |value| if let Value::Ratio(ratio) = value { Some(*ratio) } else { None })
    }

    fn bytes(&self, key: &str) -> Result<Bytes, ProfileError> {
        self.value(key, |value| if let Value::Bytes(bytes) = value { Some(*bytes) } else { None })
    }

    fn span(&self, key: &str) -> Result<Duration, ProfileError> {
        self.value(key, |value| if let Value::Span(span) = value { Some(*span) } else { None })
    }

    /// A path; a relative one is below the folder of the file that gives it, so that a file and what it
    /// names can be moved together.
    fn path(&self, key: &str) -> Result<Option<PathBuf>, ProfileError> {
        let text = self.text(key)?;
        if text.is_empty() {
            return Ok(None);
        }
        let base = self.entry(key).and_then(|(_, source)| source.folder());
        Ok(Some(base.map_or_else(|| PathBuf::from(&text), |base| base.join(&text))))
    }
}
