//! Certificates and keys out of PEM files.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::pem::{Error, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsError;

/// Bytes of a file that are read, at most: far above the certificates of all authorities there are.
const LONGEST: u64 = 16 << 20;

const CERTIFICATES: &str = "PEM, that is, parts that begin with -----BEGIN CERTIFICATE-----";
const PRIVATE_KEY: &str = "PEM, that is, a part that begins with -----BEGIN PRIVATE KEY-----, BEGIN EC PRIVATE KEY or BEGIN RSA PRIVATE KEY";
const DECRYPTED: &str = "one without a passphrase: `openssl pkey -in FILE -out NEW` writes one";

fn read(key: &'static str, file: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |cause| TlsError::Unreadable { key, file: file.to_owned(), cause };
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(unreadable)?;
    opened.take(LONGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LONGEST {
        let text = format!("it has more than {} MiB, and is none", LONGEST >> 20);
        return Err(unreadable(io::Error::new(io::ErrorKind::FileTooLarge, text)));
    }
    Ok(bytes)
}

/// All certificates of a file, in their order; one at least.
///
/// # Errors
/// [`TlsError::Unreadable`], [`TlsError::NoUse`].
pub(super) fn certificates(key: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let no_use = |cause| TlsError::NoUse { key, file: file.to_owned(), cause, expected: CERTIFICATES };
    let bytes = read(key, file)?;
    let all: Result<Vec<_>, Error> = CertificateDer::pem_slice_iter(&bytes).collect();
    let all = all.map_err(|error| no_use(format!("it is damaged: {error}")))?;
    if all.is_empty() {
        return Err(no_use("there is no certificate in it".to_owned()));
    }
    Ok(all)
}

/// The first private key of a file.
///
/// # Errors
/// [`TlsError::Unreadable`], [`TlsError::NoUse`].
pub(super) fn key(key: &'static str, file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let bytes = read(key, file)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
        let text = String::from_utf8_lossy(&bytes);
        let encrypted =
            text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED");
        let (cause, expected) = match error {
            _ if encrypted => ("the key in it is encrypted".to_owned(), DECRYPTED),
            Error::NoItemsFound => ("there is no private key in it".to_owned(), PRIVATE_KEY),
            other => (format!("it is damaged: {other}"), PRIVATE_KEY),
        };
        TlsError::NoUse { key, file: file.to_owned(), cause, expected }
    })
}

/// The certificates of a file, as those that others are signed with.
///
/// # Errors
/// [`TlsError::Unreadable`], [`TlsError::NoUse`].
pub(super) fn roots(key: &'static str, file: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for (number, certificate) in (1..).zip(certificates(key, file)?) {
        roots.add(certificate).map_err(|error| TlsError::NoUse {
            key,
            file: file.to_owned(),
            cause: format!("certificate {number} in it cannot be read: {error}"),
            expected: CERTIFICATES,
        })?;
    }
    Ok(roots)
}
