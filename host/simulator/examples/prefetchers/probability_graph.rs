//! The probability graph (Griffioen and Appleton, "Reducing file system latency using a predictive approach", 1994).
//!
//! A node for each key, with its count of requests; an edge to each key that came within the lookahead after it, with a
//! count. After a request, what follows it with at least the minimum chance is prefetched, the most likely first.

use std::collections::{HashMap, VecDeque};

use crate::charged::{Found, Predictor};

/// Edges of a node; the least counted gives way.
const MOST_EDGES: usize = 32;

#[derive(Default)]
struct Node {
    /// Requests since the node was made.
    count: u32,
    edges: Vec<(u64, u32)>,
}

pub(crate) struct ProbabilityGraph {
    lookahead: usize,
    chance: f64,
    nodes: HashMap<u64, Node>,
    window: VecDeque<u64>,
}

impl ProbabilityGraph {
    pub(crate) fn new(lookahead: usize, chance: f64) -> Self {
        Self { lookahead, chance, nodes: HashMap::new(), window: VecDeque::new() }
    }
}

impl Predictor for ProbabilityGraph {
    fn access(&mut self, key: u64, _: Found, wanted: &mut Vec<u64>) {
        for before in self.window.iter().filter(|before| **before != key) {
            let edges = &mut self.nodes.entry(*before).or_default().edges;
            if let Some((_, count)) = edges.iter_mut().find(|(to, _)| *to == key) {
                *count += 1;
            } else if edges.len() < MOST_EDGES {
                edges.push((key, 1));
            } else if let Some(least) = edges.iter_mut().min_by_key(|(_, count)| *count) {
                *least = (key, 1);
            }
        }
        self.window.push_back(key);
        if self.window.len() > self.lookahead {
            self.window.pop_front();
        }
        let node = self.nodes.entry(key).or_default();
        // What came after it so far, of the requests before this one.
        let least = self.chance * f64::from(node.count.max(1));
        let mut likely: Vec<_> =
            node.edges.iter().filter(|(_, count)| f64::from(*count) >= least).copied().collect();
        likely.sort_by_key(|(key, count)| (std::cmp::Reverse(*count), *key));
        wanted.extend(likely.into_iter().map(|(key, _)| key));
        node.count += 1;
    }
}
