//! What strategies have learnt, by their names: it outlives an instance, and with a folder the run.
//!
//! A strategy has one [`StrategyState`], whichever instance of it runs. In a folder it has a file ([`file`]), which a thread
//! of its own writes: neither a request nor a tick waits for the disk. It is told of a change after [`EVERY`] ticks at the
//! soonest, and what is left is written at the end.

mod entries;
mod file;
mod working;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use parking_lot::Mutex;

pub(crate) use entries::{Caps, Entries, Refused};
use file::Folder;
pub(crate) use working::{NotKept, Working};

/// Ticks of a strategy from one time that its file is written to the next.
const EVERY: u64 = 8;

/// What one strategy has learnt. Copies are one and the same.
#[derive(Debug, Clone, Default)]
pub struct StrategyState(Arc<Slot>);

#[derive(Debug, Default)]
struct Slot {
    name: String,
    learnt: Mutex<Learnt>,
    /// Who writes it down; nobody where it lasts for the run.
    writer: Option<mpsc::Sender<Message>>,
}

#[derive(Debug, Default)]
struct Learnt {
    entries: Entries,
    /// Whether it was changed since it was written down.
    changed: bool,
    /// Ticks since then.
    ticks: u64,
}

impl StrategyState {
    fn new(name: &str, entries: Entries, writer: Option<mpsc::Sender<Message>>) -> Self {
        let learnt = Mutex::new(Learnt { entries, ..Learnt::default() });
        Self(Arc::new(Slot { name: name.to_owned(), learnt, writer }))
    }

    fn read<T>(&self, look: impl FnOnce(&Entries) -> T) -> T {
        look(&self.0.learnt.lock().entries)
    }

    /// A tick has ended well, with what was made of it where it was changed.
    fn ticked(&self, changed: Option<Entries>) {
        let mut learnt = self.0.learnt.lock();
        learnt.ticks = learnt.ticks.saturating_add(1);
        if let Some(changed) = changed.filter(|changed| *changed != learnt.entries) {
            learnt.entries = changed;
            learnt.changed = true;
        }
        if learnt.changed
            && learnt.ticks >= EVERY
            && let Some(writer) = &self.0.writer
        {
            learnt.ticks = 0;
            // Who is not there any more has ended, and has written what there was.
            drop(writer.send(Message::Write(self.clone())));
        }
    }

    /// Nothing is known any more. It is written down as any other change.
    fn forget(&self) {
        let mut learnt = self.0.learnt.lock();
        learnt.changed |= learnt.entries != Entries::default();
        learnt.entries = Entries::default();
    }

    /// What is to be written, where something is.
    fn take_changed(&self) -> Option<Entries> {
        let mut learnt = self.0.learnt.lock();
        std::mem::take(&mut learnt.changed).then(|| learnt.entries.clone())
    }
}

/// What all strategies of a run have learnt.
#[derive(Debug, Default)]
pub struct StateStore {
    states: Mutex<BTreeMap<String, StrategyState>>,
    notes: Mutex<Vec<String>>,
    disk: Option<Disk>,
}

/// The folder, and the thread that writes to it.
#[derive(Debug)]
struct Disk {
    folder: Arc<Folder>,
    writer: mpsc::Sender<Message>,
    thread: Mutex<Option<JoinHandle<Failures>>>,
}

#[derive(Debug)]
enum Message {
    Write(StrategyState),
    End,
}

/// Why the state of a strategy could not be written when it was tried last.
type Failures = BTreeMap<String, String>;

impl StateStore {
    /// One that lasts as long as it is held.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// One that is kept in a folder, which is made where it is not there. It is locked until the store is dropped.
    ///
    /// # Errors
    /// The folder cannot be made, locked or written to, or another host keeps its state there; or the system has no thread left.
    pub fn in_folder(path: &Path) -> io::Result<Self> {
        let folder = Arc::new(Folder::open(path)?);
        let (writer, due) = mpsc::channel();
        let to = Arc::clone(&folder);
        let builder = std::thread::Builder::new().name("learnt state".to_owned());
        let thread = builder.spawn(move || write_what_is_due(&to, &due))?;
        let disk = Disk { folder, writer, thread: Mutex::new(Some(thread)) };
        Ok(Self { states: Mutex::default(), notes: Mutex::default(), disk: Some(disk) })
    }

