//! The caps of one store: linear memory, table elements and instances.
//!
//! Refusing growth makes `memory.grow` answer -1; most guests abort then, which looks like any other
//! trap. So the refusal is remembered, and the trap that follows is reported as what it is. A guest
//! that copes with the refusal goes on.

use wasmtime::ResourceLimiter;

use crate::limits::Limits;

/// Memories, and tables, in a store.
const MAX_MEMORIES_OR_TABLES: usize = 64;

/// What was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Memory,
    TableElements,
}

/// Counts what a store holds and refuses more.
#[derive(Debug)]
pub(crate) struct MemoryCap {
    limits: Limits,
    held: u64,
    last_growth: u64,
    table_elements: u64,
    refused: Option<Refused>,
}

impl MemoryCap {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { limits: *limits, held: 0, last_growth: 0, table_elements: 0, refused: None }
    }

    /// The limits, those of calls included.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Linear memory held, bytes.
    pub(crate) fn held(&self) -> u64 {
        self.held
    }

    /// What was refused last in the call under way.
    pub(crate) fn refused(&self) -> Option<Refused> {
        self.refused
    }

    /// A new call begins.
    pub(crate) fn forget_refused(&mut self) {
        self.refused = None;
    }
}

impl ResourceLimiter for MemoryCap {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let growth = u64::try_from(desired.saturating_sub(current)).unwrap_or(u64::MAX);
        let wanted = self.held.saturating_add(growth);
        let fits = wanted <= self.limits.memory_bytes;
        if fits {
            self.held = wanted;
            self.last_growth = growth;
        } else {
            self.last_growth = 0;
            self.refused = Some(Refused::Memory);
        }
        Ok(fits)
    }

    /// What was granted above and then failed, for lack of memory or by the guest's own maximum, is not held.
    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.held = self.held.saturating_sub(self.last_growth);
        self.last_growth = 0;
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let growth = u64::try_from(desired.saturating_sub(current)).unwrap_or(u64::MAX);
        let wanted = self.table_elements.saturating_add(growth);
        let fits = wanted <= self.limits.table_elements;
        if fits {
            self.table_elements = wanted;
        } else {
            self.refused = Some(Refused::TableElements);
        }
        Ok(fits)
    }

    fn instances(&self) -> usize {
        usize::try_from(self.limits.instances).unwrap_or(usize::MAX)
    }

    fn tables(&self) -> usize {
        MAX_MEMORIES_OR_TABLES
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES_OR_TABLES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cap(memory_bytes: u64) -> MemoryCap {
        MemoryCap::new(&Limits { memory_bytes, table_elements: 1_000, ..Limits::default() })
    }

    #[test]
    fn all_memories_share_one_cap() {
        let mut cap = cap(100);
        assert!(cap.memory_growing(0, 60, None).unwrap());
        assert!(cap.memory_growing(0, 40, None).unwrap());
        assert_eq!(cap.held(), 100);
        assert_eq!(cap.refused(), None);
        assert!(!cap.memory_growing(40, 41, None).unwrap());
        assert_eq!(cap.refused(), Some(Refused::Memory));
        cap.forget_refused();
        assert_eq!(cap.refused(), None);
        assert_eq!(cap.held(), 100);
    }

    #[test]
    fn growth_that_was_granted_and_failed_is_not_held() {
        let mut cap = cap(100);
        assert!(cap.memory_growing(0, 60, None).unwrap());
        assert!(cap.memory_growing(60, 90, None).unwrap());
        cap.memory_grow_failed(wasmtime::Error::msg("no memory")).unwrap();
        assert_eq!(cap.held(), 60);
        assert!(!cap.memory_growing(60, 200, None).unwrap());
        cap.memory_grow_failed(wasmtime::Error::msg("refused")).unwrap();
        assert_eq!(cap.held(), 60);
    }

    #[test]
    fn tables_are_capped_too() {
        let mut cap = cap(0);
        assert!(cap.table_growing(0, 1_000, None).unwrap());
        assert!(!cap.table_growing(0, 1, None).unwrap());
        assert_eq!(cap.refused(), Some(Refused::TableElements));
    }
}
