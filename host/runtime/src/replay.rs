//! A recorded run once more, in virtual time: what would other strategies, or other settings, have decided?
//!
//! The control loop is the one of a run, with its strategies under fuel, and ticks when they were. What it is shown are the recorded
//! readings, as long as it turns what was turned then; from its first other decision on, those of a simulated cache
//! ([`shown`] has which). So a replay with the recorded strategies and settings decides what was decided, or says in which record it
//! differs. The same recording and options give the same bytes.

mod error;
mod recorded;
mod report;
mod shown;
mod simulated;
mod survey;
mod turns;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use host_cache::Registry;
use host_contract::number::{ratio, to_f64};
use host_contract::{Dial, Dials, RunInfo, Snapshot, Value};
use host_control::RuleBook as _;
use host_control::ledger::Record;
use host_control::rule_book::RuleChange;
use host_plugin::{StateStore, Time};
use host_profile::Settings;
use host_workload::recording::{Component, Header};
use serde_json::Value as Json;
use tokio::sync::broadcast::error::TryRecvError;

use crate::control_plane::{Finished, Machine};
use crate::error::RunError;
use crate::ledger::{Ledger, Subscription};
use crate::ledger_file::LedgerFile;
use crate::options::Scope;
use crate::progress::{Progress, Stop};
use crate::report::Cost;
use crate::snapshot_builder;
use crate::strategies;
use crate::virtual_clock::VirtualClock;
use crate::wiring::Parts;
use recorded::{Begin, Recorded, Tick};
use shown::Shown;
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
    let recorded = Recorded::open(file)?;
    let header = recorded.header().clone();
    let ledger = LedgerFile::open(options.ledger.as_deref(), Some(file), progress)?;
    let run = RunInfo { objective: settings.optimise, ..header.about };
    let states = StateStore::in_memory();
    let loaded = strategies::load(settings, Time::Virtual, run.seed, &states, progress)?;
    progress.doing(&format!("reading {}", file.display()));
    let survey = Survey::read(file, stop)?;
    let ledger = ledger.map(LedgerFile::begin).transpose()?;

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
    let components: Vec<Component> = loaded.registrations.iter().map(component).collect();
    let ledger = Ledger::new(ledger);
    let told = ledger.subscribers().subscribe();
    let clock = Arc::new(VirtualClock::default());
    let parts = Parts::again(&scope, &clock, loaded.registrations, ledger)?;
    let simulated = Simulated::new(parts, clock, &survey);
    let mut replay = Replay::new(recorded, simulated, told, run);
    progress.begin("replay", Some(survey.requests));
    replay.run(progress, stop)?;
    let (replayed_ticks, cut) = (replay.ticks, replay.cut.take());
    if replayed_ticks == 0 && !stop.asked() {
        return Err(ReplayError::NoTicks { path: file.clone(), cut }.into());
    }
    progress.end(&format!("{} requests and {replayed_ticks} ticks replayed", survey.requests));
    let (finished, replayed_simulated, compared) = replay.settle();
    let recorded_simulated = match compared.differences.is_empty() && compared.starts.is_empty() {
        true => None,
        false => Some(as_recorded(file, &scope, &header, &survey, stop)?),
    };
    let mut notes = notes(&header, &compared, &survey, settings);
    notes.extend(loaded.notes);
    notes.extend(finished.notes);
    let mut strategies = loaded.not_started;
    strategies.extend(finished.strategies);
    Ok(ReplayReport {
        recording: file.display().to_string(),
        workload: header.workload.clone(),
        recorded_profile: header.profile.clone(),
        profile: settings.profile.clone(),
        requests: survey.requests,
        ticks: replayed_ticks,
        seconds: compared.last.as_secs_f64(),
        cut,
        settings: other_settings(&header, settings),
        components: Compared::all(&header.strategies, &components),
        starts: compared.starts,
        recorded_decisions: compared.recorded_decisions,
        replayed_decisions: u64::try_from(finished.decisions.len() + finished.rules.len())
            .unwrap_or(u64::MAX),
        same_until: compared.same_until,
        differences: compared.differences,
        first_record: compared.first_record,
        because: compared.because,
        accuracy: compared.accuracy.settle(),
        recorded: Served::new(compared.served.0, compared.served.1),
        recorded_simulated,
        replayed_simulated,
        decisions: finished.decisions,
        rules: finished.rules,
        strategies,
        cost: Cost { ticks: replayed_ticks, ..finished.cost },
        notes,
        interrupted: stop.asked(),
    })
}

