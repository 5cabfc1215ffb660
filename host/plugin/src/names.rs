//! Names as people write them: what a name may be, the nearest valid one, text made fit for a terminal.

/// What keeps `name` from being a name: words of lower-case letters and digits, joined by single hyphens; 1 to `max` bytes. None where it is one.
pub(crate) fn fault(name: &str, max: usize) -> Option<String> {
    if name.is_empty() {
        return Some("is empty".to_owned());
    }
    if name.len() > max {
        return Some(format!("has {} bytes, at most {max} are allowed", name.len()));
    }
    let allowed = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-';
    if let Some(other) = name.chars().find(|c| !allowed(c)) {
        let shown = if other.is_control() { other.escape_default().to_string() } else { other.to_string() };
        return Some(format!("holds `{shown}`: only lower-case letters, digits and `-` are allowed"));
    }
    if name.starts_with('-') {
        return Some("begins with `-`".to_owned());
    }
    if name.ends_with('-') {
        return Some("ends with `-`".to_owned());
    }
    name.contains("--").then(|| "has two `-` in a row".to_owned())
}

/// What keeps a text from being the name of a component, as `describe` gives it: words of lower-case letters and digits,
/// joined by single hyphens; 1 to 64 bytes. None where it is one.
#[must_use]
pub fn name_fault(name: &str) -> Option<String> {
    fault(name, crate::description::MAX_NAME)
}

/// The names, each in backticks, separated by commas.
pub(crate) fn list<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    names.into_iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// ` (did you mean ...?)` where a known name is near, nothing otherwise.
pub(crate) fn hint<S: AsRef<str>>(name: &str, known: impl IntoIterator<Item = S>) -> String {
    known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(name, known.as_ref()), known))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or_else(String::new, |(_, near)| format!(" (did you mean `{}`?)", near.as_ref()))
}

/// At most `max` bytes of `text`, cut between characters, with control characters replaced: what a
/// guest says is printed on a terminal, and a name or a message is one line of it.
pub(crate) fn sanitize(text: &str, max: usize) -> String {
    let cut = text.get(..text.floor_char_boundary(max)).unwrap_or_default();
    let mut sanitized: String = cut.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if cut.len() < text.len() {
        sanitized.push('…');
    }
    sanitized
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_name_is_told() {
        for good in ["a", "cache-policy", "v2", "lru-k2", "tuner-2", "policy-64m", "a-1-b", "2q"] {
            assert_eq!(fault(good, 64), None, "{good}");
        }
        let letters = "only lower-case letters, digits and `-` are allowed";
        for (bad, why) in [
            ("", "is empty".to_owned()),
            ("-a", "begins with `-`".to_owned()),
            ("a-", "ends with `-`".to_owned()),
            ("a--b", "has two `-` in a row".to_owned()),
            ("Abc", format!("holds `A`: {letters}")),
            ("a_b", format!("holds `_`: {letters}")),
            ("ä", format!("holds `ä`: {letters}")),
            ("a\n", format!("holds `\\n`: {letters}")),
        ] {
            assert_eq!(fault(bad, 64), Some(why), "{bad:?}");
        }
        assert_eq!(fault(&"a".repeat(65), 64).as_deref(), Some("has 65 bytes, at most 64 are allowed"));
    }

    #[test]
    fn text_is_cut_between_characters_and_loses_its_escapes() {
        assert_eq!(sanitize("häh", 2), "h…");
        assert_eq!(sanitize("\u{1b}[31mred\n", 64), " [31mred ");
    }

    #[test]
    fn only_a_near_name_is_suggested() {
        assert_eq!(hint("margn", ["margin", "dwell"]), " (did you mean `margin`?)");
        assert_eq!(hint("colour", ["margin", "dwell"]), "");
    }
}
