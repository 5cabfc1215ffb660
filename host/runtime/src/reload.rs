//! Components that are put into the plugin directory, changed there or taken out while a host runs.
//!
//! The directory is watched. What happens to a file is looked at once it has been quiet for [`QUIET`], in a thread of its own: a new
//! or changed strategy is read, compiled and started beside the one that runs, and takes its place between two ticks. One that
//! cannot be started changes nothing. When a file goes, the bundled strategy of its name takes over, and where there is none,
//! the strategy is retired. Each of these is on the ledger and among the notes of the report. Eviction policies are taken in the
//! same way ([`policies`]).
//!
//! A file that the lock file of the directory does not accept is not taken, and looked at again when that changes.
//!
//! Which strategies run is what the settings say, as it is at the start: a file that no line of them names is not started.

mod policies;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use host_control::Registration;
use host_plugin::{
    Digest, LoadError, Loader, Lock, Place, Plugin, Source, StateStore, Time, World, bundled, component_files,
};
use host_profile::{Settings, StrategySettings};
use notify_debouncer_mini::notify::{RecommendedWatcher, RecursiveMode};
use notify_debouncer_mini::{DebounceEventResult, Debouncer, new_debouncer};
use parking_lot::Mutex;

use crate::command::Command;
use crate::control_thread::Commander;
use crate::error::HostError;
use crate::reset::{self, Taken};
use crate::strategies;

/// How long a file has to be left alone: longer than a copy pauses between two writes.
const QUIET: Duration = Duration::from_millis(200);

/// Sentences that are kept.
const MOST_NOTES: usize = 100;

/// Watches a directory until it is dropped.
pub(crate) struct Watch {
    /// Ends when it is dropped.
    _watcher: Debouncer<RecommendedWatcher>,
    notes: Arc<Mutex<Vec<String>>>,
}

impl Watch {
    /// Watches the plugin directory of the settings, where they name one that there is.
    ///
    /// # Errors
    /// The system cannot watch it, or the sandbox cannot be set up; in words.
    pub(crate) fn start(
        settings: &Settings,
        seed: u64,
        states: Arc<StateStore>,
        commander: Commander,
    ) -> Result<Option<Self>, String> {
        let Some(dir) = settings.plugins.dir.clone().filter(|dir| dir.is_dir()) else { return Ok(None) };
        let unwatched = |error: &dyn std::fmt::Display| {
            format!("{} is not watched for changed components: {error}", dir.display())
        };
        // Nobody waits for what is compiled beside a run.
        let loader = Loader::new(&strategies::loader_config(settings)).map_err(|error| unwatched(&error))?;
        let notes = Arc::<Mutex<Vec<String>>>::default();
        let mut reloader = Reloader {
            known: files(&dir),
            running: BTreeMap::new(),
            lock: None,
            untrusted: BTreeSet::new(),
            policies: BTreeMap::new(),
            waiting: BTreeSet::new(),
            dir: dir.clone(),
            loader,
            settings: settings.clone(),
            seed,
            states,
            commander,
            notes: Arc::clone(&notes),
        };
        reloader.learn_names();
        let reloader = Arc::new(Mutex::new(reloader));
        let first = Arc::clone(&reloader);
        let looked = move |events: DebounceEventResult| {
            if let Err(error) = events {
                tracing::warn!(%error, "the plugin directory");
            }
            reloader.lock().look();
        };
        let mut watcher = new_debouncer(QUIET, looked).map_err(|error| unwatched(&error))?;
        watcher.watcher().watch(&dir, RecursiveMode::NonRecursive).map_err(|error| unwatched(&error))?;
        // A lock file elsewhere is only another way to accept what is in the directory: without it, the next change is.
        if let Some(elsewhere) = settings.plugins.lock.as_deref().and_then(Path::parent)
            && let Err(error) = watcher.watcher().watch(elsewhere, RecursiveMode::NonRecursive)
        {
            tracing::debug!(%error, "the lock file is not watched");
        }
        // What changed while names were learnt was seen by nobody. The run need not wait for this look.
        let look = std::thread::Builder::new().name("host-reload".to_owned());
        look.spawn(move || first.lock().look()).map_err(|error| unwatched(&error))?;
        Ok(Some(Self { _watcher: watcher, notes }))
    }

