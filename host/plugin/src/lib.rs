//! Strategies and eviction policies as sandboxed WebAssembly components: load, link what is granted, call under limits.
//!
//! The only crate that knows wasmtime. A component is read, its shape and its names are checked ([`LoadError`] says
//! what does not fit, and who has to change what), it is compiled or fetched from the cache on disk, and asked for its
//! description ([`Loader`], [`Plugin`]). [`Catalogue`] does so for all that there are. A plugin is linked with exactly
//! the interfaces that the profile grants ([`Grant`](host_contract::Grant)) and started. What comes out is a
//! [`WasmStrategy`], which the control loop calls once a tick as it would any other strategy.
//!
//! What a component can reach: the snapshot of the tick, its proposal context, its own settings, what it has
//! learnt ([`StateStore`]), a bounded log. No file, socket,
//! environment, clock or randomness of the machine, though WASI is linked so that components of every toolchain load.
//! What it can use: fuel, memory and time by [`Limits`]. Fuel decides and gives the same outcome in every run;
//! the deadline is a backstop.

mod allowance;
mod artifact;
mod call;
mod capture;
mod catalogue;
mod charge;
mod clock;
mod compile;
mod described;
mod description;
mod digest;
mod engine;
mod eviction;
mod handover;
mod inspection;
mod interfaces;
mod limits;
mod load;
mod load_error;
mod log;
mod memory;
mod names;
mod plugin;
mod policies;
mod printed;
pub mod shape;
mod start;
mod state;
mod store_data;
mod strategy;
mod ticker;
mod trust;
mod versions;
mod wasi;
mod world;

pub use catalogue::{Catalogue, Known, Listed, Place, bundled, bundled_policies, component_files};
pub use compile::{CompileLimits, serve};
pub use description::{Description, Setting, SettingKind};
pub use digest::{Digest, Sha256};
pub use eviction::{PolicyPlugin, WasmPolicy};
/// A trial of a policy before it is put in charge of a cache.
pub use host_policy::batched::probe as probe_policy;
pub use inspection::{Import, Inspection};
pub use limits::{Limits, Time};
pub use load::{Examined, Loader, LoaderConfig, Opened, Source, default_cache_dir};
pub use load_error::{Age, Label, LoadError};
pub use names::name_fault;
pub use plugin::Plugin;
pub use policies::{
    POLICY_PREFIX, PolicyFile, bundled_policy, full_name, open_policies, policy_paths, policy_registry,
};
pub use state::{StateStore, StrategyState};
pub use strategy::WasmStrategy;
pub use trust::{LOCK_FILE, Lock, Locked, Pin, Trust, TrustError};
pub use world::{Target, World};
