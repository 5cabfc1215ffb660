//! A list of commands, one a line, as for `xargs` or GNU parallel.
//!
//! Empty lines and those that begin with `#` say nothing. A line is split into words by the rules of quoting that shells share, or
//! kept whole for a shell. Each command belongs to a kind: the name of its program.
//!
//! ```
//! use host_workload::commands::CommandList;
//!
//! let list = CommandList::read(&b"cc -c 'a b.c'\n# a comment\ngzip x\n"[..], "jobs.txt".as_ref(), false)?;
//! assert_eq!(list.commands()[0].words, ["cc", "-c", "a b.c"]);
//! assert_eq!(list.commands()[1].line, 3);
//! assert_eq!(list.kinds(), ["cc", "gzip"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, Read as _};
use std::path::{Path, PathBuf};

/// Bytes of a line at most: the system takes no longer word.
pub const MAX_LINE_BYTES: u64 = 128 * 1024;

/// Kinds at most; commands of further ones are of the kind [`OTHERS`]. Figures are kept of each.
pub const MAX_KINDS: usize = 32;

/// The kind of what has none of its own.
pub const OTHERS: &str = "others";

/// Characters of the name of a kind.
const KIND_CHARACTERS: usize = 24;

/// What only a shell understands, where it is a word of its own.
const SHELL_WORDS: [&str; 14] =
    ["|", "||", "&", "&&", ";", "<", ">", ">>", "2>", "2>>", "&>", "2>&1", "|&", "<<<"];

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Its line in the file, from 1.
    pub line: u64,
    /// The line as it was written, without space around it.
    pub text: OsString,
    /// The program and its arguments; none where a shell gets the text.
    pub words: Vec<OsString>,
    /// Its kind: a place in [`CommandList::kinds`].
    pub kind: usize,
}

/// The commands of a file.
#[derive(Debug, Clone, Default)]
pub struct CommandList {
    commands: Vec<Command>,
    kinds: Vec<String>,
}

/// Why a list of commands cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CommandsError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line that cannot be a command.
    #[error("{}: line {line}: {what}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it, and what to do.
        what: String,
    },
    /// There is none.
    #[error("{}: holds no command; expected one on each line", .0.display())]
    Empty(PathBuf),
}

impl CommandList {
    /// Reads a list. With `shell` each line is kept whole; `path` is for errors.
    ///
    /// # Errors
    /// [`CommandsError`]: it cannot be read, a line is no command, or there is none.
    pub fn read(from: impl BufRead, path: &Path, shell: bool) -> Result<Self, CommandsError> {
        let mut from = from;
        let mut list = Self::default();
        let mut bytes = Vec::new();
        for line in 1.. {
            bytes.clear();
            let read = (&mut from).take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut bytes);
            let read = read.map_err(|source| CommandsError::Read { path: path.to_owned(), source })?;
            if read == 0 {
                break;
            }
            let fault = |what: String| CommandsError::Line { path: path.to_owned(), line, what };
            if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_LINE_BYTES {
                return Err(fault(format!("is longer than {MAX_LINE_BYTES} bytes, which no system runs")));
            }
            let text = bytes.trim_ascii();
            if text.is_empty() || text.starts_with(b"#") {
                continue;
            }
            list.add(text, line, shell).map_err(fault)?;
        }
        if list.commands.is_empty() {
            return Err(CommandsError::Empty(path.to_owned()));
        }
        Ok(list)
    }

    fn add(&mut self, text: &[u8], line: u64, shell: bool) -> Result<(), String> {
        if text.contains(&0) {
            return Err("has a byte 0, which no command can have; is it a list of commands?".to_owned());
        }
        // A shell may understand more than this does.
        let split = shlex::bytes::split(text).filter(|words| !words.is_empty());
        let words: Vec<OsString> = match split {
            Some(words) => words.into_iter().map(os_string).collect::<Result<_, _>>()?,
            None if shell => Vec::new(),
            None => {
                return Err(
                    "ends within a quotation: close it, or give the lines to a shell (--shell)".to_owned()
                );
            }
        };
        if !shell && let Some(word) = shell_word(text, &words) {
            return Err(format!(
                "{word} is for a shell, and would be an argument: give the lines to one (--shell), or quote it"
            ));
        }
        let kind = self.kind(&words);
        let words = if shell { Vec::new() } else { words };
        self.commands.push(Command { line, text: os_string(text.to_vec())?, words, kind });
        Ok(())
    }

    fn kind(&mut self, words: &[OsString]) -> usize {
        let assigns = |word: &&OsString| word.to_string_lossy().contains('=');
        let program = words.iter().find(|word| !assigns(word)).and_then(|word| Path::new(word).file_name());
        let name = program.unwrap_or(OsStr::new(OTHERS)).to_string_lossy();
        let name: String = name.chars().take(KIND_CHARACTERS).collect();
        let place = |kinds: &[String], name: &str| kinds.iter().position(|kind| kind == name);
        let full = self.kinds.len() >= MAX_KINDS && place(&self.kinds, &name).is_none();
        let name = if full { OTHERS.to_owned() } else { name };
        place(&self.kinds, &name).unwrap_or_else(|| {
            self.kinds.push(name);
            self.kinds.len() - 1
        })
    }

    /// The commands, in the order of their lines.
    #[must_use]
    pub fn commands(&self) -> &[Command] {
        &self.commands
    }

    /// The names of the kinds, in the order in which they came.
    #[must_use]
    pub fn kinds(&self) -> &[String] {
        &self.kinds
    }
}

