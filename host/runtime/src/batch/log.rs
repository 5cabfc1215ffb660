//! The log of a batch's jobs: comma-separated values, a row for each try, written as it ends.
//!
//! A batch that was ended, in whatever way, goes on from it: a command is left out for each row that says that it succeeded.
//! What a kill has cut off is the last row, which is taken away.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use csv::{ByteRecord, ReaderBuilder, Writer};
use host_workload::commands::Command;
use parking_lot::Mutex;

use super::job::{Ending, Ran};
use crate::error::RunError;

/// The first row.
const COLUMNS: [&str; 9] =
    ["line", "try", "start", "wall_seconds", "cpu_seconds", "peak_bytes", "exit", "ending", "command"];
/// Places of the columns that are read back.
const ENDING: usize = 7;
const COMMAND: usize = 8;

/// The log, open for further rows; none where no one wants it.
#[derive(Debug)]
pub(super) struct JobLog(Option<Open>);

#[derive(Debug)]
struct Open {
    path: PathBuf,
    rows: Mutex<Writer<File>>,
}

/// What a log says has succeeded: how often each command did.
#[derive(Debug, Default)]
pub(super) struct Done(HashMap<Vec<u8>, u64>);

impl Done {
    /// The commands that are still to be run.
    pub(super) fn left(mut self, commands: &[Command]) -> Vec<&Command> {
        let mut is_done = |command: &Command| {
            let times = self.0.get_mut(command.text.as_bytes());
            times.is_some_and(|times| std::mem::replace(times, times.saturating_sub(1)) > 0)
        };
        commands.iter().filter(|command| !is_done(command)).collect()
    }
}

impl JobLog {
    /// Opens the log, and reads what it holds where a batch goes on from it.
    ///
    /// # Errors
    /// [`RunError::JobLog`]: there is one already, and nobody said that the batch goes on from it; it is none; it
    /// cannot be read or written.
    pub(super) fn open(path: Option<&Path>, resume: bool) -> Result<(Self, Done), RunError> {
        let Some(path) = path else { return Ok((Self(None), Done::default())) };
        let fault = |what: String| RunError::JobLog { path: path.to_owned(), what };
        let system = |error: std::io::Error| fault(error.to_string());
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|error| fault(format!("the job log cannot be opened: {error}")))?;
        let mut text = Vec::new();
        // A device such as /dev/null holds nothing.
        if file.metadata().map_err(system)?.is_file() {
            file.read_to_end(&mut text).map_err(system)?;
        }
        if !text.is_empty() && !resume {
            return Err(fault("holds a job log; --resume goes on from it, or name another file".to_owned()));
        }
        // A row that was cut off has no line end.
        let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        text.truncate(whole);
        let done = read(&text).map_err(&fault)?;
        if whole > 0 || file.metadata().map_err(system)?.len() > 0 {
            let length = u64::try_from(whole).unwrap_or(u64::MAX);
            file.set_len(length).map_err(system)?;
            file.seek(SeekFrom::Start(length)).map_err(system)?;
        }
        let mut rows = Writer::from_writer(file);
        if whole == 0 {
            rows.write_record(COLUMNS).map_err(|error| fault(error.to_string()))?;
            rows.flush().map_err(system)?;
        }
        Ok((Self(Some(Open { path: path.to_owned(), rows: Mutex::new(rows) })), done))
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`RunError::JobLog`]: it cannot be written.
    pub(super) fn add(&self, command: &Command, attempt: u32, ran: &Ran) -> Result<(), RunError> {
        let Some(log) = &self.0 else { return Ok(()) };
        let seconds = |time: std::time::Duration| format!("{:.6}", time.as_secs_f64());
        let fields = [
            command.line.to_string(),
            attempt.to_string(),
            humantime::format_rfc3339_millis(ran.started).to_string(),
            seconds(ran.wall),
            seconds(ran.cpu),
            ran.peak_bytes.map(|bytes| bytes.to_string()).unwrap_or_default(),
            ran.ending.code().to_string(),
            ran.ending.to_string(),
        ];
        let mut rows = log.rows.lock();
        let row = fields.iter().map(String::as_bytes).chain([OsStr::as_bytes(&command.text)]);
        let written = rows.write_record(row).map_err(|error| error.to_string());
        // As a whole at once: a batch that is killed loses no row of a job that has ended.
        written.and_then(|()| rows.flush().map_err(|error| error.to_string())).map_err(|what| {
            RunError::JobLog { path: log.path.clone(), what: format!("a row cannot be written: {what}") }
        })
    }
}

