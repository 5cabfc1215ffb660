//! Exact simulation of eviction policies: a trace in, miss ratios out.
//!
//! Exact means that no request is sampled, delayed or reordered: each request is applied to each policy in order. The
//! policies are those of [`host_policy`], which the live cache runs as well.
//!
//! ```
//! use host_simulator::{Capacity, Method, Options, simulate};
//! use host_workload::trace::{self, TraceReader};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("small.csv");
//! std::fs::write(&path, "key\na\nb\na\nc\na\nb\n")?;
//! let trace = TraceReader::open(&path, &trace::Options::default())?;
//! let methods: [Method; 2] = ["lru".parse()?, "belady".parse()?];
//! let result = simulate(trace, &methods, &[Capacity::Objects(2)], &Options::default(), &())?;
//! assert_eq!((result.requests, result.distinct), (6, 3));
//! assert_eq!(result.rows.iter().map(|row| row.misses).collect::<Vec<_>>(), [4, 4]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | item | purpose |
//! |---|---|
//! | [`simulate()`] | a trace file under several policies at several capacities, on all cores |
//! | [`Replay`] | requests in memory through one policy at one capacity |
//! | [`NumberedTrace`] | a trace file in memory, to be gone through more than once |
//! | [`Origin`] | what loads take, on demand and ahead of it, in virtual time |
//! | [`belady::Belady`] | the fewest misses that any policy can reach on requests in memory |
//! | [`Observer`] | how the caller follows a simulation and stops it |
//!
//! A simulation fails because of its input: the trace cannot be read, or cannot answer what was asked; or because of a
//! policy of another program, which may fail. See [`SimError`].

pub mod belady;
mod blocks;
mod budget;
mod capacity;
mod cell;
mod distinct;
mod error;
mod grid;
mod index;
mod interned;
mod keys;
mod method;
mod numbered;
mod numbering;
mod observer;
mod options;
mod origin;
mod prefetch;
mod replay;
mod results;
mod simulate;
mod stream;

pub use capacity::{Capacity, CapacityError};
pub use error::SimError;
pub use host_policy::{PolicyFactory, Registry, UnknownPolicy, builtin, split_list};
pub use method::Method;
pub use numbered::{NumberedTrace, Object};
pub use observer::Observer;
pub use options::{Hold, MemoryLimit, Options};
pub use origin::{Demand, Origin};
pub use replay::{PolicyFault, Replay, Tally, Weigh};
pub use results::{Row, Simulation, Window};
pub use simulate::simulate;
