//! Names what limits a pool: the resource that is used up.

use crate::load::Load;
use crate::observation::{Observation, Sample};

/// Share of its cores that this process uses, from which they are used up.
const CPU_USED_UP: f64 = 0.95;
/// Share of the machine that other processes use, from which they matter.
const OTHERS: f64 = 0.3;
/// Share of time in which tasks waited for a disk, from which that matters.
const DISK: f64 = 0.2;
/// Share of the quota's periods in which this process was held back, from which that matters.
const THROTTLED: f64 = 0.2;
/// Share of tasks that fail.
const FAILS: f64 = 0.01;
/// Share by which service is longer than among fewer tasks.
const SLOWER: f64 = 0.25;

/// Whether this process uses all of the CPU that it may.
pub(crate) fn is_cpu_used_up(now: &Observation) -> bool {
    now.own_cpu.is_some_and(|share| share > CPU_USED_UP)
        || now.throttled.is_some_and(|share| share > THROTTLED)
}

/// What limits the pool, in words.
pub(crate) fn named(now: &Observation, sample: &Sample, load: &Load) -> String {
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    if sample.failed_share() > FAILS {
        return format!("what the tasks call: {} of them fail", percent(sample.failed_share()));
    }
    if let Some(throttled) = now.throttled.filter(|share| *share > THROTTLED) {
        return format!("the CPU quota: it was used up in {} of its periods", percent(throttled));
    }
    if let Some(own) = now.own_cpu.filter(|share| *share > CPU_USED_UP) {
        return format!("CPU: this process uses {} of its cores", percent(own));
    }
    if let Some(others) = now.others_cpu.filter(|share| *share > OTHERS) {
        return format!("CPU: other processes use {} of the machine", percent(others));
    }
    if let Some(disk) = now.disk_pressure.filter(|share| *share > DISK) {
        return format!("disk: tasks waited for it in {} of the time", percent(disk));
    }
    if let Some(slowness) = load.slowness(sample).filter(|slowness| *slowness > 1.0 + SLOWER) {
        return format!("what the tasks call: they take {slowness:.1} times as long as among fewer");
    }
    if sample.is_saturated() {
        return format!("its workers: all are busy, {:.0} tasks wait", sample.queued());
    }
    format!("the demand: {} of its workers are busy", percent(sample.busy()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::tests::{Shape, sample};

    #[test]
    fn the_resource_that_is_used_up_is_named() {
        let load = Load::default();
        let full = sample(Shape::of(8, 800.0));
        let now = Observation::default();
        let named = |now: &Observation, sample: &Sample| super::named(now, sample, &load);
        assert_eq!(named(&now, &full), "its workers: all are busy, 50 tasks wait");
        let idle = sample(Shape { queued: 0.0, busy: 0.25, ..Shape::of(8, 200.0) });
        assert_eq!(named(&now, &idle), "the demand: 25 % of its workers are busy");
        let own = Observation { own_cpu: Some(0.99), ..now };
        assert_eq!(named(&own, &full), "CPU: this process uses 99 % of its cores");
        let quota = Observation { throttled: Some(0.4), own_cpu: Some(0.99), ..now };
        assert_eq!(named(&quota, &full), "the CPU quota: it was used up in 40 % of its periods");
        let others = Observation { others_cpu: Some(0.5), ..now };
        assert_eq!(named(&others, &full), "CPU: other processes use 50 % of the machine");
        let disk = Observation { disk_pressure: Some(0.6), ..now };
        assert_eq!(named(&disk, &full), "disk: tasks waited for it in 60 % of the time");
        let failing = sample(Shape { failed: 0.5, ..Shape::of(8, 800.0) });
        assert_eq!(named(&now, &failing), "what the tasks call: 50 % of them fail");
    }

    #[test]
    fn a_server_that_grows_slow_is_named() {
        let mut load = Load::default();
        load.saw(&sample(Shape { service_us: 10_000.0, ..Shape::of(2, 200.0) }));
        let slow = sample(Shape { service_us: 31_000.0, ..Shape::of(8, 258.0) });
        load.saw(&slow);
        let expected = "what the tasks call: they take 3.1 times as long as among fewer";
        assert_eq!(named(&Observation::default(), &slow, &load), expected);
    }
}
