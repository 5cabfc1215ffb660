//! The one schema of all layers: every key with its kind and range.
//!
//! A table rather than a tree of structs, because most of what is done with a key is the same for all
//! of them (check, name a variable after it, list it, suggest it), and only the last step, filling the
//! typed [`crate::Settings`], needs to know each by name. The keys of dials are made from the contract's
//! table ([`crate::dial_keys`]). A test holds the schema against the defaults.

use std::sync::LazyLock;
use std::time::Duration;

use crate::key::{Key, Kind, bound, key};
use crate::settings::{AffinityMode, PrefetchMode, StrategyMode};
use crate::{builtin, dial_keys};

const MILLISECOND: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);

/// The keys that belong to no dial. Caches are measured in megabytes; the floor of the cap only excludes slips of the
/// unit.
const OTHERS: [Key; 87] = [
    key("summary", Kind::Text),
    key("optimise", Kind::Choice(&["throughput", "latency", "memory", "bandwidth"])),
    bound("memory.cap", Kind::Bytes(1_000, 1_000_000_000_000_000)),
    key("memory.keep-free", Kind::Ratio(0.0, 1.0)),
    key("memory.pressure", Kind::Ratio(0.001, 1.0)),
    key("memory.huge-pages", Kind::Flag),
    key("cache.shadows", Kind::Flag),
    key("cache.shadow-policies", Kind::Count(1, 16)),
    key("cache.hit-ratio-target", Kind::Ratio(0.0, 1.0)),
    bound("tiers.queue", Kind::Bytes(0, 1_000_000_000_000)),
    key("tiers.negative-ttl", Kind::Span(Duration::ZERO, Duration::from_secs(86_400))),
    key("tiers.disk.dir", Kind::Text),
    key("tiers.disk.region", Kind::Bytes(16_384, 16_777_216)),
    key("tiers.disk.keep", Kind::Flag),
    key("tiers.remote.addresses", Kind::Text),
    key("tiers.remote.cluster", Kind::Flag),
    key("tiers.remote.prefix", Kind::Text),
    key("tiers.remote.time-limit", Kind::Span(MILLISECOND, MINUTE)),
    key("tiers.remote.failures", Kind::Count(1, 1_000)),
    key("tiers.remote.pause", Kind::Span(MILLISECOND, Duration::from_secs(3_600))),
    key("tiers.remote.longest-pause", Kind::Span(MILLISECOND, Duration::from_secs(86_400))),
    key("tiers.remote.write-behind", Kind::Count(0, 1_000_000)),
    bound("executor.queue", Kind::Count(1, 1_000_000)),
    key("executor.latency-target", Kind::Span(Duration::ZERO, Duration::from_secs(3_600))),
    key("executor.affinity", Kind::Choice(&AffinityMode::NAMES)),
    key("executor.shares.high", Kind::Count(1, 98)),
    key("executor.shares.normal", Kind::Count(1, 98)),
    key("executor.shares.low", Kind::Count(1, 98)),
    key("prefetch.mode", Kind::Choice(&PrefetchMode::NAMES)),
    key("prefetch.warm", Kind::Text),
    key("prefetch.save-hot", Kind::Text),
    bound("prefetch.max-rules", Kind::Count(0, 65_536)),
    key("control.enabled", Kind::Flag),
    key("control.tick", Kind::Span(MILLISECOND, Duration::from_secs(3_600))),
    key("control.tick-requests", Kind::Count(0, 1_000_000_000_000)),
    key("control.cool-down-ticks", Kind::Count(0, 1_000)),
    key("control.record-requests", Kind::Flag),
    key("cache.fallback-policy", Kind::NativePolicy),
    key("control.judge", Kind::Flag),
    key("control.judge-after-ticks", Kind::Count(1, 1_000)),
    key("control.judge-settle-ticks", Kind::Count(1, 1_000)),
    key("control.judge-wash-in-ticks", Kind::Count(0, 100)),
    key("control.judge-block-ticks", Kind::Count(1, 100)),
    key("control.judge-blocks", Kind::Count(2, 10_000)),
    key("control.judge-cost", Kind::Ratio(0.001, 1.0)),
    key("limits.fuel", Kind::Count(10_000, 1_000_000_000_000)),
    key("limits.deadline", Kind::Span(MILLISECOND, MINUTE)),
    key("limits.memory", Kind::Bytes(1_000_000, 4_294_967_296)),
    key("limits.table-elements", Kind::Count(0, 100_000_000)),
    key("limits.instances", Kind::Count(1, 100_000)),
    key("limits.start-deadline", Kind::Span(MILLISECOND, MINUTE)),
    key("limits.log-lines", Kind::Count(0, 100_000)),
    key("limits.log-bytes", Kind::Bytes(0, 100_000_000)),
    key("limits.proposals", Kind::Count(0, 100_000)),
    key("limits.state-keys", Kind::Count(0, 1_000)),
    key("limits.state-bytes", Kind::Bytes(0, 16_000_000)),
    key("policy-limits.fuel", Kind::Count(10_000, 1_000_000_000_000)),
    key("policy-limits.deadline", Kind::Span(MILLISECOND, MINUTE)),
    key("policy-limits.memory", Kind::Bytes(1_000_000, 4_294_967_296)),
    key("policy-limits.table-elements", Kind::Count(0, 100_000_000)),
    key("policy-limits.instances", Kind::Count(1, 100_000)),
    key("policy-limits.start-deadline", Kind::Span(MILLISECOND, MINUTE)),
    key("policy-limits.log-lines", Kind::Count(0, 100_000)),
    key("policy-limits.log-bytes", Kind::Bytes(0, 100_000_000)),
    key("plugins.dir", Kind::Text),
    key("plugins.cache-size", Kind::Bytes(0, 1_000_000_000_000)),
    key("plugins.state-dir", Kind::Text),
    key("plugins.lock", Kind::Text),
    bound("plugins.compile-memory", Kind::Bytes(10_000_000, 1_000_000_000_000)),
    key("plugins.compile-time", Kind::Span(Duration::from_secs(1), Duration::from_secs(3_600))),
    key("plugins.strict", Kind::Flag),
    key("serve.resp", Kind::Text),
    key("serve.unix", Kind::Text),
    key("serve.http", Kind::Text),
    key("serve.tls-cert", Kind::Text),
    key("serve.tls-key", Kind::Text),
    key("serve.tls-client-ca", Kind::Text),
    key("serve.password", Kind::Text),
    key("serve.threads", Kind::Count(0, 1_024)),
    key("serve.max-clients", Kind::Count(1, 1_000_000)),
    key("serve.idle-timeout", Kind::Span(Duration::ZERO, Duration::from_secs(31_536_000))),
    key("serve.max-arguments", Kind::Count(1, 1_048_576)),
    key("serve.max-bulk", Kind::Bytes(1_024, 4_294_967_296)),
    key("serve.max-output", Kind::Bytes(65_536, 4_294_967_296)),
    key("serve.slow-log", Kind::Span(Duration::ZERO, MINUTE)),
    key("serve.slow-log-entries", Kind::Count(0, 100_000)),
    key("serve.debug-commands", Kind::Flag),
];

