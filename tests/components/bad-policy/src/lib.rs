//! An eviction policy that is FIFO until it has evicted a hundred entries, and then does what its capacity says: 1,000 and the
//! number of a misdeed.

use std::cell::RefCell;
use std::collections::VecDeque;

use policy_sdk::bindings::{self, exports::optimizer::plugin::eviction_policy::Guest};
use policy_sdk::{Answer, Opening, PolicyDescription, Residents};

/// What it does.
#[derive(Default)]
struct Bad {
    misdeed: u64,
    capacity: usize,
    queue: VecDeque<u32>,
    resident: Vec<bool>,
    evicted: u32,
}

thread_local! {
    static BAD: RefCell<Bad> = RefCell::default();
}

impl Bad {
    fn turn(&mut self, events: &[u32]) -> Answer {
        let mut answer = Answer { victims: Vec::new(), at: Vec::new(), forgotten: Vec::new() };
        for (number, event) in (0..).zip(events) {
            let slot = event >> 2;
            let at = usize::try_from(slot).unwrap_or(0);
            if self.resident.len() <= at {
                self.resident.resize(at + 1, false);
            }
            if self.resident.get(at) == Some(&true) {
                continue;
            }
            if self.queue.len() == self.capacity {
                if self.evicted > 100 {
                    self.misbehave(number, slot, &mut answer);
                }
                let victim = self.queue.pop_front().unwrap_or(0);
                if let Some(resident) = self.resident.get_mut(usize::try_from(victim).unwrap_or(0)) {
                    *resident = false;
                }
                answer.victims.push(victim << 1);
                answer.at.push(number);
                self.evicted += 1;
            }
            self.queue.push_back(slot);
            if let Some(resident) = self.resident.get_mut(at) {
                *resident = true;
            }
        }
        answer
    }

    /// Before a victim is named for this event.
    fn misbehave(&mut self, number: u32, slot: u32, answer: &mut Answer) {
        let oldest = self.queue.front().copied().unwrap_or(0);
        match self.misdeed {
            1 => loop {
                std::hint::black_box(number);
            },
            #[expect(clippy::panic, reason = "it is what this component is for")]
            2 => panic!("an entry too many"),
            3 => drop(self.queue.pop_front()),
            4 => {
                answer.victims.push(oldest << 1);
                answer.at.push(number);
            }
            5 => {
                answer.victims.push(4_000_000 << 1);
                answer.at.push(number);
            }
            6 => {
                answer.victims.push(slot << 1);
                answer.at.push(number);
            }
            7 => answer.at.push(number),
            8 => {
                answer.victims.extend((0..1_000_000).map(|n| n << 1));
                answer.at.extend((0..1_000_000).map(|_| number));
            }
            9 => {
                let mut hoard = Vec::new();
                loop {
                    hoard.push(Vec::<u8>::with_capacity(1 << 24));
                    std::hint::black_box(&hoard);
                }
            }
            10 => drop(std::hint::black_box(recurse(1))),
            11 => answer.forgotten.push(slot),
            12 => answer.forgotten.push(4_000_000),
            _ => {}
        }
    }
}

/// Without an end that anybody reaches.
fn recurse(n: u64) -> u64 {
    std::hint::black_box([n; 64]);
    if n == u64::MAX { n } else { recurse(n + 1) + 1 }
}

struct Component;

impl Guest for Component {
    fn describe() -> PolicyDescription {
        PolicyDescription {
            name: "bad-policy".to_owned(),
            version: "0.1.0".to_owned(),
            summary: "Does what its capacity says".to_owned(),
            settings: Vec::new(),
            wants_ids: false,
        }
    }

    fn open(opening: Opening) -> Result<(), String> {
        let misdeed = opening.capacity.saturating_sub(1_000);
        if misdeed == 13 {
            return Err("thirteen is not for me".to_owned());
        }
        let capacity = usize::try_from(opening.capacity).unwrap_or(usize::MAX);
        BAD.set(Bad { misdeed, capacity, ..Bad::default() });
        Ok(())
    }

    fn turn(events: Vec<u32>, _weights: Vec<u32>, _ids: Vec<u64>) -> Answer {
        BAD.with_borrow_mut(|bad| bad.turn(&events))
    }

    fn resize(_capacity: u64) -> Answer {
        Answer { victims: Vec::new(), at: Vec::new(), forgotten: Vec::new() }
    }

    fn hand_over() -> Residents {
        Residents { slots: Vec::new(), uses: Vec::new() }
    }

    fn take_over(_slots: Vec<u32>, _uses: Vec<u32>, _weights: Vec<u32>, _ids: Vec<u64>) {}
}

bindings::export!(Component with_types_in bindings);
