//! LRU as an eviction policy of the fictitious version.

mod bindings {
    wit_bindgen::generate!({ world: "eviction", path: "../../wit" });
}

use std::cell::RefCell;

use bindings::exports::optimizer::plugin::policy::{Event, Guest, Identity, Resident, Told, Victim, What};

#[derive(Default)]
struct Lru {
    capacity: u64,
    /// The coldest first.
    order: Vec<Resident>,
}

impl Lru {
    fn take(&mut self, slot: u32) -> Option<Resident> {
        let at = self.order.iter().position(|resident| resident.slot == slot)?;
        Some(self.order.remove(at))
    }

    fn make_room(&mut self, room: u32, before: u32, victims: &mut Vec<Victim>) {
        let held = |order: &[Resident]| order.iter().map(|resident| u64::from(resident.weight)).sum::<u64>();
        while held(&self.order) + u64::from(room) > self.capacity && !self.order.is_empty() {
            victims.push(Victim { slot: self.order.remove(0).slot, remembered: false, before });
        }
    }

    fn event(&mut self, event: Event, before: u32, victims: &mut Vec<Victim>) {
        let known = self.take(event.slot);
        let resident = match (event.what, known) {
            (What::Removed, _) => return,
            (What::Used, Some(known)) => Resident { uses: known.uses + 1, ..known },
            (What::Replaced, Some(known)) => Resident { uses: known.uses + 1, weight: event.weight, ..known },
            (_, None) => Resident { slot: event.slot, uses: 1, weight: event.weight },
        };
        self.make_room(resident.weight, before, victims);
        self.order.push(resident);
    }
}

thread_local! {
    static LRU: RefCell<Lru> = RefCell::default();
}

struct Next;

impl Guest for Next {
    fn about() -> Identity {
        Identity {
            name: "next-lru".to_owned(),
            version: "2.0.0".to_owned(),
            authors: vec!["nobody".to_owned()],
            summary: "Evicts what was asked for longest ago".to_owned(),
            controls: Vec::new(),
            settings: Vec::new(),
        }
    }

    fn open(capacity: u64, _seed: u64) -> Option<String> {
        LRU.set(Lru { capacity, order: Vec::new() });
        (capacity == 13).then(|| "not with that capacity".to_owned())
    }

    fn turn(events: Vec<Event>) -> Told {
        let mut victims = Vec::new();
        LRU.with_borrow_mut(|lru| {
            for (before, event) in (0..).zip(events) {
                lru.event(event, before, &mut victims);
            }
        });
        Told { victims, forgotten: Vec::new() }
    }

    fn resize(capacity: u64) -> Told {
        let mut victims = Vec::new();
        LRU.with_borrow_mut(|lru| {
            lru.capacity = capacity;
            lru.make_room(0, 0, &mut victims);
        });
        Told { victims, forgotten: Vec::new() }
    }

    fn residents() -> Vec<Resident> {
        LRU.with_borrow(|lru| lru.order.clone())
    }

    fn take_over(residents: Vec<Resident>) {
        LRU.with_borrow_mut(|lru| lru.order = residents);
    }
}

bindings::export!(Next with_types_in bindings);
