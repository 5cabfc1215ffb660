//! What warming came to, in two lines.

use host_contract::number::ratio;
use host_runtime::report::Warming;

use super::{percent, thousands};
use crate::exit::Failure;
use crate::out::outln;

/// Prints it.
pub(crate) fn print(warming: &Warming) -> Result<(), Failure> {
    let Warming { named, loaded, loaded_before, before_seconds, asked, wasted, waiting, .. } = *warming;
    let later = match loaded.saturating_sub(loaded_before) {
        0 => String::new(),
        later => format!(" and {} in quiet periods", thousands(later)),
    };
    outln!()?;
    outln!(
        "warmed: {} of {} hot keys in {before_seconds:.2} s before the run{later}{}",
        thousands(loaded_before),
        thousands(named),
        passed_over(warming)
    )?;
    let share = percent(ratio(asked, loaded).unwrap_or(0.0));
    outln!(
        "  {} asked for ({share}), each a miss less: about {:.2} s of loading saved; {} wasted, {} still waiting",
        thousands(asked),
        warming.saved_seconds,
        thousands(wasted),
        thousands(waiting)
    )?;
    Ok(())
}

fn passed_over(warming: &Warming) -> String {
    let reasons = [
        (warming.no_room, "found no room"),
        (warming.unknown, "are unknown to the origin"),
        (warming.there, "were there"),
        (warming.failed, "failed to load"),
        (warming.not_reached, "were not reached"),
    ];
    let said: Vec<String> = reasons
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, why)| format!("{} {why}", thousands(*count)))
        .collect();
    if said.is_empty() { String::new() } else { format!("; {}", said.join(", ")) }
}
