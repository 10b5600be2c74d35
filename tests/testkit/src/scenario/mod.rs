//! Builds the record of an incident from a story told in a few words: changes, alerts, metrics and what people
//! said. The same story gives the same bytes every time; there is no clock and no chance in it. It must not know
//! how a record is stored or what an answer to it should be.
//!
//! A story is put together from parts that know nothing of each other ([`change`], [`alert`], [`metric`],
//! [`person`]), so that another cause, another service or another red herring is one more function that adds
//! to a [`Story`]:
//!
//! ```
//! use hearback_testkit::scenario::{Story, change::commit, person::Person};
//!
//! const ADA: Person = Person::new("Ada Example", "ada@shop.example");
//! let mut story = Story::new("INC-1", "2026-09-17");
//! let fix = story.change(commit("shop", "Round once").at("11:20").by(ADA).touches("cart/total.ts", 3, 1));
//! story.says("11:31", ADA, "my change is out");
//! let record = story.record();
//! assert_eq!((fix.sha().is_some(), record.entries.len()), (true, 2));
//! ```
#![allow(
    clippy::expect_used,
    reason = "a story that can't be told must fail the test that tells it, at once"
)]

pub mod alert;
pub mod change;
pub mod checkout_cart_rounding;
pub mod metric;
pub mod person;

use hearback_core::change::{Change, RevertedBy};
use hearback_core::entry::{Actor, Draft, Entry, Salt};
use hearback_core::evidence::{Evidence, Origin};
use hearback_core::export::Export;
use hearback_core::happening::{Question, Role, Severity};
use hearback_core::ids::{ChangeId, IncidentId, ServiceName, SourceName};
use hearback_core::redaction::redact_external;
use hearback_core::text::ExternalText;
use hearback_core::{Digest, Happening, Window};
use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};

use alert::AlertSpec;
use change::ChangeSpec;
use metric::Curve;
use person::Person;

/// The day of the incident, against which short times are read: `13:41`, `13:41:20`, and `-1 13:41` for the day
/// before. All UTC.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    midnight: Timestamp,
}

impl Clock {
    /// The clock of an incident on `day`, written `2026-09-17`.
    pub fn on(day: &str) -> Self {
        let day: civil::Date = day.parse().expect("a story needs a day such as 2026-09-17");
        Clock { midnight: day.to_zoned(TimeZone::UTC).expect("a day of our calendar").timestamp() }
    }

    /// Reads a short time.
    pub fn at(&self, text: &str) -> Timestamp {
        let (day, time) = text.split_once(' ').unwrap_or(("0", text));
        let day: i64 = day.parse().expect("days from the incident's, such as -1");
        let time: civil::Time = time.parse().expect("a time such as 13:41 or 13:41:20");
        let since_midnight = time.duration_since(civil::Time::midnight());
        self.midnight + SignedDuration::from_hours(24 * day) + since_midnight
    }

    /// Reads the two ends of a window.
    pub fn window(&self, from: &str, until: &str) -> Window {
        Window { from: self.at(from), until: self.at(until) }
    }
}

/// The story of one incident. It may be told in any order; the record is in the order in which things were known.
pub struct Story {
    incident: IncidentId,
    /// How short times are read.
    pub clock: Clock,
    told: Vec<Draft>,
    snapshots: Vec<Evidence>,
    channel: String,
}

impl Story {
    /// Begins the story of `incident` on `day`.
    pub fn new(incident: &str, day: &str) -> Self {
        Story {
            incident: IncidentId::new(incident).expect("an incident id such as INC-1"),
            clock: Clock::on(day),
            told: Vec::new(),
            snapshots: Vec::new(),
            channel: "incident".into(),
        }
    }

    /// Names the channel that the response talks in.
    pub fn in_channel(mut self, channel: &str) -> Self {
        self.channel = channel.into();
        self
    }

    fn tell(&mut self, happened_at: Timestamp, known_at: Timestamp, by: Actor, what: Happening) {
        // `recorded_at` is set when the record is made: nothing is written down before the incident is declared.
        self.told.push(Draft { happened_at, known_at, recorded_at: known_at, by, what });
    }

