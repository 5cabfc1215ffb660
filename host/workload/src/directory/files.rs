//! Finds the files of a directory.
//!
//! The list is what git would show. The walk honours `.gitignore` (also of the directories above, and outside of a
//! repository) and `.git/info/exclude`, leaves out hidden files and directories, and follows no symbolic link. It reads
//! neither the user's global ignore file nor `.ignore` files, so that a project gives the same list for everyone. It sorts
//! by path, so that two walks of an unchanged directory give its files the same numbers.
//!
//! A file or directory that cannot be read is counted and left out. A root is an error where it is missing, is no
//! directory, cannot be read or has no file.

use std::fs::Metadata;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use ignore::WalkBuilder;

/// What tells one state of a file from the next.
///
/// A change is not seen where it keeps the size and falls into the same tick of the file system's clock (nanoseconds to
/// two seconds, by file system) or sets the old time again; tools that cache files by these two accept that as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileVersion {
    /// Size in bytes.
    pub size: u64,
    /// Time of the last change in nanoseconds since 1970; 0 where it is unknown or earlier.
    pub modified_ns: u64,
}

impl FileVersion {
    /// The version that a file's metadata describe.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        let since_epoch = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified_ns = since_epoch.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        Self { size: metadata.len(), modified_ns }
    }

    /// The present version of a file.
    ///
    /// # Errors
    /// What the system says where its metadata cannot be read, for instance that the file is gone.
    pub fn read(path: &Path) -> io::Result<Self> {
        std::fs::symlink_metadata(path).map(|metadata| Self::of(&metadata))
    }
}

/// A file that a walk found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Its number in the order of the walk, from 0.
    pub id: u64,
    /// Path relative to the root.
    pub path: PathBuf,
    /// Size and time at the walk.
    pub version: FileVersion,
}

/// What a walk left out, besides ignored and hidden files, which it does not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Files and directories that could not be read.
    pub unreadable: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Sockets, pipes, devices.
    pub special: u64,
    /// Ignore files with a line that cannot be understood; their other lines hold.
    pub bad_ignore_files: u64,
    /// What the system said of the first few unreadable entries and bad ignore files.
    pub examples: Vec<String>,
}

impl Skipped {
    /// Examples kept.
    const EXAMPLES: usize = 5;

    /// All that was left out.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.unreadable + self.symlinks + self.special
    }

    fn example(&mut self, error: &ignore::Error) {
        if self.examples.len() < Self::EXAMPLES {
            self.examples.push(error.to_string());
        }
    }
}

/// The files of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// The directory, as it was given.
    pub root: PathBuf,
    /// Its files, in the order of their paths; a file's `id` is its index here.
    pub files: Vec<FileEntry>,
    /// Sum of the files' sizes, in bytes.
    pub bytes: u64,
    /// What was left out.
    pub skipped: Skipped,
    /// False where the caller ended the walk early.
    pub complete: bool,
}

impl Walk {
    /// The path by which to open a file.
    #[must_use]
    pub fn absolute(&self, file: &FileEntry) -> PathBuf {
        self.root.join(&file.path)
    }
}

/// Why a directory cannot be worked through.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// Nothing has this path.
    #[error("{}: no such directory", path.display())]
    NotFound {
        /// The path asked for.
        path: PathBuf,
    },
    /// The path is a file or something else.
    #[error("{}: is not a directory", path.display())]
    NotADirectory {
        /// The path asked for.
        path: PathBuf,
    },
    /// The directory exists and cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No file is left to work on.
    #[error(
        "{}: no file to work on; hidden files and those that .gitignore names do not count, and {} more could not \
         be used (unreadable, symbolic links, special files)",
        path.display(), skipped.total()
    )]
    Empty {
        /// The directory.
        path: PathBuf,
        /// What was left out.
        skipped: Box<Skipped>,
    },
}

/// Lists the files below `root`.
///
/// `progress` is told the number of files after each one; it ends the walk early by returning `Break`.
///
/// # Errors
/// [`DirectoryError`]: the root is missing, is no directory, cannot be read, or holds no file. A walk that `progress`
/// ended is not an error, even without a file.
pub fn walk(root: &Path, mut progress: impl FnMut(u64) -> ControlFlow<()>) -> Result<Walk, DirectoryError> {
    check_root(root)?;
    let mut walk = Walk {
        root: root.to_owned(),
        files: Vec::new(),
        bytes: 0,
        skipped: Skipped::default(),
        complete: true,
    };
    let entries = WalkBuilder::new(root)
        .follow_links(false)
        .require_git(false)
        .git_global(false)
        .ignore(false)
        .sort_by_file_path(Path::cmp)
        .build();
    let mut id = 0;
    for entry in entries {
        let found = entry.and_then(|entry| walk.skipped.file(&entry, root));
        match found {
            Err(error) => {
                walk.skipped.unreadable += 1;
                walk.skipped.example(&error);
            }
            Ok(None) => {}
            Ok(Some((path, version))) => {
                walk.bytes = walk.bytes.saturating_add(version.size);
                walk.files.push(FileEntry { id, path, version });
                id += 1;
                if progress(id).is_break() {
                    walk.complete = false;
                    return Ok(walk);
                }
            }
        }
    }
    if walk.files.is_empty() {
        return Err(DirectoryError::Empty { path: walk.root, skipped: Box::new(walk.skipped) });
    }
    Ok(walk)
}

