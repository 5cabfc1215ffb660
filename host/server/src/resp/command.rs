//! The table of commands, and how one is found in it.

mod table;

use std::sync::LazyLock;

use bitflags::bitflags;
use hashbrown::HashMap;

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
        /// What it reads counts as no request.
        const UNCOUNTED = 1 << 12;
        /// It overwrites whatever there was.
        const BLIND = 1 << 13;
        /// It is called often, and its time depends on nothing but the bytes of its request and its reply.
        const BRIEF = 1 << 14;
    }
}

/// Which words are keys: the first one, the last one (below zero: from the end), and the step; zeros where none are.
pub(super) type Keys = (i64, i64, i64);

/// What a command does.
pub(super) type Run = for<'a, 'b> fn(&'a mut Context<'b>, &'a [&'a [u8]]) -> Done;

/// A command.
pub(super) struct Command {
    number: usize,
    pub(super) name: &'static str,
    /// Words, its name included; below zero: at least so many.
    pub(super) arity: i64,
    pub(super) flags: Flags,
    pub(super) keys: Keys,
    pub(super) run: Run,
    pub(super) group: &'static str,
    pub(super) since: &'static str,
    pub(super) summary: &'static str,
    /// What its second word can be, where that chooses what it does.
    pub(super) parts: &'static [&'static str],
}

impl Command {
    /// Its number in the table.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// The same, whose second word is one of these.
    fn with(self, parts: &'static [&'static str]) -> Self {
        Self { parts, ..self }
    }

    /// The keys among the words of a call.
    pub(super) fn keys_of<'w>(&self, words: &'w [&'w [u8]]) -> impl Iterator<Item = &'w [u8]> {
        let (first, last, step) = self.keys;
        let place = |at: i64| usize::try_from(at).unwrap_or(0);
        let behind = if last < 0 { words.len().saturating_sub(place(-last - 1)) } else { place(last) + 1 };
        let keys = if first > 0 { words.get(place(first)..behind.min(words.len())) } else { None };
        keys.unwrap_or_default().iter().copied().step_by(place(step).max(1))
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
    let mut commands = table::all();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_found_by_its_name_in_either_case() {
        for command in commands() {
            assert!(command.name.len() < LONGEST);
            assert_eq!(
                find(command.name.to_uppercase().as_bytes()).map(|found| found.number),
                Some(command.number)
            );
        }
        assert!(find(b"nothing").is_none() && find(&[b'a'; 100]).is_none() && find(b"").is_none());
    }

    #[test]
    fn keys_are_found_among_the_words() {
        let keys = |call: &str| -> Vec<String> {
            let words: Vec<&[u8]> = call.split(' ').map(str::as_bytes).collect();
            let keys = find(words[0]).unwrap().keys_of(&words);
            keys.map(|key| String::from_utf8_lossy(key).into_owned()).collect()
        };
        for (call, found) in [
            ("get a", "a"),
            ("mset a 1 b 2", "a b"),
            ("lcs a b len", "a b"),
            ("del a b c", "a b c"),
            ("memory usage a", "a"),
            ("memory help", ""),
            ("ping a", ""),
        ] {
            assert_eq!(keys(call).join(" "), found, "{call}");
        }
    }

    #[test]
    fn arity_is_of_all_words() {
        let (get, set) = (find(b"get").unwrap(), find(b"set").unwrap());
        assert!(get.takes(2) && !get.takes(1) && !get.takes(3));
        assert!(!set.takes(2) && set.takes(3) && set.takes(9));
    }
}
