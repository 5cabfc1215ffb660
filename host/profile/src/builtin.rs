//! The profiles that come with the host, and the defaults below them.

use std::sync::LazyLock;

use host_contract::nearest::nearest;
use toml::de::DeTable;

use crate::error::ProfileError;

/// Every key with its default; `host profile show` prints it where nothing else is given.
pub(crate) const DEFAULTS: &str = include_str!("defaults.toml");

/// The paths of [`DEFAULTS`], in their order.
pub(crate) fn keys_of_the_defaults() -> Vec<String> {
    let mut keys = Vec::new();
    if let Ok(table) = DeTable::parse(DEFAULTS) {
        collect("", table.get_ref(), &mut keys);
    }
    keys.sort();
    keys.into_iter().map(|(_, path)| path).collect()
}

/// Where each key begins, and its path.
fn collect(prefix: &str, table: &DeTable<'_>, keys: &mut Vec<(usize, String)>) {
    for (name, value) in table {
        let path = if prefix.is_empty() {
            name.get_ref().to_string()
        } else {
            format!("{prefix}.{}", name.get_ref())
        };
        match value.get_ref().as_table() {
            Some(table) => collect(&path, table, keys),
            None => keys.push((name.span().start, path)),
        }
    }
}

/// Name and text of each profile, smallest first, hardware overlays last.
pub(crate) const PROFILES: [(&str, &str); 6] = [
    ("small", include_str!("../../../profiles/small.toml")),
    ("medium", include_str!("../../../profiles/medium.toml")),
    ("large", include_str!("../../../profiles/large.toml")),
    ("high-performance", include_str!("../../../profiles/high-performance.toml")),
    ("memory-constrained", include_str!("../../../profiles/memory-constrained.toml")),
    ("cpu-constrained", include_str!("../../../profiles/cpu-constrained.toml")),
];

static SUMMARIES: LazyLock<Vec<(&'static str, String)>> = LazyLock::new(|| {
    let summary = |text| {
        let table = DeTable::parse(text).ok()?;
        let value = table.get_ref().get("summary")?.get_ref().as_str()?;
        Some(value.to_owned())
    };
    PROFILES.iter().map(|(name, text)| (*name, summary(text).unwrap_or_default())).collect()
});

/// Name and one-line summary of each built-in profile.
#[must_use]
pub fn list() -> Vec<(&'static str, &'static str)> {
    SUMMARIES.iter().map(|(name, summary)| (*name, summary.as_str())).collect()
}

/// The built-in profile whose name is nearest to a mistyped one, if any is near.
#[must_use]
pub fn nearest_profile(name: &str) -> Option<&'static str> {
    nearest(name, PROFILES.iter().map(|(name, _)| *name))
}

/// Name and text of a built-in profile; `place` is where it was named; empty for the flag.
pub(crate) fn find(name: &str, place: &str) -> Result<(&'static str, &'static str), ProfileError> {
    PROFILES.iter().copied().find(|(known, _)| *known == name).ok_or_else(|| {
        let names: Vec<_> = PROFILES.iter().map(|(name, _)| *name).collect();
        ProfileError::UnknownProfile {
            place: place.to_owned(),
            name: name.to_owned(),
            nearest: nearest_profile(name).map(str::to_owned),
            expected: format!(
                "profiles are {}; a file of your own is given by its path, ending in .toml",
                names.join(", ")
            ),
        }
    })
}
