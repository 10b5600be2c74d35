//! What happens when an alert fires: it is placed, and the copilot asks what changed before anybody acknowledges it.
//! Every step can be repeated: what was done is read from the record, so a crash between two steps loses nothing and
//! does nothing twice. It must not know how alerts arrive.

use hearback_core::entry::Actor;
use hearback_core::evidence::Known;
use hearback_core::happening::Alert;
use hearback_core::incident::State;
use hearback_core::ports::{AlertInbox, Expect, InboxAlert, RecordError, RecordStore};
use hearback_core::{Catalog, Draft, Entry, ExternalText, Happening, Incident, IncidentId, Severity, Window};
use jiff::{SignedDuration, Timestamp};

use crate::incidents::Incidents;
use crate::placing::{Placement, PlacingRule, place};

/// How far back alerts are looked at: one that waits longer is nobody's.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What to do with alerts.
#[derive(Clone, Copy)]
pub struct AlertDesk<'a> {
    /// Where incidents are written.
    pub record: &'a dyn RecordStore,
    /// Where alerts wait.
    pub inbox: &'a dyn AlertInbox,
    /// The services that are known.
    pub catalog: &'a Catalog,
    /// Where alerts belong.
    pub rule: &'a PlacingRule,
}

/// Something the copilot has to find out by itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Inquiry {
    /// What changed, in an incident that has no answer yet, or one that was found before it was declared.
    Incident(IncidentId),
    /// What changed, for an alert that waits, unless that was found out before.
    Waiting(Known<Alert>),
}

impl AlertDesk<'_> {
    /// Brings every alert to where it belongs and says what is to be found out. `incidents` is brought up to date.
    ///
    /// # Errors
    /// The record is away; what was not done is done by the next call.
    pub async fn settle(
        &self,
        incidents: &mut Incidents,
        now: Timestamp,
    ) -> Result<Vec<Inquiry>, RecordError> {
        incidents.refresh(self.record).await?;
        let until = now.checked_add(SignedDuration::from_secs(1)).unwrap_or(now);
        let mut inquiries = Vec::new();
        for waiting in self.inbox.alerts(&Window { from: Window::before(now, LOOK_BACK).from, until }).await?
        {
            if let Some(id) = self.home_of(&waiting, incidents, now).await? {
                self.tell(&id, &waiting, incidents, now).await?;
            } else if waiting.resolved_at.is_none() {
                inquiries.push(Inquiry::Waiting(waiting.alert));
            }
        }
        let unanswered =
            |incident: &&Incident| incident.first_answer.is_none() && !incident.alerts.is_empty();
        inquiries.extend(
            incidents.open().filter(unanswered).map(|incident| Inquiry::Incident(incident.id.clone())),
        );
        Ok(inquiries)
    }

    /// The incident an alert is in; it is claimed, and the incident declared, where that is called for.
    async fn home_of(
        &self,
        waiting: &InboxAlert,
        incidents: &mut Incidents,
        now: Timestamp,
    ) -> Result<Option<IncidentId>, RecordError> {
        if waiting.incident.is_some() || waiting.resolved_at.is_some() {
            return Ok(waiting.incident.clone());
        }
        let alert = &waiting.alert.value;
        let id = match place(alert, incidents.open(), self.catalog, self.rule, now) {
            Placement::Wait => return Ok(None),
            Placement::Join(id) => id,
            Placement::Declare(severity) => {
                let id = declare(self.record, &waiting.alert, severity, now).await?;
                incidents.refresh(self.record).await?;
                id
            }
        };
        let won = self.inbox.claim_alert(&alert.fingerprint, &id).await?;
        Ok(won.then_some(id))
    }

    /// Writes into the incident what it does not hold yet: the alert, what was found out about it, its end.
    async fn tell(
        &self,
        id: &IncidentId,
        waiting: &InboxAlert,
        incidents: &mut Incidents,
        now: Timestamp,
    ) -> Result<(), RecordError> {
        let Some(incident) = incidents.get(id).filter(|incident| incident.state == State::Open) else {
            return Ok(());
        };
        let alert = &waiting.alert;
        // One that fires is the same problem as one that is open, whatever its notification says of its beginning. One
        // that is over is itself alone: the open one may be a later firing.
        let is_over = waiting.resolved_at.is_some();
        let held = incident.alerts.iter().rev().find(|seen| {
            seen.alert.fingerprint == alert.value.fingerprint
                && (seen.alert.started_at == alert.value.started_at
                    || (!is_over && seen.resolved_at.is_none()))
        });
        let mut drafts = Vec::new();
        if held.is_none() {
            drafts.push(fired(alert, now));
            if incident.first_answer.is_none() {
                let found = self.inbox.prepared(alert).await?;
                // What was found out long ago does not answer what is asked now.
                let is_fresh = |draft: &Draft| now.duration_since(draft.known_at) <= self.rule.group_within;
                drafts.extend(if found.iter().all(is_fresh) { found } else { Vec::new() });
            }
        }
        if let Some(at) = waiting.resolved_at
            && held.is_none_or(|seen| seen.resolved_at.is_none())
        {
            let what = Happening::AlertResolved { fingerprint: alert.value.fingerprint.clone() };
            drafts.push(Draft { happened_at: at, known_at: now, recorded_at: now, by: alerting(), what });
        }
        if drafts.is_empty() {
            return Ok(());
        }
        // Whoever wrote meanwhile may have written the same: then the next call looks again.
        let head = self.record.head(id).await?;
        if head.map(|head| head.seq) != Some(incident.entries) {
            return Ok(());
        }
        match self.record.append(id, Expect::Head(head), drafts).await {
            Ok(_) | Err(RecordError::Conflict { .. }) => incidents.refresh(self.record).await,
            Err(error) => Err(error),
        }
    }
}

