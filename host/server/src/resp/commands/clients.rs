//! Connections: protocol, password, names, and those of others.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::super::client::Client;
use super::super::command;
use super::super::context::Context;
use super::super::failure::{Done, Failure};
use super::super::number::{integer, integer_of};
use super::super::reply::Version;
use super::super::session::Replies;
use super::keys::{database, help};
use super::{arity, is};

type Words<'w> = &'w [&'w [u8]];

pub(in super::super) fn ping(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let listens = cx.session.version == Version::Two && cx.session.client.subscribes();
    match words {
        [_] if listens => {
            cx.reply.array(2);
            cx.reply.bulk(b"pong");
            cx.reply.bulk(b"");
        }
        [_, message] if listens => {
            cx.reply.array(2);
            cx.reply.bulk(b"pong");
            cx.reply.bulk(message);
        }
        [_] => cx.reply.simple("PONG"),
        [_, message] => cx.reply.bulk(message),
        _ => return arity("ping"),
    }
    Ok(())
}

pub(in super::super) fn echo(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, message] = words else { return arity("echo") };
    cx.reply.bulk(message);
    Ok(())
}

/// Lets the client in with this name and password.
fn let_in(cx: &mut Context<'_>, name: Option<&[u8]>, password: &[u8]) -> Done {
    let wanted = cx.shared.config.password.as_ref();
    if wanted.is_none() && name.is_none() {
        return Err(Failure::fixed(
            "ERR AUTH <password> called without any password configured for the default user. Are you sure your \
             configuration is correct?",
        ));
    }
    let known = name.is_none_or(|name| name == b"default");
    if known && wanted.is_none_or(|wanted| wanted.is(password)) {
        cx.session.authenticated = true;
        return Ok(());
    }
    Err(Failure::fixed("WRONGPASS invalid username-password pair or user is disabled."))
}

pub(in super::super) fn auth(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    match words {
        [_, password] => let_in(cx, None, password)?,
        [_, name, password] => let_in(cx, Some(name), password)?,
        _ => return Err(Failure::SYNTAX),
    }
    cx.ok()
}

pub(in super::super) fn hello(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let mut version = None;
    let mut options = words.iter().skip(1);
    if let Some(word) = options.next() {
        version = Some(match integer(word) {
            Some(2) => Version::Two,
            Some(3) => Version::Three,
            Some(_) => return Err(Failure::fixed("NOPROTO unsupported protocol version")),
            None => {
                return Err(Failure::fixed("ERR Protocol version is not an integer or out of range"));
            }
        });
    }
    let mut name = None;
    while let Some(option) = options.next() {
        if is(option, "auth") {
            let (Some(user), Some(password)) = (options.next(), options.next()) else {
                return bad_hello(option);
            };
            let_in(cx, Some(user), password)?;
        } else if is(option, "setname") {
            let Some(given) = options.next() else { return bad_hello(option) };
            name = Some(printable(given, "Client names")?);
        } else {
            return bad_hello(option);
        }
    }
    if !cx.session.authenticated {
        return Err(Failure::fixed(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> \
             <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
        ));
    }
    if let Some(name) = name {
        cx.session.client.names.lock().own = name;
    }
    if let Some(version) = version {
        cx.session.version = version;
        cx.session.client.set_version(version);
        cx.reply.set_version(version);
    }
    cx.reply.map(7);
    for (key, value) in [("server", "redis"), ("version", super::info::REDIS_VERSION)] {
        cx.reply.bulk(key.as_bytes());
        cx.reply.bulk(value.as_bytes());
    }
    cx.reply.bulk(b"proto");
    cx.reply.integer(if cx.session.version == Version::Three { 3 } else { 2 });
    cx.reply.bulk(b"id");
    cx.reply.integer(id(&cx.session.client));
    for (key, value) in [("mode", "standalone"), ("role", "master")] {
        cx.reply.bulk(key.as_bytes());
        cx.reply.bulk(value.as_bytes());
    }
    cx.reply.bulk(b"modules");
    cx.reply.array(0);
    Ok(())
}

fn bad_hello(option: &[u8]) -> Done {
    let option = String::from_utf8_lossy(option);
    Err(Failure::new(format!("ERR Syntax error in HELLO option '{option}'")))
}

fn id(client: &Client) -> i64 {
    i64::try_from(client.id).unwrap_or(i64::MAX)
}

