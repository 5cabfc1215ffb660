//! A strategy beside the same settings without it, in virtual time.
//!
//! The run is that of `host sim --profile`. It takes its strategies from the plugin directory, so that a file of its own is
//! put into one that holds nothing else.

use std::path::Path;

use host_contract::Unit;
use host_plugin::Plugin;
use host_profile::Settings;
use host_runtime::{VirtualInput, VirtualOptions, VirtualReport, run_virtual};
use host_simulator::{Capacity, MemoryLimit};
use host_workload::trace::reads_once;
use serde::Serialize;

use super::policy::{heading, hit_ratio};
use super::{Test, gain, signed};
use crate::commands::print_json;
use crate::commands::sim::{SEED, TICK_REQUESTS, half_of_memory};
use crate::exit::{End, Failure};
use crate::format::{table, thousands};
use crate::interrupt::stop_on_ctrl_c;
use crate::out::outln;
use crate::policies::policies;
use crate::progress::Terminal;

/// Bytes of an object of a trace that gives no sizes, as `host sim --profile` has it.
const OBJECT_SIZE: u32 = 4096;

/// Time that the origin takes, as `host sim --profile` has it.
const ORIGIN_LATENCY: std::time::Duration = std::time::Duration::from_millis(1);

/// What `--json` prints.
#[derive(Serialize)]
struct Tested {
    strategy: String,
    profile: String,
    rows: Vec<Row>,
}

/// One capacity.
#[derive(Serialize)]
struct Row {
    /// The share of the misses that it saves.
    gain: Option<f64>,
    without: VirtualReport,
    with: VirtualReport,
}

pub(super) fn test(asked: &Test, plugin: &Plugin, trace: &Path) -> Result<End, Failure> {
    // Opening a pipe a second time would wait for ever.
    if reads_once(trace) {
        let trace = trace.display();
        let text =
            "is a pipe or a device, and a strategy is tested in more than one run: save the trace in a file";
        return Err(format!("{trace}: {text}").into());
    }
    let (settings, _folder) = alone(asked, plugin)?;
    let still = {
        let mut still = settings.clone();
        still.control.enabled = false;
        still
    };
    let stop = stop_on_ctrl_c()?;
    let mut rows = Vec::new();
    for &capacity in &asked.capacity {
        let run = |settings: &Settings| {
            let run = run_virtual(&options(asked, settings, capacity, trace), &Terminal::new(true), &stop);
            run.map_err(Failure::from)
        };
        let without = run(&still)?;
        let with = run(&settings)?;
        if stop.asked() {
            return Ok(End::Interrupted);
        }
        rows.push((capacity, Row { gain: gain(with.misses, without.misses), without, with }));
    }
    let failed = |row: &Row| row.with.strategies.iter().any(|status| status.failures > 0);
    let failed = rows.iter().any(|(_, row)| failed(row));
    if asked.json {
        let rows = rows.into_iter().map(|(_, row)| row).collect();
        print_json(&Tested { strategy: plugin.name().to_owned(), profile: settings.profile, rows })?;
    } else {
        print(plugin.name(), &rows)?;
    }
    Ok(if failed { End::Unsound } else { End::Done })
}

/// The settings with this strategy and no other; and the folder it is in, where it is none of the bundled ones.
fn alone(asked: &Test, plugin: &Plugin) -> Result<(Settings, Option<tempfile::TempDir>), Failure> {
    let (name, profile) = (plugin.name(), &asked.layers.profile);
    let needed = plugin.inspection().grants();
    let (mut settings, _) = asked.layers.above.load_for_virtual_time(profile)?;
    if settings.strategy(name).is_none() {
        let grants: Vec<String> = needed.iter().map(|grant| format!("\"{grant}\"")).collect();
        let grants = format!("strategies.{name}.grants=[{}]", grants.join(", "));
        settings = asked.layers.above.with([grants]).load_for_virtual_time(profile)?.0;
    }
    settings.strategies.retain(|strategy| strategy.name == name);
    for strategy in &mut settings.strategies {
        strategy.enabled = true;
        for grant in &needed {
            if !strategy.grants.contains(grant) {
                strategy.grants.push(*grant);
            }
        }
    }
    settings.control.enabled = true;
    // What was named on the command line is meant: a strategy that cannot start ends the test.
    settings.plugins.strict = true;
    let folder = folder(&asked.file)?;
    settings.plugins.dir = folder.as_ref().map(|folder| folder.path().to_owned());
    Ok((settings, folder))
}

