//! `host sim --executor`: a scenario of a server behind a pool, under whoever sizes the pool.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use host_profile::Settings;
use host_runtime::{Reference, ScenarioOptions, Sizing, run_scenario};
use host_scenario::bundled;

use crate::commands::print_json;
use crate::exit::{End, Failure};
use crate::format;
use crate::interrupt::stop_on_ctrl_c;
use crate::progress::Terminal;

/// A scenario, and who sizes its pool.
#[derive(Debug, Args)]
#[command(next_help_heading = "Executor scenarios")]
#[command(group = ArgGroup::new("of_scenario").args(["plugin", "workers", "fixed", "sweep", "against"]).multiple(true).requires("executor"))]
pub(super) struct Executor {
    // Every scenario there is, so that none is missing here when there is another.
    #[arg(
        help = format!(
            "Size the pool of a model of a server in virtual time, under worker-sizing alone: a TOML file, or one of {}",
            names().join(", ")
        ),
        long,
        value_name = "NAME|FILE",
        conflicts_with_all = ["trace", "policy", "capacity", "views", "tick_requests", "unit", "object_size", "origin_latency"],
    )]
    pub(super) executor: Option<String>,

    /// Let this component size the pool, and no other. May be given more than once.
    #[arg(long, value_name = "FILE.wasm")]
    plugin: Vec<PathBuf>,

    /// Workers at the start [default: the profile's].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    workers: Option<u32>,

    /// So many workers all the time, and no strategy.
    #[arg(long, value_name = "N", conflicts_with_all = ["workers", "plugin"], value_parser = clap::value_parser!(u32).range(1..))]
    fixed: Option<u32>,

    /// Find the fixed number of workers that does best over the whole scenario, and hold the run against it.
    #[arg(long, conflicts_with = "against")]
    sweep: bool,

    /// Hold the run against so many workers all the time.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    against: Option<u32>,
}

fn names() -> Vec<&'static str> {
    bundled::ALL.iter().map(|bundled| bundled.name).collect()
}

impl Executor {
    /// Plays the scenario of this name or file.
    pub(super) fn play(
        &self,
        name: &str,
        settings: Settings,
        seed: Option<u64>,
        ledger: Option<PathBuf>,
        json: bool,
    ) -> Result<End, Failure> {
        let stop = stop_on_ctrl_c()?;
        let mut scenario = bundled::named_or_file(name)?;
        scenario.seed = seed.unwrap_or(scenario.seed);
        let options = ScenarioOptions {
            settings,
            scenario,
            sizing: match self.fixed {
                Some(_) => Sizing::Fixed,
                None if self.plugin.is_empty() => Sizing::Bundled,
                None => Sizing::Files(self.plugin.clone()),
            },
            workers: self.fixed.or(self.workers),
            against: match self.against {
                Some(workers) => Reference::Workers(workers),
                None if self.sweep => Reference::BestFixed,
                None => Reference::Nothing,
            },
            ledger,
        };
        let report = run_scenario(&options, &Terminal::new(true), &stop)?;
        if json {
            print_json(&report)?;
        } else {
            format::scenario::print(&report)?;
        }
        Ok(if report.interrupted { End::Interrupted } else { End::Done })
    }
}
