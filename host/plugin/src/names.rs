//! Names as people write them: kebab-case, the nearest valid one, text made fit for a terminal.

/// Whether `name` is kebab-case as in WIT: words of lower-case letters and digits, each starting with
/// a letter, joined by single hyphens; 1 to `max` bytes.
pub(crate) fn is_kebab(name: &str, max: usize) -> bool {
    name.len() <= max
        && name.split('-').all(|word| {
            word.starts_with(|c: char| c.is_ascii_lowercase())
                && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
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
pub(crate) fn tame(text: &str, max: usize) -> String {
    let cut = text.get(..text.floor_char_boundary(max)).unwrap_or_default();
    let mut tamed: String = cut.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if cut.len() < text.len() {
        tamed.push('…');
    }
    tamed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kebab_case_is_told_from_everything_else() {
        for good in ["a", "cache-policy", "v2", "lru-k2"] {
            assert!(is_kebab(good, 64), "{good}");
        }
        for bad in ["", "-", "A", "a--b", "-a", "a-", "2q", "a_b", "ä", "a b", "a/b"] {
            assert!(!is_kebab(bad, 64), "{bad}");
        }
        assert!(!is_kebab(&"a".repeat(65), 64));
    }

    #[test]
    fn text_is_cut_between_characters_and_loses_its_escapes() {
        assert_eq!(tame("häh", 2), "h…");
        assert_eq!(tame("\u{1b}[31mred\n", 64), " [31mred ");
    }

    #[test]
    fn only_a_near_name_is_suggested() {
        assert_eq!(hint("margn", ["margin", "dwell"]), " (did you mean `margin`?)");
        assert_eq!(hint("colour", ["margin", "dwell"]), "");
    }
}
