//! Components by the names that they give themselves, whatever their files are called.

use std::fs;
use std::path::Path;

use host_plugin::{Catalogue, Place, bundled};

use super::{LOADER, PROBE, limits};

fn read(dir: &Path) -> Catalogue {
    Catalogue::read(Some(dir), &LOADER, &limits(), &|_| true).unwrap()
}

fn bundled_component() -> (&'static str, &'static [u8]) {
    match bundled().first() {
        Some(Place::Bundled(name, bytes)) => (*name, *bytes),
        _ => panic!("nothing is bundled"),
    }
}

#[test]
fn a_component_has_the_name_that_it_gives_itself() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("something_else.wasm");
    fs::copy(&*PROBE, &file).unwrap();
    let catalogue = read(dir.path());
    assert_eq!(catalogue.find("probe").unwrap().place, Place::File(file));
    assert!(catalogue.find("something-else").is_none(), "the name of the file names nothing");
    assert_eq!(catalogue.components().len(), bundled().len() + 1);
    assert_eq!(catalogue.notes(), Vec::<String>::new());
    catalogue.check_names().unwrap();
}

#[test]
fn two_files_of_one_name_are_an_error_that_names_both() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("a.wasm"), dir.path().join("b.wasm"));
    fs::copy(&*PROBE, &first).unwrap();
    fs::copy(&*PROBE, &second).unwrap();
    let text = read(dir.path()).check_names().unwrap_err().to_string();
    assert_eq!(
        text,
        format!(
            "{} and {} both call themselves `probe`, so that a profile cannot tell them apart. Remove one of them from \
             the plugin directory, or build it with another name",
            first.display(),
            second.display()
        )
    );
}

#[test]
fn a_file_with_a_bundled_name_runs_in_its_place_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (name, bytes) = bundled_component();
    let file = dir.path().join("mine.wasm");
    fs::write(&file, bytes).unwrap();
    let catalogue = read(dir.path());
    assert_eq!(catalogue.components().len(), bundled().len());
    let listed = catalogue.find(name).unwrap();
    assert_eq!(listed.place, Place::File(file.clone()));
    assert!(listed.replaces_bundled);
    assert_eq!(
        catalogue.notes(),
        [format!(
            "{name}: {} runs in the place of the bundled strategy; remove the file to have that one back",
            file.display()
        )]
    );
    catalogue.check_names().unwrap();
}

#[test]
fn a_file_that_cannot_be_opened_takes_nobody_s_place() {
    let dir = tempfile::tempdir().unwrap();
    let (name, _) = bundled_component();
    let file = dir.path().join(format!("{name}.wasm"));
    fs::write(&file, "").unwrap();
    let catalogue = read(dir.path());
    assert!(catalogue.find(name).unwrap().plugin.is_ok(), "the bundled one runs");
    let notes = catalogue.notes();
    assert_eq!(notes.len(), 1);
    let start = format!("{name}: the bundled strategy runs, because {} cannot be opened: ", file.display());
    assert!(notes[0].starts_with(&start) && notes[0].contains("the file is empty"), "{notes:?}");

    fs::write(dir.path().join("un_heard_of.wasm"), "").unwrap();
    let catalogue = read(dir.path());
    assert!(
        catalogue.find("un-heard-of").unwrap().plugin.is_err(),
        "it is known by its file to tell what is wrong"
    );
}
