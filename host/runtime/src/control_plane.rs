//! One tick, for wall time and virtual time alike: look, consult and apply, write down.
//!
//! It knows no clock and no thread: whoever drives it says what time it is, and when to tick. What differs between wall
//! time and virtual time is handed in when it is made: a machine to sample or none, pools or none.

use std::sync::Arc;
use std::time::Duration;

use host_cache::{PolicyFactory, Shadows};
use host_contract::dial::{CPU_WORKERS, IO_WORKERS, PREFETCH_IN_FLIGHT};
use host_contract::gauge::Values;
use host_contract::number::to_f64;
use host_contract::snapshot::{self, Snapshot, System};
use host_contract::{Dial, Range, Value};
use host_control::ledger::{Commanded, Decision, End, Record, Requests, RulesChanged, Run};
use host_control::{Actuators, ControlLoop, Controls, NoSuchStrategy, Registration, Status};
use host_executor::Executor;
use host_plugin::StateStore;
use host_prefetch::Prefetcher;
use host_profile::{MemorySettings, Settings};
use host_telemetry::Sampler;

use crate::actuators::{Turnable, actuators};
use crate::data_plane::{DataPlane, Store};
use crate::error::HostError;
use crate::fallbacks;
use crate::ledger::Ledger;
use crate::modelled::Modelled;
use crate::policies::Policies;
use crate::ranges::{loop_config, prefetches, ranges};
use crate::refresh::Refresh;
use crate::report;
use crate::rule_book::Rules;
use crate::shadow_control::Following;
use crate::snapshot_builder::{Prefetch, Sample, SnapshotBuilder};
use crate::tier_windows::TierWindows;
use crate::tiers::Tiers;
use crate::tuning::Tuner;
use crate::warm::hot::Hot;

mod policies;

use policies::StandIn;

/// What a tick reads and turns.
pub(crate) struct ControlPlane {
    pub(crate) control: ControlLoop,
    pub(crate) cache: Arc<Store>,
    pub(crate) prefetcher: Arc<Prefetcher>,
    /// None in virtual time.
    pub(crate) executor: Option<Arc<Executor>>,
    /// What is below the cache; none where nothing is.
    pub(crate) tiers: Option<Arc<Tiers>>,
    pub(crate) tier_windows: TierWindows,
    /// None in virtual time.
    pub(crate) refresh: Option<Arc<Refresh>>,
    /// Latency that the operator wants of every class of tasks.
    pub(crate) latency_target: Option<Duration>,
    /// Share of the requests that the operator wants served without a load.
    pub(crate) hit_ratio_target: Option<f64>,
    /// When memory is short.
    pub(crate) memory: MemorySettings,
    /// The policies that cache and shadows can follow.
    pub(crate) policies: Arc<Policies>,
    /// The policy that the settings start with.
    pub(crate) start: String,
    pub(crate) stand_in: Option<StandIn>,
    /// How often a policy had failed at the last look.
    pub(crate) fallbacks: u64,
    pub(crate) shadows: Option<Shadows>,
    /// The capacity whose multiples the shadows run at.
    pub(crate) shadow_capacity: u64,
    /// Policies that the shadows may follow at once.
    pub(crate) shadow_budget: u32,
    pub(crate) actuators: Actuators,
    pub(crate) rules: Rules,
    pub(crate) machine: Machine,
    pub(crate) builder: SnapshotBuilder,
    pub(crate) ledger: Ledger,
    /// Whether the requests that strategies are shown go on the ledger.
    pub(crate) records_requests: bool,
    /// Which keys are asked for most, where anybody wants to know.
    pub(crate) hot: Option<Hot>,
    /// What the last tick saw.
    pub(crate) last: Arc<Snapshot>,
}

/// Where the figures of the machine come from.
pub(crate) enum Machine {
    /// This machine.
    Sampled(Box<Sampler>),
    /// No machine: what a strategy may read of it is the same everywhere. Memory that the process may use, bytes.
    Nominal(u64),
    /// A model, which stands in for the pools as well.
    Modelled(Arc<Modelled>),
    /// What another run has measured, its pools among it.
    Recorded(Box<Measured>),
}

/// What a run measured of its machine and its pools.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measured {
    pub(crate) system: System,
    /// The gauges beside the record.
    pub(crate) gauges: Values,
    pub(crate) pools: Option<snapshot::Executor>,
}