/// A name that can stand in a line of CLIENT LIST.
fn printable(name: &[u8], what: &str) -> Result<String, Failure> {
    if !name.iter().all(|byte| (b'!'..=b'~').contains(byte)) {
        return Err(Failure::new(format!(
            "ERR {what} cannot contain spaces, newlines or special characters."
        )));
    }
    Ok(String::from_utf8_lossy(name).into_owned())
}

pub(in super::super) fn select(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, number] = words else { return arity("select") };
    let number = integer_of(number).and_then(|_| database(number))?;
    cx.session.database = number;
    if number > 0 {
        cx.shared.use_databases();
    }
    cx.session.client.database.store(number, Ordering::Relaxed);
    cx.ok()
}

pub(in super::super) fn quit(cx: &mut Context<'_>, _: Words<'_>) -> Done {
    cx.session.closing = true;
    cx.ok()
}

pub(in super::super) fn reset(cx: &mut Context<'_>, _: Words<'_>) -> Done {
    let shared = cx.shared;
    let session = &mut *cx.session;
    session.discard(shared);
    session.unsubscribe_all(shared);
    session.database = 0;
    session.version = Version::Two;
    session.replies = Replies::All;
    session.authenticated = shared.config.password.is_none();
    let client = &session.client;
    client.set_version(Version::Two);
    client.database.store(0, Ordering::Relaxed);
    client.names.lock().own.clear();
    client.keeps_entries.store(false, Ordering::Relaxed);
    shared.clients.monitor(client, false);
    cx.reply.set_version(Version::Two);
    cx.reply.simple("RESET");
    Ok(())
}

pub(in super::super) fn monitor(cx: &mut Context<'_>, _: Words<'_>) -> Done {
    cx.shared.clients.monitor(&cx.session.client, true);
    cx.ok()
}

pub(in super::super) fn client(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, part, rest @ ..] = words else { return arity("client") };
    let own = Arc::clone(&cx.session.client);
    match (part.to_ascii_lowercase().as_slice(), rest) {
        (b"id", []) => cx.integer(id(&own)),
        (b"getname", []) => {
            let name = own.names.lock().own.clone();
            if name.is_empty() {
                cx.reply.null()
            } else {
                cx.reply.bulk(name.as_bytes())
            }
            Ok(())
        }
        (b"setname", [name]) => {
            own.names.lock().own = printable(name, "Client names")?;
            cx.ok()
        }
        (b"setinfo", [what, value]) => {
            let name = String::from_utf8_lossy(what).to_ascii_lowercase();
            let value = printable(value, &name)?;
            let mut names = own.names.lock();
            match name.as_str() {
                "lib-name" => names.library = value,
                "lib-ver" => names.library_version = value,
                _ => return Err(Failure::new(format!("ERR Unrecognized option '{name}'"))),
            }
            drop(names);
            cx.ok()
        }
        (b"info", []) => {
            let mut line = line(&own);
            line.push('\n');
            cx.reply.text(&line);
            Ok(())
        }
        (b"list", filters) => list(cx, filters),
        (b"kill", filters) => kill(cx, filters),
        (b"no-evict", [word]) => {
            let keeps = on_or_off(word)?;
            own.keeps_entries.store(keeps, Ordering::Relaxed);
            cx.ok()
        }
        (b"reply", [word]) if is(word, "on") => {
            cx.session.replies = Replies::All;
            cx.ok()
        }
        (b"reply", [word]) if is(word, "off") => {
            cx.session.replies = Replies::None;
            Ok(())
        }
        (b"reply", [word]) if is(word, "skip") => {
            if cx.session.replies == Replies::All {
                cx.session.replies = Replies::NotTheNext;
            }
            Ok(())
        }
        (b"reply", [_]) => Err(Failure::SYNTAX),
        (b"help", []) => {
            help(
                cx,
                "CLIENT",
                &[
                    ("GETNAME", "Return the name of the current connection."),
                    ("ID", "Return the ID of the current connection."),
                    ("INFO", "Return information about the current client connection."),
                    ("KILL <ip:port> | <option> <value> ...", "Kill connections."),
                    ("LIST [TYPE <type>] [ID <id> ...]", "Return information about client connections."),
                    ("NO-EVICT (ON|OFF)", "Mark the connection; the host evicts no clients."),
                    ("REPLY (ON|OFF|SKIP)", "Control the replies sent to the current connection."),
                    ("SETINFO (LIB-NAME|LIB-VER) <value>", "Name the client's library."),
                    ("SETNAME <name>", "Assign the name <name> to the current connection."),
                ],
            );
            Ok(())
        }
        (b"id" | b"getname" | b"setname" | b"setinfo" | b"info" | b"no-evict" | b"reply" | b"help", _) => {
            Err(Failure::arity(&format!("client|{}", String::from_utf8_lossy(part).to_lowercase())))
        }
        _ => Err(Failure::subcommand("client", part)),
    }
}

