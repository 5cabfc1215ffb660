//! A cache in virtual time that is asked for what was recorded, when it was.
//!
//! It has the policy, the capacity and the prefetch rules that the replay's decisions give it. A request is served when it was served in
//! the recording, and takes what it took there where it ended alike; where it did not, it takes what such requests took on average.
//! What the times of later requests would have been is not known: they come when they came.

use std::sync::Arc;
use std::time::Duration;

use host_workload::recording::{Outcome, Request};

use super::recorded::served_us;
use super::survey::Survey;
use crate::data_plane::DataPlane;
use crate::entry::Entry;
use crate::key::Key;
use crate::under_way::UnderWay;
use crate::value::Value;
use crate::virtual_clock::VirtualClock;
use crate::wiring::Parts;

/// Has the cache of some parts follow a recording.
pub(super) struct Simulated<'a> {
    clock: Arc<VirtualClock>,
    survey: &'a Survey,
    /// Prefetches.
    under_way: UnderWay,
}

impl<'a> Simulated<'a> {
    /// For parts with this clock.
    pub(super) fn new(clock: Arc<VirtualClock>, survey: &'a Survey) -> Self {
        Self { clock, survey, under_way: UnderWay::default() }
    }

    /// Moves the time on.
    pub(super) fn until(&self, now: Duration) {
        self.clock.advance(now.saturating_sub(self.clock.now()));
    }

    /// Has these requests, in the order in which they were served, arrive and be served, each at its time. What of them arrived before
    /// the last call arrives now.
    ///
    /// The two are apart: prefetching goes by arrivals, which come in bursts where clients wait for workers, and its budget is spent on
    /// the first of them.
    pub(super) fn requests(&mut self, parts: &mut Parts, requests: &[Request]) {
        let mut arrivals: Vec<&Request> = requests.iter().collect();
        arrivals.sort_by_key(|request| request.at_us);
        let mut arrivals = arrivals.into_iter().peekable();
        for request in requests {
            // One that is served at once has arrived before.
            while let Some(arrived) = arrivals.next_if(|other| other.at_us <= served_us(request)) {
                self.arrive(&parts.plane, arrived);
            }
            self.serve(parts, request);
        }
    }

    /// A request has arrived: starts what the rules want prefetched.
    fn arrive(&mut self, plane: &DataPlane, request: &Request) {
        self.until(Duration::from_micros(request.at_us));
        if !matches!(request.outcome, Outcome::Hit | Outcome::Waited | Outcome::Loaded) {
            return;
        }
        self.land_what_is_due(plane);
        let sizes = &self.survey.sizes;
        let loads = plane.wanted(request.key, |key| sizes.contains_key(&key));
        for load in loads {
            let due = self.clock.now() + self.survey.load;
            plane.prefetcher.load_took(self.survey.load);
            self.under_way.begin(load, due);
        }
    }

    /// Serves a request.
    fn serve(&mut self, parts: &mut Parts, request: &Request) {
        let Parts { plane, control } = parts;
        self.until(Duration::from_micros(served_us(request)));
        let [wait, service] =
            [request.wait_us, request.service_us].map(|us| Duration::from_micros(u64::from(us)));
        match request.outcome {
            Outcome::Hit | Outcome::Waited | Outcome::Loaded => {}
            // No cache changes what fails.
            Outcome::Failed | Outcome::Work => {
                plane.metrics.finished(wait + service);
                return;
            }
        }
        self.land_what_is_due(plane);
        let (number, size) = (request.key, request.size.max(1));
        let key = Key::Number(number);
        let id = plane.cache.id(&key);
        plane.demanded(number);
        let waited = self.wait(plane, number);
        let weigh = |entry: &Entry, (): &()| entry.weight(plane.weighing);
        let hit = plane.cache.get_entry_with_by_id(id, &key, weigh).is_some();
        let recorded_hit = request.outcome != Outcome::Loaded;
        let service = match (hit, recorded_hit) {
            (true, true) | (false, false) => service,
            (true, false) => self.survey.hit,
            (false, true) => self.survey.load,
        };
        if !hit {
            plane.prefetcher.missed(number);
            plane.prefetcher.load_took(service);
            plane.metrics.loaded(service);
            plane.metrics.missed(u64::from(size));
            plane.cache.insert_by_id(id, Entry::of(&key, Value::standing_for(u64::from(size))), ());
        }
        plane.metrics.accesses.passed(number, size, hit);
        control.feed_one(id, u64::from(size));
        plane.metrics.finished(wait + waited + service);
    }

    /// Waits for the prefetch that is under way, if there is one. It causes no other load.
    fn wait(&mut self, plane: &DataPlane, number: u64) -> Duration {
        let Some(due) = self.under_way.awaited(number) else { return Duration::ZERO };
        self.land(plane, number);
        due.saturating_sub(self.clock.now())
    }

    fn land_what_is_due(&mut self, plane: &DataPlane) {
        while let Some(number) = self.under_way.landed(self.clock.now()) {
            self.land(plane, number);
        }
    }

    fn land(&mut self, plane: &DataPlane, number: u64) {
        let size = self.survey.sizes.get(&number).copied().unwrap_or(1).max(1);
        let key = Key::Number(number);
        let value = Value::standing_for(u64::from(size));
        let weight = plane.weight(&key, &value);
        plane.metrics.loaded(self.survey.load);
        plane.cache.fill(Entry::of(&key, value), ());
        plane.prefetched(number, weight);
    }
}
