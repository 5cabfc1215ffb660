//! A recorded run once more, in virtual time: what would other strategies, or other settings, have decided?
//!
//! The control loop is the one of a run, with its strategies under fuel, and ticks when they were. What it is shown are the recorded
//! readings, as long as it turns what was turned then; from its first other decision on, those of a simulated cache
//! ([`shown`] has which). So a replay with the recorded strategies and settings decides what was decided, or says in which record it
//! differs. The same recording and options give the same bytes.
//!
//! Nothing is simulated before that is known to be needed: a first [`pass`] has the recorded readings alone, and only where it comes
//! to another decision there is a second one, from the start, with the simulated cache.

mod as_recorded;
mod comparison;
mod error;
mod notes;
mod pass;
mod recorded;
mod report;
mod shown;
mod simulated;
mod survey;
mod turns;

use std::path::PathBuf;
use std::sync::Arc;

use host_cache::Registry;
use host_contract::RunInfo;
use host_control::Status;
use host_plugin::{StateStore, Time};
use host_profile::Settings;
use host_workload::recording::{Component, Header};

use crate::error::RunError;
use crate::ledger::Ledger;
use crate::ledger_file::LedgerFile;
use crate::options::Scope;
use crate::progress::{Progress, Quiet, Stop};
use crate::report::Cost;
use crate::strategies::{self, Loaded};
use crate::virtual_clock::VirtualClock;
use crate::wiring::Parts;
use as_recorded::as_recorded;
use pass::{Pass, Settled};
use recorded::{Recorded, Wanted};
use simulated::Simulated;
use survey::Survey;

pub use error::ReplayError;
pub use report::{Accuracy, Compared, Difference, ReplayReport, Served};
pub use turns::DifferentRecord;

/// What to replay, and how.
#[derive(Debug, Clone)]
pub struct ReplayOptions {
    /// The recording.
    pub file: PathBuf,
    /// The effective configuration: the recorded one, or another.
    pub settings: Settings,
    /// The policies that can be set, proposed, and followed by a shadow.
    pub policies: Arc<Registry>,
    /// Capacity at the start, in the unit of the recording; none for the recorded one.
    pub capacity: Option<u64>,
    /// Where the ledger of the replay is written.
    pub ledger: Option<PathBuf>,
}

/// Replays a recording.
///
/// # Errors
/// [`RunError`]: something handed in is wrong. A recording that was cut is replayed as far as it goes.
pub fn run_replay(
    options: &ReplayOptions,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<ReplayReport, RunError> {
    let ReplayOptions { file, settings, policies, .. } = options;
    host_workload::trace::check_readings(file, 2)?;
    let recorded = Recorded::open(file, Wanted::Count)?;
    let header = recorded.header().clone();
    let run = RunInfo { objective: settings.optimise, ..header.about };
    let most = settings.cache.max_capacity.get();
    let scope = Scope {
        settings: settings.clone(),
        policies: Arc::clone(policies),
        capacity: options.capacity.unwrap_or(header.capacity).min(most),
        mean_weight: header.mean_weight,
        // Recorded sizes have it in them.
        entry_bytes: 0,
        run,
        workload: format!("{}, replayed from {}", header.workload, file.display()),
    };
    let replay = Replay { options, header, scope, progress, stop };
    let (ledger, loaded) = (replay.ledger()?, replay.load(progress)?);
    // What was written cannot be written anew: then there is one pass.
    let retracts = ledger.as_ref().is_none_or(LedgerFile::can_be_emptied);
    if !retracts {
        return replay.simulate(loaded, ledger);
    }
    match replay.as_far_as_recorded(recorded, loaded, ledger)? {
        Some(report) => Ok(report),
        // What there is to say of components was said.
        None => replay.simulate(replay.load(&Quiet)?, replay.ledger()?),
    }
}

/// A replay with all that was handed in.
struct Replay<'a> {
    options: &'a ReplayOptions,
    header: Header,
    scope: Scope,
    progress: &'a dyn Progress,
    stop: &'a Stop,
}

