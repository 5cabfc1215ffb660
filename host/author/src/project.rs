//! A new project for a plugin: sources that build as they are with the language's own tool, and a README of three commands.
//!
//! What is written lies under `templates/`, as files. In Rust the contract comes with the SDK; the other languages get a
//! copy of `wit/`. Nothing is written over: the folder has to be new or empty.

mod error;
mod files;

use std::path::{Path, PathBuf};

use host_contract::Grant;
use host_plugin::name_fault;

pub use error::ProjectError;

/// What the component is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A strategy: world `cache-strategy`, or what the SDK imports.
    Strategy,
    /// An eviction policy: world `eviction`.
    Eviction,
}

/// The language of the sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lang {
    /// Rust, on one of the SDKs.
    Rust,
    /// C, through wit-bindgen, zig and wasm-tools.
    C,
    /// JavaScript, through componentize-qjs.
    Js,
    /// Python, through componentize-py.
    Python,
}

/// A project to write.
#[derive(Debug, Clone)]
pub struct Project {
    /// The name that the component gives itself.
    pub name: String,
    /// What it is to be.
    pub kind: Kind,
    /// The language.
    pub lang: Lang,
    /// For Rust: the folder `plugins` of the host's repository, which holds the SDKs, or one with their unpacked
    /// packages (`policy-sdk-0.1.0`). None: `plugins` where it was when the host was built.
    pub sdk: Option<PathBuf>,
}

/// A crate that is on no registry, and the folder in which it is.
type Local = (&'static str, PathBuf);

/// Where the SDKs were when the host was built.
const BUILT_FROM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins");

/// The version of the SDKs: all crates of the repository have one.
const VERSION: &str = env!("CARGO_PKG_VERSION");

impl Project {
    /// Writes it into a folder, which is made where it is missing. Answers the files, in order.
    ///
    /// # Errors
    /// [`ProjectError`]: the name cannot be used, the folder is in use or cannot be written, or there is no SDK.
    pub fn write(&self, folder: &Path) -> Result<Vec<PathBuf>, ProjectError> {
        self.check_name()?;
        let local = match self.lang {
            Lang::Rust => self.find_sdk()?,
            Lang::C | Lang::Js | Lang::Python => Vec::new(),
        };
        check_folder(folder)?;
        let mut written = Vec::new();
        for file in self.files(&local) {
            let path = folder.join(file.path);
            let failed = |source| ProjectError::Write { path: path.clone(), source };
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(failed)?;
            }
            std::fs::write(&path, file.text).map_err(failed)?;
            if file.executable {
                make_executable(&path).map_err(failed)?;
            }
            written.push(path);
        }
        Ok(written)
    }

    /// What the component imports and a profile has to grant.
    #[must_use]
    pub fn grants(&self) -> Vec<Grant> {
        use Grant::{CacheControl, Dials, Log, Metrics, Run, Settings, State};
        match (self.kind, self.lang) {
            (Kind::Eviction, _) => Vec::new(),
            (Kind::Strategy, Lang::Rust) => vec![Metrics, Dials, CacheControl, Settings, Log],
            // What the program does not call is dropped when it is linked.
            (Kind::Strategy, Lang::C) => vec![Metrics, Dials, CacheControl],
            // All of the world, used or not.
            (Kind::Strategy, Lang::Js | Lang::Python) => {
                vec![Metrics, Dials, Run, CacheControl, Settings, State, Log]
            }
        }
    }

    /// A name has to be one for the host, and for cargo where cargo reads it.
    fn check_name(&self) -> Result<(), ProjectError> {
        let name = &self.name;
        let bad = |fault: String| ProjectError::Name { name: name.clone(), fault };
        if let Some(fault) = name_fault(name) {
            return Err(bad(fault));
        }
        if self.lang != Lang::Rust {
            return Ok(());
        }
        if name.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(bad("begins with a digit, which cargo does not take".to_owned()));
        }
        if files::TAKEN_BY_CARGO.contains(&name.as_str()) {
            return Err(bad("means something else to cargo or to Rust".to_owned()));
        }
        Ok(())
    }

    /// The SDK that the project uses. As a package it takes what it depends on by version, so that those that are on no
    /// registry come with it; in the repository it finds them itself.
    fn find_sdk(&self) -> Result<Vec<Local>, ProjectError> {
        let plugins = self.sdk.clone().unwrap_or_else(|| PathBuf::from(BUILT_FROM));
        let (folder, packages): (_, &[&str]) = match self.kind {
            Kind::Strategy => ("sdk", &["strategy-sdk"]),
            Kind::Eviction => ("policy-sdk", &["policy-sdk", "host-policy"]),
        };
        let unpacked = |name: &&'static str| (*name, plugins.join(format!("{name}-{VERSION}")));
        let is_crate = |folder: &Path| folder.join("Cargo.toml").is_file();
        let in_repository = (self.sdk_crate(), plugins.join(folder));
        let found: Vec<Local> = if is_crate(&in_repository.1) {
            vec![in_repository]
        } else {
            packages.iter().map(unpacked).collect()
        };
        if !found.iter().all(|(_, folder)| is_crate(folder)) {
            return Err(ProjectError::NoSdk {
                folder: plugins,
                expected: format!(
                    "`{folder}` or `{}`",
                    packages
                        .iter()
                        .map(|name| format!("{name}-{VERSION}"))
                        .collect::<Vec<_>>()
                        .join("` and `")
                ),
                asked: self.sdk.is_some(),
            });
        }
        let whole = |(name, folder): Local| match folder.canonicalize() {
            Ok(folder) => Ok((name, folder)),
            Err(source) => Err(ProjectError::Read { path: folder, source }),
        };
        found.into_iter().map(whole).collect()
    }

    /// The SDK in Rust.
    const fn sdk_crate(&self) -> &'static str {
        match self.kind {
            Kind::Strategy => "strategy-sdk",
            Kind::Eviction => "policy-sdk",
        }
    }
}

