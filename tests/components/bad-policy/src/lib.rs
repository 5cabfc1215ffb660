//! An eviction policy that is FIFO until it has evicted a hundred entries, and then does what its capacity says: 1,000 and the
//! number of a misdeed. A test may write the number of a misdeed over [`MISDEED`] in the component, which goes for every capacity;
//! twenty more do the same after five thousand entries. A number of no misdeed is FIFO for good.

use std::cell::RefCell;
use std::collections::VecDeque;

use policy_sdk::bindings::{
    self, exports::optimizer::plugin::eviction_policy::Guest, optimizer::plugin::log,
};
use policy_sdk::{Answer, Opening, PolicyDescription, Residents};

/// Ends with the number of a misdeed, or with 00.
static MISDEED: [u8; 10] = *b"misdeed=00";

/// The number that was written over [`MISDEED`]; 0 where none was.
fn written() -> u64 {
    let digits = std::hint::black_box(&MISDEED).iter().filter(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, byte| number * 10 + u64::from(byte - b'0'))
}

/// What it does.
#[derive(Default)]
struct Bad {
    misdeed: u64,
    /// Entries that it evicts before.
    patience: u32,
    capacity: u64,
    /// What the residents weigh.
    used: u64,
    queue: VecDeque<(u32, u64)>,
    resident: Vec<bool>,
    evicted: u32,
}

thread_local! {
    static BAD: RefCell<Bad> = RefCell::default();
}

impl Bad {
    fn turn(&mut self, events: &[u32], weights: &[u32]) -> Answer {
        let mut answer = nothing();
        let weights = weights.iter().copied().chain(std::iter::repeat(1));
        for ((number, event), weight) in (0..).zip(events).zip(weights.map(u64::from)) {
            let (slot, kind) = (event >> 2, event & 3);
            match self.resident(slot) {
                true if kind == 0 => continue,
                false if kind == 1 => continue,
                true => self.remove(slot),
                false => {}
            }
            if kind != 1 {
                self.make_room(number, slot, weight, &mut answer);
                self.insert(slot, weight);
            }
        }
        answer
    }

    fn resident(&self, slot: u32) -> bool {
        usize::try_from(slot).is_ok_and(|at| self.resident.get(at) == Some(&true))
    }

    fn mark(&mut self, slot: u32, resident: bool) {
        let at = usize::try_from(slot).unwrap_or(0);
        if self.resident.len() <= at {
            self.resident.resize(at + 1, false);
        }
        if let Some(place) = self.resident.get_mut(at) {
            *place = resident;
        }
    }

    fn insert(&mut self, slot: u32, weight: u64) {
        self.mark(slot, true);
        self.queue.push_back((slot, weight));
        self.used += weight;
    }

    fn remove(&mut self, slot: u32) {
        self.mark(slot, false);
        let at = self.queue.iter().position(|(of, _)| *of == slot);
        if let Some((_, weight)) = at.and_then(|at| self.queue.remove(at)) {
            self.used -= weight;
        }
    }

    /// Evicts for an entry of this weight.
    fn make_room(&mut self, number: u32, slot: u32, weight: u64, answer: &mut Answer) {
        while self.used + weight > self.capacity {
            if self.evicted > self.patience {
                self.misbehave(number, slot, answer);
            }
            let Some((victim, room)) = self.queue.pop_front() else { break };
            self.used -= room;
            self.mark(victim, false);
            answer.victims.push(victim << 1);
            answer.at.push(number);
            self.evicted += 1;
        }
    }

    /// Before a victim is named for this event.
    fn misbehave(&mut self, number: u32, slot: u32, answer: &mut Answer) {
        let oldest = self.queue.front().map_or(0, |(slot, _)| *slot);
        match self.misdeed {
            1 => loop {
                std::hint::black_box(number);
            },
            #[expect(clippy::panic, reason = "it is what this component is for")]
            2 => panic!("an entry too many"),
            3 => {
                if let Some((_, room)) = self.queue.pop_front() {
                    self.used -= room;
                }
            }
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
            // Once a batch: more would take time, which is another misdeed.
            8 if answer.victims.len() < 1_000_000 => {
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
            14 => (0..1_000_000).for_each(|_| log::write(log::Level::Info, "too much to say")),
            _ => {}
        }
    }
}

fn nothing() -> Answer {
    Answer { victims: Vec::new(), at: Vec::new(), forgotten: Vec::new() }
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
        let misdeed = match written() {
            0 => opening.capacity.saturating_sub(1_000),
            written => written,
        };
        if misdeed == 15 {
            loop {
                std::hint::black_box(misdeed);
            }
        }
        if misdeed == 13 {
            return Err("thirteen is not for me".to_owned());
        }
        let (misdeed, patience) =
            if (21..40).contains(&misdeed) { (misdeed - 20, 5_000) } else { (misdeed, 100) };
        BAD.set(Bad { misdeed, patience, capacity: opening.capacity, ..Bad::default() });
        Ok(())
    }

    fn turn(events: Vec<u32>, weights: Vec<u32>, _ids: Vec<u64>) -> Answer {
        BAD.with_borrow_mut(|bad| bad.turn(&events, &weights))
    }

    fn resize(capacity: u64) -> Answer {
        BAD.with_borrow_mut(|bad| {
            bad.capacity = capacity;
            let mut answer = nothing();
            bad.make_room(0, 0, 0, &mut answer);
            answer
        })
    }

    fn hand_over() -> Residents {
        BAD.with_borrow(|bad| {
            let slots: Vec<u32> = bad.queue.iter().map(|(slot, _)| *slot).collect();
            Residents { uses: vec![1; slots.len()], slots }
        })
    }

    fn take_over(slots: Vec<u32>, _uses: Vec<u32>, weights: Vec<u32>, _ids: Vec<u64>) {
        BAD.with_borrow_mut(|bad| {
            for (slot, weight) in slots.into_iter().zip(weights.into_iter().chain(std::iter::repeat(1))) {
                bad.insert(slot, weight.into());
            }
        });
    }
}

bindings::export!(Component with_types_in bindings);