/// What a host leaves behind.
#[derive(Debug)]
pub struct Finished {
    /// Every change of a dial, oldest first.
    pub decisions: Vec<Decision>,
    /// Every change of the prefetch rules, oldest first.
    pub rules: Vec<RulesChanged>,
    /// Where each strategy stands at the end, and what happened to it.
    pub strategies: Vec<Status>,
    /// What tuning cost.
    pub cost: report::Cost,
    /// The last snapshot.
    pub last: Arc<Snapshot>,
    /// The keys that were asked for most, with the requests for each that ticks saw, the hottest first. Nothing where they
    /// were not [counted](crate::Options::count_hot).
    pub hot: Vec<(u64, u64)>,
    /// What the operator should know: proposals refused, a ledger that is not whole.
    pub notes: Vec<String>,
}

impl ControlPlane {
    /// Writes the first line of the ledger.
    pub(crate) fn begin(&mut self, profile: &str, workload: &str) {
        let run = Run {
            profile: profile.to_owned(),
            workload: workload.to_owned(),
            about: self.builder.run(),
            strategies: self.control.identities().cloned().collect(),
            settings: self.control.starting().clone(),
        };
        self.ledger.write(vec![Record::Run(run)]);
    }

    /// Takes the samples of the requests that wait for the shadows.
    pub(crate) fn feed(&mut self, plane: &DataPlane) {
        if let (Some(tap), Some(shadows)) = (&plane.tap, &mut self.shadows) {
            let stats = self.cache.stats();
            plane.prefixes.before_samples(shadows);
            tap.drain_into(shadows, stats.hits + stats.misses);
            plane.prefixes.after_samples();
        }
    }

    /// Shows the shadows one request at once, where there is no tap.
    pub(crate) fn feed_one(&mut self, id: u64, weight: u64) {
        if let Some(shadows) = &mut self.shadows {
            shadows.feed(id, weight);
        }
    }

    /// The policies that the shadows follow; none where there are no shadows.
    pub(crate) fn followed(&self) -> Vec<PolicyFactory> {
        self.shadows.as_ref().map(Shadows::policies).unwrap_or_default()
    }

    /// One tick at the time `now`.
    pub(crate) fn tick(&mut self, now: Duration, plane: &DataPlane) -> Arc<Snapshot> {
        let snapshot = self.look(now, plane);
        self.hold(&snapshot);
        snapshot
    }

    /// The part of a tick that follows the look: strategies are shown this snapshot.
    pub(crate) fn hold(&mut self, snapshot: &Arc<Snapshot>) {
        let fallback = self.builder.take_fallback();
        self.ledger.write(fallback.into_iter().collect());
        if self.records_requests {
            let requests = Requests::between(&self.last.accesses, &snapshot.accesses, snapshot.tick);
            self.ledger.write(vec![Record::Requests(requests)]);
        }
        let mut shadows = Following {
            shadows: self.shadows.as_mut(),
            budget: self.shadow_budget,
            policies: &self.policies,
        };
        let controls =
            &mut Controls { actuators: &mut self.actuators, rules: &mut self.rules, shadows: &mut shadows };
        let before = self.cache.policy();
        let records = self.control.tick(snapshot, controls);
        self.ledger.write(records);
        self.adopt_shadow(&before);
        // The shadows follow the capacity, so that an estimate always speaks of multiples of the present one.
        let capacity = self.cache.capacity();
        // All but those that stand for a capacity that was left, until that is judged.
        if capacity != self.shadow_capacity
            && !self.control.keeps_shadows()
            && let Some(shadows) = &mut self.shadows
        {
            shadows.set_capacity(capacity);
            self.shadow_capacity = capacity;
        }
        self.last = Arc::clone(snapshot);
    }

    /// Where the policy was changed: lets the cache take over what its shadow has learnt, if that follows every key.
    fn adopt_shadow(&mut self, before: &PolicyFactory) {
        let policy = self.cache.policy();
        // An empty cache has nothing to catch up with.
        if policy != *before
            && !self.cache.is_empty()
            && let Some(state) = self.shadows.as_mut().and_then(|shadows| shadows.state(&policy))
        {
            self.cache.adopt(state);
        }
    }

    /// The last look, at the time `now`; the ledger is closed.
    pub(crate) fn finish(mut self, now: Duration, plane: &DataPlane) -> Finished {
        let ticks = self.builder.ticks();
        self.prefetcher.finish();
        let last = self.look(now, plane);
        self.close(ticks, last, plane)
    }

