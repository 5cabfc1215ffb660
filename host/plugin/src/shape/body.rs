//! What there is to compile in one function body.
//!
//! The length of a body does not bound the work: a call of two bytes may take and answer a thousand values, an entry
//! of a branch table carries all the values of its target, at each place where control flow joins the compiler may
//! need every local, and its time grows with the square of blocks and loops. So these are counted apart.

use wasmparser::{BlockType, CompositeInnerType, FunctionBody, Operator, RecGroup};

/// Parameters and results of a signature.
pub(super) type Arity = (u64, u64);

/// The signatures of one core module.
#[derive(Debug, Default)]
pub(super) struct Signatures {
    types: Vec<Arity>,
    /// The type of each function, imported ones first.
    functions: Vec<u32>,
}

impl Signatures {
    pub(super) fn add_types(&mut self, group: &RecGroup) {
        for ty in group.types() {
            self.types.push(match &ty.composite_type.inner {
                CompositeInnerType::Func(ty) => (count(ty.params().len()), count(ty.results().len())),
                _ => (0, 0),
            });
        }
    }

    pub(super) fn add_function(&mut self, ty: u32) {
        self.functions.push(ty);
    }

    /// Of a type. One that there is not has none: the component is invalid, and wasmtime says so.
    fn of_type(&self, ty: u32) -> Arity {
        usize::try_from(ty).ok().and_then(|ty| self.types.get(ty)).copied().unwrap_or_default()
    }

    pub(super) fn of_function(&self, function: usize) -> Arity {
        self.functions.get(function).map_or((0, 0), |ty| self.of_type(*ty))
    }

    fn of_call(&self, function: u32) -> Arity {
        usize::try_from(function).map_or((0, 0), |function| self.of_function(function))
    }

    fn of_block(&self, ty: BlockType) -> Arity {
        match ty {
            BlockType::Empty => (0, 0),
            BlockType::Type(_) => (0, 1),
            BlockType::FuncType(ty) => self.of_type(ty),
        }
    }
}

/// What there is to compile in one function.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Work {
    /// Parameters and declared locals.
    pub(super) locals: u64,
    /// Blocks within one another.
    pub(super) nesting: u64,
    /// Blocks and branches.
    pub(super) blocks: u64,
    /// Loops among them.
    pub(super) loops: u64,
    /// Loops within one another.
    pub(super) loop_nesting: u64,
    /// Entries of branch tables.
    pub(super) entries: u64,
    /// Values that calls take and answer, and that branches carry.
    pub(super) values: u64,
    /// Instructions, by what they weigh for the compiler.
    pub(super) weight: u64,
}

/// What arithmetic with floats weighs: the result of each is made canonical, so that every machine computes the same bits.
const FLOAT: u64 = 4;

/// What a call or a write to memory weighs.
const CALL: u64 = 2;

/// A block that a branch may lead to.
struct Label {
    /// Values that a branch to it carries.
    carried: u64,
    /// Loops around its inside, itself among them.
    loops: u64,
}

