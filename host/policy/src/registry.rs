//! Policies by name.
//!
//! A [`Registry`] starts with the [built-in](crate::builtin) policies, and takes more: a program registers a
//! constructor under a name. That policy is then used like a built-in one: it is listed, chosen, followed by a shadow
//! and replayed by the same code. Names are kebab-case (`s3-fifo`), those of components behind `plugin:`
//! (`plugin:s3-fifo`); a look-up ignores case and takes `_` for `-`.
//!
//! A text may give parameters as well: `lirs(hir=0.1, ghosts=4)`, which [`Registry::parse`] reads.
//!
//! A name that is not there is an [`UnknownPolicy`], which lists the names that are and suggests the nearest; so is a
//! parameter that the policy does not take.

use crate::parameters::{BadParameter, folded, split};
use crate::{PolicyFactory, builtin};

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
///      w-tinylfu, lirs, 2q, s4-fifo, clock2q-plus, w-tinylfu-climb, my-lru"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    /// In the order in which they were registered.
    policies: Vec<PolicyFactory>,
    /// Whether every name of a component is taken for one that there is.
    any_component: bool,
}

impl Default for Registry {
    /// The built-in policies.
    fn default() -> Self {
        let policies = builtin::ALL.into_iter().chain(builtin::MORE).collect();
        Self { policies, any_component: false }
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

    /// Puts a policy in the place of the one of its name, which is given back; adds it where there is none.
    ///
    /// # Errors
    /// [`RegisterError::BadName`]: the name is not kebab-case. The registry is unchanged then.
    pub fn replace(&mut self, policy: PolicyFactory) -> Result<Option<PolicyFactory>, RegisterError> {
        match self.policies.iter_mut().find(|known| known.name() == policy.name()) {
            Some(known) => Ok(Some(std::mem::replace(known, policy))),
            None => self.register(policy).map(|()| None),
        }
    }

    /// Takes out the policy of this name. `None`, and nothing changed, where there is none.
    pub fn remove(&mut self, name: &str) -> Option<PolicyFactory> {
        let at = self.policies.iter().position(|policy| policy.name() == folded(name))?;
        Some(self.policies.remove(at))
    }

    /// The same, and every name of a component (`plugin:NAME`) is known: for who reads settings before it knows where components
    /// are. Those policies cannot be opened, and [`get`](Self::get) knows none of them.
    #[must_use]
    pub const fn with_any_component(mut self) -> Self {
        self.any_component = true;
        self
    }

    /// The policy of this name.
    ///
    /// # Errors
    /// [`UnknownPolicy::Name`], with the names that there are.
    pub fn get(&self, name: &str) -> Result<&PolicyFactory, UnknownPolicy> {
        self.find(name).ok_or_else(|| UnknownPolicy::Name {
            name: name.to_owned(),
            known: self.names().map(str::to_owned).collect(),
        })
    }

    /// The policy of this text: a name, behind which parameters may stand. Spaces around the name, a parameter and a
    /// value mean nothing.
    ///
    /// ```
    /// use host_policy::{Registry, builtin};
    ///
    /// let policies = Registry::default();
    /// assert_eq!(policies.parse("lirs")?, builtin::LIRS);
    /// assert_eq!(policies.parse("LIRS(ghosts=4.0,hir=0.1)")?.name(), "lirs(hir=0.1, ghosts=4)");
    /// # Ok::<(), host_policy::UnknownPolicy>(())
    /// ```
    ///
    /// # Errors
    /// [`UnknownPolicy`], with the names or the parameters that there are.
    pub fn parse(&self, text: &str) -> Result<PolicyFactory, UnknownPolicy> {
        let (name, list) = split(text);
        if self.any_component && name.starts_with(COMPONENT) && self.find(name).is_none() {
            return Ok(PolicyFactory::batched(folded(name), |_| Err("it was not looked for".to_owned())));
        }
        let policy = self.get(name)?;
        let Some(list) = list else { return Ok(policy.clone()) };
        let open =
            |problem| BadParameter { policy: policy.name().to_owned(), problem, known: policy.parameters() };
        Ok(policy.with_parameters(list.map_err(open)?)?)
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

/// A text that names no policy of a registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownPolicy {
    /// There is no policy of this name.
    #[error("unknown policy `{name}`{} expected one of {}", question(name, known), known.join(", "))]
    Name {
        /// The name as given.
        name: String,
        /// The names that the registry has.
        known: Vec<String>,
    },
    /// The policy does not take these parameters.
    #[error(transparent)]
    Parameter(#[from] BadParameter),
}

impl UnknownPolicy {
    /// The known name that was probably meant; `None` where none is near, or the name is right.
    #[must_use]
    pub fn suggestion(&self) -> Option<&str> {
        match self {
            Self::Name { name, known } => nearest(name, known),
            Self::Parameter(_) => None,
        }
    }
}

fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let name = folded(name);
    let most = (name.chars().count() / SLIP).max(1);
    let distances = known.iter().map(|known| (strsim::damerau_levenshtein(&name, known), known));
    let near = distances.filter(|&(distance, _)| distance <= most);
    near.min_by_key(|&(distance, _)| distance).map(|(_, known)| known.as_str())
}

fn question(name: &str, known: &[String]) -> String {
    nearest(name, known).map_or_else(|| ":".to_owned(), |near| format!(", did you mean `{near}`?"))
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

/// A policy that is a component says so before its name.
const COMPONENT: &str = "plugin:";

fn is_kebab_case(name: &str) -> bool {
    name.strip_prefix(COMPONENT).unwrap_or(name).split('-').all(|word| {
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
        for policy in builtin::ALL.iter().chain(&builtin::MORE) {
            assert_eq!(policies.get(policy.name()).as_ref(), Ok(&policy));
            assert_eq!(policies.get(&policy.name().to_uppercase().replace('-', "_")), Ok(policy));
        }
    }

    #[test]
    fn an_unknown_name_is_told_with_the_known_ones_and_the_nearest() {
        let policies = Registry::default();
        let text = |name| policies.get(name).unwrap_err().to_string();
        let known = "expected one of lru, fifo, lfu, arc, sieve, s3-fifo, w-tinylfu, lirs, 2q, s4-fifo, \
                     clock2q-plus, w-tinylfu-climb";
        assert_eq!(text("clock"), format!("unknown policy `clock`: {known}"));
        assert_eq!(text("S3FIFO"), format!("unknown policy `S3FIFO`, did you mean `s3-fifo`? {known}"));
        assert_eq!(text(""), format!("unknown policy ``: {known}"));
    }

    #[test]
    fn a_text_with_parameters_is_read_in_any_spelling() {
        let policies = Registry::default();
        for text in ["s3-fifo(small=0.25, ghosts=2)", " S3_FIFO ( ghosts = 2.0 ,small=0.250) "] {
            assert_eq!(policies.parse(text).unwrap().name(), "s3-fifo(small=0.25, ghosts=2)");
        }
        for policy in &policies {
            assert_eq!(policies.parse(policy.name()).as_ref(), Ok(policy));
        }
    }

    #[test]
    fn what_is_wrong_with_a_parameter_is_told_with_those_that_there_are() {
        let policies = Registry::default();
        let s3 = "it has small (0.001 to 0.99; default 0.1): the small queue's share of the capacity, ghosts (0 to 10; \
                  default 0.9): what is remembered of evicted entries, in capacities";
        for (list, problem) in [
            ("(small=1)", "`small` cannot be `1`: it is 0.001 to 0.99"),
            ("(small=a lot)", "`small` cannot be `a lot`: it is 0.001 to 0.99"),
            ("(ghosts=0.5, smal=0.2)", "there is no parameter `smal`"),
            ("(small=0.2, small=0.2)", "`small` is given twice"),
            ("(small)", "`small` is not NAME=VALUE"),
            ("()", "`` is not NAME=VALUE"),
            ("(small=0.2", "the text does not end with `)`"),
            ("(small=0.2) now", "the text does not end with `)`"),
        ] {
            let error = policies.parse(&format!("s3-fifo{list}")).unwrap_err();
            assert_eq!(error.to_string(), format!("policy `s3-fifo`: {problem}; {s3}"));
            assert_eq!(error.suggestion(), None);
        }
        let text = |text| policies.parse(text).unwrap_err().to_string();
        assert_eq!(text("lru(a=1)"), "policy `lru`: there is no parameter `a`; it has no parameters");
        assert!(text("s4-fifo(small-to-main=1.5)").contains("`1.5`: it is a whole number from 1 to 3;"));
        assert!(text("lrus(hir=1)").starts_with("unknown policy `lrus`, did you mean `lru`?"));
    }

    #[test]
    fn a_registered_policy_is_one_like_any_other() {
        let mut policies = Registry::default();
        policies.register(lru("mine-2")).unwrap();
        assert_eq!(policies.names().last(), Some("mine-2"));
        assert_eq!(policies.iter().count(), builtin::ALL.len() + builtin::MORE.len() + 1);
        let policy = policies.get("mine_2").unwrap();
        assert_eq!((policy.name(), policy.build(10).len()), ("mine-2", 0));
        assert!(policies.get("mine-3").unwrap_err().to_string().contains("did you mean `mine-2`?"));
    }

    #[test]
    fn a_name_is_kebab_case_and_given_once() {
        let mut policies = Registry::default();
        policies.register(lru("plugin:mine-2")).unwrap();
        assert_eq!(policies.parse("PLUGIN:mine_2").unwrap().name(), "plugin:mine-2");
        for name in [
            "",
            "plugin:",
            "plugin:plugin:mine",
            "other:mine",
            "Mine",
            "my policy",
            "-mine",
            "mine-",
            "my--policy",
            "m\u{fc}ller",
        ] {
            let refused = Err(RegisterError::BadName { name: name.to_owned() });
            assert_eq!(policies.register(lru(name)), refused);
        }
        for name in ["arc", "mine"] {
            let _ = policies.register(lru(name));
            let error = policies.register(lru(name)).unwrap_err();
            let text = format!("there is already a policy called `{name}`: give this one another name");
            assert_eq!(error.to_string(), text);
        }
        assert_eq!(policies.iter().count(), builtin::ALL.len() + builtin::MORE.len() + 2);
        assert_eq!(policies.get("arc"), Ok(&builtin::ARC));
    }

    #[test]
    fn a_policy_is_replaced_where_it_stands_and_taken_out() {
        let mut policies = Registry::default();
        let (first, second) = (lru("plugin:mine"), lru("plugin:mine"));
        assert_eq!(policies.replace(first.clone()), Ok(None));
        policies.register(lru("plugin:yours")).unwrap();
        assert_eq!(policies.replace(second.clone()), Ok(Some(first)));
        assert_eq!(policies.get("plugin:mine"), Ok(&second));
        let last: Vec<&str> = policies.names().skip(policies.iter().count() - 2).collect();
        assert_eq!(last, ["plugin:mine", "plugin:yours"]);
        assert!(policies.replace(lru("Mine")).is_err());
        assert_eq!((policies.remove("plugin:mine"), policies.remove("plugin:mine")), (Some(second), None));
        assert!(policies.parse("plugin:mine").is_err());
    }

    #[test]
    fn names_of_components_can_be_read_before_they_are_known() {
        let policies = Registry::default();
        assert!(policies.parse("plugin:mine").is_err());
        let policies = policies.with_any_component();
        let mine = policies.parse("plugin:mine").unwrap();
        assert_eq!(mine.name(), "plugin:mine");
        assert_eq!(mine.build_live(10, false).fault(), Some("it was not looked for"));
        assert!(policies.parse("mine").is_err() && policies.get("plugin:mine").is_err());
    }
}
