//! `host plugin bench`: what calling a component costs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use host_author::bench::{self, PolicyBench, PolicyFigures, PolicyLoad, Spread, StrategyBench};
use host_plugin::{Opened, Time};
use host_profile::Settings;
use host_runtime::strategies;

use crate::commands::plugin::source;
use crate::commands::print_json;
use crate::exit::{End, Failure};
use crate::format::{float, nearest, table, thousands};
use crate::layers::Layers;
use crate::out::outln;
use crate::policies::policies;

/// Ticks of a round.
const TICKS: u32 = 200;

/// Measure what calling a component costs: time, memory, and fuel where it is counted.
///
/// An eviction policy is replayed in memory, beside the native policy of the same name where there is one, in turns. A
/// strategy is called tick after tick with figures that are made up. Every figure is the median of some rounds, with the
/// least and the largest beside it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host plugin bench mine.wasm
  host plugin bench sieve                         the bundled policy beside the native one
  host plugin bench --rounds 9 --json mine.wasm
")]
pub(crate) struct Bench {
    /// A component, or the name of a bundled one.
    file: PathBuf,

    /// Rounds of which the median is taken, each with fresh instances.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,

    /// Requests of a round, of an eviction policy.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..=100_000_000))]
    requests: u32,

    /// Print JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    layers: Layers,
}

impl Bench {
    pub(crate) fn execute(&self) -> Result<End, Failure> {
        let settings = self.layers.load(Path::new("."))?;
        let loader = strategies::loader(&settings)?;
        let limits = strategies::start_limits(&settings, Time::Machine);
        match loader.open_any(source(&self.file), &limits)? {
            Opened::Policy(plugin) => {
                let twin = policies().get(plugin.name()).ok().cloned();
                let load =
                    PolicyLoad { requests: self.requests, rounds: self.rounds, ..PolicyLoad::default() };
                let measured = bench::policy(&Arc::new(*plugin), twin.as_ref(), load);
                let measured = measured.map_err(|fault| self.failed(&fault))?;
                if self.json { print_json(&measured)? } else { print_policy(&measured)? }
            }
            Opened::Strategy(plugin) => {
                let measured = bench::strategy(&plugin, &settings, self.rounds, TICKS);
                let measured = measured.map_err(|failed| self.failed(&failed))?;
                if self.json { print_json(&measured)? } else { print_strategy(&measured, &settings)? }
            }
        }
        Ok(End::Done)
    }

    fn failed(&self, why: &dyn std::fmt::Display) -> Failure {
        let file = self.file.display();
        format!("{file}: failed while it was measured: {why}; `host plugin check {file}` says more").into()
    }
}

/// A line where figures of this very host mean little.
fn unoptimised() -> Result<(), Failure> {
    if cfg!(debug_assertions) {
        outln!("this host is built without optimisation: build it with `cargo build --release` to measure")?;
    }
    Ok(())
}

/// A row of a table: the median, and what lies around it.
fn cells(what: &str, spread: Spread, show: impl Fn(f64) -> String) -> [comfy_table::Cell; 4] {
    [
        table::text(what),
        table::figure(show(spread.median)),
        table::figure(show(spread.least)),
        table::figure(show(spread.most)),
    ]
}

fn header(what: &str, unit: &str) -> comfy_table::Table {
    let mut out = table::bare();
    out.set_header([
        comfy_table::Cell::new(what),
        table::figure(unit),
        table::figure("LEAST"),
        table::figure("MOST"),
    ]);
    out
}

fn print_policy(measured: &PolicyBench) -> Result<(), Failure> {
    let PolicyBench { load, component, memory_bytes, native } = measured;
    let PolicyLoad { requests, keys, capacity, rounds } = load;
    unoptimised()?;
    outln!(
        "{} requests by Zipf's law (0.99) to {} keys, capacity {}, from an empty cache; median of {rounds} rounds in turns",
        thousands(u64::from(*requests)),
        thousands(u64::from(*keys)),
        thousands(*capacity)
    )?;
    outln!("time: the simulator's loop, with the host's record of the residents; wall time of one thread")?;
    outln!()?;
    let show = |ns: f64| format!("{ns:.1}");
    let mut out = header("POLICY", "NS/EVENT");
    let mut row = |figures: &PolicyFigures, name: &str| {
        out.add_row(cells(name, figures.ns_per_event, show));
    };
    row(component, &component.policy);
    if let Some(native) = native {
        row(native, &format!("{} (native)", native.policy));
    }
    table::print(&out)?;
    outln!()?;
    match native {
        Some(native) => {
            let ratio = component.ns_per_event.median / native.ns_per_event.median.max(f64::MIN_POSITIVE);
            let same = match component.misses == native.misses {
                true => "misses as often".to_owned(),
                false => format!("misses {}, the native one {}", component.misses, native.misses),
            };
            outln!("{ratio:.2} times the native policy's time; it {same}")?;
        }
        None => outln!("there is no native policy of this name to compare with")?,
    }
    outln!("memory: {} kB; fuel is not counted in eviction policies", thousands(memory_bytes / 1_000))?;
    Ok(())
}

fn print_strategy(measured: &StrategyBench, settings: &Settings) -> Result<(), Failure> {
    let StrategyBench { strategy, rounds, ticks, memory_bytes, fuel_per_tick, most_fuel, .. } = measured;
    unoptimised()?;
    outln!(
        "{strategy}: {ticks} ticks with 500 requests each, made up; median of {rounds} rounds, each with a fresh instance"
    )?;
    outln!(
        "time: wall time of the call, with what it asks of the host; limits of profile {}",
        settings.profile
    )?;
    outln!()?;
    let show = |ns: f64| thousands(nearest(ns));
    let mut out = header("TICK", "NS");
    out.add_row(cells("mean", measured.ns_per_tick, show));
    out.add_row(cells("slowest", measured.ns_of_slowest_tick, show));
    out.add_row(cells("first", measured.ns_of_first_tick, show));
    table::print(&out)?;
    outln!()?;
    let table = settings.strategy(strategy);
    let limits = table.map_or(&settings.limits, |table| &table.limits);
    outln!(
        "fuel: {} units a tick, at most {} ({:.2} % of the limit)",
        thousands(*fuel_per_tick),
        thousands(*most_fuel),
        float(*most_fuel) / float(limits.fuel.max(1)) * 100.0
    )?;
    outln!(
        "memory: {} kB ({:.1} % of the limit); strategies have no native twin",
        thousands(memory_bytes / 1_000),
        float(*memory_bytes) / float(limits.memory.get().max(1)) * 100.0
    )?;
    Ok(())
}
