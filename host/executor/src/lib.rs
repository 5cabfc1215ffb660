//! Two pools of workers, resized while they run.
//!
//! Work that keeps a CPU busy runs on threads ([`Executor::cpu`]), work that waits runs as async tasks
//! ([`Executor::io`]). Each pool has a bounded queue: who submits faster than the pool works waits until
//! there is room, so memory stays bounded. Each task belongs to a class, a name such as `index`. Of each
//! class the wait in the queue and the time of service are measured, apart and together, and whether it is
//! CPU or IO work is inferred from them rather than declared. A task that returns a `Result`
//! ([`Executor::submit_io_fallible`]) counts as failed where that is an error.
//!
//! A task has a [`Priority`]. Each is sure of a share of the workers' time and of the queue, so that under overload none starves. Who cannot
//! wait for a place submits with [`Executor::try_submit_cpu`] or [`Executor::try_submit_io`]: where there is none, the lowest priority
//! is shed first, with [`TaskError::Shed`]. Tasks of a class run beside each other or one at a time
//! ([`Mode`]), and items may go through stages with bounds of their own ([`Stages`]).
//! CPU workers may be pinned to cores, in turns over the NUMA nodes ([`Affinity`]).
//!
//! How it fails: a task that panics yields [`TaskError::Panicked`] and the worker goes on. A task still
//! queued when the executor is dropped is dropped too, and who waits for it gets [`TaskError::Stopped`].
//!
//! ```
//! use host_executor::{Config, Executor};
//!
//! let executor = Executor::new(Config::for_cores(2))?;
//! let index = executor.class("index");
//! let answer = executor.block_on(executor.cpu(index, || 6 * 7))?;
//! assert_eq!(answer, 42);
//!
//! executor.resize_cpu(4)?;
//! assert_eq!(executor.window().cpu.window_completed, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod affinity;
mod backlog;
mod config;
mod cpu;
mod cpu_timer;
mod error;
mod executor;
mod io;
mod kind;
mod mode;
mod pending;
mod place;
mod pool_window;
mod priority;
mod recorder;
mod scheduler;
mod stages;
mod stats;
mod stealing;
mod topology;

pub use affinity::{Affinity, Placement};
pub use config::{Balance, Config};
pub use error::{ExecutorError, TaskError};
pub use executor::Executor;
pub use mode::Mode;
pub use pending::Pending;
pub use priority::{ByPriority, Priority, Submission};
pub use recorder::ClassId;
pub use stages::{Stage, Stages};
pub use stats::{ClassStats, Demand, ExecutorStats, PoolStats, PriorityStats};
pub use topology::{Topology, TopologyError};
