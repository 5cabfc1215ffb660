//! The policies of this binary: one registry for all that lists, names or runs one.

use std::sync::{Arc, LazyLock};

use host_simulator::{Method, Registry, UnknownPolicy};

static POLICIES: LazyLock<Arc<Registry>> = LazyLock::new(Arc::default);

/// The policies of this binary.
pub(crate) fn policies() -> Arc<Registry> {
    Arc::clone(&POLICIES)
}

/// Some of what a simulation can replay.
#[derive(Debug, Clone)]
pub(crate) struct Methods(pub(crate) Vec<Method>);

/// What a simulation calls by these names, with commas between: policies, or the optimum.
pub(crate) fn methods(list: &str) -> Result<Methods, UnknownPolicy> {
    Method::list(list, &POLICIES).map(Methods)
}
