//! One record of a ledger as a row.
//!
//! Read as JSON and not as the types that write it: a ledger of a later host, with further fields and records, can be read,
//! too. A record that is not known is shown with its fields.

use host_contract::Dials;
use host_profile::Bytes;
use serde_json::Value;

use super::Fields;
use crate::format::{percent, thousands};

/// Most characters of a reason that are shown.
const REASON: usize = 240;

/// What a line is.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    /// The run began: a line about it, and the names of its strategies.
    Run { text: String, strategies: Vec<String> },
    /// Something that was proposed, decided or said.
    Row(Row),
    /// How a decision was judged.
    Effect { decision: u64, verdict: String, reason: String },
    /// The run ended: a line about it.
    End(String),
}

/// A row of the table. A column that does not apply is a dash or empty.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Row {
    pub(super) tick: Option<u64>,
    /// Strategies with commas between, or `host`.
    pub(super) who: String,
    pub(super) dial: String,
    pub(super) change: String,
    pub(super) verdict: String,
    pub(super) reason: String,
    /// The number of the decision that this is.
    pub(super) decision: Option<u64>,
}

impl Row {
    /// The strategies that it is of.
    pub(super) fn strategies(&self) -> impl Iterator<Item = &str> {
        self.who.split(", ").filter(|name| !matches!(*name, "host" | "operator" | ""))
    }

    /// Adds how it was judged.
    pub(super) fn judged(&mut self, verdict: &str, reason: &str) {
        verdict.clone_into(&mut self.verdict);
        self.reason = format!("{}; {reason}", self.reason);
    }
}

impl Line {
    /// Reads a line; none where it has nothing to show.
    ///
    /// # Errors
    /// It is no record, or one of a known type without a field that it has to have.
    pub(super) fn read(text: &[u8]) -> Result<Option<Self>, String> {
        let (kind, fields) = fields(text)?;
        let record = Record { kind: &kind, fields: &fields };
        Ok(match kind.as_str() {
            "tick" | "offer" | "requests" => None,
            "run" => Some(record.run()?),
            "end" => Some(record.end()?),
            "effect" => Some(record.effect()?),
            "proposal" => record.proposal()?.map(Self::Row),
            "rule-proposal" => record.rule_proposal()?.map(Self::Row),
            "decision" => Some(Self::Row(record.decision()?)),
            "rules" => Some(Self::Row(record.rules()?)),
            "shadows" => Some(Self::Row(record.shadows()?)),
            "block" => Some(Self::Row(record.block()?)),
            "log" => Some(Self::Row(record.log()?)),
            "strategy" => Some(Self::Row(record.strategy()?)),
            "fallback" => Some(Self::Row(record.fallback()?)),
            "command" => Some(Self::Row(record.command()?)),
            _ => Some(Self::Row(record.unknown())),
        })
    }
}

/// The type and the fields of a line.
pub(crate) fn fields(text: &[u8]) -> Result<(String, Fields), String> {
    let value: Value = serde_json::from_slice(text)
        .map_err(|error| format!("{} at column {}", cause(&error), error.column()))?;
    let Value::Object(fields) = value else { return Err("not a JSON object".to_owned()) };
    Ok((text_of(&fields, "type")?, fields))
}

pub(crate) struct Record<'a> {
    pub(crate) kind: &'a str,
    pub(crate) fields: &'a Fields,
}

