//! How large a component is before it is compiled, in everything that compiling costs.
//!
//! Compiling is not bounded by the length of a file: 3 kB of components that instantiate one another twice are millions
//! of instances, and one large function can take gigabytes and minutes. So a component is read once, streaming, and
//! each count is held against a limit of several times what the largest components of real toolchains have (the
//! JavaScript engine and the Python interpreter as components, 12 and 18 MB). Nothing here is kept, and nothing is
//! expanded: the pass takes time and memory in proportion to the file.
//!
//! What is invalid may pass: wasmtime refuses it. What passes can still be slow to compile: `compile.rs` bounds the
//! time and the memory of it.

mod body;
mod count;
mod types;

use wasmparser::{
    CanonicalFunction, ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef, ElementItems, FunctionBody, Instance, Parser, Payload, TypeBounds, TypeRef,
};

use body::{Signatures, Work};
use count::{Limit, Tally};

/// Most bytes of a component.
pub const MAX_BYTES: u64 = 96 << 20;

/// Why a component is not compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// More of something than the host compiles.
    #[error("{place} has {found} {what}, and at most {most} are compiled")]
    TooMany {
        /// The component as a whole, or one function of it.
        place: String,
        /// What there is too much of.
        what: &'static str,
        /// How many there are; where counting stopped at the limit, the count so far.
        found: u64,
        /// How many there may be.
        most: u64,
    },
    /// It instantiates a component that is not nested in it, or refers to the type of an instance in the same way, so that
    /// nobody can say how large it is.
    #[error(
        "it instantiates a component, or uses the type of an instance, that it imports or takes from an instance; the host \
         follows only those that are part of it"
    )]
    Handed,
    /// It cannot be read to its end.
    #[error("{0}")]
    Malformed(String),
}

impl From<wasmparser::Error> for ShapeError {
    fn from(error: wasmparser::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// Holds a component's shape against the limits. Takes time and memory in proportion to its length, whatever it is.
///
/// # Errors
/// [`ShapeError`]: it is too large in one respect, or cannot be read.
pub fn check(component: &[u8]) -> Result<(), ShapeError> {
    let mut reader = Reader { component, ..Reader::default() };
    check_length(component)?;
    for payload in Parser::new(0).parse_all(component) {
        reader.payload(payload?)?;
    }
    Ok(())
}

/// Holds a component's length alone against its limit: what is longer was not read to its end, and would be taken for a
/// damaged one.
pub(crate) fn check_length(component: &[u8]) -> Result<(), ShapeError> {
    Limit::Bytes.hold(count::it, component.len())
}

/// A component or a core module that is being read.
#[derive(Debug, Default)]
struct Level {
    /// Of each component of its index space, how many definitions it is once everything in it is instantiated; none
    /// where that is not known.
    components: Vec<Option<u64>>,
    /// Of each type of its index space, how large it is written out.
    types: Vec<types::Size>,
    /// How many definitions it is itself, so far.
    expanded: u64,
    /// The signatures of a core module.
    signatures: Signatures,
    /// Functions of a core module whose bodies have been read, imported ones included.
    bodies: usize,
    is_module: bool,
}

#[derive(Debug, Default)]
struct Reader<'a> {
    component: &'a [u8],
    /// The outermost first.
    levels: Vec<Level>,
    /// Whether the next level is a module.
    entering_module: bool,
    tally: Tally,
    modules: usize,
}

impl Reader<'_> {
    fn payload(&mut self, payload: Payload<'_>) -> Result<(), ShapeError> {
        match payload {
            Payload::Version { .. } => self.enter()?,
            Payload::End(_) => self.leave()?,
            Payload::ModuleSection { .. } => {
                self.tally.add(Limit::Modules, 1)?;
                self.entering_module = true;
            }
            Payload::ComponentSection { .. } => self.tally.add(Limit::Components, 1)?,
            Payload::CodeSectionEntry(body) => self.body(&body)?,
            Payload::TypeSection(section) => {
                self.tally.add(Limit::DefinitionBytes, section.range().len())?;
                for group in section {
                    let group = group?;
                    self.tally.add(Limit::Types, group.types().len())?;
                    self.level()?.signatures.add_types(&group);
                }
            }
            Payload::ImportSection(section) => {
                self.tally.add(Limit::DefinitionBytes, section.range().len())?;
                for import in section.into_imports() {
                    self.tally.add(Limit::Definitions, 1)?;
                    if let TypeRef::Func(ty) | TypeRef::FuncExact(ty) = import?.ty {
                        let level = self.level()?;
                        level.signatures.add_function(ty);
                        level.bodies += 1;
                    }
                }
            }
            Payload::FunctionSection(section) => {
                self.tally.add(Limit::Functions, section.count())?;
                for ty in section {
                    let ty = ty?;
                    self.level()?.signatures.add_function(ty);
                }
            }
            Payload::TableSection(section) => self.tally.add(Limit::TablesAndMemories, section.count())?,
            Payload::MemorySection(section) => self.tally.add(Limit::TablesAndMemories, section.count())?,
            Payload::TagSection(section) => self.tally.add(Limit::Definitions, section.count())?,
            Payload::GlobalSection(section) => self.tally.add(Limit::Definitions, section.count())?,
            Payload::ExportSection(section) => self.tally.add(Limit::Definitions, section.count())?,
            Payload::DataSection(section) => self.tally.add(Limit::Segments, section.count())?,
            Payload::ElementSection(section) => {
                for element in section {
                    self.tally.add(Limit::Segments, 1)?;
                    self.tally.add(
                        Limit::Elements,
                        match element?.items {
                            ElementItems::Functions(items) => items.count(),
                            ElementItems::Expressions(_, items) => items.count(),
                        },
                    )?;
                }
            }
            other => self.definitions(other)?,
        }
        Ok(())
    }