    /// What happened so far, a sentence each.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.notes.lock().clone()
    }
}

/// The digest of each component of a directory. A file that cannot be read now is looked at when it changes again.
fn files(dir: &Path) -> BTreeMap<PathBuf, Digest> {
    let paths = component_files(dir).unwrap_or_default();
    let digest = |path: PathBuf| Source::File(&path).digest().ok().map(|digest| (path, digest));
    paths.into_iter().filter_map(digest).collect()
}

struct Reloader {
    dir: PathBuf,
    loader: Loader,
    settings: Settings,
    seed: u64,
    /// What strategies have learnt: the one that takes a place goes on from it.
    states: Arc<StateStore>,
    commander: Commander,
    /// Each file as it was looked at last.
    known: BTreeMap<PathBuf, Digest>,
    /// The name of the strategy that each file is, where it could be started.
    running: BTreeMap<PathBuf, String>,
    /// The lock file as it was seen last.
    lock: Option<Lock>,
    /// Files that were not taken because nobody has accepted them: another lock file may.
    untrusted: BTreeSet<PathBuf>,
    /// The name of the eviction policy that each file is, where it could be opened.
    policies: BTreeMap<PathBuf, String>,
    /// Policies that are not taken while another file is called as they are.
    waiting: BTreeSet<PathBuf>,
    notes: Arc<Mutex<Vec<String>>>,
}

impl Reloader {
    /// The names of the files that are there at the start.
    fn learn_names(&mut self) {
        let limits = strategies::start_limits(&self.settings, Time::Machine);
        self.lock = self.read_lock();
        let paths: Vec<PathBuf> = self.known.keys().cloned().collect();
        for path in paths {
            if Source::File(&path).world() == World::Eviction {
                self.learn_policy(&path);
                continue;
            }
            // As a rule it is known from the start of the run, and not compiled or run for this.
            match self.loader.inspect(Source::File(&path), &limits) {
                Ok(known) => drop(self.running.insert(path, known.description.name)),
                Err(LoadError::Untrusted(_)) => drop(self.untrusted.insert(path)),
                Err(_) => {}
            }
        }
    }

    /// The lock file; none where there is none that can be used, which is told of each file that it keeps out.
    fn read_lock(&self) -> Option<Lock> {
        self.loader.trust().lock_of(&self.dir).ok().flatten()
    }

    /// Finds out what changed, and carries it out.
    fn look(&mut self) {
        for request in reset::taken(&self.dir) {
            self.reset(request);
        }
        let before = std::mem::replace(&mut self.known, files(&self.dir));
        let now = self.known.clone();
        let mut again = BTreeSet::new();
        // What is gone first: a file may have been renamed.
        for path in before.keys().filter(|path| !now.contains_key(*path)) {
            if let Some(name) = self.running.remove(path)
                && !self.running.values().any(|other| *other == name)
            {
                self.gone(path, &name);
            }
            self.waiting.remove(path);
            if let Some(name) = self.policies.remove(path) {
                self.policy_gone(path, &name);
                again.append(&mut self.waiting);
            }
        }
        let lock = self.read_lock();
        let accepted = if lock == self.lock { BTreeSet::new() } else { std::mem::take(&mut self.untrusted) };
        self.lock = lock;
        for (path, digest) in &now {
            if before.get(path) != Some(digest) || again.contains(path) || accepted.contains(path) {
                self.untrusted.remove(path);
                self.changed(path, digest);
            }
        }
    }

