//! Figures of the machine and this process, as rates since the sample before.
//!
//! A rate needs two readings. The first is taken by [`Sampler::new`], so that the first sample already
//! has one. CPU time of the machine is counted by the kernel in steps of 10 ms, and sysinfo asks for
//! [`MINIMUM_CPU_UPDATE_INTERVAL`] between two readings; start-up does not wait for that. A sample that
//! comes earlier repeats the CPU figure of the one before, and the very first, when there is none yet,
//! answers with the load average of the last minute over the cores, which is known at once.
//!
//! Limits, pressure and traffic of the network lie in more than a hundred files, which take most of the time of a sample. They are
//! read as often, and samples in between repeat them too. What this process takes is read for every sample.
//!
//! What other processes use is what the machine uses less what this process used in the same time; so it
//! is taken when the CPU time of the machine is. The process's own CPU time is exact at any time.

use std::path::Path;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use serde::Serialize;
use sysinfo::{
    CpuRefreshKind, MINIMUM_CPU_UPDATE_INTERVAL, MemoryRefreshKind, Networks, Pid, ProcessRefreshKind,
    ProcessesToUpdate, System,
};

use crate::cgroup::{Limits, Periods};
use crate::machine::{cpu_limit_now, memory_limit};
use crate::peak_memory::peak_memory_bytes;
use crate::pressure::Pressure;
use crate::run_queue::RunQueue;

/// One sample. Rates cover the time since the sample before, or since the sampler was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Sample {
    /// CPU that this process may use, in cores. Above 0.
    pub cpu_cores: f64,
    /// CPU in use on the machine, as a share of all its cores. 0.0 to 1.0.
    pub cpu_usage: f64,
    /// CPU that this process used, in cores: 1.5 is one core all the time and another half of it. At least 0.
    pub process_cpu_cores: f64,
    /// The same as a share of the CPU it may use (`cpu_cores`). 0.0 to 1.0.
    pub process_cpu_usage: f64,
    /// CPU in use by other processes, as a share of all cores of the machine. 0.0 to 1.0. None until a first
    /// reading, which takes 200 ms.
    pub others_cpu_usage: Option<f64>,
    /// Of the time in which threads of this process wanted a core, the share they waited for one. 0.0 to 1.0.
    /// None where the system does not tell (elsewhere than on Linux).
    pub run_queue_wait_share: Option<f64>,
    /// What the tasks of the whole machine waited for.
    pub pressure: Pressure,
    /// What the tasks of this process's control group waited for.
    pub cgroup_pressure: Pressure,
    /// Share of the periods of its control group's CPU quota in the window in which this process was held back, 0.0 to 1.0;
    /// none where there is no quota, or no period has ended.
    pub throttled: Option<f64>,
    /// Memory that this process may use. Bytes.
    pub memory_limit_bytes: u64,
    /// Memory in use on the machine, or in the control group where its limit is the smaller one. Bytes.
    pub memory_used_bytes: u64,
    /// Resident memory of this process. Bytes.
    pub process_memory_bytes: u64,
    /// The most that was resident, by [`peak_memory_bytes`](crate::peak_memory_bytes) and the samples taken.
    /// Bytes.
    pub process_memory_peak_bytes: u64,
    /// CPU time this process has used since it began, on all its threads. Seconds.
    pub process_cpu_seconds: f64,
    /// Read from disks by this process. Bytes a second. What the file cache served is not counted.
    pub disk_read_bytes_per_second: f64,
    /// Written to disks by this process. Bytes a second.
    pub disk_write_bytes_per_second: f64,
    /// Received by the machine's network interfaces other than loopback. Bytes a second.
    pub network_received_bytes_per_second: f64,
    /// Sent by the machine's network interfaces other than loopback. Bytes a second.
    pub network_sent_bytes_per_second: f64,
}

/// Where `/proc` and `/sys` are.
const ROOT: &str = "/";

/// Takes samples. One reading costs up to a millisecond; it belongs on a tick, not on a request.
#[derive(Debug)]
pub struct Sampler {
    system: Option<System>,
    networks: Option<Networks>,
    pid: Option<Pid>,
    cpu_usage: Option<f64>,
    others_cpu_usage: Option<f64>,
    cpu_read: Instant,
    /// CPU time of this process when the CPU time of the machine was read.
    own_at_cpu_read: Duration,
    totals_read: Instant,
    totals: Totals,
    run_queue: RunQueue,
    traffic: Traffic,
    periods: Option<Periods>,
    /// When traffic and periods were read.
    around_read: Instant,
    around: Option<Around>,
    /// The largest of the samples.
    sampled_peak_bytes: u64,
}