    /// The part of the end that follows the last look, after so many ticks.
    pub(crate) fn close(mut self, ticks: u64, last: Arc<Snapshot>, plane: &DataPlane) -> Finished {
        let mut records = vec![Record::Tick(Arc::clone(&last))];
        records.extend(self.builder.take_fallback());
        records.extend(self.control.finish(&last));
        records.push(Record::End(End {
            ticks,
            hits: last.cache.hits,
            misses: last.cache.misses,
            decisions: u64::try_from(self.control.decisions().len()).unwrap_or(u64::MAX),
        }));
        self.ledger.write(records);
        let control = &self.control;
        let costs = control.costs().map(|(who, cost)| (who.name.clone(), cost.clone())).collect();
        let cost = report::Cost { ticks, strategies: costs, ..report::Cost::default() };
        let mut notes = report::objections(&cost.strategies);
        notes.extend(fallbacks::note(&self.cache.stats()));
        notes.extend(plane.tap.as_ref().and_then(|tap| unsampled(tap.dropped())));
        notes.extend(self.executor.as_ref().and_then(|executor| panicked(&executor.window())));
        let (decisions, rules) = (control.decisions().to_vec(), control.rule_changes().to_vec());
        let strategies = control.statuses().collect();
        notes.extend(self.ledger.finish().map(|error| format!("the ledger is not whole: {error}")));
        let hot = self.hot.take().map(Hot::hottest).unwrap_or_default();
        Finished { decisions, rules, strategies, cost, last, hot, notes }
    }

    /// Puts on the ledger that somebody told the host to do something.
    pub(crate) fn commanded(&mut self, now: Duration, command: &'static str, detail: String) {
        let at_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        self.ledger.write(vec![Record::Command(Commanded { at_ms, command, detail })]);
    }

    /// Goes on under other settings. A value that is out of its new range moves to the nearest inside.
    pub(crate) fn reload(&mut self, settings: &Settings) -> Result<(), String> {
        self.control.configure(loop_config(settings, 0));
        let ranges = ranges(settings, settings.cache.capacity.get());
        let before = self.actuators.values();
        let parts = Turnable {
            cache: (&self.cache, &self.policies),
            prefetcher: &self.prefetcher,
            executor: self.executor.as_ref(),
            refresh: self.refresh.as_ref(),
            tiers: self.tiers.as_ref(),
        };
        self.actuators = actuators(&parts, &ranges);
        self.rules.reload(settings);
        match (before.contains_key(&PREFETCH_IN_FLIGHT), prefetches(settings)) {
            (true, false) => self.prefetcher.set_max_in_flight(0),
            (false, true) => self.prefetcher.set_max_in_flight(settings.prefetch.max_in_flight),
            _ => {}
        }
        self.latency_target = settings.executor.latency_target;
        self.hit_ratio_target = settings.cache.hit_ratio_target;
        self.memory = settings.memory;
        let mut failed = Vec::new();
        for (dial, value) in before {
            let Some(range) = self.actuators.range(dial) else { continue };
            let within = range.admit(&value).map(|(within, _)| within).unwrap_or(value);
            if let Err(error) = self.actuators.apply(dial, &within) {
                failed.push(format!("{dial}: {error}"));
            }
        }
        if let Some(shadows) = &mut self.shadows {
            self.shadow_capacity = self.cache.capacity();
            shadows.set_capacity(self.shadow_capacity);
        }
        if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
    }

    /// Puts a value in force. What was being judged of the dial is closed, and what strategies fall back to is this value from here.
    ///
    /// # Errors
    /// The dial does not take it, in words.
    pub(crate) fn set(&mut self, dial: Dial, value: &Value) -> Result<(), String> {
        self.actuators.apply(dial, value)?;
        self.control.start_from(dial, value.clone());
        let records = self.control.overruled(dial, &self.last);
        self.ledger.write(records);
        Ok(())
    }

    /// Stops consulting a strategy; what it holds returns to the starting values.
    pub(crate) fn retire(&mut self, name: &str, reason: &str) -> Result<(), NoSuchStrategy> {
        let mut shadows = Following {
            shadows: self.shadows.as_mut(),
            budget: self.shadow_budget,
            policies: &self.policies,
        };
        let controls =
            &mut Controls { actuators: &mut self.actuators, rules: &mut self.rules, shadows: &mut shadows };
        let records = self.control.retire(name, reason, &self.last, controls)?;
        self.ledger.write(records);
        Ok(())
    }

