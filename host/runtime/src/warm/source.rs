//! What a cache is warmed from: a file of hot keys or a recording, named by a flag or by the profile.

use std::path::Path;

use host_profile::{PrefetchMode, Settings};
use host_workload::hot;
use host_workload::trace::{Options, TraceError};

use super::MOST_HOT;
use crate::error::RunError;
use crate::progress::Stop;

/// Hot keys, the hottest first.
#[derive(Debug, Clone)]
pub(crate) enum HotKeys {
    /// As a run over numbers knows them.
    Numbers(Vec<u64>),
    /// Paths below a directory.
    Names(Vec<Vec<u8>>),
}

/// How a run knows its keys.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Known<'a> {
    /// By number; a recording is read as these options say.
    ByNumber(&'a Options),
    /// By name.
    ByName,
}

/// What is to be warmed, if anything is, and what the operator should know of it.
#[derive(Debug, Default)]
pub(crate) struct ToWarm {
    pub(crate) keys: Option<HotKeys>,
    pub(crate) notes: Vec<String>,
}

impl ToWarm {
    /// Reads what a flag names, or else the profile. That there is no file of the profile's name yet is no error: there was no
    /// last run.
    ///
    /// # Errors
    /// A file that a flag names is not there, a file cannot be read, or a flag asks for what the profile's mode leaves out.
    pub(crate) fn read(
        settings: &Settings,
        flag: Option<&Path>,
        known: Known<'_>,
        stop: &Stop,
    ) -> Result<Self, RunError> {
        let mode = settings.prefetch.mode;
        if flag.is_some() && mode != PrefetchMode::Full {
            return Err(RunError::WarmLeftOut(mode.name()));
        }
        let note = |text: String| Self { keys: None, notes: vec![text] };
        let Some(path) = flag.or(settings.prefetch.warm.as_deref()) else {
            return Ok(match mode {
                PrefetchMode::Full => note(
                    "prefetch.mode is full, and nothing is named to warm from: prefetch.warm, --warm".into(),
                ),
                _ => Self::default(),
            });
        };
        let name = path.display();
        if mode != PrefetchMode::Full {
            return Ok(note(format!(
                "prefetch.warm is {name}, and prefetch.mode {} warms nothing",
                mode.name()
            )));
        }
        let go_on = || !stop.asked();
        let keys = match known {
            Known::ByNumber(how) => hot::read_numbers(path, how, MOST_HOT, go_on).map(HotKeys::Numbers),
            Known::ByName => hot::read_names(path, MOST_HOT, go_on).map(HotKeys::Names),
        };
        match keys {
            Ok(keys) => Ok(Self { keys: Some(keys), notes: Vec::new() }),
            Err(TraceError::NotFound { .. }) if flag.is_none() => {
                Ok(note(format!("nothing is warmed: {name} is not there yet (prefetch.warm)")))
            }
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sets: &[&str], flag: Option<&Path>) -> Result<ToWarm, RunError> {
        let machine = host_telemetry::Machine::read(Path::new("."));
        let settings = host_profile::Loader::new().user_file(None).set(sets.iter().copied()).load(&machine);
        ToWarm::read(&settings.unwrap(), flag, Known::ByNumber(&Options::default()), &Stop::default())
    }

    #[test]
    fn the_first_run_of_a_service_has_nothing_to_warm_from_and_a_flag_names_a_file_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hot.csv");
        let set = format!("prefetch.warm={}", path.display());
        let sets = ["prefetch.mode=full", &*set];
        let first = read(&sets, None).unwrap();
        assert!(first.keys.is_none() && first.notes[0].ends_with("hot.csv is not there yet (prefetch.warm)"));
        let missing = read(&sets, Some(&path)).unwrap_err().to_string();
        assert!(missing.ends_with("hot.csv: no such file"), "{missing}");
        std::fs::write(&path, "block,requests\n3,1\n4,9\n").unwrap();
        for flag in [None, Some(&*path)] {
            let HotKeys::Numbers(keys) = read(&sets, flag).unwrap().keys.unwrap() else { panic!("names") };
            assert_eq!(keys, [4, 3]);
        }
    }

    #[test]
    fn the_mode_decides_whether_anything_is_warmed() {
        let said = read(&[], Some(Path::new("hot.csv"))).unwrap_err().to_string();
        assert!(said.contains("prefetch.mode=full") && said.contains("predictive"), "{said}");
        let dormant = read(&["prefetch.warm=hot.csv"], None).unwrap();
        assert_eq!(dormant.notes, ["prefetch.warm is hot.csv, and prefetch.mode predictive warms nothing"]);
        assert!(read(&["prefetch.mode=full"], None).unwrap().notes[0].contains("nothing is named"));
        assert!(read(&[], None).unwrap().notes.is_empty());
    }
}
