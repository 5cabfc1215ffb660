use super::*;
use crate::digest::Digest;

fn raw() -> Description {
    Description {
        name: "cache-policy".to_owned(),
        version: "1.2.3".to_owned(),
        summary: "Chooses a policy.".to_owned(),
        dials: ["cache-policy", "cache-policy", "cache-tiers"].map(str::to_owned).to_vec(),
        settings: vec![
            declared("margin", SettingKind::Number, "0.01"),
            declared("dwell", SettingKind::Integer, "10"),
            declared("eager", SettingKind::Boolean, "false"),
            Setting {
                minimum: Some(1.0),
                maximum: Some(10.0),
                ..declared("hold-ticks", SettingKind::Integer, "4")
            },
            Setting {
                choices: vec!["time".to_owned(), "memory".to_owned()],
                ..declared("saves", SettingKind::Text, "time")
            },
        ],
    }
}

fn declared(name: &str, kind: SettingKind, default: &str) -> Setting {
    Setting {
        name: name.to_owned(),
        summary: String::new(),
        kind,
        default: default.to_owned(),
        minimum: None,
        maximum: None,
        choices: Vec::new(),
    }
}

fn label() -> Label {
    Label { place: "x.wasm".to_owned(), digest: Digest::of(b"") }
}

fn refusal(change: impl FnOnce(&mut Description)) -> String {
    let mut raw = raw();
    change(&mut raw);
    Description::check(raw, &label()).unwrap_err().to_string()
}

fn setting_refusal(name: &str, value: &str) -> String {
    let given = BTreeMap::from([(name.to_owned(), value.to_owned())]);
    let description = Description::check(raw(), &label()).unwrap();
    description.check_settings(&given, &label()).unwrap_err().to_string()
}

#[test]
fn a_good_description_is_read() {
    let read = Description::check(raw(), &label()).unwrap();
    assert_eq!(read.dials, ["cache-policy", "cache-tiers"]);
    assert_eq!(read.settings.len(), 5);
    assert_eq!(read.settings[3].range().as_deref(), Some("from 1 to 10"));
}

#[test]
fn a_dial_of_a_later_host_is_tolerated_and_told() {
    let read = Description::check(raw(), &label()).unwrap();
    assert_eq!(read.unknown_dials(&Dials::built_in()).collect::<Vec<_>>(), ["cache-tiers"]);
    assert!(refusal(|d| d.dials = vec!["Cache TTL".to_owned()]).contains("the name of dial `Cache TTL`"));
    assert!(refusal(|d| d.dials = vec!["a".to_owned(); 65]).contains("65 dials"));
}

#[test]
fn nonsense_is_refused_and_named() {
    assert_eq!(
        refusal(|d| d.name = "Cache Policy".to_owned()),
        "x.wasm (blake3:af1349b9f5f9): bad description: name `Cache Policy` holds `C`: only lower-case \
         letters, digits and `-` are allowed; a name is for example `cache-policy` or `tuner-2`. The component's `describe` has to change"
    );
    assert!(refusal(|d| d.name.clear()).contains("name `` is empty"));
    assert!(refusal(|d| d.name = "a".repeat(65)).contains("has 65 bytes, at most 64 are allowed"));
    assert!(refusal(|d| d.version = "new".to_owned()).contains("version `new`"));
    assert!(refusal(|d| d.summary = "\u{1b}[2J".to_owned()).contains("control character"));
    assert!(refusal(|d| d.summary = "x".repeat(257)).contains("summary has 257 bytes"));
    assert!(refusal(|d| d.settings = vec![declared("a", SettingKind::Text, ""); 65]).contains("65 settings"));
    assert!(
        refusal(|d| d.settings.push(declared("dwell", SettingKind::Text, ""))).contains("declared twice")
    );
    assert!(
        refusal(|d| d.settings.push(declared("a", SettingKind::Number, "NaN")))
            .contains("the default of setting `a` is `NaN`, expected a number such as `0.5`")
    );
    let limited = |minimum| Setting { minimum: Some(minimum), ..declared("a", SettingKind::Integer, "4") };
    assert!(
        refusal(|d| d.settings = vec![limited(5.0)])
            .contains("the default of setting `a` is `4`, expected a whole number from 5")
    );
    assert!(refusal(|d| d.settings = vec![limited(f64::NAN)]).contains("not a finite number"));
}

#[test]
fn settings_are_checked_against_what_is_declared() {
    let given: BTreeMap<_, _> = [("margin", "0.05"), ("dwell", "-3"), ("eager", "true")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    Description::check(raw(), &label()).unwrap().check_settings(&given, &label()).unwrap();

    assert_eq!(
        setting_refusal("margn", "1"),
        "x.wasm (blake3:af1349b9f5f9): strategy `cache-policy` has no setting `margn` (did you mean `margin`?); \
         it has `margin`, `dwell`, `eager`, `hold-ticks`, `saves`. Change the profile"
    );
    assert_eq!(
        setting_refusal("dwell", "1.5"),
        "x.wasm (blake3:af1349b9f5f9): strategy `cache-policy`: setting `dwell` is `1.5`, expected a whole number \
         such as `10`. Change the profile"
    );
    assert!(setting_refusal("margin", "inf").contains("expected a number"));
    assert!(setting_refusal("eager", "yes").contains("expected `true` or `false`"));
    assert!(setting_refusal("hold-ticks", "11").contains("`11`, expected a whole number from 1 to 10"));
    assert!(setting_refusal("saves", "paper").contains("`paper`, expected one of `time`, `memory`"));
}

#[test]
fn underscores_and_hyphens_are_one_in_a_setting() {
    let description = Description::check(raw(), &label()).unwrap();
    let given = |names: &[&str]| names.iter().map(|n| ((*n).to_owned(), "5".to_owned())).collect();
    let checked = description.check_settings(&given(&["hold_ticks"]), &label()).unwrap();
    assert_eq!(checked, given(&["hold-ticks"]));
    let twice = description.check_settings(&given(&["hold_ticks", "hold-ticks"]), &label()).unwrap_err();
    assert!(twice.to_string().contains("expected one spelling"), "{twice}");
}
