//! Two pools of workers, resized while they run.
//!
//! Work that keeps a CPU busy runs on threads ([`Executor::cpu`]), work that waits runs as async tasks
//! ([`Executor::io`]). Each pool has a bounded queue: who submits faster than the pool works waits until
//! there is room, so memory stays bounded. Each task belongs to a class, a name such as `index`. Of each
//! class the wait in the queue and the time of service are measured, apart and together, and whether it is
//! CPU or IO work is inferred from them rather than declared. A task that returns a `Result`
//! ([`Executor::submit_io_fallible`]) counts as failed where that is an error.
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

mod config;
mod cpu;
mod cpu_timer;
mod error;
mod executor;
mod io;
mod kind;
mod pool_window;
mod recorder;
mod resizable_semaphore;
mod stats;

pub use config::Config;
pub use error::{ExecutorError, TaskError};
pub use executor::{Executor, Pending};
pub use recorder::ClassId;
pub use stats::{ClassStats, Demand, ExecutorStats, PoolStats};
