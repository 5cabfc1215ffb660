//! A strategy natively in the ticks of a recorded run: for `cargo test`.
//!
//! The ledger of a run (`host run --ledger run.jsonl`, `host sim --profile NAME --ledger run.jsonl`) holds what every tick
//! showed and what could be proposed in it. [`Replay::run`] makes a strategy as the host does, calls its `tick` with each, and
//! tells what it asked for. Nothing of that is applied: the next tick shows what was recorded.
//!
//! It is there with the feature `replay`, which belongs into `[dev-dependencies]`, and natively alone:
//!
//! ```toml
//! [dev-dependencies]
//! strategy-sdk = { version = "0.1.0", features = ["replay"] }
//! ```
//!
//! What differs from a run: grants and limits are not enforced (`host plugin check` does that), parameters of a policy are
//! not read, [`dials::outcomes`](crate::dials::outcomes) is empty, and gauges have no unit. `host plugin test FILE --replay` calls the component itself, with all
//! of that.

pub mod host;
mod now;
mod shown;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::log::Level;
use crate::types::{Acceptance, ControlError};
use crate::{Strategy, TickError, TickInfo, export};
use now::{Now, Requests};
use shown::{Shown, field};

/// Values that a reader sees of a gauge.
pub(crate) const HISTORY: usize = 512;

/// One thing that a strategy asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// A dial, or `rule` and the strategy's own number of it.
    pub what: String,
    /// The value asked for, as text.
    pub value: String,
    /// The answer.
    pub answer: Result<Acceptance, ControlError>,
    /// What it said of it.
    pub reason: Option<String>,
}

/// What became of a tick.
#[derive(Debug)]
pub struct Ticked {
    /// Number of the tick.
    pub tick: u64,
    /// What the strategy asked for, in order.
    pub asked: Vec<Asked>,
    /// What it logged.
    pub log: Vec<(Level, String)>,
    /// What `tick` answered. A strategy that answered with an error is made anew for the next tick.
    pub answer: Result<(), TickError>,
}

/// What strategies could know of the run.
#[derive(Debug, Clone)]
struct About {
    clock: String,
    objective: String,
    unit: String,
    seed: u64,
    keys_ordered: bool,
    batch: bool,
}

/// The ledger of a run, and what a profile would give the strategy.
#[derive(Debug, Clone)]
pub struct Replay {
    path: PathBuf,
    text: String,
    settings: BTreeMap<String, String>,
    state: BTreeMap<String, Vec<u8>>,
}

