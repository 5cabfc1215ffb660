//! A line of words with quotes, as one types it into a terminal.

/// A quote without its other, or one that is not followed by a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unbalanced;

/// The words of a line: split at white space; between double quotes with `\n`, `\r`, `\t`, `\b`, `\a`, `\xHH` and `\` before
/// any other byte; between single quotes with `\'` alone. Redis splits a line alike.
pub(super) fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, Unbalanced> {
    let mut words = Vec::new();
    let mut rest = line.trim_ascii_start();
    while !rest.is_empty() {
        let mut word = Vec::new();
        loop {
            match rest {
                [] => break,
                [b'"', after @ ..] => {
                    rest = double_quoted(after, &mut word)?;
                    break;
                }
                [b'\'', after @ ..] => {
                    rest = single_quoted(after, &mut word)?;
                    break;
                }
                [byte, after @ ..] => {
                    rest = after;
                    if is_space(*byte) {
                        break;
                    }
                    word.push(*byte);
                }
            }
        }
        words.push(word);
        rest = rest.trim_ascii_start();
    }
    Ok(words)
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0
}

/// Reads up to the quote, behind which a space or the end has to come.
fn double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        match rest {
            [b'\\', b'x', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                word.push(hex(*high) * 16 + hex(*low));
                rest = after;
            }
            [b'\\', escaped, after @ ..] => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                rest = after;
            }
            [b'"', after @ ..] => return ended(after),
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
            [] => return Err(Unbalanced),
        }
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        match rest {
            [b'\\', b'\'', after @ ..] => {
                word.push(b'\'');
                rest = after;
            }
            [b'\'', after @ ..] => return ended(after),
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
            [] => return Err(Unbalanced),
        }
    }
}

fn ended(after: &[u8]) -> Result<&[u8], Unbalanced> {
    if after.first().is_none_or(|&byte| is_space(byte)) { Ok(after) } else { Err(Unbalanced) }
}

const fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_redis_splits_them() {
        for (line, words) in [
            ("  set  key value ", vec!["set", "key", "value"]),
            (r#"set "a b" 'c d'"#, vec!["set", "a b", "c d"]),
            (r#""\x41\n\"" '\'' "" "#, vec!["A\n\"", "'", ""]),
            ("", vec![]),
        ] {
            let split = split(line.as_bytes()).unwrap();
            assert_eq!(
                split,
                words.iter().map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>(),
                "{line}"
            );
        }
    }

    #[test]
    fn a_quote_without_its_other_is_refused() {
        for line in [r#"a "b"#, "a 'b", r#""a"b"#, r#""a\"#] {
            assert_eq!(split(line.as_bytes()), Err(Unbalanced), "{line}");
        }
    }
}
