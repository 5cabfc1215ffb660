//! COMMAND: the commands, for clients that look them up.

use super::super::command::{self, Command, Flags};
use super::super::context::Context;
use super::super::failure::{Done, Failure};
use super::super::glob;
use super::keys::help;
use super::{arity, is};

type Words<'w> = &'w [&'w [u8]];

pub(in super::super) fn command(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    match words {
        [_] => {
            cx.reply.array(command::commands().len());
            command::commands().iter().for_each(|command| info(cx, command));
        }
        [_, part] if is(part, "count") => cx.reply.count(command::commands().len()),
        [_, part] if is(part, "info") => return command(cx, &[&b"command"[..]]),
        [_, part, names @ ..] if is(part, "info") => {
            cx.reply.array(names.len());
            for name in names {
                match command::find(name) {
                    Some(command) => info(cx, command),
                    None => cx.reply.null_array(),
                }
            }
        }
        [_, part, names @ ..] if is(part, "docs") => {
            let found: Vec<&Command> = if names.is_empty() {
                command::commands().iter().collect()
            } else {
                names.iter().filter_map(|name| command::find(name)).collect()
            };
            cx.reply.map(found.len());
            found.into_iter().for_each(|command| docs(cx, command));
        }
        [_, part, call @ ..] if is(part, "getkeys") && !call.is_empty() => return keys(cx, call),
        [_, part, filter @ ..] if is(part, "list") => return list(cx, filter),
        [_, part] if is(part, "help") => help(
            cx,
            "COMMAND",
            &[
                ("(no subcommand)", "Return details about all commands."),
                ("COUNT", "Return the total number of commands in this server."),
                ("DOCS [<command-name> ...]", "Return documentation details about commands."),
                ("GETKEYS <full-command>", "Return the keys from a full command."),
                ("INFO [<command-name> ...]", "Return details about commands."),
                (
                    "LIST [FILTERBY (ACLCAT <cat>|PATTERN <pattern>|MODULE <name>)]",
                    "Return the names of commands.",
                ),
            ],
        ),
        [_, part, ..] => return Err(Failure::subcommand("command", part)),
        _ => return arity("command"),
    }
    Ok(())
}

/// The keys of a call that is not made.
fn keys(cx: &mut Context<'_>, call: Words<'_>) -> Done {
    let name = call.first().copied().unwrap_or_default();
    let command = command::find(name).ok_or(Failure::fixed("ERR Invalid command specified"))?;
    let keys: Vec<&[u8]> = command.keys_of(call).collect();
    if !command.takes(call.len()) {
        return Err(Failure::fixed("ERR Invalid number of arguments specified for command"));
    }
    if keys.is_empty() {
        return Err(Failure::fixed("ERR The command has no key arguments"));
    }
    cx.reply.array(keys.len());
    keys.into_iter().for_each(|key| cx.reply.bulk(key));
    Ok(())
}

/// The names of all commands and of their parts, or of some.
fn list(cx: &mut Context<'_>, filter: Words<'_>) -> Done {
    let parts =
        |command: &'static Command| command.parts.iter().map(|part| format!("{}|{part}", command.name));
    let mut found: Vec<String> = command::commands()
        .iter()
        .flat_map(|command| std::iter::once(command.name.to_owned()).chain(parts(command)))
        .collect();
    match filter {
        [] => {}
        [by, kind, pattern] if is(by, "filterby") && is(kind, "pattern") => {
            found.retain(|name| glob::matches(pattern, name.as_bytes()));
        }
        [by, kind, category] if is(by, "filterby") && is(kind, "aclcat") => {
            // A part is in the categories of its command.
            let in_category = |name: &str| {
                let command = name.split('|').next().and_then(|name| command::find(name.as_bytes()));
                command.is_some_and(|command| categories(command).iter().any(|own| is(category, own)))
            };
            found.retain(|name| in_category(name));
        }
        [by, kind, _] if is(by, "filterby") && is(kind, "module") => found.clear(),
        _ => return Err(Failure::SYNTAX),
    }
    cx.reply.array(found.len());
    found.iter().for_each(|name| cx.reply.bulk(name.as_bytes()));
    Ok(())
}

/// The categories of Redis's access control that a command is in.
fn categories(command: &Command) -> Vec<&'static str> {
    let has = |flag| command.flags.contains(flag);
    let group = match command.group {
        "generic" => "keyspace",
        "transactions" => "transaction",
        "server" => "admin",
        group => group,
    };
    let mut categories = vec![group, if has(Flags::FAST) { "fast" } else { "slow" }];
    for (flag, name) in [(Flags::WRITE, "write"), (Flags::READ, "read"), (Flags::ADMIN, "dangerous")] {
        if has(flag) {
            categories.push(name);
        }
    }
    categories
}

/// The row of a command, as clients of Redis 7 expect it.
fn info(cx: &mut Context<'_>, command: &Command) {
    let flags = flags(command);
    cx.reply.array(10);
    cx.reply.bulk(command.name.as_bytes());
    cx.reply.integer(command.arity);
    cx.reply.set(flags.len());
    flags.iter().for_each(|flag| cx.reply.simple(flag));
    let (first, last, step) = command.keys;
    [first, last, step].into_iter().for_each(|number| cx.reply.integer(number));
    cx.reply.set(0);
    cx.reply.array(0);
    cx.reply.array(0);
    cx.reply.array(0);
}

fn flags(command: &Command) -> Vec<&'static str> {
    let names = [
        (Flags::WRITE, "write"),
        (Flags::READ, "readonly"),
        (Flags::GROWS, "denyoom"),
        (Flags::ADMIN, "admin"),
        (Flags::PUBSUB, "pubsub"),
        (Flags::FAST, "fast"),
        (Flags::NO_PASSWORD, "no_auth"),
        (Flags::NO_TRANSACTION, "no_multi"),
    ];
    names.into_iter().filter(|(flag, _)| command.flags.contains(*flag)).map(|(_, name)| name).collect()
}

fn docs(cx: &mut Context<'_>, command: &Command) {
    cx.reply.bulk(command.name.as_bytes());
    cx.reply.map(3);
    for (key, value) in [("summary", command.summary), ("since", command.since), ("group", command.group)] {
        cx.reply.bulk(key.as_bytes());
        cx.reply.bulk(value.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_of_a_part_is_taken_for_a_failure() {
        assert_eq!(
            Failure::subcommand("command", b"x").text(),
            "ERR unknown subcommand 'x'. Try COMMAND HELP."
        );
    }
}
