//! The loader: which layers there are, and their order.

use std::ffi::OsString;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use directories::ProjectDirs;
use host_policy::Registry;
use host_telemetry::Machine;

use crate::error::ProfileError;
use crate::layer::{Layer, file, text};
use crate::settings::Settings;
use crate::source::Source;
use crate::{bounds, builtin};

/// The most that is read of a file, bytes. A profile with every key has some thousand.
const LONGEST_FILE: u64 = 1 << 20;

/// What named a profile: the caller (`by` is none), or the `base` of a file, with the chain of files up to it.
#[derive(Debug, Clone, Copy, Default)]
struct Asked<'a> {
    by: Option<&'a Source>,
    chain: &'a [PathBuf],
}

/// Collects the layers and loads them. A later layer wins over an earlier one:
///
/// 1. the built-in defaults
/// 2. the profile, with its overlays; below a profile that is a file, the one that its `base` names
/// 3. the user's file
/// 4. the environment, `HOST_CACHE_CAPACITY` for `cache.capacity`
/// 5. flags, `cache.capacity=100MB`
#[derive(Debug, Clone)]
pub struct Loader {
    profile: Option<String>,
    user_file: UserFile,
    variables: Vec<(OsString, OsString)>,
    sets: Vec<String>,
    policies: Arc<Registry>,
}

#[derive(Debug, Clone)]
enum UserFile {
    /// The one in the user's configuration folder, if it is there.
    Default,
    Given(PathBuf),
    None,
}

impl Default for Loader {
    fn default() -> Self {
        Self::new()
    }
}

impl Loader {
    /// The defaults, and the user's file `host/host.toml` in the configuration folder if there is one.
    /// Neither environment nor flags: those are handed in.
    #[must_use]
    pub fn new() -> Self {
        Self {
            profile: None,
            user_file: UserFile::Default,
            variables: Vec::new(),
            sets: Vec::new(),
            policies: Arc::default(),
        }
    }