    fn tell_now(&mut self, at: &str, by: Actor, what: Happening) {
        let at = self.clock.at(at);
        self.tell(at, at, by, what);
    }

    /// A change happens, and its source tells of it as late as that kind of source does.
    ///
    /// Returns its id, for deploys that deliver it and commits that revert it.
    pub fn change(&mut self, spec: ChangeSpec) -> ChangeId {
        let (change, known_at) = spec.into_change(&self.clock);
        let id = change.id.clone();
        let source = change.source.as_str().split(':').next().unwrap_or_default().to_owned();
        self.tell(change.effective_at, known_at, Actor::System(source), Happening::ChangeSeen(change));
        id
    }

    /// An alert fires, and goes away again if the spec says when.
    pub fn alert(&mut self, spec: AlertSpec) {
        let by = Actor::System("alerts".into());
        let (alert, fired_at, resolved_at) = spec.into_alert(&self.clock);
        if let Some(at) = resolved_at {
            let fingerprint = alert.fingerprint.clone();
            self.tell(at, at, by.clone(), Happening::AlertResolved { fingerprint });
        }
        self.tell(fired_at, fired_at, by, Happening::AlertFired(alert));
    }

    /// Somebody declares the incident.
    pub fn declares(&mut self, at: &str, who: Person, declared: Declared<'_>) {
        let what = Happening::Declared {
            title: declared.title.into(),
            severity: declared.severity,
            services: services(declared.services),
            impact_since: declared.impact_since.map(|at| self.clock.at(at)),
        };
        self.tell_now(at, who.actor(), what);
    }

    /// Somebody takes or is given a role.
    pub fn gives_role(&mut self, at: &str, by: Person, role: Role, to: Person) {
        self.tell_now(at, by.actor(), Happening::RoleAssigned { role, to: to.name.into() });
    }

    /// Somebody writes in the channel.
    pub fn says(&mut self, at: &str, who: Person, text: &str) {
        let what = Happening::note(self.channel.clone(), text);
        self.tell_now(at, who.actor(), what);
    }

    /// The severity is set anew.
    pub fn changes_severity(&mut self, at: &str, by: Person, to: Severity, why: &str) {
        self.tell_now(at, by.actor(), Happening::SeverityChanged { to, why: why.into() });
    }

    /// Somebody asks the copilot. The answer is not part of the story: whoever replays it computes one.
    pub fn asks(&mut self, at: &str, who: Person, asked: Asked<'_>) {
        let window = Window::before(self.clock.at(at), SignedDuration::from_hours(asked.hours_back));
        let what = Happening::Asked(Question {
            text: asked.text.into(),
            symptom: asked.symptom.into(),
            services: services(asked.services),
            window,
            onset: None,
            message: None,
            thread: None,
        });
        self.tell_now(at, who.actor(), what);
    }

    /// The copilot reads a metric over a window that ends no later than now, and keeps what it read.
    pub fn reads_metric(&mut self, at: &str, curve: &Curve, from: &str, until: &str) {
        let window = self.clock.window(from, until);
        let source = SourceName::new("metrics:shop").expect("a fixed name");
        self.keeps(at, source, Origin::System, curve.title(), window, curve.json(&self.clock, window));
    }

    /// The copilot reads log lines, and keeps them. Anybody may have caused what stands in a log.
    pub fn reads_log(&mut self, at: &str, service: &str, what: &str, from: &str, until: &str, text: &str) {
        let window = self.clock.window(from, until);
        let source = SourceName::new(format!("logs:{service}")).expect("a service's name");
        self.keeps(at, source, Origin::Outsider, what.to_owned(), window, text.to_owned());
    }

    fn keeps(
        &mut self,
        at: &str,
        source: SourceName,
        origin: Origin,
        what: String,
        window: Window,
        text: String,
    ) {
        assert!(window.until <= self.clock.at(at), "{what}: read at {at}, before its window was over");
        let text = redact_external(&ExternalText::new(text));
        let kept = Evidence::new(source.clone(), origin, None, Some(window), text).expect("plain text");
        let what = Happening::EvidenceGathered { evidence: kept.id, source, what, window: Some(window) };
        self.snapshots.push(kept);
        self.tell_now(at, Actor::hearback(), what);
    }

