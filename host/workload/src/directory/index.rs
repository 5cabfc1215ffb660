//! Indexes the content of a file: size, lines, tokens, language, hash. It reads nothing itself and cannot fail.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::language::Language;
use super::tokenizer::Tokenizer;

/// Bytes at the beginning of a file in which a NUL makes it binary.
pub const SNIFF_BYTES: usize = 8 * 1024;

/// The figures of a text file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileIndex {
    /// Size in bytes.
    pub bytes: u64,
    /// Line ends, as `wc -l` counts them: an unfinished last line does not count.
    pub lines: u64,
    /// Tokens in OpenAI's o200k_base encoding, special tokens taken as text. See [`Tokenizer::count`] on exactness.
    pub tokens: u64,
    /// The language, by the file's name.
    pub language: Language,
    /// BLAKE3 hash of the content.
    pub hash: [u8; 32],
}

/// Why a file is not text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Binary {
    /// A NUL byte within the first [`SNIFF_BYTES`], at this offset.
    Nul {
        /// Offset in bytes.
        at: usize,
    },
    /// Not UTF-8 from this offset on.
    NotUtf8 {
        /// Offset in bytes of the first byte that is not.
        at: usize,
    },
}

/// What came of indexing a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Indexed {
    /// A text file.
    Text(FileIndex),
    /// Anything else: counted, not analysed.
    Binary {
        /// Size in bytes.
        bytes: u64,
        /// How that was told.
        reason: Binary,
    },
}

/// Indexes a file's content. `name` is its path or name, for the language; the file is not opened.
#[must_use]
pub fn index(name: &Path, content: &[u8], tokenizer: &Tokenizer) -> Indexed {
    let bytes = u64::try_from(content.len()).unwrap_or(u64::MAX);
    let sniffed = content.get(..SNIFF_BYTES).unwrap_or(content);
    if let Some(at) = sniffed.iter().position(|&byte| byte == 0) {
        return Indexed::Binary { bytes, reason: Binary::Nul { at } };
    }
    let text = match std::str::from_utf8(content) {
        Ok(text) => text,
        Err(error) => {
            return Indexed::Binary { bytes, reason: Binary::NotUtf8 { at: error.valid_up_to() } };
        }
    };
    let lines = content.iter().filter(|&&byte| byte == b'\n').count();
    Indexed::Text(FileIndex {
        bytes,
        lines: u64::try_from(lines).unwrap_or(u64::MAX),
        tokens: tokenizer.count(text),
        language: Language::of(name),
        hash: *blake3::hash(content).as_bytes(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indexed(name: &str, content: &[u8]) -> Indexed {
        index(Path::new(name), content, &Tokenizer::o200k())
    }

    #[test]
    fn a_text_file() {
        let Indexed::Text(file) = indexed("src/hello.py", b"print(\"hello world\")\nx = 1") else {
            panic!("is text");
        };
        // print (" hello _world ")\n x _= _ 1
        assert_eq!((file.bytes, file.lines, file.tokens), (26, 1, 9));
        assert_eq!(file.language.name(), "Python");
        assert_eq!(file.hash, *blake3::hash(b"print(\"hello world\")\nx = 1").as_bytes());
    }

    #[test]
    fn an_empty_file_is_text() {
        let Indexed::Text(file) = indexed("x", b"") else { panic!("is text") };
        assert_eq!((file.bytes, file.lines, file.tokens), (0, 0, 0));
    }

    #[test]
    fn lines_are_what_wc_counts() {
        for (content, lines) in [("a", 0), ("a\n", 1), ("\n\n", 2), ("a\r\nb\r\n", 2), ("a\rb", 0)] {
            let Indexed::Text(file) = indexed("x", content.as_bytes()) else { panic!("is text") };
            assert_eq!(file.lines, lines, "{content:?}");
        }
    }

    #[test]
    fn binary_says_how_it_was_told() {
        assert_eq!(indexed("a", b"ab\0c"), Indexed::Binary { bytes: 4, reason: Binary::Nul { at: 2 } });
        let latin = Indexed::Binary { bytes: 3, reason: Binary::NotUtf8 { at: 1 } };
        assert_eq!(indexed("a", b"a\xe4b"), latin);
        // A NUL that comes late leaves a file text, as git and grep see it.
        let late = [vec![b'x'; SNIFF_BYTES], vec![0]].concat();
        assert!(matches!(indexed("a", &late), Indexed::Text(_)));
    }
}
