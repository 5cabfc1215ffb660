//! Reads a ledger tick by tick, as `host run --ledger` and `host sim --ledger` write it.
//!
//! Only one tick is held at a time: a ledger may be longer than memory. Records that are not known, and those that say
//! nothing of what a strategy sees or asks, are passed over: a later host may write more. The last line of a run that was
//! ended may be cut; all lines but that one have to be whole.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use host_contract::snapshot::Accesses;
use host_contract::{History, RunInfo, Snapshot, Value};
use host_control::ledger::{OfferedDial, Requests};
use host_control::{RuleKinds, Verdict};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::ReplayError;

/// Bytes of a line that are read.
const LONGEST: u64 = 16 << 20;

/// The first record, as far as it is needed.
#[derive(Debug, Clone, Deserialize)]
pub struct Begin {
    /// Name of the profile.
    pub profile: String,
    /// What was run.
    pub workload: String,
    /// What strategies could know of the run.
    pub about: RunInfo,
    /// The strategies that took part.
    pub strategies: Vec<Part>,
}

/// A strategy that took part.
#[derive(Debug, Clone, Deserialize)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// Digest of the component.
    pub digest: String,
}

/// A tick in which strategies were asked.
#[derive(Debug)]
pub(super) struct Tick {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) offering: Arc<Offering>,
    pub(super) withheld: Arc<Withheld>,
    /// How decisions were judged before strategies were asked.
    pub(super) judged: Vec<Judged>,
    /// The same afterwards.
    pub(super) judged_later: Vec<Judged>,
    pub(super) proposals: Vec<Proposal>,
    pub(super) decisions: Vec<Decision>,
    /// Strategies that were started again in it, or replaced.
    pub(super) restarted: Vec<String>,
}

/// What could be proposed, by the names of dials.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Offering {
    pub(super) dials: BTreeMap<String, OfferedDial>,
    pub(super) rule_limit: Option<u32>,
    pub(super) rule_kinds: RuleKinds,
    pub(super) followed: Vec<String>,
    pub(super) shadow_budget: Option<u32>,
}

/// Ticks for which the judge keeps dials from strategies, by their names.
pub(super) type Withheld = BTreeMap<String, BTreeMap<String, u64>>;

/// What a strategy asked for.
#[derive(Debug)]
pub(super) struct Proposal {
    pub(super) strategy: String,
    /// A dial, or a rule of the strategy's own number.
    pub(super) of: Of,
    pub(super) asked: Json,
    pub(super) answer: Json,
    pub(super) verdict: Verdict,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Of {
    Dial(String),
    Rule(u64),
}

#[derive(Debug, Deserialize)]
pub(super) struct Decision {
    pub(super) id: u64,
    pub(super) dial: String,
    pub(super) by: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Judged {
    pub(super) decision: u64,
    pub(super) metric: String,
    pub(super) measured: f64,
    pub(super) counterfactual: Option<f64>,
}

/// The fields of a `proposal` or `shadow-proposal`.
#[derive(Deserialize)]
struct OfDial {
    strategy: String,
    dial: String,
    /// As every value of a dial.
    asked: Value,
    answer: Json,
    verdict: Verdict,
}

/// The fields of a `rule-proposal` or `shadow-rule-proposal`.
#[derive(Deserialize)]
struct OfRule {
    strategy: String,
    id: u64,
    asked: Json,
    answer: Json,
    verdict: Verdict,
}

/// The fields of an `offer`.
#[derive(Deserialize)]
struct Offer {
    tick: u64,
    withheld: Option<Withheld>,
}

/// The fields of a `strategy`.
#[derive(Deserialize)]
struct Event {
    strategy: String,
    event: String,
}

/// A ledger that is being read.
#[derive(Debug)]
pub(super) struct Recording {
    path: PathBuf,
    from: BufReader<File>,
    line: u64,
    pub(super) begin: Begin,
    /// A snapshot that was read, and belongs to the next tick.
    next: Option<Snapshot>,
    accesses: Arc<Accesses>,
    /// Whether the requests of ticks are recorded.
    pub(super) has_requests: bool,
    history: History,
    offering: Arc<Offering>,
    withheld: Arc<Withheld>,
}

impl Recording {
    /// Opens a ledger and reads its first record.
    pub(super) fn open(path: &Path) -> Result<Self, ReplayError> {
        let unreadable = |source| ReplayError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        let mut recording = Self {
            path: path.to_owned(),
            from: BufReader::new(file),
            line: 0,
            begin: Begin {
                profile: String::new(),
                workload: String::new(),
                about: RunInfo::default(),
                strategies: Vec::new(),
            },
            next: None,
            accesses: Arc::default(),
            has_requests: false,
            history: History::default(),
            offering: Arc::default(),
            withheld: Arc::default(),
        };
        match recording.record()? {
            Some((kind, fields)) if kind == "run" => recording.begin = recording.fields(&kind, fields)?,
            Some((kind, _)) => {
                return Err(recording.wrong(format!("the first record is `{kind}`, expected `run`")));
            }
            None => return Err(ReplayError::NoTicks { path: path.to_owned() }),
        }
        Ok(recording)
    }

    /// The next tick in which strategies were asked; none at the end.
    pub(super) fn tick(&mut self) -> Result<Option<Tick>, ReplayError> {
        loop {
            let snapshot = match self.next.take() {
                Some(snapshot) => snapshot,
                None => match self.up_to_a_snapshot()? {
                    Some(snapshot) => snapshot,
                    None => return Ok(None),
                },
            };
            if let Some(tick) = self.rest_of(snapshot)? {
                return Ok(Some(tick));
            }
        }
    }

