//! Eviction policies that come, change and go while a run goes on.

use host_cache::{PolicyFactory, Stats};
use host_contract::Value;
use host_contract::dial::CACHE_POLICY;

use super::ControlPlane;

/// What the cache follows since the policy it followed was taken out of the plugin directory.
#[derive(Debug)]
pub(crate) struct StandIn {
    /// The name of the policy that is gone.
    of: String,
    policy: PolicyFactory,
}

impl ControlPlane {
    /// Puts a policy in the place of the one of its name. Where the cache follows that one, or lost it, the cache follows the
    /// new one from here, with all entries in the order that they have; so do the shadows. Says where it stands, in words.
    ///
    /// # Errors
    /// It cannot be opened at the cache's capacity; in words. Nothing has changed then.
    pub(crate) fn replace_policy(&mut self, with: &PolicyFactory) -> Result<&'static str, String> {
        let name = with.name();
        let now = self.cache.policy();
        let returns =
            self.stand_in.as_ref().is_some_and(|stand_in| stand_in.of == name && stand_in.policy == now);
        let follows = now.name() == name || returns;
        if follows {
            self.cache.try_set_policy(with)?;
            self.tell_of_failures();
        }
        self.policies.put(with.clone())?;
        if self.stand_in.as_ref().is_some_and(|stand_in| stand_in.of == name) {
            self.stand_in = None;
        }
        if self.start == name {
            self.control.start_from(CACHE_POLICY, Value::Name(name.to_owned()));
        }
        self.shadow_instead(name, Some(with));
        self.overruled();
        Ok(if follows { "in force" } else { "can be set" })
    }

    /// Takes a policy out, because its file is gone. The bundled one of its name takes its place; where there is none, and the
    /// cache follows it, the fallback takes over, with all entries. Says what the cache follows then, where it changed.
    pub(crate) fn remove_policy(&mut self, name: &str, bundled: Option<PolicyFactory>) -> Option<String> {
        let follows = self.cache.policy().name() == name;
        let heir = follows.then(|| {
            let opened = bundled.clone().filter(|policy| {
                let set = self.cache.try_set_policy(policy);
                set.inspect_err(|error| tracing::warn!(%error, name, "the bundled policy does not open"))
                    .is_ok()
            });
            opened.unwrap_or_else(|| {
                let fallback = self.cache.stats().fallback;
                self.cache.set_policy(&fallback);
                fallback
            })
        });
        self.tell_of_failures();
        self.shadow_instead(name, bundled.as_ref());
        match bundled {
            Some(policy) => {
                if let Err(error) = self.policies.put(policy) {
                    tracing::warn!(error, name, "the bundled policy is left out");
                }
            }
            None => self.policies.remove(name),
        }
        if let Some(heir) = &heir
            && heir.name() != name
        {
            if self.start == name {
                self.control.start_from(CACHE_POLICY, Value::Name(heir.name().to_owned()));
            }
            self.stand_in = Some(StandIn { of: name.to_owned(), policy: heir.clone() });
        }
        self.overruled();
        heir.map(|heir| heir.name().to_owned())
    }

    /// What the policy before the change still did goes on the ledger before the change does.
    fn tell_of_failures(&mut self) {
        let failures = self.builder.fell_back(&self.cache.stats());
        self.ledger.write(failures.into_iter().collect());
    }

    /// Notes which policy failed since the last look: it is not set again.
    pub(super) fn note_failed(&mut self, cache: &Stats) {
        let before = std::mem::replace(&mut self.fallbacks, cache.fallbacks);
        if cache.fallbacks > before
            && let (Some(policy), Some(reason)) = (&cache.failed, &cache.fault)
            && self.policies.fail(policy, reason)
        {
            self.overruled();
        }
    }

    /// The shadows of the policy of this name follow another one from here, or none.
    fn shadow_instead(&mut self, name: &str, with: Option<&PolicyFactory>) {
        let Some(shadows) = &mut self.shadows else { return };
        let before = shadows.policies();
        if before.iter().any(|policy| policy.name() == name) {
            let instead =
                |policy: PolicyFactory| if policy.name() == name { with.cloned() } else { Some(policy) };
            let followed: Vec<PolicyFactory> = before.into_iter().filter_map(instead).collect();
            shadows.follow(&followed);
        }
    }

    /// What is being judged of the policies speaks of one that is gone.
    fn overruled(&mut self) {
        let records = self.control.overruled(CACHE_POLICY, &self.last);
        self.ledger.write(records);
    }
}
