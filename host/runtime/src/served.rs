//! A host that serves until it is told to end: strategies started, the plugin directory watched, a ledger kept.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use host_cache::Registry;
use host_contract::{Clock, Grant, RunInfo, Unit};
use host_control::Status;
use host_plugin::{Place, StateStore, Time};
use host_profile::{PrefetchMode, Settings, StrategySettings};

use crate::control_plane::Finished;
use crate::error::{HostError, RunError};
use crate::host::Host;
use crate::ledger_file::LedgerFile;
use crate::memory::Keeper;
use crate::options::{Options, Scope};
use crate::progress::Progress;
use crate::reload::Watch;
use crate::strategies;
use crate::tiers::Tiers;

/// What an entry takes beside its allocations: its place in the table, of which some are free, and in the policy's order. From 40
/// bytes under LRU to 48 under ARC. `bench/serve/run --print --only memory` measures the whole.
const ENTRY_BYTES: u64 = 44;

/// What an entry weighs on average, until it is known: it sets the shadows' first sampling rate.
const MEAN_WEIGHT: u64 = 1_024;

/// What a host that serves is made from.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The effective configuration.
    pub settings: Settings,
    /// The policies that there are.
    pub policies: Arc<Registry>,
    /// Seed of what strategies get as randomness.
    pub seed: u64,
    /// Where every record of the ledger goes, one JSON object a line.
    pub ledger: Option<PathBuf>,
    /// Where strategies keep what they learn; by default what the settings say.
    pub state_dir: Option<PathBuf>,
}

/// A host that serves.
pub struct Served {
    host: Arc<Host>,
    watch: Option<Watch>,
    states: Arc<StateStore>,
    /// Strategies that could not be started.
    pub not_started: Vec<Status>,
    /// What the operator should know, a sentence each.
    pub notes: Vec<String>,
    keeper: Option<Keeper>,
}