    /// Passes over what stands before the first snapshot.
    fn up_to_a_snapshot(&mut self) -> Result<Option<Snapshot>, ReplayError> {
        while let Some((kind, fields)) = self.record()? {
            match kind.as_str() {
                "tick" => return self.fields(&kind, fields).map(Some),
                "requests" => self.requests(fields)?,
                _ => {}
            }
        }
        Ok(None)
    }

    /// Reads up to the next snapshot. None where strategies were not asked: that is the last look, at the end of a run.
    fn rest_of(&mut self, snapshot: Snapshot) -> Result<Option<Tick>, ReplayError> {
        for (gauge, value) in &snapshot.gauges {
            self.history.push(gauge, *value);
        }
        let snapshot = Snapshot {
            accesses: Arc::clone(&self.accesses),
            history: Arc::new(self.history.clone()),
            run: self.begin.about,
            ..snapshot
        };
        let mut tick = Tick {
            snapshot: Arc::new(snapshot),
            offering: Arc::clone(&self.offering),
            withheld: Arc::clone(&self.withheld),
            judged: Vec::new(),
            judged_later: Vec::new(),
            proposals: Vec::new(),
            decisions: Vec::new(),
            restarted: Vec::new(),
        };
        let mut asked = false;
        while let Some((kind, fields)) = self.record()? {
            match kind.as_str() {
                "tick" => {
                    self.next = Some(self.fields(&kind, fields)?);
                    break;
                }
                "requests" => self.requests(fields)?,
                "offer" => {
                    let Offer { tick: number, withheld } = self.fields(&kind, fields.clone())?;
                    if number != tick.snapshot.tick {
                        let of = tick.snapshot.tick;
                        return Err(self.wrong(format!("a record `offer` of tick {number} in tick {of}")));
                    }
                    if fields.get("dials").is_some() {
                        self.offering = Arc::new(self.fields(&kind, fields)?);
                    }
                    if let Some(withheld) = withheld {
                        self.withheld = Arc::new(withheld);
                    }
                    tick.offering = Arc::clone(&self.offering);
                    tick.withheld = Arc::clone(&self.withheld);
                    asked = true;
                }
                "effect" if asked => tick.judged_later.push(self.fields(&kind, fields)?),
                "effect" => tick.judged.push(self.fields(&kind, fields)?),
                "decision" => tick.decisions.push(self.fields(&kind, fields)?),
                "proposal" | "shadow-proposal" => {
                    let OfDial { strategy, dial, asked, answer, verdict } = self.fields(&kind, fields)?;
                    let asked = super::json(&asked);
                    tick.proposals.push(Proposal { strategy, of: Of::Dial(dial), asked, answer, verdict });
                }
                "rule-proposal" | "shadow-rule-proposal" => {
                    let OfRule { strategy, id, asked, answer, verdict } = self.fields(&kind, fields)?;
                    tick.proposals.push(Proposal { strategy, of: Of::Rule(id), asked, answer, verdict });
                }
                "strategy" => {
                    let Event { strategy, event } = self.fields(&kind, fields)?;
                    if matches!(event.as_str(), "restart" | "replace") {
                        tick.restarted.push(strategy);
                    }
                }
                _ => {}
            }
        }
        Ok(asked.then_some(tick))
    }

    fn requests(&mut self, fields: Json) -> Result<(), ReplayError> {
        let requests: Requests = self.fields("requests", fields)?;
        let now = requests
            .after(&self.accesses)
            .map_err(|reason| self.wrong(format!("a record `requests`: {reason}")))?;
        self.accesses = Arc::new(now);
        self.has_requests = true;
        Ok(())
    }

    /// The next line: its type, and all of it.
    fn record(&mut self) -> Result<Option<(String, Json)>, ReplayError> {
        let mut text = Vec::new();
        let taken = self.from.by_ref().take(LONGEST).read_until(b'\n', &mut text);
        let taken = taken.map_err(|source| ReplayError::Read { path: self.path.clone(), source })?;
        if taken == 0 {
            return Ok(None);
        }
        self.line += 1;
        let whole = text.ends_with(b"\n");
        let broken = |reason| ReplayError::Line {
            path: self.path.clone(),
            line: self.line,
            reason,
            advice: match whole {
                true => "expected one JSON object a line, as `host run --ledger` writes it",
                false => {
                    "the file ends within it: the run that wrote it was ended, or the disk was full; take the line out"
                }
            },
        };
        let value: Json = serde_json::from_slice(&text).map_err(|error| broken(error.to_string()))?;
        let Some(kind) = value.get("type").and_then(Json::as_str) else {
            return Err(broken("no object with a `type`".to_owned()));
        };
        Ok(Some((kind.to_owned(), value)))
    }

    fn fields<T: DeserializeOwned>(&self, kind: &str, fields: Json) -> Result<T, ReplayError> {
        serde_json::from_value(fields).map_err(|error| self.wrong(format!("a record `{kind}`: {error}")))
    }

    /// What is wrong with the line that was read last.
    fn wrong(&self, reason: String) -> ReplayError {
        let advice = "expected what `host run --ledger` of this version writes: record the run anew";
        ReplayError::Line { path: self.path.clone(), line: self.line, reason, advice }
    }
}