    /// The incident is over.
    pub fn resolves(&mut self, at: &str, who: Person, how: &str) {
        self.tell_now(at, who.actor(), Happening::Resolved { how: how.into() });
    }

    /// The record of what was told: sealed, in the order in which things were known.
    ///
    /// # Panics
    /// If two changes have one id, since a record of such a story would say something else than the story.
    pub fn record(mut self) -> Export {
        // Stable: what was known at the same second stays in the order of telling.
        self.told.sort_by_key(|draft| draft.known_at);
        let declared_at = self.told.iter().find_map(|draft| match draft.what {
            Happening::Declared { .. } => Some(draft.known_at),
            _ => None,
        });
        link_reverts(&mut self.told);
        let mut entries: Vec<Entry> = Vec::with_capacity(self.told.len());
        for draft in &mut self.told {
            draft.recorded_at = declared_at.map_or(draft.known_at, |declared| draft.known_at.max(declared));
            let head = entries.last().map(Entry::head);
            let salt = salt(&self.incident, entries.len());
            entries.push(Entry::seal(draft, &self.incident, head, salt).expect("bodies have a JSON form"));
        }
        let head = entries.last().expect("a story in which something happens").head();
        Export { incident: self.incident, entries, snapshots: self.snapshots, head }
    }
}

/// The incidents that come with Hearback: where each is committed, from the top of the repository, and its record.
pub fn bundled() -> Vec<(&'static str, Export)> {
    vec![("agent/app/demo/checkout.jsonl", checkout_cart_rounding::checkout_cart_rounding().record)]
}

/// How an incident is declared.
#[derive(Debug, Clone, Copy)]
pub struct Declared<'a> {
    /// What it is called.
    pub title: &'a str,
    /// How bad it is.
    pub severity: Severity,
    /// The services known to be affected.
    pub services: &'a [&'a str],
    /// When users began to feel it, if the declarer knows.
    pub impact_since: Option<&'a str>,
}

/// What the copilot is asked.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The words.
    pub text: &'a str,
    /// What is seen to fail.
    pub symptom: &'a str,
    /// The services named.
    pub services: &'a [&'a str],
    /// How far back to look.
    pub hours_back: i64,
}

fn services(names: &[&str]) -> Vec<ServiceName> {
    names.iter().map(|name| ServiceName::new(*name).expect("a service's name")).collect()
}

/// Tells a change that it was reverted, where its source knew that by the time it first told of the change. A
/// later revert is known from the reverting side alone: an entry is never changed.
fn link_reverts(told: &mut [Draft]) {
    let seen: Vec<(ChangeId, Vec<ChangeId>, Timestamp, Timestamp)> = told
        .iter()
        .filter_map(|draft| match &draft.what {
            Happening::ChangeSeen(change) => {
                Some((change.id.clone(), change.revert.reverts.clone(), change.effective_at, draft.known_at))
            }
            _ => None,
        })
        .collect();
    for (place, (id, ..)) in seen.iter().enumerate() {
        assert!(seen.iter().skip(place + 1).all(|(other, ..)| other != id), "two changes are called {id}");
    }
    for draft in told {
        let Happening::ChangeSeen(Change { id, revert, .. }) = &mut draft.what else { continue };
        let known_then = seen
            .iter()
            .filter(|(_, reverts, _, known_at)| reverts.contains(id) && *known_at <= draft.known_at);
        revert.reverted_by =
            known_then.map(|(by, _, at, _)| RevertedBy { by: by.clone(), at: *at }).collect();
    }
}

/// The salt of an entry. Random in a live record; here it only has to differ from entry to entry.
fn salt(incident: &IncidentId, place: usize) -> Salt {
    let digest = Digest::of_parts(&[b"salt", incident.as_str().as_bytes(), &(place as u64).to_be_bytes()]);
    std::array::from_fn(|byte| {
        let digits: String = digest.to_string().chars().skip(2 * byte).take(2).collect();
        u8::from_str_radix(&digits, 16).expect("a digest is hexadecimal")
    })
}
