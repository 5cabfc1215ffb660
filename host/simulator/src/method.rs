//! What a simulation can replay: every policy, and the optimum.

use host_policy::{PolicyFactory, Registry, UnknownPolicy};

/// The name of the offline optimum.
const BELADY: &str = "belady";

/// What decides which entry goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// A policy that could run live.
    Policy(PolicyFactory),
    /// The offline optimum: evicts the entry whose next use is farthest in the future.
    Belady,
}

impl Method {
    /// The method of this name: a policy of the registry, or `belady`.
    ///
    /// # Errors
    /// [`UnknownPolicy`], with every name that there is.
    pub fn named(name: &str, policies: &Registry) -> Result<Self, UnknownPolicy> {
        if name == BELADY {
            return Ok(Self::Belady);
        }
        let unknown = |error: UnknownPolicy| UnknownPolicy { known: Self::names(policies), ..error };
        policies.get(name).cloned().map(Self::Policy).map_err(unknown)
    }

    /// Every name that [`Method::named`] understands.
    #[must_use]
    pub fn names(policies: &Registry) -> Vec<String> {
        policies.names().chain([BELADY]).map(str::to_owned).collect()
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Policy(policy) => policy.fmt(f),
            Self::Belady => f.write_str(BELADY),
        }
    }
}

impl std::str::FromStr for Method {
    type Err = UnknownPolicy;

    /// The method of this name, of those that are built in.
    fn from_str(name: &str) -> Result<Self, UnknownPolicy> {
        Self::named(name, &Registry::default())
    }
}
