//! Strategies as sandboxed WebAssembly components: load, link what is granted, call under limits.
//!
//! The only crate that knows wasmtime. A component is read and its names are checked ([`LoadError`] says what
//! does not fit, and who has to change what), it is compiled or fetched from the cache on disk, linked with
//! exactly the interfaces that the profile grants ([`Grant`](host_control::Grant)), and started ([`Loader`]). What comes
//! out is a [`WasmStrategy`], which the control loop calls once a tick as it would any other strategy.
//!
//! What a component can reach: the snapshot of the tick, its desk, its own settings, a bounded log. No file, socket,
//! environment, clock or randomness of the machine, though WASI is linked so that components of every toolchain load.
//! What it can use: fuel, memory and time by [`Limits`]. Fuel decides and gives the same outcome in every run;
//! the deadline is a backstop.

mod artifact;
mod bindings;
mod call;
mod capture;
mod clock;
mod description;
mod directory;
mod engine;
mod imports;
mod inspection;
mod limits;
mod load;
mod load_error;
mod log;
mod memory;
mod names;
mod shape;
mod state;
mod strategy;
mod ticker;
mod wasi;

pub use description::{Description, Setting, SettingKind};
pub use directory::{Found, Place, available, bundled, discover};
pub use inspection::{Import, Inspection};
pub use limits::Limits;
pub use load::{Loader, LoaderConfig, Prepared, Source, default_cache_dir};
pub use load_error::{Age, Label, LoadError};
pub use shape::WORLD;
pub use strategy::WasmStrategy;
