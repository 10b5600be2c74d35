//! What can be written, and the rules for each: compare-and-set, redaction, import. Each write decides before it
//! writes, so that a refused one leaves nothing behind in the transaction it shares with others. It must not know
//! how transactions are batched.

use std::collections::HashSet;

use hearback_core::entry::{Body, Draft, Entry, Head, Salt, verify_chain};
use hearback_core::evidence::{Evidence, Known};
use hearback_core::happening::{Alert, Happening};
use hearback_core::ports::{Expect, RecordError, Recorded};
use hearback_core::redaction::redact_external;
use hearback_core::sealing::{Place, Sealing};
use hearback_core::{Change, ExternalText, IncidentId};
use jiff::Timestamp;

use crate::secrets::without_secrets_in_draft;
use crate::session::Fault;
use crate::tables::{Ledger, named_evidence};

/// The most text a snapshot may hold.
const MAX_SNAPSHOT_BYTES: usize = 64 << 20;

/// What a write leaves in the files that a later step must take out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaves {
    /// Nothing.
    Nothing,
    /// What it deleted.
    Deleted,
}

/// Something to write. It may be applied twice, if the first transaction failed.
pub(crate) trait Write: Send + 'static {
    /// What the caller gets.
    type Done: Send + 'static;

    /// Writes into the open transaction.
    ///
    /// # Errors
    /// [`Fault::Verdict`] before anything was written; any other fault ends the transaction.
    fn apply(&self, ledger: &mut Ledger<'_>) -> Result<Self::Done, Fault>;

    /// The entry whose presence proves that the transaction was committed, if this write made one.
    fn proof(&self, _done: &Self::Done) -> Option<(IncidentId, Head)> {
        None
    }

    /// What is left in the files afterwards.
    const LEAVES: Leaves = Leaves::Nothing;
}

/// Appends entries.
pub(crate) struct Append {
    incident: IncidentId,
    expect: Expect,
    entries: Vec<Sealing>,
}

impl Append {
    /// Takes the secrets out of `drafts` and does all that needs no predecessor, so that the writer need not.
    pub fn new(incident: &IncidentId, expect: Expect, drafts: Vec<Draft>) -> Result<Self, RecordError> {
        let entries = drafts.into_iter().map(|draft| prepare(incident, draft)).collect::<Result<_, _>>()?;
        Ok(Append { incident: incident.clone(), expect, entries })
    }

    /// The entries at the places they were given.
    pub fn into_entries(self, places: Vec<Place>) -> Vec<Entry> {
        self.entries.into_iter().zip(places).map(|(entry, place)| entry.into_entry(place)).collect()
    }
}

fn prepare(incident: &IncidentId, draft: Draft) -> Result<Sealing, RecordError> {
    let mut salt = Salt::default();
    getrandom::fill(&mut salt)
        .map_err(|error| RecordError::Store(format!("the system gives no random numbers: {error}")))?;
    Sealing::prepare(&without_secrets_in_draft(draft)?, incident, salt)
        .map_err(|error| RecordError::Refused(error.to_string()))
}

impl Write for Append {
    type Done = Vec<Place>;

    fn apply(&self, ledger: &mut Ledger<'_>) -> Result<Vec<Place>, Fault> {
        let head = ledger.head(&self.incident)?;
        match self.expect {
            Expect::Head(expected) if expected != head => {
                Err(RecordError::Conflict { incident: self.incident.clone(), head }.into())
            }
            _ => ledger.append(&self.incident, &self.entries),
        }
    }

    fn proof(&self, done: &Vec<Place>) -> Option<(IncidentId, Head)> {
        done.last().map(|place| (self.incident.clone(), place.head()))
    }
}

/// Removes an entry's body and records that it was done.
pub(crate) struct Redact {
    incident: IncidentId,
    seq: u64,
    at: Timestamp,
    why: ExternalText,
    redaction: Sealing,
}

impl Redact {
    /// Checks that `redaction` says what is done.
    pub fn new(
        incident: IncidentId,
        seq: u64,
        why: &ExternalText,
        redaction: Draft,
    ) -> Result<Self, RecordError> {
        match &redaction.what {
            Happening::Redacted { seq: named, .. } if *named == seq => {
                let (at, why) = (redaction.recorded_at, redact_external(why));
                let redaction = prepare(&incident, redaction)?;
                Ok(Redact { incident, seq, at, why, redaction })
            }
            _ => Err(RecordError::Refused(format!(
                "the entry that records a redaction must be of kind \"redacted\" and name entry {seq}"
            ))),
        }
    }
}

impl Write for Redact {
    type Done = Entry;
    const LEAVES: Leaves = Leaves::Deleted;

