//! What is counted in a component, and how much of it is compiled.
//!
//! Beside each limit stands what the largest of real components has, of the JavaScript engine (componentize-js 0.23, 12 MB)
//! and the Python interpreter (componentize-py 0.25, 18 MB) as strategies.

use std::collections::BTreeMap;

use super::ShapeError;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Limit {
    Bytes,
    Nesting,
    Components,
    Modules,
    DefinitionBytes,
    TypeNesting,
    Expanded,
    Types,
    Functions,
    TablesAndMemories,
    Definitions,
    Segments,
    Elements,
    CodeBytes,
    AllBlocks,
    AllValues,
    BodyBytes,
    Weight,
    Locals,
    BlockNesting,
    Blocks,
    Loops,
    LoopNesting,
    Entries,
    Values,
    LocalsAtBlocks,
}

impl Limit {
    /// What it is called in an error text, and how many are compiled.
    pub(super) const fn bound(self) -> (&'static str, u64) {
        match self {
            // Over the whole component: 18 MB.
            Self::Bytes => ("bytes", super::MAX_BYTES),
            // 3.
            Self::Nesting => ("components and modules within one another", 16),
            // 1; a composition has some for each of its parts.
            Self::Components => ("components in it", 200),
            // 14.
            Self::Modules => ("core modules", 128),
            // 165 kB.
            Self::DefinitionBytes => ("bytes of types, imports and definitions", 1 << 20),
            // 1.
            Self::TypeNesting => ("types within one another", 16),
            // 6,000.
            Self::Expanded => ("definitions, once every component and type in it is written out", 50_000),
            // 1,100.
            Self::Types => ("core types", 10_000),
            // 13,400; older Python has 30,000.
            Self::Functions => ("core functions", 150_000),
            // 3.
            Self::TablesAndMemories => ("core tables and memories", 200),
            // 7,400.
            Self::Definitions => ("core imports, exports and globals", 50_000),
            // 10,000.
            Self::Segments => ("data and element segments", 100_000),
            // 8,000.
            Self::Elements => ("elements of tables", 100_000),
            // 9.2 MB.
            Self::CodeBytes => ("bytes of code", 48 << 20),
            // 454,000.
            Self::AllBlocks => ("blocks and branches", 3_000_000),
            // 335,000.
            Self::AllValues => ("values that calls and branches move", 5_000_000),
            // Of one function: 427 kB.
            Self::BodyBytes => ("bytes of code", 2 << 20),
            // 167,000.
            Self::Weight => {
                ("instructions, counting four for each of float arithmetic and two for a call", 700_000)
            }
            // 273.
            Self::Locals => ("parameters and locals", 4_000),
            // 782.
            Self::BlockNesting => ("blocks within one another", 4_000),
            // 9,500.
            Self::Blocks => ("blocks and branches", 40_000),
            // 392.
            Self::Loops => ("loops", 4_000),
            // 6.
            Self::LoopNesting => ("loops within one another", 200),
            // 16,000.
            Self::Entries => ("entries of branch tables", 100_000),
            // 7,800.
            Self::Values => ("values that calls and branches move", 100_000),
            // 494,000.
            Self::LocalsAtBlocks => ("locals times blocks and branches", 2_000_000),
        }
    }

    /// Holds a count of one thing against the limit.
    pub(super) fn hold(
        self,
        place: impl FnOnce() -> String,
        found: impl TryInto<u64>,
    ) -> Result<(), ShapeError> {
        let (what, most) = self.bound();
        let found = wide(found);
        if found <= most {
            return Ok(());
        }
        Err(ShapeError::TooMany { place: place(), what, found, most })
    }
}

/// Counts over a whole component.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<Limit, u64>);

impl Tally {
    pub(super) fn add(&mut self, limit: Limit, n: impl TryInto<u64>) -> Result<(), ShapeError> {
        let total = self.0.entry(limit).or_default();
        *total = total.saturating_add(wide(n));
        limit.hold(it, *total)
    }
}

/// How an error text calls the component.
pub(super) fn it() -> String {
    "it".to_owned()
}

fn wide(n: impl TryInto<u64>) -> u64 {
    n.try_into().unwrap_or(u64::MAX)
}
