//! Freezes that stand in the configuration itself. Weekly ones follow the wall clock of their zone, so that "Fri 16:00"
//! stays four in the afternoon when the clocks change.

use async_trait::async_trait;
use hearback_core::evidence::{Coverage, Fetched};
use hearback_core::freeze::Freeze;
use hearback_core::ids::BadName;
use hearback_core::ports::{ConnectorError, FreezeSource};
use hearback_core::{ExternalText, ServiceName, SourceName, Window};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, civil};

/// More weeks than this are not unrolled: twenty years.
const MAX_WEEKS: usize = 1044;

/// What a freeze is called and what it holds for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holds {
    /// Its name.
    pub name: ExternalText,
    /// The services; empty for all.
    pub services: Vec<ServiceName>,
    /// The environments; empty for all.
    pub environments: Vec<String>,
}

impl Holds {
    fn over(&self, from: Timestamp, until: Timestamp) -> Freeze {
        Freeze {
            name: self.name.clone(),
            window: Window { from, until },
            services: self.services.clone(),
            environments: self.environments.clone(),
        }
    }
}

/// A freeze of every week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weekly {
    /// What it is called and what it holds for.
    pub holds: Holds,
    /// Its first moment on the wall clock.
    pub from: (civil::Weekday, civil::Time),
    /// The first moment after it; the next one that follows `from`.
    pub until: (civil::Weekday, civil::Time),
    /// The zone of that clock.
    pub zone: TimeZone,
}

/// A freeze that happens once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dated {
    /// What it is called and what it holds for.
    pub holds: Holds,
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
}

/// The freezes of the configuration.
#[derive(Debug, Clone)]
pub struct ConfiguredFreezes {
    source: SourceName,
    weekly: Vec<Weekly>,
    dated: Vec<Dated>,
}

impl ConfiguredFreezes {
    /// A source of these freezes, called `freezes:configuration`.
    ///
    /// # Errors
    /// [`BadName`] never happens for this name; it is passed on rather than hidden.
    pub fn new(weekly: Vec<Weekly>, dated: Vec<Dated>) -> Result<Self, BadName> {
        Ok(ConfiguredFreezes { source: SourceName::new("freezes:configuration")?, weekly, dated })
    }

    /// The freezes that overlap `window`, by time; what was too much is named in the coverage.
    pub fn overlapping(&self, window: Window) -> Fetched<Freeze> {
        let searched = format!("{} weekly and {} dated freezes", self.weekly.len(), self.dated.len());
        let mut coverage = Coverage::complete(self.source.clone(), searched);
        let overlaps =
            |freeze: &Freeze| freeze.window.from < window.until && window.from < freeze.window.until;
        let dated = self.dated.iter().map(|freeze| freeze.holds.over(freeze.from, freeze.until));
        let mut items: Vec<Freeze> = dated.filter(overlaps).collect();
        for weekly in &self.weekly {
            let (stretches, whole) = weekly.stretches(window);
            items.extend(stretches.into_iter().filter(overlaps));
            if !whole {
                let name = weekly.holds.name.for_people(60);
                coverage
                    .missing
                    .push(format!("freeze {name} after its first {MAX_WEEKS} weeks of the window"));
            }
        }
        items.sort_by(|a, b| (a.window.from, &a.name).cmp(&(b.window.from, &b.name)));
        Fetched { items, coverage }
    }
}

#[async_trait]
impl FreezeSource for ConfiguredFreezes {
    fn name(&self) -> &SourceName {
        &self.source
    }

    async fn freezes(&self, window: Window) -> Result<Fetched<Freeze>, ConnectorError> {
        Ok(self.overlapping(window))
    }
}

impl Weekly {
    /// The stretches of every week that may touch `window`, and whether that is all of them.
    fn stretches(&self, window: Window) -> (Vec<Freeze>, bool) {
        let mut stretches = Vec::new();
        let first = self.zone.to_datetime(window.from).date();
        // The stretch that holds the window's start began at most a week before.
        let Ok(mut day) = first.checked_sub(8.days()).and_then(|day| day.nth_weekday(1, self.from.0)) else {
            return (stretches, false);
        };
        for _ in 0..MAX_WEEKS {
            let Some((from, until)) = self.stretch(day) else { return (stretches, true) };
            if from >= window.until {
                return (stretches, true);
            }
            stretches.push(self.holds.over(from, until));
            let Ok(next) = day.checked_add(7.days()) else { return (stretches, true) };
            day = next;
        }
        (stretches, false)
    }

    /// The stretch that begins on `day`; `None` at the end of the calendar.
    fn stretch(&self, day: civil::Date) -> Option<(Timestamp, Timestamp)> {
        let last_day = match self.from.0.until(self.until.0) {
            0 if self.until.1 > self.from.1 => day,
            0 => day.checked_add(7.days()).ok()?,
            days => day.checked_add(i64::from(days).days()).ok()?,
        };
        // A time that the clocks skip or show twice is read as jiff's "compatible" does: as RFC 5545 says.
        let at = |day: civil::Date, time| {
            day.to_datetime(time).to_zoned(self.zone.clone()).ok().map(|zoned| zoned.timestamp())
        };
        Some((at(day, self.from.1)?, at(last_day, self.until.1)?))
    }
}

/// Reads `Fri 16:00`; the day may be written out.
pub fn weekday_and_time(text: &str) -> Option<(civil::Weekday, civil::Time)> {
    let (day, time) = text.trim().split_once(char::is_whitespace)?;
    let day = day.to_ascii_lowercase();
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let index = days.iter().position(|name| *name == day || name.get(..3) == Some(day.as_str()))?;
    let weekday = civil::Weekday::from_monday_zero_offset(i8::try_from(index).ok()?).ok()?;
    let (hour, minute) = time.trim().split_once(':')?;
    let number = |text: &str| match text.len() {
        1 | 2 if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse::<i8>().ok(),
        _ => None,
    };
    Some((weekday, civil::Time::new(number(hour)?, number(minute)?, 0, 0).ok()?))
}