impl Replay<'_> {
    fn ledger(&self) -> Result<Option<LedgerFile>, RunError> {
        LedgerFile::open(self.options.ledger.as_deref(), Some(&self.options.file), self.progress)
    }

    /// The strategies, as if none of them had learnt anything yet.
    fn load(&self, progress: &dyn Progress) -> Result<Loaded, RunError> {
        let states = StateStore::in_memory();
        strategies::load(&self.options.settings, Time::Virtual, self.scope.run.seed, &states, progress)
    }

    /// Replays without a simulated cache; none where the replay turns something that the recording did not.
    fn as_far_as_recorded(
        &self,
        recorded: Recorded,
        loaded: Loaded,
        ledger: Option<LedgerFile>,
    ) -> Result<Option<ReplayReport>, RunError> {
        self.progress.begin("replay", None);
        let ended = self.pass(recorded, loaded, ledger, None)?;
        if !ended.pass.can_go_on() {
            self.progress.end("");
            return Ok(None);
        }
        self.report(ended, None).map(Some)
    }

    /// Replays with a simulated cache. Beside it another one follows the recorded decisions: the two are held against each other.
    fn simulate(&self, loaded: Loaded, ledger: Option<LedgerFile>) -> Result<ReplayReport, RunError> {
        let Self { options: ReplayOptions { file, .. }, scope, header, progress, stop } = self;
        progress.doing(&format!("reading {}", file.display()));
        let survey = Survey::read(file, stop)?;
        let recorded = Recorded::open(file, Wanted::Requests)?;
        progress.begin("replay", Some(survey.requests));
        std::thread::scope(|threads| {
            let beside = threads.spawn(|| as_recorded(file, scope, header, &survey, stop));
            let ended = self.pass(recorded, loaded, ledger, Some(&survey));
            let as_recorded = match beside.join() {
                Ok(served) => served,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            self.report(ended?, Some(as_recorded?))
        })
    }

    /// Goes through the recording, to its end or as far as can be.
    fn pass<'s>(
        &self,
        recorded: Recorded,
        loaded: Loaded,
        ledger: Option<LedgerFile>,
        survey: Option<&'s Survey>,
    ) -> Result<Ended<'s>, RunError> {
        let Loaded { registrations, not_started, notes } = loaded;
        let components = registrations.iter().map(component).collect();
        let ledger = Ledger::new(ledger.map(LedgerFile::begin).transpose()?);
        let told = ledger.subscribers().subscribe();
        let clock = Arc::new(VirtualClock::default());
        let parts = Parts::again(&self.scope, &clock, registrations, ledger)?;
        let simulated = survey.map(|survey| Simulated::new(clock, survey));
        let mut pass = Pass::new(parts, simulated, told, self.scope.run);
        let recorded = pass.run(recorded, self.progress, self.stop)?;
        Ok(Ended { pass, recorded, components, not_started, notes })
    }

    /// `as_recorded` is what the simulated cache did under the recorded decisions.
    fn report(&self, ended: Ended<'_>, as_recorded: Option<Served>) -> Result<ReplayReport, RunError> {
        let Self { options: ReplayOptions { file, settings, .. }, header, progress, stop, .. } = self;
        let Ended { pass, recorded, components, not_started, notes: of_components } = ended;
        let (requests, ticks, cut) = (recorded.requests(), pass.ticks, recorded.cut());
        if ticks == 0 && !stop.asked() {
            return Err(ReplayError::NoTicks { path: file.clone(), cut }.into());
        }
        progress.end(&format!("{requests} requests and {ticks} ticks replayed"));
        let Settled { finished, served, comparison } = pass.settle();
        let mut notes = notes::notes(header, &comparison, recorded.totals(), settings);
        notes.extend(of_components);
        notes.extend(finished.notes);
        let mut strategies = not_started;
        strategies.extend(finished.strategies);
        Ok(ReplayReport {
            recording: file.display().to_string(),
            workload: header.workload.clone(),
            recorded_profile: header.profile.clone(),
            profile: settings.profile.clone(),
            requests,
            ticks,
            seconds: comparison.last.as_secs_f64(),
            cut,
            settings: notes::other_settings(header, settings),
            components: Compared::all(&header.strategies, &components),
            recorded_decisions: comparison.recorded_decisions,
            replayed_decisions: u64::try_from(finished.decisions.len() + finished.rules.len())
                .unwrap_or(u64::MAX),
            same_until: comparison.same_until,
            accuracy: served.map(|_| comparison.accuracy.settle()),
            recorded: Served::new(comparison.served.0, comparison.served.1),
            recorded_simulated: as_recorded.filter(|_| !comparison.same()),
            replayed_simulated: served,
            starts: comparison.starts,
            differences: comparison.differences,
            first_record: comparison.first_record,
            because: comparison.because,
            decisions: finished.decisions,
            rules: finished.rules,
            strategies,
            cost: Cost { ticks, ..finished.cost },
            notes,
            interrupted: stop.asked(),
        })
    }
}

/// A pass that is over.
struct Ended<'a> {
    pass: Pass<'a>,
    recorded: Recorded,
    components: Vec<Component>,
    not_started: Vec<Status>,
    notes: Vec<String>,
}

fn component(of: &host_control::Registration) -> Component {
    let identity = of.identity();
    let [name, version, digest] = [&identity.name, &identity.version, &identity.digest].map(Clone::clone);
    Component { name, version, digest }
}
