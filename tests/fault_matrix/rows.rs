//! The rows of the matrix.

use super::bytes::Content::{
    self, Built, Changed, Doubling, Half, Policy, Random, Renamed, Sparse, Tangle, Text, Ticks,
};
use super::expected::{Kind, Row};

const CONTROL: &str = r#""cache-control", "executor-control", "prefetch-control", "log""#;

/// As much as a million calls take.
pub(crate) const MUCH: &[&str] = &["limits.fuel=50000000000"];

const fn policy(fault: &'static str, misdeed: u8, text: &'static str) -> Row {
    Row::new(fault, "bad-policy", Kind::Policy, Policy(misdeed), text)
}

const fn broken(fault: &'static str, name: &'static str, content: Content, text: &'static str) -> Row {
    Row::new(fault, name, Kind::Broken, content, text)
}

const fn fails(fault: &'static str, name: &'static str, content: Content, text: &'static str) -> Row {
    Row::new(fault, name, Kind::Fails, content, text)
}

/// All of them.
pub(crate) const ROWS: &[Row] = &[
    fails(
        "infinite loop",
        "loop-forever",
        Built("loop-forever"),
        "ran out of fuel after 50000000 units; raise `strategies.loop-forever.limits.fuel` if it needs more",
    ),
    fails(
        "unbounded allocation",
        "allocate-forever",
        Built("allocate-forever"),
        "asked for more memory than its limit of 16000000 bytes; raise `strategies.allocate-forever.limits.memory` if it \
         needs more",
    )
    .set(&["limits.memory=16MB"]),
    fails(
        "table growth",
        "table-growth",
        // As a runtime does that gets no memory.
        Ticks(
            "(loop (br_if 0 (i32.ne (table.grow $t (ref.null func) (i32.const 10000)) (i32.const -1)))) unreachable",
        ),
        "asked for more table elements than its limit of 262144; raise `strategies.table-growth.limits.table-elements` if \
         it needs more",
    ),
    fails("deep recursion", "recurse-forever", Built("recurse-forever"), "trapped: call stack exhausted: recursion too deep"),
    fails("trap", "trap", Ticks("unreachable"), "trapped: wasm `unreachable` instruction executed"),
    fails(
        "panic",
        "panics",
        Built("panics"),
        "trapped: panicked at panics/src/lib.rs:...: tick ... is more than this strategy can bear ...",
    ),
    fails("returned error", "bad-answer", Built("bad-answer"), "answered: no idea what to do at tick 2"),
    Row::new(
        "NaN and out-of-range values",
        "nonsense",
        Kind::Bounded,
        Built("nonsense"),
        "nonsense: ... clamped...refused; first: ...",
    )
    .granted(CONTROL),
    Row::new(
        "1,000,000 proposals in a tick",
        "million-proposals",
        Kind::Bounded,
        Built("million-proposals"),
        "999744 more proposals of one tick refused: 256 are heard; raise `strategies.million-proposals.limits.proposals` to \
         be heard more",
    )
    .granted(CONTROL)
    .set(MUCH),
    Row::new(
        "1,000,000 log lines in a tick",
        "million-lines",
        Kind::Bounded,
        Built("million-lines"),
        "999936 more messages of this tick were dropped: 64 are kept; raise `strategies.million-lines.limits.log-lines` to \
         keep more",
    )
        .granted(CONTROL)
        .set(MUCH),
    Row::new(
        "100,000 keys of learnt state",
        "state-flood",
        Kind::Bounded,
        Built("state-flood"),
        "not all that it has learnt is kept: at most 64 keys are kept; raise `strategies.state-flood.limits.state-keys` to \
         keep more",
    )
    .granted("\"settings\", \"state\"")
    .set(MUCH),
    fails(
        "giant strings and lists",
        "giant-values",
        Built("giant-values"),
        "trapped: too much data is being copied between the host and the guest: ...",
    )
    .granted(CONTROL)
    .set(MUCH),
    policy("victims: too few", 3, "it made too little room for slot ..."),
    policy("victims: one twice", 4, "it evicted slot ..., which is not resident then"),
    policy("victims: an unknown slot", 5, "it named slot 4000000, which there is not"),
    policy("victims: one not resident", 6, "it evicted slot ..."),
    policy("victims: lists of other lengths", 7, "its victims and their events do not fit together"),
    broken(
        "never answers `describe`",
        "loops-in-describe",
        Built("loops-in-describe"),
        "loops-in-describe.wasm: failed at its start, before the first tick: ran out of fuel after 500000000 units; raise \
         `limits.fuel` if it needs more",
    ),
    broken(
        "another description each time",
        "two-faced",
        Built("two-faced"),
        "two-faced.wasm: bad description: it describes itself differently each time it is asked. The component's \
         `describe` has to change",
    ),
    Row::new(
        "another name than before",
        "first-name",
        Kind::Nobody,
        Renamed("second-name"),
        "strategies.first-name: no strategy of that name...",
    )
    .reloaded("first-name.wasm: `second-name` is not started, because no profile switches it on; first-name goes on as \
         it was"),
    broken(
        "changed digest",
        "pinned",
        Changed,
        "pinned.wasm: not the `pinned` that is pinned: flag --set: strategies.pinned.sha256: expected sha256 ..., found \
         .... If the change is meant, set the key to the digest that was found; otherwise put the file back",
    ),
    broken("truncated file", "truncated", Half, "truncated.wasm: not a valid component: ..."),
    broken(
        "random bytes",
        "random",
        Random,
        "random.wasm: not a WebAssembly file: it starts with ..., a component starts with 00 61 73 6d 0d 00 01 00. Put \
         only components in the plugin directory",
    ),
    broken(
        "core module",
        "core-module",
        Text("(module)"),
        "core-module.wasm: a core module, and the host runs components. ...",
    ),
    broken(
        "wrong world",
        "wrong-world",
        Text(
            r#"(component (import "optimizer:plugin/log@0.1.0" (instance))
            (instance $i) (export "optimizer:plugin/admission@0.1.0" (instance $i)))"#,
        ),
        "wrong-world.wasm: a component of another world: a strategy exports `describe` and `tick`, this one lacks ...",
    ),
    broken(
        "component of something else",
        "foreign",
        Text(r#"(component (instance $i) (export "wasi:cli/run@0.2.0" (instance $i)))"#),
        "foreign.wasm: not a component for this host: it imports and exports nothing of optimizer:plugin, ...",
    ),
    broken(
        "later contract version",
        "too-new",
        Text(r#"(component (import "optimizer:plugin/metrics@0.2.0" (instance)))"#),
        "too-new.wasm: too new for this host: ... Upgrade the host, or use an older version of the component",
    ),
    broken(
        "later patch of the contract",
        "later-patch",
        Text(
            r#"(component (import "optimizer:plugin/session-control@0.1.1" (instance))
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (export "describe" (func $f))
            (export "tick" (func $f)))"#,
        ),
        "later-patch.wasm: too new for this host: ... Upgrade the host, or build the component for 0.1.0",
    ),
    broken(
        "earlier contract version",
        "too-old",
        Text(r#"(component (import "optimizer:plugin/types@0.0.9" (instance)))"#),
        "too-old.wasm: too old for this host: ... Rebuild the component with the SDK for 0.1.0, which is the host's `wit/` \
         directory, or ask its author for a newer one",
    ),
    broken(
        "two contract versions in one",
        "two-versions",
        Text(
            r#"(component (import "optimizer:plugin/types@0.1.0" (instance))
            (import "optimizer:plugin/log@0.2.0" (instance)))"#,
        ),
        "two-versions.wasm: built for two versions of optimizer:plugin at once: ... Build all that it is made of with the SDK \
         for one of them; ...",
    ),
    broken(
        "missing import",
        "missing-import",
        Text(
            r#"(component (import "wasi:http/outgoing-handler@0.2.0" (instance))
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (export "describe" (func $f))
            (export "tick" (func $f)))"#,
        ),
        "missing-import.wasm: imports what this host does not have: `wasi:http/outgoing-handler@0.2.0`. ...",
    ),
    broken(
        "ungranted import",
        "chatty",
        Built("chatty"),
        "chatty.wasm: strategy `chatty` imports `optimizer:plugin/cache-control@0.1.0`, `optimizer:plugin/log@0.1.0`, \
         which the profile does not grant. Add to the profile: strategies.chatty = ...",
    ),
    broken(
        "compile bomb",
        "compile-bomb",
        Doubling,
        "compile-bomb.wasm: ... definitions, once every component and type in it is written out, and at most 50000 are \
         compiled. No key of a profile changes that: a smaller component has to be built",
    ),
    broken(
        "compile bomb of ordinary shape",
        "compile-tangle",
        Tangle,
        "compile-tangle.wasm: takes longer than 2 s to compile; raise `plugins.compile-time` in the profile if it is meant to",
    )
    .of_host(&["plugins.compile-time=2s"]),
    broken(
        "file of 200 MB",
        "large",
        Sparse,
        "large.wasm: it has 100663297 bytes, and at most 100663296 are compiled. No key of a profile changes that: a smaller \
         component has to be built",
    ),
];
