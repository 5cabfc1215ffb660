//! Profiles: settings within their bounds, or an error that names what is wrong.

use std::path::PathBuf;
use std::sync::OnceLock;

use host_profile::Loader;
use host_telemetry::Machine;

/// Loads layers. Lines that begin with `$` are variables of the environment, those with `=` flags, the others are the
/// user's file.
pub fn load(text: &str) {
    static FIXED: OnceLock<(Machine, PathBuf)> = OnceLock::new();
    let (machine, path) = FIXED.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("fuzzed-{}.toml", std::process::id()));
        (Machine::read(".".as_ref()), path)
    });
    let (mut file, mut variables, mut flags) = (String::new(), Vec::new(), Vec::new());
    for line in text.lines() {
        match line.split_at_checked(1) {
            Some(("$", variable)) => {
                let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
                variables.push((format!("HOST_{name}"), value.to_owned()));
            }
            Some(("=", flag)) => flags.push(flag.to_owned()),
            _ => file = file + line + "\n",
        }
    }
    std::fs::write(path, file).unwrap();
    let loader = Loader::new().profile("medium").user_file(Some(path.clone())).env(variables).set(flags);
    match loader.load(machine) {
        Ok(settings) => {
            let cache = &settings.cache;
            assert!(cache.min_capacity <= cache.capacity && cache.capacity <= cache.max_capacity);
            let executor = &settings.executor;
            assert!(executor.min_io_workers <= executor.io_workers);
            assert!(executor.io_workers <= executor.max_io_workers && executor.min_io_workers > 0);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