impl Default for Sampler {
    fn default() -> Self {
        Self::new()
    }
}

/// Counters that only grow; rates are their differences.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    own_cpu: Duration,
    disk_read: u64,
    disk_written: u64,
}

/// Counters of the network, which only grow.
#[derive(Debug, Clone, Copy, Default)]
struct Traffic {
    received: u64,
    sent: u64,
}

/// What is around this process, as of the last reading.
#[derive(Debug, Clone, Copy)]
struct Around {
    cpu_cores: f64,
    memory_limit_bytes: u64,
    memory_used_bytes: u64,
    pressure: Pressure,
    cgroup_pressure: Pressure,
    throttled: Option<f64>,
    received_bytes_per_second: f64,
    sent_bytes_per_second: f64,
}

impl Sampler {
    /// A sampler with its first reading taken.
    #[must_use]
    pub fn new() -> Self {
        let mut system = System::new().ok();
        if let Some(system) = &mut system {
            system.refresh_cpu_list(CpuRefreshKind::nothing().with_usage());
        }
        let now = Instant::now();
        let mut sampler = Self {
            system,
            networks: Networks::new_with_refreshed_list().ok(),
            pid: sysinfo::get_current_pid().ok(),
            cpu_usage: None,
            others_cpu_usage: None,
            cpu_read: now,
            own_at_cpu_read: own_cpu(),
            totals_read: now,
            totals: Totals::default(),
            run_queue: RunQueue::new(Path::new(ROOT)),
            traffic: Traffic::default(),
            periods: Periods::read(Path::new(ROOT)),
            around_read: now,
            around: None,
            sampled_peak_bytes: 0,
        };
        sampler.refresh_process();
        sampler.totals = sampler.read_totals();
        sampler.traffic = sampler.read_traffic();
        sampler
    }

    /// Reads again what has to be.
    pub fn sample(&mut self) -> Sample {
        self.refresh_process();
        let (before, totals) = (self.totals, self.read_totals());
        let seconds = self.totals_read.elapsed().as_secs_f64();
        self.totals = totals;
        self.totals_read = Instant::now();

        let process_memory_bytes = self.process().map_or(0, sysinfo::Process::memory);
        self.sampled_peak_bytes = self.sampled_peak_bytes.max(process_memory_bytes);
        let around = self.around();
        let cpu_cores = around.cpu_cores;
        let process_cpu_cores = cores_used(before.own_cpu, totals.own_cpu, seconds);
        let cpu_usage = self.cpu_usage();
        Sample {
            cpu_cores,
            cpu_usage,
            process_cpu_cores,
            process_cpu_usage: share(process_cpu_cores / cpu_cores),
            others_cpu_usage: self.others_cpu_usage,
            run_queue_wait_share: self.run_queue.wait_share(Path::new(ROOT)),
            pressure: around.pressure,
            cgroup_pressure: around.cgroup_pressure,
            throttled: around.throttled,
            memory_limit_bytes: around.memory_limit_bytes,
            memory_used_bytes: around.memory_used_bytes,
            process_memory_bytes,
            // The kernel's two figures are each a few pages off, so the peak could lie below a sample.
            process_memory_peak_bytes: peak_memory_bytes().unwrap_or(0).max(self.sampled_peak_bytes),
            process_cpu_seconds: totals.own_cpu.as_secs_f64(),
            disk_read_bytes_per_second: rate(before.disk_read, totals.disk_read, seconds),
            disk_write_bytes_per_second: rate(before.disk_written, totals.disk_written, seconds),
            network_received_bytes_per_second: around.received_bytes_per_second,
            network_sent_bytes_per_second: around.sent_bytes_per_second,
        }
    }

