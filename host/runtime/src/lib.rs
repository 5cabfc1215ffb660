//! The composition root: settings and an input in, a running host and its report out.
//!
//! [`run`] works in wall time: a data plane ([`host_cache`], [`host_executor`], [`host_prefetch`]) does
//! the requests while a thread of its own holds the ticks. [`run_virtual`] replays a trace under the
//! same control loop with a clock of its own.

pub mod error;
pub mod progress;
pub mod report;
pub mod strategies;

mod access_log;
mod actuators;
mod control_thread;
mod drive;
mod entry;
mod fallbacks;
mod input;
mod ledger_file;
mod meter;
mod origin;
mod requests;
mod rule_book;
mod run;
mod snapshot_builder;
mod virtual_run;
mod wiring;

pub use error::RunError;
pub use input::Input;
pub use progress::{Progress, Stop};
pub use report::Report;
pub use run::{RunOptions, run};
pub use virtual_run::{Fixed, VirtualOptions, VirtualReport, run_virtual};
