//! `host plugin new`: a project to begin with.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use host_author::project::{self, Project};

use crate::exit::Failure;
use crate::out::outln;

/// Write a project for a new plugin, which builds as it is with the language's own tool.
///
/// Its README has three commands: build, check, test. In Rust the project names the SDK by its version, and says
/// where it is, because it is on no registry; the other languages get a copy of the contract, `wit/`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host plugin new my-policy --kind eviction --lang rust
  host plugin new my-strategy --kind strategy --lang python --path ~/src/my-strategy
")]
pub(crate) struct New {
    /// The name that the component gives itself: words of lower-case letters and digits, joined by hyphens.
    name: String,

    /// What it is to be.
    #[arg(long)]
    kind: Kind,

    /// The language of its sources.
    #[arg(long)]
    lang: Lang,

    /// The folder, which has to be new or empty [default: one of its name in this folder].
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,

    /// For Rust: the folder `plugins` of the host's repository, or one with the packages of the SDKs, unpacked
    /// [default: `plugins` where it was when this host was built].
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Proposes settings of the host, once a tick
    Strategy,
    /// Decides which entries leave a cache
    Eviction,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Lang {
    /// Rust, through cargo
    Rust,
    /// C, through wit-bindgen, zig and wasm-tools
    C,
    /// JavaScript, through componentize-qjs
    Js,
    /// Python, through componentize-py
    Python,
}

impl New {
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        let folder = self.path.clone().unwrap_or_else(|| PathBuf::from(&self.name));
        let project = Project {
            name: self.name.clone(),
            kind: match self.kind {
                Kind::Strategy => project::Kind::Strategy,
                Kind::Eviction => project::Kind::Eviction,
            },
            lang: match self.lang {
                Lang::Rust => project::Lang::Rust,
                Lang::C => project::Lang::C,
                Lang::Js => project::Lang::Js,
                Lang::Python => project::Lang::Python,
            },
            sdk: self.sdk.clone(),
        };
        let files = project.write(&folder)?;
        // Those of the contract are copies.
        let own = files.iter().filter(|file| file.parent().is_none_or(|parent| !parent.ends_with("wit")));
        for file in own {
            outln!("{}", file.display())?;
        }
        if files.iter().any(|file| file.ends_with(Path::new("wit/world.wit"))) {
            outln!("{}: the contract", folder.join("wit").display())?;
        }
        outln!()?;
        outln!("{} says how to build, check and test it", folder.join("README.md").display())?;
        Ok(())
    }
}
