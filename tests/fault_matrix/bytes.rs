//! Files for the matrix: strategies in WebAssembly text, and bytes that are none.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;

use crate::support::{bad_policy, components};

/// What is put into the plugin directory.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content {
    /// A component of `tests/components`.
    Built(&'static str),
    /// A strategy of the row's name that runs these instructions in each tick from the second on.
    Ticks(&'static str),
    /// A component in text.
    Text(&'static str),
    /// Another strategy than the file was, which does nothing wrong.
    Renamed(&'static str),
    /// The strategy of the row's name with other bytes than before, which does nothing wrong.
    Changed,
    /// `bad-policy` with the number of a misdeed.
    Policy(u8),
    /// The first half of a component.
    Half,
    /// Bytes from a seed.
    Random,
    /// Components that instantiate one another twice, 60 levels deep: 2 kB of file.
    Doubling,
    /// A strategy with a function that takes long to compile.
    Tangle,
    /// A strategy of 199 MB, of which the disk keeps no more than its head.
    Sparse,
}

impl Content {
    /// Writes the file in one step, as a careful copy does.
    pub(crate) fn put(self, name: &str, path: &Path) {
        let beside = path.with_extension("new");
        match self {
            Self::Built(built) => drop(fs::copy(&components()[built], &beside).unwrap()),
            Self::Ticks(instructions) => fs::write(&beside, strategy(name, instructions)).unwrap(),
            Self::Text(text) => fs::write(&beside, wat::parse_str(text).unwrap()).unwrap(),
            Self::Renamed(other) => fs::write(&beside, strategy(other, "")).unwrap(),
            Self::Changed => fs::write(&beside, strategy(name, "nop")).unwrap(),
            Self::Policy(misdeed) => fs::write(&beside, bad_policy(misdeed)).unwrap(),
            Self::Half => {
                let whole = fs::read(&components()["drop-in"]).unwrap();
                fs::write(&beside, &whole[..whole.len() / 2]).unwrap();
            }
            Self::Random => fs::write(&beside, random(100_000)).unwrap(),
            Self::Doubling => fs::write(&beside, doubling()).unwrap(),
            Self::Tangle => fs::write(&beside, tangle(name)).unwrap(),
            Self::Sparse => {
                let mut bytes = strategy(name, "");
                // A custom section of 199,000,000 bytes, and of name `n`.
                bytes.extend([0, 0xc0, 0xff, 0xf1, 0x5e, 1, b'n']);
                fs::write(&beside, &bytes).unwrap();
                let length = u64::try_from(bytes.len()).unwrap() + 199_000_000 - 2;
                File::options().write(true).open(&beside).unwrap().set_len(length).unwrap();
            }
        }
        fs::rename(beside, path).unwrap();
    }
}

fn random(count: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(count).collect()
}

fn doubling() -> Vec<u8> {
    let mut text = "(component (component $c0)".to_owned();
    for level in 1..60 {
        let inner = level - 1;
        write!(
            text,
            "(component $c{level} (alias outer 1 $c{inner} (component $in)) (instance (instantiate $in)) \
             (instance (instantiate $in)))"
        )
        .unwrap();
    }
    text.push_str(
        r#"(core module $m (func (export "f"))) (core instance $i (instantiate $m))
        (func $f (canon lift (core func $i "f"))) (export "describe" (func $f)) (export "tick" (func $f)))"#,
    );
    wat::parse_str(text).unwrap()
}

/// Functions of loops within which every variable may change: a compiler has to follow each through all of them. Each function is
/// within what is compiled.
fn tangle(name: &str) -> Vec<u8> {
    const FUNCTIONS: usize = 20;
    const VARIABLES: usize = 400;
    const LOOPS: usize = 2_000;
    let mut functions = String::new();
    for _ in 0..FUNCTIONS {
        write!(functions, "(func (param i32) (local{})", " i64".repeat(VARIABLES)).unwrap();
        for number in 0..LOOPS {
            let (one, other) = (number * 7_919 % VARIABLES + 1, number * 104_729 % VARIABLES + 1);
            write!(
                functions,
                "(loop (local.set {one} (i64.add (local.get {one}) (local.get {other}))) (br_if 0 (local.get 0)))"
            )
            .unwrap();
        }
        functions.push(')');
    }
    with_functions(name, "", &functions)
}

/// A strategy of this name without imports. From tick 2 on it runs these instructions, which may use the table `$t`.
pub(crate) fn strategy(name: &str, instructions: &str) -> Vec<u8> {
    with_functions(name, instructions, "")
}

/// The same with further functions, which nobody calls.
fn with_functions(name: &str, instructions: &str, functions: &str) -> Vec<u8> {
    // The record that `describe` answers: name, version and summary as place and length, and two empty lists. The answer of
    // `tick` is in bytes that are zero.
    let place = |at: u8, length: usize| {
        let length = u8::try_from(length).unwrap();
        format!("\\{at:02x}\\00\\00\\00\\{length:02x}\\00\\00\\00")
    };
    let record = [place(96, name.len()), place(80, 5), place(96, name.len())].concat();
    let text = format!(
        r#"(component
            (import "optimizer:plugin/types@0.1.0" (instance $types
                (type $a (enum "text" "integer" "number" "boolean"))
                (export "setting-kind" (type $kind (eq $a)))
                (type $b (record (field "name" string) (field "summary" string) (field "kind" $kind)
                    (field "default" string) (field "minimum" (option f64)) (field "maximum" (option f64))
                    (field "choices" (list string))))
                (export "setting" (type $setting (eq $b)))
                (type $c (record (field "name" string) (field "version" string) (field "summary" string)
                    (field "dials" (list string)) (field "settings" (list $setting))))
                (export "description" (type (eq $c)))
                (type $d (record (field "tick" u64) (field "now-ns" u64) (field "elapsed-ns" u64)))
                (export "tick-info" (type (eq $d)))
                (type $e (variant (case "bad-setting" (tuple string string)) (case "other" string)))
                (export "tick-error" (type (eq $e)))))
            (alias export $types "description" (type $description))
            (alias export $types "tick-info" (type $info))
            (alias export $types "tick-error" (type $error))
            (core module $module
                (memory (export "memory") 1)
                (table $t 1 funcref)
                (func (export "describe") (result i32) i32.const 16)
                (func (export "tick") (param i64 i64 i64) (result i32)
                    (if (i64.ge_u (local.get 0) (i64.const 2)) (then {instructions}))
                    i32.const 256)
                {functions}
                (data (i32.const 16) "{record}")
                (data (i32.const 80) "0.1.0")
                (data (i32.const 96) "{name}"))
            (core instance $i (instantiate $module))
            (func (export "describe") (result $description)
                (canon lift (core func $i "describe") (memory $i "memory")))
            (func (export "tick") (param "info" $info) (result (result (error $error)))
                (canon lift (core func $i "tick") (memory $i "memory"))))"#
    );
    wat::parse_str(text).unwrap()
}