fn component(of: &host_control::Registration) -> Component {
    let identity = of.identity();
    let [name, version, digest] = [&identity.name, &identity.version, &identity.digest].map(Clone::clone);
    Component { name, version, digest }
}

/// What is compared of the two, tick by tick.
#[derive(Debug, Default)]
struct Comparison {
    starts: Vec<String>,
    recorded_decisions: u64,
    same_until: u64,
    differences: Vec<Difference>,
    first_record: Option<DifferentRecord>,
    because: Option<DifferentRecord>,
    accuracy: Sums,
    /// Hits and misses that the recording has counted at its last tick.
    served: (u64, u64),
    /// When that was.
    last: Duration,
    /// What the recorded host was told to do, with the tick.
    commands: Vec<String>,
    /// Records of the replay that could not be compared.
    unheard: u64,
}

/// Sums over the ticks in which both have turned the same.
#[derive(Debug, Default)]
struct Sums {
    ticks: u64,
    recorded: (u64, u64),
    simulated: (u64, u64),
    off: f64,
    weight: f64,
}

impl Sums {
    fn add(&mut self, recorded: &Snapshot, simulated: &Snapshot) {
        let of = |snapshot: &Snapshot| (snapshot.cache.window_hits, snapshot.cache.window_misses);
        let (a, b) = (of(recorded), of(simulated));
        let (Some(was), Some(is)) = (ratio(a.0, a.0 + a.1), ratio(b.0, b.0 + b.1)) else { return };
        self.ticks += 1;
        self.recorded = (self.recorded.0 + a.0, self.recorded.1 + a.1);
        self.simulated = (self.simulated.0 + b.0, self.simulated.1 + b.1);
        let weight = to_f64(a.0 + a.1);
        self.off += (was - is).abs() * weight;
        self.weight += weight;
    }

    fn settle(&self) -> Accuracy {
        let share = |(hits, misses): (u64, u64)| ratio(hits, hits + misses).unwrap_or(0.0);
        Accuracy {
            ticks: self.ticks,
            recorded: share(self.recorded),
            simulated: share(self.simulated),
            mean_off: if self.weight > 0.0 { self.off / self.weight } else { 0.0 },
        }
    }
}

/// Steps that are read ahead.
const STEPS_AHEAD: usize = 2;

struct Replay<'a> {
    /// None once it is being read.
    recorded: Option<Recorded>,
    simulated: Simulated<'a>,
    told: Subscription,
    shown: Shown,
    /// What the simulated cache gave in the tick before.
    before: Arc<Snapshot>,
    /// Whether the replay has turned what the recording has.
    follows: bool,
    ticks: u64,
    compared: Comparison,
    /// The last look, where the recording has one.
    last: Option<Tick>,
    /// What was measured of the machine in the tick before.
    measured: crate::control_plane::Measured,
    cut: Option<String>,
}

impl<'a> Replay<'a> {
    fn new(recorded: Recorded, simulated: Simulated<'a>, told: Subscription, run: RunInfo) -> Self {
        Self {
            recorded: Some(recorded),
            simulated,
            told,
            shown: Shown::new(run),
            before: Arc::default(),
            follows: true,
            ticks: 0,
            compared: Comparison::default(),
            last: None,
            measured: crate::control_plane::Measured::default(),
            cut: None,
        }
    }

