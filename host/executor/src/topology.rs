//! Which core belongs to which NUMA node, as Linux tells below `/sys/devices/system/node`.
//!
//! A node is a folder `nodeN` with a file `cpulist`, such as `0-3,8-11`; a node of memory alone has an empty one. Nodes that
//! `online` does not list are left out. Where there is no such folder, as in many containers, all cores are one node. What cannot be understood is
//! an error that names the file: a guess would place workers wrongly and nobody would see it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Where Linux tells of nodes.
const NODES: &str = "/sys/devices/system/node";

/// More cores than any machine has: a list that names more is garbage.
const MOST_CORES: u32 = 65_536;

/// The nodes of a machine that have cores.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Topology {
    nodes: BTreeMap<u32, BTreeSet<u32>>,
}

/// What the system tells of its nodes cannot be understood.
#[derive(Debug, Error)]
pub enum TopologyError {
    /// A file or folder that is there cannot be read.
    #[error("{}: cannot read which cores belong to which node: {source}; set `executor.affinity` to \"none\"", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file holds something else than a list.
    #[error(
        "{}: expected a list of numbers and ranges below 65536, such as 0-3,8, got {found:?}; set `executor.affinity` to \"none\"",
        path.display()
    )]
    List {
        /// The file.
        path: PathBuf,
        /// What it holds instead.
        found: String,
    },
    /// Two nodes claim the same core.
    #[error("{}: core {core} is also one of node {other}; set `executor.affinity` to \"none\"", path.display())]
    Twice {
        /// The file of the second one.
        path: PathBuf,
        /// The core.
        core: u32,
        /// The first one.
        other: u32,
    },
}

impl Topology {
    /// The nodes of this machine.
    ///
    /// # Errors
    ///
    /// What the system tells cannot be read or understood.
    pub fn of_this_machine() -> Result<Self, TopologyError> {
        Self::read(Path::new(NODES))
    }

    /// The nodes that a folder such as `/sys/devices/system/node` tells of. None where there is no such folder.
    ///
    /// # Errors
    ///
    /// What is there cannot be read or understood.
    pub fn read(root: &Path) -> Result<Self, TopologyError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |source| TopologyError::Unreadable { path, source }
        };
        let folders = match std::fs::read_dir(root) {
            Ok(folders) => folders,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(unreadable(root)(source)),
        };
        let online = list(&root.join("online"))?;
        let mut numbers = BTreeSet::new();
        for folder in folders {
            let name = folder.map_err(unreadable(root))?.file_name();
            let number =
                name.to_str().and_then(|name| name.strip_prefix("node")).and_then(|n| n.parse().ok());
            numbers
                .extend(number.filter(|number| online.as_ref().is_none_or(|online| online.contains(number))));
        }
        let mut topology = Self::default();
        for node in numbers {
            let path = root.join(format!("node{node}")).join("cpulist");
            // A node without the list is as one of memory alone.
            let cores = list(&path)?.unwrap_or_default();
            for &core in &cores {
                if let Some(other) = topology.node(core) {
                    return Err(TopologyError::Twice { path, core, other });
                }
            }
            if !cores.is_empty() {
                topology.nodes.insert(node, cores);
            }
        }
        Ok(topology)
    }

    /// The node that a core belongs to.
    #[must_use]
    pub fn node(&self, core: u32) -> Option<u32> {
        self.nodes.iter().find(|(_, cores)| cores.contains(&core)).map(|(node, _)| *node)
    }

    /// The nodes that have cores, ascending, each with its cores.
    pub fn nodes(&self) -> impl Iterator<Item = (u32, &BTreeSet<u32>)> {
        self.nodes.iter().map(|(node, cores)| (*node, cores))
    }

    /// Those of `allowed`, each with its node: the first core of each node, then the second of each, and so on.
    pub(crate) fn in_turns(&self, allowed: &[u32]) -> Vec<(u32, Option<u32>)> {
        let mut by_node: BTreeMap<Option<u32>, Vec<u32>> = BTreeMap::new();
        for &core in allowed {
            by_node.entry(self.node(core)).or_default().push(core);
        }
        let longest = by_node.values().map(Vec::len).max().unwrap_or(0);
        let turn = |at: usize| by_node.iter().filter_map(move |(node, cores)| Some((*cores.get(at)?, *node)));
        (0..longest).flat_map(turn).collect()
    }
}

/// The numbers that a file lists. None where there is no such file.
fn list(path: &Path) -> Result<Option<BTreeSet<u32>>, TopologyError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(TopologyError::Unreadable { path: path.to_owned(), source }),
    };
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim();
    numbers(text)
        .map(Some)
        .ok_or_else(|| TopologyError::List { path: path.to_owned(), found: text.chars().take(60).collect() })
}

