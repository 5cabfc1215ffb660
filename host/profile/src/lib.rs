//! Profiles: TOML and layers in, typed settings out, every value with its source.
//!
//! A profile sets where every dial starts and within which bounds it may move, which strategies run with
//! which grants, and what is optimised. All layers share one schema ([`Loader`] lists them):
//! a table of keys, each with its kind and range, from which come the checks, the names of the
//! environment variables, the order of the printed rows and the suggestions in error texts.
//!
//! ```
//! use host_profile::Loader;
//! use host_telemetry::Machine;
//!
//! let settings = Loader::new()
//!     .profile("medium")
//!     .user_file(None)
//!     .set(["cache.capacity=100MB"])
//!     .load(&Machine::read(".".as_ref()))?;
//! assert_eq!(settings.cache.capacity.to_string(), "100 MB");
//! assert_eq!(settings.source("cache.capacity"), Some("flag --set"));
//! assert_eq!(settings.source("executor.cpu-workers"), Some("profile medium"));
//! assert!(settings.is_named_by_the_user("cache.capacity"));
//! assert!(!settings.is_named_by_the_user("executor.cpu-workers"));
//! # Ok::<(), host_profile::ProfileError>(())
//! ```
//!
//! Loading fails at the first thing wrong, with a [`ProfileError`] that names the file and line (or
//! the variable, or the flag), the key, what was expected and the nearest valid name. Nothing is ever
//! ignored silently, except environment variables that clearly belong to another program.

mod bounds;
mod builtin;
mod bytes;
mod detect;
mod dial_keys;
mod dials;
mod error;
mod key;
mod layer;
mod load;
mod schema;
mod settings;
mod source;
mod value;

pub use builtin::{list, nearest_profile};
pub use bytes::Bytes;
pub use detect::{Detection, FILES_LIMIT, count_files, detect};
pub use dials::DialSettings;
pub use error::ProfileError;
pub use host_contract::{Grant, Mode, Objective};
pub use load::Loader;
pub use settings::{
    AffinityMode, CacheSettings, Compression, ControlSettings, DiskSettings, ExecutorSettings, JudgeSettings,
    LimitSettings, MemorySettings, PluginSettings, PolicyLimitSettings, PolicyPin, PrefetchMode,
    PrefetchSettings, RemoteSettings, Row, ServeSettings, Settings, ShareSettings, StrategyMode,
    StrategySettings, TierSettings, WarmSettings,
};
