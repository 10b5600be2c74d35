//! The ports, over a writer's thread and a pool of readers. It must not know which database is behind them.

use async_trait::async_trait;
use hearback_core::entry::{Draft, Entry, Head};
use hearback_core::evidence::{Evidence, Known};
use hearback_core::happening::Alert;
use hearback_core::ports::{AlertInbox, ChangeLog, Expect, InboxAlert, RecordError, RecordStore, Recorded};
use hearback_core::time::Window;
use hearback_core::{Change, EvidenceId, ExternalText, IncidentId};
use jiff::Timestamp;

use crate::desk::{PutPaper, SetPaper, json};
use crate::pool::Pool;
use crate::secrets::{without_secrets, without_secrets_in_draft};
use crate::tables::{self, PaperKind};
use crate::writer::Writer;
use crate::writes::{Append, ClaimAlert, Import, Keep, LogChange, ReceiveAlert, Redact, ResolveAlert};

/// A record, open.
pub(crate) struct Store {
    pub writer: Writer,
    pub readers: Pool,
}

#[async_trait]
impl RecordStore for Store {
    async fn append(
        &self,
        incident: &IncidentId,
        expect: Expect,
        drafts: Vec<Draft>,
    ) -> Result<Vec<Entry>, RecordError> {
        let append = Append::new(incident, expect, drafts)?;
        let (append, places) = self.writer.submit_and_take_back(append).await?;
        Ok(append.into_entries(places))
    }

    async fn read(&self, incident: &IncidentId, after: u64, limit: usize) -> Result<Vec<Entry>, RecordError> {
        let incident = incident.clone();
        self.readers.read(move |session| tables::entries_after(session, &incident, after, limit)).await
    }

    async fn head(&self, incident: &IncidentId) -> Result<Option<Head>, RecordError> {
        let incident = incident.clone();
        self.readers.read(move |session| tables::head(session, &incident)).await
    }

    async fn incidents(&self) -> Result<Vec<(IncidentId, Head)>, RecordError> {
        self.readers.read(tables::incidents).await
    }

    async fn redact(
        &self,
        incident: &IncidentId,
        seq: u64,
        why: &ExternalText,
        redaction: Draft,
    ) -> Result<Entry, RecordError> {
        self.writer.submit(Redact::new(incident.clone(), seq, why, redaction)?).await
    }

    async fn import(&self, entries: Vec<Entry>, snapshots: Vec<Evidence>) -> Result<Head, RecordError> {
        self.writer.submit(Import::new(entries, snapshots)?).await
    }

    async fn keep(&self, snapshot: &Evidence) -> Result<Recorded, RecordError> {
        self.writer.submit(Keep::new(snapshot.clone())?).await
    }

    async fn snapshot(&self, id: EvidenceId) -> Result<Option<Evidence>, RecordError> {
        self.readers.read(move |session| tables::snapshot(session, id)).await
    }
}

#[async_trait]
impl ChangeLog for Store {
    async fn log_change(&self, change: &Known<Change>) -> Result<Recorded, RecordError> {
        self.writer.submit(LogChange(without_secrets(change.clone())?)).await
    }

    async fn logged_changes(&self, window: &Window, most: usize) -> Result<Vec<Known<Change>>, RecordError> {
        let window = *window;
        self.readers.read(move |session| tables::changes(session, &window, most)).await
    }
}

#[async_trait]
impl AlertInbox for Store {
    async fn receive_alert(&self, alert: &Known<Alert>) -> Result<Recorded, RecordError> {
        let fingerprint = alert.value.fingerprint.clone();
        let alert = without_secrets(alert.clone())?;
        self.writer.submit(ReceiveAlert { fingerprint, alert }).await
    }

    async fn resolve_alert(&self, fingerprint: &str, at: Timestamp) -> Result<bool, RecordError> {
        self.writer.submit(ResolveAlert { fingerprint: fingerprint.to_owned(), at }).await
    }

    async fn claim_alert(&self, fingerprint: &str, incident: &IncidentId) -> Result<bool, RecordError> {
        let (fingerprint, incident) = (fingerprint.to_owned(), incident.clone());
        self.writer.submit(ClaimAlert { fingerprint, incident }).await
    }

    async fn prepare(&self, alert: &Known<Alert>, found: &[Draft]) -> Result<(), RecordError> {
        let found = found.iter().cloned().map(without_secrets_in_draft).collect::<Result<Vec<_>, _>>()?;
        let (name, at, json) = (prepared_name(alert), alert.known_at, json(&found)?);
        self.writer.submit(SetPaper(PutPaper { kind: PaperKind::Prepared, name, at, json })).await
    }

    async fn prepared(&self, alert: &Known<Alert>) -> Result<Vec<Draft>, RecordError> {
        let name = prepared_name(alert);
        let found =
            self.readers.read(move |session| tables::paper(session, PaperKind::Prepared, &name)).await?;
        Ok(found.unwrap_or_default())
    }

    async fn alerts(&self, window: &Window) -> Result<Vec<InboxAlert>, RecordError> {
        let window = *window;
        self.readers.read(move |session| tables::alerts(session, &window)).await
    }
}

/// One occurrence of an alert: the same fingerprint may fire again another day.
fn prepared_name(alert: &Known<Alert>) -> String {
    format!("{}\n{}", alert.value.fingerprint, alert.known_at)
}