/// A word that a shell would have understood: it stands alone in the line, and is not quoted.
fn shell_word(text: &[u8], words: &[OsString]) -> Option<&'static str> {
    let bare = |word: &str| text.split(u8::is_ascii_whitespace).any(|part| part == word.as_bytes());
    SHELL_WORDS.into_iter().find(|word| bare(word) && words.iter().any(|of| of == word))
}

#[cfg(unix)]
fn os_string(bytes: Vec<u8>) -> Result<OsString, String> {
    use std::os::unix::ffi::OsStringExt as _;
    Ok(OsString::from_vec(bytes))
}

#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>) -> Result<OsString, String> {
    String::from_utf8(bytes).map(OsString::from).map_err(|_| "is no UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, shell: bool) -> Result<CommandList, String> {
        CommandList::read(text.as_bytes(), "jobs.txt".as_ref(), shell).map_err(|error| error.to_string())
    }

    #[test]
    fn words_are_quoted_as_in_a_shell_and_lines_are_kept_for_one() {
        let list = read("a 'b c' \"d\" e\\ f\r\n\n  # none\n b\n", false).unwrap();
        assert_eq!(list.commands()[0].words, ["a", "b c", "d", "e f"]);
        assert_eq!((list.commands()[1].line, list.commands()[1].words.len()), (4, 1));
        let list = read("  LANG=C /usr/bin/sort x | uniq > y  \n", true).unwrap();
        assert_eq!(list.commands()[0].text, "LANG=C /usr/bin/sort x | uniq > y");
        assert_eq!(list.kinds(), ["sort"]);
        assert!(read("for x in 'a; do\n", true).is_ok(), "a shell says itself what is wrong");
    }

    #[test]
    fn what_is_no_command_is_told_with_its_line() {
        assert_eq!(
            read("true\n\necho 'a\n", false).unwrap_err(),
            "jobs.txt: line 3: ends within a quotation: close it, or give the lines to a shell (--shell)"
        );
        let error = read("sort x > y\n", false).unwrap_err();
        assert!(error.starts_with("jobs.txt: line 1: > is for a shell"), "{error}");
        for quoted in ["cut -d '|' x", "sh -c 'a | b'", "test a\\ \\>\\ b", "awk '$1 > 2' x"] {
            assert!(read(quoted, false).is_ok(), "{quoted}");
        }
        assert_eq!(
            read("# nothing\n\n", false).unwrap_err(),
            "jobs.txt: holds no command; expected one on each line"
        );
        assert!(read("a\0b\n", true).unwrap_err().contains("byte 0"));
        let long = "x".repeat(200_000);
        assert!(read(&long, false).unwrap_err().contains("longer than 131072 bytes"));
    }

    #[test]
    fn kinds_are_bounded() {
        let text: String = (0..100).map(|n| format!("program{n} x\n")).collect();
        let list = read(&text, false).unwrap();
        assert_eq!((list.kinds().len(), list.kinds().last().unwrap().as_str()), (MAX_KINDS + 1, OTHERS));
        assert_eq!(list.commands()[99].kind, MAX_KINDS);
        assert_eq!(list.commands()[7].kind, 7);
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_no_text_stay_what_they_are() {
        use std::os::unix::ffi::OsStrExt as _;
        let list = CommandList::read(&b"cat caf\xe9\n"[..], "jobs.txt".as_ref(), false).unwrap();
        assert_eq!(list.commands()[0].words[1].as_bytes(), b"caf\xe9");
    }
}
