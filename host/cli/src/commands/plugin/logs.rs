//! `host plugin logs`: what one plugin said in a run, and what the host said of it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::commands::ledger::{file, record};
use crate::commands::print_json;
use crate::exit::Failure;
use crate::format::{table, thousands};
use crate::out::outln;

/// Who speaks where the plugin does not.
const HOST: &str = "host";

/// The messages of one plugin in a ledger, with tick and level
///
/// What it logged and printed, the messages of its panics, and what the host had to say of it: that it failed and why, was started
/// again, had lines dropped. FILE is a ledger that `host run --ledger` or `host sim --ledger` wrote.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host plugin logs cache-policy run.jsonl
  host plugin logs mine run.jsonl --level warn    warnings and errors alone
  host plugin logs mine run.jsonl --json
  host plugin logs plugin:mine run.jsonl          of an eviction policy: that it failed, and why
")]
pub(super) struct Logs {
    /// A strategy by the name that it gives itself, or a policy by its name with plugin:.
    name: String,

    /// The ledger.
    file: PathBuf,

    /// Only messages that matter as much as this, or more.
    #[arg(long, value_enum, default_value_t = Level::Trace)]
    level: Level,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// How much a message matters, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// A level that is not known is one of a later host, and shown.
    fn of(name: &str) -> Self {
        let all = [Self::Trace, Self::Debug, Self::Info, Self::Warn];
        all.into_iter().find(|level| level.name() == name).unwrap_or(Self::Error)
    }
}

/// One message.
#[derive(Debug, PartialEq, Serialize)]
struct Message {
    tick: u64,
    level: Level,
    /// `log`, `stdout`, `stderr`, or `host` for what the host said of the plugin.
    from: String,
    message: String,
}

/// What a line of the ledger has.
#[derive(Debug, PartialEq)]
enum Line {
    /// Names of plugins that take part.
    Names(Vec<String>),
    /// A message of the plugin of that name.
    Said(String, Message),
}

impl Logs {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let (mut lines, mut names, mut messages) = (Vec::new(), BTreeSet::new(), Vec::new());
        let read = file::read(&self.file, &mut lines, line);
        for line in lines {
            match line {
                Line::Names(of) => names.extend(of),
                Line::Said(name, message) => {
                    if name == self.name && message.level >= self.level {
                        messages.push(message);
                    }
                    names.insert(name);
                }
            }
        }
        if !names.contains(&self.name) {
            // A line that is broken may be why.
            read?;
            let known: Vec<&str> = names.iter().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let (file, name) = (self.file.display(), &self.name);
            return Err(format!("{file}: has no plugin `{name}`; it has {known}").into());
        }
        if self.json {
            print_json(&messages)?;
        } else {
            self.print(&messages)?;
        }
        read
    }

    fn print(&self, messages: &[Message]) -> Result<(), Failure> {
        if messages.is_empty() {
            let least = match self.level {
                Level::Trace => String::new(),
                level => format!(" of level {} or above", level.name()),
            };
            outln!("{}: no message{least}", self.name)?;
            return Ok(());
        }
        let mut out = table::bare();
        out.set_header([
            table::figure("TICK"),
            table::text("LEVEL"),
            table::text("FROM"),
            table::text("MESSAGE"),
        ]);
        for Message { tick, level, from, message } in messages {
            // Lines of one message stand below each other.
            for (at, line) in message.lines().enumerate() {
                let first = |text: String| if at == 0 { text } else { String::new() };
                out.add_row([
                    table::figure(first(thousands(*tick))),
                    table::text(&first(level.name().to_owned())),
                    table::text(&first(from.clone())),
                    table::text(line),
                ]);
            }
        }
        table::print(&out)
    }
}

/// What a line has for this command; none where it has nothing.
fn line(text: &[u8]) -> Result<Option<Line>, String> {
    let (kind, fields) = record::fields(text)?;
    let record = record::Record { kind: &kind, fields: &fields };
    let said = |name: String, level: Level, from: &str, message: String| {
        let tick = record.number("tick")?;
        Ok(Some(Line::Said(name, Message { tick, level, from: from.to_owned(), message })))
    };
    match kind.as_str() {
        "run" => {
            let strategies = record.list("strategies")?.iter();
            let names = strategies.filter_map(|of| of.get("name")?.as_str().map(str::to_owned));
            Ok(Some(Line::Names(names.collect())))
        }
        "log" => {
            let level = Level::of(&record.text("level")?);
            said(record.text("strategy")?, level, &record.text("context")?, record.text("message")?)
        }
        "strategy" => {
            let event = record.text("event")?;
            let level = match event.as_str() {
                "back-off" | "quarantine" => Level::Error,
                _ => Level::Info,
            };
            said(record.text("strategy")?, level, HOST, format!("{event}: {}", record.text("text")?))
        }
        "fallback" => {
            let (policy, fallback) = (record.text("policy")?, record.text("fallback")?);
            let message = format!("fallback to {fallback}: {}", record.text("reason")?);
            said(policy, Level::Error, HOST, message)
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> (String, Message) {
        match line(text.as_bytes()).unwrap().unwrap() {
            Line::Said(name, message) => (name, message),
            names => panic!("{names:?}"),
        }
    }

    #[test]
    fn messages_events_and_fallbacks_are_told() {
        let (name, message) = said(
            r#"{"type":"log","tick":3,"strategy":"mine","level":"warn","context":"stderr","message":"hm"}"#,
        );
        assert_eq!((name.as_str(), message.level, message.from.as_str()), ("mine", Level::Warn, "stderr"));
        let (_, message) = said(
            r#"{"type":"strategy","tick":4,"strategy":"mine","event":"back-off","text":"trapped: panicked"}"#,
        );
        assert_eq!((message.level, message.message.as_str()), (Level::Error, "back-off: trapped: panicked"));
        let (name, message) = said(
            r#"{"type":"fallback","tick":5,"policy":"plugin:x","fallback":"lru","reason":"it evicted","shards":1}"#,
        );
        assert_eq!((name.as_str(), message.message.as_str()), ("plugin:x", "fallback to lru: it evicted"));
    }

    #[test]
    fn other_records_say_nothing_and_broken_ones_what_is_wrong() {
        assert_eq!(line(br#"{"type":"tick","tick":1}"#).unwrap(), None);
        let names = line(br#"{"type":"run","strategies":[{"name":"one"},{"name":"two"}]}"#).unwrap();
        assert_eq!(names, Some(Line::Names(vec!["one".to_owned(), "two".to_owned()])));
        assert_eq!(line(b"[]").unwrap_err(), "not a JSON object");
        let lacks = line(br#"{"type":"log","tick":1,"level":"info","context":"log"}"#).unwrap_err();
        assert_eq!(lacks, "a record `log` without `strategy`");
    }

    #[test]
    fn levels_are_in_order_and_an_unknown_one_is_shown() {
        assert!(Level::Trace < Level::Debug && Level::Info < Level::Warn && Level::Warn < Level::Error);
        for level in Level::value_variants() {
            assert_eq!(Level::of(level.name()), *level);
        }
        assert_eq!(Level::of("fatal"), Level::Error);
    }
}