impl Record<'_> {
    fn run(&self) -> Result<Line, String> {
        let strategies: Vec<String> = self
            .list("strategies")?
            .iter()
            .filter_map(|strategy| strategy.get("name")?.as_str().map(str::to_owned))
            .collect();
        let listed = if strategies.is_empty() { "none".to_owned() } else { strategies.join(", ") };
        let (workload, profile) = (self.text("workload")?, self.text("profile")?);
        let text = format!("{workload}, profile {profile}; strategies: {listed}");
        Ok(Line::Run { text, strategies })
    }

    fn end(&self) -> Result<Line, String> {
        let count = |name| self.number(name).map(thousands);
        Ok(Line::End(format!(
            "ended after {} ticks; hits {}, misses {}, decisions {}",
            count("ticks")?,
            count("hits")?,
            count("misses")?,
            count("decisions")?
        )))
    }

    fn effect(&self) -> Result<Line, String> {
        let metric = self.text("metric")?;
        let figure = |value: f64| match metric.as_str() {
            "hit-ratio" => percent(value),
            _ => format!("{value:.0}"),
        };
        let measured = self.get("measured")?.as_f64().map(figure).unwrap_or_default();
        let basis = self.text("basis")?;
        let other = match self.fields.get("counterfactual").and_then(Value::as_f64) {
            Some(other) => format!("{basis} {}", figure(other)),
            None => basis,
        };
        let verdict = self.text("verdict")?;
        Ok(Line::Effect {
            decision: self.number("decision")?,
            verdict,
            reason: format!("{metric} {measured}; {other}"),
        })
    }

    /// Those that were applied are shown as the decision.
    fn proposal(&self) -> Result<Option<Row>, String> {
        let verdict = self.text("verdict")?;
        if verdict == "applied" {
            return Ok(None);
        }
        let dial = self.text("dial")?;
        let asked = shown(&dial, self.get("asked")?);
        let row = Row {
            change: format!("-> {asked}"),
            verdict,
            reason: answer(self.get("answer")?),
            dial,
            ..self.row(self.text("strategy")?)?
        };
        Ok(Some(row))
    }

    fn rule_proposal(&self) -> Result<Option<Row>, String> {
        let verdict = self.text("verdict")?;
        if verdict == "applied" {
            return Ok(None);
        }
        let row = Row {
            dial: format!("prefetch rule {}", self.number("id")?),
            change: format!("-> {}", compact(self.get("asked")?)),
            verdict,
            reason: answer(self.get("answer")?),
            ..self.row(self.text("strategy")?)?
        };
        Ok(Some(row))
    }

    fn decision(&self) -> Result<Row, String> {
        let dial = self.text("dial")?;
        let change = format!("{} -> {}", shown(&dial, self.get("from")?), shown(&dial, self.get("to")?));
        Ok(Row {
            change,
            dial,
            verdict: "decided".to_owned(),
            reason: cut(&self.text("reason")?),
            decision: Some(self.number("id")?),
            ..self.row(self.names("by")?)?
        })
    }

    fn rules(&self) -> Result<Row, String> {
        Ok(Row {
            dial: "prefetch rules".to_owned(),
            change: format!("{} -> {}", self.number("from")?, self.number("to")?),
            verdict: "decided".to_owned(),
            reason: cut(&self.text("reason")?),
            decision: Some(self.number("id")?),
            ..self.row(self.names("by")?)?
        })
    }

    fn shadows(&self) -> Result<Row, String> {
        let count = |name| self.list(name).map(Vec::len);
        Ok(Row {
            dial: "shadows".to_owned(),
            change: format!("{} -> {} policies", count("from")?, count("to")?),
            verdict: "followed".to_owned(),
            reason: cut(&self.names("to")?),
            ..self.row(self.text("by")?)?
        })
    }

    fn block(&self) -> Result<Row, String> {
        let Value::Object(values) = self.get("values")? else {
            return Err(self.lacks("values", "an object"));
        };
        let dials: Vec<&str> = values.keys().map(String::as_str).collect();
        let to: Vec<String> = values.iter().map(|(dial, value)| shown(dial, value)).collect();
        let decisions: Vec<String> = self.list("decisions")?.iter().map(ToString::to_string).collect();
        Ok(Row {
            dial: dials.join(", "),
            change: format!("-> {}", to.join(", ")),
            verdict: format!("{} on trial", self.text("side")?),
            reason: format!(
                "block {} of the trial of decision {}",
                self.number("block")?,
                decisions.join(", ")
            ),
            ..self.row("host".to_owned())?
        })
    }

    fn log(&self) -> Result<Row, String> {
        Ok(Row {
            verdict: self.text("level")?,
            reason: cut(&self.text("message")?),
            ..self.row(self.text("strategy")?)?
        })
    }

    fn strategy(&self) -> Result<Row, String> {
        Ok(Row {
            verdict: self.text("event")?,
            reason: cut(&self.text("text")?),
            ..self.row(self.text("strategy")?)?
        })
    }

    fn fallback(&self) -> Result<Row, String> {
        Ok(Row {
            dial: "cache-policy".to_owned(),
            change: format!("{} -> {}", self.text("policy")?, self.text("fallback")?),
            verdict: "fallback".to_owned(),
            reason: format!(
                "{}; {} of {} shards follow {}",
                self.text("reason")?,
                self.number("degraded_shards")?,
                self.number("shards")?,
                self.text("fallback")?
            ),
            ..self.row("host".to_owned())?
        })
    }

    fn command(&self) -> Result<Row, String> {
        Ok(Row {
            who: "operator".to_owned(),
            verdict: self.text("command")?,
            reason: cut(&self.text("detail")?),
            ..Row::default()
        })
    }

    /// A record of a later host: what it says of itself.
    fn unknown(&self) -> Row {
        let of_row = ["type", "tick", "strategy"];
        let others = self.fields.iter().filter(|(name, _)| !of_row.contains(&name.as_str()));
        let others: Vec<String> = others.map(|(name, value)| format!("{name} {}", compact(value))).collect();
        Row {
            tick: self.fields.get("tick").and_then(Value::as_u64),
            who: self.fields.get("strategy").and_then(Value::as_str).unwrap_or_default().to_owned(),
            verdict: self.kind.to_owned(),
            reason: cut(&others.join(", ")),
            ..Row::default()
        }
    }

    fn row(&self, who: String) -> Result<Row, String> {
        Ok(Row { tick: Some(self.number("tick")?), who, ..Row::default() })
    }

    fn get(&self, name: &str) -> Result<&Value, String> {
        self.fields.get(name).ok_or_else(|| format!("a record `{}` without `{name}`", self.kind))
    }

    fn lacks(&self, name: &str, what: &str) -> String {
        format!("`{name}` of a record `{}` is not {what}", self.kind)
    }

    pub(crate) fn text(&self, name: &str) -> Result<String, String> {
        let text = self.get(name)?.as_str();
        text.map(str::to_owned).ok_or_else(|| self.lacks(name, "a text"))
    }

    pub(crate) fn number(&self, name: &str) -> Result<u64, String> {
        self.get(name)?.as_u64().ok_or_else(|| self.lacks(name, "a whole number"))
    }

    pub(crate) fn list(&self, name: &str) -> Result<&Vec<Value>, String> {
        self.get(name)?.as_array().ok_or_else(|| self.lacks(name, "a list"))
    }

    /// A list of texts, with commas between.
    pub(crate) fn names(&self, name: &str) -> Result<String, String> {
        let names = self.list(name)?.iter().map(Value::as_str).collect::<Option<Vec<_>>>();
        names.map(|names| names.join(", ")).ok_or_else(|| self.lacks(name, "a list of texts"))
    }
}

