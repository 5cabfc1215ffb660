//! Exact LRU stack distances (Mattson, Gecsei, Slutz and Traiger, "Evaluation techniques for storage hierarchies", IBM
//! Systems Journal 1970), counted with a tree as Olken proposed ("Efficient methods for calculating the success function
//! of fixed space replacement policies", 1981).
//!
//! The distance of a request is the place of its key in the LRU stack, from 1 on: how many distinct keys were asked for
//! since and including the last request for it. An LRU cache hits exactly the requests whose distance is at most its
//! capacity in objects.
//!
//! Each key marks the place of its last request on a line; the marks behind that of a key are the keys asked for since. A
//! Fenwick tree over blocks of 512 places counts them, so that the tree of a million keys fits a core's cache. When the line
//! is full the marks are moved together: it is twice as long as there are keys, so that each request pays for a move O(1)
//! times. Memory is so a matter of distinct keys: 4 bytes each for its place, 8 to 16 for the line, 8 for the histogram.

/// Most distinct keys: a line for twice as many has places that a u32 can number.
pub const MAX_KEYS: u32 = 2_000_000_000;

/// Places on a line at first.
const FIRST_PLACES: usize = 1 << 12;

const WORD: usize = 64;
const BLOCK_WORDS: usize = 8;
const BLOCK: usize = WORD * BLOCK_WORDS;

/// The place of a key that has none yet.
const NOWHERE: u32 = u32::MAX;

/// A histogram of stack distances.
#[derive(Debug)]
pub struct StackDistances {
    /// By key: where on the line it was asked for last.
    places: Vec<u32>,
    line: Line,
    /// By distance: how many requests had it.
    histogram: Vec<u64>,
    reuses: u64,
}

/// Marks in a row.
#[derive(Debug)]
struct Line {
    /// By place: the key that was asked for there, whether or not its mark is still there.
    keys: Vec<u32>,
    /// A bit a place: is there a mark?
    marks: Vec<u64>,
    /// Fenwick tree of the marks in each block.
    tree: Vec<u32>,
    marked: u32,
    /// Places there are.
    places: usize,
}

impl Default for StackDistances {
    fn default() -> Self {
        Self { places: Vec::new(), line: Line::new(FIRST_PLACES), histogram: Vec::new(), reuses: 0 }
    }
}

impl StackDistances {
    /// Notes a request for a key, by its number: keys are numbered from 0 on by first appearance, and there are at most
    /// [`MAX_KEYS`]. Returns its distance; none for the first request for a key.
    pub fn access(&mut self, key: u32) -> Option<u64> {
        if self.line.is_full() {
            self.line.move_together(&mut self.places);
        }
        let here = self.line.push(key);
        let at = index(key);
        if at >= self.places.len() {
            self.places.resize(at + 1, NOWHERE);
        }
        let before = std::mem::replace(self.places.get_mut(at)?, here);
        if before == NOWHERE {
            return None;
        }
        // The marks after the key's last place, of which the one just put stands for the key itself.
        let distance = self.line.marks_after(index(before));
        self.line.clear(index(before));
        if distance >= self.histogram.len() {
            self.histogram.resize(distance + 1, 0);
        }
        *self.histogram.get_mut(distance)? += 1;
        self.reuses += 1;
        u64::try_from(distance).ok()
    }

    /// Requests that had a distance.
    #[must_use]
    pub fn reuses(&self) -> u64 {
        self.reuses
    }

    /// Requests of at most this distance: the hits of an LRU cache of so many objects.
    #[must_use]
    pub fn within(&self, distance: u64) -> u64 {
        let places = usize::try_from(distance).unwrap_or(usize::MAX).saturating_add(1);
        self.histogram.iter().take(places).sum()
    }

    /// The smallest distance that `share` (0 to 1) of all requests with a distance do not exceed.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<u64> {
        #[expect(
            clippy::as_conversions,
            reason = "a float as u64 saturates, and a count beyond 2^53 may be off by one in 2^53"
        )]
        let wanted = ((self.reuses as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let reached = self.histogram.iter().position(|&requests| {
            seen += requests;
            seen >= wanted
        })?;
        u64::try_from(reached).ok()
    }
}

#[expect(clippy::as_conversions, reason = "u32 fits usize on every target with 32 bits or more")]
const fn index(number: u32) -> usize {
    number as usize
}

#[expect(
    clippy::indexing_slicing,
    reason = "places are handed out by `push`, each below the length of the line, and the tree has a node a block; \
              a check that cannot fail would cost a third of the time"
)]
impl Line {
    fn new(places: usize) -> Self {
        let places = places.next_multiple_of(BLOCK);
        Self {
            keys: Vec::with_capacity(places),
            marks: vec![0; places / WORD],
            tree: vec![0; places / BLOCK + 1],
            marked: 0,
            places,
        }
    }

