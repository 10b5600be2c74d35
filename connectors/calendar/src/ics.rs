//! From the text of an iCalendar file to freezes. Pure. An event that can't be read is named as missing and does not
//! hide the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hearback_core::freeze::Freeze;
use hearback_core::{ExternalText, ServiceName, Window};
use icalendar::parser::{Component, Property, read_components, unfold};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _, civil};
use regex::Regex;

use crate::moment::{Form, Length, Written, length, written};
use crate::recurrence::{MAX_OCCURRENCES, unroll};
use crate::zone::{Described, Zone};

/// VCALENDAR, VEVENT, VALARM are three.
const MAX_DEPTH: usize = 6;
const MAX_EVENTS: usize = 10_000;
const MAX_FREEZES: usize = 5000;
/// Occurrences of all rules of a file together.
const MAX_ALL_OCCURRENCES: usize = 200_000;
const MAX_MISSING: usize = 10;

/// What of a calendar counts, and what it holds for.
#[derive(Debug, Clone)]
pub struct CalendarOptions {
    /// What a freeze without summary is called.
    pub name: ExternalText,
    /// Which events count: those whose summary or category matches; all if there is no pattern.
    pub matching: Option<Regex>,
    /// The zone of whole days and of times without one. `None`: the calendar's own (X-WR-TIMEZONE), else UTC.
    pub zone: Option<TimeZone>,
    /// The services it holds for; empty for all.
    pub services: Vec<ServiceName>,
    /// The environments it holds for; empty for all.
    pub environments: Vec<String>,
}

/// What a calendar holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The freezes that overlap the window, by time.
    pub freezes: Vec<Freeze>,
    /// How many events were read, those that don't count included.
    pub events: usize,
    /// What was not understood, a phrase each, at most eleven.
    pub missing: Vec<String>,
}

/// The text is not an iCalendar file, or one too big to read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotACalendar(String);

/// The freezes of a calendar that overlap `window`: events with their recurrences, exceptions, moved and cancelled
/// occurrences. An event that ends with DTEND keeps its exact length in every occurrence, one with DURATION its days on
/// the wall clock (RFC 5545, 3.8.5.3).
///
/// # Errors
/// [`NotACalendar`] says what it is instead.
pub fn parse_freezes(text: &str, window: Window, options: &CalendarOptions) -> Result<Found, NotACalendar> {
    let text = unfold(text.trim_start_matches('\u{feff}'));
    check_shape(&text)?;
    let calendars = read_components(&text).map_err(|_| {
        NotACalendar(
            "can't be understood: a line is not of the form NAME:VALUE, or a BEGIN has no END".into(),
        )
    })?;
    // A day later than the window in every zone.
    let limit = TimeZone::UTC.to_datetime(window.until).checked_add(2.days()).unwrap_or(civil::DateTime::MAX);
    let mut found = Found { freezes: Vec::new(), events: 0, missing: Vec::new() };
    let mut occurrences_left = MAX_ALL_OCCURRENCES;
    for calendar in calendars.iter().filter(|component| is_called(component, "VCALENDAR")) {
        let zones = Zones::of(calendar, options, limit);
        let mut reading = Reading { options, window, limit, zones, found: &mut found, occurrences_left };
        reading.calendar(calendar);
        occurrences_left = reading.occurrences_left;
    }
    found.freezes.sort_by(|a, b| {
        (a.window.from, a.window.until, &a.name).cmp(&(b.window.from, b.window.until, &b.name))
    });
    if found.freezes.len() > MAX_FREEZES {
        found
            .missing
            .push(format!("{} freezes beyond the first {MAX_FREEZES}", found.freezes.len() - MAX_FREEZES));
        found.freezes.truncate(MAX_FREEZES);
    }
    if found.missing.len() > MAX_MISSING {
        let more = found.missing.len() - MAX_MISSING;
        found.missing.truncate(MAX_MISSING);
        found.missing.push(format!("{more} more parts of the calendar that can't be read"));
    }
    Ok(found)
}

