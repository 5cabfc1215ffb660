//! `host plugin check`: is a component sound?

use std::path::{Path, PathBuf};

use clap::Args;
use host_author::{Checked, Verdict};

use crate::commands::plugin::source;
use crate::commands::print_json;
use crate::exit::{End, Failure};
use crate::layers::Layers;
use crate::out::outln;

/// Check a component: what it is, what it needs, and what it does when it is called.
///
/// A strategy is called in twelve ticks with figures that are made up for it: none at all, usual ones, and lists as long
/// as they get. An eviction policy is told of some thousand requests, and every answer is held against the host's own record of the
/// residents. Either runs under the limits of the profile, and two fresh instances have to answer the same. Ends with 1
/// where something is wrong.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host plugin check mine.wasm
  host plugin check --profile mine.toml mine.wasm
  host plugin check sieve                         the bundled policy
")]
pub(crate) struct Check {
    /// A component, or the name of a bundled one.
    file: PathBuf,

    /// Print JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    layers: Layers,
}

impl Check {
    pub(crate) fn execute(&self) -> Result<End, Failure> {
        let settings = self.layers.load(Path::new("."))?;
        let checked = host_author::check(source(&self.file), &settings)?;
        if self.json {
            print_json(&checked)?;
        } else {
            print(&checked)?;
        }
        Ok(if checked.sound { End::Done } else { End::Unsound })
    }
}

fn print(checked: &Checked) -> Result<(), Failure> {
    let count = |verdict| checked.findings.iter().filter(|finding| finding.verdict == verdict).count();
    for finding in &checked.findings {
        let verdict = match finding.verdict {
            Verdict::Sound => "ok",
            Verdict::Note => "note",
            Verdict::Wrong => "WRONG",
        };
        outln!("{verdict:6} {:12} {}", finding.check, finding.text)?;
    }
    let notes = match count(Verdict::Note) {
        0 => String::new(),
        1 => ", 1 note".to_owned(),
        notes => format!(", {notes} notes"),
    };
    match count(Verdict::Wrong) {
        0 => outln!("sound{notes}")?,
        1 => outln!("1 thing is wrong{notes}")?,
        wrong => outln!("{wrong} things are wrong{notes}")?,
    }
    Ok(())
}
