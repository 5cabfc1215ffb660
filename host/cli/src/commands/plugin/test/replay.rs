//! A strategy in the ticks of a recorded run.

use host_author::replay::{Asked, Begin, Replay, Replayed, Summary};
use host_plugin::Plugin;
use host_profile::Bytes;
use serde::Serialize;
use serde_json::Value;
use std::path::Path;

use super::Test;
use crate::commands::print_json;
use crate::exit::{End, Failure};
use crate::format::{short_digest, table, thousands};
use crate::interrupt::stop_on_ctrl_c;
use crate::out::outln;

/// Ticks that are shown; the summary counts all.
const SHOWN: usize = 200;

/// What `--json` prints.
#[derive(Serialize)]
struct Tested {
    strategy: String,
    /// Digest of the component.
    digest: String,
    summary: Summary,
    ticks: Vec<Replayed>,
}

pub(super) fn test(asked: &Test, plugin: &Plugin, ledger: &Path) -> Result<End, Failure> {
    let (settings, _) = asked.layers.above.load_for_virtual_time(&asked.layers.profile)?;
    let mut replay = Replay::open(plugin, &settings, ledger).map_err(|error| error.to_string())?;
    let stop = stop_on_ctrl_c()?;
    let (mut summary, mut ticks) = (Summary::default(), Vec::new());
    let broken = loop {
        if stop.asked() {
            return Ok(End::Interrupted);
        }
        match replay.tick() {
            Ok(Some(tick)) => {
                summary.add(&tick);
                if asked.json || (speaks(&tick) && ticks.len() < SHOWN) {
                    ticks.push(tick);
                }
            }
            Ok(None) => break None,
            Err(error) if summary.ticks == 0 => return Err(error.to_string().into()),
            Err(error) => break Some(error),
        }
    };
    let failed = summary.failed > 0;
    if asked.json {
        let (strategy, digest) = (plugin.name().to_owned(), plugin.digest().to_string());
        print_json(&Tested { strategy, digest, summary, ticks })?;
    } else {
        head(plugin, replay.begin(), ledger)?;
        if replay.misses_requests() {
            outln!(
                "the ledger has no requests, and `{}` reads them: it sees none. Record the run with --set \
                 control.record-requests=true",
                plugin.name()
            )?;
        }
        print(&ticks)?;
        sum(&summary)?;
    }
    match broken {
        // What stands before the line was shown.
        Some(error) => Err(error.to_string().into()),
        None if failed => Ok(End::Unsound),
        None => Ok(End::Done),
    }
}

/// Whether a tick has a line.
fn speaks(tick: &Replayed) -> bool {
    !tick.asked.is_empty() || tick.same() == Some(false) || tick.fault.is_some()
}

fn head(plugin: &Plugin, begin: &Begin, ledger: &Path) -> Result<(), Failure> {
    outln!("{}: {}, profile {}", ledger.display(), begin.workload, begin.profile)?;
    let (name, digest) = (plugin.name(), plugin.digest().to_string());
    let which = match begin.strategies.iter().find(|part| part.name == name) {
        Some(part) if part.digest == digest => "the component that was recorded".to_owned(),
        Some(part) => format!("beside {} {} that was recorded", part.version, short_digest(&part.digest)),
        None => "no strategy of that name was recorded".to_owned(),
    };
    Ok(outln!("{name} {} {}: {which}", plugin.description().version, short_digest(&digest))?)
}

fn print(ticks: &[Replayed]) -> Result<(), Failure> {
    if ticks.is_empty() {
        return Ok(());
    }
    outln!()?;
    let compares = ticks.iter().any(|tick| tick.recorded.is_some());
    let mut out = table::bare();
    let mut heading = vec![table::figure("TICK"), table::text("ASKED FOR")];
    if compares {
        heading.push(table::text("RECORDED"));
    }
    out.set_header(heading);
    for tick in ticks {
        let mut asked: Vec<String> = tick.asked.iter().map(words).collect();
        asked.extend(tick.fault.iter().map(|fault| format!("failed: {fault}")));
        let mut row = vec![table::figure(thousands(tick.tick)), table::text(&joined(&asked))];
        if let Some(recorded) = &tick.recorded {
            let same = tick.same() == Some(true);
            let listed = joined(&recorded.iter().map(words).collect::<Vec<_>>());
            row.push(table::text(if same { "the same" } else { &listed }));
        }
        out.add_row(row);
    }
    table::print(&out)
}

/// One after the other; a dash for nothing.
fn joined(of: &[String]) -> String {
    if of.is_empty() { "-".to_owned() } else { of.join("; ") }
}

/// What was asked for, with the answer where it was not simply taken.
fn words(asked: &Asked) -> String {
    let value = match &asked.value {
        Value::Number(number) if asked.what == "cache-capacity" => {
            number.as_u64().map_or_else(|| number.to_string(), |bytes| Bytes(bytes).to_string())
        }
        Value::String(name) => name.clone(),
        other => other.to_string(),
    };
    let answer = match &asked.answer {
        Value::String(answer) if answer == "accepted" => String::new(),
        answer => format!(" ({})", compact(answer)),
    };
    format!("{} -> {value}{answer}", asked.what)
}

/// JSON without what only a program needs.
fn compact(value: &Value) -> String {
    value.to_string().replace(['{', '}', '"'], "").replace(':', ": ").replace(',', ", ")
}

fn sum(summary: &Summary) -> Result<(), Failure> {
    let Summary { ticks, asked, recorded, different, first_different, failed, fuel } = summary;
    outln!()?;
    let calls = |count: u64| {
        if count == 1 { "1 proposal".to_owned() } else { format!("{} proposals", thousands(count)) }
    };
    let compared = match (recorded, first_different) {
        (None, _) => String::new(),
        (Some(_), None) => "; the recorded one asked for the same in every tick".to_owned(),
        (Some(recorded), Some(first)) => format!(
            "; the recorded one made {}, others in {} of the ticks, first in tick {}",
            calls(*recorded),
            thousands(*different),
            thousands(*first)
        ),
    };
    let failures =
        if *failed == 0 { String::new() } else { format!("; failed in {} of them", thousands(*failed)) };
    outln!(
        "{} ticks, {}, {} units of fuel{failures}{compared}",
        thousands(*ticks),
        calls(*asked),
        thousands(*fuel)
    )?;
    Ok(())
}