fn numbers(text: &str) -> Option<BTreeSet<u32>> {
    let number = |text: &str| text.trim().parse::<u32>().ok().filter(|number| *number < MOST_CORES);
    let mut numbers = BTreeSet::new();
    for part in text.split(',').filter(|_| !text.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder as Linux has it: files by their paths.
    fn tree(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        folder
    }

    fn read(files: &[(&str, &[u8])]) -> Result<Topology, String> {
        let tree = tree(files);
        let root = tree.path().display().to_string();
        Topology::read(tree.path()).map_err(|error| error.to_string().replace(&root, "ROOT"))
    }

    fn nodes(files: &[(&str, &[u8])]) -> Vec<(u32, Vec<u32>)> {
        read(files).unwrap().nodes().map(|(node, cores)| (node, cores.iter().copied().collect())).collect()
    }

    #[test]
    fn two_nodes() {
        let files: [(&str, &[u8]); 6] = [
            ("online", b"0-1\n"),
            ("possible", b"0-1\n"),
            ("node0/cpulist", b"0-1,4\n"),
            ("node1/cpulist", b"2-3,5\n"),
            ("node0/meminfo", b"MemTotal"),
            ("power/control", b"auto\n"),
        ];
        assert_eq!(nodes(&files), [(0, vec![0, 1, 4]), (1, vec![2, 3, 5])]);
        let topology = read(&files).unwrap();
        assert_eq!((topology.node(4), topology.node(2), topology.node(9)), (Some(0), Some(1), None));
        // The process may use some of the cores.
        let (zero, one) = (Some(0), Some(1));
        let in_turns = topology.in_turns(&[0, 1, 3, 4]);
        assert_eq!(in_turns, [(0, zero), (3, one), (1, zero), (4, zero)]);
        assert_eq!(topology.in_turns(&[9, 2]), [(9, None), (2, one)]);
    }

    #[test]
    fn nodes_that_are_offline_or_without_cores_are_left_out() {
        let files: [(&str, &[u8]); 6] = [
            ("online", b"0,2-3\n"),
            ("node0/cpulist", b"0-3\n"),
            ("node1/cpulist", b"4-7\n"),
            ("node2/cpulist", b"\n"),
            ("node3/meminfo", b"memory alone\n"),
            ("nodes/cpulist", b"nonsense\n"),
        ];
        assert_eq!(nodes(&files), [(0, vec![0, 1, 2, 3])]);
        assert_eq!(nodes(&[("node7/cpulist", b"1")]), [(7, vec![1])], "without `online` all are");
    }

    #[test]
    fn where_nothing_is_told_there_is_no_node() {
        assert!(nodes(&[]).is_empty());
        assert_eq!(Topology::read(Path::new("/does/not/exist")).unwrap(), Topology::default());
        assert_eq!(Topology::default().in_turns(&[3, 1]), [(3, None), (1, None)]);
    }

    #[test]
    fn garbage_is_named() {
        let expected = |file: &str, found: &str| {
            format!(
                "ROOT/{file}: expected a list of numbers and ranges below 65536, such as 0-3,8, got {found:?}; set `executor.affinity` to \"none\""
            )
        };
        for garbage in ["0-", "a", "3-1", "1,,2", "-1", "0-4294967295", "65536", "0;1", "99999999999"] {
            let got = read(&[("node0/cpulist", garbage.as_bytes())]);
            assert_eq!(got, Err(expected("node0/cpulist", garbage)), "{garbage}");
        }
        let got = read(&[("online", b"all"), ("node0/cpulist", b"0")]);
        assert_eq!(got, Err(expected("online", "all")));
        let got = read(&[("node0/cpulist", b"\xff\0")]);
        assert_eq!(got, Err(expected("node0/cpulist", "\u{fffd}\0")));
    }

    #[test]
    fn a_core_has_one_node_and_a_list_is_a_file() {
        let got = read(&[("node0/cpulist", b"0-2"), ("node1/cpulist", b"2")]);
        let twice = "ROOT/node1/cpulist: core 2 is also one of node 0; set `executor.affinity` to \"none\"";
        assert_eq!(got, Err(twice.to_owned()));
        let got = read(&[("node0/cpulist/file", b"")]).unwrap_err();
        assert!(
            got.starts_with("ROOT/node0/cpulist: cannot read which cores belong to which node: "),
            "{got}"
        );
        let got = Topology::read(tree(&[("file", b"")]).path().join("file").as_path());
        assert!(matches!(got, Err(TopologyError::Unreadable { .. })), "{got:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_can_be_read() {
        Topology::of_this_machine().unwrap();
    }
}
