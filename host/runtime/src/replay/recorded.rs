//! A recording, tick by tick: what was asked for before each, what it showed, and what came of it.
//!
//! Requests stand in the file before the records of the tick after them; those of one block are held until then. Only so many are
//! held, whatever a file holds.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use host_contract::snapshot::Accesses;
use host_contract::{Snapshot, Value};
use host_control::ledger::Requests;
use host_workload::recording::{Header, Piece, Reader, Request, Totals};
use serde::Deserialize;

use super::ReplayError;

/// Requests that are held for a tick that does not come.
const MOST_HELD: usize = 1 << 20;

/// Bytes of the records of one tick, and requests that one shows: a host writes a small part of either.
const MOST_RECORDS: usize = 1 << 26;
const MOST_SHOWN: usize = 1 << 20;

/// A tick as it was recorded.
#[derive(Debug)]
pub(super) struct Tick {
    /// What it showed, with the requests; without the history.
    pub(super) snapshot: Snapshot,
    /// The records that came of it, as the ledger has them.
    pub(super) lines: Vec<String>,
    /// Whether strategies were asked. They are not at the last look, when a run ends.
    pub(super) asked: bool,
    /// Somebody told the host to do something afterwards, in words.
    pub(super) commands: Vec<String>,
}

/// What is wanted of the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of them, before the tick that they belong to.
    Requests,
    /// How many there are.
    Count,
}

/// What comes next: requests, and the tick after them. Without a tick there may be more.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// How the run began, with its first tick.
    pub(super) begin: Option<Begin>,
    pub(super) requests: Vec<Request>,
    pub(super) tick: Option<Tick>,
    /// Requests that were read so far, those for later ticks among them.
    pub(super) read: u64,
}

/// The first record.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Begin {
    /// The dials as they stood before the first tick, by name.
    pub(super) settings: BTreeMap<String, Value>,
}

/// The type of a record.
#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: String,
}

/// A command, in part.
#[derive(Deserialize)]
struct Command {
    command: String,
    detail: String,
}

/// A recording that is being read.
pub(super) struct Recorded {
    path: PathBuf,
    reader: Reader<BufReader<File>>,
    /// By the time at which they were served, as far as they are sorted.
    held: VecDeque<Request>,
    sorted: bool,
    /// Ticks that are whole.
    ticks: VecDeque<Tick>,
    /// The one whose records are being read.
    open: Option<Tick>,
    /// Bytes of them.
    open_bytes: usize,
    /// The first record, until it is handed on.
    begin: Option<Begin>,
    accesses: Arc<Accesses>,
    requests: u64,
    records: u64,
    totals: Option<Totals>,
    ended: bool,
}

/// When a request was served, by the clock of the ticks.
pub(super) fn served_us(request: &Request) -> u64 {
    request.at_us.saturating_add(u64::from(request.wait_us))
}

impl Recorded {
    pub(super) fn open(path: &Path, wanted: Wanted) -> Result<Self, ReplayError> {
        let reader = Reader::open(path)?;
        Ok(Self {
            path: path.to_owned(),
            reader: if wanted == Wanted::Count { reader.counting() } else { reader },
            held: VecDeque::new(),
            sorted: true,
            ticks: VecDeque::new(),
            open: None,
            open_bytes: 0,
            begin: None,
            accesses: Arc::default(),
            requests: 0,
            records: 0,
            totals: None,
            ended: false,
        })
    }

    pub(super) fn header(&self) -> &Header {
        self.reader.header()
    }

    /// Why it is not whole, once it was read to its end.
    pub(super) fn cut(&self) -> Option<String> {
        self.reader.cut().map(ToString::to_string)
    }

    /// Requests that were read so far.
    pub(super) fn requests(&self) -> u64 {
        self.requests
    }

    /// How much the file says that there is; none before its end, and where it is cut.
    pub(super) fn totals(&self) -> Option<Totals> {
        self.totals
    }