    /// The sections of a component.
    fn definitions(&mut self, payload: Payload<'_>) -> Result<(), ShapeError> {
        match payload {
            Payload::CoreTypeSection(section) => {
                self.tally.add(Limit::DefinitionBytes, section.range().len())?;
                self.expand(u64::from(section.count()))?;
            }
            Payload::ComponentTypeSection(section) => {
                let range = section.range();
                self.tally.add(Limit::DefinitionBytes, range.len())?;
                let bytes = self.component.get(range.clone()).unwrap_or_default();
                for size in types::read(bytes, range.start, &self.levels)? {
                    self.expand(size)?;
                    self.level()?.types.push(Some(size));
                }
            }
            Payload::InstanceSection(section) => {
                self.tally.add(Limit::DefinitionBytes, section.range().len())?;
                for instance in section {
                    self.expand(match instance? {
                        Instance::Instantiate { args, .. } => 1 + length(&args),
                        Instance::FromExports(exports) => 1 + length(&exports),
                    })?;
                }
            }
            Payload::ComponentInstanceSection(section) => {
                self.tally.add(Limit::DefinitionBytes, section.range().len())?;
                for instance in section {
                    self.instance(&instance?)?;
                }
            }
            Payload::ComponentAliasSection(section) => {
                self.tally.add(Limit::DefinitionBytes, section.range().len())?;
                for alias in section {
                    self.alias(&alias?)?;
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                self.tally.add(Limit::DefinitionBytes, section.range().len())?;
                for function in section {
                    let _: CanonicalFunction = function?;
                    self.expand(1)?;
                }
            }
            Payload::ComponentImportSection(section) => {
                self.tally.add(Limit::DefinitionBytes, section.range().len())?;
                for import in section {
                    let ty = import?.ty;
                    let level = self.level()?;
                    let size = types::referred(ty, |index| type_size(level, index))?;
                    match ty {
                        ComponentTypeRef::Component(_) => level.components.push(None),
                        ComponentTypeRef::Type(TypeBounds::Eq(index)) => {
                            let size = type_size(level, index);
                            level.types.push(size);
                        }
                        ComponentTypeRef::Type(TypeBounds::SubResource) => level.types.push(Some(1)),
                        _ => {}
                    }
                    self.expand(size)?;
                }
            }
            Payload::ComponentExportSection(section) => {
                self.tally.add(Limit::DefinitionBytes, section.range().len())?;
                for export in section {
                    let export = export?;
                    let level = self.level()?;
                    match export.kind {
                        ComponentExternalKind::Component => {
                            let size = component(level, export.index);
                            level.components.push(size);
                        }
                        ComponentExternalKind::Type => {
                            let size = type_size(level, export.index);
                            level.types.push(size);
                        }
                        _ => {}
                    }
                    let ascribed = match export.ty {
                        Some(ty) => types::referred(ty, |index| type_size(level, index))?,
                        None => 1,
                    };
                    self.expand(ascribed)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn enter(&mut self) -> Result<(), ShapeError> {
        let is_module = std::mem::take(&mut self.entering_module);
        self.levels.push(Level { is_module, ..Level::default() });
        Limit::Nesting.hold(count::it, self.levels.len())
    }

    fn leave(&mut self) -> Result<(), ShapeError> {
        let Some(inner) = self.levels.pop() else { return Ok(()) };
        if inner.is_module {
            self.modules += 1;
        } else if let Some(outer) = self.levels.last_mut() {
            outer.components.push(Some(inner.expanded));
        }
        Ok(())
    }

    fn level(&mut self) -> Result<&mut Level, ShapeError> {
        self.levels
            .last_mut()
            .ok_or_else(|| ShapeError::Malformed("a section outside a component".to_owned()))
    }

    fn expand(&mut self, definitions: u64) -> Result<(), ShapeError> {
        let level = self.level()?;
        level.expanded = level.expanded.saturating_add(definitions);
        Limit::Expanded.hold(count::it, level.expanded)
    }

    fn instance(&mut self, instance: &ComponentInstance<'_>) -> Result<(), ShapeError> {
        match instance {
            ComponentInstance::Instantiate { component_index, args } => {
                let size = component(self.level()?, *component_index).ok_or(ShapeError::Handed)?;
                self.expand(size)?;
                self.expand(1 + length(args))
            }
            ComponentInstance::FromExports(exports) => self.expand(1 + length(exports)),
        }
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) -> Result<(), ShapeError> {
        self.expand(1)?;
        match alias {
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => {
                self.level()?.components.push(None);
            }
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Type, .. } => {
                self.level()?.types.push(None)
            }
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                let size = self.outward(*count).and_then(|level| component(level, *index));
                self.level()?.components.push(size);
            }
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Type, count, index } => {
                let size = self.outward(*count).and_then(|level| type_size(level, *index));
                self.level()?.types.push(size);
            }
            _ => {}
        }
        Ok(())
    }

    /// The component so many levels outward.
    fn outward(&self, count: u32) -> Option<&Level> {
        self.levels.iter().rev().nth(usize::try_from(count).ok()?)
    }

    fn body(&mut self, body: &FunctionBody<'_>) -> Result<(), ShapeError> {
        let modules = self.modules;
        let level = self.level()?;
        let number = level.bodies;
        level.bodies += 1;
        let place = || format!("function {number} of its core module {modules}");
        // The length first: what is longer is not even read.
        let bytes = body.range().len();
        Limit::BodyBytes.hold(place, bytes)?;
        let work = Work::of(body, level.signatures.of_function(number), &level.signatures)?;
        for (limit, found) in [
            (Limit::Weight, work.weight),
            (Limit::Locals, work.locals),
            (Limit::BlockNesting, work.nesting),
            (Limit::Blocks, work.blocks),
            (Limit::Loops, work.loops),
            (Limit::LoopNesting, work.loop_nesting),
            (Limit::Entries, work.entries),
            (Limit::Values, work.values),
            (Limit::LocalsAtBlocks, work.locals.saturating_mul(work.blocks)),
        ] {
            limit.hold(place, found)?;
        }
        self.tally.add(Limit::CodeBytes, bytes)?;
        self.tally.add(Limit::AllBlocks, work.blocks)?;
        self.tally.add(Limit::AllValues, work.values)
    }
}

fn length<T>(items: &[T]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}

/// The definitions of a component by its index, once everything in it is instantiated. One that there is not has none:
/// the component is invalid, and wasmtime says so.
fn component(level: &Level, index: u32) -> Option<u64> {
    usize::try_from(index).map_or(Some(0), |index| level.components.get(index).copied().unwrap_or(Some(0)))
}

/// The size of a type by its index, in the same way.
fn type_size(level: &Level, index: u32) -> types::Size {
    usize::try_from(index).map_or(Some(1), |index| level.types.get(index).copied().unwrap_or(Some(1)))
}

#[cfg(test)]
mod tests;
