//! Removals that are asked for at about the same time, and share one write.
//!
//! A removal returns when its tombstone is written, and behind each write stands an end mark that is as long as a tombstone. So what waits
//! for the writer is written together: with many clients that is less to write, and one thread waits for it instead of one each.

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::TierError;

type Outcome = Result<(), TierError>;

#[derive(Debug, Default)]
pub(super) struct Removals {
    waiting: Mutex<Vec<(u64, oneshot::Sender<Outcome>)>>,
}

impl Removals {
    /// Adds one. Its outcome comes through the receiver. True for the first one: its caller has to see to it that they are
    /// [carried out](Self::carry_out).
    pub(super) fn add(&self, hash: u64) -> (bool, oneshot::Receiver<Outcome>) {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.waiting.lock();
        waiting.push((hash, sender));
        (waiting.len() == 1, receiver)
    }

    /// Lets `remove` do all that wait by now, and tells each.
    pub(super) fn carry_out(&self, remove: impl FnOnce(&[u64]) -> Outcome) {
        let (hashes, senders): (Vec<u64>, Vec<_>) = self.take().into_iter().unzip();
        let outcome = remove(&hashes);
        for sender in senders {
            // Who asked may have gone away.
            let _ = sender.send(outcome.clone());
        }
    }

    /// Gives up all that wait: nobody will carry them out.
    pub(super) fn give_up(&self) {
        drop(self.take());
    }

    fn take(&self) -> Vec<(u64, oneshot::Sender<Outcome>)> {
        std::mem::take(&mut *self.waiting.lock())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_done_at_once_and_each_is_told() {
        let removals = Removals::default();
        let (first, mut one) = removals.add(1);
        let (second, mut two) = removals.add(2);
        assert_eq!((first, second), (true, false));
        removals.carry_out(|hashes| {
            assert_eq!(hashes, [1, 2]);
            let (first, _) = removals.add(3);
            assert!(first, "what comes meanwhile is for the next write");
            Err(TierError::Stopped { tier: "disk" })
        });
        assert!(matches!(one.try_recv(), Ok(Err(TierError::Stopped { .. }))));
        assert!(matches!(two.try_recv(), Ok(Err(TierError::Stopped { .. }))));
        let (first, mut four) = removals.add(4);
        assert!(!first, "3 waits before it");
        removals.give_up();
        assert!(four.try_recv().is_err());
    }
}
