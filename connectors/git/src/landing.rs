//! When commits of side branches reached the main line, and which commits a merge brought. Pure; works on the
//! walked part of history and hides everything from the as-of on.

use std::collections::{BinaryHeap, HashMap};

use crate::walk::Graph;

/// Steps spent on what merges off the main line bring; beyond, such a merge names only the tips it merged.
const SIDE_MERGE_STEPS: usize = 1_000_000;

/// How the walked commits relate to the main line as it stood before the as-of.
pub(crate) struct Landing {
    /// Parents come before children, and what is older comes first where that leaves a choice.
    pub(crate) order: Vec<usize>,
    /// The commit of the main line that brought a node: itself, if it is on the main line.
    landed_by: Vec<Option<usize>>,
    /// What merges brought.
    delivers: HashMap<usize, Vec<usize>>,
    /// The newest commit of the main line before the as-of.
    pub(crate) tip: Option<usize>,
}

impl Landing {
    /// The commit of the main line that brought this one.
    pub(crate) fn landed_by(&self, index: usize) -> Option<usize> {
        self.landed_by.get(index).copied().flatten()
    }

    /// The commits this merge brought.
    pub(crate) fn delivers(&self, index: usize) -> &[usize] {
        self.delivers.get(&index).map_or(&[], Vec::as_slice)
    }
}

/// Works it out for a walk. `until_s` is the as-of.
pub(crate) fn landing(graph: &Graph, until_s: i64, wanted: &dyn Fn(usize) -> bool) -> Landing {
    let order = parents_first(graph);
    let mut place = vec![0; graph.nodes.len()];
    for (at, &index) in order.iter().enumerate() {
        if let Some(slot) = place.get_mut(index) {
            *slot = at;
        }
    }
    let visible = |index: usize| graph.node(index).is_some_and(|n| n.header.committed_s < until_s);
    let chain = graph.main_line();
    let tip = chain.iter().copied().find(|&index| visible(index));

    let mut landed_by: Vec<Option<usize>> = vec![None; graph.nodes.len()];
    for &index in &chain {
        if let Some(slot) = landed_by.get_mut(index) {
            *slot = Some(index);
        }
    }
    let mut delivers: HashMap<usize, Vec<usize>> = HashMap::new();
    // Oldest first, so that the first merge that brings a commit claims it. What a hidden commit of the main line
    // brought (its clock was fast) is claimed by the next visible one.
    let mut waiting = Vec::new();
    for &index in chain.iter().rev() {
        if let Some(node) = graph.node(index) {
            waiting.extend(node.parents.iter().skip(1).copied());
        }
        if !visible(index) {
            continue;
        }
        let mut brought = Vec::new();
        while let Some(at) = waiting.pop() {
            let Some(slot) = landed_by.get_mut(at) else { continue };
            if slot.is_some() {
                continue;
            }
            *slot = Some(index);
            brought.push(at);
            if let Some(node) = graph.node(at) {
                waiting.extend(node.parents.iter().copied());
            }
        }
        if !brought.is_empty() {
            delivers.insert(index, brought);
        }
    }
    for &index in &chain {
        if !visible(index)
            && let Some(slot) = landed_by.get_mut(index)
        {
            *slot = None;
        }
    }

    let mut steps_left = SIDE_MERGE_STEPS;
    for (index, node) in graph.nodes.iter().enumerate() {
        let off_chain = landed_by.get(index).copied().flatten() != Some(index);
        if node.parents.len() > 1 && off_chain && wanted(index) {
            let brought = brought_by(graph, &place, &node.parents, &mut steps_left)
                .unwrap_or_else(|| node.parents.iter().skip(1).copied().collect());
            delivers.insert(index, brought);
        }
    }
    for brought in delivers.values_mut() {
        brought.retain(|&at| visible(at));
        brought.sort_by_key(|&at| place.get(at).copied());
    }
    Landing { order, landed_by, delivers, tip }
}

fn parents_first(graph: &Graph) -> Vec<usize> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    let mut parents_left: Vec<usize> = vec![0; graph.nodes.len()];
    for (index, node) in graph.nodes.iter().enumerate() {
        for &parent in &node.parents {
            if let (Some(list), Some(left)) = (children.get_mut(parent), parents_left.get_mut(index)) {
                list.push(index);
                *left += 1;
            }
        }
    }
    let key = |index: usize| {
        let date = graph.node(index).map_or(0, |n| n.header.committed_s);
        // The walk met children before parents, so of equal dates the one met last is the older.
        std::cmp::Reverse((date, std::cmp::Reverse(index)))
    };
    let mut ready: BinaryHeap<_> =
        (0..graph.nodes.len()).filter(|&i| parents_left.get(i) == Some(&0)).map(|i| (key(i), i)).collect();
    let mut order = Vec::with_capacity(graph.nodes.len());
    while let Some((_, index)) = ready.pop() {
        order.push(index);
        for &child in children.get(index).into_iter().flatten() {
            if let Some(left) = parents_left.get_mut(child) {
                *left -= 1;
                if *left == 0 {
                    ready.push((key(child), child));
                }
            }
        }
    }
    order
}

/// The commits reachable from the later parents and not from the first.
fn brought_by(
    graph: &Graph,
    place: &[usize],
    parents: &[usize],
    steps_left: &mut usize,
) -> Option<Vec<usize>> {
    let mut paint = Paint { place, base: HashMap::new(), waiting: BinaryHeap::new(), side_waiting: 0 };
    for (number, &parent) in parents.iter().enumerate() {
        paint.mark(parent, number == 0);
    }
    let mut brought = Vec::new();
    while paint.side_waiting > 0 {
        *steps_left = steps_left.checked_sub(1)?;
        let (_, at) = paint.waiting.pop()?;
        let from_base = paint.base.get(&at) == Some(&true);
        if !from_base {
            paint.side_waiting -= 1;
            brought.push(at);
        }
        for &parent in &graph.node(at)?.parents {
            paint.mark(parent, from_base);
        }
    }
    Some(brought)
}

/// Marks commits as reachable from the first parent (base) or only from the others (side). Children are taken
/// before parents, so a commit has its final mark when it is taken; when only base commits wait, all is known.
struct Paint<'a> {
    place: &'a [usize],
    base: HashMap<usize, bool>,
    waiting: BinaryHeap<(usize, usize)>,
    side_waiting: usize,
}

impl Paint<'_> {
    fn mark(&mut self, at: usize, from_base: bool) {
        match self.base.get_mut(&at) {
            None => {
                self.base.insert(at, from_base);
                self.waiting.push((self.place.get(at).copied().unwrap_or(0), at));
                self.side_waiting += usize::from(!from_base);
            }
            Some(known) if from_base && !*known => {
                *known = true;
                self.side_waiting -= 1;
            }
            Some(_) => {}
        }
    }
}