    fn apply(&self, ledger: &mut Ledger<'_>) -> Result<Entry, Fault> {
        let (incident, seq) = (&self.incident, self.seq);
        if ledger.head(incident)?.is_none() {
            return Err(RecordError::NoSuchIncident(incident.clone()).into());
        }
        let entry = ledger.entry(incident, seq)?;
        let entry = entry.ok_or_else(|| RecordError::NoSuchEntry(incident.clone(), seq))?;
        let refuse = |why: &str| Err(RecordError::Refused(format!("entry {seq} of {incident} {why}")).into());
        match (&entry.body, entry.kind.as_str()) {
            (Body::Redacted { .. }, _) => return refuse("is redacted already"),
            (_, "redacted") => return refuse("records a redaction and has to stay"),
            _ => {}
        }
        if let Some(id) = named_evidence(&entry) {
            ledger.forget_snapshot(id, incident, seq)?;
        }
        let body = Body::Redacted { at: self.at, why: self.why.clone() };
        ledger.replace(&Entry { body, ..entry })?;
        let mut places = ledger.append(incident, std::slice::from_ref(&self.redaction))?;
        let place = places.pop().ok_or_else(|| Fault::Failed("the redaction was not appended".into()))?;
        Ok(self.redaction.clone().into_entry(place))
    }

    fn proof(&self, done: &Entry) -> Option<(IncidentId, Head)> {
        Some((self.incident.clone(), done.head()))
    }
}

/// Takes a whole record.
pub(crate) struct Import {
    incident: IncidentId,
    head: Head,
    entries: Vec<Entry>,
    snapshots: Vec<Evidence>,
}

impl Import {
    /// Verifies the chain and the snapshots.
    pub fn new(entries: Vec<Entry>, snapshots: Vec<Evidence>) -> Result<Self, RecordError> {
        let first =
            entries.first().ok_or_else(|| RecordError::Refused("the record has no entries".into()))?;
        let incident = first.incident.clone();
        let head = verify_chain(&incident, &entries, None)?
            .ok_or_else(|| RecordError::Refused("the record has no entries".into()))?;
        let named: HashSet<_> = entries.iter().filter_map(named_evidence).collect();
        for snapshot in &snapshots {
            check_snapshot(snapshot)?;
            if !named.contains(&snapshot.id) {
                return Err(RecordError::Refused(format!(
                    "snapshot {} is named by no entry of the record: remove its line and import again",
                    snapshot.id.0.short()
                )));
            }
        }
        Ok(Import { incident, head, entries, snapshots })
    }
}

impl Write for Import {
    type Done = Head;

    fn apply(&self, ledger: &mut Ledger<'_>) -> Result<Head, Fault> {
        if ledger.head(&self.incident)?.is_some() {
            let why = format!("there is an incident {} already; nothing was imported", self.incident);
            return Err(RecordError::Refused(why).into());
        }
        for snapshot in &self.snapshots {
            ledger.keep(snapshot)?;
        }
        ledger.add(&self.entries)?;
        Ok(self.head)
    }
}

/// Keeps a snapshot.
pub(crate) struct Keep(Evidence);

impl Keep {
    /// Checks that the snapshot is what its id says.
    pub fn new(snapshot: Evidence) -> Result<Self, RecordError> {
        check_snapshot(&snapshot)?;
        Ok(Keep(snapshot))
    }
}

impl Write for Keep {
    type Done = Recorded;

    fn apply(&self, ledger: &mut Ledger<'_>) -> Result<Recorded, Fault> {
        ledger.keep(&self.0)
    }
}

/// Logs a change.
pub(crate) struct LogChange(pub Known<Change>);

impl Write for LogChange {
    type Done = Recorded;

    fn apply(&self, ledger: &mut Ledger<'_>) -> Result<Recorded, Fault> {
        ledger.log_change(&self.0)
    }
}

/// Takes an alert.
pub(crate) struct ReceiveAlert {
    /// The fingerprint as it was sent; the alert's own may have been redacted.
    pub fingerprint: String,
    pub alert: Known<Alert>,
}

impl Write for ReceiveAlert {
    type Done = Recorded;

    fn apply(&self, ledger: &mut Ledger<'_>) -> Result<Recorded, Fault> {
        ledger.receive_alert(&self.fingerprint, &self.alert)
    }
}

/// Marks an alert as over.
pub(crate) struct ResolveAlert {
    pub fingerprint: String,
    pub at: Timestamp,
}

impl Write for ResolveAlert {
    type Done = bool;

    fn apply(&self, ledger: &mut Ledger<'_>) -> Result<bool, Fault> {
        ledger.resolve_alert(&self.fingerprint, self.at)
    }
}

/// Gives an alert to an incident.
pub(crate) struct ClaimAlert {
    pub fingerprint: String,
    pub incident: IncidentId,
}

impl Write for ClaimAlert {
    type Done = bool;

    fn apply(&self, ledger: &mut Ledger<'_>) -> Result<bool, Fault> {
        ledger.claim_alert(&self.fingerprint, &self.incident)
    }
}

fn check_snapshot(snapshot: &Evidence) -> Result<(), RecordError> {
    let refuse = |why: &str| Err(RecordError::Refused(format!("snapshot {} {why}", snapshot.id.0.short())));
    if snapshot.text.as_untrusted().len() > MAX_SNAPSHOT_BYTES {
        return refuse("is too large: at most 64 MB are kept; cut it before it is kept");
    }
    if !snapshot.is_intact() {
        return refuse("was changed: its content does not match its id");
    }
    Ok(())
}
