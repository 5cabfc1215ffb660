use super::*;

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

fn refusal(text: &str) -> String {
    check(&wat(text)).unwrap_err().to_string()
}

#[test]
fn a_small_component_passes() {
    check(&wat("(component (core module (func (param i32) (result i32) local.get 0)))")).unwrap();
}

/// Each component instantiates the one in it twice: two to the power of 60 instances in 2 kB.
#[test]
fn components_that_instantiate_one_another_twice_are_refused() {
    let mut text = "(component $c0)".to_owned();
    for level in 1..60 {
        let inner = level - 1;
        text.push_str(&format!(
            "(component $c{level} (alias outer 1 $c{inner} (component $in)) (instance (instantiate $in)) (instance (instantiate \
             $in)))"
        ));
    }
    let text = refusal(&format!("(component {text})"));
    assert!(
        text.contains(
            "definitions, once every component and type in it is written out, and at most 50000 are compiled"
        ),
        "{text}"
    );
}

#[test]
fn a_component_that_instantiates_what_it_is_handed_is_refused() {
    let text = "(component (component $outer (import \"c\" (component $c)) (instance (instantiate $c))))";
    assert_eq!(
        refusal(text),
        "it instantiates a component, or uses the type of an instance, that it imports or takes from an instance; the host \
         follows only those that are part of it"
    );
}

/// Each type exports two instances of the one before: two to the power of 60 resources in 2 kB.
#[test]
fn types_that_hold_one_another_twice_are_refused() {
    let mut text = "(type $t0 (instance (export \"r\" (type (sub resource)))))".to_owned();
    for level in 1..60 {
        let inner = level - 1;
        text.push_str(&format!(
            "(type $t{level} (instance (alias outer 1 $t{inner} (type $in)) (export \"a\" (instance (type $in))) (export \"b\" \
             (instance (type $in)))))"
        ));
    }
    let expected =
        "definitions, once every component and type in it is written out, and at most 50000 are compiled";
    let outermost = refusal(&format!("(component {text})"));
    assert!(outermost.contains(expected), "{outermost}");
    let nested = refusal(&format!("(component (component {text}))"));
    assert!(nested.contains(expected), "{nested}");
    let few = "(type $t (instance (export \"r\" (type (sub resource)))))";
    let imports: String = (0..10).map(|n| format!("(import \"i{n}\" (instance (type $t)))")).collect();
    check(&wat(&format!("(component {few} {imports})"))).unwrap();
}

/// As wit-component writes interfaces that share a type.
#[test]
fn a_type_that_is_taken_from_an_instance_may_be_named() {
    let text = "(component (import \"a\" (instance $a (export \"t\" (type (sub resource))))) (alias export $a \"t\" (type $t)) \
                (import \"b\" (instance (alias outer 1 $t (type $u)) (export \"t\" (type (eq $u))))))";
    check(&wat(text)).unwrap();
}

/// What a reader that calls itself does not survive.
#[test]
fn types_within_one_another_are_refused() {
    let deep = |levels: usize| {
        // An instance type with one declaration: a type.
        let mut ty = [0x42, 1, 1].repeat(levels);
        ty.extend([0x42, 0]);
        let mut section = vec![1];
        section.extend(ty);
        let mut bytes = b"\0asm\x0d\0\x01\0\x07".to_vec();
        let mut length = section.len();
        while length >= 0x80 {
            bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        bytes.push(u8::try_from(length).unwrap());
        bytes.extend(section);
        bytes
    };
    check(&deep(15)).unwrap();
    assert_eq!(
        check(&deep(300_000)).unwrap_err().to_string(),
        "it has 17 types within one another, and at most 16 are compiled"
    );
}

#[test]
fn components_within_one_another_are_refused() {
    let text = format!("{}{}", "(component ".repeat(20), ")".repeat(20));
    assert_eq!(
        refusal(&text),
        "it has 17 components and modules within one another, and at most 16 are compiled"
    );
}

#[test]
fn a_function_that_is_too_long_is_refused_and_named() {
    let module = |bytes: usize| {
        let body = "nop ".repeat(bytes);
        format!("(component (core module) (core module (import \"\" \"f\" (func)) (func) (func {body})))")
    };
    check(&wat(&module(1_000))).unwrap();
    // Locals and the end are two bytes.
    assert_eq!(
        refusal(&module(2 << 20)),
        "function 2 of its core module 1 has 2097154 bytes of code, and at most 2097152 are compiled"
    );
}

/// A few bytes each, and a thousand values moved.
#[test]
fn a_function_that_moves_too_many_values_is_refused() {
    let values = "i32 ".repeat(1_000);
    let body = "br 0 ".repeat(101);
    let text = format!("(component (core module (func (result {values}) {body})))");
    assert_eq!(
        refusal(&text),
        "function 0 of its core module 0 has 101000 values that calls and branches move, and at most 100000 are \
         compiled"
    );
}

#[test]
fn a_function_with_too_many_locals_or_blocks_is_refused() {
    let module = |locals: usize, body: &str| {
        format!("(component (core module (func (local {}) {body})))", "i32 ".repeat(locals))
    };
    assert!(refusal(&module(4_001, "")).contains("has 4001 parameters and locals, and at most 4000"));
    let nested = format!("{}{}", "block ".repeat(4_000), "end ".repeat(4_000));
    assert!(refusal(&module(0, &nested)).contains("has 4001 blocks within one another, and at most 4000"));
    let blocks = "block end ".repeat(40_001);
    assert!(refusal(&module(0, &blocks)).contains("has 40001 blocks and branches, and at most 40000"));
    let loops = "loop end ".repeat(4_001);
    assert!(refusal(&module(0, &loops)).contains("has 4001 loops, and at most 4000"));
    let nested = format!("{}{}", "loop ".repeat(201), "end ".repeat(201));
    assert!(refusal(&module(0, &nested)).contains("has 201 loops within one another, and at most 200"));
    let table = format!("i32.const 0 br_table {}", "0 ".repeat(100_002));
    assert!(refusal(&module(0, &table)).contains("has 100001 entries of branch tables, and at most 100000"));
    let joined = "block end ".repeat(4_000);
    assert!(refusal(&module(2_000, &joined)).contains("has 8000000 locals times blocks and branches"));
}

#[test]
fn a_function_with_too_many_instructions_is_refused() {
    let module = |body: &str| format!("(component (core module (func (result f64) f64.const 1 {body})))");
    let text = refusal(&module(&"f64.sqrt ".repeat(175_000)));
    assert!(text.contains("has 700002 instructions, counting four for each of float arithmetic"), "{text}");
    check(&wat(&module(&"i64.reinterpret_f64 f64.reinterpret_i64 ".repeat(175_000)))).unwrap();
}

#[test]
fn too_many_functions_are_refused() {
    let text = format!("(component (core module {}))", "(func)".repeat(150_001));
    assert_eq!(refusal(&text), "it has 150001 core functions, and at most 150000 are compiled");
}

#[test]
fn nothing_that_is_cut_or_changed_breaks_the_reader() {
    let bytes = wat(
        "(component (component $c (core module $m (func (param i32) (block (br 0)) (br_table 0 0 (i32.const 1)))) (core \
         instance (instantiate $m))) (instance (instantiate $c)))",
    );
    for end in 0..bytes.len() {
        drop(check(&bytes[..end]));
    }
    for at in 0..bytes.len() {
        for flip in [1, 0x40, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            drop(check(&changed));
        }
    }
}
