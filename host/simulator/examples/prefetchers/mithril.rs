//! Mithril (Yang, Karimi, Sæmundsson, Wildani, Vigfusson, "Mithril: mining sporadic associations for cache prefetching",
//! SoCC 2017).
//!
//! Misses get timestamps. A key with `support` of them moves from the recording table to the mining table, where it takes
//! up to [`MOST_STAMPS`]; one with more is hot and leaves. When the mining table is full its rows, ordered by their first
//! stamp, are compared with those that follow within `lookahead`: of two whose stamps all lie within it of each other, all
//! but `confidence` of them, and closest neighbours once, the later is prefetched after the earlier. A key has at most
//! [`TARGETS`] such.

use std::collections::{HashMap, VecDeque};

use crate::charged::{Found, Predictor};

const MOST_STAMPS: usize = 8;
const TARGETS: usize = 3;

pub(crate) struct Settings {
    pub(crate) support: usize,
    /// Rows of the mining table.
    pub(crate) table: usize,
    pub(crate) lookahead: u64,
    pub(crate) confidence: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { support: 2, table: 512, lookahead: 20, confidence: 1 }
    }
}

pub(crate) struct Mithril {
    settings: Settings,
    now: u64,
    /// Recorded with fewer stamps than are mined.
    recording: HashMap<u64, Vec<u64>>,
    mining: HashMap<u64, Vec<u64>>,
    associations: HashMap<u64, VecDeque<u64>>,
}

impl Mithril {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            now: 0,
            recording: HashMap::new(),
            mining: HashMap::new(),
            associations: HashMap::new(),
        }
    }

    fn record(&mut self, key: u64) {
        self.now += 1;
        if let Some(stamps) = self.mining.get_mut(&key) {
            stamps.push(self.now);
            if stamps.len() > MOST_STAMPS {
                self.mining.remove(&key);
            }
            return;
        }
        let stamps = self.recording.entry(key).or_default();
        stamps.push(self.now);
        if stamps.len() >= self.settings.support
            && let Some(stamps) = self.recording.remove(&key)
        {
            self.mining.insert(key, stamps);
            if self.mining.len() >= self.settings.table {
                self.mine();
            }
        }
    }

    fn mine(&mut self) {
        let mut rows: Vec<(u64, Vec<u64>)> = self.mining.drain().collect();
        rows.sort_by(|one, other| one.1.cmp(&other.1));
        for (place, (key, stamps)) in rows.iter().enumerate() {
            let mut closest = true;
            for (other, others) in rows.iter().skip(place + 1) {
                let apart = |nth: usize| {
                    stamps.get(nth).zip(others.get(nth)).map_or(u64::MAX, |(one, other)| one.abs_diff(*other))
                };
                if apart(0) > self.settings.lookahead {
                    break;
                }
                if stamps.len().abs_diff(others.len()) > self.settings.confidence {
                    continue;
                }
                let both = stamps.len().min(others.len());
                let far = (1..both).filter(|nth| apart(*nth) > self.settings.lookahead).count();
                let strong = closest || (0..both).any(|nth| apart(nth) == 1);
                if far <= self.settings.confidence && strong {
                    let targets = self.associations.entry(*key).or_default();
                    if !targets.contains(other) {
                        targets.push_back(*other);
                        if targets.len() > TARGETS {
                            targets.pop_front();
                        }
                    }
                }
                closest = false;
            }
        }
    }
}

impl Predictor for Mithril {
    fn access(&mut self, key: u64, found: Found, wanted: &mut Vec<u64>) {
        // What a prefetch served would have been a miss.
        if found != Found::Cached {
            self.record(key);
        }
        wanted.extend(self.associations.get(&key).into_iter().flatten());
    }
}
