//! What can be told of a component without calling it in a run: who it is, what it is built for, what it needs.

use std::collections::BTreeSet;

use host_contract::{Dials, Grant};
use host_plugin::{Inspection, Opened, Setting, SettingKind, World, shape};
use host_profile::Settings;
use host_runtime::strategies::grants;

use super::{Findings, thousands};

/// The package of the contract, as interfaces are named.
const PACKAGE: &str = "optimizer:plugin/";

/// Looks at a component that could be opened: it is of a world and a version that this host has.
pub(super) fn look(opened: &Opened, settings: &Settings, findings: &mut Findings) {
    let inspection = opened.inspection();
    let about = &inspection.description;
    findings.sound("file", format!("{}, {}", inspection.place, inspection.digest));
    let (world, kind) = match opened {
        Opened::Strategy(_) => (World::Strategy, "a strategy"),
        Opened::Policy(_) => (World::Eviction, "an eviction policy"),
    };
    findings.sound("world", format!("{}: {kind}", inspection.world));
    findings.sound("version", version(&inspection));
    findings.sound("description", format!("{} {}: {}", about.name, about.version, about.summary));
    let most = thousands(shape::MAX_BYTES);
    findings.sound("size", format!("{} of at most {most} bytes", thousands(inspection.size_bytes)));
    compile(opened, settings, findings);
    if world == World::Strategy {
        imports(&inspection, settings, findings);
        dials(&inspection, findings);
    } else {
        findings
            .sound("imports", format!("{}: nothing that a profile would have to grant", all(&inspection)));
    }
    declared(&about.settings, findings);
}

/// The versions of the contract that its imports and exports name.
fn version(inspection: &Inspection) -> String {
    let imports = inspection.imports.iter().map(|import| import.name.as_str());
    let names = imports.chain(inspection.exports.iter().map(String::as_str));
    let versions: BTreeSet<&str> = names
        .filter_map(|name| name.strip_prefix(PACKAGE)?.split_once('@').map(|(_, version)| version))
        .collect();
    let versions: Vec<&str> = versions.into_iter().collect();
    let host = inspection.world.rsplit_once('@').map_or("", |(_, version)| version);
    if versions.is_empty() {
        return format!("names no version of the contract; the host has {host}");
    }
    format!("built for {} of the contract; the host has {host}", versions.join(" and "))
}

fn compile(opened: &Opened, settings: &Settings, findings: &mut Findings) {
    let limit = settings.plugins.compile_time;
    let Some(took) = opened.compile_time() else {
        let text = "compiled before: taken from the cache of compiled components";
        findings.sound("compile", text);
        return;
    };
    let text = format!("took {:.2} s of at most {} s", took.as_secs_f64(), limit.as_secs());
    if took > limit / 2 {
        let advice =
            "a slower machine may not manage it; build a smaller component, or raise `plugins.compile-time`";
        findings.note("compile", format!("{text}: {advice}"));
    } else {
        findings.sound("compile", text);
    }
}

/// The imports of the contract, and how many there are of WASI.
fn all(inspection: &Inspection) -> String {
    let own = inspection.imports.iter().filter(|import| import.name.starts_with(PACKAGE));
    let short = |name: &str| {
        let name = name.strip_prefix(PACKAGE).unwrap_or(name);
        name.split_once('@').map_or(name, |(name, _)| name).to_owned()
    };
    let own: Vec<String> = own.map(|import| short(&import.name)).collect();
    let others = inspection.imports.len() - own.len();
    // What holds no function is no import that anybody has to know of.
    let own: Vec<String> = own.into_iter().filter(|name| name != "types").collect();
    let mut parts = Vec::new();
    if !own.is_empty() {
        parts.push(own.join(", "));
    }
    if others > 0 {
        parts.push(format!("{others} of WASI, with nothing behind them"));
    }
    if parts.is_empty() { "none".to_owned() } else { parts.join("; ") }
}

