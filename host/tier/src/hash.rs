//! The hash of a key.
//!
//! It is on disk, so that it has to be the same for ever, on every machine: the first eight bytes of BLAKE3. Whoever chooses
//! keys cannot choose their hashes; and where two keys share one, a tier forgets the older of them.

pub(crate) fn hash(key: &[u8]) -> u64 {
    let digest = blake3::hash(key);
    digest.as_bytes().first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
}