/// Every key, in the order of `defaults.toml`, which is the order in which they are printed.
pub(crate) static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let order = builtin::keys_of_the_defaults();
    let mut keys: Vec<Key> = OTHERS.into_iter().chain(dial_keys::keys()).collect();
    // One that the defaults lack comes last, and a test fails.
    keys.sort_by_key(|key| order.iter().position(|path| *path == key.path).unwrap_or(usize::MAX));
    keys
});

/// The key of a profile's file that names the profile it builds on. It is no setting: it says which layers there are.
pub(crate) const BASE: &str = "base";

/// The table of the strategies, whose keys are names of the user's choice.
pub(crate) const STRATEGIES: &str = "strategies";

/// The table of limits, and the part of a strategy's table that overrides it key by key.
pub(crate) const LIMITS: &str = "limits";

/// The table of the pins of eviction policies, whose keys are names of policies. A strategy is pinned in its own table.
pub(crate) const PINS: &str = "plugins.pins";

/// What such a name begins with.
const PINNED: &str = "plugin:";

/// The pin of an eviction policy of that name, as `cache.policy` has it.
pub(crate) fn pin(name: &str) -> Option<(Path, Kind)> {
    let policy = name.strip_prefix(PINNED).filter(|policy| !policy.is_empty())?;
    Some((Path::Pin(format!("{PINNED}{}", fold(policy))), Kind::Sha256))
}

/// A name of a strategy or of one of its settings as components write it: `_` and `-` are alike.
pub(crate) fn fold(name: &str) -> String {
    name.replace('_', "-")
}

