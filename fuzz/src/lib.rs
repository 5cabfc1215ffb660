//! What the fuzz targets do with their bytes, and what has to hold whatever these are.
//!
//! A target of its own for each reader keeps its corpus its own. `fuzz/run` runs them all.

pub mod policy;
pub mod profile;
pub mod recording;
pub mod requests;
pub mod trace;

/// The check of a component's shape, the reader that meets its bytes first. Its files are built here as they are: their
/// crate brings wasmtime, which takes half an hour to build with sanitizers.
#[path = "../../host/plugin/src"]
mod plugin {
    pub mod shape;
}

pub use plugin::shape;

/// The key in a path of HTTP, built here as it is for the same reason.
#[path = "../../host/server/src/http"]
mod http {
    pub mod key;
}

pub use http::key;

/// The reader of requests, built here as it is: its crate brings the whole host.
#[path = "../../host/server/src/resp"]
mod resp {
    pub mod request;
    mod words;
}
