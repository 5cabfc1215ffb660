//! `host completions` and `host man`: what shells and manuals want to know of the command line.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::exit::{End, Failure};
use crate::{Arguments, out};

/// Print the completions of a shell.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host completions bash > ~/.local/share/bash-completion/completions/host
  host completions zsh > ~/.zfunc/_host
  host completions fish > ~/.config/fish/completions/host.fish
")]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

/// Print the manual page, or write the pages of all commands.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host man | man -l -
  host man --dir ~/.local/share/man/man1
")]
pub(crate) struct Man {
    /// Write a page for each command into this folder, which has to be there.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// The pages cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: the manual pages cannot be written there: {source}", dir.display())]
struct NotWritten {
    dir: PathBuf,
    source: std::io::Error,
}

impl Completions {
    pub(crate) fn execute(self) -> Result<End, Failure> {
        // Into memory first: writing to what was closed would be a panic there.
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "host", &mut text);
        let mut out = out::stdout();
        out.write_all(&text)?;
        out.flush()?;
        Ok(End::Done)
    }
}

impl Man {
    pub(crate) fn execute(self) -> Result<End, Failure> {
        if let Some(dir) = self.dir {
            clap_mangen::generate_to(Arguments::command(), &dir)
                .map_err(|source| NotWritten { dir: dir.clone(), source })?;
            return Ok(End::Done);
        }
        let mut out = out::stdout();
        clap_mangen::Man::new(Arguments::command()).render(&mut out)?;
        out.flush()?;
        Ok(End::Done)
    }
}
