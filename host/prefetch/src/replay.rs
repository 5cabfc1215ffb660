//! Follows what came after a key the last time: a stream in time, whatever the keys are.
//!
//! As temporal streaming does for processors (Wenisch and others, 2005): a history of the last keys, and for each where it
//! came last. A key that is not expected begins to follow what came after it then. A follower that comes true is trusted
//! more with each key, by as many steps as it was right in a row; how far each trust reaches is for the gates to measure.
//! Several are kept, so that streams which interleave do not end each other, and one passes over up to [`SKIPPED`] keys that
//! did not come this time. So one repetition of a long sequence is enough, where counting pairs needs several.
//!
//! Memory: [`HISTORY`] keys and as many places in the index, some 2 MB once there were as many requests. Nothing is kept
//! without such a rule.

use hashbrown::HashMap;

use crate::finders::is_step;

/// Keys that are remembered.
const HISTORY: usize = 1 << 16;
/// Followers at once.
const FOLLOWERS: usize = 16;
/// Keys that a follower passes over at once.
const SKIPPED: usize = 3;
/// Turns without a key after which a follower is trusted half.
const PATIENCE: u64 = 32;
const MOST_TRUST: u32 = 255;

/// Keys of the history that a follower looks at.
const LOOKED_AT: usize = 1 + SKIPPED;

#[derive(Debug, Clone, Copy)]
struct Follower {
    /// Which key of the history it expects, counted from the first ever.
    at: u64,
    /// That key and those behind it, as far as they were known; in the follower, because all are looked through at each access.
    next: [Option<u64>; LOOKED_AT],
    trust: u32,
    used: u64,
    /// What it expected next when it was the most trusted last.
    led: Option<u64>,
}

/// History, index and followers.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    history: Vec<u64>,
    /// Keys so far.
    len: u64,
    last: HashMap<u64, u64>,
    followers: Vec<Follower>,
}

/// The place in the history that a key has led to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Led {
    /// Where the next key is.
    at: u64,
    /// What came since is no past.
    before: u64,
    /// How often the follower was right in a row.
    pub(crate) trust: u32,
    /// Whether it went on by one key, trusted about as much.
    pub(crate) steady: bool,
}

impl Replay {
    /// Notes an access, and says where it leads.
    pub(crate) fn access(&mut self, key: u64) -> Option<Led> {
        if self.len.checked_sub(1).and_then(|at| self.key(at)) == Some(key) {
            return None;
        }
        let now = self.len;
        let mut best: Option<(usize, Follower)> = None;
        for number in 0..self.followers.len() {
            let Some(mut follower) = self.followers.get(number).copied() else { continue };
            let Some(skipped) = follower.next.iter().position(|next| *next == Some(key)).map(to_u64) else {
                continue;
            };
            if now - follower.used > PATIENCE {
                follower.trust /= 2;
            }
            follower.trust =
                if skipped == 0 { (follower.trust + 1).min(MOST_TRUST) } else { follower.trust / 2 };
            (follower.at, follower.used) = (follower.at + skipped + 1, now);
            follower.next = self.next(follower.at);
            if let Some(place) = self.followers.get_mut(number) {
                *place = follower;
            }
            if best.is_none_or(|(_, best)| best.trust < follower.trust) {
                best = Some((number, follower));
            }
        }
        let mut led = None;
        if let Some((number, Follower { at, trust, led: before, .. })) = best {
            let steady = before.is_some_and(|before| before + 1 == at) && !is_step(trust);
            led = Some(Led { at, before: now, trust, steady });
            if let Some(place) = self.followers.get_mut(number) {
                place.led = Some(at);
            }
            // Those that follow the same way are one.
            self.followers.retain(|other| other.at != at || other.trust == trust);
            self.followers.dedup_by_key(|other| other.at);
        } else if let Some(&before) = self.last.get(&key) {
            let at = before + 1;
            self.begin(Follower { at, next: self.next(at), trust: 0, used: now, led: Some(at) });
            led = Some(Led { at, before: now, trust: 0, steady: false });
        }
        self.remember(key);
        led
    }

    /// The key that is expected so many keys ahead, 1 for the next.
    pub(crate) fn expected(&self, led: Led, distance: u32) -> Option<u64> {
        let at = led.at + u64::from(distance) - 1;
        self.key(at).filter(|_| at < led.before)
    }