    /// What is around this process, read again where the last reading is old enough.
    fn around(&mut self) -> Around {
        let since = self.around_read.elapsed();
        if let Some(around) = self.around.filter(|_| since < MINIMUM_CPU_UPDATE_INTERVAL) {
            return around;
        }
        if let Some(networks) = &mut self.networks {
            networks.refresh(true);
        }
        // The limits of a control group can be changed while the process runs.
        let root = Path::new(ROOT);
        let limits = Limits::read(root);
        let (memory_limit_bytes, memory_used_bytes) = self.memory(&limits);
        let (periods, traffic) = (Periods::read(root), self.read_traffic());
        let seconds = self.around_read.elapsed().as_secs_f64();
        let around = Around {
            cpu_cores: cpu_limit_now(self.system.as_ref().map_or(0, |s| s.cpus().len()), &limits).1,
            memory_limit_bytes,
            memory_used_bytes,
            pressure: Pressure::of_machine(root),
            cgroup_pressure: Pressure::of_cgroup(root),
            throttled: periods.zip(self.periods).and_then(|(now, before)| now.share_since(before)),
            received_bytes_per_second: rate(self.traffic.received, traffic.received, seconds),
            sent_bytes_per_second: rate(self.traffic.sent, traffic.sent, seconds),
        };
        self.periods = periods;
        self.traffic = traffic;
        self.around_read = Instant::now();
        self.around = Some(around);
        around
    }

    fn cpu_usage(&mut self) -> f64 {
        let Some(system) = &mut self.system else { return 0.0 };
        let cores = u32::try_from(system.cpus().len().max(1)).unwrap_or(u32::MAX);
        if self.cpu_read.elapsed() >= MINIMUM_CPU_UPDATE_INTERVAL {
            system.refresh_cpu_specifics(CpuRefreshKind::nothing().with_usage());
            let (seconds, own) = (self.cpu_read.elapsed().as_secs_f64(), own_cpu());
            self.cpu_read = Instant::now();
            let usage = share(f64::from(system.global_cpu_usage()) / 100.0);
            self.cpu_usage = Some(usage);
            let own_cores = cores_used(self.own_at_cpu_read, own, seconds);
            self.others_cpu_usage = Some(share(usage - own_cores / f64::from(cores)));
            self.own_at_cpu_read = own;
        }
        self.cpu_usage
            .unwrap_or_else(|| System::load_average().map_or(0.0, |load| share(load.one / f64::from(cores))))
    }

    /// The limit, and what is used of it.
    fn memory(&mut self, limits: &Limits) -> (u64, u64) {
        let Some(system) = &mut self.system else { return (0, 0) };
        system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        let (limit_bytes, _) = memory_limit(system.total_memory(), limits);
        let in_group = limits.memory.filter(|group| group.bytes == limit_bytes).and_then(|g| g.used_bytes);
        (limit_bytes, in_group.unwrap_or_else(|| system.used_memory()))
    }

    fn refresh_process(&mut self) {
        if let (Some(system), Some(pid)) = (&mut self.system, self.pid) {
            let kind = ProcessRefreshKind::nothing().with_memory().with_disk_usage().without_tasks();
            system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, kind);
        }
    }

    fn process(&self) -> Option<&sysinfo::Process> {
        self.system.as_ref()?.process(self.pid?)
    }

    fn read_totals(&self) -> Totals {
        let mut totals = Totals { own_cpu: own_cpu(), ..Totals::default() };
        if let Some(process) = self.process() {
            let disk = process.disk_usage();
            totals.disk_read = disk.total_read_bytes;
            totals.disk_written = disk.total_written_bytes;
        }
        totals
    }

    fn read_traffic(&self) -> Traffic {
        let mut traffic = Traffic::default();
        for interface in self.networks.iter().flat_map(|networks| networks.values()) {
            let addresses = interface.ip_networks();
            if addresses.is_empty() || addresses.iter().any(|network| !network.addr.is_loopback()) {
                traffic.received = traffic.received.saturating_add(interface.total_received());
                traffic.sent = traffic.sent.saturating_add(interface.total_transmitted());
            }
        }
        traffic
    }
}

/// An interface that vanished takes its total with it: then there is no rate rather than a negative one.
#[expect(clippy::as_conversions, reason = "bytes of one window stay far below 2^53")]
fn rate(before: u64, after: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { after.saturating_sub(before) as f64 / seconds } else { 0.0 }
}

fn share(value: f64) -> f64 {
    if value.is_finite() { value.clamp(0.0, 1.0) } else { 0.0 }
}

/// CPU time this process has used since it began, on all its threads.
fn own_cpu() -> Duration {
    ProcessTime::try_now().map_or(Duration::ZERO, |time| time.as_duration())
}

