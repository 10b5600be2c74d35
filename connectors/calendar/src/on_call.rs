//! Who is on call, from `[[on_call]]` of the configuration: a turn is a stretch of time like a freeze, and is read as one.
//! In a calendar the summary of an event is the person. It must not know who these people are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use hearback_core::evidence::{Coverage, Fetched};
use hearback_core::expertise::OnCall;
use hearback_core::ports::{ConnectorError, FreezeSource, OnCallSource};
use hearback_core::{ServiceName, SourceName, Window};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::entry::{BadFreeze, FreezeEntry, WeeklyEntry, sources};

/// One `[[on_call]]`: a person every week or once, or a calendar whose events are called as the person on call.
///
/// ```toml
/// [[on_call]]
/// person = "ana@shop.example"    # a name, a handle or an address
/// weekly = { from = "Mon 09:00", until = "Fri 17:00", zone = "Europe/Berlin" }
/// services = ["checkout"]        # else all
///
/// [[on_call]]
/// schedule = "payments"
/// calendar = "payments.ics"
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnCallEntry {
    /// Who; not for a calendar, which says it itself.
    #[serde(default)]
    pub person: Option<String>,
    /// What the schedule of a calendar is called.
    #[serde(default)]
    pub schedule: Option<String>,
    /// Every week.
    #[serde(default)]
    pub weekly: Option<WeeklyEntry>,
    /// Once: its first moment.
    #[serde(default)]
    pub from: Option<String>,
    /// Once: the first moment after it.
    #[serde(default)]
    pub until: Option<String>,
    /// An iCalendar file, relative to the configuration file.
    #[serde(default)]
    pub calendar: Option<PathBuf>,
    /// Which of its events count: a regular expression over summary and categories.
    #[serde(default)]
    pub matching: Option<String>,
    /// The IANA time zone of times without one.
    #[serde(default)]
    pub zone: Option<String>,
    /// For these services; empty for all.
    #[serde(default)]
    pub services: Vec<ServiceName>,
}

/// An `[[on_call]]` can't be used; the user can mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("on_call {0}")]
pub struct BadOnCall(String);

/// The sources that `entries` make: one for all that stand in the configuration, and one for each calendar.
///
/// # Errors
/// [`BadOnCall`] names the first entry that can't be used.
pub fn on_call_sources(
    entries: &[OnCallEntry],
    base: &Path,
) -> Result<Vec<Arc<dyn OnCallSource>>, BadOnCall> {
    let (calendars, configured): (Vec<&OnCallEntry>, Vec<&OnCallEntry>) =
        entries.iter().partition(|entry| entry.calendar.is_some());
    let read = |entries: Vec<&OnCallEntry>| -> Result<Vec<Arc<dyn FreezeSource>>, BadOnCall> {
        let turns: Vec<FreezeEntry> = entries.into_iter().map(turn).collect::<Result<_, _>>()?;
        sources(&turns, base).map_err(|BadFreeze { name, why }| BadOnCall(format!("\"{name}\": {why}")))
    };
    let bad_name = |error: hearback_core::ids::BadName| BadOnCall(error.to_string());
    let mut schedules: Vec<Arc<dyn OnCallSource>> = Vec::new();
    if let Some(turns) = read(configured)?.into_iter().next() {
        let name = SourceName::new("on_call").map_err(bad_name)?;
        schedules.push(Arc::new(Schedule { name, turns }));
    }
    for turns in read(calendars)? {
        schedules.push(Arc::new(Schedule { name: turns.name().clone(), turns }));
    }
    Ok(schedules)
}

fn turn(entry: &OnCallEntry) -> Result<FreezeEntry, BadOnCall> {
    let OnCallEntry { person, schedule, weekly, from, until, calendar, matching, zone, services } =
        entry.clone();
    let name = match (person, schedule, calendar.is_some()) {
        (Some(person), None, false) => person,
        (None, schedule, true) => schedule.unwrap_or_else(|| "on call".to_owned()),
        (_, _, true) => {
            return Err(BadOnCall("with a calendar: its events say who; take out person".into()));
        }
        (_, _, false) => return Err(BadOnCall("without a calendar: say who with person = \"…\"".into())),
    };
    let environments = Vec::new();
    Ok(FreezeEntry { name, weekly, from, until, calendar, matching, zone, services, environments })
}

