//! What a component imports and exports, read before anything is compiled.
//!
//! Compiling costs seconds for a big component, and a linker speaks of types rather than of what a
//! person has to do. So the names are looked at first, and most mistakes are told here. The names also say which version of
//! the contract a component is built for: the interfaces of the contract carry it, and a component of world `strategy`, whose
//! own exports carry none, imports at least `types`.

use std::collections::BTreeSet;

use host_contract::Grant;
use semver::Version;
use wasmparser::{ComponentExternalKind, ComponentTypeRef, Parser, Payload};

use crate::load_error::{Age, Label, LoadError};
use crate::versions::{self, Contract, PACKAGE, split};
use crate::world::{Target, World};
use crate::{names, shape, wasi};

/// Most names quoted in one error.
const MAX_QUOTED: usize = 12;

/// Bytes of a name that are quoted.
const MAX_NAME: usize = 128;

/// The names of a component's outermost imports and exports, in its own order, and the version that they are of.
#[derive(Debug, Clone)]
pub(crate) struct Interfaces {
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
    pub(crate) contract: &'static dyn Contract,
}

impl Interfaces {
    /// Reads the names, and refuses what is not a component of that world and of a version that this host runs.
    pub(crate) fn read(bytes: &[u8], component: &Label, world: World) -> Result<Self, LoadError> {
        refuse_other_formats(bytes, component)?;
        shape::check_length(bytes).map_err(|error| LoadError::of_shape(error, component))?;
        let Names { imports, exports } = outermost(bytes).map_err(|error| LoadError::Invalid {
            component: component.clone(),
            reason: error.to_string(),
        })?;
        let contract = contract(imports.iter().chain(&exports), component)?;
        let interfaces = Self { imports, exports, contract };
        interfaces.check_exports(component, world)?;
        interfaces.check_known(component, world)?;
        Ok(interfaces)
    }

    /// The world that a component is built for, by what it exports; a strategy's where that cannot be told.
    pub(crate) fn world(bytes: &[u8]) -> World {
        let exports = outermost(bytes).map(|names| names.exports).unwrap_or_default();
        let policies = || versions::ALL.iter().flat_map(|contract| contract.exports(World::Eviction));
        let policy = |export: &String| policies().any(|of| split(of).0 == split(export).0);
        if exports.iter().any(policy) { World::Eviction } else { World::Strategy }
    }

    /// Refuses imports that are not granted.
    pub(crate) fn check_grants(
        &self,
        name: &str,
        component: &Label,
        grants: &BTreeSet<Grant>,
    ) -> Result<(), LoadError> {
        let needed = |import: &String| self.contract.grant_for(import);
        let lacking = |import: &&String| needed(import).is_some_and(|grant| !grants.contains(&grant));
        let imports: Vec<String> = self.imports.iter().filter(lacking).cloned().collect();
        if imports.is_empty() {
            return Ok(());
        }
        let mut all = grants.clone();
        all.extend(imports.iter().filter_map(needed));
        let listed: Vec<String> = all.iter().map(|grant| format!("\"{grant}\"")).collect();
        Err(LoadError::NotGranted {
            component: component.clone(),
            name: name.to_owned(),
            imports,
            line: format!("strategies.{name} = {{ grants = [{}] }}", listed.join(", ")),
        })
    }

    /// What the linker says of a component whose names fit and whose types do not.
    pub(crate) fn mismatch(&self, error: &wasmtime::Error, world: World, component: &Label) -> LoadError {
        let reason = format!("{error:#}");
        self.later(&format!("they do not fit together: {reason}"), component, world).unwrap_or_else(|| {
            LoadError::Mismatch { component: component.clone(), world: self.target(world), reason }
        })
    }

    fn target(&self, world: World) -> Target {
        Target { world, contract: self.contract }
    }

    /// The error for what a component lacks or the host does not have, where the component is built for a later patch than
    /// the host has: then the host may be what is behind.
    fn later(&self, lacking: &str, component: &Label, world: World) -> Option<LoadError> {
        let newest = of_contract(self.imports.iter().chain(&self.exports))
            .filter(|(_, version)| *version > self.contract.version())
            .max_by(|(_, one), (_, other)| one.cmp(other));
        newest.map(|(interface, _)| LoadError::LaterPatch {
            component: component.clone(),
            world: self.target(world),
            interface: names::sanitize(interface, MAX_NAME),
            lacking: lacking.to_owned(),
        })
    }