fn read(text: &[u8]) -> Result<Done, String> {
    let mut done = Done::default();
    if text.is_empty() {
        return Ok(done);
    }
    let mut rows = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
    let mut row = ByteRecord::new();
    let mut first = true;
    while rows.read_byte_record(&mut row).map_err(|error| format!("is no job log: {error}"))? {
        let line = row.position().map_or(0, csv::Position::line);
        if std::mem::take(&mut first) {
            if !row.iter().eq(COLUMNS.map(str::as_bytes)) {
                return Err(format!("is no job log: line 1 is not `{}`", COLUMNS.join(",")));
            }
            continue;
        }
        let (Some(ending), Some(command)) = (row.get(ENDING), row.get(COMMAND)) else {
            return Err(format!("line {line}: has {} columns, expected {}", row.len(), COLUMNS.len()));
        };
        if ending == Ending::Ok.to_string().as_bytes() {
            let times = done.0.entry(command.to_vec()).or_default();
            *times = times.saturating_add(1);
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use host_workload::commands::CommandList;

    use super::*;

    fn list(text: &str) -> CommandList {
        CommandList::read(text.as_bytes(), "x".as_ref(), false).unwrap()
    }

    fn ran(ending: Ending) -> Ran {
        let (wall, cpu) = (Duration::from_millis(1500), Duration::from_millis(20));
        Ran { started: SystemTime::UNIX_EPOCH, wall, cpu, peak_bytes: Some(4096), ending, printed: None }
    }

    #[test]
    fn what_succeeded_is_left_out_as_often_as_it_did() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.csv");
        let list = list("a 'x,y'\nb\na 'x,y'\nc\n");
        let commands = list.commands();
        let (log, done) = JobLog::open(Some(&path), false).unwrap();
        assert_eq!(done.left(commands).len(), 4);
        log.add(&commands[0], 1, &ran(Ending::Ok)).unwrap();
        log.add(&commands[1], 1, &ran(Ending::Failed(3))).unwrap();
        log.add(&commands[3], 1, &ran(Ending::Ok)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let second = text.lines().nth(1).unwrap();
        assert_eq!(second, "1,1,1970-01-01T00:00:00.000Z,1.500000,0.020000,4096,0,ok,\"a 'x,y'\"");
        let error = JobLog::open(Some(&path), false).unwrap_err().to_string();
        assert!(
            error.ends_with("holds a job log; --resume goes on from it, or name another file"),
            "{error}"
        );

        // A kill has cut the last row.
        std::fs::write(&path, &text[..text.len() - 3]).unwrap();
        let (log, done) = JobLog::open(Some(&path), true).unwrap();
        let left: Vec<u64> = done.left(commands).iter().map(|command| command.line).collect();
        assert_eq!(left, [2, 3, 4]);
        log.add(&commands[2], 2, &ran(Ending::Signal(9))).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(text.ends_with(",137,signal 9,\"a 'x,y'\"\n"), "{text}");
    }

    #[test]
    fn what_is_no_job_log_is_told_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.csv");
        for (text, expected) in [
            ("key,size\n1,2\n", "is no job log: line 1 is not `line,try,"),
            (&format!("{}\n1,2\n", COLUMNS.join(",")), "line 2: has 2 columns, expected 9"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = JobLog::open(Some(&path), true).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        let error = JobLog::open(Some(&folder.path().join("no/jobs.csv")), true).unwrap_err().to_string();
        assert!(error.contains("cannot be opened"), "{error}");
    }
}