    /// Gives a strategy a full budget of restarts, and starts it again where it does not take part; with `forget`, without what it
    /// has learnt there. The file of that is moved by this thread, so that no tick of the strategy comes between.
    pub(crate) fn reset(&mut self, name: &str, forget: Option<&StateStore>) -> Result<(), HostError> {
        self.control.check_in(name)?;
        let forgotten = match forget.map(|states| states.forget(name)) {
            Some(Err(error)) => return Err(HostError::Forget { name: name.to_owned(), error }),
            Some(Ok(Some(aside))) => Some(format!("what it had learnt was set aside as {}", aside.display())),
            Some(Ok(None)) => Some("what it had learnt is forgotten".to_owned()),
            None => None,
        };
        let records = self.control.reset(name, forgotten.as_deref(), &self.last)?;
        self.ledger.write(records);
        Ok(())
    }

    /// Consults another strategy of that name from now on.
    pub(crate) fn replace(&mut self, with: Registration) {
        let records = self.control.replace(with, self.last.tick);
        self.ledger.write(records);
    }

    /// Whether all of the work is there from the start.
    pub(crate) fn is_batch(&self) -> bool {
        self.builder.run().batch
    }

    /// Bounds the IO tasks that run at once; says how many may now.
    pub(crate) fn bound_io(&self, most: u32) -> u32 {
        self.executor.as_ref().map_or(0, |executor| executor.bound_io(most))
    }

    /// Where each strategy stands, and what it has cost.
    pub(crate) fn tuners(&self) -> impl Iterator<Item = Tuner> {
        let costs = self.control.costs().map(|(_, cost)| cost.clone());
        self.control.statuses().zip(costs).map(|(status, cost)| Tuner { status, cost })
    }

    /// What there is to see at the time `now`.
    pub(crate) fn look(&mut self, now: Duration, plane: &DataPlane) -> Arc<Snapshot> {
        // Together with the time: what follows takes milliseconds, in which requests go on to finish.
        let finished = plane.metrics.count();
        self.feed(plane);
        if let Some(shadows) = &mut self.shadows {
            plane.prefixes.look(shadows);
        }
        let cache = self.cache.stats();
        self.note_failed(&cache);
        let (system, mut gauges) = self.machine.sample();
        gauges.extend(plane.metrics.take_origin_p99().map(|p99| ("origin-latency-p99", p99)));
        gauges.insert("missed-bytes", to_f64(plane.metrics.take_missed_bytes()));
        gauges.extend(self.of_settings(&system, &gauges));
        gauges.extend(self.refresh.as_ref().map(|refresh| ("refreshed", to_f64(refresh.take_done()))));
        if let Some(tiers) = &self.tiers {
            gauges.extend(self.tier_windows.look(now, tiers));
        }
        let sample = Sample {
            system,
            cache,
            policies: self.policies.names(),
            shadows: self.shadows.as_mut().map(Shadows::estimates).unwrap_or_default(),
            executor: match &self.machine {
                Machine::Modelled(model) => model.pools(),
                Machine::Recorded(measured) => measured.pools.clone(),
                Machine::Sampled(_) | Machine::Nominal(_) => {
                    self.executor.as_ref().map(|executor| self.pools(executor.window()))
                }
            },
            prefetch: self.prefetch(),
            accesses: plane.metrics.accesses.recent(&self.last.accesses),
            finished,
            latency: plane.metrics.take_window(),
            gauges,
        };
        if let Some(hot) = &mut self.hot {
            hot.note(&sample.accesses);
        }
        Arc::new(self.builder.snapshot(now, sample))
    }

    /// The gauges that follow from the settings, on a machine with these readings.
    pub(crate) fn of_settings(&self, system: &System, gauges: &Values) -> Values {
        let room = room(&self.memory, system, gauges).map(|room| ("memory-room", room));
        let target = self.hit_ratio_target.map(|target| ("target-hit-ratio", target));
        room.into_iter().chain(target).collect()
    }

    fn prefetch(&self) -> Prefetch {
        let owners = self.control.identities().map(|identity| identity.name.clone()).collect();
        Prefetch {
            in_flight: self.prefetcher.in_flight(),
            max_in_flight: self.prefetcher.max_in_flight(),
            cache_share: self.prefetcher.cache_share(),
            max_rules: host_control::RuleBook::limit(&self.rules).unwrap_or(0),
            rules: self.prefetcher.stats(),
            totals: self.prefetcher.totals(),
            owners,
        }
    }

