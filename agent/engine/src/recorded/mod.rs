//! A record as the source of everything: what its entries say and its snapshots hold, as it was known at a moment. No
//! network, no repository, no clock. It must not know what is asked.

mod readings;
mod sources;

use std::collections::BTreeMap;

use hearback_core::export::Export;
use hearback_core::ports::{RecordError, RecordStore};
use hearback_core::{Entry, Evidence, EvidenceId, Gap, Happening, Incident, IncidentId, SourceName};
use jiff::Timestamp;

use crate::incidents::load;

pub(crate) use readings::Readings;
pub(crate) use sources::Served;

/// The entries of an incident and the snapshots they name.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The incident.
    pub id: IncidentId,
    /// Its entries, verified, from the first.
    pub entries: Vec<Entry>,
    /// The snapshots that are kept.
    pub snapshots: BTreeMap<EvidenceId, Evidence>,
}

impl Recorded {
    /// Reads an incident's entries and snapshots, verified.
    ///
    /// # Errors
    /// [`RecordError`]: there is none, it was tampered with, or the record is away. A snapshot that is gone is no error.
    pub async fn load(record: &dyn RecordStore, id: &IncidentId) -> Result<Recorded, RecordError> {
        let (entries, _) = load(record, id).await?;
        let mut snapshots = BTreeMap::new();
        for evidence in entries.iter().filter_map(|entry| gathered(entry).map(|(evidence, _)| evidence)) {
            if let Some(snapshot) = record.snapshot(evidence).await? {
                snapshots.insert(evidence, snapshot);
            }
        }
        Ok(Recorded { id: id.clone(), entries, snapshots })
    }

    /// The incident as it was known then.
    pub fn as_of(&self, at: Timestamp) -> Incident {
        Incident::as_of(self.id.clone(), &self.entries, at)
    }

    /// From when on something of it was known.
    pub fn known_from(&self) -> Option<Timestamp> {
        self.entries.iter().map(|entry| entry.known_at).min()
    }

    /// When the last of it became known.
    pub fn known_until(&self) -> Option<Timestamp> {
        self.entries.iter().map(|entry| entry.known_at).max()
    }

    /// The source that its own entries are cited under.
    pub(crate) fn source(&self) -> Option<SourceName> {
        SourceName::new(format!("record:{}", self.id)).ok()
    }

    pub(crate) fn gap(&self, why: String) -> Option<Gap> {
        Some(Gap { source: self.source()?, why })
    }
}

impl From<Export> for Recorded {
    fn from(export: Export) -> Self {
        let snapshots = export.snapshots.into_iter().map(|snapshot| (snapshot.id, snapshot)).collect();
        Recorded { id: export.incident, entries: export.entries, snapshots }
    }
}

/// The snapshot that an entry names, and where it was read.
fn gathered(entry: &Entry) -> Option<(EvidenceId, SourceName)> {
    // Most entries are of other kinds, and reading a body costs.
    if !is_gathered(entry) {
        return None;
    }
    match entry.happening() {
        Ok(Happening::EvidenceGathered { evidence, source, .. }) => Some((evidence, source)),
        _ => None,
    }
}

/// Whether an entry names a snapshot, or did before it was redacted.
pub(crate) fn is_gathered(entry: &Entry) -> bool {
    entry.kind == "evidence_gathered"
}
