//! Bytes under keys, with the limits that a change of them is held against.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::names;

/// Bytes of a key.
const MAX_KEY: usize = 128;

/// Bytes kept of a key that is quoted in an error.
const MAX_QUOTED: usize = 64;

/// What may be kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caps {
    pub(crate) keys: u32,
    /// Keys and values together.
    pub(crate) bytes: u64,
}

/// Why something cannot be kept; the key of the profile is without its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    BadKey(String),
    TooManyKeys,
    TooLarge,
}

/// Bytes under keys. A copy shares the values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Entries {
    map: BTreeMap<String, Arc<[u8]>>,
    /// Of keys and values together.
    bytes: u64,
}

impl Entries {
    pub(crate) fn get(&self, key: &str) -> Option<Arc<[u8]>> {
        self.map.get(key).map(Arc::clone)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.map.keys().map(String::as_str)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.map.iter().map(|(key, value)| (key.as_str(), &**value))
    }

    /// Whether this key has exactly these bytes already.
    pub(crate) fn holds(&self, key: &str, value: &[u8]) -> bool {
        self.map.get(key).is_some_and(|held| **held == *value)
    }

    /// Puts bytes under a key. What takes no more than before is kept under any limit: the profile may have been given a lower one
    /// since.
    pub(crate) fn set(&mut self, key: String, value: Vec<u8>, caps: Caps) -> Result<(), Refused> {
        if let Some(wrong) = key_fault(&key) {
            return Err(Refused::BadKey(wrong));
        }
        let before = self.map.get(&key).map(|held| weight(&key, held));
        let keys = u64::try_from(self.map.len()).unwrap_or(u64::MAX).saturating_add(1);
        if before.is_none() && keys > u64::from(caps.keys) {
            return Err(Refused::TooManyKeys);
        }
        let bytes = self.bytes.saturating_sub(before.unwrap_or(0)).saturating_add(weight(&key, &value));
        if bytes > caps.bytes && bytes > self.bytes {
            return Err(Refused::TooLarge);
        }
        self.bytes = bytes;
        self.map.insert(key, value.into());
        Ok(())
    }

    /// Takes a key away. False where it was not there.
    pub(crate) fn delete(&mut self, key: &str) -> bool {
        let Some(value) = self.map.remove(key) else { return false };
        self.bytes = self.bytes.saturating_sub(weight(key, &value));
        true
    }

    /// What was kept before, whatever the limits are now.
    ///
    /// # Errors
    /// A key that cannot be one; in words.
    pub(crate) fn of(map: BTreeMap<String, Vec<u8>>) -> Result<Self, String> {
        if let Some(wrong) = map.keys().find_map(|key| key_fault(key)) {
            return Err(wrong);
        }
        let bytes = map.iter().map(|(key, value)| weight(key, value)).sum();
        Ok(Self { map: map.into_iter().map(|(key, value)| (key, value.into())).collect(), bytes })
    }
}

fn weight(key: &str, value: &[u8]) -> u64 {
    u64::try_from(key.len().saturating_add(value.len())).unwrap_or(u64::MAX)
}

/// What keeps a text from being a key; none where it is one.
fn key_fault(key: &str) -> Option<String> {
    let shown = || names::sanitize(key, MAX_QUOTED);
    if key.is_empty() {
        return Some("a key is empty: 1 to 128 bytes are allowed".to_owned());
    }
    if key.len() > MAX_KEY {
        return Some(format!("key `{}` has {} bytes: at most {MAX_KEY} are allowed", shown(), key.len()));
    }
    let control = key.chars().any(char::is_control);
    control.then(|| format!("key `{}` holds a control character", shown()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPS: Caps = Caps { keys: 2, bytes: 10 };

    #[test]
    fn keys_and_bytes_are_counted() {
        let mut entries = Entries::default();
        entries.set("ab".to_owned(), vec![0; 4], CAPS).unwrap();
        assert_eq!(entries.set("c".to_owned(), vec![0; 4], CAPS), Err(Refused::TooLarge));
        entries.set("c".to_owned(), vec![0; 3], CAPS).unwrap();
        assert_eq!(entries.set("d".to_owned(), Vec::new(), CAPS), Err(Refused::TooManyKeys));
        assert_eq!(entries.set("ab".to_owned(), vec![0; 5], CAPS), Err(Refused::TooLarge));
        assert_eq!(entries.get("ab").unwrap().len(), 4, "a refusal changes nothing");
        assert_eq!(entries.keys().collect::<Vec<_>>(), ["ab", "c"]);
        assert!(entries.delete("ab") && !entries.delete("ab"));
        entries.set("d".to_owned(), vec![0; 5], CAPS).unwrap();
        assert_eq!(entries.bytes, 10);
    }

    #[test]
    fn what_was_kept_under_a_higher_limit_can_be_read_and_made_smaller() {
        let mut entries = Entries::of(BTreeMap::from([("a".to_owned(), vec![0; 50])])).unwrap();
        entries.set("a".to_owned(), vec![0; 40], CAPS).unwrap();
        assert_eq!(entries.set("a".to_owned(), vec![0; 41], CAPS), Err(Refused::TooLarge));
        assert_eq!(entries.set("b".to_owned(), Vec::new(), CAPS), Err(Refused::TooLarge));
    }

    #[test]
    fn a_key_that_cannot_be_one_is_told_what_is_wrong() {
        let refused = |key: &str| match Entries::default().set(key.to_owned(), Vec::new(), CAPS) {
            Err(Refused::BadKey(wrong)) => wrong,
            other => format!("{other:?}"),
        };
        assert_eq!(refused(""), "a key is empty: 1 to 128 bytes are allowed");
        assert_eq!(refused("a\nb"), "key `a b` holds a control character");
        assert!(refused(&"x".repeat(129)).ends_with("has 129 bytes: at most 128 are allowed"));
    }
}