    /// The profile: a built-in one ("medium"), a built-in one with hardware overlays
    /// ("medium+cpu-constrained": of each bound the smaller value), or the path of a `.toml` file.
    #[must_use]
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.profile = Some(name.into());
        self
    }

    /// The user's file, which must then be there; or none, not even the one in the configuration folder.
    #[must_use]
    pub fn user_file(mut self, path: Option<PathBuf>) -> Self {
        self.user_file = path.map_or(UserFile::None, UserFile::Given);
        self
    }

    /// The environment, whole: what is not ours is passed over, and need not be text.
    #[must_use]
    pub fn env<T: Into<OsString>>(mut self, variables: impl IntoIterator<Item = (T, T)>) -> Self {
        self.variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        // In order, so that of several mistakes the same one is reported each time.
        self.variables.sort();
        self
    }

    /// Flags, each `KEY=VALUE`, in order.
    #[must_use]
    pub fn set<T: Into<String>>(mut self, sets: impl IntoIterator<Item = T>) -> Self {
        self.sets.extend(sets.into_iter().map(Into::into));
        self
    }

    /// The policies that `cache.policy` may name, in place of the built-in ones.
    #[must_use]
    pub fn policies(mut self, policies: impl Into<Arc<Registry>>) -> Self {
        self.policies = policies.into();
        self
    }

    /// Reads, merges, checks, and lowers capacities to what the machine has.
    ///
    /// # Errors
    /// The first thing wrong, lower layers first; see [`ProfileError`]. That a strategy exists is not
    /// known here: see [`Settings::check_strategies`].
    pub fn load(&self, machine: &Machine) -> Result<Settings, ProfileError> {
        let mut merged = file::read(builtin::DEFAULTS, &|_| Source::Default, &self.policies)?;
        let mut files = Vec::new();
        if let Some(profile) = &self.profile {
            self.merge_profile(&mut merged, profile, Asked::default(), &mut files)?;
        }
        let dirs = ProjectDirs::from("", "", "host");
        if let Some(path) = self.user_file_path(dirs.as_ref()) {
            let layer = self.read_file(&path, &|line| Source::File(path.clone(), line))?;
            if let Some((_, source)) = &layer.base {
                return Err(ProfileError::BaseOutsideProfile { place: source.place() });
            }
            merged.merge(layer);
            files.push(path);
        }
        let strategies: Vec<String> = merged.strategies.keys().cloned().collect();
        merged.merge(text::environment(&self.variables, &strategies, &self.policies)?);
        merged.merge(text::flags(&self.sets, &self.policies)?);
        merged.complete_strategies();

        bounds::check(&merged)?;
        let notes = bounds::clamp(&mut merged, machine);
        let profile = self.profile.clone().unwrap_or_else(|| "default".into());
        let plugins = dirs.map(|dirs| dirs.data_dir().join("plugins"));
        Settings::from_layer(profile, &merged, plugins, notes, files)
    }

    /// Lays a profile over what is merged, and what it builds on first.
    fn merge_profile(
        &self,
        merged: &mut Layer,
        profile: &str,
        asked: Asked<'_>,
        files: &mut Vec<PathBuf>,
    ) -> Result<(), ProfileError> {
        if profile.ends_with(".toml") || profile.contains(std::path::is_separator) {
            // Relative to the file that names it, so that files can be moved together.
            let folder = asked.by.and_then(Source::folder);
            let path = folder.map_or_else(|| PathBuf::from(profile), |folder| folder.join(profile));
            return self.merge_profile_file(merged, &path, asked, files);
        }
        let place = asked.by.map(|source| format!("{}: base: ", source.place())).unwrap_or_default();
        let mut names = profile.split('+').map(str::trim);
        let (name, text) = builtin::find(names.next().unwrap_or_default(), &place)?;
        merged.merge(file::read(text, &|_| Source::Profile(name.to_owned()), &self.policies)?);
        for overlay in names {
            let (name, text) = builtin::find(overlay, &place)?;
            merged.overlay(file::read(text, &|_| Source::Overlay(name.to_owned()), &self.policies)?);
        }
        Ok(())
    }

    fn merge_profile_file(
        &self,
        merged: &mut Layer,
        path: &Path,
        asked: Asked<'_>,
        files: &mut Vec<PathBuf>,
    ) -> Result<(), ProfileError> {
        // Two paths to one file are one file. A missing file is reported when it is read.
        let file = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let mut chain = asked.chain.to_vec();
        chain.push(file.clone());
        if let Some(by) = asked.by
            && asked.chain.contains(&file)
        {
            let chain = chain.iter().map(|path| path.display().to_string()).collect();
            return Err(ProfileError::BaseCycle { place: by.place(), chain });
        }
        let layer = self.read_file(path, &|line| Source::ProfileFile(path.to_owned(), line))?;
        if let Some((base, source)) = &layer.base {
            self.merge_profile(merged, base, Asked { by: Some(source), chain: &chain }, files)?;
        }
        merged.merge(layer);
        files.push(path.to_owned());
        Ok(())
    }

    fn user_file_path(&self, dirs: Option<&ProjectDirs>) -> Option<PathBuf> {
        match &self.user_file {
            UserFile::None => None,
            UserFile::Given(path) => Some(path.clone()),
            UserFile::Default => {
                dirs.map(|dirs| dirs.config_dir().join("host.toml")).filter(|path| path.exists())
            }
        }
    }

    fn read_file(&self, path: &Path, source: &dyn Fn(usize) -> Source) -> Result<Layer, ProfileError> {
        let unreadable = |source| ProfileError::Read { path: path.to_owned(), source };
        let mut text = String::new();
        // The length in the metadata of a file is not enough: a device has none.
        fs::File::open(path)
            .and_then(|file| file.take(LONGEST_FILE + 1).read_to_string(&mut text))
            .map_err(unreadable)?;
        if u64::try_from(text.len()).unwrap_or(u64::MAX) > LONGEST_FILE {
            return Err(ProfileError::TooLong { path: path.to_owned(), limit: LONGEST_FILE });
        }
        file::read(&text, source, &self.policies)
    }
}
