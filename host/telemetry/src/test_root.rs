//! What several tests need: a root folder in which the files of `/proc` and `/sys` say what a test needs.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

/// Held by tests that look at the process's peak of memory: one of them begins it anew.
pub(crate) static PEAK_MEMORY: Mutex<()> = Mutex::new(());

/// A root folder with these files: path below the root, and text.
pub(crate) fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        write(dir.path(), path, text);
    }
    dir
}

/// Adds a file, or writes it anew.
pub(crate) fn write(root: &Path, path: &str, text: &str) {
    let file = root.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}
