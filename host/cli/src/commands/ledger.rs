//! `host ledger`: what a run wrote down, for people.

pub(crate) mod file;
pub(crate) mod record;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use crate::exit::{End, Failure};
use crate::format::{table, thousands};
use crate::out::outln;
use record::{Line, Row};

/// Read a ledger, which `host run --ledger` and `host sim --ledger` write.
#[derive(Debug, Args)]
pub(crate) struct Ledger {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A line for each thing that was proposed, decided, judged or said.
    ///
    /// Tick, who, which dial, from what to what, what became of it, and the reason. A proposal that was applied is shown as the decision
    /// that came of it, and a decision with how it was judged later. What was measured in each tick is left out.
    Show {
        /// The ledger.
        file: PathBuf,
        /// Only what this strategy proposed, decided or said.
        #[arg(long, value_name = "NAME")]
        strategy: Option<String>,
    },
}

impl Ledger {
    pub(crate) fn execute(self) -> Result<End, Failure> {
        let Command::Show { file, strategy } = self.command;
        show(&file, strategy.as_deref())?;
        Ok(End::Done)
    }
}

/// Prints what could be read, also where a line is broken.
fn show(path: &Path, strategy: Option<&str>) -> Result<(), Failure> {
    let mut lines = Vec::new();
    let broken = match file::read(path, &mut lines, Line::read) {
        Err(error) if lines.is_empty() => return Err(error),
        read => read.err(),
    };
    let read = Read::of(lines);
    if let Some(name) = strategy
        && !read.strategies.contains(name)
        && broken.is_none()
    {
        let known: Vec<&str> = read.strategies.iter().map(String::as_str).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(format!("{}: has nothing of a strategy `{name}`; it has {known}", path.display()).into());
    }
    print(&read, strategy)?;
    broken.map_or(Ok(()), Err)
}

/// What was read, with what is said of a record further down joined to it.
struct Read {
    run: Option<String>,
    end: Option<String>,
    rows: Vec<Row>,
    /// Names of the strategies.
    strategies: BTreeSet<String>,
}

impl Read {
    fn of(lines: Vec<Line>) -> Self {
        let mut read = Self { run: None, end: None, rows: Vec::new(), strategies: BTreeSet::new() };
        // The row of each decision.
        let mut decided = BTreeMap::new();
        for line in lines {
            match line {
                Line::Run { text, strategies } => {
                    read.run = Some(text);
                    read.strategies.extend(strategies);
                }
                Line::End(text) => read.end = Some(text),
                Line::Row(row) => {
                    read.strategies.extend(row.strategies().map(str::to_owned));
                    if let Some(decision) = row.decision {
                        decided.insert(decision, read.rows.len());
                    }
                    read.rows.push(row);
                }
                Line::Effect { decision, verdict, reason } => {
                    let row = decided.get(&decision).and_then(|at| read.rows.get_mut(*at));
                    if let Some(row) = row {
                        row.judged(&verdict, &reason);
                    }
                }
            }
        }
        read
    }
}

fn print(read: &Read, strategy: Option<&str>) -> Result<(), Failure> {
    if let Some(run) = &read.run {
        outln!("{run}")?;
    }
    let of = |row: &&Row| strategy.is_none_or(|name| row.strategies().any(|its| its == name));
    let rows: Vec<&Row> = read.rows.iter().filter(of).collect();
    if rows.is_empty() {
        outln!("nothing was proposed, decided or said")?;
    } else {
        outln!()?;
        let mut out = table::bare();
        out.set_header([
            table::figure("TICK"),
            table::text("STRATEGY"),
            table::text("DIAL"),
            table::text("FROM -> TO"),
            table::text("VERDICT"),
            table::text("REASON"),
        ]);
        for row in rows {
            let tick = row.tick.map_or_else(|| "-".to_owned(), thousands);
            let texts =
                [&row.who, &row.dial, &row.change, &row.verdict, &row.reason].map(|text| table::text(text));
            let [who, dial, change, verdict, reason] = texts;
            out.add_row([table::figure(tick), who, dial, change, verdict, reason]);
        }
        table::print(&out)?;
    }
    if let Some(end) = &read.end {
        outln!()?;
        outln!("{end}")?;
    } else if read.run.is_some() {
        outln!()?;
        outln!("the run wrote no end: it goes on, or was ended")?;
    }
    Ok(())
}

/// A field of a record, or what is wrong with it.
pub(crate) type Fields = Map<String, Value>;
