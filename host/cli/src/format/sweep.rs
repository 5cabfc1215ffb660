//! The report of a sweep: the fixed settings that were run, and what tuning came to beside the best.

use host_runtime::sweep::{Compared, Sweep};

use super::{micros, nearest, percent, table, thousands};
use crate::exit::Failure;
use crate::out::outln;

/// Prints the fixed settings, the least figure marked, and one line of verdict.
pub(crate) fn print(sweep: &Sweep) -> Result<(), Failure> {
    let mut out = table::bare();
    let heading = ["IO workers", "CPU workers", "prefetching", "hit ratio", name(sweep.compared), ""];
    let heading = heading.into_iter().map(table::figure);
    out.set_header(std::iter::once(comfy_table::Cell::new("fixed settings")).chain(heading));
    for tried in &sweep.tried {
        let of = &tried.settings;
        let cells = [
            of.io_workers.to_string(),
            of.cpu_workers.to_string(),
            if of.prefetching { "on" } else { "off" }.to_owned(),
            percent(tried.hit_ratio),
            figure(sweep.compared, tried.figure),
            if *of == sweep.best { "best" } else { "" }.to_owned(),
        ];
        out.add_row(std::iter::once(table::text(&of.policy)).chain(cells.into_iter().map(table::figure)));
    }
    table::print(&out)?;
    outln!("{}", verdict(sweep))?;
    outln!()?;
    Ok(())
}

fn verdict(sweep: &Sweep) -> String {
    let best = format!("best of {} fixed settings: {}", sweep.tried.len(), sweep.best);
    let medians = sweep.best_median().zip(sweep.tuned_median()).zip(sweep.difference());
    let Some(((fixed, tuned), difference)) = medians else {
        return format!("{best}; the tuned run was not reached");
    };
    let what = name(sweep.compared);
    let noise = sweep.noise();
    let compared = if difference.abs() <= noise {
        "the same within noise".to_owned()
    } else if difference < 0.0 {
        format!("{} less", percent(-difference))
    } else {
        format!("{} more", percent(difference))
    };
    let figures =
        format!("{what} {}, tuned {}", figure(sweep.compared, fixed), figure(sweep.compared, tuned));
    let turns = sweep.tuned_runs.len();
    format!("{best}: {figures}: {compared} (medians of {turns} in turns, noise {})", percent(noise))
}

fn name(compared: Compared) -> &'static str {
    match compared {
        Compared::Time => "time",
        Compared::P99 => "p99",
        Compared::Misses => "misses",
    }
}

fn figure(compared: Compared, figure: f64) -> String {
    match compared {
        Compared::Time => format!("{figure:.2} s"),
        Compared::P99 => micros(figure),
        Compared::Misses => thousands(nearest(figure)),
    }
}
