//! Reads files within a bound.
//!
//! What a file claims to hold is not believed: files below `/proc` claim nothing and hold gigabytes, and a file may grow
//! while it is read. A read takes room for what the file claims, for [`LARGEST_FILE`] where it claims nothing, and reads
//! no more than that; a file that turns out to hold more is read once more with room for [`LARGEST_FILE`]. All files
//! under way share one room. Who finds none waits for it. Files are read into buffers that are used again.

use std::io::Read as _;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::buffers::{Buffer, Buffers};
use crate::origin::OriginError;

/// A larger file is not read.
pub(super) const LARGEST_FILE: u64 = 32 * 1024 * 1024;

/// Bytes that a permit stands for.
const UNIT: u64 = 1024;

/// What buffers take that wait for the next file, bytes: enough for those of a few workers.
const KEPT: u64 = 8 * 1024 * 1024;

/// Reads files.
pub(super) struct FileReader {
    room: Arc<Semaphore>,
    buffers: Arc<Buffers>,
}

/// The content of a file, and the room that it takes.
pub(super) struct Content {
    bytes: Buffer,
    _room: OwnedSemaphorePermit,
}

impl Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl FileReader {
    /// Files under way take `room` bytes together, [`LARGEST_FILE`] at least.
    pub(super) fn new(room: u64) -> Self {
        let permits = usize::try_from(room.max(LARGEST_FILE) / UNIT).unwrap_or(usize::MAX);
        Self {
            room: Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS))),
            buffers: Buffers::new(KEPT),
        }
    }

    /// The content of a file.
    pub(super) async fn read(&self, path: &Path) -> Result<Content, OriginError> {
        let claimed = match tokio::fs::metadata(path).await {
            Ok(about) => about.len(),
            Err(cause) => return Err(unreadable(path, cause)),
        };
        let first = if claimed == 0 { LARGEST_FILE } else { claimed };
        if first < LARGEST_FILE
            && let Some(content) = self.up_to(path, first).await?
        {
            return Ok(content);
        }
        let too_large = || OriginError::TooLarge { path: path.display().to_string(), limit: LARGEST_FILE };
        if first > LARGEST_FILE {
            return Err(too_large());
        }
        self.up_to(path, LARGEST_FILE).await?.ok_or_else(too_large)
    }

    /// The content, if it has no more than `limit` bytes.
    async fn up_to(&self, path: &Path, limit: u64) -> Result<Option<Content>, OriginError> {
        let permits = u32::try_from(limit.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(permits).await;
        let room = room.map_err(|closed| unreadable(path, std::io::Error::other(closed)))?;
        let (file, buffers) = (path.to_owned(), Arc::clone(&self.buffers));
        // A file that claims nothing may hold anything: its buffer grows with what is read.
        let size = if limit < LARGEST_FILE { usize::try_from(limit + 1).unwrap_or(usize::MAX) } else { 0 };
        let reading = tokio::task::spawn_blocking(move || {
            let mut bytes = buffers.take(size);
            // One byte more than allowed tells that there is more.
            std::fs::File::open(file)?.take(limit + 1).read_to_end(bytes.bytes())?;
            Ok::<_, std::io::Error>(bytes)
        });
        let bytes = match reading.await {
            Ok(read) => read.map_err(|cause| unreadable(path, cause))?,
            Err(failed) => return Err(unreadable(path, std::io::Error::other(failed))),
        };
        let fits = u64::try_from(bytes.len()).is_ok_and(|length| length <= limit);
        Ok(fits.then_some(Content { bytes, _room: room }))
    }
}

fn unreadable(path: &Path, cause: std::io::Error) -> OriginError {
    OriginError::Unreadable { path: path.display().to_string(), cause: Arc::new(cause) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
    }

    #[test]
    fn a_file_is_read_as_it_is_up_to_the_limit() {
        block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a");
            let reader = FileReader::new(0);
            let file = std::fs::File::create(&path).unwrap();
            for (size, read) in
                [(0, true), (1, true), (5_000, true), (LARGEST_FILE, true), (LARGEST_FILE + 1, false)]
            {
                file.set_len(size).unwrap();
                match reader.read(&path).await {
                    Ok(content) => assert_eq!((u64::try_from(content.len()).unwrap(), true), (size, read)),
                    Err(error) => {
                        assert!(!read, "{error}");
                        assert!(
                            error.to_string().ends_with("a: more than the 33554432 bytes that are indexed")
                        );
                    }
                }
            }
            // Everything was given back.
            assert_eq!(reader.room.available_permits(), 32 * 1024);
        });
    }

    /// A file below `/proc` has a length of 0, whatever it holds.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_length_of_nothing_is_not_believed() {
        block_on(async {
            let own = Path::new("/proc/self/status");
            assert_eq!(own.metadata().unwrap().len(), 0);
            assert!(FileReader::new(0).read(own).await.unwrap().starts_with(b"Name:"));
            // Endless, but for the limit.
            let endless = FileReader::new(0).read(Path::new("/dev/zero")).await.err().unwrap();
            assert!(matches!(endless, OriginError::TooLarge { .. }), "{endless}");
        });
    }
}
