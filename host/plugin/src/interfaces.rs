//! What a component imports and exports, read before anything is compiled.
//!
//! Compiling costs seconds for a big component, and a linker speaks of types rather than of what a
//! person has to do. So the names are looked at first, and most mistakes are told here.

use std::collections::BTreeSet;

use host_contract::Grant;
use semver::Version;
use wasmparser::{ComponentExternalKind, ComponentTypeRef, Parser, Payload};

use crate::imports;
use crate::load_error::{Age, Label, LoadError};
use crate::world::{PACKAGE, World};
use crate::{names, shape, wasi};

/// Most names quoted in one error.
const MAX_QUOTED: usize = 12;

/// The names of a component's outermost imports and exports, in its own order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interfaces {
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
}

impl Interfaces {
    /// Reads the names, and refuses what is not a component of that world and of the host's version.
    pub(crate) fn read(bytes: &[u8], component: &Label, world: World) -> Result<Self, LoadError> {
        refuse_other_formats(bytes, component)?;
        shape::check_length(bytes).map_err(|error| LoadError::of_shape(error, component))?;
        let interfaces = outermost(bytes).map_err(|error| LoadError::Invalid {
            component: component.clone(),
            reason: error.to_string(),
        })?;
        interfaces.check_version(component)?;
        interfaces.check_exports(component, world)?;
        interfaces.check_known(component, world)?;
        Ok(interfaces)
    }

    /// The world that a component is built for, by what it exports; a strategy's where that cannot be told.
    pub(crate) fn world(bytes: &[u8]) -> World {
        let exports = outermost(bytes).map(|interfaces| interfaces.exports).unwrap_or_default();
        let policy =
            |export: &String| World::Eviction.exports().iter().any(|of| interface(of) == interface(export));
        if exports.iter().any(policy) { World::Eviction } else { World::Strategy }
    }

    /// The grant that an import needs; none for what is always linked.
    pub(crate) fn grant_for(import: &str) -> Option<Grant> {
        let name = interface(import);
        Grant::ALL.into_iter().find(|grant| interface(&imports::interface_of(*grant)) == name)
    }

    /// Refuses imports that are not granted.
    pub(crate) fn check_grants(
        &self,
        name: &str,
        component: &Label,
        grants: &BTreeSet<Grant>,
    ) -> Result<(), LoadError> {
        let lacking = |import: &String| Self::grant_for(import).is_some_and(|grant| !grants.contains(&grant));
        let imports: Vec<String> = self.imports.iter().filter(|import| lacking(import)).cloned().collect();
        if imports.is_empty() {
            return Ok(());
        }
        let mut needed = grants.clone();
        needed.extend(imports.iter().filter_map(|import| Self::grant_for(import)));
        let listed: Vec<String> = needed.iter().map(|grant| format!("\"{grant}\"")).collect();
        Err(LoadError::NotGranted {
            component: component.clone(),
            name: name.to_owned(),
            imports,
            line: format!("strategies.{name} = {{ grants = [{}] }}", listed.join(", ")),
        })
    }

    fn check_version(&self, component: &Label) -> Result<(), LoadError> {
        let host = Version::new(0, 1, 0);
        for name in self.imports.iter().chain(&self.exports) {
            let Some((path, version)) = name.split_once('@') else { continue };
            if path.split_once('/').is_none_or(|(package, _)| package != PACKAGE) {
                continue;
            }
            let Ok(version) = Version::parse(version) else { continue };
            if version.major == host.major && version.minor == host.minor {
                continue;
            }
            let age = if version > host { Age::TooNew } else { Age::TooOld };
            return Err(LoadError::OtherVersion {
                component: component.clone(),
                interface: names::sanitize(name, 128),
                age,
            });
        }
        Ok(())
    }

    fn check_exports(&self, component: &Label, world: World) -> Result<(), LoadError> {
        let lacks = |name: &&&str| !self.exports.iter().any(|export| export == **name);
        let missing: Vec<String> =
            world.exports().iter().filter(lacks).map(|name| (*name).to_owned()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let exports = self.exports.iter().take(MAX_QUOTED).map(|name| names::sanitize(name, 128)).collect();
        Err(LoadError::OtherWorld { component: component.clone(), world, missing, exports })
    }

    fn check_known(&self, component: &Label, world: World) -> Result<(), LoadError> {
        let known = |import: &str| match (world, Self::grant_for(import)) {
            // A policy decides by what it is told, and by nothing else.
            (World::Eviction, Some(grant)) => matches!(grant, Grant::Settings | Grant::Log),
            _ => known(import),
        };
        let unknown = self.imports.iter().filter(|import| !known(import)).take(MAX_QUOTED);
        let imports: Vec<String> = unknown.map(|import| quoted(import)).collect();
        if imports.is_empty() {
            return Ok(());
        }
        Err(LoadError::UnknownImports { component: component.clone(), world, imports })
    }
}

fn interface(import: &str) -> &str {
    import.split_once('@').map_or(import, |(name, _)| name)
}

fn version(import: &str) -> Option<Version> {
    import.split_once('@').and_then(|(_, version)| Version::parse(version).ok())
}

fn known(import: &str) -> bool {
    let name = interface(import);
    if name == "optimizer:plugin/types" {
        return true;
    }
    if name.starts_with(PACKAGE) {
        return Interfaces::grant_for(import).is_some();
    }
    wasi::behind(name).is_some()
        && version(import).is_some_and(|v| v.major == 0 && v.minor == 2 && v.pre.is_empty())
}

/// An import the host does not have, with what it has instead where only the version differs.
fn quoted(import: &str) -> String {
    let name = interface(import);
    let sanitized = names::sanitize(import, 128);
    if let Some(grant) = Interfaces::grant_for(import) {
        format!("`{sanitized}` (the host has `{}`)", imports::interface_of(grant))
    } else if wasi::behind(name).is_some() {
        format!("`{sanitized}` (the host has WASI 0.2)")
    } else {
        format!("`{sanitized}`")
    }
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

fn outermost(bytes: &[u8]) -> wasmparser::Result<Interfaces> {
    let mut interfaces = Interfaces { imports: Vec::new(), exports: Vec::new() };
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
                        interfaces.imports.push(import.name.name.to_owned());
                    }
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let export = export?;
                    if export.kind != ComponentExternalKind::Type {
                        interfaces.exports.push(export.name.name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    Ok(interfaces)
}
