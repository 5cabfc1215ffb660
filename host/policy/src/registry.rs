//! Policies by name.
//!
//! A [`Registry`] starts with the [built-in](crate::builtin) policies, and takes more: a program registers a
//! constructor under a name. That policy is then used like a built-in one: it is listed, chosen, followed by a shadow
//! and replayed by the same code. Names are kebab-case (`s3-fifo`); a look-up ignores case and takes `_` for
//! `-`.
//!
//! A name that is not there is an [`UnknownPolicy`], which lists the names that are and suggests the nearest.

use crate::PolicyFactory;
use crate::builtin;

/// An edit distance up to this share of a name, one third, is taken for a typing mistake.
const SLIP: usize = 3;

/// The policies that can be chosen, by name.
///
/// ```
/// use host_policy::{Lru, PolicyFactory, Registry};
///
/// let mut policies = Registry::default();
/// policies.register(PolicyFactory::new("my-lru", |_| Box::new(Lru::new())))?;
/// assert_eq!(policies.get("my-lru")?.build(100).len(), 0);
/// assert_eq!(
///     policies.get("seive").unwrap_err().to_string(),
///     "unknown policy `seive`, did you mean `sieve`? expected one of lru, fifo, lfu, arc, sieve, s3-fifo, \
///      w-tinylfu, lirs, 2q, my-lru"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    /// In the order in which they were registered.
    policies: Vec<PolicyFactory>,
}

impl Default for Registry {
    /// The built-in policies.
    fn default() -> Self {
        Self { policies: builtin::ALL.into() }
    }
}

impl Registry {
    /// Adds a policy.
    ///
    /// # Errors
    /// [`RegisterError`]: the name is not kebab-case, or taken. The registry is unchanged then.
    pub fn register(&mut self, policy: PolicyFactory) -> Result<(), RegisterError> {
        let name = policy.name();
        if !is_kebab_case(name) {
            return Err(RegisterError::BadName { name: name.to_owned() });
        }
        if self.find(name).is_some() {
            return Err(RegisterError::Taken { name: name.to_owned() });
        }
        self.policies.push(policy);
        Ok(())
    }

    /// The policy of this name.
    ///
    /// # Errors
    /// [`UnknownPolicy`], with the names that there are.
    pub fn get(&self, name: &str) -> Result<&PolicyFactory, UnknownPolicy> {
        self.find(name).ok_or_else(|| UnknownPolicy {
            name: name.to_owned(),
            known: self.names().map(str::to_owned).collect(),
        })
    }

    /// All names: the built-in ones first, then the others in the order in which they were registered.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.policies.iter().map(PolicyFactory::name)
    }

    /// All policies, in the order of [`names`](Self::names).
    pub fn iter(&self) -> std::slice::Iter<'_, PolicyFactory> {
        self.policies.iter()
    }

    fn find(&self, name: &str) -> Option<&PolicyFactory> {
        let name = folded(name);
        self.policies.iter().find(|policy| policy.name() == name)
    }
}

impl<'a> IntoIterator for &'a Registry {
    type Item = &'a PolicyFactory;
    type IntoIter = std::slice::Iter<'a, PolicyFactory>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A policy name that a registry does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown policy `{name}`{} expected one of {}", self.question(), known.join(", "))]
pub struct UnknownPolicy {
    /// The name as given.
    pub name: String,
    /// The names that the registry has.
    pub known: Vec<String>,
}

impl UnknownPolicy {
    /// The known name that was probably meant; `None` where none is near.
    #[must_use]
    pub fn suggestion(&self) -> Option<&str> {
        let name = folded(&self.name);
        let most = (name.chars().count() / SLIP).max(1);
        let distances = self.known.iter().map(|known| (strsim::damerau_levenshtein(&name, known), known));
        let near = distances.filter(|&(distance, _)| distance <= most);
        near.min_by_key(|&(distance, _)| distance).map(|(_, known)| known.as_str())
    }

    fn question(&self) -> String {
        self.suggestion().map_or_else(|| ":".to_owned(), |near| format!(", did you mean `{near}`?"))
    }
}

/// Why a policy cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// The name could not be written in a profile or on a command line.
    #[error(
        "a policy cannot be called `{name}`: a name is lower-case letters and digits, in words joined by single \
         hyphens, such as `s3-fifo`"
    )]
    BadName {
        /// The name as given.
        name: String,
    },
    /// There is a policy of this name.
    #[error("there is already a policy called `{name}`: give this one another name")]
    Taken {
        /// The name.
        name: String,
    },
}

/// As names are written: lower case, with hyphens.
fn folded(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

fn is_kebab_case(name: &str) -> bool {
    name.split('-').all(|word| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::{RegisterError, Registry};
    use crate::{Lru, Policy, PolicyFactory, builtin};

    fn lru(name: &str) -> PolicyFactory {
        PolicyFactory::new(name, |_| Box::new(Lru::new()))
    }

    #[test]
    fn a_policy_is_found_by_its_name_in_any_case() {
        let policies = Registry::default();
        for policy in &builtin::ALL {
            assert_eq!(policies.get(policy.name()).as_ref(), Ok(&policy));
            assert_eq!(policies.get(&policy.name().to_uppercase().replace('-', "_")), Ok(policy));
        }
    }

    #[test]
    fn an_unknown_name_is_told_with_the_known_ones_and_the_nearest() {
        let policies = Registry::default();
        let text = |name| policies.get(name).unwrap_err().to_string();
        let known = "expected one of lru, fifo, lfu, arc, sieve, s3-fifo, w-tinylfu, lirs, 2q";
        assert_eq!(text("clock"), format!("unknown policy `clock`: {known}"));
        assert_eq!(text("S3FIFO"), format!("unknown policy `S3FIFO`, did you mean `s3-fifo`? {known}"));
        assert_eq!(text(""), format!("unknown policy ``: {known}"));
    }

    #[test]
    fn a_registered_policy_is_one_like_any_other() {
        let mut policies = Registry::default();
        policies.register(lru("mine-2")).unwrap();
        assert_eq!(policies.names().last(), Some("mine-2"));
        assert_eq!(policies.iter().count(), builtin::ALL.len() + 1);
        let policy = policies.get("mine_2").unwrap();
        assert_eq!((policy.name(), policy.build(10).len()), ("mine-2", 0));
        assert!(policies.get("mine-3").unwrap_err().to_string().contains("did you mean `mine-2`?"));
    }

    #[test]
    fn a_name_is_kebab_case_and_given_once() {
        let mut policies = Registry::default();
        for name in ["", "Mine", "my policy", "-mine", "mine-", "my--policy", "m\u{fc}ller"] {
            let refused = Err(RegisterError::BadName { name: name.to_owned() });
            assert_eq!(policies.register(lru(name)), refused);
        }
        for name in ["arc", "mine"] {
            let _ = policies.register(lru(name));
            let error = policies.register(lru(name)).unwrap_err();
            let text = format!("there is already a policy called `{name}`: give this one another name");
            assert_eq!(error.to_string(), text);
        }
        assert_eq!(policies.iter().count(), builtin::ALL.len() + 1);
        assert_eq!(policies.get("arc"), Ok(&builtin::ARC));
    }
}