/// The reader calls itself for every BEGIN, so their depth is bounded before it starts.
fn check_shape(text: &str) -> Result<(), NotACalendar> {
    let (mut depth, mut components) = (0_usize, 0_usize);
    let begins = |line: &str, word: &str| {
        line.trim_start().get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    for line in text.lines() {
        if begins(line, "BEGIN:") {
            depth += 1;
            components += 1;
        } else if begins(line, "END:") {
            depth = depth.saturating_sub(1);
        }
        if depth > MAX_DEPTH {
            return Err(NotACalendar(format!("nests more than {MAX_DEPTH} deep")));
        }
    }
    if components == 0 {
        return Err(NotACalendar("is not an iCalendar file: it has no BEGIN:VCALENDAR".into()));
    }
    if components > 3 * MAX_EVENTS {
        return Err(NotACalendar(format!(
            "has more than {MAX_EVENTS} events; keep the freezes in a file of their own"
        )));
    }
    Ok(())
}

fn is_called(component: &Component<'_>, name: &str) -> bool {
    component.name.as_str().eq_ignore_ascii_case(name)
}

fn properties<'a, 't>(component: &'a Component<'t>, name: &'a str) -> impl Iterator<Item = &'a Property<'t>> {
    component.properties.iter().filter(move |property| property.name.as_str().eq_ignore_ascii_case(name))
}

fn value<'a>(component: &'a Component<'_>, name: &'a str) -> Option<&'a str> {
    properties(component, name).next().map(|property| property.val.as_str())
}

fn parameter<'a>(property: &'a Property<'_>, name: &str) -> Option<&'a str> {
    let found = property.params.iter().find(|parameter| parameter.key.as_str().eq_ignore_ascii_case(name))?;
    found.val.as_ref().map(|value| value.as_str().trim_matches('"'))
}

struct Zones {
    described: BTreeMap<String, Zone>,
    /// Of whole days and of times without a zone.
    floating: Zone,
}

impl Zones {
    fn of(calendar: &Component<'_>, options: &CalendarOptions, limit: civil::DateTime) -> Self {
        let own = value(calendar, "X-WR-TIMEZONE").and_then(|name| TimeZone::get(name.trim()).ok());
        let floating = Zone::Known(options.zone.clone().or(own).unwrap_or(TimeZone::UTC));
        let zones = calendar.components.iter().filter(|component| is_called(component, "VTIMEZONE"));
        let described = zones
            .take(100)
            .filter_map(|component| {
                let id = value(component, "TZID")?.to_owned();
                Some((id, Zone::Described(Arc::new(Described::read(component, limit)?))))
            })
            .collect();
        Zones { described, floating }
    }

    /// The system's rules first: a description in a file is often cut short or out of date.
    fn find(&self, id: &str) -> Option<Zone> {
        let known = |name: &str| TimeZone::get(name).ok().map(Zone::Known);
        // Some programs put their own name before it: /example.org/20250101_1/Europe/Berlin.
        let tail = || {
            let mut parts = id.rsplit('/');
            let (city, area) = (parts.next()?, parts.next()?);
            known(&format!("{area}/{city}"))
        };
        known(id).or_else(|| self.described.get(id).cloned()).or_else(tail)
    }
}

/// A moment with its zone.
#[derive(Clone)]
struct Moment {
    written: Written,
    zone: Zone,
}

impl Moment {
    fn instant(&self) -> Option<Timestamp> {
        self.zone.instant(self.written.civil)
    }
}

struct Reading<'a> {
    options: &'a CalendarOptions,
    window: Window,
    limit: civil::DateTime,
    zones: Zones,
    found: &'a mut Found,
    occurrences_left: usize,
}

