//! What the phases are for: that policies differ in them as the table says, and that a seed fixes every operation.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::*;

/// Long enough that what a phase is made for shows in counts.
fn long() -> Plan {
    Plan { cache_requests: 16_000, ..Plan::default() }
}

fn generator(cache_entries: u64) -> Generator {
    Generator::new(7, Plan { cache_entries, ..long() }).unwrap()
}

fn keys(generator: &Generator, kind: PhaseKind) -> Vec<u64> {
    let phase = generator.phases().iter().find(|phase| phase.kind == kind).unwrap();
    generator.ops(phase).map(|op| op.key).collect()
}

/// Hit ratio of the naive policy that evicts the entry with the least (uses, last use), or the least last use.
fn hit_ratio(keys: &[u64], capacity: usize, by_use: bool) -> f64 {
    let mut entries: HashMap<u64, (u64, usize)> = HashMap::new();
    let mut order: BTreeMap<(u64, usize), u64> = BTreeMap::new();
    let mut hits = 0;
    for (now, key) in keys.iter().enumerate() {
        let uses = match entries.get(key) {
            Some(rank) => {
                hits += 1;
                order.remove(rank);
                rank.0 + u64::from(by_use)
            }
            None => {
                if entries.len() == capacity {
                    let (_, victim) = order.pop_first().unwrap();
                    entries.remove(&victim);
                }
                0
            }
        };
        entries.insert(*key, (uses, now));
        order.insert((uses, now), *key);
    }
    f64::from(hits) / keys.len() as f64
}

#[test]
fn policies_differ_as_the_table_says() {
    for entries in [256, 1_000, 2_000] {
        let generator = generator(entries);
        let ratios = |kind| {
            let keys = keys(&generator, kind);
            let ratios =
                (hit_ratio(&keys, entries as usize, false), hit_ratio(&keys, entries as usize, true));
            eprintln!("{entries} entries, {kind:?}: LRU {:.3}, LFU {:.3}", ratios.0, ratios.1);
            ratios
        };
        let (lru, lfu) = ratios(PhaseKind::HotSet);
        assert!(lfu > lru && lru > 0.2, "hot-set: LRU {lru}, LFU {lfu}");
        let (lru, lfu) = ratios(PhaseKind::Scan);
        assert!(lfu > lru + 0.03, "scan: LRU {lru}, LFU {lfu}");
        let (lru, lfu) = ratios(PhaseKind::Shift);
        assert!(lru > lfu + 0.1, "shift: LRU {lru}, LFU {lfu}");
        let (lru, lfu) = ratios(PhaseKind::Loop);
        assert!(lfu > lru + 0.1, "loop: LRU {lru}, LFU {lfu}");
    }
}

#[test]
fn a_seed_fixes_every_operation() {
    let plan = Plan::default();
    let digest = |seed| {
        let generator = Generator::new(seed, plan.clone()).unwrap();
        let text: String = generator
            .phases()
            .iter()
            .flat_map(|phase| generator.ops(phase))
            .map(|op| format!("{op:?}\n"))
            .collect();
        blake3::hash(text.as_bytes())
    };
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
    // A phase does not depend on whether another was produced before it.
    let generator = Generator::new(1, plan).unwrap();
    let last = generator.phases()[3];
    let alone: Vec<_> = generator.ops(&last).collect();
    assert!(generator.phases().iter().all(|phase| generator.ops(phase).count() > 0));
    assert!(generator.ops(&last).eq(alone));
}

#[test]
fn phases_come_in_order_with_the_counts_of_the_plan() {
    let plan = Plan { cache_requests: 100, cpu_tasks: 10, io_tasks: 1, scale: 0.5, ..Plan::default() };
    let generator = Generator::new(0, plan).unwrap();
    let phases: Vec<_> = generator.phases().iter().map(|phase| (phase.name, phase.requests)).collect();
    assert_eq!(
        phases,
        [("hot-set", 50), ("scan", 50), ("shift", 50), ("loop", 50), ("cpu-burst", 5), ("io-burst", 1)]
    );
    for phase in generator.phases() {
        assert_eq!(generator.ops(phase).count() as u64, phase.requests);
        assert_eq!(generator.ops(phase).size_hint().1, usize::try_from(phase.requests).ok());
        for op in generator.ops(phase) {
            match (phase.kind, op.action) {
                (PhaseKind::CpuBurst, Action::Cpu { iterations }) => {
                    assert!(generator.plan().cpu_iterations.contains(&iterations) && op.size == 0);
                }
                (PhaseKind::IoBurst, Action::Io { micros }) => {
                    assert!(generator.plan().io_micros.contains(&micros) && op.size == 0);
                }
                (kind, Action::Get) => assert!(kind.uses_cache() && op.size == generator.plan().value_bytes),
                (kind, work) => panic!("{work:?} in {kind:?}"),
            }
        }
    }
}

