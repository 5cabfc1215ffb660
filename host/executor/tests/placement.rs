//! CPU workers pinned to cores, asked of the system.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use host_executor::{Affinity, Config, Executor, Placement, Topology};
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

/// The cores that the present thread may run on.
fn allowed() -> Vec<u32> {
    let set = sched_getaffinity(Pid::from_raw(0)).unwrap();
    let cores = (0..CpuSet::count()).filter(|core| set.is_set(*core).unwrap());
    cores.map(|core| u32::try_from(core).unwrap()).collect()
}

/// Waits until so many workers have told where they run.
fn placements(executor: &Executor, workers: usize) -> Vec<Placement> {
    let begun = Instant::now();
    loop {
        let placements = executor.placements();
        if placements.len() == workers {
            return placements;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{placements:?}");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn workers_are_pinned_in_turns_over_nodes_and_stay_so() {
    // The cores of this process, as a machine with two nodes would have them.
    let cores = allowed();
    let (even, odd): (Vec<u32>, Vec<u32>) = cores.iter().copied().partition(|core| core % 2 == 0);
    let tree = tempfile::tempdir().unwrap();
    std::fs::write(tree.path().join("online"), "0-1").unwrap();
    for (node, of_node) in [("node0", &even), ("node1", &odd)] {
        std::fs::create_dir(tree.path().join(node)).unwrap();
        let list: Vec<String> = of_node.iter().map(u32::to_string).collect();
        std::fs::write(tree.path().join(node).join("cpulist"), list.join(",")).unwrap();
    }
    let topology = Topology::read(tree.path()).unwrap();
    let config =
        Config { cpu_workers: 4, max_cpu_workers: 8, affinity: Affinity::Cores, ..Config::for_cores(4) };
    let executor = Executor::with_topology(config, &topology).unwrap();
    let class = executor.class("any");

    for workers in [4_u32, 8, 2, 6] {
        executor.resize_cpu(workers).unwrap();
        let placements = placements(&executor, usize::try_from(workers).unwrap());
        for placement in &placements {
            assert_eq!(placement.problem, None, "{placement}");
            let wanted = placement.wanted.unwrap();
            assert_eq!((placement.cores.as_slice(), placement.node), (&[wanted][..], topology.node(wanted)));
        }
        // Each worker takes one, because all wait for the last; and the system says the same as the report.
        let together = Arc::new(Barrier::new(placements.len()));
        let seen: BTreeSet<Vec<u32>> = executor.block_on(async {
            let mut tasks = Vec::new();
            for _ in 0..workers {
                let together = Arc::clone(&together);
                let task = move || {
                    together.wait();
                    allowed()
                };
                tasks.push(executor.submit_cpu(class, task).await.unwrap());
            }
            let mut seen = BTreeSet::new();
            for task in tasks {
                seen.insert(task.await.unwrap());
            }
            seen
        });
        assert_eq!(seen, placements.iter().map(|placement| placement.cores.clone()).collect());
        if !even.is_empty() && !odd.is_empty() && workers == 4 {
            let nodes: Vec<_> = placements.iter().take(2).map(|placement| placement.node).collect();
            assert_eq!(nodes, [Some(0), Some(1)], "in turns");
        }
    }
}

#[test]
fn without_affinity_workers_may_run_anywhere() {
    let executor = Executor::new(Config { cpu_workers: 2, ..Config::for_cores(2) }).unwrap();
    for placement in placements(&executor, 2) {
        assert_eq!((placement.wanted, placement.cores, placement.problem), (None, allowed(), None));
    }
}

#[test]
fn on_this_machine_as_it_is() {
    let config = Config { cpu_workers: 2, affinity: Affinity::Cores, ..Config::for_cores(2) };
    let executor = Executor::new(config).unwrap();
    for placement in placements(&executor, 2) {
        assert_eq!((placement.problem.clone(), placement.cores.len()), (None, 1), "{placement}");
    }
}
