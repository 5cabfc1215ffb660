//! A strategy, called tick after tick with the same usual figures.

use std::collections::BTreeSet;

use host_contract::Grant;
use host_contract::number::to_f64;
use host_control::{Fault, Strategy as _};
use host_plugin::{LoadError, Plugin, Time};
use host_profile::Settings;
use host_runtime::strategies::limits;
use serde::Serialize;

use super::Spread;
use crate::figures::{Figures, Fill, context};

/// What was measured of a strategy. `host plugin bench --json` prints this object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StrategyBench {
    /// Its name.
    pub strategy: String,
    /// Rounds, each with a fresh instance.
    pub rounds: u32,
    /// Ticks of a round.
    pub ticks: u32,
    /// Nanoseconds that the first tick took, of each round: most settle in then.
    pub ns_of_first_tick: Spread,
    /// Nanoseconds that the other ticks took on average, of each round.
    pub ns_per_tick: Spread,
    /// Nanoseconds of the slowest of the other ticks, of each round.
    pub ns_of_slowest_tick: Spread,
    /// Units of fuel of a tick on average: the same in every round.
    pub fuel_per_tick: u64,
    /// Units of fuel of the most expensive tick.
    pub most_fuel: u64,
    /// Linear memory that it held, bytes.
    pub memory_bytes: u64,
}

/// Why a strategy could not be measured to the end.
#[derive(Debug)]
pub enum Failed {
    /// It cannot be started.
    Start(LoadError),
    /// It failed in this tick.
    Tick(u64, Fault),
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Start(error) => error.fmt(f),
            Self::Tick(tick, fault) => write!(f, "tick {tick}: {fault}"),
        }
    }
}

impl std::error::Error for Failed {}

/// Measures a strategy with the settings and limits of its table in the profile; what it imports is granted.
///
/// # Errors
/// [`Failed`]: it cannot be started, or fails in a tick.
pub fn strategy(
    plugin: &Plugin,
    settings: &Settings,
    rounds: u32,
    ticks: u32,
) -> Result<StrategyBench, Failed> {
    let (rounds, ticks) = (rounds.max(1), ticks.max(2));
    let grants: BTreeSet<Grant> = plugin.inspection().grants().into_iter().collect();
    let table = settings.strategy(plugin.name());
    let own = limits(table.map_or(&settings.limits, |table| &table.limits), Time::Machine);
    let given = table.map(|table| table.settings.clone()).unwrap_or_default();
    let (mut first, mut mean, mut slowest) = (Vec::new(), Vec::new(), Vec::new());
    let (mut fuel, mut most_fuel, mut memory) = (0_u64, 0, 0);
    for _ in 0..rounds {
        let mut instance = plugin.start(&grants, &given, &own, 1).map_err(Failed::Start)?;
        let declared = instance.identity().dials.clone();
        let mut figures = Figures::new(1);
        let mut took = Vec::new();
        for tick in 1..=u64::from(ticks) {
            let response = instance.tick(figures.next(Fill::Usual), context(tick, &grants, &declared));
            if let Some(fault) = response.fault {
                return Err(Failed::Tick(tick, fault));
            }
            let usage = response.usage;
            took.push(usage.wall.as_secs_f64() * 1e9);
            fuel += usage.fuel;
            most_fuel = most_fuel.max(usage.fuel);
            memory = memory.max(usage.memory_bytes);
        }
        let others = took.split_off(1);
        first.extend(took);
        slowest.push(others.iter().copied().fold(0.0, f64::max));
        mean.push(others.iter().sum::<f64>() / to_f64(u64::from(ticks - 1)));
    }
    Ok(StrategyBench {
        strategy: plugin.name().to_owned(),
        rounds,
        ticks,
        ns_of_first_tick: Spread::of(first),
        ns_per_tick: Spread::of(mean),
        ns_of_slowest_tick: Spread::of(slowest),
        fuel_per_tick: fuel / (u64::from(rounds) * u64::from(ticks)),
        most_fuel,
        memory_bytes: memory,
    })
}
