//! Requests to reset a strategy of a host that runs, as files in the plugin directory that it watches.
//!
//! Whoever asks writes `NAME.reset` ([`ask`]). The host that sees it first takes it away by renaming it, so that one alone does,
//! carries it out between two ticks, and writes `NAME.reset-answer`, which whoever asked waits for and removes. A request that
//! nobody took is taken back, so that no later host is surprised by it. An empty `NAME.reset` is a request as well, which is not
//! answered.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use host_plugin::name_fault;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// How the files end.
const REQUEST: &str = "reset";
const ANSWER: &str = "reset-answer";

/// How a file begins that is not whole yet, or was taken.
const UNFINISHED: &str = ".host-reset-";

/// More than either file has.
const MAX_BYTES: u64 = 16_384;

/// How often whoever asked looks for the answer.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// Tells the answer to this request from others; a name that no other has.
    id: String,
    forget: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    id: String,
    done: bool,
    text: String,
}

/// Why a strategy was not reset.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The name is not that of any strategy.
    #[error("`{0}` is no name of a strategy: it {1}")]
    Name(String, String),
    /// The directory takes no request.
    #[error("{}: the request cannot be written or read there: {error}", path.display())]
    Directory {
        /// The plugin directory, or the file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Nobody took the request in time. It was taken back.
    #[error(
        "{}: no host took the request within {} s, and it was taken back. A `host run` watches the plugin directory of its own \
         settings, if that was there when it began",
        dir.display(), patience.as_secs_f64()
    )]
    Nobody {
        /// The plugin directory.
        dir: PathBuf,
        /// How long it was waited for.
        patience: Duration,
    },
    /// A host took the request and has not answered in time.
    #[error(
        "a host took the request, and has not carried it out within {} s: a tick of it takes long. Its ledger and its report \
         say what became of it", .0.as_secs_f64()
    )]
    NotYet(Duration),
    /// The host did not do it; in its words.
    #[error("{0}")]
    Refused(String),
}

/// Asks the host that watches a plugin directory to reset a strategy, and waits for its answer, twice `patience` at most. With `forget`
/// the strategy forgets what it has learnt, too. Returns what the host says it did.
///
/// # Errors
/// [`AskError`]: it was not done.
pub fn ask(dir: &Path, strategy: &str, forget: bool, patience: Duration) -> Result<String, AskError> {
    if let Some(fault) = name_fault(strategy) {
        return Err(AskError::Name(strategy.to_owned(), fault));
    }
    let unusable = |error| AskError::Directory { path: dir.to_owned(), error };
    let (request, answer) = (file(dir, strategy, REQUEST), file(dir, strategy, ANSWER));
    let id = write(&request, |id| Request { id, forget }).map_err(unusable)?;
    let wait = || -> Result<Option<String>, AskError> {
        let began = Instant::now();
        while began.elapsed() < patience {
            // One of an earlier request is none.
            if let Some(found) = read::<Answer>(&answer).filter(|found| found.id == id) {
                drop(fs::remove_file(&answer));
                return if found.done { Ok(Some(found.text)) } else { Err(AskError::Refused(found.text)) };
            }
            std::thread::sleep(LOOK);
        }
        Ok(None)
    };
    if let Some(done) = wait()? {
        return Ok(done);
    }
    match fs::remove_file(&request) {
        Ok(()) => Err(AskError::Nobody { dir: dir.to_owned(), patience }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            wait()?.ok_or(AskError::NotYet(patience.saturating_mul(2)))
        }
        Err(error) => Err(AskError::Directory { path: request, error }),
    }
}

/// A request that this host has taken.
#[derive(Debug)]
pub(crate) struct Taken {
    /// The name that its file has.
    pub(crate) strategy: String,
    /// Whether the strategy is to forget what it has learnt; or what is wrong with the request.
    pub(crate) asked: Result<bool, String>,
    dir: PathBuf,
    id: Option<String>,
}

impl Taken {
    /// Tells whoever asked what became of it.
    pub(crate) fn answer(&self, done: bool, text: &str) -> io::Result<()> {
        let Some(id) = &self.id else { return Ok(()) };
        let answer = Answer { id: id.clone(), done, text: text.to_owned() };
        write(&file(&self.dir, &self.strategy, ANSWER), |_| answer).map(drop)
    }
}

/// Takes the requests that are in a directory. One that another host has taken is none.
pub(crate) fn taken(dir: &Path) -> Vec<Taken> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    let mut requests: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == REQUEST) && path.is_file())
        .collect();
    requests.sort();
    requests.iter().filter_map(|path| take(dir, path)).collect()
}

