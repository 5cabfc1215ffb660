//! Finds for each request the next one for the same key.
//!
//! That takes the whole trace. So who writes next accesses reads a trace twice: first to [note](NextAccess::push) each
//! key, then to write. Between the two readings this keeps the distance to the next request for the key, 4 bytes a request.
//! During the first reading it takes about 40 bytes a distinct key more.

use hashbrown::HashMap;

/// The next access of each request.
#[derive(Debug, Default)]
pub struct NextAccess {
    /// Requests until the key comes again; 0 for never, [`FAR`] where it does not fit.
    gaps: Vec<u32>,
    /// The gaps that do not fit, by the number of the request.
    far: HashMap<usize, usize>,
    /// The last request for each key.
    last: HashMap<u64, usize>,
}

/// The smallest gap that does not fit; tests have one that they can reach.
const FAR: u32 = if cfg!(test) { 4 } else { u32::MAX };

impl NextAccess {
    /// Notes the next request, by the hash of its key.
    pub fn push(&mut self, key: u64) {
        let now = self.gaps.len();
        self.gaps.push(0);
        let Some(before) = self.last.insert(key, now) else { return };
        let gap = u32::try_from(now - before).ok().filter(|&gap| gap < FAR).unwrap_or(FAR);
        if gap == FAR {
            self.far.insert(before, now - before);
        }
        if let Some(place) = self.gaps.get_mut(before) {
            *place = gap;
        }
    }

    /// Ends the first reading: forgets the keys.
    pub fn freeze(&mut self) {
        self.last = HashMap::new();
    }

    /// The number of the next request for the key that request `number` asks for, counted from 0 on.
    #[must_use]
    pub fn of(&self, number: u64) -> Option<u64> {
        let at = usize::try_from(number).ok()?;
        let gap = match *self.gaps.get(at)? {
            0 => return None,
            FAR => u64::try_from(*self.far.get(&at)?).ok()?,
            gap => u64::from(gap),
        };
        number.checked_add(gap)
    }

    /// Requests noted.
    #[must_use]
    pub fn len(&self) -> u64 {
        u64::try_from(self.gaps.len()).unwrap_or(u64::MAX)
    }

    /// Whether no request was noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.gaps.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_knows_the_next_for_its_key() {
        let mut next = NextAccess::default();
        for key in [7, 8, 7, 7, 9, 8, 3, 4, 9] {
            next.push(key);
        }
        next.freeze();
        let all: Vec<Option<u64>> = (0..next.len()).map(|number| next.of(number)).collect();
        assert_eq!(all, [Some(2), Some(5), Some(3), None, Some(8), None, None, None, None]);
        assert_eq!(next.of(9), None);
    }
}