fn cores_used(before: Duration, after: Duration, seconds: f64) -> f64 {
    if seconds > 0.0 { after.saturating_sub(before).as_secs_f64() / seconds } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;
    use crate::Machine;
    use crate::test_root::PEAK_MEMORY;

    fn spin(duration: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < duration {
            black_box(begun);
        }
    }

    #[test]
    fn the_first_sample_after_work_shows_cpu_and_memory() {
        let _alone = PEAK_MEMORY.lock().unwrap();
        let machine = Machine::read(Path::new("."));
        let mut sampler = Sampler::new();
        spin(MINIMUM_CPU_UPDATE_INTERVAL + Duration::from_millis(50));
        let sample = sampler.sample();
        assert!(sample.cpu_usage > 0.0 && sample.cpu_usage <= 1.0, "{sample:?}");
        assert_eq!(sample.cpu_cores, machine.cpu_limit);
        assert!(sample.memory_limit_bytes > 0 && sample.memory_used_bytes > 0, "{sample:?}");
        assert!(sample.process_memory_bytes > 0);
        assert!(sample.process_memory_peak_bytes >= sample.process_memory_bytes);
        assert!(sample.process_cpu_seconds > 0.0);
        assert!(sample.process_cpu_cores > 0.0, "{sample:?}");
        assert!(sample.process_cpu_usage > 0.0 && sample.process_cpu_usage <= 1.0, "{sample:?}");
        assert!(sample.others_cpu_usage.is_some_and(|others| others <= sample.cpu_usage), "{sample:?}");
        #[cfg(target_os = "linux")]
        assert!(sample.run_queue_wait_share.is_none_or(|share| (0.0..=1.0).contains(&share)), "{sample:?}");
    }

    #[test]
    fn the_own_share_is_of_the_window_only() {
        let two = Duration::from_secs(2);
        assert_eq!(cores_used(two, two * 2, 4.0), 0.5);
        assert_eq!(cores_used(two, two, 4.0), 0.0);
        assert_eq!(cores_used(two, Duration::ZERO, 4.0), 0.0);
        assert_eq!(cores_used(Duration::ZERO, two, 0.0), 0.0);
    }

    #[test]
    fn a_sample_too_early_for_cpu_time_repeats_the_figure_before() {
        let mut sampler = Sampler::new();
        sampler.cpu_usage = Some(0.625);
        sampler.cpu_read = Instant::now() + Duration::from_secs(60);
        assert_eq!(sampler.sample().cpu_usage, 0.625);
    }

    #[test]
    fn a_sample_too_early_repeats_what_is_around_and_one_later_does_not() {
        let mut sampler = Sampler::new();
        let first = sampler.sample();
        let known = sampler.around.as_mut().unwrap();
        known.memory_limit_bytes = 7;
        assert_eq!(sampler.sample().memory_limit_bytes, 7);
        sampler.around_read = Instant::now().checked_sub(MINIMUM_CPU_UPDATE_INTERVAL).unwrap();
        assert_eq!(sampler.sample().memory_limit_bytes, first.memory_limit_bytes);
    }

    #[test]
    fn the_peak_outlives_the_memory() {
        let _alone = PEAK_MEMORY.lock().unwrap();
        let mut sampler = Sampler::new();
        let block = black_box(vec![1_u8; 64 << 20]);
        let with = sampler.sample();
        drop(block);
        let without = sampler.sample();
        assert!(with.process_memory_bytes >= 64 << 20, "{with:?}");
        assert!(without.process_memory_peak_bytes >= with.process_memory_bytes, "{without:?}");
    }

    #[test]
    fn writing_shows_as_a_disk_rate() {
        use std::io::Write as _;
        let mut sampler = Sampler::new();
        let mut file = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        file.write_all(&vec![7; 4 << 20]).unwrap();
        file.sync_all().unwrap();
        assert!(cfg!(not(target_os = "linux")) || sampler.sample().disk_write_bytes_per_second > 0.0);
    }

    #[test]
    fn rates_never_go_below_zero() {
        assert_eq!(rate(100, 300, 2.0), 100.0);
        assert_eq!(rate(300, 100, 2.0), 0.0);
        assert_eq!(rate(0, 100, 0.0), 0.0);
        assert_eq!(share(f64::NAN), 0.0);
        assert_eq!(share(1.7), 1.0);
    }
}
