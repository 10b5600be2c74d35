//! What the service remembers by itself: an incident that is over becomes a document, and what was embedded by a former
//! model is embedded anew, a little at a time. Nothing waits for it, and what fails is tried again later.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hearback_core::incident::State;
use hearback_core::memory::store::{MemoryError, Shelved};
use hearback_core::{Head, IncidentId, SourceName};
use hearback_memory::incident::shelve;
use hearback_memory::library::Library;
use hearback_memory::reading::Reader;
use jiff::Timestamp;

use super::service::Service;
use crate::wiring::memory::{INCIDENTS, known_services};

/// How often it is looked whether an incident is over.
const REST: Duration = Duration::from_secs(30);

/// Remembers until the service stops.
pub async fn remember(service: Arc<Service>) {
    let Some(library) = service.parts.library.clone() else { return };
    let Ok(source) = SourceName::new(INCIDENTS) else { return };
    let mut seen: BTreeMap<IncidentId, Option<Head>> = BTreeMap::new();
    let mut is_whole = false;
    loop {
        if let Err(error) = remember_closed(&service, &library, &source, &mut seen).await {
            tracing::error!(why = %error, "closed incidents could not be remembered; it is tried again");
        }
        if !is_whole {
            match library.embed_what_is_missing(&|_, _| {}).await {
                Ok(_) => is_whole = true,
                Err(error) => {
                    tracing::error!(why = %error, "documents could not be embedded; it is tried again")
                }
            }
        }
        tokio::select! {
            () = service.stop.cancelled() => break,
            () = tokio::time::sleep(REST) => {}
        }
    }
}

/// Shelves the incidents that are over and changed since they were looked at last.
async fn remember_closed(
    service: &Service,
    library: &Library,
    source: &SourceName,
    seen: &mut BTreeMap<IncidentId, Option<Head>>,
) -> Result<(), MemoryError> {
    let services = known_services(&service.parts.config);
    let reader = Reader { services: &services, now: Timestamp::now() };
    let heads =
        service.parts.record.incidents().await.map_err(|error| MemoryError::Failed(error.to_string()))?;
    for (id, head) in heads {
        if seen.get(&id).is_some_and(|known| known.as_ref() == Some(&head)) {
            continue;
        }
        let incident =
            service.incident(&id).await.map_err(|problem| MemoryError::Failed(problem.says().to_owned()))?;
        if let (State::Resolved { .. }, Some(document)) = (incident.state, shelve(&incident, source, reader))
        {
            put(library, document).await?;
        }
        seen.insert(id, Some(head));
    }
    Ok(())
}

async fn put(library: &Library, document: Shelved) -> Result<(), MemoryError> {
    let known = library.store().find(std::slice::from_ref(&document.filed.id)).await?;
    if known.first().is_some_and(|known| known.version == document.filed.version) {
        return Ok(());
    }
    library.shelve(vec![document], &|_, _| {}).await
}
