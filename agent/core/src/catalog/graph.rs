//! What needs what: the dependencies of a catalog as a graph. A name that no service has is a node too, so that a
//! dependency outside the catalog is not lost. It must not know what the services do.

use std::collections::{HashMap, HashSet, VecDeque};

use serde::Serialize;

use super::Catalog;
use crate::ids::ServiceName;

/// A service that is reached over dependencies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reached {
    /// The service, by the catalog's name for it if it is there.
    pub service: ServiceName,
    /// How many dependencies away it is; 1 is direct.
    pub hops: usize,
}

impl Catalog {
    /// Everything that `name` needs, nearest first, then by name. A cycle ends where it began.
    pub fn depends_on(&self, name: &ServiceName) -> Vec<Reached> {
        Graph::of(self).reached(name, Direction::Needs)
    }

    /// Everything that needs `name`, nearest first, then by name: what fails with it.
    pub fn dependents_of(&self, name: &ServiceName) -> Vec<Reached> {
        Graph::of(self).reached(name, Direction::NeededBy)
    }

    /// Dependency cycles of two services and more, each from its first service by the catalog's order. Of cycles
    /// that have services in common, a shortest one.
    pub fn cycles(&self) -> Vec<Vec<ServiceName>> {
        let graph = Graph::of(self);
        let mut said = HashSet::new();
        let mut cycles = Vec::new();
        for start in 0..self.services.len() {
            if said.contains(&start) {
                continue;
            }
            let Some(cycle) = graph.cycle_through(start) else { continue };
            said.extend(cycle.iter().copied());
            if cycle.len() > 1 {
                cycles.push(cycle.iter().filter_map(|node| graph.name(*node)).collect());
            }
        }
        cycles
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Needs,
    NeededBy,
}

struct Graph<'c> {
    names: Vec<&'c ServiceName>,
    by_name: HashMap<String, usize>,
    needs: Vec<Vec<usize>>,
    needed_by: Vec<Vec<usize>>,
}

impl<'c> Graph<'c> {
    fn of(catalog: &'c Catalog) -> Self {
        let mut graph = Graph {
            names: catalog.services.iter().map(|service| &service.name).collect(),
            by_name: HashMap::new(),
            needs: Vec::new(),
            needed_by: Vec::new(),
        };
        for (node, service) in catalog.services.iter().enumerate() {
            graph.by_name.entry(service.name.as_str().to_ascii_lowercase()).or_insert(node);
        }
        // A name goes before an alias that is spelt the same.
        for (node, service) in catalog.services.iter().enumerate() {
            for alias in &service.aliases {
                graph.by_name.entry(alias.to_ascii_lowercase()).or_insert(node);
            }
        }
        for (node, service) in catalog.services.iter().enumerate() {
            for other in &service.depends_on {
                let other = graph.node(other);
                push(&mut graph.needs, node, other);
                push(&mut graph.needed_by, other, node);
            }
        }
        graph
    }

    /// The node of a name; a new one if no service has it.
    fn node(&mut self, name: &'c ServiceName) -> usize {
        let next = self.names.len();
        let node = *self.by_name.entry(name.as_str().to_ascii_lowercase()).or_insert(next);
        if node == next {
            self.names.push(name);
        }
        node
    }

    fn name(&self, node: usize) -> Option<ServiceName> {
        self.names.get(node).map(|name| (*name).clone())
    }

    fn next(&self, node: usize, direction: Direction) -> &[usize] {
        let edges = match direction {
            Direction::Needs => &self.needs,
            Direction::NeededBy => &self.needed_by,
        };
        edges.get(node).map_or(&[], Vec::as_slice)
    }

    fn reached(&self, name: &ServiceName, direction: Direction) -> Vec<Reached> {
        let Some(&start) = self.by_name.get(&name.as_str().to_ascii_lowercase()) else { return Vec::new() };
        let mut seen = HashSet::from([start]);
        let mut queue = VecDeque::from([(start, 0)]);
        let mut reached = Vec::new();
        while let Some((node, hops)) = queue.pop_front() {
            for &next in self.next(node, direction) {
                if seen.insert(next) {
                    queue.push_back((next, hops + 1));
                    reached.extend(self.name(next).map(|service| Reached { service, hops: hops + 1 }));
                }
            }
        }
        reached.sort_by(|a, b| (a.hops, &a.service).cmp(&(b.hops, &b.service)));
        reached
    }