fn on_or_off(word: &[u8]) -> Result<bool, Failure> {
    match () {
        () if is(word, "on") => Ok(true),
        () if is(word, "off") => Ok(false),
        () => Err(Failure::SYNTAX),
    }
}

fn line(client: &Client) -> String {
    client.line(Instant::now(), command::name(client.command.load(Ordering::Relaxed)))
}

fn list(cx: &mut Context<'_>, filters: &[&[u8]]) -> Done {
    let mut all = cx.shared.clients.all();
    match filters {
        [] => {}
        [option, kind] if is(option, "type") => {
            let kind = kind_of(kind)?;
            all.retain(|client| client.kind() == kind);
        }
        [option, ids @ ..] if is(option, "id") && !ids.is_empty() => {
            let wanted = ids.iter().map(|word| client_id(word, "Invalid client ID"));
            let wanted: Vec<u64> = wanted.collect::<Result<_, _>>()?;
            all.retain(|client| wanted.contains(&client.id));
        }
        _ => return Err(Failure::SYNTAX),
    }
    let mut lines = String::new();
    for client in all {
        lines.push_str(&line(&client));
        lines.push('\n');
    }
    cx.reply.text(&lines);
    Ok(())
}

fn client_id(word: &[u8], wrong: &'static str) -> Result<u64, Failure> {
    let id = integer(word).and_then(|id| u64::try_from(id).ok()).filter(|id| *id > 0);
    id.ok_or_else(|| Failure::new(format!("ERR {wrong}")))
}

/// A kind of client. There are no replicas.
fn kind_of(word: &[u8]) -> Result<&'static str, Failure> {
    let kinds = ["normal", "pubsub", "master", "replica"];
    if is(word, "slave") {
        return Ok("replica");
    }
    let kind = kinds.into_iter().find(|kind| is(word, kind));
    kind.ok_or_else(|| Failure::new(format!("ERR Unknown client type '{}'", String::from_utf8_lossy(word))))
}

fn kill(cx: &mut Context<'_>, filters: &[&[u8]]) -> Done {
    let all = cx.shared.clients.all();
    if let [address] = filters {
        let found = all.iter().find(|client| client.address.as_bytes() == *address);
        return match found {
            Some(client) => {
                end(cx, client);
                cx.ok()
            }
            None => Err(Failure::fixed("ERR No such client")),
        };
    }
    let (mut ended, mut skip_me) = (all, true);
    let pairs = filters.chunks_exact(2);
    if filters.is_empty() || !pairs.remainder().is_empty() {
        return Err(Failure::SYNTAX);
    }
    for pair in pairs {
        let [option, value] = pair else { continue };
        match () {
            () if is(option, "id") => {
                let id = client_id(value, "client-id should be greater than 0")?;
                ended.retain(|client| client.id == id);
            }
            () if is(option, "addr") => ended.retain(|client| client.address.as_bytes() == *value),
            () if is(option, "laddr") => ended.retain(|client| client.local.as_bytes() == *value),
            () if is(option, "type") => {
                let kind = kind_of(value)?;
                ended.retain(|client| client.kind() == kind);
            }
            () if is(option, "user") => {
                if *value != b"default" {
                    let user = String::from_utf8_lossy(value);
                    return Err(Failure::new(format!("ERR No such user '{user}'")));
                }
            }
            () if is(option, "skipme") => {
                skip_me = match () {
                    () if is(value, "yes") => true,
                    () if is(value, "no") => false,
                    () => return Err(Failure::SYNTAX),
                };
            }
            () => return Err(Failure::SYNTAX),
        }
    }
    ended.retain(|client| !(skip_me && client.id == cx.session.client.id));
    ended.iter().for_each(|client| end(cx, client));
    cx.reply.count(ended.len());
    Ok(())
}

/// Ends a connection; the client's own once it has its reply.
fn end(cx: &mut Context<'_>, client: &Arc<Client>) {
    if client.id == cx.session.client.id {
        cx.session.closing = true;
    } else {
        client.end();
    }
}