    fn is_full(&self) -> bool {
        self.keys.len() == self.places
    }

    /// Marks the next place for a key.
    fn push(&mut self, key: u32) -> u32 {
        let place = self.keys.len();
        self.keys.push(key);
        self.marks[place / WORD] |= 1 << (place % WORD);
        self.marked += 1;
        let mut node = place / BLOCK + 1;
        while node < self.tree.len() {
            self.tree[node] += 1;
            node += node & node.wrapping_neg();
        }
        // A line has at most twice MAX_KEYS places.
        u32::try_from(place).unwrap_or(NOWHERE)
    }

    fn clear(&mut self, place: usize) {
        self.marks[place / WORD] &= !(1 << (place % WORD));
        self.marked -= 1;
        let mut node = place / BLOCK + 1;
        while node < self.tree.len() {
            self.tree[node] -= 1;
            node += node & node.wrapping_neg();
        }
    }

    /// Marks behind a place.
    fn marks_after(&self, place: usize) -> usize {
        let mut up_to = 0;
        let mut node = place / BLOCK;
        while node > 0 {
            up_to += self.tree[node];
            node &= node - 1;
        }
        let word = place / WORD;
        let first = word - word % BLOCK_WORDS;
        up_to += self.marks[first..word].iter().map(|word| word.count_ones()).sum::<u32>();
        // The place's own bit and those below it.
        up_to += (self.marks[word] << (WORD - 1 - place % WORD)).count_ones();
        index(self.marked - up_to)
    }

    /// Moves the marks to the beginning of a line with room for as many again.
    fn move_together(&mut self, places: &mut [u32]) {
        let mut line = Self::new((2 * index(self.marked)).max(FIRST_PLACES));
        for (place, &key) in self.keys.iter().enumerate() {
            if self.marks[place / WORD] >> (place % WORD) & 1 == 1 {
                places[index(key)] = line.push(key);
            }
        }
        *self = line;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition: a list of keys, the last asked for first.
    #[derive(Default)]
    struct Stack(Vec<u32>);

    impl Stack {
        fn access(&mut self, key: u32) -> Option<u64> {
            let place = self.0.iter().position(|&other| other == key);
            if let Some(place) = place {
                self.0.remove(place);
            }
            self.0.insert(0, key);
            place.map(|place| u64::try_from(place).unwrap() + 1)
        }
    }

    #[test]
    fn distances_are_those_of_a_stack() {
        use rand::RngExt as _;
        let mut random = rand_pcg::Pcg64::new(3, 4);
        for keys in [1, 2, 50, 700, 3000] {
            let (mut fast, mut slow) = (StackDistances::default(), Stack::default());
            let (mut numbers, mut next) = (std::collections::HashMap::new(), 0);
            let mut hits = vec![0; keys + 1];
            for _ in 0..30_000 {
                // Skewed, so that short and long distances occur.
                let bound = random.random_range(0..keys);
                let key = random.random_range(0..=bound);
                let number = *numbers.entry(key).or_insert_with(|| {
                    next += 1;
                    next - 1
                });
                let distance = slow.access(number);
                assert_eq!(fast.access(number), distance, "{keys} keys");
                if let Some(distance) = distance {
                    hits[usize::try_from(distance).unwrap()] += 1;
                }
            }
            let total: u64 = hits.iter().sum();
            assert_eq!(fast.reuses(), total);
            for capacity in 0..=keys {
                assert_eq!(
                    fast.within(u64::try_from(capacity).unwrap()),
                    hits[..=capacity].iter().sum::<u64>()
                );
            }
            let median = usize::try_from(fast.quantile(0.5).unwrap()).unwrap();
            assert!(hits[..=median].iter().sum::<u64>() * 2 >= total);
            assert!(hits[..median].iter().sum::<u64>() * 2 < total);
        }
    }

    #[test]
    fn the_line_grows_with_the_keys_and_not_with_the_requests() {
        let mut distances = StackDistances::default();
        for request in 0..1_000_000_u32 {
            distances.access(request % 10_000);
        }
        assert!(distances.line.places <= 20_480, "{}", distances.line.places);
        // A loop over so many keys has but one distance.
        assert_eq!((distances.quantile(0.0), distances.quantile(1.0)), (Some(10_000), Some(10_000)));
        assert_eq!((distances.within(9_999), distances.within(10_000)), (0, 990_000));
    }
}