    /// A shortest way from `start` back to it.
    fn cycle_through(&self, start: usize) -> Option<Vec<usize>> {
        let mut came_from: HashMap<usize, usize> = HashMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for &next in self.next(node, Direction::Needs) {
                if next == start {
                    let mut way = vec![node];
                    let mut at = node;
                    while let Some(&before) = came_from.get(&at) {
                        way.push(before);
                        at = before;
                    }
                    way.reverse();
                    return Some(way);
                }
                if let std::collections::hash_map::Entry::Vacant(entry) = came_from.entry(next) {
                    entry.insert(node);
                    queue.push_back(next);
                }
            }
        }
        None
    }
}

fn push(edges: &mut Vec<Vec<usize>>, from: usize, to: usize) {
    if edges.len() <= from {
        edges.resize(from + 1, Vec::new());
    }
    if let Some(list) = edges.get_mut(from).filter(|list| !list.contains(&to)) {
        list.push(to);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Service;
    use super::*;

    fn name(text: &str) -> ServiceName {
        ServiceName::new(text).unwrap()
    }

    fn catalog(edges: &[(&str, &[&str])]) -> Catalog {
        let service = |(of, needs): &(&str, &[&str])| Service {
            depends_on: needs.iter().map(|need| name(need)).collect(),
            ..Service::named(name(of))
        };
        Catalog { services: edges.iter().map(service).collect() }
    }

    fn shown(reached: Vec<Reached>) -> Vec<String> {
        reached.iter().map(|reached| format!("{} {}", reached.service, reached.hops)).collect()
    }

    #[test]
    fn dependencies_are_followed_to_the_end_and_a_cycle_ends_where_it_began() {
        let catalog = catalog(&[
            ("web", &["checkout"]),
            ("checkout", &["cart", "payments", "checkout"]),
            ("cart", &["Checkout", "redis"]),
            ("payments", &["ledger"]),
        ]);
        assert_eq!(
            shown(catalog.depends_on(&name("web"))),
            ["checkout 1", "cart 2", "payments 2", "ledger 3", "redis 3"]
        );
        assert_eq!(
            shown(catalog.dependents_of(&name("ledger"))),
            ["payments 1", "checkout 2", "cart 3", "web 3"]
        );
        assert_eq!(shown(catalog.dependents_of(&name("web"))), Vec::<String>::new());
        assert_eq!(shown(catalog.depends_on(&name("nobody"))), Vec::<String>::new());
    }

    #[test]
    fn an_alias_is_the_service_it_belongs_to() {
        let mut catalog = catalog(&[("web", &["shop-cart"]), ("cart", &["redis"])]);
        catalog.services[1].aliases.push("Shop-Cart".into());
        assert_eq!(shown(catalog.depends_on(&name("web"))), ["cart 1", "redis 2"]);
        assert_eq!(shown(catalog.dependents_of(&name("shop-cart"))), ["web 1"]);
    }

    #[test]
    fn cycles_are_told_once_each() {
        let check = |edges: &[(&str, &[&str])], expect: &[&str]| {
            let cycles = catalog(edges).cycles();
            let told: Vec<String> = cycles
                .iter()
                .map(|cycle| cycle.iter().map(|n| n.as_str()).collect::<Vec<_>>().join(" "))
                .collect();
            assert_eq!(told, expect);
        };
        check(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"]), ("d", &["a"])], &["a b c"]);
        check(&[("a", &["b"]), ("b", &["a"]), ("c", &["d"]), ("d", &["c", "a"])], &["a b", "c d"]);
        check(&[("a", &["a"]), ("b", &["a"])], &[]);
        check(&[("a", &["b", "c"]), ("b", &["d"]), ("c", &["d"])], &[]);
    }
}
