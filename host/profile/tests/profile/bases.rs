//! Profiles that build on others.

use std::fs;
use std::path::{Path, PathBuf};

use host_profile::{Bytes, Settings};

use crate::{big, loader};

fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

fn load(path: &Path) -> Result<Settings, String> {
    loader().profile(path.display().to_string()).load(&big()).map_err(|error| error.to_string())
}

#[test]
fn a_file_builds_on_a_profile_and_says_where_each_value_comes_from() {
    let dir = tempfile::tempdir().unwrap();
    let mine =
        write(dir.path(), "mine.toml", "base = \"large+cpu-constrained\"\n[cache]\npolicy = \"arc\"\n");
    let settings = load(&mine).unwrap();
    assert_eq!((settings.cache.policy.as_str(), settings.cache.capacity), ("arc", Bytes(140_000_000)));
    assert_eq!(settings.source("cache.policy"), Some(format!("file {}:3", mine.display()).as_str()));
    assert_eq!(settings.source("cache.capacity"), Some("overlay cpu-constrained"));
    assert_eq!(settings.source("optimise"), Some("profile large"));
    assert_eq!(settings.source("limits.fuel"), Some("default"));
    assert_eq!(settings.source("base"), None, "it names a layer and is no setting");
}

#[test]
fn a_chain_of_files_is_read_from_its_far_end_each_relative_to_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let team = "base = \"small\"\n[executor]\nqueue = 7\nio-workers = 3\n[plugins]\ndir = \"components\"\n";
    let team = write(dir.path(), "team/team.toml", team);
    let mine = write(dir.path(), "mine/mine.toml", "base = \"../team/team.toml\"\nexecutor.io-workers = 2\n");
    let settings = load(&mine).unwrap();
    assert_eq!((settings.executor.queue, settings.executor.io_workers), (7, 2));
    let team = dir.path().join("mine/../team").join(team.file_name().unwrap());
    assert_eq!(settings.source("executor.queue"), Some(format!("file {}:3", team.display()).as_str()));
    assert_eq!(settings.source("executor.io-workers"), Some(format!("file {}:2", mine.display()).as_str()));
    assert_eq!(settings.source("memory.cap"), Some("profile small"));
    assert_eq!(settings.plugins.dir, Some(dir.path().join("mine/../team/components")));
}

#[test]
fn the_files_that_were_read_are_named_in_the_order_of_the_layers() {
    let dir = tempfile::tempdir().unwrap();
    let team = write(dir.path(), "team.toml", "base = \"small\"\n");
    let mine = write(dir.path(), "mine.toml", "base = \"team.toml\"\n");
    let user = write(dir.path(), "user.toml", "");
    let layers = || loader().profile(mine.display().to_string()).user_file(Some(user.clone()));
    let settings = layers().load(&big()).unwrap();
    assert_eq!(settings.files, [team, mine.clone(), user.clone()]);
    assert_eq!(loader().profile("small").load(&big()).unwrap().files, Vec::<PathBuf>::new());
    fs::write(&user, "[control]\ntick = \"1 s\"\n[strategies.mine]\n").unwrap();
    let after = layers().load(&big()).unwrap();
    let differing = settings.differing(&after);
    assert_eq!(differing.first(), Some(&"control.tick"));
    assert!(
        differing.iter().all(|key| *key == "control.tick" || key.starts_with("strategies.mine.")),
        "{differing:?}"
    );
    assert_eq!(differing, after.differing(&settings));
    assert_eq!(after.differing(&after), Vec::<&str>::new());
}

#[test]
fn a_contradiction_stands_at_the_file_and_not_at_what_it_builds_on() {
    let dir = tempfile::tempdir().unwrap();
    let text = "base = \"medium+cpu-constrained\"\nexecutor.min-cpu-workers = 9\n";
    let mine = write(dir.path(), "mine.toml", text);
    let text = load(&mine).unwrap_err();
    assert!(
        text.contains("mine.toml:2: executor.min-cpu-workers: 9 is more than executor.cpu-workers"),
        "{text}"
    );
}

#[test]
fn a_circle_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let a = write(dir.path(), "a.toml", "base = \"b.toml\"\n");
    write(dir.path(), "b.toml", "base = \"./a.toml\"\n");
    let text = load(&a).unwrap_err();
    assert!(text.contains("b.toml:1: base: the profiles build on each other in a circle: "), "{text}");
    assert_eq!(text.matches("a.toml -> ").count() + text.matches("-> ").count(), 3, "{text}");
    let own = write(dir.path(), "own.toml", "summary = \"mine\"\nbase = \"own.toml\"\n");
    assert!(load(&own).unwrap_err().contains("own.toml:2: base: "));
}

#[test]
fn a_base_that_is_not_there_is_told_with_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let mine = write(dir.path(), "mine.toml", "\nbase = \"medum\"\n");
    let text = load(&mine).unwrap_err();
    assert!(text.contains("mine.toml:2: base: no profile \"medum\"; did you mean \"medium\"?"), "{text}");
    let mine = write(dir.path(), "mine.toml", "base = \"none.toml\"\n");
    assert!(load(&mine).unwrap_err().contains("none.toml: cannot be read"));
    let mine = write(dir.path(), "mine.toml", "base = [\"small\"]\n");
    let text = load(&mine).unwrap_err();
    assert!(text.contains("mine.toml:1: base: expected the name of a profile"), "{text}");
    let mine = write(dir.path(), "mine.toml", "[cache]\nbase = \"small\"\n");
    assert!(load(&mine).unwrap_err().contains("cache.base: no such key"));
}

#[test]
fn only_a_profile_has_a_base() {
    let dir = tempfile::tempdir().unwrap();
    let user = write(dir.path(), "host.toml", "base = \"small\"\n");
    let error = loader().profile("medium").user_file(Some(user)).load(&big()).unwrap_err().to_string();
    assert!(error.contains("host.toml:1: base: only a profile builds on another"), "{error}");
    let error = loader().set(["base=small"]).load(&big()).unwrap_err().to_string();
    assert!(error.contains("base: no such key"), "{error}");
}

#[test]
fn a_file_without_end_is_not_read_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let long = write(dir.path(), "long.toml", &"# settings\n".repeat(200_000));
    let text = load(&long).unwrap_err();
    assert!(text.contains("long.toml: has more than 1048576 bytes"), "{text}");
}