    fn check_exports(&self, component: &Label, world: World) -> Result<(), LoadError> {
        // A patch may be another one: that the version fits was seen before.
        let same = |export: &str, name: &str| {
            let ((export, version), (name, wanted)) = (split(export), split(name));
            export == name && version.is_some() == wanted.is_some()
        };
        let target = self.target(world);
        let lacks = |name: &&&str| !self.exports.iter().any(|export| same(export, name));
        let missing: Vec<String> =
            target.exports().iter().filter(lacks).map(|name| (*name).to_owned()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let exports: Vec<String> =
            self.exports.iter().take(MAX_QUOTED).map(|name| names::sanitize(name, MAX_NAME)).collect();
        let lacking = format!("the component lacks {}", names::list(&missing));
        if let Some(error) = self.later(&lacking, component, world) {
            return Err(error);
        }
        let component = component.clone();
        let ours = |name: &String| own(name).is_some() || is_export(name);
        if self.imports.iter().chain(&self.exports).any(ours) {
            return Err(LoadError::OtherWorld { component, world: target, missing, exports });
        }
        let newest = Target { world, contract: versions::newest() };
        Err(LoadError::Foreign { component, world: newest, exports })
    }

    fn check_known(&self, component: &Label, world: World) -> Result<(), LoadError> {
        let unknown = || self.imports.iter().filter(|import| !self.known(import, world));
        if unknown().next().is_none() {
            return Ok(());
        }
        let new = |import: &String| {
            let (name, version) = split(import);
            own(name).is_some() && version.is_some() && self.contract.grant_for(import).is_none()
        };
        if unknown().all(new) {
            let quoted = unknown().take(MAX_QUOTED).map(|import| names::sanitize(import, MAX_NAME));
            let lacking = format!("lacks {}", names::list(quoted));
            if let Some(error) = self.later(&lacking, component, world) {
                return Err(error);
            }
        }
        let imports: Vec<String> =
            unknown().take(MAX_QUOTED).map(|import| self.quoted(import, world)).collect();
        Err(LoadError::UnknownImports { component: component.clone(), world: self.target(world), imports })
    }

    fn known(&self, import: &str, world: World) -> bool {
        let (name, version) = split(import);
        let Some(interface) = own(name) else {
            return wasi::behind(name).is_some()
                && version.is_some_and(|v| v.major == 0 && v.minor == 2 && v.pre.is_empty());
        };
        // One that names no version cannot be linked.
        version.is_some()
            && match self.contract.grant_for(import) {
                // A policy decides by what it is told, and by nothing else.
                Some(grant) => world == World::Strategy || matches!(grant, Grant::Settings | Grant::Log),
                None => interface == "types",
            }
    }

    /// An import the host does not have, with what it has instead where only the version differs.
    fn quoted(&self, import: &str, world: World) -> String {
        let (name, version) = split(import);
        let sanitized = names::sanitize(import, MAX_NAME);
        let grant = self.contract.grant_for(import);
        if let Some(interface) = grant.and_then(|grant| self.contract.interface_of(grant)) {
            match (world, version) {
                (World::Eviction, Some(_)) => format!("`{sanitized}` (for strategies only)"),
                _ => format!("`{sanitized}` (the host has `{interface}`)"),
            }
        } else if wasi::behind(name).is_some() {
            format!("`{sanitized}` (the host has WASI 0.2)")
        } else {
            format!("`{sanitized}`")
        }
    }
}

/// The name of an interface of the contract in its package; none of another package.
fn own(interface: &str) -> Option<&str> {
    interface.strip_prefix(PACKAGE)?.strip_prefix('/')
}

/// Whether a component of any world of any version exports this.
fn is_export(name: &str) -> bool {
    let worlds = [World::Strategy, World::Eviction];
    worlds.iter().any(|world| versions::ALL.iter().any(|contract| contract.exports(*world).contains(&name)))
}

/// The names that are of the contract, with their versions.
fn of_contract<'a>(names: impl Iterator<Item = &'a String>) -> impl Iterator<Item = (&'a str, Version)> {
    names.filter_map(|name| {
        let (interface, version) = split(name);
        own(interface)?;
        Some((name.as_str(), version?))
    })
}

/// The version that a component with these names is built for.
///
/// One that names no version is taken for one of the oldest: whether its types fit is seen when it is linked.
fn contract<'a>(
    names: impl Iterator<Item = &'a String>,
    component: &Label,
) -> Result<&'static dyn Contract, LoadError> {
    let named: Vec<(&str, Version)> = of_contract(names).collect();
    let quoted = |interface: &str| names::sanitize(interface, MAX_NAME);
    let minor = |version: &Version| (version.major, version.minor);
    let two = named.iter().zip(named.iter().skip(1)).find(|((_, a), (_, b))| minor(a) != minor(b));
    if let Some(((one, _), (other, _))) = two {
        let component = component.clone();
        return Err(LoadError::TwoVersions { component, one: quoted(one), other: quoted(other) });
    }
    let mut contract = versions::oldest();
    for (interface, version) in &named {
        let Some(found) = versions::find(version) else {
            let age = if *version > versions::newest().version() { Age::TooNew } else { Age::TooOld };
            let component = component.clone();
            return Err(LoadError::OtherVersion { component, interface: quoted(interface), age });
        };
        contract = found;
    }
    Ok(contract)
}

fn refuse_other_formats(bytes: &[u8], component: &Label) -> Result<(), LoadError> {
    let component = component.clone();
    if bytes.is_empty() {
        return Err(LoadError::Empty { component });
    }
    if Parser::is_core_wasm(bytes) {
        return Err(LoadError::CoreModule { component });
    }
    if Parser::is_component(bytes) {
        return Ok(());
    }
    let start = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    let text = bytes.trim_ascii_start();
    let advice = if text.starts_with(b"(component") || text.starts_with(b"(module") {
        ". It is WebAssembly text: `wasm-tools parse FILE -o FILE.wasm` turns it into binary"
    } else if bytes.starts_with(b"\0asm") {
        ". It is WebAssembly of another binary version: build it with a current toolchain"
    } else if bytes.starts_with(b"\x7fELF") {
        ". It is native code: build it with `cargo build --release --target wasm32-wasip2`"
    } else {
        ". Put only components in the plugin directory"
    };
    Err(LoadError::NotWasm { component, start, advice })
}

/// The names of a component's outermost imports and exports.
struct Names {
    imports: Vec<String>,
    exports: Vec<String>,
}

fn outermost(bytes: &[u8]) -> wasmparser::Result<Names> {
    let mut names = Names { imports: Vec::new(), exports: Vec::new() };
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let import = import?;
                    // A world that uses types of an interface imports each of them by name: no capability.
                    if !matches!(import.ty, ComponentTypeRef::Type(_)) {
                        names.imports.push(import.name.name.to_owned());
                    }
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let export = export?;
                    if export.kind != ComponentExternalKind::Type {
                        names.exports.push(export.name.name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    Ok(names)
}
