//! `[[freeze]]` of the configuration file, as it is written, and the sources it makes. Must not read a file: a
//! calendar is opened when it is asked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hearback_core::ports::FreezeSource;
use hearback_core::{ExternalText, ServiceName, SourceName};
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use regex::RegexBuilder;
use serde::Deserialize;

use crate::configured::{ConfiguredFreezes, Dated, Holds, Weekly, weekday_and_time};
use crate::ics::CalendarOptions;
use crate::source::CalendarFreezeSource;

/// One `[[freeze]]`: exactly one of `weekly`, `from` with `until`, and `calendar`.
///
/// ```toml
/// [[freeze]]
/// name = "weekend"
/// weekly = { from = "Fri 16:00", until = "Mon 08:00", zone = "Europe/Berlin" }
///
/// [[freeze]]
/// name = "year end"
/// from = "2026-12-18T18:00"      # or with an offset: 2026-12-18T18:00:00+01:00
/// until = "2027-01-04"           # the day begins without freeze
/// zone = "Europe/Berlin"         # else UTC
/// environments = ["production"]  # else all
///
/// [[freeze]]
/// name = "company calendar"
/// calendar = "freezes.ics"
/// matching = "freeze|code stop"  # in summary or category, without regard to case; else every event counts
/// services = ["checkout"]        # else all
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FreezeEntry {
    /// What it is called.
    pub name: String,
    /// Every week.
    #[serde(default)]
    pub weekly: Option<WeeklyEntry>,
    /// Once: its first moment. A date, a date and time, or a time with an offset.
    #[serde(default)]
    pub from: Option<String>,
    /// Once: the first moment after it.
    #[serde(default)]
    pub until: Option<String>,
    /// An iCalendar file, relative to the configuration file.
    #[serde(default)]
    pub calendar: Option<PathBuf>,
    /// Which events of the calendar count: a regular expression over summary and categories.
    #[serde(default)]
    pub matching: Option<String>,
    /// The IANA time zone of times without one; UTC, or the calendar's own, if it is left out.
    #[serde(default)]
    pub zone: Option<String>,
    /// The services it holds for; empty for all.
    #[serde(default)]
    pub services: Vec<ServiceName>,
    /// The environments it holds for; empty for all.
    #[serde(default)]
    pub environments: Vec<String>,
}

/// A stretch of every week.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeeklyEntry {
    /// Day and time on the wall clock: `Fri 16:00`.
    pub from: String,
    /// Day and time on the wall clock; the next one after `from`.
    pub until: String,
    /// The IANA time zone of that clock; UTC if it is left out.
    #[serde(default)]
    pub zone: Option<String>,
}

/// A `[[freeze]]` can't be used; the user can mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("freeze \"{name}\": {why}")]
pub struct BadFreeze {
    /// Which.
    pub name: String,
    /// What is wrong and what to write.
    pub why: String,
}

/// The sources that `entries` make: one for all that stand in the configuration itself, and one for each calendar.
/// Paths are relative to `base`.
///
/// # Errors
/// [`BadFreeze`] names the first entry that can't be used.
pub fn sources(entries: &[FreezeEntry], base: &Path) -> Result<Vec<Arc<dyn FreezeSource>>, BadFreeze> {
    let (mut weekly, mut dated) = (Vec::new(), Vec::new());
    let mut sources: Vec<Arc<dyn FreezeSource>> = Vec::new();
    for entry in entries {
        let bad = |why| BadFreeze { name: ExternalText::from(entry.name.as_str()).for_people(60), why };
        match entry.read(base).map_err(bad)? {
            Read::Weekly(freeze) => weekly.push(freeze),
            Read::Dated(freeze) => dated.push(freeze),
            Read::Calendar(source) => sources.push(Arc::new(source)),
        }
    }
    if !weekly.is_empty() || !dated.is_empty() {
        let configured = ConfiguredFreezes::new(weekly, dated)
            .map_err(|error| BadFreeze { name: "all".into(), why: error.to_string() })?;
        sources.push(Arc::new(configured));
    }
    Ok(sources)
}