    fn run(&mut self, progress: &dyn Progress, stop: &Stop) -> Result<(), ReplayError> {
        let Some(mut recorded) = self.recorded.take() else { return Ok(()) };
        let mut served = 0;
        // What is read next is on its way while the requests before it are served.
        let (ahead, steps) = sync_channel(STEPS_AHEAD);
        std::thread::scope(|scope| {
            let reading = scope.spawn(move || {
                loop {
                    let step = recorded.step().transpose();
                    let Some(step) = step else { return recorded.cut() };
                    let failed = step.is_err();
                    // Nobody takes it where the replay was ended.
                    if ahead.send(step).is_err() || failed {
                        return None;
                    }
                }
            });
            for step in steps {
                let step = step?;
                self.simulated.requests(&step.requests);
                served += u64::try_from(step.requests.len()).unwrap_or(u64::MAX);
                progress.at(served);
                if let Some(begin) = step.begin {
                    self.start(&begin);
                }
                if let Some(tick) = step.tick {
                    // Without strategies asked it is the last look, at the end.
                    if tick.asked {
                        self.tick(tick);
                    } else {
                        self.last = Some(tick);
                    }
                }
                if stop.asked() {
                    return Ok(());
                }
            }
            match reading.join() {
                Ok(cut) => self.cut = cut,
                Err(panic) => std::panic::resume_unwind(panic),
            }
            Ok(())
        })
    }

    /// Compares how the dials stand before the first tick.
    fn start(&mut self, begin: &Begin) {
        let (then, now) = (&begin.settings, self.simulated.control.control.starting());
        let now: BTreeMap<&str, &Value> = now.iter().map(|(dial, value)| (dial.name(), value)).collect();
        let names: BTreeSet<&str> = then.keys().map(String::as_str).chain(now.keys().copied()).collect();
        for name in names {
            let text = |value: Option<&Value>| {
                let value = value.map(|value| serde_json::to_value(value).unwrap_or_default());
                value.map_or_else(|| "not there".to_owned(), |value| turns::value(name, &value))
            };
            let (then, now) = (then.get(name), now.get(name).copied());
            if then != now {
                self.compared.starts.push(format!(
                    "{name} {} in the recording, {} here",
                    text(then),
                    text(now)
                ));
            }
        }
        self.follows = self.compared.starts.is_empty();
    }

    fn tick(&mut self, tick: Tick) {
        let Tick { snapshot, lines, commands, .. } = tick;
        self.ticks += 1;
        let (number, now) = (snapshot.tick, snapshot.now);
        self.note(&snapshot);
        let simulated = self.look(&snapshot);
        let shown = if self.follows {
            self.compared.accuracy.add(&snapshot, &simulated);
            self.shown.recorded(snapshot, &simulated)
        } else {
            self.shown.simulated(&snapshot, &simulated)
        };
        // Who looks next goes on from what was shown.
        self.simulated.control.hold(&shown);
        let replayed = self.hear();
        self.compare(number, now, &lines, &replayed);
        let at = |command| format!("after tick {number}: {command}");
        self.compared.commands.extend(commands.into_iter().map(at));
    }

    fn note(&mut self, snapshot: &Snapshot) {
        self.compared.served = (snapshot.cache.hits, snapshot.cache.misses);
        self.compared.last = snapshot.now;
    }

    /// What the simulated cache gives at the time of a recorded tick.
    fn look(&mut self, recorded: &Snapshot) -> Arc<Snapshot> {
        self.simulated.until(recorded.now);
        self.measured = shown::measured(recorded);
        let Simulated { plane, control, .. } = &mut self.simulated;
        control.machine = Machine::Recorded(Box::new(self.measured.clone()));
        control.last = Arc::clone(&self.before);
        self.before = control.look(recorded.now, plane);
        control.last = Arc::clone(self.shown.before());
        Arc::clone(&self.before)
    }

