//! The report of a replay: what is other than in the recording comes first.

use std::time::Duration;

use host_runtime::{Compared, Difference, ReplayReport, ReplayedCache};
use host_workload::recording::Component;

use super::{percent, short_digest, table, thousands};
use crate::exit::Failure;
use crate::out::outln;

/// Ticks with differences that are shown; `--json` has them all.
const SHOWN: usize = 20;

/// Prints the report of a replay that took so long.
pub(crate) fn print(report: &ReplayReport, took: Duration) -> Result<(), Failure> {
    outln!(
        "{}: {}, profile {}, {} requests and {} ticks in {:.1} s",
        report.recording,
        report.workload,
        report.recorded_profile,
        thousands(report.requests),
        thousands(report.ticks),
        report.seconds
    )?;
    if let Some(cut) = &report.cut {
        outln!("{cut}")?;
    }
    outln!()?;
    changes(report)?;
    decisions(report)?;
    served(report)?;
    super::strategies::print(&report.strategies, &report.cost.strategies)?;
    for note in &report.notes {
        outln!("note: {note}")?;
    }
    let seconds = took.as_secs_f64();
    let faster = if seconds > 0.0 { report.seconds / seconds } else { 0.0 };
    outln!()?;
    outln!("replayed in {seconds:.2} s, {faster:.0} times as fast as it happened")?;
    if report.interrupted {
        outln!("ended early by Ctrl-C; the figures cover what was replayed")?;
    }
    Ok(())
}

/// What the replay has that the recording has not.
fn changes(report: &ReplayReport) -> Result<(), Failure> {
    if report.is_unchanged() {
        outln!("with the recorded strategies and settings")?;
    }
    for compared in report.components.iter().filter(|compared| !compared.is_same()) {
        outln!("{}", component(compared))?;
    }
    if report.recorded_profile != report.profile {
        outln!("profile {} in the place of {}", report.profile, report.recorded_profile)?;
    }
    for setting in report.settings.iter().take(SHOWN) {
        outln!("setting {setting}")?;
    }
    if report.settings.len() > SHOWN {
        outln!("and {} more settings; --json has them all", report.settings.len() - SHOWN)?;
    }
    for start in &report.starts {
        outln!("at the start {start}")?;
    }
    Ok(())
}

fn component(compared: &Compared) -> String {
    let name = &compared.name;
    let text = |of: &Component| format!("{} {}", of.version, short_digest(&of.digest));
    match (&compared.recorded, &compared.replayed) {
        (Some(recorded), Some(replayed)) => {
            format!("strategy {name}: {} in the place of {}", text(replayed), text(recorded))
        }
        (Some(recorded), None) => format!(
            "strategy {name} {} of the recording takes no part: it is switched off, or neither bundled nor in the plugin directory \
             (--plugin-dir)",
            text(recorded)
        ),
        (None, Some(replayed)) => format!("strategy {name} {} takes part, and did not then", text(replayed)),
        (None, None) => format!("strategy {name}"),
    }
}

fn decisions(report: &ReplayReport) -> Result<(), Failure> {
    let ReplayReport { recorded_decisions, replayed_decisions, same_until, differences, .. } = report;
    if report.is_same() {
        match recorded_decisions {
            0 => outln!("nothing was decided, then as now")?,
            1 => outln!("the one decision is the recorded one")?,
            all => outln!("all {} decisions are the recorded ones", thousands(*all))?,
        }
        // With other strategies or settings, something else is asked for and offered.
        if let Some(first) = report.first_record.as_ref().filter(|_| report.is_unchanged()) {
            outln!("a record differs that turned nothing else: {}", first.in_words())?;
        }
        return Ok(());
    }
    let of = |count: u64| {
        if count == 1 { "1 decision".to_owned() } else { format!("{} decisions", thousands(count)) }
    };
    outln!("{} in the recording, {} in the replay", of(*recorded_decisions), of(*replayed_decisions))?;
    match (differences.first(), same_until) {
        (None, _) => outln!("every tick turned the same")?,
        (Some(first), 0) => outln!("the first other decision is in tick {}", thousands(first.tick))?,
        (Some(first), until) => outln!(
            "up to tick {} they are the same; the first other decision is in tick {}",
            thousands(*until),
            thousands(first.tick)
        )?,
    }
    if let Some(because) = &report.because {
        outln!("what differs first there: {}", because.in_words())?;
    }
    if report.is_unchanged() {
        outln!(
            "strategies and settings are the recorded ones: what was asked for depends on something that is not in the recording"
        )?;
    }
    for difference in differences.iter().take(SHOWN) {
        outln!("  {}", line(difference))?;
    }
    if differences.len() > SHOWN {
        outln!("  and {} more ticks; --json has them all", thousands_of(differences.len() - SHOWN))?;
    }
    Ok(())
}

fn line(difference: &Difference) -> String {
    let Difference { tick, at_seconds, recorded, replayed } = difference;
    let all = |of: &[String]| if of.is_empty() { "nothing".to_owned() } else { of.join("; ") };
    format!("tick {tick}, {at_seconds:.2} s: recorded {}; replayed {}", all(recorded), all(replayed))
}

fn served(report: &ReplayReport) -> Result<(), Failure> {
    outln!()?;
    let mut out = table::bare();
    out.set_header([
        table::text("cache"),
        table::figure("hit ratio"),
        table::figure("hits"),
        table::figure("misses"),
    ]);
    let mut row = |name: &str, served: &ReplayedCache| {
        let figures = [percent(served.hit_ratio), thousands(served.hits), thousands(served.misses)];
        out.add_row(std::iter::once(table::text(name)).chain(figures.map(table::figure)));
    };
    row("as it was recorded", &report.recorded);
    if let Some(simulated) = &report.recorded_simulated {
        row("recorded decisions, simulated", simulated);
    }
    if let Some(simulated) = &report.replayed_simulated {
        row("decisions of the replay, simulated", simulated);
    }
    table::print(&out)?;
    let Some(accuracy) = report.accuracy else {
        outln!(
            "nothing was simulated: the replay turned what the recording turned, so that what was recorded is true of it"
        )?;
        return Ok(());
    };
    if accuracy.ticks > 0 {
        let ticks = if accuracy.ticks == 1 {
            "1 tick".to_owned()
        } else {
            format!("{} ticks", thousands(accuracy.ticks))
        };
        outln!(
            "in {ticks} with the same decisions the simulated cache hit {}, the recorded one {}: a tick is off by {} on average",
            percent(accuracy.simulated),
            percent(accuracy.recorded),
            percent(accuracy.mean_off)
        )?;
    }
    Ok(())
}

fn thousands_of(count: usize) -> String {
    thousands(u64::try_from(count).unwrap_or(u64::MAX))
}
