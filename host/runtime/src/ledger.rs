//! Where the records of a run go: to a file, and to whoever subscribed.
//!
//! A file that cannot be written does not end the run: the first error is kept for the report. A subscriber that falls
//! behind loses the oldest records and is told how many; it never holds up a tick.

use std::io::Write;
use std::sync::Arc;

use host_control::ledger::Record;
use tokio::sync::broadcast;

/// Records that a subscriber may fall behind.
const BACKLOG: usize = 4_096;

/// What a subscriber gets: every record from the moment on that it subscribed.
pub type Subscription = broadcast::Receiver<Arc<Record>>;

/// The sinks of the records of one run.
pub(crate) struct Ledger {
    file: Option<Box<dyn Write + Send>>,
    error: Option<std::io::Error>,
    subscribers: broadcast::Sender<Arc<Record>>,
}

impl Ledger {
    /// Records go to `file`, where there is one, one JSON object a line.
    pub(crate) fn new(file: Option<Box<dyn Write + Send>>) -> Self {
        Self { file, error: None, subscribers: broadcast::Sender::new(BACKLOG) }
    }

    /// The way by which others subscribe.
    pub(crate) fn subscribers(&self) -> broadcast::Sender<Arc<Record>> {
        self.subscribers.clone()
    }

    /// Writes records, in order.
    pub(crate) fn write(&mut self, records: Vec<Record>) {
        if let Some(file) = &mut self.file
            && self.error.is_none()
            && let Err(error) = crate::ledger_file::write(file, &records)
        {
            self.error = Some(error);
        }
        if self.subscribers.receiver_count() > 0 {
            for record in records {
                // The last subscriber may leave meanwhile: then nobody misses the record.
                drop(self.subscribers.send(Arc::new(record)));
            }
        }
    }

    /// Ends the file. The first error, where the file is not whole.
    pub(crate) fn finish(mut self) -> Option<std::io::Error> {
        if let Some(mut file) = self.file.take()
            && let Err(error) = file.flush()
        {
            self.error.get_or_insert(error);
        }
        self.error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::from(std::io::ErrorKind::StorageFull))
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_reported_and_subscribers_still_hear() {
        let mut ledger = Ledger::new(Some(Box::new(Full)));
        let mut subscription = ledger.subscribers().subscribe();
        let end = host_control::ledger::End { ticks: 3, hits: 1, misses: 2, decisions: 0 };
        ledger.write(vec![Record::End(end)]);
        assert!(matches!(*subscription.try_recv().unwrap(), Record::End(_)));
        assert_eq!(ledger.finish().map(|error| error.kind()), Some(std::io::ErrorKind::StorageFull));
    }
}