/// Turns, read as stretches of time.
struct Schedule {
    name: SourceName,
    turns: Arc<dyn FreezeSource>,
}

#[async_trait]
impl OnCallSource for Schedule {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn on_call(&self, at: Timestamp, _: SignedDuration) -> Result<Fetched<OnCall>, ConnectorError> {
        let until = at.checked_add(SignedDuration::from_secs(1)).unwrap_or(at);
        let Fetched { items, coverage } = self.turns.freezes(Window { from: at, until }).await?;
        let turns = items.into_iter().filter(|turn| turn.window.contains(at));
        let items: Vec<OnCall> = turns
            .map(|turn| OnCall { person: turn.name, window: turn.window, services: turn.services })
            .collect();
        let searched = match items.len() {
            0 => "nobody is on call".to_owned(),
            n => format!("{n} on call"),
        };
        Ok(Fetched { items, coverage: Coverage { source: self.name.clone(), searched, ..coverage } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Vec<OnCallEntry> {
        #[derive(Deserialize)]
        struct File {
            on_call: Vec<OnCallEntry>,
        }
        toml::from_str::<File>(text).unwrap().on_call
    }

    async fn who(text: &str, at: &str, base: &Path) -> Vec<String> {
        let mut people = Vec::new();
        for source in on_call_sources(&entries(text), base).unwrap() {
            let found = source.on_call(at.parse().unwrap(), SignedDuration::from_secs(1)).await.unwrap();
            people.extend(found.items.into_iter().map(|turn| turn.person.as_untrusted().to_owned()));
        }
        people
    }

    #[tokio::test]
    async fn a_turn_begins_and_ends_on_the_wall_clock() {
        let text = "[[on_call]]\nperson = \"ana@shop.example\"\n\
                    weekly = { from = \"Mon 09:00\", until = \"Fri 17:00\", zone = \"Europe/Berlin\" }\n\
                    [[on_call]]\nperson = \"@ben\"\nfrom = \"2026-03-06T16:00:00Z\"\nuntil = \"2026-03-09T08:00:00Z\"\n";
        let none: [&str; 0] = [];
        for (at, expect) in [
            ("2026-03-04T12:00:00Z", ["ana@shop.example"].as_slice()),
            ("2026-03-06T15:59:59Z", &["ana@shop.example"]),
            ("2026-03-06T16:00:00Z", &["@ben"]),
            ("2026-03-14T12:00:00Z", &none),
        ] {
            assert_eq!(who(text, at, Path::new(".")).await, expect, "{at}");
        }
    }

    #[tokio::test]
    async fn a_calendar_says_itself_who_is_on_call() {
        let folder = tempfile::tempdir().unwrap();
        let calendar = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260301T000000Z\r\n\
                        DTSTART:20260302T080000Z\r\nDTEND:20260309T080000Z\r\nSUMMARY:Ana Ruiz\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
        std::fs::write(folder.path().join("payments.ics"), calendar).unwrap();
        let text = "[[on_call]]\nschedule = \"payments\"\ncalendar = \"payments.ics\"\n";
        assert_eq!(who(text, "2026-03-04T12:00:00Z", folder.path()).await, ["Ana Ruiz"]);
        assert!(who(text, "2026-03-09T08:00:00Z", folder.path()).await.is_empty());
    }

    #[test]
    fn what_can_not_be_used_says_what_to_write() {
        let check = |text: &str, expect: &str| {
            let refused = on_call_sources(&entries(text), Path::new("."));
            let error = refused.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(expect), "{error}");
        };
        check(
            "[[on_call]]\nweekly = { from = \"Mon 09:00\", until = \"Fri 17:00\" }\n",
            "say who with person",
        );
        check("[[on_call]]\nperson = \"ana\"\ncalendar = \"x.ics\"\n", "take out person");
        check("[[on_call]]\nperson = \"ana\"\n", "exactly one of weekly");
    }
}
