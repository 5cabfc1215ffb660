//! A cache in virtual time that is asked for what was recorded, when it was.
//!
//! It has the policy, the capacity and the prefetch rules that the replay's decisions give it. A request is served when it was served in
//! the recording, and takes what it took there where it ended alike; where it did not, it takes what such requests took on average.
//! What the times of later requests would have been is not known: they come when they came.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use ahash::RandomState;
use host_workload::recording::{Outcome, Request};

use super::recorded::served_us;
use super::survey::Survey;
use crate::control_plane::ControlPlane;
use crate::data_plane::DataPlane;
use crate::entry::Entry;
use crate::key::Key;
use crate::value::Value;
use crate::virtual_clock::VirtualClock;
use crate::wiring::{Parts, fixed_hasher};

/// A cache that follows a recording.
pub(super) struct Simulated<'a> {
    pub(super) plane: DataPlane,
    pub(super) control: ControlPlane,
    clock: Arc<VirtualClock>,
    survey: &'a Survey,
    /// Prefetches by the time at which they are there.
    due: BinaryHeap<Reverse<(Duration, u64)>>,
    in_flight: HashMap<u64, Duration, RandomState>,
}

impl<'a> Simulated<'a> {
    pub(super) fn new(parts: Parts, clock: Arc<VirtualClock>, survey: &'a Survey) -> Self {
        let in_flight = HashMap::with_hasher(fixed_hasher());
        let (plane, control) = (parts.plane, parts.control);
        Self { plane, control, clock, survey, due: BinaryHeap::new(), in_flight }
    }

    /// Moves the time on.
    pub(super) fn until(&self, now: Duration) {
        self.clock.advance(now.saturating_sub(self.clock.now()));
    }

    /// Has these requests arrive and be served, each at its time. What of them arrived before the last call arrives now.
    ///
    /// The two are apart: prefetching goes by arrivals, which come in bursts where clients wait for workers, and its budget is spent on
    /// the first of them.
    pub(super) fn requests(&mut self, requests: &[Request]) {
        let arrivals = requests.iter().map(|request| (request.at_us, false, request));
        let served = requests.iter().map(|request| (served_us(request), true, request));
        let mut events: Vec<(u64, bool, &Request)> = arrivals.chain(served).collect();
        // Stable: a request that is served at once has arrived before.
        events.sort_by_key(|(at, served, _)| (*at, *served));
        for (_, served, request) in events {
            if served { self.serve(request) } else { self.arrive(request) }
        }
    }

    /// A request has arrived: starts what the rules want prefetched.
    fn arrive(&mut self, request: &Request) {
        self.until(Duration::from_micros(request.at_us));
        if !matches!(request.outcome, Outcome::Hit | Outcome::Waited | Outcome::Loaded) {
            return;
        }
        self.land_what_is_due();
        let sizes = &self.survey.sizes;
        let loads = self.plane.wanted(request.key, |key| sizes.contains_key(&key));
        for load in loads {
            let due = self.clock.now() + self.survey.load;
            self.plane.prefetcher.load_took(self.survey.load);
            self.due.push(Reverse((due, load)));
            self.in_flight.insert(load, due);
        }
    }

    /// Serves a request.
    fn serve(&mut self, request: &Request) {
        self.until(Duration::from_micros(served_us(request)));
        let [wait, service] =
            [request.wait_us, request.service_us].map(|us| Duration::from_micros(u64::from(us)));
        match request.outcome {
            Outcome::Hit | Outcome::Waited | Outcome::Loaded => {}
            // No cache changes what fails.
            Outcome::Failed | Outcome::Work => {
                self.plane.metrics.finished(wait + service);
                return;
            }
        }
        self.land_what_is_due();
        let (number, size) = (request.key, request.size.max(1));
        let key = Key::Number(number);
        let id = self.plane.cache.id(&key);
        self.plane.demanded(number);
        let waited = self.wait(number);
        let weigh = |entry: &Entry, (): &()| entry.weight(self.plane.weighing);
        let hit = self.plane.cache.get_entry_with_by_id(id, &key, weigh).is_some();
        let recorded_hit = request.outcome != Outcome::Loaded;
        let service = match (hit, recorded_hit) {
            (true, true) | (false, false) => service,
            (true, false) => self.survey.hit,
            (false, true) => self.survey.load,
        };
        if !hit {
            self.plane.prefetcher.missed(number);
            self.plane.prefetcher.load_took(service);
            self.plane.metrics.loaded(service);
            self.plane.metrics.missed(u64::from(size));
            self.plane.cache.insert_by_id(id, Entry::of(&key, Value::standing_for(u64::from(size))), ());
        }
        self.plane.metrics.accesses.passed(number, size, hit);
        self.control.feed_one(id, u64::from(size));
        self.plane.metrics.finished(wait + waited + service);
    }

    /// Waits for the prefetch that is under way, if there is one. It causes no other load.
    fn wait(&mut self, number: u64) -> Duration {
        let Some(due) = self.in_flight.get(&number).copied() else { return Duration::ZERO };
        self.land(number);
        due.saturating_sub(self.clock.now())
    }

    fn land_what_is_due(&mut self) {
        while let Some(Reverse((due, number))) = self.due.peek().copied() {
            if due > self.clock.now() {
                return;
            }
            self.due.pop();
            // One that was waited for has landed already.
            if self.in_flight.contains_key(&number) {
                self.land(number);
            }
        }
    }

    fn land(&mut self, number: u64) {
        self.in_flight.remove(&number);
        let size = self.survey.sizes.get(&number).copied().unwrap_or(1).max(1);
        let key = Key::Number(number);
        let value = Value::standing_for(u64::from(size));
        let weight = self.plane.weight(&key, &value);
        self.plane.metrics.loaded(self.survey.load);
        self.plane.cache.fill(Entry::of(&key, value), ());
        self.plane.prefetched(number, weight);
    }
}
