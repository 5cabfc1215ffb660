//! Every command: one row each, in the groups of Redis.

use super::{Command, Flags, Keys, Run};
use crate::resp::commands::{
    bits, clients, config, debug, expiry, hashes, host, info, keys, listing, lists, pubsub, server, strings,
    sums, transactions,
};

const NO_KEYS: Keys = (0, 0, 0);
const ONE: Keys = (1, 1, 1);
const SECOND: Keys = (2, 2, 1);
const TWO: Keys = (1, 2, 1);
const REST: Keys = (1, -1, 1);
const PAIRS: Keys = (1, -1, 2);

// What most commands of a kind have in common.
const READ: Flags = Flags::READ;
/// Reads a part of what is there.
const LOOK: Flags = READ.union(QUICK);
const QUICK: Flags = Flags::FAST;
/// Tells of a key, and does not use its value.
const TELL: Flags = READ.union(Flags::UNCOUNTED);
const PEEK: Flags = TELL.union(QUICK);
const WRITE: Flags = Flags::WRITE;
/// Changes a part of what is there.
const CHANGE: Flags = WRITE.union(QUICK);
const GROW: Flags = WRITE.union(Flags::GROWS);
/// Adds to what is there.
const PUT: Flags = GROW.union(QUICK);
const OVERWRITE: Flags = GROW.union(Flags::BLIND);
/// Changes several keys in one step.
const WHOLE: Flags = GROW.union(Flags::EXCLUSIVE);
const FLUSH: Flags = WRITE.union(Flags::EXCLUSIVE);
const EXEC: Flags = Flags::NOT_QUEUED.union(Flags::EXCLUSIVE);
const ADMIN: Flags = Flags::ADMIN;
const ALONE: Flags = ADMIN.union(Flags::NO_TRANSACTION);
const MONITOR: Flags = ALONE.union(Flags::UNSEEN);
const DEBUG: Flags = ADMIN.union(Flags::UNSEEN);
const MESSAGES: Flags = Flags::PUBSUB;
const PUBLISH: Flags = MESSAGES.union(QUICK);
const LISTEN: Flags = MESSAGES.union(Flags::WHILE_SUBSCRIBED).union(Flags::NO_TRANSACTION);
const PING: Flags = QUICK.union(Flags::WHILE_SUBSCRIBED);
const HELLO: Flags = QUICK.union(Flags::NO_PASSWORD).union(Flags::UNSEEN);
const LEAVE: Flags = QUICK.union(Flags::NO_PASSWORD).union(Flags::WHILE_SUBSCRIBED).union(Flags::NOT_QUEUED);
/// Runs while a transaction is queued.
const CONTROL: Flags = QUICK.union(Flags::NOT_QUEUED);

/// All commands.
pub(super) fn all() -> Vec<Command> {
    let groups: [(&str, Vec<Command>); 10] = [
        ("connection", connection()),
        ("server", server()),
        ("scripting", scripting()),
        ("string", string()),
        ("generic", generic()),
        ("hash", hash()),
        ("list", list()),
        ("pubsub", pubsub()),
        ("transaction", transaction()),
        ("host", ours()),
    ];
    let of = |(group, commands): (&'static str, Vec<Command>)| {
        commands.into_iter().map(move |command| Command { group, ..command })
    };
    groups.into_iter().flat_map(of).collect()
}

/// Name, words, flags, which words are keys, what it does, the version of Redis that had it first, and a line about it.
fn row(
    name: &'static str,
    arity: i64,
    flags: Flags,
    keys: Keys,
    run: Run,
    since: &'static str,
    summary: &'static str,
) -> Command {
    Command { number: 0, name, arity, flags, keys, run, group: "", since, summary, parts: &[] }
}

fn connection() -> Vec<Command> {
    vec![
        row("ping", -1, PING, NO_KEYS, clients::ping, "1.0.0", "Answers PONG, or the message"),
        row("echo", 2, QUICK, NO_KEYS, clients::echo, "1.0.0", "Answers the message"),
        row(
            "hello",
            -1,
            HELLO,
            NO_KEYS,
            clients::hello,
            "6.0.0",
            "Changes the protocol, gives the password, sets the name",
        ),
        row("auth", -2, HELLO, NO_KEYS, clients::auth, "1.0.0", "Gives the password"),
        row("select", 2, QUICK, NO_KEYS, clients::select, "1.0.0", "Changes the database"),
        row("quit", -1, LEAVE, NO_KEYS, clients::quit, "1.0.0", "Ends the connection"),
        row(
            "reset",
            1,
            LEAVE,
            NO_KEYS,
            clients::reset,
            "6.2.0",
            "Makes the connection as it was at its begin",
        ),
        row("client", -2, ADMIN, NO_KEYS, clients::client, "2.4.0", "Tells of connections, and ends them")
            .with(&[
                "getname", "help", "id", "info", "kill", "list", "no-evict", "reply", "setinfo", "setname",
            ]),
    ]
}