    /// The records of the tick, as the ledger has them, but for what it showed.
    fn hear(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let record = match self.told.try_recv() {
                Ok(record) => record,
                Err(TryRecvError::Lagged(lost)) => {
                    self.compared.unheard = self.compared.unheard.saturating_add(lost);
                    continue;
                }
                Err(TryRecvError::Empty | TryRecvError::Closed) => return lines,
            };
            let passed_over = matches!(
                &*record,
                Record::Run(_)
                    | Record::Tick(_)
                    | Record::Requests(_)
                    | Record::Fallback(_)
                    | Record::Command(_)
            );
            if !passed_over {
                // A record is what the ledger writes: it cannot fail.
                lines.extend(serde_json::to_string(&*record));
            }
        }
    }

    fn compare(&mut self, tick: u64, now: Duration, recorded: &[String], replayed: &[String]) {
        // Most ticks are the same, to the byte.
        let decided = |lines: &[String]| {
            let decides = |line: &&String| {
                line.starts_with("{\"type\":\"decision\"") || line.starts_with("{\"type\":\"rules\"")
            };
            u64::try_from(lines.iter().filter(decides).count()).unwrap_or(u64::MAX)
        };
        if recorded == replayed {
            self.compared.recorded_decisions += decided(recorded);
            if self.follows {
                self.compared.same_until = tick;
            }
            return;
        }
        let read = |lines: &[String]| -> Vec<Json> {
            lines.iter().map(|line| serde_json::from_str(line).unwrap_or_default()).collect()
        };
        let (recorded, replayed) = (read(recorded), read(replayed));
        let (was, is) = (turns::turns(&recorded), turns::turns(&replayed));
        let decisions = was.iter().filter(|turn| turn.decision).count();
        self.compared.recorded_decisions += u64::try_from(decisions).unwrap_or(u64::MAX);
        let different = turns::first_different(tick, &recorded, &replayed);
        if self.compared.first_record.is_none() {
            self.compared.first_record.clone_from(&different);
        }
        if turns::same(&was, &is) {
            if self.follows {
                self.compared.same_until = tick;
            }
            return;
        }
        if self.follows {
            // What could be asked for, and what was said, turns nothing by itself.
            let bears = |records: &[Json]| -> Vec<Json> {
                let silent = |record: &&Json| {
                    !matches!(record.get("type").and_then(Json::as_str), Some("offer" | "log"))
                };
                records.iter().filter(silent).cloned().collect()
            };
            let bearing = turns::first_different(tick, &bears(&recorded), &bears(&replayed));
            self.compared.because = bearing.or(different);
            self.follows = false;
        }
        let at_seconds = now.as_secs_f64();
        let [recorded, replayed] = turns::apart(&was, &is);
        self.compared.differences.push(Difference { tick, at_seconds, recorded, replayed });
    }

    /// Looks for the last time, and closes the ledger. What the simulated cache did in all comes with it, and what was compared.
    fn settle(mut self) -> (Finished, Served, Comparison) {
        self.simulated.control.prefetcher.finish();
        let last = self.last.take();
        let recorded = match last {
            Some(Tick { snapshot, .. }) => snapshot,
            // It was cut: the last tick's machine stands for the one at the end.
            None => Snapshot {
                tick: self.shown.before().tick.saturating_add(1),
                now: self.compared.last,
                system: self.measured.system.clone(),
                gauges: self.measured.gauges.clone(),
                executor: self.measured.pools.clone(),
                ..Snapshot::clone(self.shown.before())
            },
        };
        self.note(&recorded);
        let simulated = self.look(&recorded);
        let shown = match self.follows {
            true => self.shown.recorded(recorded, &simulated),
            false => self.shown.simulated(&recorded, &simulated),
        };
        let Self { simulated: Simulated { plane, control, .. }, ticks, compared, .. } = self;
        let (hits, misses) = snapshot_builder::served(&plane.cache.stats());
        (control.close(ticks, shown, &plane), Served::new(hits, misses), compared)
    }
}

