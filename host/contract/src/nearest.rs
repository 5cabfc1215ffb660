//! The nearest valid name to a mistyped one.
//!
//! "Near" is an edit distance (with transpositions) of at most a third of the name, and at least one:
//! farther than that a suggestion misleads more than it helps.

/// The name of `known` nearest to `name`, upper and lower case and `_` and `-` being alike; the first
/// of them where two are equally near; none where none is near.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (name.chars().count() / 3).max(1);
    nearest_within(name, known, most)
}

/// The same where a distance of at most `most` counts as near.
#[must_use]
pub fn nearest_within<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
    most: usize,
) -> Option<&'a str> {
    let fold = |text: &str| text.to_lowercase().replace('_', "-");
    let name = fold(name);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&name, &fold(candidate)), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn suggests_what_is_near_and_nothing_else() {
        let known = ["lru", "lfu", "arc"];
        assert_eq!(nearest("LRU", known), Some("lru"));
        assert_eq!(nearest("lur", known), Some("lru"));
        assert_eq!(nearest("ar", known), Some("arc"));
        assert_eq!(nearest("clock", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest("my_strategy", ["my-strategy"]), Some("my-strategy"));
    }
}