    fn begin(&mut self, follower: Follower) {
        if self.followers.len() < FOLLOWERS {
            self.followers.push(follower);
        } else if let Some(place) = self.followers.iter_mut().min_by_key(|follower| follower.used) {
            *place = follower;
        }
    }

    /// The keys from a place of the history on, as far as they are known.
    fn next(&self, at: u64) -> [Option<u64>; LOOKED_AT] {
        std::array::from_fn(|skip| self.key(at + to_u64(skip)))
    }

    /// A key of the history, if it is remembered.
    fn key(&self, at: u64) -> Option<u64> {
        let kept = at < self.len && self.len - at <= to_u64(HISTORY);
        self.history.get(place(at)).copied().filter(|_| kept)
    }

    fn remember(&mut self, key: u64) {
        if let Some(oldest) = self.history.get_mut(place(self.len)) {
            let gone = self.len - to_u64(HISTORY);
            if self.last.get(oldest) == Some(&gone) {
                self.last.remove(oldest);
            }
            *oldest = key;
        } else {
            self.history.push(key);
        }
        self.last.insert(key, self.len);
        for Follower { at, next, .. } in &mut self.followers {
            let skip = self.len.checked_sub(*at).and_then(|skip| usize::try_from(skip).ok());
            if let Some(unknown) = skip.and_then(|skip| next.get_mut(skip)) {
                *unknown = Some(key);
            }
        }
        self.len += 1;
    }
}

fn place(at: u64) -> usize {
    usize::try_from(at % to_u64(HISTORY)).unwrap_or(0)
}

fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(replay: &mut Replay, key: u64, depth: u32) -> Vec<(u64, u32)> {
        let Some(led) = replay.access(key) else { return Vec::new() };
        (1..=depth).filter_map(|distance| Some((replay.expected(led, distance)?, led.trust))).collect()
    }

    fn all(replay: &mut Replay, keys: &[u64]) {
        keys.iter().for_each(|&key| drop(expected(replay, key, 4)));
    }

    #[test]
    fn one_repetition_is_enough_and_trust_grows() {
        let mut replay = Replay::default();
        all(&mut replay, &[5, 90, 3, 77, 12, 41]);
        assert_eq!(expected(&mut replay, 5, 2), [(90, 0), (3, 0)]);
        assert_eq!(expected(&mut replay, 90, 2), [(3, 1), (77, 1)]);
        assert_eq!(expected(&mut replay, 3, 9), [(77, 2), (12, 2), (41, 2), (5, 2), (90, 2)]);
    }

    #[test]
    fn a_loop_is_followed_around_its_turn() {
        let mut replay = Replay::default();
        let round: Vec<u64> = (0..50).map(|n| n * 7919 % 1000).collect();
        all(&mut replay, &round);
        for turn in 0..200 {
            let found = expected(&mut replay, round[turn % 50], 3);
            assert_eq!(found.first().map(|found| found.0), Some(round[(turn + 1) % 50]), "{turn}");
        }
    }

    #[test]
    fn what_did_not_come_this_time_is_passed_over() {
        let mut replay = Replay::default();
        all(&mut replay, &[1, 20, 3, 40, 5, 60, 7, 80]);
        all(&mut replay, &[1, 20, 3]);
        assert_eq!(expected(&mut replay, 60, 1), [(7, 1)], "40 and 5 were left out");
    }

    #[test]
    fn streams_that_interleave_do_not_end_each_other() {
        let mut replay = Replay::default();
        let (one, other): (Vec<u64>, Vec<u64>) = ((100..120).collect(), (500..520).rev().collect());
        all(&mut replay, &one);
        all(&mut replay, &other);
        let mut trusted = 0;
        for (a, b) in one.iter().zip(&other) {
            trusted = expected(&mut replay, *a, 1).first().map_or(0, |found| found.1);
            expected(&mut replay, *b, 1);
        }
        assert!(trusted >= 18 - 1, "{trusted}");
    }

    #[test]
    fn a_repeated_key_is_no_news_and_memory_is_bounded() {
        let mut replay = Replay::default();
        all(&mut replay, &[1, 2, 3]);
        assert_eq!(expected(&mut replay, 3, 4), []);
        for key in 0..3 * to_u64(HISTORY) {
            expected(&mut replay, key % (2 * to_u64(HISTORY)), 1);
        }
        assert!(replay.history.len() == HISTORY && replay.last.len() <= HISTORY);
    }
}
