//! A layered graph of rows, and the walk towards a query.
//!
//! Source: Malkov and Yashunin (2018), Efficient and robust approximate nearest neighbor search using Hierarchical
//! Navigable Small World graphs; algorithms 1, 2, 4 and 5.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A row and how near it is to what is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reached {
    pub(super) cosine: f32,
    pub(super) row: u32,
}

impl Ord for Reached {
    fn cmp(&self, other: &Self) -> Ordering {
        self.cosine.total_cmp(&other.cosine).then(other.row.cmp(&self.row))
    }
}

impl PartialOrd for Reached {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Reached {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Reached {}

/// Links between rows, layer by layer, and the row where every walk begins.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// Of each row, of each layer it is in, the rows it leads to.
    links: Vec<Vec<Vec<u32>>>,
    entry: Option<u32>,
}

impl Graph {
    /// Links a row keeps on the upper layers; twice as many on the lowest.
    const LINKS_MAX: usize = 16;
    /// Rows kept in sight while looking for links.
    const BUILD_BREADTH: usize = 128;

    /// Adds the next row, found near `similarity` to others.
    ///
    /// - `similarity`: of the new row to a row; `between`: of two rows.
    /// - `layer`: the highest it takes part in.
    pub(super) fn push(
        &mut self,
        layer: usize,
        similarity: impl Fn(u32) -> f32,
        between: impl Fn(u32, u32) -> f32,
    ) {
        let row = self.links.len() as u32;
        self.links.push(vec![Vec::new(); layer + 1]);
        let Some(entry) = self.entry else {
            self.entry = Some(row);
            return;
        };
        let top = self.links[entry as usize].len() - 1;
        let mut near = vec![Reached { cosine: similarity(entry), row: entry }];
        for at in (layer + 1..=top).rev() {
            near = self.walk(near, 1, at, &similarity, |_| true);
        }
        for at in (0..=layer.min(top)).rev() {
            near = self.walk(near, Self::BUILD_BREADTH, at, &similarity, |_| true);
            let chosen = choose(&near, Self::LINKS_MAX, &between);
            for &other in &chosen {
                self.link(other, row, at, &between);
            }
            self.links[row as usize][at] = chosen;
        }
        if layer > top {
            self.entry = Some(row);
        }
    }

    /// Rows near a query, nearest first: at most `breadth` of those that `wanted` lets through.
    pub(super) fn search(
        &self,
        breadth: usize,
        similarity: impl Fn(u32) -> f32,
        wanted: impl Fn(u32) -> bool,
    ) -> Vec<Reached> {
        let Some(entry) = self.entry else { return Vec::new() };
        let mut near = vec![Reached { cosine: similarity(entry), row: entry }];
        for layer in (1..self.links[entry as usize].len()).rev() {
            near = self.walk(near, 1, layer, &similarity, |_| true);
        }
        self.walk(near, breadth, 0, &similarity, wanted)
    }

    /// Walks one layer from `start` on, always on from the nearest row not yet left, until none can be nearer.
    fn walk(
        &self,
        start: Vec<Reached>,
        breadth: usize,
        layer: usize,
        similarity: impl Fn(u32) -> f32,
        wanted: impl Fn(u32) -> bool,
    ) -> Vec<Reached> {
        let mut seen = vec![0_u64; self.links.len().div_ceil(64)];
        let mut first_time = |row: u32| {
            let (word, bit) = (&mut seen[row as usize / 64], 1 << (row % 64));
            let first = *word & bit == 0;
            *word |= bit;
            first
        };
        for reached in &start {
            first_time(reached.row);
        }
        let mut found: BinaryHeap<Reverse<Reached>> =
            start.iter().filter(|reached| wanted(reached.row)).map(|&reached| Reverse(reached)).collect();
        let mut open = BinaryHeap::from(start);
        while let Some(next) = open.pop() {
            if found.len() >= breadth && found.peek().is_some_and(|worst| next < worst.0) {
                break;
            }
            for &row in &self.links[next.row as usize][layer] {
                if !first_time(row) {
                    continue;
                }
                let reached = Reached { cosine: similarity(row), row };
                if found.len() < breadth || found.peek().is_some_and(|worst| reached > worst.0) {
                    open.push(reached);
                    if wanted(row) {
                        found.push(Reverse(reached));
                    }
                    if found.len() > breadth {
                        found.pop();
                    }
                }
            }
        }
        let mut found: Vec<Reached> = found.into_iter().map(|Reverse(reached)| reached).collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        found
    }

    /// Adds a link from `row`; if it has too many, keeps the best spread ones.
    fn link(&mut self, row: u32, to: u32, layer: usize, between: impl Fn(u32, u32) -> f32) {
        let most = if layer == 0 { 2 * Self::LINKS_MAX } else { Self::LINKS_MAX };
        let links = &mut self.links[row as usize][layer];
        links.push(to);
        if links.len() > most {
            let reached = |&other: &u32| Reached { cosine: between(row, other), row: other };
            let mut near: Vec<Reached> = links.iter().map(reached).collect();
            near.sort_unstable_by(|a, b| b.cmp(a));
            *links = choose(&near, most, between);
        }
    }
}

/// Of rows nearest first, those that are nearer to the row in question than to any chosen before: links that lead
/// apart. If they are fewer than `most`, the nearest of the others fill up.
fn choose(near: &[Reached], most: usize, between: impl Fn(u32, u32) -> f32) -> Vec<u32> {
    let mut chosen: Vec<u32> = Vec::with_capacity(most);
    let mut passed = Vec::new();
    for reached in near {
        if chosen.len() == most {
            break;
        }
        match chosen.iter().all(|&other| between(reached.row, other) < reached.cosine) {
            true => chosen.push(reached.row),
            false => passed.push(reached.row),
        }
    }
    let room = most - chosen.len();
    chosen.extend(passed.into_iter().take(room));
    chosen
}