    /// What comes next; none at the end.
    pub(super) fn step(&mut self) -> Result<Option<Step>, ReplayError> {
        loop {
            if let Some(tick) = self.ticks.pop_front() {
                let requests = self.served_until(tick.snapshot.now);
                let begin = self.begin.take();
                return Ok(Some(Step { begin, requests, tick: Some(tick), read: self.requests }));
            }
            if self.held.len() > MOST_HELD {
                let half = MOST_HELD / 2;
                let requests = self.sort().drain(..half).collect();
                return Ok(Some(self.without_tick(requests)));
            }
            if self.ended {
                let requests: Vec<Request> = self.sort().drain(..).collect();
                return Ok((!requests.is_empty()).then(|| self.without_tick(requests)));
            }
            match self.reader.piece()? {
                Some(Piece::Requests(requests)) => {
                    self.requests += u64::try_from(requests.len()).unwrap_or(u64::MAX);
                    self.held.extend(requests);
                    self.sorted = false;
                }
                Some(Piece::Counted(requests)) => self.requests += u64::from(requests),
                Some(Piece::Records(lines)) => lines.lines().try_for_each(|line| self.record(line))?,
                Some(Piece::End(totals)) => self.totals = Some(totals),
                None => {
                    self.ended = true;
                    self.ticks.extend(self.open.take());
                }
            }
        }
    }

    fn without_tick(&self, requests: Vec<Request>) -> Step {
        Step { requests, read: self.requests, ..Step::default() }
    }

    fn sort(&mut self) -> &mut VecDeque<Request> {
        if !std::mem::replace(&mut self.sorted, true) {
            // Stable, and fast where most stand in order.
            self.held.make_contiguous().sort_by_key(served_us);
        }
        &mut self.held
    }

    fn served_until(&mut self, now: Duration) -> Vec<Request> {
        let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        let held = self.sort();
        let end = held.partition_point(|request| served_us(request) <= now);
        held.drain(..end).collect()
    }

    fn record(&mut self, line: &str) -> Result<(), ReplayError> {
        self.records += 1;
        self.open_bytes = self.open_bytes.saturating_add(line.len());
        if self.open_bytes > MOST_RECORDS {
            return Err(self.wrong(format!("the records of one tick take more than {MOST_RECORDS} bytes")));
        }
        let Kind { kind } = self.read(line)?;
        match kind.as_str() {
            "run" => self.begin = Some(self.read(line)?),
            "requests" => {
                let requests: Requests = self.read(line)?;
                let now = requests.after(&self.accesses).map_err(|reason| self.wrong(reason))?;
                if now.keys.len() > MOST_SHOWN {
                    return Err(self.wrong(format!("a tick shows more than {MOST_SHOWN} requests")));
                }
                self.accesses = Arc::new(now);
            }
            "tick" => {
                let snapshot = Snapshot {
                    accesses: Arc::clone(&self.accesses),
                    run: self.header().about,
                    ..self.read::<Snapshot>(line)?
                };
                let (lines, commands) = (Vec::new(), Vec::new());
                let next = Tick { snapshot, lines, asked: false, commands };
                self.ticks.extend(self.open.replace(next));
                self.open_bytes = line.len();
            }
            "command" => {
                let Command { command, detail } = self.read(line)?;
                if let Some(tick) = &mut self.open {
                    tick.commands.push(format!("{command}: {detail}"));
                }
            }
            // What a cache of this machine did, and no decision.
            "fallback" => {}
            kind => {
                if let Some(tick) = &mut self.open
                    && tick.commands.is_empty()
                {
                    tick.asked |= kind == "offer";
                    tick.lines.push(line.to_owned());
                }
            }
        }
        Ok(())
    }

    fn read<'a, T: Deserialize<'a>>(&self, line: &'a str) -> Result<T, ReplayError> {
        serde_json::from_str(line).map_err(|error| self.wrong(error.to_string()))
    }

    fn wrong(&self, reason: String) -> ReplayError {
        ReplayError::Record { path: self.path.clone(), number: self.records, reason }
    }
}
