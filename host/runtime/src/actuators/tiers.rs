//! What turns the dials of the tiers.
//!
//! A size takes effect in the background: a change of the warm tier moves all of its entries, one of the disk tier works on
//! files. The dial stands at what was asked for meanwhile.

use std::sync::Arc;

use host_contract::dial::{DISK_CAPACITY, TIERS_TTL, WARM_CAPACITY, WARM_COMPRESSION};
use host_contract::{Range, Value};
use host_control::{Actuator, Actuators};
use host_profile::Compression;

use super::{Turned, count, lifetime, mismatch, seconds};
use crate::ranges::Ranges;
use crate::tiers::Tiers;

/// Adds an actuator for each dial of the tiers that are there.
pub(super) fn add(mut all: Actuators, tiers: &Arc<Tiers>, ranges: &Ranges) -> Actuators {
    if let Some(least) = tiers.least_warm_capacity() {
        let most = ranges.memory_cap.max(least);
        all = all
            .with(WARM_CAPACITY, warm_capacity(Arc::clone(tiers), least..=most))
            .with(WARM_COMPRESSION, warm_compression(Arc::clone(tiers)));
    }
    if let Some(range) = tiers.disk_capacities() {
        all = all.with(DISK_CAPACITY, disk_capacity(Arc::clone(tiers), range));
    }
    match ranges.counted(TIERS_TTL) {
        Some(ttl) => all.with(TIERS_TTL, tiers_ttl(Arc::clone(tiers), ttl.range)),
        None => all,
    }
}

fn warm_capacity(tiers: Arc<Tiers>, range: std::ops::RangeInclusive<u64>) -> impl Actuator {
    let shown = Arc::clone(&tiers);
    let show = move || Value::Count(shown.warm_capacity());
    let turn = move |value: &Value| {
        tiers.set_warm_capacity(count(value)?);
        Ok(())
    };
    Turned { range: Range::Count(range), show, turn }
}

fn warm_compression(tiers: Arc<Tiers>) -> impl Actuator {
    let names: Vec<String> = Compression::NAMES.iter().map(|name| (*name).to_owned()).collect();
    let shown = Arc::clone(&tiers);
    let show = move || Value::Name(shown.warm_compression().name().to_owned());
    let turn = move |value: &Value| {
        let Value::Name(name) = value else { return Err(mismatch("a name", value)) };
        let compression = Compression::from_name(name).ok_or_else(|| mismatch("a compression", value))?;
        tiers.set_warm_compression(compression);
        Ok(())
    };
    Turned { range: Range::Names(names.into()), show, turn }
}

fn disk_capacity(tiers: Arc<Tiers>, range: std::ops::RangeInclusive<u64>) -> impl Actuator {
    let shown = Arc::clone(&tiers);
    let show = move || Value::Count(shown.disk_capacity());
    let turn = move |value: &Value| {
        tiers.set_disk_capacity(count(value)?);
        Ok(())
    };
    Turned { range: Range::Count(range), show, turn }
}

fn tiers_ttl(tiers: Arc<Tiers>, range: std::ops::RangeInclusive<u64>) -> impl Actuator {
    let shown = Arc::clone(&tiers);
    let show = move || Value::Count(seconds(shown.ttl()));
    let turn = move |value: &Value| {
        tiers.set_ttl(lifetime(count(value)?));
        Ok(())
    };
    Turned { range: Range::Count(range), show, turn }
}
