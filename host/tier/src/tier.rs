//! What a tier is to others.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::{Item, TierError, TierStats};

/// What a tier answers, later.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, TierError>> + Send + 'a>>;

/// Takes what a tier evicts. It must not wait: a tier calls it on its way.
pub type Evicted = Arc<dyn Fn(Item) + Send + Sync>;

/// A place for values that memory does not hold.
///
/// It is a cache: it may lose what it was given, at any time. What it answers is the value that was put last under the key, or
/// nothing. Once [`put`](Tier::put) and [`remove`](Tier::remove) have returned, also with an error, no older value of the key comes
/// back; a tier whose promise is weaker says so. What was begun and whose future was dropped may still be done later: who wants the
/// order of two calls waits for the first.
///
/// No method panics or hangs on what was read from outside: damage is a miss, counted in [`TierStats::errors`].
pub trait Tier: Send + Sync {
    /// What it is called in statistics: one word.
    fn name(&self) -> &'static str;

    /// The item of this key, if it is held and its life has not ended.
    ///
    /// # Errors
    /// [`TierError`] where the tier could not be asked. To a cache that is a miss.
    fn get<'a>(&'a self, key: &'a [u8]) -> Answer<'a, Option<Item>>;

    /// Takes an item in place of what it holds under the key. What is too large for it, or over already, is not taken, and what it
    /// holds under the key goes all the same.
    ///
    /// # Errors
    /// [`TierError`] where the item could not be taken.
    fn put(&self, item: Item) -> Answer<'_, ()>;

    /// Forgets the key.
    ///
    /// # Errors
    /// [`TierError`] where that is not certain.
    fn remove<'a>(&'a self, key: &'a [u8]) -> Answer<'a, ()>;

    /// Forgets the key where that takes no wait and cannot fail. False where it may: nothing is done then, and
    /// [`remove`](Tier::remove) has to be called.
    fn remove_at_once(&self, _key: &[u8]) -> bool {
        false
    }

    /// The item of this key, which the tier forgets with that.
    ///
    /// # Errors
    /// As [`get`](Tier::get) and [`remove`](Tier::remove).
    fn take<'a>(&'a self, key: &'a [u8]) -> Answer<'a, Option<Item>> {
        Box::pin(async move {
            let found = self.get(key).await?;
            if found.is_some() {
                self.remove(key).await?;
            }
            Ok(found)
        })
    }

    /// Forgets every key.
    ///
    /// # Errors
    /// [`TierError`] where that is not certain.
    fn clear(&self) -> Answer<'_, ()>;

    /// What it has done since it was made, and what it holds now.
    fn stats(&self) -> TierStats;

    /// From now on, hands what it evicts for want of room to `evicted`: not what was removed or over. A tier of which that would ask
    /// too much drops what it evicts, and ignores this.
    fn hand_evicted_to(&self, _evicted: Evicted) {}
}