    fn pools(&self, stats: host_executor::ExecutorStats) -> snapshot::Executor {
        let pool = |pool: host_executor::PoolStats, dial: Dial| {
            let (min_workers, max_workers) = match self.actuators.range(dial) {
                Some(Range::Count(range)) => (small(*range.start()), small(*range.end())),
                _ => (0, 0),
            };
            snapshot::Pool {
                workers: pool.workers,
                min_workers,
                max_workers,
                utilisation: pool.utilisation,
                queued: pool.queued,
                window_completed: pool.window_completed,
                mean_wait_us: pool.mean_wait_us,
                mean_service_us: pool.mean_service_us,
            }
        };
        let class = |class: host_executor::ClassStats| snapshot::Class {
            name: class.name,
            kind: class.kind,
            completed: class.completed,
            cpu_share: class.cpu_share,
            wait_p50_us: class.wait_p50_us,
            wait_p99_us: class.wait_p99_us,
            service_p50_us: class.service_p50_us,
            service_p99_us: class.service_p99_us,
            window_completed: class.window_completed,
            window_failed: class.window_failed,
            latency_target_us: self.latency_target.map(|target| target.as_secs_f64() * 1e6),
        };
        snapshot::Executor {
            cpu: pool(stats.cpu, CPU_WORKERS),
            io: pool(stats.io, IO_WORKERS),
            classes: stats.classes.into_iter().map(class).collect(),
        }
    }
}

/// Memory that may still be taken, bytes; none where the machine tells nothing.
fn room(memory: &MemorySettings, system: &System, gauges: &Values) -> Option<f64> {
    let (limit, used) = (system.memory_limit_bytes, system.memory_used_bytes);
    if limit == 0 || used == 0 {
        return None;
    }
    let waits = gauges.get("psi-memory").is_some_and(|share| *share >= memory.pressure);
    let room = to_f64(limit.saturating_sub(used)) - to_f64(limit) * memory.keep_free;
    Some(if waits { 0.0 } else { room.max(0.0) })
}

impl Machine {
    /// The figures of the frozen record, and the gauges beside it.
    fn sample(&mut self) -> (System, Values) {
        let sampler = match self {
            Self::Sampled(sampler) => sampler,
            Self::Nominal(memory) => {
                let nominal = System { cpu_cores: 1.0, memory_limit_bytes: *memory, ..System::default() };
                return (nominal, Values::new());
            }
            Self::Modelled(model) => return model.sample(),
            Self::Recorded(measured) => return (measured.system.clone(), measured.gauges.clone()),
        };
        let sample = sampler.sample();
        let system = System {
            cpu_cores: sample.cpu_cores,
            cpu_usage: sample.cpu_usage,
            memory_limit_bytes: sample.memory_limit_bytes,
            memory_used_bytes: sample.memory_used_bytes,
            process_memory_bytes: sample.process_memory_bytes,
            disk_read_bytes_per_second: sample.disk_read_bytes_per_second,
            disk_write_bytes_per_second: sample.disk_write_bytes_per_second,
            network_received_bytes_per_second: sample.network_received_bytes_per_second,
            network_sent_bytes_per_second: sample.network_sent_bytes_per_second,
        };
        let measured = [
            ("process-cpu-cores", Some(sample.process_cpu_cores)),
            ("others-cpu-usage", sample.others_cpu_usage),
            ("run-queue-wait", sample.run_queue_wait_share),
            ("cpu-throttled", sample.throttled),
            ("psi-cpu", sample.pressure.cpu_some),
            ("psi-io", sample.pressure.io_some),
            ("psi-memory", sample.pressure.memory_some),
        ];
        (system, measured.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
    }
}

/// Samples that did not fit the queue to the shadows bias their estimates: the operator is told.
fn unsampled(dropped: u64) -> Option<String> {
    let note =
        || format!("the shadows did not see {dropped} requests: the control thread had no time for them");
    (dropped > 0).then(note)
}

/// A panic costs the request that it happens in, and nothing else: but nobody may take the figures for those of all requests.
fn panicked(stats: &host_executor::ExecutorStats) -> Option<String> {
    let tasks: u64 = stats.classes.iter().map(|class| class.panicked).sum();
    (tasks > 0).then(|| {
        format!(
            "tasks that panicked: {tasks}; each is a request that was not served, by a defect of the host. Please report it with \
             the message on standard error"
        )
    })
}

fn small(workers: u64) -> u32 {
    u32::try_from(workers).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
