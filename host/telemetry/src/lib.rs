//! What is measured of the machine and of this process.
//!
//! [`Machine`] is read once, at start: cores, memory and the disk, with the limits of the cgroup that
//! the process runs in. [`Sampler`] is asked again and again and answers with rates since it was last
//! asked: of the machine, of this process and of the others. [`peak_memory_bytes`] asks the kernel for the
//! most memory there ever was. [`Series`] keeps the last figures of anything, [`Latency`] the distribution
//! of durations.
//!
//! Nothing here fails: where the operating system does not tell a figure, it is zero or `None`, and
//! the field says so. A run is not worth stopping because `/proc` could not be read.
//!
//! ```
//! use std::{path::Path, time::Duration};
//! use host_telemetry::{Latency, Machine, Series};
//!
//! let machine = Machine::read(Path::new("."));
//! assert!(machine.cpu_limit > 0.0);
//!
//! let mut latency = Latency::new();
//! latency.record(Duration::from_micros(250));
//! let mut p99 = Series::new(512);
//! p99.push(latency.percentiles().p99_us);
//! assert_eq!(p99.len(), 1);
//! ```

mod cgroup;
mod latency;
mod machine;
mod peak_memory;
mod pressure;
mod run_queue;
mod sampler;
mod series;
mod small_file;
#[cfg(test)]
mod test_root;

pub use latency::{Latency, Percentiles};
pub use machine::{DiskKind, Machine, MemorySource};
pub use peak_memory::{peak_memory_bytes, restart_peak_memory};
pub use pressure::Pressure;
pub use sampler::{Sample, Sampler};
pub use series::Series;
