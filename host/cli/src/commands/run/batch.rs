//! `host run` of a list of commands.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use host_runtime::Stop;
use host_runtime::batch::{self, BatchOptions};
use host_workload::commands::{CommandList, CommandsError};
use host_workload::trace::{Options, TraceError, TraceReader};

use super::Run;
use crate::exit::{End, Failure};
use crate::format;
use crate::out;
use crate::progress::Terminal;

/// The shell that gets lines.
const SHELL: &str = "/bin/sh";

/// How a list of commands is run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Commands")]
pub(super) struct BatchArgs {
    /// INPUT is a list of commands, whatever it looks like. Every other flag of this part says so, too.
    #[arg(long)]
    commands: bool,

    /// Give each line to /bin/sh, for pipes, redirections and variables. By default a line is a program and its
    /// arguments, quoted as in a shell.
    #[arg(long)]
    shell: bool,

    /// Print what commands print in the order of their lines. By default in the order in which they end.
    #[arg(long)]
    keep_order: bool,

    /// What to do when a command fails: never ends the batch early; with on-error no further command begins, and
    /// those that run end by themselves.
    #[arg(long, value_name = "WHEN")]
    halt: Option<Halt>,

    /// How long a command may take: 90s, 5m. Then it is asked to end, and two seconds later made to.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,

    /// How often a command that failed is run again. What its earlier tries printed is dropped.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1000))]
    retries: Option<u32>,

    /// Write a row for each try of a command to this file, as it ends: line, start, wall and CPU time, peak memory, exit
    /// code.
    #[arg(long, value_name = "FILE")]
    job_log: Option<PathBuf>,

    /// Leave out the commands that --job-log says have succeeded, and add to it.
    #[arg(long, requires = "job_log")]
    resume: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Halt {
    /// Go on with the others
    Never,
    /// Begin no further command
    OnError,
}

impl BatchArgs {
    /// Whether a flag says that the input is a list of commands.
    fn asked(&self) -> bool {
        self.commands
            || self.shell
            || self.keep_order
            || self.halt.is_some()
            || self.timeout.is_some()
            || self.retries.is_some()
            || self.job_log.is_some()
    }

    /// Whether the input is a list of commands: a flag says so, or it is standard input, or a text that is no trace.
    pub(super) fn means(&self, input: Option<&Path>, how: &Options) -> Result<bool, Failure> {
        let Some(input) = input else {
            return if self.asked() {
                Err("a list of commands is missing: a file with one on each line, or - for standard input"
                    .into())
            } else {
                Ok(false)
            };
        };
        if self.asked() || input == Path::new("-") {
            return Ok(true);
        }
        if how != &Options::default() || !input.is_file() {
            return Ok(false);
        }
        let is_no_trace = matches!(TraceReader::open(input, how), Err(TraceError::UnknownFormat { .. }));
        Ok(is_no_trace && begins_as_text(input))
    }
}

/// Whether the beginning of a file may be lines of text.
fn begins_as_text(path: &Path) -> bool {
    use std::io::Read as _;
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(4_096).read_to_end(&mut head));
    read.is_ok() && !head.iter().any(|&byte| byte < b'\t')
}

impl Run {
    /// Runs the list of commands at `input`.
    pub(super) fn batch(&self, input: &Path, stop: &Stop) -> Result<End, Failure> {
        if self.against.is_some_and(|against| against != super::Against::Nothing) {
            return Err("--against: a list of commands is run once, and compared with nothing".into());
        }
        // Standard output is the commands'.
        out::report_on_stderr();
        let args = &self.batch;
        let terminal = Terminal::beside_output(self.json);
        let commands = read(input, args.shell)?;
        let (settings, policies) = self.layers.load_with_policies(Path::new("."))?;
        let options = BatchOptions {
            settings,
            policies,
            commands,
            name: input.display().to_string(),
            shell: args.shell.then(|| OsString::from(SHELL)),
            keep_order: args.keep_order,
            halt: match args.halt {
                Some(Halt::OnError) => batch::Halt::OnError,
                Some(Halt::Never) | None => batch::Halt::Never,
            },
            timeout: args.timeout,
            retries: args.retries.unwrap_or(0),
            job_log: args.job_log.clone(),
            resume: args.resume,
            seed: self.seed,
            ledger: self.ledger.clone(),
            state_dir: self.state_dir.clone(),
        };
        let report = batch::run(&options, &terminal, stop)?;
        if self.json {
            crate::commands::print_json(&report)?;
        } else {
            format::batch::print(&report)?;
        }
        Ok(match () {
            () if report.interrupted => End::Interrupted,
            () if report.failed > 0 || report.not_run > 0 => End::Unsound,
            () => End::Done,
        })
    }
}

fn read(path: &Path, shell: bool) -> Result<CommandList, Failure> {
    if path == Path::new("-") {
        return Ok(CommandList::read(io::stdin().lock(), Path::new("standard input"), shell)?);
    }
    let file = File::open(path);
    let file = file.map_err(|source| CommandsError::Read { path: path.to_owned(), source })?;
    Ok(CommandList::read(BufReader::new(file), path, shell)?)
}
