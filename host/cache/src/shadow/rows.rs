//! The ids that the shadows know: one table for all of them.
//!
//! An id has a row, and the number of the row is the slot of its entry in every policy. So a request is looked up once,
//! whatever the number of shadows, and no shadow keeps a table, ids or slots of its own. A row says with two bits for
//! each shadow whether its policy holds the entry, or remembers it as evicted. A row that no shadow marks any more is
//! given to another id, once the batch of requests that it was looked up for is over.
//!
//! Slots of a policy are therefore not dense: there are as many rows as ids in all shadows together, ghosts included, and a
//! policy's arrays are as long as there were rows at most. What this costs in lines of the processor's cache that are half
//! full is less than what tables would: a look into one for each shadow, and two changes of it for each miss.
//!
//! A pair of bits is a [`Column`]. What else is to be known of an id for all shadows, such as whether the cache in front
//! holds it, can take a column as a shadow does.
//!
//! It fails at 2^32 - 1 rows: the ids that come then get [`NIL`], which nothing holds.
#![expect(
    clippy::indexing_slicing,
    reason = "rows are those that were handed out here, and words those of a column"
)]

use crate::index::{NIL, at};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use host_contract::split_mix::mix;

/// Lanes in a word: a bit each in its lower and in its upper half.
const PER_WORD: u32 = 32;

/// A shadow's two bits in every row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    word: usize,
    held: u64,
    remembered: u64,
}

impl Column {
    fn nth(number: u32) -> Self {
        let held = 1 << (number % PER_WORD);
        Self { word: at(number / PER_WORD), held, remembered: held << PER_WORD }
    }
}

#[derive(Debug, Clone, Copy)]
struct Known {
    id: u64,
    row: u32,
}

/// The rows; see the [module](self).
#[derive(Debug)]
pub(super) struct Rows {
    table: HashTable<Known>,
    /// The id of each row, the last one of a free row.
    ids: Vec<u64>,
    /// The marks of each row, `words` for one.
    marks: Vec<u64>,
    words: usize,
    /// The bits of the columns that are taken, by word.
    taken: Vec<u64>,
    free: Vec<u32>,
    /// Rows that may have been without a mark at some time since the last [`settle`](Self::settle).
    unmarked: Vec<u32>,
}

impl Rows {
    pub(super) fn new() -> Self {
        Self {
            table: HashTable::new(),
            ids: Vec::new(),
            marks: Vec::new(),
            words: 1,
            taken: vec![0],
            free: Vec::new(),
            unmarked: Vec::new(),
        }
    }

    /// A column without marks, for one more shadow.
    pub(super) fn add_column(&mut self) -> Column {
        let free = |column: &Column| self.taken.get(column.word).is_none_or(|taken| taken & column.held == 0);
        // There is one: beyond the words no column is taken.
        let column = (0..).map(Column::nth).find(free).unwrap_or(Column::nth(0));
        if column.word >= self.words {
            let words = column.word + 1;
            let mut marks = vec![0; self.ids.len() * words];
            for (wide, narrow) in marks.chunks_exact_mut(words).zip(self.marks.chunks_exact(self.words)) {
                wide[..self.words].copy_from_slice(narrow);
            }
            self.marks = marks;
            self.words = words;
            self.taken.resize(words, 0);
        }
        self.taken[column.word] |= column.held;
        column
    }

    /// Gives back a column, and what it marked.
    pub(super) fn remove_column(&mut self, column: Column) {
        self.taken[column.word] &= !column.held;
        for row in (0..).take(self.ids.len()) {
            self.unmark(row, column, column.held | column.remembered);
        }
        self.settle();
    }

    /// The row of an id, a new one if it has none; [`NIL`] where there are no more.
    #[inline]
    pub(super) fn of(&mut self, id: u64) -> u32 {
        let vacant = match self.table.entry(mix(id), |known| known.id == id, |known| mix(known.id)) {
            Entry::Occupied(known) => return known.get().row,
            Entry::Vacant(vacant) => vacant,
        };
        let row = match self.free.pop() {
            Some(row) => {
                self.ids[at(row)] = id;
                row
            }
            None => {
                let Some(row) = u32::try_from(self.ids.len()).ok().filter(|&row| row != NIL) else {
                    return NIL;
                };
                self.ids.push(id);
                self.marks.resize(self.ids.len() * self.words, 0);
                row
            }
        };
        vacant.insert(Known { id, row });
        // Where no shadow stores it, nobody will say so.
        self.unmarked.push(row);
        row
    }

    /// Ids that have a row, and rows that there are.
    #[cfg(test)]
    pub(super) fn count(&self) -> (usize, usize) {
        assert_eq!(self.table.len() + self.free.len(), self.ids.len());
        (self.table.len(), self.ids.len())
    }

    /// The id of each row; of no meaning where there is none.
    pub(super) fn ids(&self) -> &[u64] {
        &self.ids
    }

    #[inline]
    const fn place(&self, row: u32, column: Column) -> usize {
        at(row) * self.words + column.word
    }

    #[inline]
    fn word(&self, row: u32, column: Column) -> u64 {
        self.marks.get(self.place(row, column)).copied().unwrap_or(0)
    }

    /// Whether the shadow of this column holds the entry.
    #[inline]
    pub(super) fn holds(&self, row: u32, column: Column) -> bool {
        self.word(row, column) & column.held != 0
    }

    /// Whether its policy remembers the entry as evicted.
    #[inline]
    pub(super) fn remembers(&self, row: u32, column: Column) -> bool {
        self.word(row, column) & column.remembered != 0
    }

    /// The shadow holds the entry from now on.
    #[inline]
    pub(super) fn hold(&mut self, row: u32, column: Column) {
        let place = self.place(row, column);
        self.marks[place] |= column.held;
    }

    /// The shadow no longer holds the entry; its policy remembers it, or does not. False, and nothing changed, where it did
    /// not hold it.
    #[inline]
    pub(super) fn evict(&mut self, row: u32, column: Column, remembered: bool) -> bool {
        let place = self.place(row, column);
        let Some(word) = self.marks.get_mut(place).filter(|word| **word & column.held != 0) else {
            return false;
        };
        *word = *word & !column.held | if remembered { column.remembered } else { 0 };
        if *word == 0 {
            self.unmarked.push(row);
        }
        true
    }

    /// The policy no longer remembers the entry as evicted.
    #[inline]
    pub(super) fn forget(&mut self, row: u32, column: Column) {
        self.unmark(row, column, column.remembered);
    }

    #[inline]
    fn unmark(&mut self, row: u32, column: Column, bits: u64) {
        let place = self.place(row, column);
        self.marks[place] &= !bits;
        if self.marks[place] == 0 {
            self.unmarked.push(row);
        }
    }

    /// Frees the rows that no shadow marks. No row that was looked up before may be used after.
    pub(super) fn settle(&mut self) {
        while let Some(row) = self.unmarked.pop() {
            let from = at(row) * self.words;
            if self.marks[from..from + self.words].iter().any(|&word| word != 0) {
                continue;
            }
            // One that was told twice is free already, and no longer found.
            let id = self.ids[at(row)];
            if let Ok(known) = self.table.find_entry(mix(id), |known| known.row == row) {
                known.remove();
                self.free.push(row);
            }
        }
    }
}
