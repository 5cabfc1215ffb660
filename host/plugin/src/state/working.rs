//! What a strategy reads and changes in a tick. It counts once the tick has ended well.

use std::sync::Arc;

use super::StrategyState;
use super::entries::{Caps, Entries, Refused};

/// The learnt state, as the instance under way sees it. Without one behind it nothing is there and nothing is kept.
#[derive(Debug, Default)]
pub(crate) struct Working {
    kept: Option<StrategyState>,
    /// What it was changed into in this tick; none where it was not.
    changed: Option<Entries>,
    /// Whether a limit was met in this tick.
    met: bool,
}

/// Why something was not kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotKept {
    /// There is nothing to keep it in.
    Unavailable,
    /// It is not to be kept.
    Refused(Refused),
}

impl Working {
    /// Over what was kept before.
    pub(crate) fn over(kept: StrategyState) -> Self {
        Self { kept: Some(kept), ..Self::default() }
    }

    pub(crate) fn get(&self, key: &str) -> Option<Arc<[u8]>> {
        match (&self.changed, &self.kept) {
            (Some(changed), _) => changed.get(key),
            (None, Some(kept)) => kept.read(|entries| entries.get(key)),
            (None, None) => None,
        }
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        let owned = |entries: &Entries| entries.keys().map(str::to_owned).collect();
        match (&self.changed, &self.kept) {
            (Some(changed), _) => owned(changed),
            (None, Some(kept)) => kept.read(owned),
            (None, None) => Vec::new(),
        }
    }

    pub(crate) fn set(&mut self, key: String, value: Vec<u8>, caps: Caps) -> Result<(), NotKept> {
        let entries = self.entries().ok_or(NotKept::Unavailable)?;
        if entries.holds(&key, &value) {
            return Ok(());
        }
        entries.set(key, value, caps).map_err(NotKept::Refused)
    }

    pub(crate) fn delete(&mut self, key: &str) -> bool {
        self.get(key).is_some() && self.entries().is_some_and(|entries| entries.delete(key))
    }

    /// Whether this is the first limit that is met in this tick.
    pub(crate) fn first_met(&mut self) -> bool {
        !std::mem::replace(&mut self.met, true)
    }

    /// The tick has ended well.
    pub(crate) fn commit(&mut self) {
        self.met = false;
        let changed = self.changed.take();
        if let Some(kept) = &self.kept {
            kept.ticked(changed);
        }
    }

    /// What can be changed: a copy that shares the values, once a tick.
    fn entries(&mut self) -> Option<&mut Entries> {
        if self.changed.is_none() {
            self.changed = Some(self.kept.as_ref()?.read(Entries::clone));
        }
        self.changed.as_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPS: Caps = Caps { keys: 2, bytes: 100 };

    #[test]
    fn what_is_changed_is_seen_at_once_and_counts_after_the_tick() {
        let kept = StrategyState::default();
        let mut one = Working::over(kept.clone());
        one.set("a".to_owned(), vec![1], CAPS).unwrap();
        assert_eq!(one.get("a").as_deref(), Some(&[1][..]));
        assert_eq!(Working::over(kept.clone()).get("a"), None);
        // A tick that fails takes the instance with it.
        drop(one);
        let mut two = Working::over(kept.clone());
        assert!(two.keys().is_empty() && !two.delete("a"));
        two.set("b".to_owned(), vec![2], CAPS).unwrap();
        two.commit();
        assert!(two.delete("b") && two.keys().is_empty());
        let mut three = Working::over(kept);
        assert_eq!(three.keys(), ["b"], "a tick under way changes nothing");
        assert_eq!(three.set("c".to_owned(), vec![0; 99], CAPS), Err(NotKept::Refused(Refused::TooLarge)));
        assert!(three.first_met() && !three.first_met());
        three.commit();
        assert!(three.first_met());
    }

    #[test]
    fn without_anything_behind_it_nothing_is_kept() {
        let mut nothing = Working::default();
        assert_eq!(nothing.set("a".to_owned(), Vec::new(), CAPS), Err(NotKept::Unavailable));
        assert!(nothing.get("a").is_none() && nothing.keys().is_empty() && !nothing.delete("a"));
        nothing.commit();
    }
}
