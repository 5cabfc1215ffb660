//! Where the ghosts of a queue are found: a line of memory for a few of them.
//!
//! A ghost is one word in the line that its fingerprint says: the fingerprint, and the number by which its queue knows
//! it. Numbers rise, and a ghost is one for as long as its number is in the queue's [`Window`]; a word whose number is
//! not is as good as empty, so that dropping the oldest ghosts touches no line. One that finds its line full goes to the
//! next that is not, and each full line on the way keeps the number of the newest that passed; a search goes on while
//! that is in the window. So looking one up and making one touch a line each, nearly always.
//!
//! A word has [`FEWEST_BITS`] bits for the number. More of them are taken from the fingerprint when the window needs
//! them. Long before a number comes again, a [sweep](Index::renumber) over all lines empties the words that are out of
//! the window.
//!
//! Which words of a line match or are empty cannot be predicted, so a line is looked at without a branch for each. In
//! read-through of a live cache (`cargo bench -p host-cache --bench peers -- u64`) branches took 1.06 to 1.1 times as long.
//!
//! With chains through the ring instead, of which each step waits for memory, and nothing fetched ahead, read-through of
//! a live cache took 1.1 times as long under ARC, and 1.15 under S3-FIFO and LIRS.

use super::Fingerprint;
use crate::fetch::fetch_at;
use crate::list::at;

/// Words of a line, beside which there is room for [`Line::passed`].
const WIDTH: usize = 7;

/// Words in ten lines before there are more lines: three quarters.
const FULL_OF_TEN: usize = 52;

/// The lines grow by one in so many: what lies idle is small, what is copied for each ghost still constant.
const GROWTH: usize = 8;

/// Bits of a number in a word, which leave room for the whole fingerprint; and the most, which leave what decides the
/// line.
const FEWEST_BITS: u32 = 24;
const MOST_BITS: u32 = 32;

/// A window may be so long, and a sweep so late, as numbers of two bits less can count.
const RESERVE: u32 = 2;

/// The longest window.
pub(super) const MOST_RECORDS: usize = 1 << (MOST_BITS - RESERVE);

/// The numbers of the records of a queue. They wrap.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// The number of the oldest.
    pub(super) first: u32,
    pub(super) len: usize,
}

impl Window {
    /// Where a number stands in the window; past its end if it does not.
    #[inline]
    const fn place(self, number: u32) -> usize {
        at(number.wrapping_sub(self.first))
    }

    /// The number of a place.
    #[expect(clippy::as_conversions, reason = "there are at most 2^30 places")]
    pub(super) const fn number(self, place: usize) -> u32 {
        self.first.wrapping_add(place as u32)
    }
}

/// One line of the processor's cache.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Line {
    /// Each a fingerprint, then a number; 0 where none ever was.
    words: [u64; WIDTH],
    /// The number of the newest ghost that found this line full, or any that is not in the window.
    passed: u32,
}

/// One bit for each word that `is`. Without a branch for each: a processor cannot predict which words they are.
#[inline]
fn which(words: &[u64; WIDTH], is: impl Fn(u64) -> bool) -> u32 {
    (0u32..).zip(words).fold(0, |bits, (within, &word)| bits | u32::from(is(word)) << within)
}

/// Lines that have room for so many ghosts.
const fn lines_for(ghosts: usize) -> usize {
    ghosts * 10 / FULL_OF_TEN + 1
}

/// The index of a queue.
#[derive(Debug, Clone)]
pub(super) struct Index {
    lines: Vec<Line>,
    /// Bits of a word that are its number.
    bits: u32,
    /// The number at which the next sweep is due.
    due: u32,
}

impl Index {
    pub(super) const fn new() -> Self {
        Self { lines: Vec::new(), bits: FEWEST_BITS, due: 0 }
    }

    /// Ghosts for which there is room without another line.
    #[inline]
    pub(super) const fn room(&self) -> usize {
        self.lines.len() * FULL_OF_TEN / 10
    }

    /// The bits of a word that are its number.
    #[inline]
    const fn mask(&self) -> u64 {
        (1 << self.bits) - 1
    }

    /// Where the number of a word stands in the window; past its end for one that is no ghost.
    #[inline]
    #[expect(clippy::as_conversions, reason = "the number is in the lower half")]
    const fn place(&self, word: u64, window: Window) -> usize {
        // The number may have fewer bits than the window's.
        at((word as u32).wrapping_sub(window.first) & self.mask() as u32)
    }

    /// Whether a word is a ghost.
    #[inline]
    const fn remembers(&self, word: u64, window: Window) -> bool {
        (word != 0) & (self.place(word, window) < window.len)
    }

    /// The line that a word goes to if there is room.
    #[inline]
    fn home(&self, word: u64) -> usize {
        // A product of two numbers of 32 bits; the upper half is less than the number of lines.
        let spread = (word >> 32) * u64::try_from(self.lines.len()).unwrap_or(0);
        usize::try_from(spread >> 32).unwrap_or(0)
    }

