//! The composition root: settings in, a running host out.
//!
//! [`Host`] is an object that is made from settings, runs, is asked, takes commands and shuts down. [`run`] is a host and
//! a driver that works through an input. [`run_virtual`] drives the same data plane and the same ticks around a clock
//! that only requests move; [`run_scenario`] the same ticks around a model of a server; [`run_replay`] over the recording of a run.

pub mod error;
pub mod progress;
pub mod report;
pub mod reset;
pub mod strategies;
pub mod sweep;

mod access_log;
mod actuators;
pub mod batch;
mod command;
mod control_plane;
mod control_thread;
mod data_plane;
mod drive;
mod entry;
mod fallbacks;
mod host;
mod input;
mod key;
mod keyspace;
mod ledger;
mod ledger_file;
mod live;
mod live_keys;
mod memory;
mod modelled;
mod options;
mod origin;
mod policies;
mod prefixes;
mod ranges;
mod record;
mod refresh;
mod reload;
mod replay;
mod request_metrics;
mod rule_book;
mod run;
mod run_options;
mod scenario_run;
mod served;
mod shadow_control;
mod snapshot_builder;
mod tier_windows;
mod tiers;
mod tuning;
mod under_way;
mod value;
mod virtual_clock;
mod virtual_run;
mod warm;
mod wiring;

pub use command::Command;
pub use control_plane::Finished;
pub use entry::{ContentRef, Found, Given};
pub use error::{HostError, RunError};
pub use host::{Host, HostStats};
pub use host_tier::BreakerState;
pub use key::Key;
pub use keyspace::{Keyspace, Prefetched, Present};
pub use ledger::Subscription;
pub use live_keys::reloadable;
pub use options::{Options, Scope};
pub use origin::{Load, Origin, OriginError};
pub use prefixes::PrefixError;
pub use progress::{Progress, Quiet, Stop};
pub use replay::{
    Accuracy, Compared, Difference, DifferentRecord, ReplayError, ReplayOptions, ReplayReport,
    Served as ReplayedCache, run_replay,
};
pub use report::Report;
pub use run::run;
pub use run_options::{Against, Input, RunOptions, WarmOptions};
pub use scenario_run::report::{BestFixed, Figures, PhaseFigures, SETTLE_TICKS, ScenarioReport, TickFigures};
pub use scenario_run::sweep::Tried;
pub use scenario_run::{Reference, ScenarioOptions, Sizing, run_scenario};
pub use served::{ServeOptions, Served, for_clients};
pub use tiers::{KeyLocks, Reopened, Settling, Tiers};
pub use tuning::{Tuner, Tuning};
pub use value::{Content, Fields, FlatLimits, Form, InPlace, List, Parts, Side, Value};
pub use virtual_run::{Charged, Fixed, VirtualInput, VirtualOptions, VirtualReport, run_virtual};
pub use wiring::executor;
