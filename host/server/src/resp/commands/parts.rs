//! Values that have parts, and are changed in place.

use std::sync::Arc;

use host_cache::{Change, Life};
use host_runtime::{Found, InPlace, Parts, Value};

use super::super::context::Context;
use super::super::failure::Failure;
use super::strings::fits;

/// The parts of a value.
fn of<T: Parts>(value: Found<'_>) -> Result<&Arc<InPlace<T>>, Failure> {
    value.parts().ok_or(Failure::WRONG_TYPE)
}

/// Reads the parts of a key; none where there is no such key. `read` runs inside of locks: it must be short.
pub(super) fn read<T: Parts, R>(
    cx: &mut Context<'_>,
    name: &[u8],
    read: impl FnOnce(&mut Context<'_>, &T) -> R,
) -> Result<Option<R>, Failure> {
    let (keys, key) = (cx.lookup(), cx.key(name));
    keys.read(&key, |value| of(value).map(|parts| parts.with(|parts| read(cx, parts)))).transpose()
}

/// Changes the parts of a key, and says by `true` that it did. Without any, there is no key.
pub(super) fn change<T: Parts, R>(
    cx: &mut Context<'_>,
    name: &[u8],
    work: impl FnOnce(&mut T) -> Result<(R, bool), Failure>,
) -> Result<R, Failure> {
    let key = cx.key(name);
    let (done, outcome) = cx.keys().update(&key, |present| {
        let parts = match present.as_ref().map(|present| of(present.value)) {
            None => Arc::default(),
            Some(Ok(parts)) => Arc::clone(parts),
            Some(Err(wrong)) => return (Change::Keep, Err(wrong)),
        };
        let (done, empty) = parts.with(|parts: &mut T| (work(parts), parts.is_empty()));
        let change = match (&done, empty) {
            (Ok((_, true)), true) => Change::Remove,
            (Ok((_, true)), false) => Change::Store(Value::in_place(parts).into(), Life::Same),
            _ => Change::Keep,
        };
        (change, done)
    });
    fits(outcome)?;
    let (result, changed) = done?;
    if changed {
        cx.changed(&key);
    }
    Ok(result)
}
