//! A project's directory: which files there are, and what indexing one of them finds.
//!
//! [`walk`] lists the files in a fixed order; the caller reads each (IO) and hands its bytes to [`index`] (CPU), keeps the
//! [`FileIndex`] as long as the file's [`FileVersion`] stays the same, and adds it to [`FileTotals`]. Nothing here reads a
//! file's content, so the caller decides on which pool that happens.
//!
//! ```
//! use host_workload::directory::{Indexed, Tokenizer, FileTotals, index, walk};
//! use std::ops::ControlFlow;
//!
//! # let folder = tempfile::tempdir()?;
//! # std::fs::write(folder.path().join("main.rs"), "fn main() {}\n")?;
//! let tokenizer = Tokenizer::o200k();
//! let walk = walk(folder.path(), |_| ControlFlow::Continue(()))?;
//! let mut totals = FileTotals::default();
//! for file in &walk.files {
//!     let bytes = std::fs::read(walk.absolute(file))?;
//!     totals.add(&file.path, &index(&file.path, &bytes, &tokenizer));
//! }
//! assert_eq!((totals.text.files, totals.text.lines), (1, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod files;
mod index;
mod language;
mod tokenizer;
mod totals;

pub use files::{DirectoryError, FileEntry, FileVersion, Skipped, Walk, walk};
pub use index::{Binary, FileIndex, Indexed, SNIFF_BYTES, index};
pub use language::Language;
pub use tokenizer::{PIECE_BYTES, Tokenizer};
pub use totals::{Counts, FileTotals};
