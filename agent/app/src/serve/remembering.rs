//! What the service remembers by itself: an incident that is over becomes a document, and what a former model embedded is
//! embedded anew beside the questions. Nothing waits for it, and what fails is tried again later.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use hearback_core::incident::State;
use hearback_core::memory::store::{MemoryError, Shelved};
use hearback_core::{Head, IncidentId, SourceName};
use hearback_memory::incident::shelve;
use hearback_memory::library::Library;
use hearback_memory::reading::Reader;
use jiff::Timestamp;

use super::service::Service;
use crate::wiring::memory::{INCIDENTS, Living, Next, known_services};

/// How often it is looked whether an incident is over.
const REST: Duration = Duration::from_secs(30);

/// What is left to do about vectors.
enum Vectors<'a> {
    /// They are of a former model.
    Carry(&'a Next),
    /// The former model's store is to be let go.
    LetGo(&'a Next),
    /// Some documents have none.
    Embed,
    /// Nothing.
    Whole,
}

/// Remembers until the service stops.
pub async fn remember(service: Arc<Service>) {
    let (Some(memory), Ok(source)) = (&service.parts.memory, SourceName::new(INCIDENTS)) else {
        return service.stop.cancelled().await;
    };
    let mut seen: BTreeMap<IncidentId, Option<Head>> = BTreeMap::new();
    let mut vectors = memory.next.as_ref().map_or(Vectors::Embed, Vectors::Carry);
    loop {
        let library = memory.library.now();
        let closed = tokio::select! {
            closed = remember_closed(&service, &library, &source, &mut seen) => closed,
            () = service.stop.cancelled() => break,
        };
        drop(library);
        if let Err(error) = closed {
            tracing::error!(why = %error, "closed incidents could not be remembered; it is tried again");
        }
        // Carrying may take minutes; a stop ends it, and what was carried stays.
        let done = tokio::select! {
            done = mend(&vectors, memory) => done,
            () = service.stop.cancelled() => break,
        };
        match done {
            Ok(()) => {
                vectors = match vectors {
                    Vectors::Carry(next) => Vectors::LetGo(next),
                    Vectors::LetGo(_) => Vectors::Embed,
                    Vectors::Embed | Vectors::Whole => Vectors::Whole,
                }
            }
            Err(error) => {
                tracing::error!(why = %format!("{error:#}"), "documents could not be embedded; it is tried again");
            }
        }
        tokio::select! {
            () = service.stop.cancelled() => break,
            () = tokio::time::sleep(REST) => {}
        }
    }
}

/// Does the next of what is left to do about vectors.
async fn mend(vectors: &Vectors<'_>, memory: &Living) -> Result<()> {
    match vectors {
        Vectors::Carry(next) => {
            let former = memory.library.now();
            let (library, carried) = next.carry(&former, &|_, _| {}).await?;
            let replaced = memory.library.become_next(library);
            // The last to let go of a store waits until its folder is free.
            tokio::task::spawn_blocking(move || drop((former, replaced))).await?;
            tracing::info!(carried, "what is remembered was embedded anew by the present model");
        }
        // A question may be at it still; then it is tried again.
        Vectors::LetGo(next) => next.let_go().await?,
        Vectors::Embed => {
            memory.library.now().embed_what_is_missing(&|_, _| {}).await?;
        }
        Vectors::Whole => {}
    }
    Ok(())
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
        let incident = match service.incident(&id).await {
            Ok(incident) => incident,
            Err(problem) => {
                // The others can be remembered nevertheless.
                tracing::error!(incident = %id, why = problem.says(), "an incident can't be remembered");
                continue;
            }
        };
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
