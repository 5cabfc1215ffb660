//! LIRS against the paper's stack and queue, written with vectors and linear searches.
#![expect(clippy::expect_used, reason = "a test: a panic is its failure")]

mod owner;

use host_policy::{ByHash, Decimal, InSlot, Lirs, lirs};
use owner::{Model, Step, compare, steps};
use proptest::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Lir,
    Hir,
    NonResident,
}

/// Section 3 of the paper.
struct Paper {
    c: usize,
    hir_percent: usize,
    non_resident_percent: usize,
    /// S from its bottom to its top.
    s: Vec<(u64, Status)>,
    /// Q from its front to its end.
    q: Vec<u64>,
}

impl Paper {
    fn max_lir(&self) -> usize {
        self.c.saturating_sub((self.c * self.hir_percent / 100).max(1))
    }
    fn count(&self, status: Status) -> usize {
        self.s.iter().filter(|block| block.1 == status).count()
    }
    fn resident(&self) -> usize {
        self.count(Status::Lir) + self.q.len()
    }
    /// Takes the block out of S; its status there.
    fn unstack(&mut self, id: u64) -> Option<Status> {
        let at = self.s.iter().position(|block| block.0 == id)?;
        Some(self.s.remove(at).1)
    }
    fn prune(&mut self) {
        while self.s.first().is_some_and(|bottom| bottom.1 != Status::Lir) {
            self.s.remove(0);
        }
    }
    fn demote(&mut self) {
        while self.count(Status::Lir) > self.max_lir() {
            let bottom = self.s.remove(0);
            assert_eq!(bottom.1, Status::Lir, "the bottom of S is LIR");
            self.q.push(bottom.0);
            self.prune();
        }
    }
    fn limit(&mut self) {
        while self.count(Status::NonResident) > self.c * self.non_resident_percent / 100 {
            let lowest = self.s.iter().position(|block| block.1 == Status::NonResident).expect("there are");
            self.s.remove(lowest);
        }
    }
    /// Puts a block that is used now, and is in neither S nor Q, where it belongs.
    fn place(&mut self, id: u64, was_in_s: bool) {
        let room = self.count(Status::Lir) < self.max_lir();
        if self.max_lir() > 0 && (was_in_s || room) {
            self.s.push((id, Status::Lir));
        } else {
            self.s.push((id, Status::Hir));
            self.q.push(id);
        }
        self.demote();
        self.prune();
    }
    fn evict_to(&mut self, most: usize) -> Vec<u64> {
        let mut evicted = Vec::new();
        while self.resident() > most {
            if self.q.is_empty() {
                evicted.push(self.s.remove(0).0);
                self.prune();
                continue;
            }
            let victim = self.q.remove(0);
            if let Some(block) = self.s.iter_mut().find(|block| block.0 == victim) {
                block.1 = Status::NonResident;
            }
            self.limit();
            evicted.push(victim);
        }
        evicted
    }
}

impl Model for Paper {
    fn access(&mut self, id: u64) -> (bool, Vec<u64>) {
        let in_queue = self.q.iter().position(|&held| held == id);
        let in_stack = self.s.iter().find(|block| block.0 == id).map(|block| block.1);
        if in_stack == Some(Status::Lir) {
            self.unstack(id);
            self.s.push((id, Status::Lir));
            self.prune();
            return (true, Vec::new());
        }
        if let Some(at) = in_queue {
            self.q.remove(at);
            self.unstack(id);
            self.place(id, in_stack.is_some());
            return (true, Vec::new());
        }
        if self.c == 0 {
            return (false, Vec::new());
        }
        self.unstack(id);
        let evicted = self.evict_to(self.c - 1);
        self.place(id, in_stack.is_some());
        (false, evicted)
    }
    fn remove(&mut self, id: u64) {
        self.q.retain(|&held| held != id);
        self.unstack(id);
        self.prune();
    }
    fn resize(&mut self, capacity: usize) -> Vec<u64> {
        self.c = capacity;
        self.demote();
        self.limit();
        self.evict_to(capacity)
    }
    fn order(&self) -> Vec<u64> {
        let lir = self.s.iter().filter(|block| block.1 == Status::Lir).map(|block| block.0);
        self.q.iter().copied().chain(lir).collect()
    }
}

fn check(steps: &[Step], c: usize, hir: usize, non_resident: usize) -> Result<(), TestCaseError> {
    let wide = |number: usize| u64::try_from(number).expect("small");
    let model = || Paper { c, hir_percent: hir, non_resident_percent: non_resident, s: vec![], q: vec![] };
    let percent = |number: usize| Decimal::percent(u32::try_from(number).expect("small"));
    let parameters = lirs::Parameters::new(percent(hir), percent(non_resident)).expect("in range");
    compare(Lirs::<ByHash>::with(wide(c), parameters), &mut model(), c, steps)?;
    compare(Lirs::<InSlot>::with(wide(c), parameters), &mut model(), c, steps)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_victim_is_the_papers(steps in steps(), c in 1usize..24) {
        check(&steps, c, 1, 100)?;
    }

    #[test]
    fn with_other_shares_too(steps in steps(), c in 1usize..24, hir in 1usize..=99, remembered in 0usize..400) {
        check(&steps, c, hir, remembered)?;
    }
}

/// The model itself, on a case that can be followed by hand.
#[test]
fn a_reused_id_in_the_stack_takes_the_bottoms_place() {
    // Room for two LIR and one HIR. A and B are LIR; C passes through Q; then D does.
    let run = [1, 2, 3, 4].map(Step::Access);
    // 3 is non-resident and above the bottom, 1: it becomes LIR, and 1 falls to Q. 4 is the victim.
    let again = [3, 1, 4].map(Step::Access);
    check(&[&run[..], &again[..]].concat(), 3, 1, 100).expect("the model agrees");
    let mut model = Paper { c: 3, hir_percent: 1, non_resident_percent: 100, s: vec![], q: vec![] };
    let evicted: Vec<Vec<u64>> = [1, 2, 3, 4, 3].map(|id| model.access(id).1).to_vec();
    assert_eq!(evicted, [vec![], vec![], vec![], vec![3], vec![4]]);
    assert_eq!(model.order(), [1, 2, 3]);
}