/// What the simulated cache would have done under the recorded decisions: the replay's is to be held against that, so that what the
/// simulation is off by is on both sides.
fn as_recorded(
    file: &Path,
    scope: &Scope,
    header: &Header,
    survey: &Survey,
    stop: &Stop,
) -> Result<Served, RunError> {
    let clock = Arc::new(VirtualClock::default());
    let scope = Scope { capacity: header.capacity, run: header.about, ..scope.clone() };
    let parts = Parts::again(&scope, &clock, Vec::new(), Ledger::new(None))?;
    let mut simulated = Simulated::new(parts, clock, survey);
    let mut recorded = Recorded::open(file)?;
    while let Some(step) = recorded.step()? {
        for (dial, value) in step.begin.iter().flat_map(|begin| &begin.settings) {
            set(&mut simulated, dial, value);
        }
        simulated.requests(&step.requests);
        if let Some(tick) = step.tick {
            simulated.until(tick.snapshot.now);
            let records: Vec<Json> =
                tick.lines.iter().map(|line| serde_json::from_str(line).unwrap_or_default()).collect();
            for turn in turns::turns(&records) {
                for (dial, value) in &turn.dials {
                    if let Ok(value) = serde_json::from_value(value.clone()) {
                        set(&mut simulated, dial, &value);
                    }
                }
                if let Some((strategy, id, change)) = turn.rule {
                    change_rule(&mut simulated, header, (&strategy, id), &change);
                }
            }
        }
        if stop.asked() {
            break;
        }
    }
    let (hits, misses) = snapshot_builder::served(&simulated.plane.cache.stats());
    Ok(Served::new(hits, misses))
}

/// Puts a recorded value in force. What cannot be here, such as a policy that is not there, is left as it is.
fn set(simulated: &mut Simulated<'_>, dial: &str, value: &Value) {
    let dial: Option<Dial> = Dials::built_in().find(dial).map(|spec| spec.dial);
    if let Some(dial) = dial {
        drop(simulated.control.actuators.apply(dial, value));
    }
}

fn change_rule(simulated: &mut Simulated<'_>, header: &Header, (strategy, id): (&str, u64), change: &Json) {
    let owner = header.strategies.iter().position(|of| of.name == strategy).unwrap_or(0);
    let (owner, id) = (u32::try_from(owner).unwrap_or(u32::MAX), u32::try_from(id).unwrap_or(u32::MAX));
    let rules = &mut simulated.control.rules;
    let done = match serde_json::from_value(change.clone()) {
        Ok(RuleChange::Install(rule)) => rules.install(owner, id, &rule),
        Ok(RuleChange::Withdraw) => rules.withdraw(owner, id),
        Err(_) => Ok(()),
    };
    // A rule that this host does not take loads nothing.
    drop(done);
}

/// Settings that are others than the recorded ones, in words.
fn other_settings(header: &Header, settings: &Settings) -> Vec<String> {
    let parts = |set: &str| set.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    let map = |sets: &[String]| sets.iter().filter_map(|set| parts(set)).collect::<BTreeMap<_, _>>();
    let (then, now) = (map(&header.settings), map(settings.portable()));
    let keys: BTreeSet<&str> = then.keys().chain(now.keys()).map(String::as_str).collect();
    // The line about a profile is for people, and what a replay may do without is none of the run's.
    let counts = |key: &str| key != "summary" && !key.ends_with(".optional");
    let value = |of: &BTreeMap<String, String>, key: &str| {
        of.get(key).cloned().unwrap_or_else(|| "not set".to_owned())
    };
    keys.into_iter()
        .filter(|key| counts(key) && then.get(*key) != now.get(*key))
        .map(|key| format!("{key}: {} in the recording, {} here", value(&then, key), value(&now, key)))
        .collect()
}

/// What else is worth knowing of a replay.
fn notes(header: &Header, compared: &Comparison, survey: &Survey, settings: &Settings) -> Vec<String> {
    let mut notes = settings.notes.clone();
    if !header.learnt.is_empty() {
        notes.push(format!(
            "{} began the recorded run with what they had learnt before, which is not recorded: here they begin with nothing",
            header.learnt.join(", ")
        ));
    }
    if let Some(first) = compared.commands.first() {
        notes.push(format!(
            "the recorded host was told {} times to do something, which a replay does not repeat; the first time {first}",
            compared.commands.len()
        ));
    }
    if let Some(totals) = survey.totals.filter(|totals| totals.dropped > 0 || totals.lost > 0) {
        notes.push(format!(
            "{} requests and {} records are not in the recording: what wrote it had no time for them",
            totals.dropped, totals.lost
        ));
    }
    if compared.unheard > 0 {
        notes.push(format!(
            "{} records of the replay were too many for one tick, and were not compared",
            compared.unheard
        ));
    }
    notes
}