    /// A file is new, or another one.
    fn changed(&mut self, path: &Path, digest: &Digest) {
        if Source::File(path).world() == World::Eviction {
            return self.policy_changed(path, digest);
        }
        let file = path.display();
        let limits = strategies::start_limits(&self.settings, Time::Machine);
        let runs = match self.running.get(path).or_else(|| self.policies.get(path)) {
            Some(name) => format!("{name} goes on as it was"),
            None => "nothing changes".to_owned(),
        };
        let plugin = match self.loader.open(Source::File(path), &limits) {
            Ok(plugin) => plugin,
            Err(error) => {
                if matches!(error, LoadError::Untrusted(_)) {
                    self.untrusted.insert(path.to_owned());
                }
                self.keep(format!("{file} is not taken, and {runs}: {error}"));
                return;
            }
        };
        let name = plugin.name().to_owned();
        let named = self.settings.strategy(&name).filter(|of| of.enabled && self.settings.control.enabled);
        let Some(strategy) = named else {
            self.keep(format!("{file}: `{name}` is not started, because no profile switches it on; {runs}"));
            return;
        };
        match self.start(&plugin, strategy) {
            Ok(with) => {
                let from = format!("{file} ({})", digest.short());
                if self.tell(Command::Replace { with: Box::new(with), from: from.clone() }) {
                    self.note(format!("{name} runs from {from} since it changed"));
                }
                let before = self.running.insert(path.to_owned(), name.clone());
                // The file was another strategy before.
                if let Some(before) = before.filter(|before| *before != name) {
                    self.gone(path, &before);
                }
                if let Some(policy) = self.policies.remove(path) {
                    self.policy_gone(path, &policy);
                }
            }
            Err(error) => self.keep(format!("{file} is not taken, and {name} goes on as it was: {error}")),
        }
    }

    /// The file of a strategy is there no more.
    fn gone(&self, path: &Path, name: &str) {
        let file = path.display();
        let bundled =
            bundled().into_iter().find(|place| matches!(place, Place::Bundled(of, _) if *of == name));
        let strategy = self.settings.strategy(name).filter(|strategy| strategy.enabled);
        let limits = strategies::start_limits(&self.settings, Time::Machine);
        if let (Some(place), Some(strategy)) = (bundled, strategy) {
            let opened = self.loader.open(place.source(), &limits);
            let started = opened.and_then(|plugin| self.start(&plugin, strategy));
            match started {
                Ok(with) => {
                    let from = "the bundled one".to_owned();
                    if self.tell(Command::Replace { with: Box::new(with), from }) {
                        self.note(format!("{name} is the bundled one again since {file} was removed"));
                    }
                    return;
                }
                Err(error) => tracing::warn!(%error, name, "the bundled strategy does not start"),
            }
        }
        let reason = format!("{file} was removed");
        if self.tell(Command::Retire { strategy: name.to_owned(), reason: reason.clone() }) {
            self.note(format!("{name} was retired: {reason}"));
        }
    }

    /// Somebody asks for a strategy to be reset.
    fn reset(&self, request: Taken) {
        let asked = request.asked.clone().and_then(|forget| {
            let strategy = request.strategy.clone();
            let states = forget.then(|| Arc::clone(&self.states));
            let answer = self.commander.send(Command::Reset { strategy, forget: states });
            let answer =
                answer.and_then(|answer| answer.blocking_recv().unwrap_or(Err(HostError::ControlThreadDied)));
            let text = if forget { ", and what it had learnt is forgotten" } else { "" };
            answer.map(|()| text).map_err(|error| error.to_string())
        });
        let (done, text) = match asked {
            Ok(text) => (true, format!("{} was reset by the operator{text}", request.strategy)),
            Err(error) => (false, error),
        };
        self.note(if done { text.clone() } else { format!("{} was not reset: {text}", request.strategy) });
        if let Err(error) = request.answer(done, &text) {
            tracing::warn!(%error, "who asked for a reset is not answered");
        }
    }

    fn start(&self, plugin: &Plugin, strategy: &StrategySettings) -> Result<Registration, LoadError> {
        strategies::start(plugin, strategy, Time::Machine, self.seed, &self.states)
    }

    fn keep(&self, reason: String) {
        self.tell(Command::Keep { reason: reason.clone() });
        self.note(reason);
    }

    /// Whether the host did it. One that has ended does nothing any more.
    fn tell(&self, command: Command) -> bool {
        self.ask(command).is_ok()
    }

    fn ask(&self, command: Command) -> Result<(), HostError> {
        self.commander.send(command)?.blocking_recv().unwrap_or(Err(HostError::ControlThreadDied))
    }

    fn note(&self, text: String) {
        tracing::info!("{text}");
        let mut notes = self.notes.lock();
        if notes.len() < MOST_NOTES {
            notes.push(text);
        }
    }
}
