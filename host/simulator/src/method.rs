//! What a simulation can replay: every policy, and the optimum.

use host_policy::{BadParameter, PolicyFactory, Problem, Registry, UnknownPolicy};

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
    /// The method of this name: a policy of the registry, with parameters or without, or `belady`.
    ///
    /// # Errors
    /// [`UnknownPolicy`], with every name that there is, or every parameter of the policy.
    pub fn named(name: &str, policies: &Registry) -> Result<Self, UnknownPolicy> {
        if name == BELADY {
            return Ok(Self::Belady);
        }
        policies.parse(name).map(Self::Policy).map_err(|error| match error {
            UnknownPolicy::Name { name: policy, .. } if policy == BELADY => {
                let list = name.split_once('(').map_or("", |(_, list)| list);
                let given = list.split(['=', ')']).next().unwrap_or_default().trim().to_owned();
                BadParameter { policy, problem: Problem::Unknown { name: given }, known: &[] }.into()
            }
            UnknownPolicy::Name { name, .. } => UnknownPolicy::Name { name, known: Self::names(policies) },
            parameter @ UnknownPolicy::Parameter(_) => parameter,
        })
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

#[cfg(test)]
mod tests {
    use super::Method;

    #[test]
    fn a_method_is_a_policy_with_its_parameters_or_the_optimum() {
        for name in ["s4-fifo", "lirs(hir=0.1, ghosts=4)", "belady"] {
            assert_eq!(name.parse::<Method>().unwrap().to_string(), name);
        }
        let error = |name: &str| name.parse::<Method>().unwrap_err().to_string();
        assert!(error("beladi").ends_with("w-tinylfu-climb, belady"), "{}", error("beladi"));
        assert_eq!(error("belady(a=1)"), "policy `belady`: there is no parameter `a`; it has no parameters");
        assert!(
            error("2q(in=1)").starts_with("policy `2q`: `in` cannot be `1`: it is 0.001 to 0.99; it has in ")
        );
    }
}
