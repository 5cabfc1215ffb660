//! What is measured of the machine and of this process.
//!
//! [`Machine`] is read once, at start: cores, memory and the disk, with the limits of the cgroup that
//! the process runs in. [`Sampler`] is asked again and again and answers with rates since it was last
//! asked: of the machine, of this process and of the others. [`peak_memory_bytes`] asks the kernel for the
//! most memory there ever was, [`resident_memory_bytes`] for what there is now. [`Series`] keeps the last figures of anything.
//!
//! Nothing here fails: where the operating system does not tell a figure, it is zero or `None`, and
//! the field says so. A run is not worth stopping because `/proc` could not be read.
//!
//! ```
//! use std::path::Path;
//! use host_telemetry::{Machine, Sampler, Series};
//!
//! let machine = Machine::read(Path::new("."));
//! assert!(machine.cpu_limit > 0.0);
//!
//! let mut sampler = Sampler::new();
//! let mut own_cpu = Series::new(512);
//! own_cpu.push(sampler.sample().process_cpu_cores);
//! assert_eq!(own_cpu.len(), 1);
//! ```

mod cgroup;
mod machine;
mod memory_source;
mod peak_memory;
mod pressure;
mod resident_memory;
mod run_queue;
mod sampler;
mod series;
mod small_file;
#[cfg(test)]
mod test_root;

pub use machine::{DiskKind, Machine};
pub use memory_source::MemorySource;
pub use peak_memory::{peak_memory_bytes, restart_peak_memory};
pub use pressure::Pressure;
pub use resident_memory::resident_memory_bytes;
pub use sampler::{Sample, Sampler};
pub use series::Series;
