//! A record as a whole: verifying and exporting it. Works on any [`RecordStore`] and knows no database.

use std::collections::BTreeSet;

use hearback_core::IncidentId;
use hearback_core::entry::{Broken, Entry, Head};
use hearback_core::export::Export;
use hearback_core::ports::{RecordError, RecordStore};

use crate::tables::named_evidence;

/// Entries read at once.
const PAGE: usize = 1000;

/// Walks the chain of `incident` as it is stored and checks every snapshot it names. With an `exported` head, also
/// that the record still holds it: a record that was cut short verifies otherwise.
///
/// Returns the chain's head.
///
/// # Errors
/// [`RecordError::Broken`] names the first entry that was changed; [`RecordError::Store`] a snapshot that was.
/// [`RecordError::NoSuchIncident`] if there is nothing to verify and nothing was expected.
pub async fn verify(
    store: &dyn RecordStore,
    incident: &IncidentId,
    exported: Option<Head>,
) -> Result<Head, RecordError> {
    let mut holds_exported = exported.is_none();
    let head = walk(store, incident, |entry| holds_exported |= Some(entry.head()) == exported).await?;
    match (head, exported) {
        (_, Some(exported)) if !holds_exported => Err(Broken::Truncated { seq: exported.seq }.into()),
        (Some(head), _) => Ok(head),
        (None, _) => Err(RecordError::NoSuchIncident(incident.clone())),
    }
}

/// The whole record of `incident`, verified, with the snapshots it names.
///
/// # Errors
/// As [`verify`].
pub async fn export(store: &dyn RecordStore, incident: &IncidentId) -> Result<Export, RecordError> {
    let mut entries: Vec<Entry> = Vec::new();
    let head = walk(store, incident, |entry| entries.push(entry.clone())).await?;
    let head = head.ok_or_else(|| RecordError::NoSuchIncident(incident.clone()))?;
    let named: BTreeSet<_> = entries.iter().filter_map(named_evidence).collect();
    let mut snapshots = Vec::new();
    for id in named {
        snapshots.extend(store.snapshot(id).await?);
    }
    Ok(Export { incident: incident.clone(), entries, snapshots, head })
}

/// Hands every entry to `visit`, in order, verified, and checks the snapshot it names.
async fn walk(
    store: &dyn RecordStore,
    incident: &IncidentId,
    mut visit: impl FnMut(&Entry),
) -> Result<Option<Head>, RecordError> {
    let mut head: Option<Head> = None;
    loop {
        let page = store.read(incident, head.map_or(0, |head| head.seq), PAGE).await?;
        for entry in &page {
            entry.verify(incident, head)?;
            head = Some(entry.head());
            // Reading a snapshot checks it; one that is gone was redacted together with another entry.
            if let Some(id) = named_evidence(entry) {
                store.snapshot(id).await?;
            }
            visit(entry);
        }
        if page.len() < PAGE {
            return Ok(head);
        }
    }
}
