//! The binary `host`: arguments in, text out. Everything else is a library.
//!
//! One file a command, under [`commands`]. A command returns an exit code; an error becomes one
//! message on standard error and the code of its kind (see [`exit`]).

mod commands;
mod exit;
mod format;
mod interrupt;
mod layers;
mod plot;
mod progress;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A cache, an executor and a prefetcher, tuned by sandboxed WebAssembly strategies.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100, after_help = exit::HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(commands::run::Run),
    Sim(commands::sim::Sim),
    Trace(commands::trace::Trace),
    Plugin(commands::plugin::Plugin),
    Profile(commands::profile::Profile),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Run(run) => run.execute(),
        Command::Sim(sim) => sim.execute(),
        Command::Trace(trace) => trace.execute(),
        Command::Plugin(plugin) => plugin.execute(),
        Command::Profile(profile) => profile.execute(),
    };
    exit::code(result)
}
