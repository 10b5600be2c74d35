//! Incidents as they stand now, folded from a record that others write to as well. Only what is new is read. It must
//! not decide anything.

use std::collections::BTreeMap;

use hearback_core::entry::{Entry, Head, verify_chain};
use hearback_core::incident::State;
use hearback_core::ports::{RecordError, RecordStore};
use hearback_core::{Incident, IncidentId};
use jiff::Timestamp;

/// How many entries are read at a time.
const PAGE: usize = 1000;

/// All entries of an incident, as they are.
///
/// # Errors
/// [`RecordError::NoSuchIncident`] if it has none.
pub async fn read_all(record: &dyn RecordStore, id: &IncidentId) -> Result<Vec<Entry>, RecordError> {
    let entries = read_after(record, id, 0).await?;
    if entries.is_empty() { Err(RecordError::NoSuchIncident(id.clone())) } else { Ok(entries) }
}

/// All entries of an incident, verified, and its head.
///
/// # Errors
/// As [`read_all`]; [`RecordError::Broken`] if the chain does not verify.
pub async fn load(record: &dyn RecordStore, id: &IncidentId) -> Result<(Vec<Entry>, Head), RecordError> {
    let entries = read_all(record, id).await?;
    let head = verify_chain(id, &entries, None)?;
    Ok((entries, head.ok_or_else(|| RecordError::NoSuchIncident(id.clone()))?))
}

/// The incident as it was known at a time, from a record that verifies.
///
/// # Errors
/// As [`load`].
pub async fn known_at(
    record: &dyn RecordStore,
    id: &IncidentId,
    as_of: Timestamp,
) -> Result<Incident, RecordError> {
    let (entries, _) = load(record, id).await?;
    Ok(Incident::as_of(id.clone(), &entries, as_of))
}

async fn read_after(
    record: &dyn RecordStore,
    id: &IncidentId,
    after: u64,
) -> Result<Vec<Entry>, RecordError> {
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let page = record.read(id, entries.last().map_or(after, |entry| entry.seq), PAGE).await?;
        let is_last = page.len() < PAGE;
        entries.extend(page);
        if is_last {
            return Ok(entries);
        }
    }
}

/// The incidents of a record, folded up to a head.
#[derive(Debug, Default)]
pub struct Incidents {
    folded: BTreeMap<IncidentId, Folded>,
}

#[derive(Debug)]
struct Folded {
    head: Head,
    /// None if the record of this incident is broken: nothing is told from it.
    incident: Option<Incident>,
}

impl Incidents {
    /// Folds what was written since the last time.
    ///
    /// # Errors
    /// The record is away. A broken record of one incident hides that incident alone.
    pub async fn refresh(&mut self, record: &dyn RecordStore) -> Result<(), RecordError> {
        for (id, head) in record.incidents().await? {
            self.bring(record, id, head).await?;
        }
        Ok(())
    }

    /// Folds what was written into one incident since the last time.
    ///
    /// # Errors
    /// As [`Incidents::refresh`].
    pub async fn refresh_one(
        &mut self,
        record: &dyn RecordStore,
        id: &IncidentId,
    ) -> Result<(), RecordError> {
        match record.head(id).await? {
            Some(head) => self.bring(record, id.clone(), head).await,
            None => Ok(()),
        }
    }

    async fn bring(
        &mut self,
        record: &dyn RecordStore,
        id: IncidentId,
        head: Head,
    ) -> Result<(), RecordError> {
        let known = self.folded.get(&id);
        if known.is_some_and(|known| known.head == head) {
            return Ok(());
        }
        let folded = match fold(record, &id, known).await {
            Ok((incident, head)) => Folded { head, incident: Some(incident) },
            Err(RecordError::Broken(why)) => {
                tracing::error!(incident = %id, %why, "the record of an incident is broken");
                Folded { head, incident: None }
            }
            Err(error) => return Err(error),
        };
        self.folded.insert(id, folded);
        Ok(())
    }

    /// The place of the last entry that was folded into an incident.
    pub fn head(&self, id: &IncidentId) -> Option<Head> {
        self.folded.get(id).map(|folded| folded.head)
    }

    /// An incident, if there is one and its record is whole.
    pub fn get(&self, id: &IncidentId) -> Option<&Incident> {
        self.folded.get(id)?.incident.as_ref()
    }

    /// The open ones, by id.
    pub fn open(&self) -> impl Iterator<Item = &Incident> {
        self.all().filter(|incident| incident.state == State::Open)
    }

    /// All of them, by id.
    pub fn all(&self) -> impl Iterator<Item = &Incident> {
        self.folded.values().filter_map(|folded| folded.incident.as_ref())
    }

    /// The ids of those whose record is broken.
    pub fn broken(&self) -> impl Iterator<Item = &IncidentId> {
        self.folded.iter().filter(|(_, folded)| folded.incident.is_none()).map(|(id, _)| id)
    }
}

/// The incident and the head up to which it was folded: others may have written since its head was asked for. Only new
/// entries are read, unless one of them says that an older one was changed.
async fn fold(
    record: &dyn RecordStore,
    id: &IncidentId,
    known: Option<&Folded>,
) -> Result<(Incident, Head), RecordError> {
    if let Some(Folded { head, incident: Some(incident) }) = known {
        let news = read_after(record, id, head.seq).await?;
        if news.iter().all(|entry| entry.kind != "redacted") {
            let (mut head, mut incident) = (*head, incident.clone());
            for entry in &news {
                entry.verify(id, Some(head))?;
                head = entry.head();
                incident.apply(entry);
            }
            return Ok((incident, head));
        }
    }
    let (entries, head) = load(record, id).await?;
    let mut incident = Incident::new(id.clone());
    entries.iter().for_each(|entry| incident.apply(entry));
    Ok((incident, head))
}