fn text_of(fields: &Fields, name: &str) -> Result<String, String> {
    let text = fields.get(name).and_then(Value::as_str).map(str::to_owned);
    text.ok_or_else(|| format!("an object without `{name}`"))
}

/// What serde says, without the place, which is that of the line alone.
fn cause(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split_once(" at line ").map_or(text.clone(), |(cause, _)| cause.to_owned())
}

/// A value of a dial in its unit.
fn shown(dial: &str, value: &Value) -> String {
    let dials = Dials::built_in();
    let unit = dials.find(dial).map(|row| row.unit);
    match (unit, value) {
        (Some("bytes"), Value::Number(bytes)) if bytes.is_u64() => {
            Bytes(bytes.as_u64().unwrap_or_default()).to_string()
        }
        (Some("ratio"), Value::Number(ratio)) => percent(ratio.as_f64().unwrap_or_default()),
        (_, Value::String(name)) => name.clone(),
        (_, other) => compact(other),
    }
}

/// The answer that a proposal got, in words.
fn answer(answer: &Value) -> String {
    match answer {
        Value::String(word) => word.clone(),
        Value::Object(one) => {
            let parts: Vec<String> =
                one.iter().map(|(word, what)| format!("{word}: {}", plain(what))).collect();
            cut(&parts.join(", "))
        }
        other => compact(other),
    }
}

/// An object of one field as words.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(one) => {
            let parts: Vec<String> =
                one.iter().map(|(word, what)| format!("{word} {}", plain(what))).collect();
            parts.join(", ")
        }
        Value::Array(all) => all.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// JSON without more.
fn compact(value: &Value) -> String {
    cut(&value.to_string())
}

/// At most [`REASON`] characters.
fn cut(text: &str) -> String {
    let mut cut: String = text.chars().take(REASON).collect();
    if text.chars().nth(REASON).is_some() {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests;
