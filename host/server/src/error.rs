//! Why a server cannot begin to listen.

use std::io;

use crate::tls::TlsError;

/// Why a server cannot begin to listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is no address, or has no host.
    #[error("{key} = {address:?}: {cause}; expected an address and a port, such as \"127.0.0.1:6380\"")]
    NoAddress {
        /// The setting.
        key: &'static str,
        /// What it says.
        address: String,
        /// What is wrong.
        cause: String,
    },
    /// The address can be reached from other machines, and there is no password.
    #[error(
        "{key} = {address:?} can be reached from other machines, and there is no password; set serve.password, or listen on \
         127.0.0.1"
    )]
    PublicWithoutPassword {
        /// The setting.
        key: &'static str,
        /// What it says.
        address: String,
    },
    /// The system refuses the address.
    #[error("{key} = {address:?}: cannot listen: {cause}{}", hint(.cause))]
    Refused {
        /// The setting.
        key: &'static str,
        /// What it says.
        address: String,
        /// What the system said.
        cause: io::Error,
    },
    /// Certificate or key is of no use.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// There is nothing to listen on.
    #[error("nothing to listen on: set serve.resp, serve.unix or serve.http")]
    Nowhere,
    /// The system refuses threads or a timer.
    #[error("cannot start the server's threads: {0}")]
    Threads(io::Error),
}

fn hint(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::AddrInUse => "; another server listens there: choose another port, or end that one",
        io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need a right of their own: choose a higher one"
        }
        _ => "",
    }
}