/// Refuses a folder that holds something.
fn check_folder(folder: &Path) -> Result<(), ProjectError> {
    let failed = |source| ProjectError::Read { path: folder.to_owned(), source };
    match std::fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(ProjectError::NotEmpty { folder: folder.to_owned() }),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

#[cfg(unix)]
fn make_executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
}

/// Elsewhere a script is run by its interpreter.
#[cfg(not(unix))]
fn make_executable(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(name: &str, kind: Kind, lang: Lang) -> Project {
        Project { name: name.to_owned(), kind, lang, sdk: None }
    }

    #[test]
    fn every_project_is_whole_and_has_no_place_left_open() {
        for kind in [Kind::Strategy, Kind::Eviction] {
            for lang in [Lang::Rust, Lang::C, Lang::Js, Lang::Python] {
                let folder = tempfile::tempdir().unwrap();
                let files = project("my-plugin", kind, lang).write(folder.path()).unwrap();
                assert!(files.iter().any(|file| file.ends_with("README.md")), "{files:?}");
                for file in &files {
                    let text = std::fs::read_to_string(file).unwrap();
                    // Those of the contract are copies, and JavaScript has `${...}` of its own.
                    assert!(!text.contains("{{"), "{}: {text}", file.display());
                    assert!(!text.is_empty() && text.ends_with('\n'), "{}", file.display());
                }
                let readme = std::fs::read_to_string(folder.path().join("README.md")).unwrap();
                let commands = readme.lines().filter(|line| line.starts_with("    ")).count();
                assert_eq!(commands, 3, "{readme}");
            }
        }
    }

    #[test]
    fn the_contract_is_copied_whole() {
        let folder = tempfile::tempdir().unwrap();
        project("p", Kind::Eviction, Lang::C).write(folder.path()).unwrap();
        let names = |path: &Path| {
            let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name());
            entries.collect::<std::collections::BTreeSet<_>>()
        };
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        assert_eq!(names(&folder.path().join("wit")), names(&wit));
        for name in names(&wit) {
            let copy = std::fs::read(folder.path().join("wit").join(&name)).unwrap();
            assert_eq!(copy, std::fs::read(wit.join(&name)).unwrap(), "{}", name.display());
        }
    }

    #[test]
    fn in_rust_the_sdk_is_named_by_its_version_and_taken_from_where_it_is() {
        let manifest = |sdk: &Path, kind| {
            let folder = tempfile::tempdir().unwrap();
            let sdk = Some(sdk.to_owned());
            Project { sdk, ..project("mine", kind, Lang::Rust) }.write(folder.path()).unwrap();
            std::fs::read_to_string(folder.path().join("Cargo.toml")).unwrap()
        };
        let repository = Path::new(BUILT_FROM).canonicalize().unwrap();
        let text = manifest(&repository, Kind::Eviction);
        let sdk = repository.join("policy-sdk");
        let line = format!("policy-sdk = {{ path = {:?} }}\n", sdk.display().to_string());
        assert!(text.contains("policy-sdk = \"0.1.0\"\n") && text.contains(&line), "{text}");
        assert!(!text.contains("host-policy"), "the SDK in the repository knows where it is: {text}");
        // As packages, they know nothing of each other.
        let packages = tempfile::tempdir().unwrap();
        let unpacked = packages.path().canonicalize().unwrap();
        for name in ["policy-sdk-0.1.0", "host-policy-0.1.0"] {
            std::fs::create_dir(unpacked.join(name)).unwrap();
            std::fs::write(unpacked.join(name).join("Cargo.toml"), "").unwrap();
        }
        let text = manifest(&unpacked, Kind::Eviction);
        let patched = text.split("[patch.crates-io]\n").nth(1).unwrap();
        for name in ["policy-sdk", "host-policy"] {
            let path = unpacked.join(format!("{name}-0.1.0")).display().to_string();
            assert!(patched.contains(&format!("{name} = {{ path = {path:?} }}\n")), "{text}");
        }
    }

    #[test]
    fn a_folder_in_use_a_bad_name_and_a_missing_sdk_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |project: Project| project.write(folder.path()).unwrap_err().to_string();
        for (name, lang, why) in [
            ("My Plugin", Lang::C, "only lower-case letters, digits and `-` are allowed"),
            ("../up", Lang::C, "only lower-case letters"),
            ("", Lang::Js, "is empty"),
            ("2q", Lang::Rust, "begins with a digit"),
            ("match", Lang::Rust, "means something else"),
            ("policy-sdk", Lang::Rust, "means something else"),
        ] {
            let text = refused(project(name, Kind::Eviction, lang));
            assert!(text.contains(why), "{name}: {text}");
        }
        let nowhere = Some(folder.path().join("nowhere"));
        let text = refused(Project { sdk: nowhere, ..project("mine", Kind::Strategy, Lang::Rust) });
        assert!(text.contains("nowhere") && text.contains("`sdk` or `strategy-sdk-0.1.0`"), "{text}");
        // A policy needs another package with that of the SDK.
        let half = tempfile::tempdir().unwrap();
        std::fs::create_dir(half.path().join("policy-sdk-0.1.0")).unwrap();
        std::fs::write(half.path().join("policy-sdk-0.1.0/Cargo.toml"), "").unwrap();
        let half = Some(half.path().to_owned());
        let text = refused(Project { sdk: half, ..project("mine", Kind::Eviction, Lang::Rust) });
        assert!(text.contains("`policy-sdk` or `policy-sdk-0.1.0` and `host-policy-0.1.0`"), "{text}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was written");
        std::fs::write(folder.path().join("notes.txt"), "").unwrap();
        let text = refused(project("mine", Kind::Strategy, Lang::Js));
        assert!(text.contains("is not empty"), "{text}");
        assert!(!folder.path().join("README.md").exists());
        // What may begin with a digit in other languages.
        let other = tempfile::tempdir().unwrap();
        project("2q", Kind::Eviction, Lang::Python).write(other.path()).unwrap();
    }
}
