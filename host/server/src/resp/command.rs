//! The table of commands.

use std::sync::LazyLock;

use bitflags::bitflags;
use hashbrown::HashMap;

use super::commands::{clients, expiry, hashes, host, keys, listing, pubsub, server, strings, sums, transactions};
use super::context::Context;
use super::failure::Done;

bitflags! {
    /// What a command does, and when it may be called.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) struct Flags: u16 {
        /// It changes values.
        const WRITE = 1;
        /// It reads values.
        const READ = 1 << 1;
        /// It takes about the same time however much there is.
        const FAST = 1 << 2;
        /// It changes the server, or tells of others.
        const ADMIN = 1 << 3;
        /// It is about messages.
        const PUBSUB = 1 << 4;
        /// It may be called without a password.
        const NO_PASSWORD = 1 << 5;
        /// A client of RESP2 that listens to messages may call it.
        const WHILE_SUBSCRIBED = 1 << 6;
        /// It runs at once while a transaction is queued.
        const NOT_QUEUED = 1 << 7;
        /// It cannot be part of a transaction.
        const NO_TRANSACTION = 1 << 8;
        /// Nobody sees it half done: it closes the gate.
        const EXCLUSIVE = 1 << 9;
        /// It has a password in it, or would show itself.
        const UNSEEN = 1 << 10;
        /// It may need more memory.
        const GROWS = 1 << 11;
    }
}

/// What a command does.
pub(super) type Run = for<'a, 'b> fn(&'a mut Context<'b>, &'a [&'a [u8]]) -> Done;

/// A command.
pub(super) struct Command {
    number: usize,
    pub(super) name: &'static str,
    /// Words, its name included; below zero: at least so many.
    pub(super) arity: i64,
    pub(super) flags: Flags,
    /// Which words are keys: the first one, the last one (below zero: from the end), and the step; zeros where none are.
    pub(super) keys: (i64, i64, i64),
    pub(super) run: Run,
    pub(super) group: &'static str,
    pub(super) since: &'static str,
    pub(super) summary: &'static str,
}

impl Command {
    /// Its number in the table.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// Whether it can be called with so many words.
    pub(super) fn takes(&self, words: usize) -> bool {
        let words = i64::try_from(words).unwrap_or(i64::MAX);
        if self.arity < 0 { words >= -self.arity } else { words == self.arity }
    }
}

struct Table {
    commands: Vec<Command>,
    numbers: HashMap<&'static [u8], usize>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut commands = all();
    for (number, command) in commands.iter_mut().enumerate() {
        command.number = number;
    }
    let numbers = commands.iter().map(|command| (command.name.as_bytes(), command.number)).collect();
    Table { commands, numbers }
});

/// Every command, in the order of their numbers.
pub(super) fn commands() -> &'static [Command] {
    &TABLE.commands
}

/// The names of the commands, in the same order.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    commands().iter().map(|command| command.name)
}

/// How many commands there are.
pub(crate) fn count() -> usize {
    commands().len()
}

/// The longest name, and some more.
const LONGEST: usize = 24;

/// The command of that name, in letters of either case.
#[inline]
pub(super) fn find(name: &[u8]) -> Option<&'static Command> {
    let mut lower = [0; LONGEST];
    let lower = lower.get_mut(..name.len())?;
    for (to, from) in lower.iter_mut().zip(name) {
        *to = from.to_ascii_lowercase();
    }
    let table = &*TABLE;
    table.commands.get(*table.numbers.get(&*lower)?)
}

/// The name of the command of that number.
pub(super) fn name(number: u32) -> &'static str {
    let command = usize::try_from(number).ok().and_then(|number| commands().get(number));
    command.map_or("NULL", |command| command.name)
}

const NO_KEYS: (i64, i64, i64) = (0, 0, 0);
const ONE: (i64, i64, i64) = (1, 1, 1);
const TWO: (i64, i64, i64) = (1, 2, 1);
const REST: (i64, i64, i64) = (1, -1, 1);
const PAIRS: (i64, i64, i64) = (1, -1, 2);