impl Reading<'_> {
    fn calendar(&mut self, calendar: &Component<'_>) {
        let events: Vec<&Component<'_>> =
            calendar.components.iter().filter(|component| is_called(component, "VEVENT")).collect();
        self.found.events += events.len();
        // An occurrence that was moved or cancelled stands in an event of its own.
        let mut replaced: BTreeMap<&str, BTreeSet<Timestamp>> = BTreeMap::new();
        for event in &events {
            if let (Some(property), Some(uid)) =
                (properties(event, "RECURRENCE-ID").next(), value(event, "UID"))
                && let Ok(moment) = self.moment(property)
                && let Some(at) = moment.instant()
            {
                replaced.entry(uid).or_default().insert(at);
            }
        }
        let newest = newest(&events);
        for event in events.into_iter().take(MAX_EVENTS) {
            let is_newest =
                key(event).is_none_or(|key| newest.get(&key).is_none_or(|latest| *latest == sequence(event)));
            if !is_newest || !self.counts(event) {
                continue;
            }
            let replaced = value(event, "UID").and_then(|uid| replaced.get(uid));
            if let Err(why) = self.event(event, replaced) {
                let name = self.name(event).for_people(60);
                self.found.missing.push(format!("event {name}: {why}"));
            }
        }
    }

    fn counts(&self, event: &Component<'_>) -> bool {
        if value(event, "STATUS").is_some_and(|status| status.trim().eq_ignore_ascii_case("CANCELLED")) {
            return false;
        }
        let Some(pattern) = &self.options.matching else { return true };
        let texts = properties(event, "SUMMARY").chain(properties(event, "CATEGORIES"));
        texts.into_iter().any(|property| pattern.is_match(property.val.as_str()))
    }

    fn name(&self, event: &Component<'_>) -> ExternalText {
        match value(event, "SUMMARY").map(str::trim).filter(|summary| !summary.is_empty()) {
            Some(summary) => ExternalText::capped(summary, 300),
            None => self.options.name.clone(),
        }
    }

    fn event(&mut self, event: &Component<'_>, replaced: Option<&BTreeSet<Timestamp>>) -> Result<(), String> {
        let start = properties(event, "DTSTART").next().ok_or("it has no DTSTART")?;
        let start = self.moment(start)?;
        let length = self.length(event, &start)?;
        let single = properties(event, "RECURRENCE-ID").next();
        if single.and_then(|id| parameter(id, "RANGE")).is_some() {
            return Err("it changes all later occurrences (RANGE), which is not read".into());
        }
        let mut at: BTreeSet<Timestamp> = start.instant().into_iter().collect();
        if single.is_none() {
            let rules: Vec<&str> = properties(event, "RRULE").map(|property| property.val.as_str()).collect();
            if properties(event, "EXRULE").next().is_some() {
                return Err("it has an EXRULE, which is not read".into());
            }
            for rule in rules {
                at.extend(self.occurrences(rule, &start)?);
            }
            for property in properties(event, "RDATE") {
                at.extend(self.moments(property)?.iter().filter_map(Moment::instant));
            }
            let (times, days) = self.exceptions(event)?;
            at.retain(|at| !times.contains(at) && !days.contains(&start.zone.wall(*at).date()));
            if let Some(replaced) = replaced {
                at.retain(|at| !replaced.contains(at));
            }
        }
        let name = self.name(event);
        for from in at {
            let until = end(from, length, &start.zone);
            if let Some(until) = until
                && from < self.window.until
                && self.window.from < until
            {
                self.found.freezes.push(Freeze {
                    name: name.clone(),
                    window: Window { from, until },
                    services: self.options.services.clone(),
                    environments: self.options.environments.clone(),
                });
            }
        }
        Ok(())
    }

    fn occurrences(&mut self, rule: &str, start: &Moment) -> Result<Vec<Timestamp>, String> {
        let unrolled = unroll(rule, start.written.civil, self.limit, |at| start.zone.wall(at))?;
        if unrolled.is_cut {
            return Err(format!("it recurs more than {MAX_OCCURRENCES} times"));
        }
        self.occurrences_left = self
            .occurrences_left
            .checked_sub(unrolled.at.len())
            .ok_or("the calendar recurs too often to read all of it")?;
        Ok(unrolled.at.into_iter().filter_map(|civil| start.zone.instant(civil)).collect())
    }

    /// The occurrences that EXDATE takes out: moments, and whole days where it gives dates.
    fn exceptions(
        &self,
        event: &Component<'_>,
    ) -> Result<(BTreeSet<Timestamp>, BTreeSet<civil::Date>), String> {
        let (mut times, mut days) = (BTreeSet::new(), BTreeSet::new());
        for property in properties(event, "EXDATE") {
            for moment in self.moments(property)? {
                match moment.written.form {
                    Form::Date => drop(days.insert(moment.written.civil.date())),
                    Form::Wall | Form::Utc => times.extend(moment.instant()),
                }
            }
        }
        Ok((times, days))
    }

    fn length(&self, event: &Component<'_>, start: &Moment) -> Result<Length, String> {
        if let Some(end) = properties(event, "DTEND").next() {
            let end = self.moment(end)?;
            if start.written.form == Form::Date && end.written.form == Form::Date {
                let days = start.written.civil.date().until(end.written.civil.date());
                let days = days.map(|span| span.get_days()).unwrap_or(0);
                if days < 0 {
                    return Err("it ends before it begins".into());
                }
                // Some programs write the same day twice for one whole day.
                return Ok(Length { days: days.max(1), exact: SignedDuration::ZERO });
            }
            let (Some(from), Some(until)) = (start.instant(), end.instant()) else {
                return Err("it lies beyond the end of time".into());
            };
            let exact = until.duration_since(from);
            return match exact.is_positive() {
                true => Ok(Length { days: 0, exact }),
                false => Err("it does not end after it begins".into()),
            };
        }
        if let Some(text) = value(event, "DURATION") {
            return length(text).ok_or_else(|| "its DURATION is no positive duration".into());
        }
        match start.written.form {
            Form::Date => Ok(Length { days: 1, exact: SignedDuration::ZERO }),
            Form::Wall | Form::Utc => Err("it has neither DTEND nor DURATION, so it takes no time".into()),
        }
    }

    fn moment(&self, property: &Property<'_>) -> Result<Moment, String> {
        self.moments(property)?.into_iter().next().ok_or_else(|| "a time is missing".into())
    }

    /// The moments of a property: one, or a list with commas. Of a period its start counts.
    fn moments(&self, property: &Property<'_>) -> Result<Vec<Moment>, String> {
        let zone = match parameter(property, "TZID") {
            Some(id) => self.zones.find(id).ok_or_else(|| {
                let id = ExternalText::from(id).for_people(60);
                format!("its time zone \"{id}\" is neither known here nor described in the file")
            })?,
            None => self.zones.floating.clone(),
        };
        let one = |text: &str| {
            let text = text.split('/').next().unwrap_or(text);
            let written = written(text).ok_or_else(|| {
                let text = ExternalText::from(text).for_people(40);
                format!("\"{text}\" is no time")
            })?;
            let zone = match written.form {
                Form::Utc => Zone::Known(TimeZone::UTC),
                Form::Date | Form::Wall => zone.clone(),
            };
            Ok(Moment { written, zone })
        };
        property.val.as_str().split(',').take(MAX_OCCURRENCES).map(one).collect()
    }
}

fn end(from: Timestamp, length: Length, zone: &Zone) -> Option<Timestamp> {
    let after_days = match length.days {
        0 => from,
        days => zone.instant(zone.wall(from).checked_add(i64::from(days).days()).ok()?)?,
    };
    after_days.checked_add(length.exact).ok()
}

/// An event by its id and, for a single occurrence, which one.
fn key<'a>(event: &'a Component<'_>) -> Option<(&'a str, Option<&'a str>)> {
    Some((value(event, "UID")?, value(event, "RECURRENCE-ID")))
}

fn sequence(event: &Component<'_>) -> u32 {
    value(event, "SEQUENCE").and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// The newest revision of every event: a file may hold older ones.
fn newest<'a>(events: &[&'a Component<'_>]) -> BTreeMap<(&'a str, Option<&'a str>), u32> {
    let mut newest = BTreeMap::new();
    for event in events {
        if let Some(key) = key(event) {
            let latest = newest.entry(key).or_insert(0);
            *latest = sequence(event).max(*latest);
        }
    }
    newest
}
