//! Values as tiers keep them: bytes, and a number for what they are.

use bytes::Bytes;
use host_tier::Item;
use std::sync::Arc;
use std::time::Duration;

use crate::entry::{ContentRef, Found};

use super::{Fields, FlatLimits, Form, InPlace, List, Side, Value};

// What a value is. Stored on disk and on servers: a number keeps its meaning.
const GIVEN: u8 = 0;
const SUMMED: u8 = 1;
const EDITED: u8 = 2;
const FIELDS: u8 = 3;
const LIST: u8 = 4;

/// Set where the end of life is the tiers' own: the value has none.
const TTL_OF_TIER: u8 = 0x80;

/// How long tiers keep what has no end of life.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TierTtl {
    /// The time now.
    pub(crate) now: Duration,
    /// None: without end.
    pub(crate) ttl: Option<Duration>,
}

impl TierTtl {
    /// The end of what is kept from now on. It is the same for an eighth of the time: what rises and falls again within
    /// that is the same item, which a tier need not write again.
    fn end(self) -> Option<Duration> {
        let ttl = self.ttl?;
        let step = (ttl.as_millis() / 8).max(1);
        let end = self.now.saturating_add(ttl).as_millis().div_ceil(step).saturating_mul(step);
        Some(Duration::from_millis(u64::try_from(end).unwrap_or(u64::MAX)))
    }
}

/// The item of a value. None where it cannot be written, which does not happen to what clients store.
pub(crate) fn item(key: Bytes, value: Found<'_>, until: Option<Duration>, tier: TierTtl) -> Option<Item> {
    let (kind, bytes) = match value.content() {
        // Long ones are shared.
        ContentRef::Bytes(_) => (of_form(value.form()), value.to_bytes()?),
        ContentRef::Fields(fields) => {
            let bytes = fields.with(|fields| postcard::to_allocvec(&fields.iter().collect::<Vec<_>>()));
            (FIELDS, bytes.ok()?.into())
        }
        ContentRef::List(list) => {
            let bytes =
                list.with(|list| postcard::to_allocvec(&list.range(0, usize::MAX).collect::<Vec<_>>()));
            (LIST, bytes.ok()?.into())
        }
    };
    let (kind, until) = match (until, tier.end()) {
        (None, Some(end)) => (kind | TTL_OF_TIER, Some(end)),
        (until, _) => (kind, until),
    };
    Some(Item { key, value: bytes, kind, until })
}

/// The value of an item, and the end of its life. None where it is none that a host has written: another version may have.
pub(crate) fn value(item: Item, limits: FlatLimits) -> Option<(Value, Option<Duration>)> {
    let until = item.until.filter(|_| item.kind & TTL_OF_TIER == 0);
    let value = match item.kind & !TTL_OF_TIER {
        FIELDS => {
            let all: Vec<(&[u8], &[u8])> = postcard::from_bytes(&item.value).ok()?;
            let mut fields = Fields::default();
            for (name, value) in all {
                fields.set(name, value, limits);
            }
            Value::in_place(Arc::new(InPlace::new(fields)))
        }
        LIST => {
            let all: Vec<&[u8]> = postcard::from_bytes(&item.value).ok()?;
            let mut list = List::default();
            all.into_iter().for_each(|item| list.push(Side::Right, item));
            Value::in_place(Arc::new(InPlace::new(list)))
        }
        kind => Value::made(item.value, form_of(kind)?),
    };
    Some((value, until))
}

fn of_form(form: Form) -> u8 {
    match form {
        Form::Given => GIVEN,
        Form::Summed => SUMMED,
        Form::Edited => EDITED,
    }
}

fn form_of(kind: u8) -> Option<Form> {
    match kind {
        GIVEN => Some(Form::Given),
        SUMMED => Some(Form::Summed),
        EDITED => Some(Form::Edited),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Parts as _;
    use super::*;

    fn there_and_back(value: &Value) -> Value {
        let kept = |ttl| TierTtl { now: Duration::from_secs(1_000), ttl };
        let day = Some(Duration::from_secs(86_400));
        for (until, ttl) in [(None, None), (Some(Duration::from_secs(7)), day), (None, day)] {
            let item = item(Bytes::from("key"), Found::Value(value), until, kept(ttl)).unwrap();
            assert!(item.until.is_some() == (until.is_some() || ttl.is_some()));
            assert_eq!(
                super::value(item, FlatLimits::REDIS).unwrap().1,
                until,
                "its own end comes back, and no other"
            );
        }
        super::value(
            item(Bytes::from("key"), Found::Value(value), None, kept(day)).unwrap(),
            FlatLimits::REDIS,
        )
        .unwrap()
        .0
    }

    #[test]
    fn bytes_come_back_as_they_came_to_be() {
        for form in [Form::Given, Form::Summed, Form::Edited] {
            for bytes in [&b""[..], b"12", &[0, 255, 1]] {
                let back = there_and_back(&Value::made(bytes.to_vec(), form));
                assert_eq!((&**back.bytes(), back.form()), (bytes, form));
            }
        }
    }

    #[test]
    fn fields_and_lists_come_back_whole_and_in_their_order() {
        let mut fields = Fields::default();
        let long = "x".repeat(1_000);
        for (name, value) in [("a", "1"), ("", ""), ("b", long.as_str())] {
            fields.set(name.as_bytes(), value.as_bytes(), FlatLimits::REDIS);
        }
        let back = there_and_back(&Value::in_place(Arc::new(InPlace::new(fields))));
        let Some(back) = Fields::of(back.content()) else { panic!("no fields") };
        back.with(|fields| {
            assert_eq!(
                (fields.len(), fields.get(b""), fields.get(b"b")),
                (3, Some(&b""[..]), Some(long.as_bytes()))
            );
        });

        let mut list = List::default();
        ["1", "", "3"].iter().for_each(|item| list.push(Side::Right, item.as_bytes()));
        let back = there_and_back(&Value::in_place(Arc::new(InPlace::new(list))));
        let Some(back) = List::of(back.content()) else { panic!("no list") };
        back.with(|list| assert_eq!(list.range(0, usize::MAX).collect::<Vec<_>>(), [&b"1"[..], b"", b"3"]));
    }

    #[test]
    fn what_is_kept_for_a_time_is_kept_that_long_and_an_eighth_more_at_most() {
        let ttl = Duration::from_secs(800);
        let end =
            |seconds| TierTtl { now: Duration::from_secs(seconds), ttl: Some(ttl) }.end().unwrap().as_secs();
        for now in [0, 1, 99, 100, 12_345] {
            assert!((now + 800..=now + 900).contains(&end(now)), "{now}: {}", end(now));
        }
        assert_eq!(end(1), end(99));
        assert!(TierTtl { now: Duration::MAX, ttl: Some(Duration::MAX) }.end().is_some());
    }

    #[test]
    fn what_no_host_has_written_is_no_value() {
        for (kind, bytes) in
            [(5, &b""[..]), (255, b"x"), (FIELDS, &[255; 12]), (LIST, &[2, 1]), (FIELDS, &[1, 9, 1])]
        {
            let item = Item { kind, ..Item::new("key", bytes.to_vec()) };
            assert!(super::value(item, FlatLimits::REDIS).is_none(), "{kind} {bytes:?}");
        }
    }
}