fn folder(file: &Path) -> Result<Option<tempfile::TempDir>, Failure> {
    if !file.exists() {
        return Ok(None);
    }
    let unwritable = |error| format!("the component cannot be copied for the test: {error}");
    let folder = tempfile::tempdir().map_err(unwritable)?;
    let name = file.file_stem().unwrap_or_default();
    std::fs::copy(file, folder.path().join(name).with_extension("wasm")).map_err(unwritable)?;
    Ok(Some(folder))
}

fn options(asked: &Test, settings: &Settings, capacity: Capacity, trace: &Path) -> VirtualOptions {
    let of_profile = Some(settings.control.tick_requests).filter(|requests| *requests > 0);
    VirtualOptions {
        settings: settings.clone(),
        policies: policies(),
        input: VirtualInput::Trace(trace.to_owned(), asked.format.options()),
        capacity: Some(capacity),
        unit: Unit::Bytes,
        object_size: OBJECT_SIZE,
        tick_requests: of_profile.unwrap_or(TICK_REQUESTS),
        origin_latency: ORIGIN_LATENCY,
        origin_slots: None,
        memory: MemoryLimit::Ask(half_of_memory),
        seed: SEED,
        ledger: None,
        warm: None,
        save_hot: None,
        state_dir: None,
    }
}

fn print(name: &str, rows: &[(Capacity, Row)]) -> Result<(), Failure> {
    if let Some((_, Row { with, .. })) = rows.first() {
        let (requests, distinct) = (thousands(with.requests), thousands(with.distinct));
        outln!("{}: {requests} requests, {distinct} distinct keys, profile {}", with.trace, with.profile)?;
        outln!("gain: the share of the misses without it that the strategy saves")?;
        outln!()?;
    }
    let mut out = table::bare();
    out.set_header([
        comfy_table::Cell::new("CAPACITY"),
        comfy_table::Cell::new("SETTINGS"),
        table::figure("MISSES"),
        table::figure("HIT RATIO %"),
        table::figure("LOADS"),
        table::figure("GAIN %"),
    ]);
    for (capacity, Row { gain, without, with }) in rows {
        let capacity = heading(*capacity, without.capacity, without.unit == Unit::Objects);
        let row = |capacity: &str, settings: &str, run: &VirtualReport, gain: String| {
            [
                table::text(capacity),
                table::text(settings),
                table::figure(thousands(run.misses)),
                table::percentage(hit_ratio(run.misses, run.requests)),
                table::figure(thousands(run.origin.loads)),
                table::figure(gain),
            ]
        };
        out.add_row(row(&capacity, "without strategies", without, String::new()));
        out.add_row(row("", &format!("with {name}"), with, signed(*gain)));
    }
    table::print(&out)?;
    outln!()?;
    for (capacity, Row { with, .. }) in rows {
        outln!("at {capacity}: {}", did(name, with))?;
        for event in with.strategies.iter().flat_map(|status| &status.events) {
            outln!("at {capacity}: {event}")?;
        }
    }
    Ok(())
}

/// What the strategy did in a run, and what it cost.
fn did(name: &str, run: &VirtualReport) -> String {
    let decisions = match (run.decisions.len(), run.rules.len()) {
        (0, 0) => "no decision".to_owned(),
        (1, 0) => "1 decision".to_owned(),
        (dials, 0) => format!("{dials} decisions"),
        (0, rules) => format!("{rules} changes of the prefetch rules"),
        (dials, rules) => format!("{dials} decisions and {rules} changes of the prefetch rules"),
    };
    let ticks = thousands(run.ticks);
    let Some(cost) = run.cost.strategies.get(name) else { return format!("{decisions} in {ticks} ticks") };
    let objection = match &cost.first_objection {
        Some(objection) => format!("; the first thing objected to: {objection}"),
        None => String::new(),
    };
    let (fuel, memory) = (thousands(cost.fuel), cost.memory_bytes / 1_000);
    format!("{decisions} in {ticks} ticks, {fuel} units of fuel, {memory} kB{objection}")
}