impl Replay {
    /// Reads a ledger.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, String> {
        let path = path.as_ref().to_owned();
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("{}: cannot be read: {error}", path.display()))?;
        Ok(Self { path, text, settings: BTreeMap::new(), state: BTreeMap::new() })
    }

    /// Gives a setting, as a profile would.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Puts bytes under a key of the strategy's learnt state before the first tick.
    #[must_use]
    pub fn learnt(mut self, key: &str, value: &[u8]) -> Self {
        self.state.insert(key.to_owned(), value.to_vec());
        self
    }

    /// Makes the strategy and calls it in every tick in which strategies were asked.
    ///
    /// # Errors
    /// A line of the ledger that is broken or is no record of this version, by its number; or no tick at all.
    pub fn run<S: Strategy>(&self) -> Result<Vec<Ticked>, String> {
        let mut at = 0;
        self.ticks::<S>(&mut at).map_err(|reason| format!("{}:{at}: {reason}", self.path.display()))
    }

    fn ticks<S: Strategy>(&self, at: &mut usize) -> Result<Vec<Ticked>, String> {
        let described = export::describe::<S>();
        let (mut about, mut shown) = (None, None);
        let (mut offer, mut withheld) = (Json::Null, Json::Null);
        let (mut requests, mut history) = (Requests::default(), BTreeMap::<String, Vec<f64>>::new());
        let (mut strategy, mut state) = (None, self.state.clone());
        let mut done = Vec::new();
        for (line, number) in self.text.lines().zip(1..) {
            *at = number;
            let record: Json =
                serde_json::from_str(line).map_err(|error| format!("not a record of a ledger: {error}"))?;
            let kind: String = field(&record, "type")?;
            match kind.as_str() {
                "run" => about = Some(About::read(record.get("about").ok_or("no `about`")?)?),
                "requests" => requests = requests.then(&record)?,
                "tick" => {
                    let read = Shown::read(&record)?;
                    for (gauge, value) in &read.gauges {
                        history.entry(gauge.clone()).or_default().push(*value);
                    }
                    shown = Some(read);
                }
                "offer" => {
                    if let Some(kept) = record.get("withheld") {
                        withheld = kept.clone();
                    }
                    if record.get("dials").is_some() {
                        offer = record;
                    }
                    let shown = shown.take().ok_or("an `offer` without the `tick` before it")?;
                    let mine = shown.rules.iter().filter(|rule| rule.owner == described.name);
                    let info =
                        TickInfo { tick: shown.tick, now_ns: shown.now_ns, elapsed_ns: shown.elapsed_ns };
                    now::set(Some(Now {
                        rules: mine.map(|rule| rule.became.id).collect(),
                        shown,
                        about: about.clone().ok_or("no `run` before the first tick")?,
                        history: history.clone(),
                        requests: requests.clone(),
                        offer: offer.clone(),
                        withheld: withheld.clone(),
                        name: described.name.clone(),
                        declared: described.dials.clone(),
                        settings: self.settings.clone(),
                        state: state.clone(),
                        asked: Vec::new(),
                        reasons: BTreeMap::new(),
                        log: Vec::new(),
                    }));
                    let answer = export::tick::<S>(&mut strategy, info);
                    let Some(mut now) = now::set(None) else { continue };
                    let asked = now.take_asked();
                    // As the host does: what a tick that failed has set does not count, and it begins anew.
                    match &answer {
                        Ok(()) => state = now.state,
                        Err(_) => strategy = None,
                    }
                    done.push(Ticked { tick: info.tick, asked, log: now.log, answer });
                }
                _ => {}
            }
        }
        if done.is_empty() {
            return Err("no tick in which strategies were asked".to_owned());
        }
        Ok(done)
    }
}

impl About {
    fn read(of: &Json) -> Result<Self, String> {
        Ok(Self {
            clock: field(of, "clock")?,
            objective: field(of, "objective")?,
            unit: field(of, "unit")?,
            seed: field(of, "seed")?,
            keys_ordered: field(of, "keys_ordered")?,
            batch: field(of, "batch")?,
        })
    }
}

impl Requests {
    /// What a record `requests` says after these.
    fn then(&self, record: &Json) -> Result<Self, String> {
        let (kept, from): (u64, u64) = (field(record, "kept")?, field(record, "from")?);
        let place = |count: Option<u64>| count.and_then(|count| usize::try_from(count).ok());
        let taken = place(from.checked_sub(kept)).ok_or("`from` lies before `kept`")?;
        let skipped = place(kept.checked_sub(self.kept)).unwrap_or(usize::MAX);
        let mut next = Self {
            kept,
            keys: self.keys.iter().skip(skipped).take(taken).copied().collect(),
            sizes: self.sizes.iter().skip(skipped).take(taken).copied().collect(),
            hits: self.hits.iter().skip(skipped).take(taken).copied().collect(),
        };
        if next.keys.len() != taken {
            return Err(format!("`from` {from} does not go on from the requests before"));
        }
        next.keys.extend(field::<Vec<u64>>(record, "keys")?);
        next.sizes.extend(field::<Vec<u32>>(record, "sizes")?);
        next.hits.extend(field::<Vec<u8>>(record, "hits")?);
        if next.keys.len() != next.sizes.len() || next.keys.len() != next.hits.len() {
            return Err("`keys`, `sizes` and `hits` are of different lengths".to_owned());
        }
        Ok(next)
    }
}

/// The nearest whole number; 0 for what is below or not a number.
#[expect(clippy::as_conversions, reason = "the cast from a float saturates, which is what is wanted")]
fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests;