fn take(dir: &Path, path: &Path) -> Option<Taken> {
    let strategy = path.file_stem()?.to_str().filter(|name| name_fault(name).is_none())?.to_owned();
    let mine = dir.join(format!("{UNFINISHED}{}-{strategy}", std::process::id()));
    fs::rename(path, &mine).ok()?;
    let length = fs::metadata(&mine).map(|found| found.len());
    let request = read::<Request>(&mine);
    drop(fs::remove_file(&mine));
    let (asked, id) = match request {
        Some(Request { id, forget }) => (Ok(forget), Some(id)),
        None if length.is_ok_and(|length| length == 0) => (Ok(false), None),
        None => {
            let text = format!("{} is not a request as `host plugin reset` writes it", path.display());
            (Err(text), None)
        }
    };
    Some(Taken { strategy, asked, dir: dir.to_owned(), id })
}

fn file(dir: &Path, strategy: &str, ending: &str) -> PathBuf {
    dir.join(format!("{strategy}.{ending}"))
}

/// Writes a file in one step. `content` is given a name that no other file has, which is returned.
fn write<T: Serialize>(path: &Path, content: impl FnOnce(String) -> T) -> io::Result<String> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut unfinished = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(dir)?;
    let id = unfinished.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    serde_json::to_writer(&mut unfinished, &content(id.clone()))?;
    unfinished.write_all(b"\n")?;
    unfinished.persist(path).map_err(|error| error.error)?;
    Ok(id)
}

/// Reads a file; none where it is not there, or is something else.
fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_millis(100);
    /// Longer than any machine stalls.
    const LONG: Duration = Duration::from_secs(60);

    fn names(dir: &Path) -> usize {
        fs::read_dir(dir).unwrap().count()
    }

    #[test]
    fn a_request_that_nobody_takes_is_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let error = ask(dir.path(), "mine", false, MOMENT).unwrap_err();
        assert!(matches!(error, AskError::Nobody { .. }), "{error:?}");
        assert!(error.to_string().contains("no host took the request within 0.1 s"), "{error}");
        assert_eq!(names(dir.path()), 0);
        let error = ask(dir.path(), "../mine", false, MOMENT).unwrap_err().to_string();
        assert!(error.contains("`../mine` is no name of a strategy: it holds `.`"), "{error}");
        let error = ask(&dir.path().join("none"), "mine", false, MOMENT).unwrap_err();
        assert!(matches!(error, AskError::Directory { .. }), "{error:?}");
    }

    #[test]
    fn a_request_is_taken_once_and_answered_to_who_asked() {
        let dir = tempfile::tempdir().unwrap();
        // Left by somebody who did not wait.
        write(&file(dir.path(), "mine", ANSWER), |id| Answer { id, done: true, text: "old".to_owned() })
            .unwrap();
        for (done, forget) in [(true, true), (false, false)] {
            std::thread::scope(|scope| {
                let asked = scope.spawn(|| ask(dir.path(), "mine", forget, LONG));
                let request = loop {
                    match taken(dir.path()).pop() {
                        Some(request) => break request,
                        None => std::thread::sleep(LOOK),
                    }
                };
                assert_eq!((request.strategy.as_str(), &request.asked), ("mine", &Ok(forget)));
                assert!(taken(dir.path()).is_empty(), "one host alone takes it");
                request.answer(done, "so it is").unwrap();
                match asked.join().unwrap() {
                    Ok(text) => assert!(done && text == "so it is"),
                    Err(error) => assert!(!done && error.to_string() == "so it is", "{error:?}"),
                }
            });
            assert_eq!(names(dir.path()), 0, "nothing is left");
        }
    }

    #[test]
    fn a_request_by_hand_is_one_and_what_is_none_is_told() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("mine.reset"), "").unwrap();
        fs::write(dir.path().join("other.reset"), "please").unwrap();
        fs::write(dir.path().join("Not A Name.reset"), "").unwrap();
        fs::create_dir(dir.path().join("folder.reset")).unwrap();
        let requests = taken(dir.path());
        let [mine, other] = &requests[..] else { panic!("{requests:?}") };
        assert_eq!((mine.strategy.as_str(), &mine.asked), ("mine", &Ok(false)));
        mine.answer(true, "").unwrap();
        let wrong = other.asked.clone().unwrap_err();
        assert!(wrong.contains("other.reset is not a request as `host plugin reset` writes it"), "{wrong}");
        assert_eq!(names(dir.path()), 2);
    }
}