impl Served {
    /// Starts it.
    ///
    /// # Errors
    /// [`RunError`]: something handed in is wrong.
    pub fn start(options: &ServeOptions, progress: &dyn Progress) -> Result<Self, RunError> {
        let settings = &for_clients(&options.settings);
        let ledger = LedgerFile::open(options.ledger.as_deref(), None, progress)?;
        let folder = options.state_dir.as_deref().or(settings.plugins.state_dir.as_deref());
        let states = Arc::new(strategies::states(folder.filter(|_| settings.control.enabled))?);
        let loaded = strategies::load(settings, Time::Machine, options.seed, &states, progress)?;
        let tiers = Tiers::open(&settings.tiers)?;
        let ledger = ledger.map(LedgerFile::begin).transpose()?;
        let run = RunInfo {
            clock: Clock::Live,
            objective: settings.optimise,
            unit: Unit::Bytes,
            seed: options.seed,
            keys_ordered: false,
            batch: false,
        };
        let scope = Scope {
            settings: settings.clone(),
            policies: Arc::clone(&options.policies),
            capacity: settings.cache.capacity.get(),
            mean_weight: MEAN_WEIGHT,
            entry_bytes: ENTRY_BYTES,
            run,
            workload: "clients".to_owned(),
        };
        let host = Options::new(settings.clone())
            .within(scope)
            .strategies(loaded.registrations)
            .not_started(loaded.not_started.clone())
            .tiers(tiers)
            .tell_from_the_start();
        let host = match ledger {
            Some(ledger) => host.ledger(ledger),
            None => host,
        };
        let host = Host::start(host)?;
        let plane = &host.live.plane;
        let (cache, inflow) = (Arc::clone(&plane.cache), Arc::clone(&plane.inflow));
        let keeper = Keeper::start(cache, plane.tiers.clone(), inflow, settings.memory.huge_pages)
            .map_err(HostError::Thread)?;
        let mut notes = settings.notes.clone();
        notes.extend(loaded.notes);
        notes.extend(not_for_clients(&options.settings));
        let watch = match Watch::start(settings, options.seed, Arc::clone(&states), host.commander()) {
            Ok(watch) => watch,
            Err(unwatched) => {
                notes.push(unwatched);
                None
            }
        };
        if keeper.is_none() {
            notes.push(
                "this system does not tell what a process holds in memory: the capacity bounds what entries take, and nothing \
                 else"
                    .to_owned(),
            );
        }
        let host = Arc::new(host);
        Ok(Self { host, watch, states, not_started: loaded.not_started, notes, keeper })
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// Ends it. Everybody who has the host has to have let go of it. The tiers get `grace` to take what memory holds, and the
    /// control thread as much to end.
    ///
    /// # Errors
    /// [`HostError`]: it is still used, or the control thread does not end within `grace`.
    pub fn shut_down(self, grace: Duration) -> Result<(Finished, Vec<String>), HostError> {
        drop(self.keeper);
        let mut notes = self.watch.map(|watch| watch.notes()).unwrap_or_default();
        let host = Arc::try_unwrap(self.host).map_err(|_| HostError::StillUsed)?;
        if let Some(tiers) = &host.live.plane.tiers {
            let began = Instant::now();
            let kept = tiers.close(&host.keyspace(), grace);
            if kept > 0 {
                let took = began.elapsed().as_secs_f64();
                notes.push(format!("{kept} entries were kept on disk for the next start, in {took:.1} s"));
            }
        }
        let finished = host.shut_down_blocking(grace)?;
        notes.extend(self.states.finish());
        Ok((finished, notes))
    }
}

/// The settings of a host that serves clients: without prefetching, since clients store what they have loaded themselves, so that there
/// is nothing to load ahead of them. Strategies that can propose nothing else would take memory of the cache, and time.
#[must_use]
pub fn for_clients(settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    settings.prefetch.mode = PrefetchMode::OnDemand;
    for strategy in &mut settings.strategies {
        strategy.enabled &= !only_prefetches(strategy);
    }
    settings
}

/// A sentence for each strategy that is left out for that, but for those that come with the host.
fn not_for_clients(settings: &Settings) -> impl Iterator<Item = String> {
    let bundled = |name: &str| {
        host_plugin::bundled().iter().any(|of| matches!(of, Place::Bundled(of, _) if *of == name))
    };
    let left_out = move |of: &&StrategySettings| of.enabled && only_prefetches(of) && !bundled(&of.name);
    settings.strategies.iter().filter(left_out).map(|of| {
        format!(
            "{} takes no part: it can only propose prefetching, and nothing is prefetched for clients",
            of.name
        )
    })
}

fn only_prefetches(strategy: &StrategySettings) -> bool {
    let others = [Grant::CacheControl, Grant::TierControl, Grant::ExecutorControl];
    strategy.grants(Grant::PrefetchControl) && !others.iter().any(|grant| strategy.grants(*grant))
}

impl std::fmt::Debug for Served {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Served").field("host", &self.host).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use host_profile::Loader;
    use host_telemetry::Machine;

    use super::*;

    #[test]
    fn what_can_only_prefetch_is_left_out_and_said_so_unless_it_comes_with_the_host() {
        let sets = [
            "strategies.ahead.grants=accesses, prefetch-control",
            "strategies.both.grants=cache-control, prefetch-control",
            "strategies.watcher.grants=metrics",
        ];
        let settings = Loader::new().user_file(None).set(sets).load(&Machine::read(Path::new("."))).unwrap();
        let serving = for_clients(&settings);
        assert_eq!(serving.prefetch.mode, PrefetchMode::OnDemand);
        let on = |name: &str| serving.strategy(name).unwrap().enabled;
        assert_eq!(
            ["ahead", "both", "watcher", "prefetch-rules", "cache-policy"].map(on),
            [false, true, true, false, true]
        );
        let notes: Vec<String> = not_for_clients(&settings).collect();
        assert!(notes.len() == 1 && notes[0].starts_with("ahead takes no part"), "{notes:?}");
    }
}
