//! Waiting for a place in a queue.

use tokio::sync::oneshot;

use crate::error::TaskError;

/// Waits until a place is granted. One that is granted to who no longer waits is given back.
pub(crate) async fn granted(grant: oneshot::Receiver<()>, give_back: impl Fn()) -> Result<(), TaskError> {
    let mut waiting = Waiting { grant, give_back, used: false };
    (&mut waiting.grant).await.map_err(|_closed| TaskError::Stopped)?;
    waiting.used = true;
    Ok(())
}

struct Waiting<F: Fn()> {
    grant: oneshot::Receiver<()>,
    give_back: F,
    used: bool,
}

impl<F: Fn()> Drop for Waiting<F> {
    fn drop(&mut self) {
        // From now on a grant fails, and goes to somebody else.
        self.grant.close();
        if !self.used && self.grant.try_recv().is_ok() {
            (self.give_back)();
        }
    }
}
