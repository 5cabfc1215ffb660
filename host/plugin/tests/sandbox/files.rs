//! Components as files: compiled once, found again, and loaded whatever became of the cache.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use host_plugin::{Catalogue, LoadError, Loader, LoaderConfig, Source};

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
fn what_a_component_said_of_itself_is_kept_and_looking_at_it_compiles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache");
    let inspect = |loader: &Loader| loader.inspect(Source::File(&PROBE), &limits()).unwrap();
    let (loader, compiled) = counting(Some(cache.clone()));
    let asked = inspect(&loader);
    assert_eq!(compiled.load(SeqCst), 1);

    // The compiled code is gone; the description is not.
    let of_kind = |kind: &str| {
        let entries = fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.extension().is_some_and(|extension| extension == kind)).collect::<Vec<_>>()
    };
    for path in of_kind("cwasm") {
        fs::remove_file(path).unwrap();
    }
    let (other, compiled) = counting(Some(cache.clone()));
    assert_eq!(inspect(&other), asked);
    assert_eq!(compiled.load(SeqCst), 0);

    // A broken one is made anew.
    let [description] = &of_kind("description")[..] else { panic!("one description") };
    let sound = fs::read(description).unwrap();
    fs::write(description, &sound[..sound.len() / 2]).unwrap();
    assert_eq!(inspect(&other), asked);
    assert_eq!(compiled.load(SeqCst), 1);
    assert_eq!(fs::read(description).unwrap(), sound);
}

#[test]
fn a_catalogue_compiles_what_is_needed_and_what_it_does_not_know_yet() {
    let dir = tempfile::tempdir().unwrap();
    let (cache, plugins) = (dir.path().join("cache"), dir.path().join("plugins"));
    fs::create_dir(&plugins).unwrap();
    fs::copy(&*PROBE, plugins.join("some.wasm")).unwrap();
    // How many are compiled, and whether the probe can be started, where these names are needed.
    let read = |needed: &dyn Fn(&str) -> bool| {
        let (loader, compiled) = counting(Some(cache.clone()));
        let catalogue = Catalogue::read(Some(&plugins), &loader, &limits(), needed).unwrap();
        let known = catalogue.find("probe").unwrap().plugin.as_ref().unwrap();
        assert_eq!(known.inspection().description.name, "probe");
        for entry in fs::read_dir(&cache).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "cwasm") {
                fs::remove_file(path).unwrap();
            }
        }
        (compiled.load(SeqCst), known.plugin().is_some())
    };
    let all = u32::try_from(host_plugin::bundled().len()).unwrap() + 1;
    assert_eq!(read(&|_| false), (all, true), "nothing is known yet");
    assert_eq!(read(&|_| false), (0, false));
    assert_eq!(read(&|name| name == "probe"), (1, true));
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
