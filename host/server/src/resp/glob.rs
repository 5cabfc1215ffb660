//! Patterns for keys and channels, with the meaning that Redis gives them.
//!
//! `*` stands for any bytes, `?` for one, `[abc]`, `[a-z]` and `[^a]` for one of a class, `\` takes the next byte as it is. No
//! crate for file names can be used: they treat `/` and `.` apart, and take text instead of bytes.

/// Whether the whole of `text` is what `pattern` stands for. It takes time in proportion to the product of the lengths at
/// worst: only the last `*` is ever tried again.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // Behind the last `*`: the rest of the pattern, and the text from which it was tried.
    let mut again: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', rest @ ..] = pattern {
            if rest.is_empty() {
                return true;
            }
            again = Some((rest, text));
            pattern = rest;
            continue;
        }
        match (text, one(pattern, text.first().copied())) {
            ([], _) if pattern.is_empty() => return true,
            ([_, after @ ..], Some(rest)) => (pattern, text) = (rest, after),
            _ => {
                let Some((rest, [_, after @ ..])) = again else { return false };
                again = Some((rest, after));
                (pattern, text) = (rest, after);
            }
        }
    }
}

/// What is left of a pattern whose first element stands for this byte; none where it does not.
fn one(pattern: &[u8], byte: Option<u8>) -> Option<&[u8]> {
    let byte = byte?;
    match pattern {
        [] => None,
        [b'?', rest @ ..] => Some(rest),
        [b'[', class @ ..] => {
            let (is_in, rest) = class_has(class, byte);
            is_in.then_some(rest)
        }
        [b'\\', escaped, rest @ ..] => (*escaped == byte).then_some(rest),
        [first, rest @ ..] => (*first == byte).then_some(rest),
    }
}

/// Whether a class has a byte, and what follows the class. One that does not end goes on to the end of the pattern.
fn class_has(class: &[u8], byte: u8) -> (bool, &[u8]) {
    let (negated, mut class) = match class {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, class),
    };
    let mut found = false;
    loop {
        class = match class {
            [b'\\', escaped, rest @ ..] => {
                found |= *escaped == byte;
                rest
            }
            [b']', rest @ ..] => return (found != negated, rest),
            [from, b'-', to, rest @ ..] => {
                let (low, high) = (from.min(to), from.max(to));
                found |= (low..=high).contains(&&byte);
                rest
            }
            [one, rest @ ..] => {
                found |= *one == byte;
                rest
            }
            [] => return (found != negated, class),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_to_redis() {
        for (pattern, yes, no) in [
            ("*", vec!["", "a"], vec![]),
            ("foo*", vec!["foo", "foobar"], vec!["fo", "xfoo"]),
            ("*foo", vec!["foo", "barfoo", "foofoo"], vec!["foob"]),
            ("h?llo", vec!["hello"], vec!["hllo", "heello"]),
            ("h[ae]llo", vec!["hello", "hallo"], vec!["hillo"]),
            ("h[^e]llo", vec!["hallo"], vec!["hello"]),
            ("h[a-c]llo", vec!["hbllo"], vec!["hdllo"]),
            ("h[c-a]llo", vec!["hbllo"], vec!["hdllo"]),
            (r"h\*llo", vec!["h*llo"], vec!["hello"]),
            (r"[\]]x", vec!["]x"], vec!["ax"]),
            ("[abc", vec!["a"], vec!["d"]),
            ("a*b*c", vec!["abc", "axbxbc"], vec!["axbx"]),
            ("", vec![""], vec!["a"]),
        ] {
            for text in yes {
                assert!(matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
            }
            for text in no {
                assert!(!matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
            }
        }
    }

    #[test]
    fn many_stars_do_not_take_forever() {
        let pattern = "a*".repeat(1_000) + "b";
        assert!(!matches(pattern.as_bytes(), "a".repeat(20_000).as_bytes()));
    }
}