/// Who says that alerts fire and are over.
fn alerting() -> Actor {
    Actor::System("alertmanager".into())
}

/// An alert as an entry.
fn fired(alert: &Known<Alert>, now: Timestamp) -> Draft {
    Draft {
        happened_at: alert.value.started_at,
        known_at: alert.known_at,
        recorded_at: now,
        by: alerting(),
        what: Happening::AlertFired(alert.value.clone()),
    }
}

/// Opens an incident for an alert.
async fn declare(
    store: &dyn RecordStore,
    alert: &Known<Alert>,
    severity: Severity,
    now: Timestamp,
) -> Result<IncidentId, RecordError> {
    let Known { value: Alert { name, summary, service, .. }, .. } = alert;
    let title = match summary.is_blank() {
        true => name.clone(),
        false => ExternalText::new(format!("{}: {}", name.for_people(80), summary.for_people(120))),
    };
    let what = Happening::Declared {
        title,
        severity,
        services: service.iter().cloned().collect(),
        impact_since: None,
    };
    let declared = Draft { happened_at: now, known_at: now, recorded_at: now, by: Actor::hearback(), what };
    // In one unit with the alert: a crash before the alert is claimed leaves an incident that it joins, not one more.
    open_incident(store, vec![declared, fired(alert, now)]).await.map(|entry| entry.incident)
}

/// Opens an incident with these entries, under the next free number. Returns the first. Whoever loses a race takes the one after.
///
/// # Errors
/// The record is away, or the numbers are used up.
pub async fn open_incident(store: &dyn RecordStore, drafts: Vec<Draft>) -> Result<Entry, RecordError> {
    let taken = store.incidents().await?;
    let mut number = taken.iter().filter_map(|(id, _)| id.number()).max().unwrap_or(0);
    loop {
        let next = number.checked_add(1);
        number = next.ok_or_else(|| RecordError::Refused("the numbers of incidents are used up".into()))?;
        let id = IncidentId::numbered(number);
        match store.append(&id, Expect::Head(None), drafts.clone()).await {
            Ok(entries) => {
                let nothing = || RecordError::Store("nothing was written".into());
                return entries.into_iter().next().ok_or_else(nothing);
            }
            Err(RecordError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
    }
}
