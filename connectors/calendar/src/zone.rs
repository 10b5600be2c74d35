//! The time zones of a calendar: those the system knows, and those that the file describes itself (VTIMEZONE), as
//! Outlook does with names such as "W. Europe Standard Time".

use std::sync::Arc;

use icalendar::parser::Component;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, civil};

use crate::moment::{offset_s, written};
use crate::recurrence::unroll;

/// More changes of the clock than this are not looked at in one zone.
const MAX_TURNS: usize = 10_000;

/// A time zone.
#[derive(Debug, Clone)]
pub enum Zone {
    /// One that the system knows.
    Known(TimeZone),
    /// One that the file describes.
    Described(Arc<Described>),
}

/// A zone by its changes of the clock.
#[derive(Debug)]
pub struct Described {
    /// In order of the wall clock before the change.
    turns: Vec<Turn>,
}

#[derive(Debug, Clone, Copy)]
struct Turn {
    /// On the wall clock that ends.
    at: civil::DateTime,
    from_s: i64,
    to_s: i64,
}

impl Zone {
    /// The moment at which the wall clock shows `civil`. One that is skipped is read with the offset before the gap, one
    /// that comes twice is the first (RFC 5545, 3.3.5). `None` beyond the end of time.
    pub fn instant(&self, civil: civil::DateTime) -> Option<Timestamp> {
        match self {
            Zone::Known(zone) => zone.to_timestamp(civil).ok(),
            Zone::Described(described) => {
                let offset_s = described.offset_of_wall_s(civil);
                let as_utc = TimeZone::UTC.to_timestamp(civil).ok()?;
                as_utc.checked_sub(SignedDuration::from_secs(offset_s)).ok()
            }
        }
    }

    /// What the wall clock shows at a moment.
    pub fn wall(&self, at: Timestamp) -> civil::DateTime {
        match self {
            Zone::Known(zone) => zone.to_datetime(at),
            Zone::Described(described) => {
                let offset_s = i32::try_from(described.offset_at_s(at)).unwrap_or(0);
                Offset::from_seconds(offset_s).unwrap_or(Offset::UTC).to_datetime(at)
            }
        }
    }
}

impl Described {
    /// Reads a VTIMEZONE up to `limit`. `None` if it says nothing that can be read.
    pub fn read(component: &Component<'_>, limit: civil::DateTime) -> Option<Self> {
        let mut turns = Vec::new();
        for observance in &component.components {
            let value = |name: &str| {
                let found = observance.properties.iter().find(|p| p.name.as_str().eq_ignore_ascii_case(name));
                found.map(|property| property.val.as_str())
            };
            let start = written(value("DTSTART")?)?.civil;
            let (from_s, to_s) = (offset_s(value("TZOFFSETFROM")?)?, offset_s(value("TZOFFSETTO")?)?);
            let to_wall = |at: Timestamp| {
                at.checked_add(SignedDuration::from_secs(from_s))
                    .map_or(civil::DateTime::MAX, |shown| TimeZone::UTC.to_datetime(shown))
            };
            turns.push(Turn { at: start, from_s, to_s });
            if let Some(rule) = value("RRULE") {
                let unrolled = unroll(rule, start, limit, to_wall).ok()?;
                turns.extend(unrolled.at.into_iter().map(|at| Turn { at, from_s, to_s }));
            }
            let dates =
                observance.properties.iter().filter(|p| p.name.as_str().eq_ignore_ascii_case("RDATE"));
            for date in dates.flat_map(|property| property.val.as_str().split(',')) {
                turns.push(Turn { at: written(date)?.civil, from_s, to_s });
            }
            if turns.len() > MAX_TURNS {
                return None;
            }
        }
        turns.sort_by_key(|turn| turn.at);
        (!turns.is_empty()).then_some(Described { turns })
    }

    fn offset_of_wall_s(&self, civil: civil::DateTime) -> i64 {
        let begins = |turn: &Turn| {
            // What the clocks skip still belongs to the old offset.
            let skipped = SignedDuration::from_secs((turn.to_s - turn.from_s).max(0));
            turn.at.checked_add(skipped).unwrap_or(turn.at)
        };
        self.offset_after(|turn| begins(turn) <= civil)
    }

    fn offset_at_s(&self, at: Timestamp) -> i64 {
        let begins = |turn: &Turn| {
            let as_utc = TimeZone::UTC.to_timestamp(turn.at).unwrap_or(Timestamp::MAX);
            as_utc.checked_sub(SignedDuration::from_secs(turn.from_s)).unwrap_or(as_utc)
        };
        self.offset_after(|turn| begins(turn) <= at)
    }

    /// The offset after the last turn that `has_come`; before the first, the one it ends.
    fn offset_after(&self, has_come: impl Fn(&Turn) -> bool) -> i64 {
        let past = self.turns.partition_point(has_come);
        match past.checked_sub(1).and_then(|last| self.turns.get(last)) {
            Some(turn) => turn.to_s,
            None => self.turns.first().map_or(0, |turn| turn.from_s),
        }
    }
}
