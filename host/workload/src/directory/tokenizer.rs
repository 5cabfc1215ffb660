//! Counts tokens, in OpenAI's o200k_base encoding.
//!
//! The vocabulary is compiled in (no network); building its tables takes about a third of a second, once in a process,
//! so [`Tokenizer::preload`] can do it beside other work.
//!
//! The encoder cuts a text with a regular expression that may look ahead. That expression gives up, and the encoder
//! panics, on a run of a million white-space characters, which a file can hold. So a long text is counted in pieces of
//! at most [`PIECE_BYTES`].

use std::thread::{self, JoinHandle};

/// Longest piece of a text that is encoded at a time. A file below that is never cut.
pub const PIECE_BYTES: usize = 128 * 1024;

/// A token counter. Copies share one vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tokenizer;

impl Tokenizer {
    /// The o200k_base encoding. Costs nothing: the first use loads it.
    #[must_use]
    pub fn o200k() -> Self {
        Self
    }

    /// Loads the vocabulary, or waits until whoever is loading it has done so.
    pub fn load(self) {
        tiktoken_rs::o200k_base_singleton();
    }

    /// Loads the vocabulary on a thread of its own. Counting before it has ended waits for it.
    ///
    /// # Errors
    /// Where the system gives no thread. The vocabulary is then loaded at first use.
    pub fn preload(self) -> std::io::Result<JoinHandle<()>> {
        thread::Builder::new().name("tokenizer".to_owned()).spawn(move || self.load())
    }

    /// The number of tokens of a text; special tokens count as the text they are written as.
    ///
    /// Exact for a text of up to [`PIECE_BYTES`], and for a longer one that has, in each part of that length, a line
    /// that begins with an ASCII letter or digit: the encoding never joins such a line to the one before. Any other
    /// text is cut at some line end or, without one, between two characters, and each such cut may change the count by
    /// a few tokens.
    ///
    /// ```
    /// use host_workload::directory::Tokenizer;
    /// assert_eq!(Tokenizer::o200k().count("hello world"), 2);
    /// ```
    #[must_use]
    pub fn count(self, text: &str) -> u64 {
        let encoder = tiktoken_rs::o200k_base_singleton();
        let mut rest = text;
        let mut tokens = 0;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(cut(rest));
            tokens += encoder.count_ordinary(piece);
            rest = after;
        }
        u64::try_from(tokens).unwrap_or(u64::MAX)
    }
}

/// Where the first piece of a text ends; above 0 for a text that is not empty.
fn cut(text: &str) -> usize {
    if text.len() <= PIECE_BYTES {
        return text.len();
    }
    let end = text.floor_char_boundary(PIECE_BYTES);
    let window = text.as_bytes().get(..end).unwrap_or_default();
    let line_ends =
        || window.iter().enumerate().rev().filter(|&(_, &byte)| byte == b'\n').map(|(at, _)| at + 1);
    // The encoder's expression takes line ends with what precedes them, and with slashes that follow; never with a
    // letter or a digit.
    let starts_line = |&at: &usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_alphanumeric);
    line_ends().find(starts_line).or_else(|| line_ends().next()).unwrap_or(end)
}

#[cfg(test)]
#[expect(clippy::as_conversions, reason = "a test, with small numbers")]
mod tests {
    use super::*;

    fn uncut(text: &str) -> u64 {
        tiktoken_rs::o200k_base_singleton().count_ordinary(text) as u64
    }

    /// This crate's sources, as a sample of ordinary text.
    fn sources() -> String {
        [
            include_str!("tokenizer.rs"),
            include_str!("files.rs"),
            include_str!("language.rs"),
            include_str!("../trace.rs"),
            include_str!("../trace/tests.rs"),
            include_str!("../../Cargo.toml"),
        ]
        .concat()
    }

    #[test]
    fn ordinary_text_counts_as_if_it_were_never_cut() {
        let text = sources().repeat(8);
        assert!(text.len() > 2 * PIECE_BYTES, "must be cut");
        assert_eq!(Tokenizer::o200k().count(&text), uncut(&text));
    }

    #[test]
    fn a_cut_before_a_letter_or_digit_never_changes_the_count() {
        let text = sources();
        let whole = uncut(&text);
        let mut cuts = 0;
        for (at, _) in text.match_indices('\n').step_by(40) {
            let (before, after) = text.split_at(at + 1);
            if after.starts_with(|c: char| c.is_ascii_alphanumeric()) {
                assert_eq!(uncut(before) + uncut(after), whole, "cut at byte {at}");
                cuts += 1;
            }
        }
        assert!(cuts > 0);
        // Why not at any line end: those that follow one another are taken together.
        assert_ne!(uncut("x\n") + uncut("\n\ny"), uncut("x\n\n\ny"));
    }

    #[test]
    fn texts_that_defeat_the_encoder_are_counted() {
        let letters = |letter: &str| letter.repeat(PIECE_BYTES * 3 / letter.len() / 2);
        for text in [letters("a"), letters("."), letters("中"), letters("\n"), letters("aB3+/")] {
            let (count, expected) = (Tokenizer::o200k().count(&text), uncut(&text));
            assert!(count.abs_diff(expected) <= 4, "{count} instead of {expected}");
        }
        // Unsplit, this one panics in the encoder.
        let blanks = " ".repeat(1_200_000);
        let count = Tokenizer::o200k().count(&blanks);
        assert!((1_200_000 / 128..=1_200_000 / 128 + 20).contains(&count), "{count}");
    }

    #[test]
    fn preloading_is_optional() {
        Tokenizer::o200k().preload().unwrap().join().unwrap();
        assert_eq!(Tokenizer::o200k().count("<|endoftext|>"), uncut("<|endoftext|>"));
        assert!(Tokenizer::o200k().count("<|endoftext|>") > 1, "taken as text");
    }
}
