//! The folder's files: `regions`, which all records are in, and `lock`, which says whose the folder is and how it was left.
//!
//! `regions` has its full size from the start: the disk can be full then, and at no later time (on a file system that copies on write,
//! such as btrfs, that is no promise). `lock` is locked for as long as the tier is open, and says after which sequence records count, whether the
//! tier was closed in the orderly way, and in which boot of the machine it was opened. Nothing is forced to the disk while it is open. So
//! what the system had not written yet survives the end of the process, and not the end of the machine: a tier that was open then
//! starts empty.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::TierError;

const LOG: &str = "regions";
const LOCK: &str = "lock";

/// The first words of `lock`.
const FORMAT: &str = "host-tier-disk 1";

/// Far more than `lock` has.
const LONGEST_LOCK: usize = 512;

/// What is written at once where the file system cannot reserve.
const CHUNK: usize = 1 << 20;

/// What `lock` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Left {
    /// Bytes of a region.
    pub(super) region: u32,
    /// Regions of smaller generations do not count.
    pub(super) floor: u64,
    pub(super) closed: bool,
    /// Which boot of the machine it was; none where the system does not tell.
    pub(super) boot: Option<String>,
}

impl Left {
    fn text(&self) -> String {
        let closed = if self.closed { "closed" } else { "open" };
        let text = format!(
            "{FORMAT}\nregion {}\nfloor {}\n{closed}\nboot {}\n",
            self.region,
            self.floor,
            self.boot.as_deref().unwrap_or("unknown")
        );
        format!("{text}checksum {:08x}\n", crc32fast::hash(text.as_bytes()))
    }

    /// None where the text is not whole or was damaged.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().skip(1);
        let left = Self {
            region: lines.next()?.strip_prefix("region ")?.parse().ok()?,
            floor: lines.next()?.strip_prefix("floor ")?.parse().ok()?,
            closed: lines.next()? == "closed",
            boot: Some(lines.next()?.strip_prefix("boot ")?.to_owned()).filter(|boot| boot != "unknown"),
        };
        (left.text() == text).then_some(left)
    }

    /// Whether what is in the files is what was written there.
    pub(super) fn is_whole(&self) -> bool {
        self.closed || (self.boot.is_some() && self.boot == boot())
    }
}

/// Which boot of the machine this is.
pub(super) fn boot() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

/// The two files, locked until it is dropped.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: File,
    lock_path: PathBuf,
    lock: File,
}

