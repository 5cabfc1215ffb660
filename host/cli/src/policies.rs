//! The policies of this binary: one registry for all that lists, names or runs one.

use std::sync::{Arc, LazyLock};

use host_simulator::{Method, Registry, UnknownPolicy};

static POLICIES: LazyLock<Arc<Registry>> = LazyLock::new(Arc::default);

/// The policies of this binary.
pub(crate) fn policies() -> Arc<Registry> {
    Arc::clone(&POLICIES)
}

/// What a simulation calls by this name: one of the policies, or the optimum.
pub(crate) fn method(name: &str) -> Result<Method, UnknownPolicy> {
    Method::named(name, &POLICIES)
}