fn server() -> Vec<Command> {
    vec![
        row("command", -1, QUICK, NO_KEYS, listing::command, "2.8.13", "Tells of the commands")
            .with(&["count", "docs", "getkeys", "help", "info", "list"]),
        row("info", -1, ADMIN, NO_KEYS, info::info, "1.0.0", "Figures of the server and the host"),
        row("config", -2, ADMIN, NO_KEYS, config::config, "2.0.0", "Reads and changes settings").with(&[
            "get",
            "help",
            "resetstat",
            "set",
        ]),
        row("debug", -2, DEBUG, NO_KEYS, debug::debug, "1.0.0", "What tests of servers and clients need")
            .with(&["digest-value", "error", "help", "log", "protocol", "set-active-expire"]),
        row("time", 1, QUICK, NO_KEYS, server::time, "2.6.0", "The time of the server"),
        row("dbsize", 1, LOOK, NO_KEYS, server::dbsize, "1.0.0", "Number of keys in the database"),
        row("flushdb", -1, FLUSH, NO_KEYS, server::flushdb, "1.0.0", "Removes every key of the database"),
        row("flushall", -1, FLUSH, NO_KEYS, server::flushall, "1.0.0", "Removes every key of every database"),
        row("memory", -2, TELL, SECOND, server::memory, "4.0.0", "USAGE: what an entry counts for, bytes")
            .with(&["help", "usage"]),
        row("slowlog", -2, ADMIN, NO_KEYS, server::slowlog, "2.2.12", "The commands that took long")
            .with(&["get", "help", "len", "reset"]),
        row("monitor", 1, MONITOR, NO_KEYS, clients::monitor, "1.0.0", "Shows every command from now on"),
    ]
}

fn scripting() -> Vec<Command> {
    vec![
        row(
            "function",
            -2,
            WRITE,
            NO_KEYS,
            server::function,
            "7.0.0",
            "FLUSH: forgets all functions, of which there are none",
        )
        .with(&["flush"]),
    ]
}

fn string() -> Vec<Command> {
    vec![
        row("get", 2, LOOK.union(Flags::BRIEF), ONE, strings::get, "1.0.0", "The value of a key"),
        row(
            "set",
            -3,
            GROW.union(Flags::BRIEF),
            ONE,
            strings::set,
            "1.0.0",
            "Sets a value, with conditions and a time to live",
        ),
        row("setnx", 3, PUT, ONE, strings::setnx, "1.0.0", "Sets a value where there is none"),
        row(
            "setex",
            4,
            OVERWRITE,
            ONE,
            strings::setex,
            "2.0.0",
            "Sets a value with a time to live in seconds",
        ),
        row(
            "psetex",
            4,
            OVERWRITE,
            ONE,
            strings::psetex,
            "2.6.0",
            "Sets a value with a time to live in milliseconds",
        ),
        row(
            "getex",
            -2,
            CHANGE,
            ONE,
            strings::getex,
            "6.2.0",
            "The value of a key, whose time to live it changes",
        ),
        row("getdel", 2, CHANGE, ONE, strings::getdel, "6.2.0", "The value of a key, which it removes"),
        row("getset", 3, PUT, ONE, strings::getset, "1.0.0", "The value of a key, to which it gives another"),
        row("getrange", 4, READ, ONE, strings::getrange, "2.4.0", "A part of a value"),
        row("substr", 4, READ, ONE, strings::getrange, "1.0.0", "A part of a value"),
        row("setrange", 4, GROW, ONE, strings::setrange, "2.2.0", "Overwrites a part of a value"),
        row("mget", -2, LOOK, REST, strings::mget, "1.0.0", "The values of several keys"),
        row(
            "mset",
            -3,
            WHOLE.union(Flags::BLIND),
            PAIRS,
            strings::mset,
            "1.0.1",
            "Sets several values in one step",
        ),
        row(
            "msetnx",
            -3,
            WHOLE,
            PAIRS,
            strings::msetnx,
            "1.0.1",
            "Sets several values where there is none of them",
        ),
        row("append", 3, PUT, ONE, strings::append, "2.0.0", "Appends to a value"),
        row("strlen", 2, LOOK, ONE, strings::strlen, "2.2.0", "The length of a value"),
        row("getbit", 3, LOOK, ONE, bits::getbit, "2.2.0", "A bit of a value"),
        row("setbit", 4, GROW, ONE, bits::setbit, "2.2.0", "Sets a bit of a value"),
        row("lcs", -3, READ, TWO, sums::lcs, "7.0.0", "The longest common subsequence of two values"),
        row("incr", 2, PUT, ONE, sums::incr, "1.0.0", "Adds 1"),
        row("decr", 2, PUT, ONE, sums::decr, "1.0.0", "Takes 1 off"),
        row("incrby", 3, PUT, ONE, sums::incrby, "1.0.0", "Adds a whole number"),
        row("decrby", 3, PUT, ONE, sums::decrby, "1.0.0", "Takes a whole number off"),
        row("incrbyfloat", 3, PUT, ONE, sums::incrbyfloat, "2.6.0", "Adds a decimal number"),
    ]
}