    /// What a strategy of this name has learnt. A file that cannot be used is set aside, with a [note](Self::take_notes).
    #[must_use]
    pub fn of(&self, strategy: &str) -> StrategyState {
        let mut states = self.states.lock();
        if let Some(known) = states.get(strategy) {
            return known.clone();
        }
        let mut state = StrategyState::new(strategy, Entries::default(), None);
        if let Some(disk) = &self.disk {
            let read = disk.folder.read(strategy);
            if let Some(note) = read.note {
                tracing::warn!("{note}");
                self.notes.lock().push(note);
            }
            state = StrategyState::new(strategy, read.entries, read.writable.then(|| disk.writer.clone()));
        }
        states.insert(strategy.to_owned(), state.clone());
        state
    }

    /// Forgets what a strategy has learnt, between two ticks of it. A file of it is set aside beside the others: says where that is.
    ///
    /// # Errors
    /// The file cannot be set aside. Nothing is forgotten then.
    pub fn forget(&self, strategy: &str) -> io::Result<Option<PathBuf>> {
        let aside = match &self.disk {
            Some(disk) => disk.folder.set_aside(strategy)?,
            None => None,
        };
        if let Some(state) = self.states.lock().get(strategy) {
            state.forget();
        }
        Ok(aside)
    }

    /// The names of the strategies that have learnt something.
    #[must_use]
    pub fn known(&self) -> Vec<String> {
        let states = self.states.lock();
        let knows = |state: &StrategyState| state.read(|entries| *entries != Entries::default());
        states.iter().filter(|(_, state)| knows(state)).map(|(name, _)| name.clone()).collect()
    }

    /// What is known now, in memory: what comes of either is not seen by the other.
    #[must_use]
    pub fn copied(&self) -> Self {
        let states = self.states.lock();
        let copy = |(name, state): (&String, &StrategyState)| {
            (name.clone(), StrategyState::new(name, state.read(Entries::clone), None))
        };
        let states = Mutex::new(states.iter().map(copy).collect());
        Self { states, notes: Mutex::default(), disk: None }
    }

    /// What the operator should know, once.
    pub fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lock())
    }

    /// Writes what is not written yet. What is changed later is lost with the run. Says what the operator should know.
    pub fn finish(&self) -> Vec<String> {
        if let Some(disk) = &self.disk
            && let Some(thread) = disk.thread.lock().take()
        {
            drop(disk.writer.send(Message::End));
            // One that panicked has told so itself.
            let mut failures = thread.join().unwrap_or_default();
            let states: Vec<StrategyState> = self.states.lock().values().cloned().collect();
            for state in states.iter().filter(|state| state.0.writer.is_some()) {
                write(&disk.folder, state, &mut failures);
            }
            self.notes.lock().extend(failures.into_values());
        }
        self.take_notes()
    }
}

impl Drop for StateStore {
    fn drop(&mut self) {
        for note in self.finish() {
            tracing::warn!("{note}");
        }
    }
}

/// The thread that writes.
fn write_what_is_due(folder: &Folder, due: &mpsc::Receiver<Message>) -> Failures {
    let mut failures = Failures::new();
    while let Ok(Message::Write(state)) = due.recv() {
        write(folder, &state, &mut failures);
    }
    failures
}

