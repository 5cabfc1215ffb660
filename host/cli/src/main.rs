//! The binary `host`: arguments in, text out. Everything else is a library.
//!
//! One file a command, under [`commands`]. A command returns an exit code; an error becomes one
//! message on standard error and the code of its kind (see [`exit`]).

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod commands;
mod exit;
mod format;
mod interrupt;
mod layers;
mod log;
mod out;
mod policies;
mod progress;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::exit::{End, Failure};

/// A cache, an executor and a prefetcher, tuned by sandboxed WebAssembly strategies.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100, after_help = exit::HELP)]
struct Arguments {
    #[command(flatten)]
    log: log::Log,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(commands::run::Run),
    Serve(commands::serve::Serve),
    Status(commands::status::Status),
    Top(commands::top::Top),
    Sim(commands::sim::Sim),
    Replay(commands::replay::Replay),
    Trace(commands::trace::Trace),
    Plugin(commands::plugin::Plugin),
    Profile(commands::profile::Profile),
    Ledger(commands::ledger::Ledger),
    Completions(commands::manual::Completions),
    Man(commands::manual::Man),
}

fn main() -> ExitCode {
    // Compiling a component is done in a child of this binary: before anything else is set up.
    if let Some(code) = host_plugin::serve() {
        return code;
    }
    host_runtime::strategies::tell_of_long_compiles(|place, bytes| {
        let size = host_profile::Bytes(u64::try_from(bytes).unwrap_or(u64::MAX));
        out::say(&format!("compiling {place}, {size}: what comes of it is kept for next time"));
    });
    match Arguments::try_parse() {
        Ok(arguments) => exit::code(arguments.execute()),
        // Help and version are output like any other.
        Err(text) if !text.use_stderr() => exit::code(print_help(&text)),
        Err(wrong) => {
            // Where standard error is closed, the exit code still reports the error.
            drop(wrong.print());
            ExitCode::from(exit::WRONG_ARGUMENTS)
        }
    }
}

fn print_help(text: &clap::Error) -> Result<End, Failure> {
    let text = text.render();
    let mut out = out::stdout();
    // Styles only on a terminal.
    if std::io::stdout().is_terminal() {
        write!(out, "{}", text.ansi())?
    } else {
        write!(out, "{text}")?
    }
    out.flush()?;
    Ok(End::Done)
}

impl Arguments {
    fn execute(self) -> Result<End, Failure> {
        self.log.install()?;
        match self.command {
            Command::Run(run) => run.execute(),
            Command::Serve(serve) => serve.execute(),
            Command::Status(status) => status.execute(),
            Command::Top(top) => top.execute(),
            Command::Sim(sim) => sim.execute(),
            Command::Replay(replay) => replay.execute(),
            Command::Trace(trace) => trace.execute(),
            Command::Plugin(plugin) => plugin.execute(),
            Command::Profile(profile) => profile.execute(),
            Command::Ledger(ledger) => ledger.execute(),
            Command::Completions(completions) => completions.execute(),
            Command::Man(man) => man.execute(),
        }
    }
}