enum Read {
    Weekly(Weekly),
    Dated(Dated),
    Calendar(CalendarFreezeSource),
}

impl FreezeEntry {
    fn read(&self, base: &Path) -> Result<Read, String> {
        if self.name.trim().is_empty() {
            return Err("name is empty".into());
        }
        let holds = Holds {
            name: ExternalText::capped(self.name.trim(), 200),
            services: self.services.clone(),
            environments: self.environments.clone(),
        };
        if self.matching.is_some() && self.calendar.is_none() {
            return Err("matching is for a calendar; take it out".into());
        }
        match (&self.weekly, &self.from, &self.until, &self.calendar) {
            (Some(_), None, None, None) if self.zone.is_some() => {
                Err("write zone inside weekly = { … }".into())
            }
            (Some(weekly), None, None, None) => weekly.read(holds).map(Read::Weekly),
            (None, Some(from), Some(until), None) => {
                let zone = zone(self.zone.as_deref())?.unwrap_or(TimeZone::UTC);
                let (from, until) = (moment("from", from, &zone)?, moment("until", until, &zone)?);
                if until <= from {
                    return Err("until is not after from".into());
                }
                Ok(Read::Dated(Dated { holds, from, until }))
            }
            (None, None, None, Some(path)) => {
                let name = SourceName::new(format!("calendar:{}", holds.name.for_people(60)))
                    .map_err(|error| error.to_string())?;
                let options = CalendarOptions {
                    matching: self.matching.as_deref().map(pattern).transpose()?,
                    zone: zone(self.zone.as_deref())?,
                    name: holds.name,
                    services: holds.services,
                    environments: holds.environments,
                };
                Ok(Read::Calendar(CalendarFreezeSource::new(name, base.join(path), options)))
            }
            _ => Err("give exactly one of weekly, from with until, and calendar".into()),
        }
    }
}

impl WeeklyEntry {
    fn read(&self, holds: Holds) -> Result<Weekly, String> {
        let read = |field: &str, text: &str| {
            weekday_and_time(text).ok_or_else(|| {
                let text = ExternalText::from(text).for_people(40);
                format!("weekly.{field} \"{text}\" is not a day and time; write it as \"Fri 16:00\"")
            })
        };
        let (from, until) = (read("from", &self.from)?, read("until", &self.until)?);
        if from == until {
            return Err("weekly.from and weekly.until are the same; it would never end".into());
        }
        Ok(Weekly { holds, from, until, zone: zone(self.zone.as_deref())?.unwrap_or(TimeZone::UTC) })
    }
}

fn zone(name: Option<&str>) -> Result<Option<TimeZone>, String> {
    let Some(name) = name else { return Ok(None) };
    TimeZone::get(name).map(Some).map_err(|_| {
        let name = ExternalText::from(name).for_people(60);
        format!("zone \"{name}\" is not known here; write it as Europe/Berlin")
    })
}

fn moment(field: &str, text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    if let Ok(at) = text.trim().parse::<Timestamp>() {
        return Ok(at);
    }
    let civil = text.trim().parse::<civil::DateTime>();
    civil.and_then(|civil| civil.to_zoned(zone.clone())).map(|zoned| zoned.timestamp()).map_err(|_| {
        let text = ExternalText::from(text).for_people(40);
        format!("{field} \"{text}\" is not a time; write it as 2026-12-18T18:00 or 2026-12-18")
    })
}

fn pattern(text: &str) -> Result<regex::Regex, String> {
    RegexBuilder::new(text).case_insensitive(true).size_limit(1 << 20).build().map_err(|_| {
        let text = ExternalText::from(text).for_people(60);
        format!("matching \"{text}\" is not a regular expression; for plain words write them with | between")
    })
}