impl Log {
    /// Opens the folder, and makes it where it is missing. What `lock` says is none where the folder is new or that file was damaged.
    pub(super) fn open(folder: &Path) -> Result<(Self, Option<Left>), TierError> {
        let fault = |path: &Path, action| {
            let path = path.to_owned();
            move |error| TierError::File { path, action, error: Arc::new(error) }
        };
        fs::create_dir_all(folder).map_err(fault(folder, "make"))?;
        let (lock_path, path) = (folder.join(LOCK), folder.join(LOG));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let lock = options.open(&lock_path).map_err(fault(&lock_path, "open"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(TierError::InUse { folder: folder.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(fault(&lock_path, "lock")(error)),
        }
        let mut text = vec![0; LONGEST_LOCK];
        let found = read_some(&lock, &mut text, 0).map_err(fault(&lock_path, "read"))?;
        let left = text.get(..found).and_then(|text| Left::parse(std::str::from_utf8(text).ok()?));
        let file = options.open(&path).map_err(fault(&path, "open"))?;
        Ok((Self { path, file, lock_path, lock }, left))
    }

    /// Writes `lock`, and forces it to the disk.
    pub(super) fn leave(&self, left: &Left) -> Result<(), TierError> {
        let text = left.text();
        let written = self
            .lock
            .write_all_at(text.as_bytes(), 0)
            .and_then(|()| self.lock.set_len(crate::item::size(text.len())))
            .and_then(|()| self.lock.sync_data());
        written.map_err(|error| TierError::File {
            path: self.lock_path.clone(),
            action: "write",
            error: Arc::new(error),
        })
    }

    /// Bytes of `regions`.
    pub(super) fn len(&self) -> Result<u64, TierError> {
        self.file.metadata().map(|metadata| metadata.len()).map_err(|error| self.fault("look at", error))
    }

    /// Cuts `regions` off behind so many bytes.
    pub(super) fn cut(&self, bytes: u64) -> Result<(), TierError> {
        self.file.set_len(bytes).map_err(|error| self.fault("shorten", error))
    }

    /// Reserves the room for so many bytes in all. What is new is zeros.
    pub(super) fn reserve(&self, bytes: u64) -> Result<(), TierError> {
        let before = self.len()?;
        let reserved = match rustix::fs::fallocate(&self.file, rustix::fs::FallocateFlags::empty(), 0, bytes)
        {
            // Zeros take the room as well, where the file system can do no better.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => self.fill(before, bytes),
            other => other.map_err(io::Error::from),
        };
        reserved.map_err(|error| {
            // Not to leave the disk full of what is of no use.
            let _ = self.file.set_len(before);
            TierError::NoRoom { path: self.path.clone(), bytes, error: Arc::new(error) }
        })
    }

    fn fill(&self, mut from: u64, to: u64) -> io::Result<()> {
        let zeros = vec![0; CHUNK];
        while from < to {
            let part = usize::try_from(to - from).unwrap_or(CHUNK).min(CHUNK);
            self.file.write_all_at(zeros.get(..part).unwrap_or_default(), from)?;
            from += crate::item::size(part);
        }
        Ok(())
    }

    /// Reads up to `bytes` from a place on; fewer where the file ends.
    pub(super) fn read(&self, at: u64, bytes: usize) -> Result<Vec<u8>, TierError> {
        let mut to = vec![0; bytes];
        let found = read_some(&self.file, &mut to, at).map_err(|error| self.fault("read", error))?;
        to.truncate(found);
        Ok(to)
    }

    /// The same, if it is all in memory already; else none, at once.
    #[cfg(target_os = "linux")]
    pub(super) fn read_at_once(&self, at: u64, bytes: usize) -> Option<Vec<u8>> {
        use rustix::io::{ReadWriteFlags, preadv2};

        let mut to = vec![0; bytes];
        let found =
            preadv2(&self.file, &mut [io::IoSliceMut::new(&mut to)], at, ReadWriteFlags::NOWAIT).ok()?;
        (found == bytes).then_some(to)
    }

    /// The same, if it is all in memory already: this system does not tell.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn read_at_once(&self, _at: u64, _bytes: usize) -> Option<Vec<u8>> {
        None
    }

    pub(super) fn write(&self, at: u64, bytes: &[u8]) -> Result<(), TierError> {
        self.file.write_all_at(bytes, at).map_err(|error| self.fault("write", error))
    }

    /// Forces all that was written to the disk.
    pub(super) fn sync(&self) -> Result<(), TierError> {
        self.file.sync_data().map_err(|error| self.fault("write", error))
    }

    fn fault(&self, action: &'static str, error: io::Error) -> TierError {
        TierError::File { path: self.path.clone(), action, error: Arc::new(error) }
    }
}

/// Reads until `to` is full or the file ends.
fn read_some(file: &File, to: &mut [u8], at: u64) -> io::Result<usize> {
    let mut found = 0;
    while let Some(rest) = to.get_mut(found..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at + crate::item::size(found)) {
            Ok(0) => break,
            Ok(bytes) => found += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_is_read_as_it_was_written_and_no_damage_passes() {
        let left = Left { region: 4096, floor: 77, closed: true, boot: Some("an-id".to_owned()) };
        let text = left.text();
        assert_eq!(Left::parse(&text), Some(left));
        for bit in 0..text.len() * 8 {
            let mut damaged = text.clone().into_bytes();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                String::from_utf8(damaged).ok().and_then(|text| Left::parse(&text)),
                None,
                "bit {bit}"
            );
        }
    }

    #[test]
    fn open_files_count_in_the_same_boot_alone() {
        let of =
            |closed, boot: Option<&str>| Left { region: 1, floor: 0, closed, boot: boot.map(str::to_owned) };
        assert!(of(true, Some("another")).is_whole());
        assert!(!of(false, Some("another")).is_whole());
        assert!(!of(false, None).is_whole());
        if let Some(this) = boot() {
            assert!(of(false, Some(&this)).is_whole());
        }
    }
}
