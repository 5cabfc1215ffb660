//! Adds up indexed files: all of them, by language, by directory.
//!
//! The sum of a directory covers the files directly in it and not those of its subdirectories. Otherwise the root would
//! always come first and the list would not say where the tokens are. The list is sorted by tokens, then by name, so that
//! the same files give the same list.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::path::{Path, PathBuf};

use super::index::{FileIndex, Indexed};
use super::language::Language;

/// Sums of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
    /// Line ends.
    pub lines: u64,
    /// Tokens.
    pub tokens: u64,
}

impl From<&FileIndex> for Counts {
    fn from(file: &FileIndex) -> Self {
        Self { files: 1, bytes: file.bytes, lines: file.lines, tokens: file.tokens }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.lines += other.lines;
        self.tokens += other.tokens;
    }
}

/// What indexing a directory's files found, added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileTotals {
    /// Text files.
    pub text: Counts,
    /// Files that are not text; their lines and tokens stay 0.
    pub binary: Counts,
    languages: BTreeMap<Language, Counts>,
    directories: BTreeMap<PathBuf, Counts>,
}

impl FileTotals {
    /// Adds a file; `path` is relative to the root.
    pub fn add(&mut self, path: &Path, indexed: &Indexed) {
        match indexed {
            Indexed::Binary { bytes, .. } => {
                self.binary += Counts { files: 1, bytes: *bytes, ..Counts::default() };
            }
            Indexed::Text(file) => {
                let counts = Counts::from(file);
                self.text += counts;
                *self.languages.entry(file.language).or_default() += counts;
                let directory =
                    path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
                match self.directories.get_mut(directory) {
                    Some(sum) => *sum += counts,
                    None => _ = self.directories.insert(directory.to_owned(), counts),
                }
            }
        }
    }

    /// Adds what others have counted, for instance on another thread.
    pub fn merge(&mut self, other: &Self) {
        self.text += other.text;
        self.binary += other.binary;
        for (language, counts) in &other.languages {
            *self.languages.entry(*language).or_default() += *counts;
        }
        for (directory, counts) in &other.directories {
            *self.directories.entry(directory.clone()).or_default() += *counts;
        }
    }

    /// The languages, most tokens first.
    #[must_use]
    pub fn languages(&self) -> Vec<(Language, Counts)> {
        let mut languages: Vec<_> =
            self.languages.iter().map(|(language, counts)| (*language, *counts)).collect();
        // Stable: equals stay in the order of their names.
        languages.sort_by_key(|(_, counts)| Reverse(counts.tokens));
        languages
    }

    /// Up to `limit` directories, relative to the root (`.`), most tokens first; a directory's counts are those of the
    /// files directly in it.
    #[must_use]
    pub fn top_directories(&self, limit: usize) -> Vec<(&Path, Counts)> {
        let mut directories: Vec<_> =
            self.directories.iter().map(|(path, counts)| (path.as_path(), *counts)).collect();
        directories.sort_by_key(|(_, counts)| Reverse(counts.tokens));
        directories.truncate(limit);
        directories
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, tokens: u64) -> (PathBuf, Indexed) {
        let path = PathBuf::from(name);
        let language = Language::of(&path);
        (
            path,
            Indexed::Text(FileIndex {
                bytes: tokens * 4,
                lines: tokens / 10,
                tokens,
                language,
                hash: [0; 32],
            }),
        )
    }

    #[test]
    fn sums_by_language_and_directory_in_a_fixed_order() {
        let files = [
            text("src/a.rs", 100),
            text("src/deep/b.rs", 300),
            text("build.py", 50),
            text("docs/c.md", 50),
            text("src/d.rs", 20),
        ];
        let mut totals = FileTotals::default();
        let (mut left, mut right) = (FileTotals::default(), FileTotals::default());
        for (index, (path, file)) in files.iter().enumerate() {
            totals.add(path, file);
            if index % 2 == 0 { &mut left } else { &mut right }.add(path, file);
        }
        let binary = Indexed::Binary { bytes: 9, reason: super::super::Binary::Nul { at: 0 } };
        totals.add(Path::new("logo.png"), &binary);
        right.add(Path::new("logo.png"), &binary);

        assert_eq!(totals.text, Counts { files: 5, bytes: 2080, lines: 52, tokens: 520 });
        assert_eq!(totals.binary, Counts { files: 1, bytes: 9, lines: 0, tokens: 0 });
        let names: Vec<_> = totals.languages().iter().map(|(language, _)| language.name()).collect();
        assert_eq!(names, ["Rust", "Markdown", "Python"]);
        let top = totals.top_directories(3);
        let top: Vec<_> = top.iter().map(|(path, counts)| (path.to_str().unwrap(), counts.tokens)).collect();
        assert_eq!(top, [("src/deep", 300), ("src", 120), (".", 50)]);

        left.merge(&right);
        assert_eq!(left, totals);
    }
}
