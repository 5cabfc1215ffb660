//! `host profile`: what profiles there are, what is in force, which one fits.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use host_profile::{FILES_LIMIT, count_files, detect};
use host_telemetry::Machine;

use crate::commands::print_json;
use crate::exit::{End, Failure};
use crate::format::table;
use crate::layers::Above;
use crate::out::outln;

/// Show profiles, the effective configuration, and which profile fits.
#[derive(Debug, Args)]
pub(crate) struct Profile {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The bundled profiles.
    List,
    /// The effective configuration, with the layer that each value comes from.
    Show {
        /// A bundled profile or a TOML file.
        name: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        above: Above,
    },
    /// Which profile fits this machine and a project, and why.
    Detect {
        /// The project.
        #[arg(default_value = ".")]
        path: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

impl Profile {
    pub(crate) fn execute(self) -> Result<End, Failure> {
        match self.command {
            Command::List => {
                let mut table = table::new(["PROFILE", "FOR"]);
                for (name, summary) in host_profile::list() {
                    table.add_row([name, summary]);
                }
                table::print(&table)?;
            }
            Command::Show { name, above, json } => show(&name, &above, json)?,
            Command::Detect { path, json } => {
                let files = count_files(&path, FILES_LIMIT)?;
                let detection = detect(&Machine::read(&path), files);
                if json {
                    print_json(&detection)?;
                } else {
                    outln!("{}", detection.profile)?;
                    for reason in &detection.reasons {
                        outln!("  {reason}")?;
                    }
                    outln!()?;
                    outln!("host run --profile {} {}", detection.profile, path.display())?;
                }
            }
        }
        Ok(End::Done)
    }
}

fn show(name: &str, above: &Above, json: bool) -> Result<(), Failure> {
    let settings = above.load(name, &Machine::read(&PathBuf::from(".")))?;
    if json {
        return print_json(&settings.rows());
    }
    let mut out = table::new(["KEY", "VALUE", "FROM"]);
    for row in settings.rows() {
        out.add_row([&row.key, &row.value, &row.source].map(|text| table::text(text)));
    }
    table::print(&out)?;
    for note in &settings.notes {
        outln!("note: {note}")?;
    }
    Ok(())
}
