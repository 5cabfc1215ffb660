//! The policies that a run can put in force: a registry that changes while the run goes on.
//!
//! Only the control thread looks policies up; the data plane holds the one that is in force. So a change is a new registry in
//! the place of the old one, and nobody waits for it.
//!
//! A policy that failed in the cache would fail again, and each time the order of the entries is lost in part. So it is not set
//! again until another one has its name.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use host_cache::{PolicyFactory, Registry, UnknownPolicy};
use host_contract::{Names, Refusal};
use host_plugin::POLICY_PREFIX;

/// The policies of a run; see the [module](self).
#[derive(Debug)]
pub(crate) struct Policies(ArcSwap<Now>);

#[derive(Debug, Clone)]
struct Now {
    registry: Arc<Registry>,
    /// Why each of those failed that are not set again, by name.
    failed: BTreeMap<String, String>,
}

impl Policies {
    pub(crate) fn new(registry: Arc<Registry>) -> Arc<Self> {
        Arc::new(Self(ArcSwap::from_pointee(Now { registry, failed: BTreeMap::new() })))
    }

    /// The names of those that can be set.
    pub(crate) fn names(&self) -> Vec<String> {
        let now = self.0.load();
        let names = now.registry.names().filter(|name| !now.failed.contains_key(*name));
        names.map(str::to_owned).collect()
    }

    /// The policy of a text.
    ///
    /// # Errors
    /// There is none, or it has failed.
    pub(crate) fn parse(&self, text: &str) -> Result<PolicyFactory, Refusal> {
        let now = self.0.load();
        let policy = now.registry.parse(text).map_err(|error| match error {
            UnknownPolicy::Name { .. } => Refusal::Unknown(self.names()),
            UnknownPolicy::Parameter(error) => Refusal::Invalid(error.to_string()),
        })?;
        let Some(reason) = now.failed.get(policy.name()) else { return Ok(policy) };
        let until = match policy.name().starts_with(POLICY_PREFIX) {
            true => " until its file in the plugin directory changes",
            false => "",
        };
        Err(Refusal::Invalid(format!("`{policy}` failed in this run, and is not set again{until}: {reason}")))
    }

    /// What a strategy, or a command, may call a policy.
    pub(crate) fn range(self: &Arc<Self>) -> Names {
        let policies = Arc::clone(self);
        Names::new(self.names(), move |text| policies.parse(text).map(|policy| policy.name().to_owned()))
    }

    /// Puts a policy in the place of the one of its name, which may have failed.
    ///
    /// # Errors
    /// It has a name that cannot be written in a profile; in words.
    pub(crate) fn put(&self, policy: PolicyFactory) -> Result<(), String> {
        let mut now = Now::clone(&self.0.load());
        now.failed.remove(policy.name());
        Arc::make_mut(&mut now.registry).replace(policy).map_err(|error| error.to_string())?;
        self.0.store(Arc::new(now));
        Ok(())
    }

    /// Takes out the policy of this name.
    pub(crate) fn remove(&self, name: &str) {
        let mut now = Now::clone(&self.0.load());
        now.failed.remove(name);
        drop(Arc::make_mut(&mut now.registry).remove(name));
        self.0.store(Arc::new(now));
    }

    /// Notes that a policy failed. False where another one has its name by now.
    pub(crate) fn fail(&self, policy: &PolicyFactory, reason: &str) -> bool {
        let mut now = Now::clone(&self.0.load());
        let known = now.registry.get(policy.name()).is_ok_and(|known| known == policy);
        if known {
            now.failed.insert(policy.name().to_owned(), reason.to_owned());
            self.0.store(Arc::new(now));
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use host_cache::policy::Lru;

    use super::*;

    fn mine() -> PolicyFactory {
        PolicyFactory::new("plugin:mine", |_| Box::new(Lru::new()))
    }

    #[test]
    fn a_policy_that_failed_is_refused_until_another_one_has_its_name() {
        let policies = Policies::new(Arc::default());
        let (first, second) = (mine(), mine());
        policies.put(first.clone()).unwrap();
        assert_eq!(policies.parse("PLUGIN:mine"), Ok(first.clone()));

        assert!(policies.fail(&first, "it named no entry to evict"));
        let text = "`plugin:mine` failed in this run, and is not set again until its file in the plugin directory \
                    changes: it named no entry to evict";
        assert_eq!(policies.range().read("plugin:mine"), Err(Refusal::Invalid(text.to_owned())));
        assert!(!policies.names().contains(&"plugin:mine".to_owned()));

        policies.put(second.clone()).unwrap();
        assert_eq!(policies.parse("plugin:mine"), Ok(second.clone()));
        assert!(!policies.fail(&first, "too late to matter"));
        assert_eq!(policies.parse("plugin:mine"), Ok(second));
        policies.remove("plugin:mine");
        assert!(matches!(policies.parse("plugin:mine"), Err(Refusal::Unknown(_))));
        assert_eq!(policies.range().read("lru"), Ok("lru".to_owned()));
    }
}
