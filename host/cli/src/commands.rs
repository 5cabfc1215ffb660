//! One file a command, and what several of them share.

pub(crate) mod ledger;
pub(crate) mod manual;
pub(crate) mod plugin;
pub(crate) mod profile;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod sim;
pub(crate) mod status;
pub(crate) mod top;
pub(crate) mod trace;

use std::io::{self, Write as _};
use std::path::Path;

use clap::Args;
use host_workload::trace::{Format, KeyForm, Options, reads_once};
use serde::Serialize;

use crate::exit::Failure;
use crate::out;

/// How a trace is read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Trace format")]
pub(crate) struct TraceFormat {
    /// plain, csv, lis, lirs, oracleGeneral, vscsi, msr, twitter, mooncake or recording; by default told from
    /// the name and the content.
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,

    /// CSV: the column with the key.
    #[arg(long, value_name = "NAME")]
    key_column: Option<String>,

    /// CSV: the column with the size in bytes.
    #[arg(long, value_name = "NAME")]
    size_column: Option<String>,

    /// Hash every key, so that order and distance of keys mean nothing. By default keys keep their order in lis,
    /// lirs, vscsi and msr, and in csv where the key column is lbn, lba, block, sector or offset.
    #[arg(long, conflicts_with = "ordered_keys")]
    hash_keys: bool,

    /// Keep the order of keys that are numbers, whatever the format: for plain numbers that are addresses.
    #[arg(long)]
    ordered_keys: bool,
}

impl TraceFormat {
    pub(crate) fn options(&self) -> Options {
        Options {
            format: self.format,
            key_column: self.key_column.clone(),
            size_column: self.size_column.clone(),
            keys: match (self.hash_keys, self.ordered_keys) {
                (true, _) => Some(KeyForm::Hashed),
                (_, true) => Some(KeyForm::Ordered),
                _ => None,
            },
        }
    }
}

/// Says what a command waits for where its trace is a pipe: opening a pipe waits for a writer.
pub(crate) fn announce_waiting(trace: &Path) {
    if reads_once(trace) {
        let text = "is a pipe or a device: waiting for what is written into it";
        out::say(&format!("{}: {text}", trace.display()));
    }
}

/// Prints a value as one JSON object and a line end.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let mut out = out::stdout();
    serde_json::to_writer_pretty(&mut out, value).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(())
}
