//! Looking through segments: the newest arrivals first, each until the time is up, and what could not be seen is
//! named. It must not know what is looked for.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::btree_map::{BTreeMap, Entry};
use std::sync::Arc;

use hearback_core::time::format_time;
use hearback_core::{ServiceName, Window};
use rusqlite::Connection;

use crate::segment::{Extent, Health, Segment};
use crate::stop::{Stop, was_stopped};

/// Items of an answer, at most.
pub(crate) const MOST_WANTED: usize = 10_000;
/// Bytes of the texts of an answer.
const MOST_BYTES: u64 = 32 << 20;

/// One question to all segments.
pub(crate) struct Search {
    /// Newest first.
    segments: Vec<Arc<Segment>>,
    stop: Stop,
    /// What was not seen, a phrase each.
    pub missing: Vec<String>,
}

/// Where a record is, with what it is chosen by. The greater, the sooner it is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub key: i64,
    /// The number of the segment in the search.
    pub segment: Reverse<usize>,
    pub id: i64,
}

/// The greatest places, as many as are wanted.
pub(crate) struct Best {
    wanted: usize,
    places: BinaryHeap<Reverse<Place>>,
}

impl Best {
    pub fn new(wanted: usize) -> Self {
        Best { wanted, places: BinaryHeap::new() }
    }

    pub fn add(&mut self, place: Place) {
        self.places.push(Reverse(place));
        if self.places.len() > self.wanted {
            self.places.pop();
        }
    }

    /// A key below which no place is wanted any more.
    pub fn floor(&self) -> i64 {
        if self.places.len() < self.wanted {
            i64::MIN
        } else {
            self.places.peek().map_or(i64::MIN, |p| p.0.key)
        }
    }

    /// The greatest first.
    pub fn into_sorted(self) -> Vec<Place> {
        self.places.into_sorted_vec().into_iter().map(|place| place.0).collect()
    }
}

impl Search {
    pub fn new(segments: Vec<Arc<Segment>>, stop: Stop) -> Self {
        Search { segments, stop, missing: Vec::new() }
    }

    /// Looks through the segments that `concerns` is true of.
    pub fn find(
        &mut self,
        concerns: impl Fn(&Extent) -> bool,
        mut look: impl FnMut(usize, &Connection) -> rusqlite::Result<()>,
    ) {
        let stop = self.stop.for_finding();
        for (number, segment) in self.segments.iter().enumerate() {
            let extent = match segment.health() {
                Health::Damaged => {
                    self.missing.push(segment.damage());
                    continue;
                }
                Health::Sound(extent) if concerns(&extent) => extent,
                Health::Sound(_) => continue,
            };
            let looked = if stop.is_due() {
                None
            } else {
                Some(segment.read().and_then(|connection| {
                    stop.guard(&connection)?;
                    look(number, &connection)
                }))
            };
            match looked {
                Some(Ok(())) => {}
                Some(Err(error)) if !was_stopped(&error) => {
                    tracing::warn!(sequence = segment.sequence, %error, "a segment of telemetry can't be read");
                    self.missing.push(segment.damage());
                }
                _ => {
                    self.missing.push(format!(
                        "the time was up: what arrived up to {} was not looked through to the end",
                        format_time(extent.last_arrival)
                    ));
                    return;
                }
            }
        }
    }

    /// Reads what was found, in the order of `places`, the most wanted first.
    pub fn load<T>(
        &mut self,
        places: &[Place],
        load: impl Fn(&Connection, i64) -> rusqlite::Result<T>,
        weight: impl Fn(&T) -> u64,
    ) -> Vec<T> {
        let mut connections = BTreeMap::new();
        let mut loaded = Vec::with_capacity(places.len());
        let mut bytes = 0;
        for place in places {
            let Some(segment) = self.segments.get(place.segment.0) else { continue };
            let read = match connections.entry(place.segment) {
                Entry::Occupied(opened) => Ok(opened.into_mut()),
                Entry::Vacant(free) => segment
                    .read()
                    .and_then(|connection| self.stop.guard(&connection).map(|()| free.insert(connection))),
            };
            match read.and_then(|connection| load(connection, place.id)) {
                Ok(item) => {
                    bytes += weight(&item);
                    loaded.push(item);
                }
                Err(error) if was_stopped(&error) => break,
                Err(error) => {
                    tracing::warn!(sequence = segment.sequence, %error, "a record of telemetry can't be read");
                    let damage = segment.damage();
                    if !self.missing.contains(&damage) {
                        self.missing.push(damage);
                    }
                }
            }
            if self.stop.is_due() || bytes > MOST_BYTES {
                break;
            }
        }
        let (read, found) = (loaded.len(), places.len());
        if read < found && bytes > MOST_BYTES {
            self.missing.push(format!("the text was too long: of {found} that were found {read} were read"));
        } else if read < found && self.stop.is_due() {
            self.missing.push(format!("the time was up: of {found} that were found {read} were read"));
        }
        loaded
    }
}

/// The numbers of the writers that are wanted; no services are all of them.
pub(crate) fn writers(connection: &Connection, services: &[ServiceName]) -> rusqlite::Result<Vec<i64>> {
    let mut statement = connection.prepare_cached("SELECT id, service FROM writer ORDER BY id")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
    let mut wanted = Vec::new();
    for row in rows {
        let (id, service) = row?;
        if is_wanted(&service, services) {
            wanted.push(id);
        }
    }
    Ok(wanted)
}

pub(crate) fn is_wanted(service: &str, services: &[ServiceName]) -> bool {
    services.is_empty() || services.iter().any(|wanted| wanted.as_str() == service)
}

/// What was asked for, after the noun: ` of cart and pay from … to …`.
pub(crate) fn describe(services: &[ServiceName], window: &Window) -> String {
    let names: Vec<&str> = services.iter().take(4).map(ServiceName::as_str).collect();
    let of = match services.len() {
        0 => String::new(),
        1..=4 => format!(" of {}", names.join(", ")),
        more => format!(" of {more} services"),
    };
    format!("{of} from {} to {}", format_time(window.from), format_time(window.until))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_are_kept_and_say_what_is_not_wanted_any_more() {
        let mut best = Best::new(2);
        let place = |key, segment, id| Place { key, segment: Reverse(segment), id };
        best.add(place(5, 0, 1));
        assert_eq!(best.floor(), i64::MIN);
        best.add(place(3, 0, 2));
        best.add(place(5, 1, 9));
        assert_eq!(best.floor(), 5);
        assert_eq!(best.into_sorted(), [place(5, 0, 1), place(5, 1, 9)], "of equals the later arrival");
    }
}
