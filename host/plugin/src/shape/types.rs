//! How large the types of a component are once each is written out.
//!
//! The type of an instance may export instances of a type declared before it, each with resources of its own: twenty
//! declarations of ten bytes that each export the one before twice are a million resources. And a type may be declared
//! within a type, as deep as its author likes, which a reader that calls itself does not survive. So types are read here,
//! one byte after another, with both bounded; what a type refers to is counted, never copied.

use wasmparser::{
    BinaryReader, ComponentAlias, ComponentImport, ComponentOuterAliasKind, ComponentType, ComponentTypeRef,
    CoreType, TypeBounds,
};

use super::count::{self, Limit};
use super::{Level, ShapeError};

/// How a type of a component begins, and one of an instance.
const COMPONENT: u8 = 0x41;
const INSTANCE: u8 = 0x42;

/// The declarations of a type, once those of every type that it refers to are written out; none where what it refers to
/// is taken from an instance.
pub(super) type Size = Option<u64>;

/// Reads the section of types and answers the size of each, in order.
pub(super) fn read(section: &[u8], at: usize, outer: &[Level]) -> Result<Vec<u64>, ShapeError> {
    let mut reader = BinaryReader::new(section, at);
    let mut types = Reader { scopes: vec![Vec::new()], outer };
    let mut sizes = Vec::new();
    for _ in 0..reader.read_var_u32()? {
        let size = types.ty(&mut reader)?;
        sizes.push(size);
        types.declare(Some(size));
    }
    Ok(sizes)
}

/// What a reference to a type adds: its own size, where it makes an instance or a component of that type. One that only
/// gives a type another name makes nothing.
pub(super) fn referred(ty: ComponentTypeRef, lookup: impl Fn(u32) -> Size) -> Result<u64, ShapeError> {
    match ty {
        ComponentTypeRef::Instance(index) | ComponentTypeRef::Component(index) => {
            Ok(lookup(index).ok_or(ShapeError::Handed)?.saturating_add(1))
        }
        _ => Ok(1),
    }
}

struct Reader<'l> {
    /// The types of the section so far, and of each type around the one that is read, the innermost last.
    scopes: Vec<Vec<Size>>,
    /// The component with the section, and those around it, the innermost last.
    outer: &'l [Level],
}

impl Reader<'_> {
    fn ty(&mut self, reader: &mut BinaryReader<'_>) -> Result<u64, ShapeError> {
        let kind = reader.clone().read_u8()?;
        if !matches!(kind, COMPONENT | INSTANCE) {
            // None of the others holds a type.
            reader.read::<ComponentType<'_>>()?;
            return Ok(1);
        }
        reader.read_u8()?;
        self.scopes.push(Vec::new());
        Limit::TypeNesting.hold(count::it, self.scopes.len() - 1)?;
        let mut size = 1_u64;
        for _ in 0..reader.read_var_u32()? {
            size = size.saturating_add(self.declaration(reader)?);
            Limit::Expanded.hold(count::it, size)?;
        }
        self.scopes.pop();
        Ok(size)
    }

    fn declaration(&mut self, reader: &mut BinaryReader<'_>) -> Result<u64, ShapeError> {
        match reader.clone().read_u8()? {
            0x00 => {
                reader.read_u8()?;
                reader.read::<CoreType<'_>>()?;
                Ok(1)
            }
            0x01 => {
                reader.read_u8()?;
                let size = self.ty(reader)?;
                self.declare(Some(size));
                Ok(size)
            }
            0x02 => {
                reader.read_u8()?;
                self.alias(&reader.read()?);
                Ok(1)
            }
            0x03 => {
                reader.read_u8()?;
                let import: ComponentImport<'_> = reader.read()?;
                self.item(import.ty)
            }
            // An export, or what is none and refused as one.
            _ => {
                reader.read_u8()?;
                reader.read::<wasmparser::ComponentExternName<'_>>()?;
                let ty = reader.read()?;
                self.item(ty)
            }
        }
    }

    /// What is imported or exported. A type among them is a type of the scope from then on.
    fn item(&mut self, ty: ComponentTypeRef) -> Result<u64, ShapeError> {
        let size = referred(ty, |index| self.lookup(0, index))?;
        match ty {
            ComponentTypeRef::Type(TypeBounds::Eq(index)) => self.declare(self.lookup(0, index)),
            ComponentTypeRef::Type(TypeBounds::SubResource) => self.declare(Some(1)),
            _ => {}
        }
        Ok(size)
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) {
        match alias {
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Type, count, index } => {
                self.declare(self.lookup(*count, *index));
            }
            ComponentAlias::InstanceExport { kind: wasmparser::ComponentExternalKind::Type, .. } => {
                self.declare(None)
            }
            _ => {}
        }
    }

    fn declare(&mut self, size: Size) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.push(size);
        }
    }

    /// The size of a type, so many scopes outward. One that there is not is 1: the component is invalid, and wasmtime
    /// says so.
    fn lookup(&self, outward: u32, index: u32) -> Size {
        let (Ok(outward), Ok(index)) = (usize::try_from(outward), usize::try_from(index)) else {
            return Some(1);
        };
        // The outermost scope goes on where the types of its component end.
        let inner = self.scopes.len().saturating_sub(1);
        if outward < inner {
            let scope = self.scopes.iter().rev().nth(outward);
            return scope.and_then(|scope| scope.get(index)).copied().unwrap_or(Some(1));
        }
        let levels = outward - inner;
        let Some(level) = self.outer.iter().rev().nth(levels) else { return Some(1) };
        let of_section = || {
            let section = self.scopes.first().filter(|_| levels == 0)?;
            section.get(index.checked_sub(level.types.len())?)
        };
        level.types.get(index).or_else(of_section).copied().unwrap_or(Some(1))
    }
}