/// The imports of a strategy, and what the profile grants.
fn imports(inspection: &Inspection, settings: &Settings, findings: &mut Findings) {
    let name = &inspection.description.name;
    let needed: BTreeSet<Grant> = inspection.grants().into_iter().collect();
    let profile = &settings.profile;
    let line = |granted: &BTreeSet<Grant>| {
        let listed: Vec<String> = granted.iter().map(|grant| format!("\"{grant}\"")).collect();
        format!("strategies.{name} = {{ grants = [{}] }}", listed.join(", "))
    };
    let Some(strategy) = settings.strategy(name) else {
        let text = format!(
            "{}; profile {profile} does not name `{name}`, and a run leaves it out: to run it, add {}",
            all(inspection),
            line(&needed)
        );
        findings.note("imports", text);
        return;
    };
    let granted = grants(strategy);
    let lacking: Vec<String> = needed.difference(&granted).map(|grant| format!("`{grant}`")).collect();
    let unused: Vec<String> = granted.difference(&needed).map(|grant| format!("`{grant}`")).collect();
    if !lacking.is_empty() {
        let line = line(&needed.union(&granted).copied().collect());
        let lacking = lacking.join(", ");
        findings.wrong("imports", format!("profile {profile} does not grant {lacking}: make it {line}"));
    } else if unused.is_empty() {
        findings.sound("imports", format!("{}: granted by profile {profile}", all(inspection)));
    } else {
        let text = format!(
            "{}: granted by profile {profile}, which also grants {}, which it does not import: leave that out",
            all(inspection),
            unused.join(", ")
        );
        findings.note("imports", text);
    }
    if !strategy.enabled {
        let advice = format!("set `strategies.{name}.enabled = true` to run it");
        findings.note("profile", format!("profile {profile} switches `{name}` off: {advice}"));
    }
}

/// The dials that a strategy declares, and whether it can reach them.
fn dials(inspection: &Inspection, findings: &mut Findings) {
    let declared = &inspection.description.dials;
    if !inspection.unknown_dials.is_empty() {
        let unknown = inspection.unknown_dials.join(", ");
        let advice = "`host plugin dials` lists those that there are; a later host may have more";
        findings.note("dials", format!("this host has no dial {unknown}: {advice}"));
    }
    let table = Dials::built_in();
    let grants = inspection.grants();
    let out_of_reach: Vec<String> = declared
        .iter()
        .filter_map(|name| table.find(name))
        .filter(|row| !grants.contains(&row.grant))
        .map(|row| format!("`{}` (needs `{}`)", row.dial, row.grant))
        .collect();
    if !out_of_reach.is_empty() {
        let dials = out_of_reach.join(", ");
        findings.note("dials", format!("declared and not imported: {dials}; leave them out of `describe`"));
    }
    let undeclared = table
        .iter()
        .filter(|row| grants.contains(&row.grant) && !declared.iter().any(|name| name == row.dial.name()));
    let undeclared: Vec<String> = undeclared.map(|row| format!("`{}`", row.dial)).collect();
    let known = declared.len() - inspection.unknown_dials.len();
    if known > 0 {
        findings.sound("dials", declared.join(", "));
    } else if !undeclared.is_empty() {
        let undeclared = undeclared.join(", ");
        findings.note(
            "dials",
            format!(
                "none declared: a proposal for {undeclared} is refused until `describe` names the dial; rules are no dial"
            ),
        );
    }
}

/// The settings that a component declares; they were checked when it was opened.
fn declared(settings: &[Setting], findings: &mut Findings) {
    if settings.is_empty() {
        findings.sound("settings", "none");
        return;
    }
    let one = |setting: &Setting| {
        let kind = match setting.kind {
            SettingKind::Text => "text",
            SettingKind::Integer => "integer",
            SettingKind::Number => "number",
            SettingKind::Boolean => "boolean",
        };
        let allowed = setting.range().unwrap_or_else(|| setting.choices.join("|"));
        let allowed = if allowed.is_empty() { allowed } else { format!(" {allowed}") };
        format!("{} ({kind}{allowed}, default {})", setting.name, setting.default)
    };
    let listed: Vec<String> = settings.iter().map(one).collect();
    findings.sound("settings", listed.join(", "));
    for setting in settings.iter().filter(|setting| setting.summary.is_empty()) {
        let advice = "say in `describe` what it does, and in what unit";
        findings.note("settings", format!("`{}` has no summary: {advice}", setting.name));
    }
}
