//! Compiled components, kept on disk.
//!
//! Compiling costs 1 to 3 ms a kilobyte; loading what was compiled costs next to nothing. An entry is two
//! files, `KEY.cwasm` and a small `KEY.json` that vouches for it; there is no index, so hosts that
//! run side by side share the directory without a lock. The key is made of the component's digest and
//! of everything that changes the compiled code. Each file is written under a temporary name and renamed.
//!
//! Compiled code is native code: who can write an entry can run anything. So the directory has to be
//! the user's own and closed to others' writes, and an entry is used only where its bytes have the
//! digest that was noted when it was written. A bad entry counts as none and is written again. The directory has a limit, beyond
//! which [what was used longest ago](room) goes.

mod room;

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::digest::Digest;

/// The format of `KEY.json`.
const FORMAT: u32 = 2;

/// What vouches for an entry.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    format: u32,
    /// Digest of the component, with its algorithm.
    component: String,
    /// Length of the component, bytes.
    component_bytes: u64,
    /// BLAKE3 digest of the compiled code.
    compiled: String,
    /// Length of the compiled code, bytes.
    compiled_bytes: u64,
}

/// A directory of compiled components.
#[derive(Debug)]
pub(crate) struct Artifacts {
    dir: PathBuf,
    /// What the files of the directory may weigh together.
    most_bytes: u64,
    engine_key: String,
}

impl Artifacts {
    /// Makes the directory where it is missing, and refuses one that others could write to.
    pub(crate) fn open(dir: &Path, most_bytes: u64, engine: &Engine) -> io::Result<Self> {
        create_private(dir)?;
        check_private(dir)?;
        Ok(Self { dir: dir.to_owned(), most_bytes, engine_key: engine_key(engine) })
    }

    /// The compiled component, where there is a sound entry for it.
    pub(crate) fn find(&self, engine: &Engine, digest: &Digest) -> Option<Component> {
        let key = self.key(digest);
        let entry: Entry = serde_json::from_slice(&fs::read(self.path(&key, "json")).ok()?).ok()?;
        let compiled = fs::read(self.path(&key, "cwasm")).ok()?;
        let sound = entry.format == FORMAT
            && entry.component == digest.as_str()
            && entry.compiled == blake3::hash(&compiled).to_hex().as_str();
        if !sound {
            return None;
        }
        match fs::File::options().append(true).open(self.path(&key, "cwasm")) {
            Ok(file) => room::touch(&file),
            Err(error) => tracing::debug!(%error, "the time of use is not kept"),
        }
        deserialize(engine, &compiled).ok()
    }

    /// Keeps a compiled component.
    pub(crate) fn keep(&self, compiled: &[u8], digest: &Digest, bytes: usize) -> io::Result<()> {
        let entry = Entry {
            format: FORMAT,
            component: digest.to_string(),
            component_bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
            compiled: blake3::hash(compiled).to_hex().to_string(),
            compiled_bytes: u64::try_from(compiled.len()).unwrap_or(u64::MAX),
        };
        let key = self.key(digest);
        // The code first: what vouches for it must not be there before it. Where two hosts write at
        // once and one's note meets the other's code, the digests differ and the entry counts as none.
        self.write(&key, "cwasm", compiled)?;
        self.write(&key, "json", &serde_json::to_vec_pretty(&entry)?)?;
        room::make_room(&self.dir, self.most_bytes, &key)
    }

    fn write(&self, key: &str, extension: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = NamedTempFile::new_in(&self.dir)?;
        file.write_all(bytes)?;
        file.persist(self.path(key, extension))?;
        Ok(())
    }

    fn key(&self, digest: &Digest) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.engine_key.as_bytes());
        hasher.update(digest.as_str().as_bytes());
        hasher.finalize().to_hex().chars().take(32).collect()
    }

    fn path(&self, key: &str, extension: &str) -> PathBuf {
        self.dir.join(format!("{key}.{extension}"))
    }
}

#[expect(
    unsafe_code,
    reason = "running compiled code from disk cannot be made safe, only its origin checked"
)]
pub(crate) fn deserialize(engine: &Engine, compiled: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes must come from `Engine::precompile_component`. Those that were just compiled do. Those from
    // disk have the digest that `keep` noted for what was compiled, under a key of the same engine settings and
    // wasmtime version, in a directory that only this user can write to (`check_private`); whoever writes there as
    // this user can already run any code as this user. wasmtime itself refuses code of another version or of other
    // settings.
    unsafe { Component::deserialize(engine, compiled) }
}

/// A digest of everything but the component that changes compiled code.
fn engine_key(engine: &Engine) -> String {
    struct Blake(blake3::Hasher);
    impl Hasher for Blake {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        fn finish(&self) -> u64 {
            0
        }
    }
    let mut hasher = Blake(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.finalize().to_hex().to_string()
}

#[cfg(unix)]
fn create_private(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

#[cfg(not(unix))]
fn create_private(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)
}

/// Whether it can be written to, by this user and by no other. A file made there has this user's id.
#[cfg(unix)]
fn check_private(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let probe = NamedTempFile::new_in(dir)?;
    let found = fs::metadata(dir)?;
    if found.uid() != probe.as_file().metadata()?.uid() {
        return Err(io::Error::other("it belongs to another user"));
    }
    if found.mode() & 0o022 != 0 {
        return Err(io::Error::other("others can write to it; `chmod go-w` it"));
    }
    Ok(())
}

/// Elsewhere the directory is the user's own by where it lies.
#[cfg(not(unix))]
fn check_private(dir: &Path) -> io::Result<()> {
    NamedTempFile::new_in(dir).map(drop)
}

#[cfg(test)]
mod tests;
