//! The strategies and eviction policies that come with the host, as components compiled from `plugins/` by this crate's
//! build script.
//!
//! A crate of its own, so that only this one is compiled again when a strategy changes.

/// A component inside the host's binary.
#[derive(Debug, Clone, Copy)]
pub struct Bundled {
    /// Name of its crate, kebab-case; the same name that its `describe` answers.
    pub name: &'static str,
    /// The component.
    pub bytes: &'static [u8],
}

/// All strategies, in the order of their names.
pub const COMPONENTS: &[Bundled] = include!(concat!(env!("OUT_DIR"), "/components.rs"));

/// All eviction policies, in the order of their names: those of `host-policy`, one source each.
pub const POLICIES: &[Bundled] = include!(concat!(env!("OUT_DIR"), "/policies.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_component_is_there_once() {
        let names: Vec<&str> = COMPONENTS.iter().map(|bundled| bundled.name).collect();
        assert_eq!(names, ["cache-policy", "cache-sizing", "prefetch-rules", "worker-sizing"]);
        let names: Vec<&str> = POLICIES.iter().map(|bundled| bundled.name).collect();
        let expected = ["2q", "clock2q-plus", "lirs", "lru", "s3-fifo", "s4-fifo", "sieve", "w-tinylfu"];
        assert_eq!(names, expected);
    }

    #[test]
    fn they_are_components_and_not_core_modules() {
        for bundled in COMPONENTS.iter().chain(POLICIES) {
            // Magic, then version 13 of layer 1; a core module has version 1 of layer 0.
            assert_eq!(bundled.bytes.get(..8), Some(&b"\0asm\x0d\0\x01\0"[..]), "{}", bundled.name);
        }
    }
}