#[test]
fn sequences_are_sequences_and_hot_sets_are_not() {
    let generator = generator(1_000);
    let steps = |kind| {
        let keys = keys(&generator, kind);
        keys.windows(2).filter(|pair| pair[1] == pair[0] + 1).count() as f64 / keys.len() as f64
    };
    assert!(steps(PhaseKind::Scan) > 0.45, "{}", steps(PhaseKind::Scan));
    assert!(steps(PhaseKind::Loop) > 0.75, "{}", steps(PhaseKind::Loop));
    assert!(steps(PhaseKind::HotSet) < 0.01);
    assert!(steps(PhaseKind::Shift) < 0.01);
}

#[test]
fn related_keys_follow_their_lead() {
    for related_after in [0, 2, 20] {
        let plan = Plan { related_after, ..long() };
        let generator = Generator::new(3, plan).unwrap();
        let keys = keys(&generator, PhaseKind::HotSet);
        let group = |key: u64| key >> 48 & 3;
        let mut partner = HashMap::new();
        let mut leads = 0;
        for (at, key) in keys.iter().enumerate().filter(|(_, key)| group(**key) == 1) {
            // Several pairs may be due at once: one of the next few is the related one.
            let distance = related_after as usize + 1;
            let Some(after) = keys.get(at + distance..at + distance + 4) else { break };
            let related: HashSet<u64> = after.iter().copied().filter(|key| group(*key) == 2).collect();
            let known = partner.entry(*key).or_insert_with(|| related.clone());
            *known = known.intersection(&related).copied().collect();
            leads += 1;
        }
        assert!(partner.values().filter(|keys| keys.len() == 1).count() * 10 >= partner.len() * 9);
        let share = 2.0 * f64::from(leads) / keys.len() as f64;
        assert!((0.27..0.33).contains(&share), "{share}");
        assert!(leads > 5 * partner.len() as i32, "a pair comes often enough to be learnt");
    }
}

#[test]
fn no_key_belongs_to_two_phases_and_hot_keys_do_not_collide() {
    let generator = generator(1_000);
    let mut seen = BTreeSet::new();
    for kind in PhaseKind::ALL.into_iter().filter(|kind| kind.uses_cache()) {
        let own: BTreeSet<u64> = keys(&generator, kind).into_iter().collect();
        assert!(own.is_disjoint(&seen));
        assert!(own.iter().all(|&key| key <= crate::key::MAX));
        seen.extend(own);
    }
    let shift: HashSet<u64> = keys(&generator, PhaseKind::Shift).into_iter().collect();
    // Eight hot sets of 800 keys, nearly each of which is touched in 2000 requests.
    assert!((5_700..=6_400).contains(&shift.len()), "{}", shift.len());
}

#[test]
fn a_plan_out_of_range_says_which_figure() {
    let text = |plan| Generator::new(0, plan).unwrap_err().to_string();
    let plan = Plan::default;
    assert_eq!(
        text(Plan { cache_entries: 3, ..plan() }),
        "cache_entries: expected 16 to 4294967296, found 3"
    );
    assert_eq!(
        text(Plan { scale: f64::NAN, ..plan() }),
        "scale: expected a number above 0 and up to 1000000, found NaN"
    );
    #[expect(clippy::reversed_empty_ranges, reason = "the mistake under test")]
    let empty = 9..=1;
    assert_eq!(
        text(Plan { io_micros: empty, ..plan() }),
        "io_micros: expected a range whose end is not below its start, found 9..=1"
    );
}

#[test]
fn burning_depends_on_every_step() {
    assert_eq!(burn(5, 0), 5);
    assert_eq!(burn(5, 2), burn(burn(5, 1), 1));
    assert_ne!(burn(5, 1_000), burn(5, 1_001));
}
