//! `host plugin test`: what a component is worth on a trace, or does in the ticks of a recorded run.

mod policy;
mod replay;
mod strategy;

use std::path::{Path, PathBuf};

use clap::Args;
use host_plugin::{Opened, Time};
use host_runtime::strategies;
use host_simulator::Capacity;

use crate::commands::TraceFormat;
use crate::commands::plugin::source;
use crate::exit::{End, Failure};
use crate::layers::Layers;
use crate::policies::{Methods, methods};

/// Replay a trace with a component, and show what it gains; or replay a recorded run, and show what it asks for.
///
/// An eviction policy is replayed beside others, exactly. A strategy runs in virtual time, alone with the settings of the
/// profile, beside the same settings without any strategy; what the profile does not grant is granted. Gain is the share
/// of the other's misses that the component saves.
///
/// With --replay a strategy is called in every tick of a ledger, in virtual time, with the figures and the ranges of the dials
/// as they were recorded, and the settings of the profile. What it asks for is shown beside what the strategy of its name asked for
/// in that run. Nothing is applied. Differences are no error.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host plugin test mine.wasm --trace trace.lis.zst
  host plugin test mine.wasm --trace trace.lis.zst --against lru,arc,belady --capacity 0.1%,1%,10%
  host plugin test grow.wasm --trace trace.lis.zst --profile mine.toml
  host plugin test grow.wasm --replay run.jsonl --profile mine.toml
")]
pub(crate) struct Test {
    /// A component, or the name of a bundled one.
    file: PathBuf,

    /// The trace, in any of the formats that `host trace --help` lists.
    #[arg(long, value_name = "TRACE", required_unless_present = "replay")]
    trace: Option<PathBuf>,

    /// The ledger of a run, which `host run --ledger` and `host sim --ledger` write. A strategy that reads requests finds them
    /// where the run had --set control.record-requests=true.
    #[arg(long, value_name = "LEDGER", conflicts_with_all = ["trace", "against", "capacity"])]
    replay: Option<PathBuf>,

    /// Policies that an eviction policy is compared with, as `host sim --policy` takes them [default: lru,arc, and the
    /// native policy of the same name where there is one].
    #[arg(long, value_name = "LIST", value_parser = methods)]
    against: Vec<Methods>,

    /// Capacities: objects (1000), percent of the distinct keys (1%) or bytes (64MB).
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "1%,10%")]
    capacity: Vec<Capacity>,

    /// Print JSON.
    #[arg(long)]
    json: bool,

    // Last, because their headings hold for what follows.
    #[command(flatten)]
    layers: Layers,

    #[command(flatten)]
    format: TraceFormat,
}

impl Test {
    pub(crate) fn execute(&self) -> Result<End, Failure> {
        let settings = self.layers.load(Path::new("."))?;
        let loader = strategies::loader(&settings)?;
        let limits = strategies::start_limits(&settings, Time::Virtual);
        let opened = loader.open_any(source(&self.file), &limits)?;
        let file = self.file.display();
        match (opened, &self.replay, &self.trace) {
            (Opened::Strategy(plugin), Some(ledger), _) => replay::test(self, &plugin, ledger),
            (Opened::Policy(_), Some(_), _) => Err(format!(
                "{file}: --replay is for strategies, and this is an eviction policy, which is told of each request: test it \
                 with --trace TRACE"
            )
            .into()),
            (Opened::Policy(plugin), None, Some(trace)) => policy::test(self, *plugin, trace),
            (Opened::Strategy(_), None, Some(_)) if !self.against.is_empty() => Err(format!(
                "{file}: --against is for eviction policies, and this is a strategy: it is compared with the settings without \
                 strategies"
            )
            .into()),
            (Opened::Strategy(plugin), None, Some(trace)) => strategy::test(self, &plugin, trace),
            // The arguments require one of them.
            (_, None, None) => Err("give --trace TRACE or --replay LEDGER".to_owned().into()),
        }
    }
}

/// The share of another's misses that is saved; none where it has none.
fn gain(misses: u64, of: u64) -> Option<f64> {
    host_contract::number::ratio(misses, of).map(|ratio| 1.0 - ratio)
}

/// A gain in percent, with its sign; a dash where there is none.
fn signed(gain: Option<f64>) -> String {
    gain.map_or_else(|| "-".to_owned(), |gain| format!("{:+.2}", gain * 100.0))
}

#[cfg(test)]
mod tests {
    use super::{gain, signed};

    #[test]
    fn a_gain_is_the_share_of_the_misses_that_is_saved() {
        assert_eq!(signed(gain(90, 100)), "+10.00");
        assert_eq!(signed(gain(125, 100)), "-25.00");
        assert_eq!(signed(gain(3, 0)), "-");
    }
}