fn generic() -> Vec<Command> {
    vec![
        row("del", -2, WRITE, REST, keys::del, "1.0.0", "Removes keys"),
        row("unlink", -2, CHANGE, REST, keys::del, "4.0.0", "Removes keys"),
        row("exists", -2, PEEK, REST, keys::exists, "1.0.0", "How many of these keys there are"),
        row("touch", -2, LOOK, REST, keys::touch, "3.2.1", "Counts as a use of these keys"),
        row("copy", -3, WHOLE, TWO, keys::copy, "6.2.0", "Copies a value to another key"),
        row("rename", 3, WHOLE, TWO, keys::rename, "1.0.0", "Gives a value another key"),
        row(
            "renamenx",
            3,
            WHOLE,
            TWO,
            keys::renamenx,
            "1.0.0",
            "Gives a value another key, where there is none",
        ),
        row("move", 3, WHOLE, ONE, keys::move_, "1.0.0", "Gives a value to another database"),
        row("type", 2, PEEK, ONE, keys::type_, "1.0.0", "What kind of value a key has"),
        row("object", -2, TELL, SECOND, keys::object, "2.2.3", "How a value is kept")
            .with(&["encoding", "freq", "help", "idletime", "refcount"]),
        row("keys", 2, READ, NO_KEYS, keys::keys, "1.0.0", "All keys that a pattern stands for"),
        row("scan", -2, READ, NO_KEYS, keys::scan, "2.8.0", "Some of the keys, and where to go on"),
        row("randomkey", 1, READ, NO_KEYS, keys::randomkey, "1.0.0", "Some key"),
        row("expire", -3, CHANGE, ONE, expiry::expire, "1.0.0", "Sets the time to live in seconds"),
        row("pexpire", -3, CHANGE, ONE, expiry::pexpire, "2.6.0", "Sets the time to live in milliseconds"),
        row(
            "expireat",
            -3,
            CHANGE,
            ONE,
            expiry::expireat,
            "1.2.0",
            "Sets the end of life, UNIX time in seconds",
        ),
        row(
            "pexpireat",
            -3,
            CHANGE,
            ONE,
            expiry::pexpireat,
            "2.6.0",
            "Sets the end of life, UNIX time in milliseconds",
        ),
        row("expiretime", 2, PEEK, ONE, expiry::expiretime, "7.0.0", "The end of life, UNIX time in seconds"),
        row(
            "pexpiretime",
            2,
            PEEK,
            ONE,
            expiry::pexpiretime,
            "7.0.0",
            "The end of life, UNIX time in milliseconds",
        ),
        row("ttl", 2, PEEK, ONE, expiry::ttl, "1.0.0", "The time to live that is left, seconds"),
        row("pttl", 2, PEEK, ONE, expiry::pttl, "2.6.0", "The time to live that is left, milliseconds"),
        row("persist", 2, CHANGE, ONE, expiry::persist, "2.2.0", "Takes the time to live away"),
    ]
}