/// The names of the limits, without their table.
pub(crate) fn limits() -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter_map(|key| key.path.strip_prefix(LIMITS)?.strip_prefix('.'))
}

/// What a strategy's table may hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    Enabled,
    Optional,
    Mode,
    Priority,
    Grants,
    Sha256,
    /// One of [`limits`].
    Limit(&'static str),
    /// By its folded name.
    Setting(String),
}

impl Field {
    /// Names of the fields in a file; `limits` and `settings` are tables.
    pub(crate) const NAMES: [&'static str; 8] =
        ["enabled", "optional", "mode", "priority", "grants", "sha256", LIMITS, "settings"];

    /// The field of that name, limits and settings apart.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "enabled" => Some(Self::Enabled),
            "optional" => Some(Self::Optional),
            "mode" => Some(Self::Mode),
            "priority" => Some(Self::Priority),
            "grants" => Some(Self::Grants),
            "sha256" => Some(Self::Sha256),
            _ => None,
        }
    }

    /// The limit of that name.
    pub(crate) fn limit(name: &str) -> Option<Self> {
        limits().find(|limit| *limit == name).map(Self::Limit)
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Enabled | Self::Optional => Kind::Flag,
            Self::Mode => Kind::Choice(&StrategyMode::NAMES),
            Self::Priority => Kind::Count(0, 1_000),
            Self::Grants => Kind::Grants,
            Self::Sha256 => Kind::Sha256,
            // Every limit is a key of the schema, so that the other kind is never used.
            Self::Limit(name) => find(&format!("{LIMITS}.{name}")).map_or(Kind::Scalar, |(_, key)| key.kind),
            Self::Setting(_) => Kind::Scalar,
        }
    }
}

/// The address of a value: a key of the schema, the pin of a policy, or a field of a strategy. Ordered as rows are printed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Path {
    /// Position in [`KEYS`], and the key's own path.
    Key(usize, &'static str),
    /// The name of a policy, with `plugin:`.
    Pin(String),
    /// A strategy's name and the field.
    Strategy(String, Field),
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key(_, path) => f.write_str(path),
            // In quotes, as a file has to have it.
            Self::Pin(policy) => write!(f, "{PINS}.\"{policy}\""),
            Self::Strategy(name, field) => {
                write!(f, "{STRATEGIES}.{name}.")?;
                match field {
                    Field::Enabled => f.write_str("enabled"),
                    Field::Optional => f.write_str("optional"),
                    Field::Mode => f.write_str("mode"),
                    Field::Priority => f.write_str("priority"),
                    Field::Grants => f.write_str("grants"),
                    Field::Sha256 => f.write_str("sha256"),
                    Field::Limit(limit) => write!(f, "{LIMITS}.{limit}"),
                    Field::Setting(setting) => write!(f, "settings.{setting}"),
                }
            }
        }
    }
}

/// The key of that path.
pub(crate) fn find(path: &str) -> Option<(Path, &'static Key)> {
    KEYS.iter()
        .enumerate()
        .find(|(_, key)| key.path == path)
        .map(|(index, key)| (Path::Key(index, &key.path), key))
}

/// Whether keys or strategies live below that path; the empty path is the whole file.
pub(crate) fn is_table(path: &str) -> bool {
    path.is_empty()
        || path == STRATEGIES
        || KEYS.iter().any(|key| key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// Names of the keys and tables directly below that path.
pub(crate) fn children(path: &str) -> Vec<&'static str> {
    let mut names = Vec::new();
    for key in KEYS.iter() {
        let rest = if path.is_empty() {
            Some(&*key.path)
        } else {
            key.path.strip_prefix(path).and_then(|rest| rest.strip_prefix('.'))
        };
        if let Some(name) = rest.and_then(|rest| rest.split('.').next())
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    if path.is_empty() {
        names.insert(0, BASE);
        names.push(STRATEGIES);
    }
    if let Some((table, pins)) = PINS.split_once('.')
        && table == path
    {
        names.push(pins);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_default_and_every_default_a_key() {
        let mut defaults = builtin::keys_of_the_defaults();
        defaults.retain(|path| !path.starts_with("strategies."));
        let keys: Vec<&str> = KEYS.iter().map(|key| &*key.path).collect();
        assert_eq!(keys, defaults);
    }
}
