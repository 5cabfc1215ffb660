//! Components as files: compiled once, found again, and loaded whatever became of the cache.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use host_plugin::{LoadError, Loader, LoaderConfig, Source};

use super::{PROBE, limits};

fn counting(cache_dir: Option<std::path::PathBuf>) -> (Loader, Arc<AtomicU32>) {
    let compiled = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&compiled);
    let loader = Loader::new(&LoaderConfig { cache_dir, ..LoaderConfig::default() }).unwrap();
    let loader = loader.on_compile(move |_, _| {
        counter.fetch_add(1, SeqCst);
    });
    (loader, compiled)
}

fn load(loader: &Loader) -> Result<(), LoadError> {
    loader.open(Source::File(&PROBE), &limits()).map(drop)
}

#[test]
fn a_component_is_compiled_once_and_again_after_its_entry_was_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache");
    let (loader, compiled) = counting(Some(cache.clone()));
    load(&loader).unwrap();
    load(&loader).unwrap();
    assert_eq!(compiled.load(SeqCst), 1);

    for entry in fs::read_dir(&cache).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "cwasm") {
            fs::write(path, "cut").unwrap();
        }
    }
    let (other, recompiled) = counting(Some(cache));
    load(&other).unwrap();
    assert_eq!(recompiled.load(SeqCst), 1);
    load(&loader).unwrap();
    assert_eq!(compiled.load(SeqCst), 1, "the entry was repaired");
}

#[test]
fn a_cache_that_cannot_be_used_is_a_note_and_no_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let (loader, compiled) = counting(Some(file.clone()));
    let note = loader.note().unwrap();
    assert!(
        note.starts_with("compiled components are not kept: ") && note.contains(&*file.to_string_lossy()),
        "{note}"
    );
    load(&loader).unwrap();
    assert_eq!(compiled.load(SeqCst), 1);
}
