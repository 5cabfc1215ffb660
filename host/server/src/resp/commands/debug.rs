//! DEBUG: what tests of servers and clients need. A profile has to allow it.

use std::sync::atomic::Ordering;

use host_runtime::{ContentRef, Found};
use sha2::{Digest as _, Sha256};

use super::super::context::Context;
use super::super::failure::{Done, Failure};
use super::keys::help;
use super::{arity, is};

type Words<'w> = &'w [&'w [u8]];

pub(in super::super) fn debug(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    if !cx.shared.config.debug {
        return Err(Failure::fixed(
            "ERR DEBUG command not allowed. A profile with serve.debug-commands = true allows it; the host has to be started \
             again",
        ));
    }
    match words {
        [_, part, on] if is(part, "set-active-expire") => {
            cx.shared.expires.store(*on != b"0", Ordering::Relaxed);
            cx.ok()
        }
        [_, part, names @ ..] if is(part, "digest-value") => {
            cx.reply.array(names.len());
            for name in names {
                let digest = cx.keys().peek_with(&cx.key(name), |present| digest(present.value));
                let digest = digest.unwrap_or_default();
                cx.reply.simple(&digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
            }
            Ok(())
        }
        [_, part, text] if is(part, "error") => Err(Failure::new(String::from_utf8_lossy(text).into_owned())),
        [_, part, text] if is(part, "log") => {
            tracing::info!(text = %String::from_utf8_lossy(text), "DEBUG LOG");
            cx.ok()
        }
        [_, part, kind] if is(part, "protocol") => protocol(cx, kind),
        [_, part] if is(part, "help") => {
            help(
                cx,
                "DEBUG",
                &[
                    ("DIGEST-VALUE <key> [<key> ...]", "A digest of each value, alike for alike values."),
                    ("ERROR <string>", "Replies with this error."),
                    ("LOG <message>", "Writes a message to the server's log."),
                    (
                        "PROTOCOL <type>",
                        "Replies with one of: string, integer, double, bignum, null, array, set, map, attrib, push, verbatim, true, \
                     false.",
                    ),
                    (
                        "SET-ACTIVE-EXPIRE <0|1>",
                        "Whether what is over its time is removed before somebody asks for it.",
                    ),
                ],
            );
            Ok(())
        }
        [_, part, ..] => Err(Failure::subcommand("debug", part)),
        _ => arity("debug"),
    }
}

type ValueDigest = [u8; 20];

/// A digest of a value: of fields the same in whatever order they lie. Zeros stand for no value.
fn digest(value: Found<'_>) -> ValueDigest {
    let of = |parts: &[&[u8]]| -> ValueDigest {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        let mut short = ValueDigest::default();
        short.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
        short
    };
    match value.content() {
        ContentRef::Bytes(bytes) => of(&[b"string", bytes]),
        ContentRef::List(list) => list.with(|list| {
            let items: Vec<&[u8]> = std::iter::once(&b"list"[..]).chain(list.range(0, list.len())).collect();
            of(&items)
        }),
        ContentRef::Fields(fields) => fields.with(|fields| {
            let mut all = of(&[b"hash"]);
            for (name, value) in fields.iter() {
                all.iter_mut().zip(of(&[name, value])).for_each(|(sum, byte)| *sum ^= byte);
            }
            all
        }),
    }
}

#[expect(clippy::approx_constant, reason = "that of Redis, which clients' tests expect")]
fn protocol(cx: &mut Context<'_>, kind: &[u8]) -> Done {
    let reply = &mut cx.reply;
    match kind.to_ascii_lowercase().as_slice() {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.integer(12_345),
        b"double" => reply.double(3.141),
        b"bignum" => reply.big_number("1234567999999999999999999999999999999"),
        b"null" => reply.null(),
        b"array" => {
            reply.array(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        b"set" => {
            reply.set(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        b"map" => {
            reply.map(3);
            for number in 0..3 {
                reply.integer(number);
                reply.boolean(number == 1);
            }
        }
        b"attrib" => {
            if reply.attribute(1) {
                reply.bulk(b"key-popularity");
                reply.array(2);
                reply.bulk(b"key:123");
                reply.integer(90);
            }
            reply.bulk(b"Some real reply following the attribute");
        }
        b"push" => {
            if reply.version() == super::super::reply::Version::Two {
                return Err(Failure::fixed("ERR RESP2 is not supported by this command"));
            }
            reply.push(2);
            reply.bulk(b"server-cpu-usage");
            reply.integer(42);
            reply.bulk(b"Some real reply following the push reply");
        }
        b"verbatim" => reply.text("This is a verbatim\nstring"),
        b"true" => reply.boolean(true),
        b"false" => reply.boolean(false),
        _ => {
            return Err(Failure::fixed(
                "ERR Wrong protocol type name. Please use one of the following: \
                 string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use host_runtime::{Fields, FlatLimits, InPlace, Value};

    use super::*;

    fn hash(fields: &[(&str, &str)], limits: FlatLimits) -> Value {
        let mut all = Fields::default();
        for (name, value) in fields {
            all.set(name.as_bytes(), value.as_bytes(), limits);
        }
        Value::in_place(Arc::new(InPlace::new(all)))
    }

    fn digest(value: &Value) -> ValueDigest {
        super::digest(Found::Value(value))
    }

    #[test]
    fn a_digest_is_of_what_a_value_says_and_not_of_how_it_lies() {
        let table = FlatLimits { fields: 0, bytes: 0 };
        let one = hash(&[("a", "1"), ("b", "2")], FlatLimits::REDIS);
        assert_eq!(digest(&one), digest(&hash(&[("b", "2"), ("a", "1")], table)));
        for other in [&[("a", "2"), ("b", "1")][..], &[("a", "1")], &[("a1", ""), ("b", "2")], &[]] {
            assert_ne!(digest(&one), digest(&hash(other, table)), "{other:?}");
        }
        assert_ne!(digest(&Value::from("ab")), digest(&Value::from("a")));
    }
}