impl Work {
    /// What a function has to do whose own signature is `own`.
    pub(super) fn of(
        body: &FunctionBody<'_>,
        own: Arity,
        signatures: &Signatures,
    ) -> wasmparser::Result<Self> {
        let mut work = Self { locals: own.0, ..Self::default() };
        for declared in body.get_locals_reader()? {
            work.locals = work.locals.saturating_add(u64::from(declared?.0));
        }
        // The blocks around, the innermost last.
        let mut labels = vec![Label { carried: own.1, loops: 0 }];
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let operator = reader.read()?;
            work.weight = work.weight.saturating_add(weight(&operator));
            work.count(&operator, own, signatures, &mut labels)?;
            work.nesting = work.nesting.max(count(labels.len()));
            work.loop_nesting = work.loop_nesting.max(loops_around(&labels));
        }
        Ok(work)
    }

    fn count(
        &mut self,
        operator: &Operator<'_>,
        own: Arity,
        signatures: &Signatures,
        labels: &mut Vec<Label>,
    ) -> wasmparser::Result<()> {
        match operator {
            Operator::Block { blockty } | Operator::If { blockty } => {
                let (params, results) = signatures.of_block(*blockty);
                self.branch(params.saturating_add(results));
                labels.push(Label { carried: results, loops: loops_around(labels) });
            }
            Operator::Loop { blockty } => {
                let (params, results) = signatures.of_block(*blockty);
                self.branch(params.saturating_add(results));
                self.loops = self.loops.saturating_add(1);
                labels.push(Label { carried: params, loops: loops_around(labels) + 1 });
            }
            Operator::TryTable { try_table } => {
                let (params, results) = signatures.of_block(try_table.ty);
                self.branch(params.saturating_add(results));
                labels.push(Label { carried: results, loops: loops_around(labels) });
                self.blocks = self.blocks.saturating_add(count(try_table.catches.len()));
            }
            Operator::Else => self.branch(0),
            Operator::End => {
                labels.pop();
            }
            Operator::Br { relative_depth }
            | Operator::BrIf { relative_depth }
            | Operator::BrOnNull { relative_depth }
            | Operator::BrOnNonNull { relative_depth } => self.branch(carried(labels, *relative_depth)),
            Operator::BrTable { targets } => {
                self.branch(carried(labels, targets.default()));
                for target in targets.targets() {
                    self.entries = self.entries.saturating_add(1);
                    self.moved(carried(labels, target?));
                }
            }
            Operator::Return => self.moved(own.1),
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                self.call(signatures.of_call(*function_index));
            }
            Operator::CallIndirect { type_index, .. }
            | Operator::ReturnCallIndirect { type_index, .. }
            | Operator::CallRef { type_index }
            | Operator::ReturnCallRef { type_index } => self.call(signatures.of_type(*type_index)),
            _ => {}
        }
        Ok(())
    }

    fn branch(&mut self, values: u64) {
        self.blocks = self.blocks.saturating_add(1);
        self.moved(values);
    }

    fn call(&mut self, (params, results): Arity) {
        self.moved(params.saturating_add(results));
    }

    fn moved(&mut self, values: u64) {
        self.values = self.values.saturating_add(values);
    }
}

fn weight(operator: &Operator<'_>) -> u64 {
    match operator {
        Operator::F32Add
        | Operator::F32Sub
        | Operator::F32Mul
        | Operator::F32Div
        | Operator::F32Min
        | Operator::F32Max
        | Operator::F32Sqrt
        | Operator::F32Ceil
        | Operator::F32Floor
        | Operator::F32Trunc
        | Operator::F32Nearest
        | Operator::F64Add
        | Operator::F64Sub
        | Operator::F64Mul
        | Operator::F64Div
        | Operator::F64Min
        | Operator::F64Max
        | Operator::F64Sqrt
        | Operator::F64Ceil
        | Operator::F64Floor
        | Operator::F64Trunc
        | Operator::F64Nearest
        | Operator::F32DemoteF64
        | Operator::F64PromoteF32
        | Operator::F32x4Add
        | Operator::F32x4Sub
        | Operator::F32x4Mul
        | Operator::F32x4Div
        | Operator::F32x4Min
        | Operator::F32x4Max
        | Operator::F32x4Sqrt
        | Operator::F32x4Ceil
        | Operator::F32x4Floor
        | Operator::F32x4Trunc
        | Operator::F32x4Nearest
        | Operator::F64x2Add
        | Operator::F64x2Sub
        | Operator::F64x2Mul
        | Operator::F64x2Div
        | Operator::F64x2Min
        | Operator::F64x2Max
        | Operator::F64x2Sqrt
        | Operator::F64x2Ceil
        | Operator::F64x2Floor
        | Operator::F64x2Trunc
        | Operator::F64x2Nearest => FLOAT,
        Operator::Call { .. }
        | Operator::CallIndirect { .. }
        | Operator::MemoryGrow { .. }
        | Operator::MemoryCopy { .. }
        | Operator::MemoryFill { .. } => CALL,
        _ => 1,
    }
}

fn loops_around(labels: &[Label]) -> u64 {
    labels.last().map_or(0, |label| label.loops)
}

fn carried(labels: &[Label], depth: u32) -> u64 {
    let label = usize::try_from(depth).ok().and_then(|depth| labels.iter().rev().nth(depth));
    label.map_or(0, |label| label.carried)
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