/// Groups as Redis has them, with the first version that had the command.
fn all() -> Vec<Command> {
    let read = Flags::READ;
    let fast = Flags::READ.union(Flags::FAST);
    let write = Flags::WRITE;
    let quick = Flags::WRITE.union(Flags::FAST);
    let grow = Flags::WRITE.union(Flags::GROWS);
    let sprout = grow.union(Flags::FAST);
    let whole = grow.union(Flags::EXCLUSIVE);
    let admin = Flags::ADMIN;
    let hello = Flags::NO_PASSWORD.union(Flags::FAST);
    let listen = Flags::PUBSUB.union(Flags::WHILE_SUBSCRIBED);
    let control = Flags::NOT_QUEUED.union(Flags::FAST);
    let command = |name, arity, flags, keys, run: Run, (group, since), summary| Command {
        number: 0,
        name,
        arity,
        flags,
        keys,
        run,
        group,
        since,
        summary,
    };
    let connection = |since| ("connection", since);
    let server = |since| ("server", since);
    let string = |since| ("string", since);
    let generic = |since| ("generic", since);
    let hash = |since| ("hash", since);
    let pubsub = |since| ("pubsub", since);
    let transaction = |since| ("transactions", since);
    let ours = ("host", "0.1.0");
    vec![
        command("ping", -1, Flags::FAST.union(Flags::WHILE_SUBSCRIBED), NO_KEYS, clients::ping, connection("1.0.0"), "Answers PONG, or the message"),
        command("echo", 2, Flags::FAST, NO_KEYS, clients::echo, connection("1.0.0"), "Answers the message"),
        command("hello", -1, hello.union(Flags::UNSEEN), NO_KEYS, clients::hello, connection("6.0.0"), "Changes the protocol, gives the password, sets the name"),
        command("auth", -2, hello.union(Flags::UNSEEN), NO_KEYS, clients::auth, connection("1.0.0"), "Gives the password"),
        command("select", 2, Flags::FAST, NO_KEYS, clients::select, connection("1.0.0"), "Changes the database"),
        command("quit", -1, hello.union(Flags::WHILE_SUBSCRIBED).union(Flags::NOT_QUEUED), NO_KEYS, clients::quit, connection("1.0.0"), "Ends the connection"),
        command("reset", 1, hello.union(Flags::WHILE_SUBSCRIBED).union(Flags::NOT_QUEUED), NO_KEYS, clients::reset, connection("6.2.0"), "Makes the connection as it was at its begin"),
        command("client", -2, admin, NO_KEYS, clients::client, connection("2.4.0"), "Tells of connections, and ends them"),
        command("command", -1, Flags::FAST, NO_KEYS, listing::command, server("2.8.13"), "Tells of the commands"),
        command("info", -1, admin, NO_KEYS, server::info, server("1.0.0"), "Figures of the server and the host"),
        command("config", -2, admin, NO_KEYS, server::config, server("2.0.0"), "Reads and changes settings"),
        command("function", -2, write, NO_KEYS, server::function, ("scripting", "7.0.0"), "FLUSH: forgets all functions, of which there are none"),
        command("dbsize", 1, fast, NO_KEYS, server::dbsize, server("1.0.0"), "Number of keys in the database"),
        command("flushdb", -1, write.union(Flags::EXCLUSIVE), NO_KEYS, server::flushdb, server("1.0.0"), "Removes every key of the database"),
        command("flushall", -1, write.union(Flags::EXCLUSIVE), NO_KEYS, server::flushall, server("1.0.0"), "Removes every key of every database"),
        command("memory", -2, read, (2, 2, 1), server::memory, server("4.0.0"), "USAGE: what an entry counts for, bytes"),
        command("slowlog", -2, admin, NO_KEYS, server::slowlog, server("2.2.12"), "The commands that took long"),
        command("monitor", 1, admin.union(Flags::NO_TRANSACTION).union(Flags::UNSEEN), NO_KEYS, clients::monitor, server("1.0.0"), "Shows every command from now on"),
        command("get", 2, fast, ONE, strings::get, string("1.0.0"), "The value of a key"),
        command("set", -3, grow, ONE, strings::set, string("1.0.0"), "Sets a value, with conditions and a time to live"),
        command("setnx", 3, sprout, ONE, strings::setnx, string("1.0.0"), "Sets a value where there is none"),
        command("setex", 4, grow, ONE, strings::setex, string("2.0.0"), "Sets a value with a time to live in seconds"),
        command("psetex", 4, grow, ONE, strings::psetex, string("2.6.0"), "Sets a value with a time to live in milliseconds"),
        command("getex", -2, quick, ONE, strings::getex, string("6.2.0"), "The value of a key, whose time to live it changes"),
        command("getdel", 2, quick, ONE, strings::getdel, string("6.2.0"), "The value of a key, which it removes"),
        command("getset", 3, sprout, ONE, strings::getset, string("1.0.0"), "The value of a key, to which it gives another"),
        command("getrange", 4, read, ONE, strings::getrange, string("2.4.0"), "A part of a value"),
        command("substr", 4, read, ONE, strings::getrange, string("1.0.0"), "A part of a value"),
        command("setrange", 4, grow, ONE, strings::setrange, string("2.2.0"), "Overwrites a part of a value"),
        command("mget", -2, fast, REST, strings::mget, string("1.0.0"), "The values of several keys"),
        command("mset", -3, whole, PAIRS, strings::mset, string("1.0.1"), "Sets several values in one step"),
        command("msetnx", -3, whole, PAIRS, strings::msetnx, string("1.0.1"), "Sets several values where there is none of them"),
        command("append", 3, sprout, ONE, strings::append, string("2.0.0"), "Appends to a value"),
        command("strlen", 2, fast, ONE, strings::strlen, string("2.2.0"), "The length of a value"),
        command("lcs", -3, read, TWO, sums::lcs, string("7.0.0"), "The longest common subsequence of two values"),
        command("incr", 2, sprout, ONE, sums::incr, string("1.0.0"), "Adds 1"),
        command("decr", 2, sprout, ONE, sums::decr, string("1.0.0"), "Takes 1 off"),
        command("incrby", 3, sprout, ONE, sums::incrby, string("1.0.0"), "Adds a whole number"),
        command("decrby", 3, sprout, ONE, sums::decrby, string("1.0.0"), "Takes a whole number off"),
        command("incrbyfloat", 3, sprout, ONE, sums::incrbyfloat, string("2.6.0"), "Adds a decimal number"),
        command("del", -2, write, REST, keys::del, generic("1.0.0"), "Removes keys"),
        command("unlink", -2, quick, REST, keys::del, generic("4.0.0"), "Removes keys"),
        command("exists", -2, fast, REST, keys::exists, generic("1.0.0"), "How many of these keys there are"),
        command("touch", -2, fast, REST, keys::touch, generic("3.2.1"), "Counts as a use of these keys"),
        command("copy", -3, whole, TWO, keys::copy, generic("6.2.0"), "Copies a value to another key"),
        command("rename", 3, whole, TWO, keys::rename, generic("1.0.0"), "Gives a value another key"),
        command("renamenx", 3, whole, TWO, keys::renamenx, generic("1.0.0"), "Gives a value another key, where there is none"),
        command("move", 3, whole, ONE, keys::move_, generic("1.0.0"), "Gives a value to another database"),
        command("type", 2, fast, ONE, keys::type_, generic("1.0.0"), "What kind of value a key has"),
        command("object", -2, read, (2, 2, 1), keys::object, generic("2.2.3"), "How a value is kept"),
        command("keys", 2, read, NO_KEYS, keys::keys, generic("1.0.0"), "All keys that a pattern stands for"),
        command("scan", -2, read, NO_KEYS, keys::scan, generic("2.8.0"), "Some of the keys, and where to go on"),
        command("randomkey", 1, read, NO_KEYS, keys::randomkey, generic("1.0.0"), "Some key"),
        command("expire", -3, quick, ONE, expiry::expire, generic("1.0.0"), "Sets the time to live in seconds"),
        command("pexpire", -3, quick, ONE, expiry::pexpire, generic("2.6.0"), "Sets the time to live in milliseconds"),
        command("expireat", -3, quick, ONE, expiry::expireat, generic("1.2.0"), "Sets the end of life, UNIX time in seconds"),
        command("pexpireat", -3, quick, ONE, expiry::pexpireat, generic("2.6.0"), "Sets the end of life, UNIX time in milliseconds"),
        command("expiretime", 2, fast, ONE, expiry::expiretime, generic("7.0.0"), "The end of life, UNIX time in seconds"),
        command("pexpiretime", 2, fast, ONE, expiry::pexpiretime, generic("7.0.0"), "The end of life, UNIX time in milliseconds"),
        command("ttl", 2, fast, ONE, expiry::ttl, generic("1.0.0"), "The time to live that is left, seconds"),
        command("pttl", 2, fast, ONE, expiry::pttl, generic("2.6.0"), "The time to live that is left, milliseconds"),
        command("persist", 2, quick, ONE, expiry::persist, generic("2.2.0"), "Takes the time to live away"),
        command("hset", -4, sprout, ONE, hashes::hset, hash("2.0.0"), "Sets fields"),
        command("hmset", -4, sprout, ONE, hashes::hmset, hash("2.0.0"), "Sets fields"),
        command("hsetnx", 4, sprout, ONE, hashes::hsetnx, hash("2.0.0"), "Sets a field where there is none"),
        command("hget", 3, fast, ONE, hashes::hget, hash("2.0.0"), "The value of a field"),
        command("hmget", -3, fast, ONE, hashes::hmget, hash("2.0.0"), "The values of several fields"),
        command("hgetall", 2, read, ONE, hashes::hgetall, hash("2.0.0"), "All fields and their values"),
        command("hkeys", 2, read, ONE, hashes::hkeys, hash("2.0.0"), "All fields"),
        command("hvals", 2, read, ONE, hashes::hvals, hash("2.0.0"), "The values of all fields"),
        command("hdel", -3, quick, ONE, hashes::hdel, hash("2.0.0"), "Removes fields"),
        command("hexists", 3, fast, ONE, hashes::hexists, hash("2.0.0"), "Whether there is a field"),
        command("hlen", 2, fast, ONE, hashes::hlen, hash("2.0.0"), "Number of fields"),
        command("hstrlen", 3, fast, ONE, hashes::hstrlen, hash("3.2.0"), "The length of the value of a field"),
        command("hincrby", 4, sprout, ONE, hashes::hincrby, hash("2.0.0"), "Adds a whole number to a field"),
        command("hincrbyfloat", 4, sprout, ONE, hashes::hincrbyfloat, hash("2.6.0"), "Adds a decimal number to a field"),
        command("hscan", -3, read, ONE, hashes::hscan, hash("2.8.0"), "All fields, as a scan gives them"),
        command("subscribe", -2, listen.union(Flags::NO_TRANSACTION), NO_KEYS, pubsub::subscribe, pubsub("2.0.0"), "Listens to channels"),
        command("unsubscribe", -1, listen.union(Flags::NO_TRANSACTION), NO_KEYS, pubsub::unsubscribe, pubsub("2.0.0"), "Stops listening to channels"),
        command("psubscribe", -2, listen.union(Flags::NO_TRANSACTION), NO_KEYS, pubsub::psubscribe, pubsub("2.0.0"), "Listens to the channels that patterns stand for"),
        command("punsubscribe", -1, listen.union(Flags::NO_TRANSACTION), NO_KEYS, pubsub::punsubscribe, pubsub("2.0.0"), "Stops listening to patterns"),
        command("publish", 3, Flags::PUBSUB.union(Flags::FAST), NO_KEYS, pubsub::publish, pubsub("2.0.0"), "Sends a message to a channel"),
        command("pubsub", -2, Flags::PUBSUB, NO_KEYS, pubsub::pubsub, pubsub("2.8.0"), "Who listens to what"),
        command("multi", 1, control, NO_KEYS, transactions::multi, transaction("1.2.0"), "Begins a transaction"),
        command("exec", 1, Flags::NOT_QUEUED.union(Flags::EXCLUSIVE), NO_KEYS, transactions::exec, transaction("1.2.0"), "Runs the queued commands in one step"),
        command("discard", 1, control, NO_KEYS, transactions::discard, transaction("2.0.0"), "Gives the transaction up"),
        command("watch", -2, control, REST, transactions::watch, transaction("2.2.0"), "EXEC runs only if these keys did not change"),
        command("unwatch", 1, Flags::FAST, NO_KEYS, transactions::unwatch, transaction("2.2.0"), "Watches nothing any more"),
        command("host.policy", -1, admin, NO_KEYS, host::policy, ours, "The eviction policy in force, and which there are; or sets one"),
        command("host.profile", -1, admin, NO_KEYS, host::profile, ours, "The profile, and the dials with their values and ranges"),
        command("host.ledger", -1, admin, NO_KEYS, host::ledger, ours, "The latest decisions, in words"),
        command("host.tick", -1, admin.union(Flags::NO_TRANSACTION), NO_KEYS, host::tick, ours, "Holds a tick now"),
        command("host.whatif", -1, admin, NO_KEYS, host::whatif, ours, "What the hit ratio would be under other policies and sizes"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_found_by_its_name_in_either_case() {
        for command in commands() {
            assert!(command.name.len() < LONGEST);
            assert_eq!(find(command.name.to_uppercase().as_bytes()).map(|found| found.number), Some(command.number));
        }
        assert!(find(b"nothing").is_none() && find(&[b'a'; 100]).is_none() && find(b"").is_none());
    }

    #[test]
    fn arity_is_of_all_words() {
        let (get, set) = (find(b"get").unwrap(), find(b"set").unwrap());
        assert!(get.takes(2) && !get.takes(1) && !get.takes(3));
        assert!(!set.takes(2) && set.takes(3) && set.takes(9));
    }
}