    #[inline]
    const fn after(&self, line: usize) -> usize {
        if line + 1 == self.lines.len() { 0 } else { line + 1 }
    }

    /// Prefetches the line of a fingerprint.
    #[inline]
    pub(super) fn fetch(&self, fingerprint: Fingerprint) {
        fetch_at(&self.lines, self.home(fingerprint.word()));
    }

    /// Takes the ghost with this fingerprint out, and says where in the window it stands.
    #[inline]
    pub(super) fn take(&mut self, fingerprint: Fingerprint, window: Window) -> Option<usize> {
        let (wanted, mask) = (fingerprint.word() & !self.mask(), self.mask());
        let mut number = self.home(wanted);
        for _ in 0..self.lines.len() {
            let line = &self.lines[number];
            // No fingerprint is that of an empty word.
            let mut matching = which(&line.words, |word| word ^ wanted <= mask);
            let passed = line.passed;
            while matching != 0 {
                let within = at(matching.trailing_zeros());
                let place = self.place(self.lines[number].words[within], window);
                if place < window.len {
                    self.lines[number].words[within] = 0;
                    return Some(place);
                }
                matching &= matching - 1;
            }
            if window.place(passed) >= window.len {
                return None;
            }
            number = self.after(number);
        }
        None
    }

    /// Puts in the ghost at the newest place of the window. There is room.
    #[inline]
    pub(super) fn put(&mut self, fingerprint: Fingerprint, window: Window) {
        let number = window.number(window.len - 1);
        if number == self.due || window.len > 1 << (self.bits - RESERVE) {
            self.sweep(window);
        }
        self.store(fingerprint.word(), number, window);
    }

    #[inline]
    fn store(&mut self, fingerprint: u64, number: u32, window: Window) {
        let word = fingerprint & !self.mask() | u64::from(number) & self.mask();
        let mut to = self.home(word);
        loop {
            let line = &self.lines[to];
            let free = which(&line.words, |held| !self.remembers(held, window));
            if free != 0 {
                self.lines[to].words[at(free.trailing_zeros())] = word;
                return;
            }
            let passed = window.place(line.passed);
            if passed >= window.len || passed < window.place(number) {
                self.lines[to].passed = number;
            }
            to = self.after(to);
        }
    }

    /// Makes room for one more ghost.
    #[cold]
    pub(super) fn grow(&mut self, window: Window) {
        self.resize(self.lines.len() + self.lines.len() / GROWTH + 1, window);
    }

    /// Makes room for so many ghosts.
    pub(super) fn expect(&mut self, ghosts: usize, window: Window) {
        if ghosts > self.room() {
            self.resize(lines_for(ghosts), window);
        }
    }

    /// Gives back lines if most lie idle with so many ghosts.
    #[inline]
    pub(super) fn shrink(&mut self, ghosts: usize, window: Window) {
        if ghosts < self.room() / 2 {
            self.resize(lines_for(ghosts + ghosts / GROWTH), window);
        }
    }

    #[cold]
    fn resize(&mut self, lines: usize, window: Window) {
        let empty = Line { words: [0; WIDTH], passed: window.first.wrapping_sub(1) };
        let old = std::mem::replace(&mut self.lines, vec![empty; lines]);
        for word in old.iter().flat_map(|line| line.words) {
            if self.remembers(word, window) {
                self.store(word, window.number(self.place(word, window)), window);
            }
        }
    }

    /// Empties the words that are out of the window, and takes as many bits for numbers as the window needs.
    #[cold]
    fn sweep(&mut self, window: Window) {
        let mut bits = self.bits;
        while window.len > 1 << (bits - RESERVE) && bits < MOST_BITS {
            bits += 1;
        }
        self.due = window.number(window.len - 1).wrapping_add(1 << (bits - RESERVE));
        self.renumber(bits, window, Some);
    }

    /// Gives each ghost of the window the place that `place_of` says, in the same window and in the same order; for one
    /// that is gone, it says the place of the one before.
    pub(super) fn pack(&mut self, window: Window, place_of: impl Fn(usize) -> Option<usize>) {
        self.renumber(self.bits, window, place_of);
    }

    fn renumber(&mut self, bits: u32, window: Window, place_of: impl Fn(usize) -> Option<usize>) {
        let mask = (1 << bits) - 1;
        let none = window.first.wrapping_sub(1);
        let number_at = |place| {
            let place = Some(place).filter(|&place| place < window.len).and_then(&place_of)?;
            Some(window.number(place))
        };
        let mut lines = std::mem::take(&mut self.lines);
        for line in &mut lines {
            for word in &mut line.words {
                let number = number_at(self.place(*word, window)).filter(|_| *word != 0);
                *word = number.map_or(0, |number| *word & !mask | u64::from(number) & mask);
            }
            line.passed = number_at(window.place(line.passed)).unwrap_or(none);
        }
        (self.lines, self.bits) = (lines, bits);
    }

    #[cfg(test)]
    pub(super) fn lines(&self) -> usize {
        self.lines.len()
    }
}