fn hash() -> Vec<Command> {
    vec![
        row("hset", -4, PUT, ONE, hashes::hset, "2.0.0", "Sets fields"),
        row("hmset", -4, PUT, ONE, hashes::hmset, "2.0.0", "Sets fields"),
        row("hsetnx", 4, PUT, ONE, hashes::hsetnx, "2.0.0", "Sets a field where there is none"),
        row("hget", 3, LOOK, ONE, hashes::hget, "2.0.0", "The value of a field"),
        row("hmget", -3, LOOK, ONE, hashes::hmget, "2.0.0", "The values of several fields"),
        row("hgetall", 2, READ, ONE, hashes::hgetall, "2.0.0", "All fields and their values"),
        row("hkeys", 2, READ, ONE, hashes::hkeys, "2.0.0", "All fields"),
        row("hvals", 2, READ, ONE, hashes::hvals, "2.0.0", "The values of all fields"),
        row("hdel", -3, CHANGE, ONE, hashes::hdel, "2.0.0", "Removes fields"),
        row("hexists", 3, LOOK, ONE, hashes::hexists, "2.0.0", "Whether there is a field"),
        row("hlen", 2, LOOK, ONE, hashes::hlen, "2.0.0", "Number of fields"),
        row("hstrlen", 3, LOOK, ONE, hashes::hstrlen, "3.2.0", "The length of the value of a field"),
        row("hincrby", 4, PUT, ONE, hashes::hincrby, "2.0.0", "Adds a whole number to a field"),
        row("hincrbyfloat", 4, PUT, ONE, hashes::hincrbyfloat, "2.6.0", "Adds a decimal number to a field"),
        row("hscan", -3, READ, ONE, hashes::hscan, "2.8.0", "All fields, as a scan gives them"),
        row("hrandfield", -2, READ, ONE, hashes::hrandfield, "6.2.0", "Some fields, chosen at random"),
    ]
}

fn list() -> Vec<Command> {
    vec![
        row("lpush", -3, PUT, ONE, lists::lpush, "1.0.0", "Adds items before the first one"),
        row("rpush", -3, PUT, ONE, lists::rpush, "1.0.0", "Adds items behind the last one"),
        row("lpop", -2, CHANGE, ONE, lists::lpop, "1.0.0", "Takes the first items"),
        row("rpop", -2, CHANGE, ONE, lists::rpop, "1.0.0", "Takes the last items"),
        row("llen", 2, LOOK, ONE, lists::llen, "1.0.0", "Number of items"),
        row("lrange", 4, READ, ONE, lists::lrange, "1.0.0", "Some of the items"),
    ]
}

fn pubsub() -> Vec<Command> {
    vec![
        row("subscribe", -2, LISTEN, NO_KEYS, pubsub::subscribe, "2.0.0", "Listens to channels"),
        row("unsubscribe", -1, LISTEN, NO_KEYS, pubsub::unsubscribe, "2.0.0", "Stops listening to channels"),
        row(
            "psubscribe",
            -2,
            LISTEN,
            NO_KEYS,
            pubsub::psubscribe,
            "2.0.0",
            "Listens to the channels that patterns stand for",
        ),
        row(
            "punsubscribe",
            -1,
            LISTEN,
            NO_KEYS,
            pubsub::punsubscribe,
            "2.0.0",
            "Stops listening to patterns",
        ),
        row("publish", 3, PUBLISH, NO_KEYS, pubsub::publish, "2.0.0", "Sends a message to a channel"),
        row("pubsub", -2, MESSAGES, NO_KEYS, pubsub::pubsub, "2.8.0", "Who listens to what")
            .with(&["channels", "help", "numpat", "numsub"]),
    ]
}

fn transaction() -> Vec<Command> {
    vec![
        row("multi", 1, CONTROL, NO_KEYS, transactions::multi, "1.2.0", "Begins a transaction"),
        row("exec", 1, EXEC, NO_KEYS, transactions::exec, "1.2.0", "Runs the queued commands in one step"),
        row("discard", 1, CONTROL, NO_KEYS, transactions::discard, "2.0.0", "Gives the transaction up"),
        row(
            "watch",
            -2,
            CONTROL,
            REST,
            transactions::watch,
            "2.2.0",
            "EXEC runs only if these keys did not change",
        ),
        row("unwatch", 1, QUICK, NO_KEYS, transactions::unwatch, "2.2.0", "Watches nothing any more"),
    ]
}

fn ours() -> Vec<Command> {
    vec![
        row(
            "host.policy",
            -1,
            ADMIN,
            NO_KEYS,
            host::policy,
            "0.1.0",
            "The eviction policy in force, and which there are; or sets one",
        ),
        row(
            "host.profile",
            -1,
            ADMIN,
            NO_KEYS,
            host::profile,
            "0.1.0",
            "The profile, and the dials with their values and ranges",
        ),
        row("host.ledger", -1, ADMIN, NO_KEYS, host::ledger, "0.1.0", "The latest decisions, in words"),
        row("host.tick", -1, ALONE, NO_KEYS, host::tick, "0.1.0", "Holds a tick now"),
        row(
            "host.whatif",
            -1,
            ADMIN,
            NO_KEYS,
            host::whatif,
            "0.1.0",
            "What the hit ratio would be under other policies and sizes, of all keys or of a prefix",
        ),
    ]
}
