use super::*;

crate::settings! {
    /// One of each type.
    struct Every {
        /// A share
        margin: f64 = 0.25 in 0.0..=1.0,
        /// Ticks
        dwell_ticks: u64 = 4 in 1..=10,
        /// Requests
        least: u32 = 2 in 1..,
        /// An offset
        offset: i64 = -3,
        /// A switch
        is_on: bool = true,
        /// A name
        favourite: String = "lru",
        /// What to save
        saves: String = "time" in ["time", "memory"],
    }
}

fn read_with(name: &'static str, value: &'static str) -> Result<Every, TickError> {
    Every::read(move |key: &str| (key == name).then(|| value.to_owned()))
}

fn expected(name: &'static str, value: &'static str) -> String {
    match read_with(name, value) {
        Err(TickError::BadSetting((key, expected))) if key == name => expected,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_declaration_has_names_kinds_defaults_and_what_is_allowed() {
    let declared: Vec<String> = Every::declare()
        .iter()
        .map(|s| {
            let (name, kind, default, summary) = (&s.name, s.kind, &s.default, &s.summary);
            format!("{name} {kind:?} {default} {:?} {:?} {:?} {summary}", s.minimum, s.maximum, s.choices)
        })
        .collect();
    let expected = [
        "margin SettingKind::Number 0.25 Some(0.0) Some(1.0) [] A share",
        "dwell-ticks SettingKind::Integer 4 Some(1.0) Some(10.0) [] Ticks",
        "least SettingKind::Integer 2 Some(1.0) None [] Requests",
        "offset SettingKind::Integer -3 None None [] An offset",
        "is-on SettingKind::Boolean true None None [] A switch",
        "favourite SettingKind::Text lru None None [] A name",
        "saves SettingKind::Text time None None [\"time\", \"memory\"] What to save",
    ];
    assert_eq!(declared, expected);
}

#[test]
fn what_the_profile_does_not_give_has_its_default() {
    assert_eq!(Every::read(|_: &str| None).unwrap(), Every::default());
}

#[test]
fn what_it_gives_is_read_by_type() {
    assert_eq!(read_with("dwell-ticks", " 7 ").unwrap().dwell_ticks, 7);
    assert_eq!(read_with("margin", "0.5").unwrap().margin, 0.5);
    assert!(!read_with("is-on", "false").unwrap().is_on);
    assert_eq!(read_with("favourite", "arc").unwrap().favourite, "arc");
    assert_eq!(read_with("saves", "memory").unwrap().saves, "memory");
}

#[test]
fn what_does_not_fit_is_named_with_what_was_expected() {
    assert_eq!(expected("dwell-ticks", "11"), "a whole number from 1 to 10, not `11`");
    assert_eq!(expected("dwell-ticks", "-1"), "a whole number from 1 to 10, not `-1`");
    assert_eq!(expected("least", "0"), "a whole number from 1, not `0`");
    assert_eq!(expected("margin", "NaN"), "a number from 0 to 1, not `NaN`");
    assert_eq!(expected("offset", "a lot"), "a whole number, not `a lot`");
    assert_eq!(expected("is-on", "yes"), "true or false, not `yes`");
    assert_eq!(expected("saves", "paper"), "a text: time, memory, not `paper`");
}
