//! `host plugin`: which components there are, what one is, and what a strategy may read and propose; and what the author of one
//! needs.

mod bench;
mod check;
mod contract;
mod lock;
mod logs;
mod new;
mod policies;
mod precompile;
mod reset;
mod test;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use host_contract::Grant;
use host_plugin::{Examined, Inspection, Place, Source, StateStore, Time};
use host_profile::Settings;
use host_runtime::strategies::{self, Outcome, Plan, Planned};

use crate::commands::print_json;
use crate::exit::{End, Failure};
use crate::format::{short_digest, table};
use crate::layers::Layers;
use crate::out::outln;
use crate::progress::Terminal;

/// List strategies, look into a component and check it, and list what strategies may read and propose.
#[derive(Debug, Args)]
pub(crate) struct Plugin {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every component that is bundled or in the plugin directory, and whether the profile runs it.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        layers: Layers,
    },
    /// Name, version, world, imports with their grants, exports, size and digests of a component, and whether it is accepted.
    Inspect {
        /// A component, or the name of a bundled one.
        file: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        layers: Layers,
    },
    Lock(lock::Lock),
    Logs(logs::Logs),
    New(new::New),
    Precompile(precompile::Precompile),
    Reset(reset::Reset),
    Check(check::Check),
    Test(test::Test),
    Bench(bench::Bench),
    /// The figures that a strategy may read by name, with unit and meaning.
    Gauges {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// The settings of the host that a strategy may propose to change, with unit, grant and profile keys.
    Dials {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

impl Plugin {
    pub(crate) fn execute(self) -> Result<End, Failure> {
        match self.command {
            Command::List { layers, json } => list(&layers, json)?,
            Command::Inspect { file, layers, json } => inspect(&file, &layers, json)?,
            Command::Lock(lock) => lock.execute()?,
            Command::Logs(logs) => logs.execute()?,
            Command::New(new) => new.execute()?,
            Command::Precompile(precompile) => precompile.execute()?,
            Command::Reset(reset) => reset.execute()?,
            Command::Check(check) => return check.execute(),
            Command::Test(test) => return test.execute(),
            Command::Bench(bench) => return bench.execute(),
            Command::Gauges { json } => contract::gauges(json)?,
            Command::Dials { json } => contract::dials(json)?,
        }
        Ok(End::Done)
    }
}

/// One line of the list.
#[derive(serde::Serialize)]
struct Listed {
    /// `strategy` or `eviction`.
    kind: &'static str,
    name: String,
    version: Option<String>,
    summary: Option<String>,
    /// What a run would do with it, in words.
    state: &'static str,
    from: String,
    digest: Option<String>,
    /// The grants that it needs.
    grants: Vec<Grant>,
    /// Dials that it names and this host does not have.
    unknown_dials: Vec<String>,
    /// Why it cannot be loaded or started.
    error: Option<String>,
}

impl Listed {
    fn new(planned: &Planned) -> Self {
        let (state, error) = match &planned.outcome {
            Outcome::Runs(registration) if registration.is_shadowed() => ("runs in shadow mode", None),
            Outcome::Runs(_) => ("runs", None),
            Outcome::SwitchedOff => ("switched off", None),
            Outcome::NotNamed => ("not in the profile", None),
            Outcome::CannotStart(error) if planned.wanted => ("cannot start", Some(error.to_string())),
            Outcome::CannotStart(error) => ("cannot be loaded", Some(error.to_string())),
            Outcome::Refused => ("ends the run", None),
        };
        Self::of("strategy", planned.name.clone(), state, &planned.place, planned.inspection.as_ref(), error)
    }

    fn policy(
        name: String,
        state: &'static str,
        place: &Place,
        inspection: Option<&Inspection>,
        error: Option<String>,
    ) -> Self {
        Self::of("eviction", name, state, place, inspection, error)
    }

    fn of(
        kind: &'static str,
        name: String,
        state: &'static str,
        place: &Place,
        inspection: Option<&Inspection>,
        error: Option<String>,
    ) -> Self {
        Self {
            kind,
            name,
            version: inspection.map(|known| known.description.version.clone()),
            summary: inspection.map(|known| known.description.summary.clone()),
            state,
            from: match place {
                Place::File(path) => path.display().to_string(),
                Place::Bundled(..) => "bundled".to_owned(),
            },
            digest: inspection.map(|known| known.digest.clone()),
            grants: inspection.map(Inspection::grants).unwrap_or_default(),
            unknown_dials: inspection.map(|known| known.unknown_dials.clone()).unwrap_or_default(),
            error,
        }
    }
}

/// Lists what a run would do, and ends as it would: what ends a run before it begins ends the list after it is printed.
fn list(layers: &Layers, json: bool) -> Result<(), Failure> {
    let settings = layers.load(Path::new("."))?;
    // The seed decides nothing before the first tick.
    let plan = Plan::new(&settings, Time::Machine, 1, &StateStore::in_memory(), &Terminal::new(true))?;
    let mut rows: Vec<Listed> = plan.components.iter().map(Listed::new).collect();
    let policies = policies::list(&settings)?;
    if json {
        rows.extend(policies);
        print_json(&rows)?;
    } else {
        print_table("STRATEGY", &rows)?;
        outln!()?;
        print_table("EVICTION POLICY", &policies)?;
        rows.extend(policies);
        print_notes(&rows, &plan.notes, &settings)?;
    }
    match plan.refused.into_iter().next() {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

fn print_table(first: &'static str, rows: &[Listed]) -> Result<(), Failure> {
    let mut out = table::new([first, "VERSION", "STATE", "DIGEST", "FROM", "WHAT IT DOES"]);
    for row in rows {
        let digest = row.digest.as_deref().map(short_digest).unwrap_or_default();
        out.add_row(
            [
                row.name.as_str(),
                row.version.as_deref().unwrap_or("-"),
                row.state,
                digest,
                &row.from,
                row.summary.as_deref().unwrap_or("-"),
            ]
            .map(table::text),
        );
    }
    table::print(&out)
}

fn print_notes(rows: &[Listed], notes: &[String], settings: &Settings) -> Result<(), Failure> {
    for row in rows.iter().filter(|row| row.state == "not in the profile") {
        let grants: Vec<String> = row.grants.iter().map(|grant| format!("\"{grant}\"")).collect();
        outln!()?;
        outln!("to run {}, add to a profile:", row.name)?;
        outln!("strategies.{} = {{ grants = [{}] }}", row.name, grants.join(", "))?;
    }
    for row in rows.iter().filter(|row| !row.unknown_dials.is_empty()) {
        let dials = row.unknown_dials.join(", ");
        outln!()?;
        outln!(
            "{} is built for a later host and runs without what this one does not have: {dials}",
            row.name
        )?;
    }
    for error in rows.iter().filter_map(|row| row.error.as_ref()) {
        outln!()?;
        outln!("{error}")?;
    }
    for note in notes {
        outln!()?;
        outln!("{note}")?;
    }
    if let Some(dir) = &settings.plugins.dir {
        outln!()?;
        outln!("plugin directory: {}", dir.display())?;
    }
    Ok(())
}

/// The file of this path; where there is none, the bundled strategy or policy of this name.
fn source(file: &Path) -> Source<'_> {
    let named = |(name, bytes): (&'static str, &'static [u8])| {
        (Path::new(name) == file).then_some(Source::Bytes { name, bytes })
    };
    let strategies = host_plugin::bundled().into_iter().filter_map(|place| match place {
        Place::Bundled(name, bytes) => Some((name, bytes)),
        Place::File(_) => None,
    });
    let mut bundled = strategies.chain(host_plugin::bundled_policies());
    if file.exists() { None } else { bundled.find_map(named) }.unwrap_or(Source::File(file))
}

/// The plugin directory, which has to be there.
fn directory(settings: &Settings) -> Result<&Path, Failure> {
    let advice = "name one with --plugin-dir DIR, or plugins.dir in a profile";
    let Some(dir) = settings.plugins.dir.as_deref() else {
        return Err(format!("there is no plugin directory: {advice}").into());
    };
    if !dir.is_dir() {
        return Err(format!("{}: there is no such plugin directory: {advice}", dir.display()).into());
    }
    Ok(dir)
}

#[derive(serde::Serialize)]
struct Inspected<'a> {
    #[serde(flatten)]
    inspection: &'a Inspection,
    /// By import: whether the profile grants it; none where no grant is needed.
    granted: BTreeMap<&'a str, Option<bool>>,
    profile: &'a str,
    sha256: String,
    /// Why a pin or a lock file keeps it out; none where none does.
    untrusted: Option<String>,
}

fn inspect(file: &Path, layers: &Layers, json: bool) -> Result<(), Failure> {
    let settings = layers.load_alone()?;
    let loader = strategies::loader(&settings)?;
    let limits = strategies::start_limits(&settings, Time::Machine);
    let Examined { inspection, sha256, untrusted } = loader.examine(source(file), &limits)?;
    let untrusted = untrusted.map(|error| error.to_string());
    let granted = granted(&inspection, &settings);
    if json {
        let (profile, sha256) = (settings.profile.as_str(), sha256.to_string());
        return print_json(&Inspected { inspection: &inspection, granted, profile, sha256, untrusted });
    }
    let description = &inspection.description;
    outln!("{} {}: {}", description.name, description.version, description.summary)?;
    outln!("  from      {}", inspection.place)?;
    outln!("  world     {}", inspection.world)?;
    outln!("  size      {} bytes", inspection.size_bytes)?;
    outln!("  digest    {}", inspection.digest)?;
    outln!("  sha256    {sha256}")?;
    outln!("  exports   {}", inspection.exports.join(", "))?;
    outln!("  dials     {}", dials(&inspection))?;
    outln!()?;
    outln!("imports:")?;
    for import in &inspection.imports {
        let state = match granted.get(import.name.as_str()).copied().flatten() {
            Some(true) => format!("granted by profile {}", settings.profile),
            Some(false) => match import.grant {
                Some(grant) => format!("NOT granted by profile {}: add \"{grant}\"", settings.profile),
                None => "not granted".to_owned(),
            },
            None => import.behind.unwrap_or_default().to_owned(),
        };
        outln!("  {:46} {state}", import.name)?;
    }
    if !description.settings.is_empty() {
        outln!()?;
        outln!("settings:")?;
        for setting in &description.settings {
            let allowed = setting.range().unwrap_or_else(|| setting.choices.join(", "));
            outln!("  {:20} {:8} {:18} {}", setting.name, setting.default, allowed, setting.summary)?;
        }
    }
    if let Some(untrusted) = untrusted {
        outln!()?;
        outln!("NOT accepted: {untrusted}")?;
    }
    Ok(())
}

/// The dials that a component names, those marked that this host does not have.
fn dials(inspection: &Inspection) -> String {
    let name = |dial: &String| match inspection.unknown_dials.contains(dial) {
        true => format!("{dial} (not a dial of this host; the component is built for a later one)"),
        false => dial.clone(),
    };
    let names: Vec<String> = inspection.description.dials.iter().map(name).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn granted<'a>(inspection: &'a Inspection, settings: &Settings) -> BTreeMap<&'a str, Option<bool>> {
    let strategy = settings.strategy(&inspection.description.name);
    let grants = strategy.map(strategies::grants).unwrap_or_default();
    let state = |import: &'a host_plugin::Import| {
        (import.name.as_str(), import.grant.map(|grant| grants.contains(&grant)))
    };
    inspection.imports.iter().map(state).collect()
}