/// A root given on the command line may be a link; what it leads to must be a directory that can be listed.
fn check_root(root: &Path) -> Result<(), DirectoryError> {
    let path = || root.to_owned();
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => DirectoryError::NotFound { path: path() },
        _ => DirectoryError::Unreadable { path: path(), source },
    };
    if !std::fs::metadata(root).map_err(unreadable)?.is_dir() {
        return Err(DirectoryError::NotADirectory { path: path() });
    }
    std::fs::read_dir(root).map(|_| ()).map_err(unreadable)
}

impl Skipped {
    /// The path and version of an entry that is a file; anything else is counted.
    fn file(
        &mut self,
        entry: &ignore::DirEntry,
        root: &Path,
    ) -> Result<Option<(PathBuf, FileVersion)>, ignore::Error> {
        if let Some(error) = entry.error() {
            self.bad_ignore_files += 1;
            self.example(error);
        }
        match entry.file_type() {
            Some(kind) if kind.is_file() => {}
            Some(kind) if kind.is_dir() || entry.depth() == 0 => return Ok(None),
            Some(kind) if kind.is_symlink() => {
                self.symlinks += 1;
                return Ok(None);
            }
            _ => {
                self.special += 1;
                return Ok(None);
            }
        }
        let version = FileVersion::of(&entry.metadata()?);
        let path = entry.path().strip_prefix(root).unwrap_or(entry.path());
        Ok(Some((path.to_owned(), version)))
    }
}

#[cfg(test)]
#[expect(clippy::as_conversions, reason = "a test, with small numbers")]
mod tests {
    use super::*;
    use std::fs;

    fn on(_: u64) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    #[test]
    fn lists_what_git_would_in_the_order_of_paths() {
        let folder = project(&[
            (".gitignore", "target/\n*.log\n!keep.log\n"),
            ("b.rs", "12345"),
            ("a/z.rs", ""),
            ("a/y.log", "ignored"),
            ("a/keep.log", "kept"),
            ("a/.hidden", ""),
            ("a.rs", ""),
            ("sub/.gitignore", "/local\n"),
            ("sub/local", ""),
            ("sub/other/local", ""),
            ("target/debug/out", ""),
        ]);
        let walk = walk(folder.path(), on).unwrap();
        let paths: Vec<_> = walk.files.iter().map(|file| file.path.to_string_lossy()).collect();
        assert_eq!(paths, ["a/keep.log", "a/z.rs", "a.rs", "b.rs", "sub/other/local"]);
        assert!(walk.files.iter().enumerate().all(|(index, file)| file.id == index as u64));
        assert_eq!((walk.bytes, walk.skipped.total(), walk.complete), (9, 0, true));
        let b = &walk.files[3];
        assert_eq!(b.version, FileVersion::read(&walk.absolute(b)).unwrap());
        assert_eq!(b.version.size, 5);
        assert!(b.version.modified_ns > 1_600_000_000_000_000_000);
    }

    #[test]
    fn a_change_of_size_or_time_is_another_version() {
        let folder = project(&[("a", "one")]);
        let path = folder.path().join("a");
        let first = FileVersion::read(&path).unwrap();
        assert_eq!(FileVersion::read(&path).unwrap(), first);
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(UNIX_EPOCH + std::time::Duration::from_secs(5)).unwrap();
        let second = FileVersion::read(&path).unwrap();
        assert_eq!(second, FileVersion { size: 3, modified_ns: 5_000_000_000 });
        assert_ne!(first, second);
        file.set_len(4).unwrap();
        assert_ne!(FileVersion::read(&path).unwrap(), second);
    }

    #[cfg(unix)]
    #[test]
    fn links_sockets_and_unreadable_directories_are_counted() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = project(&[("a", "x"), ("locked/b", "x"), (".gitignore", "{bad\n")]);
        // A link to the root: following it would never end.
        symlink(folder.path(), folder.path().join("loop")).unwrap();
        symlink("nowhere", folder.path().join("dangling")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
        let locked = folder.path().join("locked");
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
        let enforced = fs::read_dir(&locked).is_err();
        let walk = walk(folder.path(), on).unwrap();
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o755)).unwrap();
        let skipped = &walk.skipped;
        assert_eq!((skipped.symlinks, skipped.special, skipped.bad_ignore_files), (2, 1, 1));
        assert_eq!(skipped.unreadable, u64::from(enforced), "{skipped:?}");
        assert_eq!(walk.files.len(), if enforced { 1 } else { 2 });
        assert!(skipped.examples[0].contains("{bad"), "{skipped:?}");
    }

    #[test]
    fn a_root_without_files_says_why() {
        let folder = project(&[(".hidden", ""), ("file", "")]);
        let text = |path: &Path| walk(path, on).unwrap_err().to_string();
        let missing = folder.path().join("missing");
        assert_eq!(text(&missing), format!("{}: no such directory", missing.display()));
        let file = folder.path().join("file");
        assert_eq!(text(&file), format!("{}: is not a directory", file.display()));
        fs::remove_file(file).unwrap();
        assert_eq!(
            text(folder.path()),
            format!(
                "{}: no file to work on; hidden files and those that .gitignore names do not count, and 0 more could \
                 not be used (unreadable, symbolic links, special files)",
                folder.path().display()
            )
        );
    }

    #[test]
    fn a_walk_can_be_ended() {
        let folder = project(&[("a", ""), ("b", ""), ("c", "")]);
        let walk = walk(folder.path(), |files| match files {
            2 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        let walk = walk.unwrap();
        assert_eq!((walk.files.len(), walk.complete), (2, false));
    }
}