/// Writes the state of a strategy where it was changed. What could not be written is tried again when it is due again.
fn write(folder: &Folder, state: &StrategyState, failures: &mut Failures) {
    let name = &state.0.name;
    let Some(entries) = state.take_changed() else { return };
    match folder.write(name, &entries) {
        Ok(()) => drop(failures.remove(name)),
        Err(error) => {
            state.0.learnt.lock().changed = true;
            let file = folder.file(name);
            let text = format!("{}: what {name} has learnt was not written: {error}", file.display());
            tracing::warn!("{text}");
            failures.insert(name.clone(), text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPS: Caps = Caps { keys: 8, bytes: 1_000 };

    /// A tick that sets `a`.
    fn tick(state: &StrategyState, value: u8) {
        let mut working = Working::over(state.clone());
        working.set("a".to_owned(), vec![value], CAPS).unwrap();
        working.commit();
    }

    fn read(store: &StateStore, name: &str) -> Option<u8> {
        Working::over(store.of(name)).get("a").map(|value| value[0])
    }

    #[test]
    fn it_outlives_the_run_in_a_folder_and_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let store = StateStore::in_folder(dir.path()).unwrap();
        let state = store.of("one");
        tick(&state, 1);
        assert_eq!((read(&store, "one"), read(&store, "two")), (Some(1), None), "each has its own");
        assert!(store.finish().is_empty());
        drop(store);
        assert!(!dir.path().join("two.json").exists(), "what has nothing to keep has no file");
        // An instance that is still held has no part in it any more.
        tick(&state, 9);
        let store = StateStore::in_folder(dir.path()).unwrap();
        assert_eq!(read(&store, "one"), Some(1));
        let copy = store.copied();
        tick(&copy.of("one"), 2);
        assert_eq!((read(&copy, "one"), read(&store, "one")), (Some(2), Some(1)));
        assert_eq!(read(&StateStore::in_memory(), "one"), None);
    }

    #[test]
    fn it_is_written_every_few_ticks_and_dropping_it_writes_the_rest() {
        let dir = tempfile::tempdir().unwrap();
        let store = StateStore::in_folder(dir.path()).unwrap();
        let state = store.of("one");
        let sent = |state: &StrategyState| state.0.learnt.lock().ticks == 0;
        for n in 1..=20 {
            tick(&state, n);
            assert_eq!(sent(&state), u64::from(n) % EVERY == 0, "tick {n}");
        }
        drop(store);
        assert_eq!(read(&StateStore::in_folder(dir.path()).unwrap(), "one"), Some(20));
    }

    #[test]
    fn what_is_not_changed_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let store = StateStore::in_folder(dir.path()).unwrap();
        let state = store.of("one");
        tick(&state, 1);
        assert!(state.take_changed().is_some());
        for _ in 0..EVERY * 2 {
            tick(&state, 1);
        }
        assert!(state.take_changed().is_none());
        assert!(state.0.learnt.lock().ticks > EVERY);
    }

    #[test]
    fn what_is_forgotten_is_set_aside_and_does_not_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let store = StateStore::in_folder(dir.path()).unwrap();
        let state = store.of("one");
        assert_eq!(store.forget("one").unwrap(), None, "there was nothing");
        tick(&state, 1);
        drop(store);
        let store = StateStore::in_folder(dir.path()).unwrap();
        assert_eq!(read(&store, "one"), Some(1));
        let aside = store.forget("one").unwrap();
        assert_eq!(aside, Some(dir.path().join("one.json.forgotten")));
        assert_eq!(read(&store, "one"), None);
        drop(store);
        let store = StateStore::in_folder(dir.path()).unwrap();
        assert_eq!(read(&store, "one"), None);
        let memory = StateStore::in_memory();
        tick(&memory.of("one"), 1);
        assert_eq!((memory.forget("one").unwrap(), read(&memory, "one")), (None, None));
    }

    #[test]
    fn a_disk_that_does_not_take_it_is_told_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("states");
        let store = StateStore::in_folder(&path).unwrap();
        let state = store.of("one");
        std::fs::remove_dir_all(&path).unwrap();
        for n in 0..20 {
            tick(&state, n);
        }
        let notes = store.finish();
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes[0].contains("one.json: what one has learnt was not written: "), "{notes:?}");
        assert!(store.finish().is_empty(), "once");
    }

    #[test]
    fn a_broken_file_is_noted_and_a_new_one_written() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("one.json"), "not ours").unwrap();
        let store = StateStore::in_folder(dir.path()).unwrap();
        tick(&store.of("one"), 3);
        let notes = store.take_notes();
        assert!(notes.len() == 1 && notes[0].contains("begins with nothing"), "{notes:?}");
        drop(store);
        assert_eq!(read(&StateStore::in_folder(dir.path()).unwrap(), "one"), Some(3));
        assert_eq!(std::fs::read_to_string(dir.path().join("one.json.broken")).unwrap(), "not ours");
    }
}
