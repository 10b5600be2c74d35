//! `/v1/incidents/{id}/entries`: the record in pages, and as a stream of server-sent events. A stream is allowed anew
//! every few seconds, so that a token that was revoked stops hearing.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use hearback_core::access::{Right, Token};
use hearback_core::ports::{Expect, RecordError};
use hearback_core::{Draft, Entry, ExternalText, Happening, IncidentId};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::incidents::speaks_for_itself;
use crate::commands::times;
use crate::serve::doors::{Asked, InIncident, Read, Respond, Sent};
use crate::serve::problem::Problem;
use crate::serve::service::Service;

/// The most entries of one page.
const PAGE: usize = 500;
/// How long a stream waits before it looks by itself: other processes write to the record too.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The longest note that is taken, in bytes.
const NOTE_BYTES: usize = 64 * 1024;

/// Which entries are wanted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageOf {
    /// Those after this number.
    #[serde(default)]
    after: u64,
    /// At most so many, up to 500.
    limit: Option<usize>,
}

/// A page of entries.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Page {
    /// The entries, in order.
    entries: Vec<Value>,
    /// What to ask for next, if there is more.
    next_after: Option<u64>,
}

/// Entries in pages; with `Accept: text/event-stream`, as events from `after` (or `Last-Event-ID`) on, without end.
pub async fn read(
    State(service): State<Arc<Service>>,
    caller: InIncident<Read>,
    Asked(page): Asked<PageOf>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let exists = service.parts.record.head(&caller.id).await?;
    exists.ok_or_else(|| RecordError::NoSuchIncident(caller.id.clone()))?;
    let wants_events = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/event-stream"));
    if wants_events {
        return follow(service, caller, page.after, &headers);
    }
    let limit = page.limit.unwrap_or(PAGE).clamp(1, PAGE);
    let entries = service.parts.record.read(&caller.id, page.after, limit + 1).await?;
    let more = entries.len() > limit;
    let entries: Vec<Entry> = entries.into_iter().take(limit).collect();
    let next_after = entries.last().filter(|_| more).map(|entry| entry.seq);
    let entries = entries.iter().map(|entry| serde_json::to_value(entry).unwrap_or_default()).collect();
    Ok(Json(Page { entries, next_after }).into_response())
}

fn follow(
    service: Arc<Service>,
    caller: InIncident<Read>,
    after: u64,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let place = Arc::clone(&service.followers).try_acquire_owned();
    let place = place.map_err(|_| Problem::busy("too many event streams are followed; try again later"))?;
    let last_seen = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let after = match last_seen.map(str::parse::<u64>) {
        Some(Ok(seen)) => seen,
        Some(Err(_)) => return Err(Problem::bad("Last-Event-ID: it must be the number of an entry")),
        None => after,
    };
    service.metrics.followers.inc();
    let following = Following {
        news: service.news.subscribe(),
        service,
        token: caller.token,
        id: caller.id,
        after,
        waiting: VecDeque::new(),
        _place: place,
    };
    let events = futures::stream::unfold(following, next_event);
    Ok(events_of(events).into_response())
}

fn events_of<S>(events: S) -> Sse<impl Stream<Item = Result<Event, Infallible>>>
where
    S: Stream<Item = Result<Event, Infallible>> + Send + 'static,
{
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)).text("still here"))
}

/// Somebody who follows an incident.
struct Following {
    service: Arc<Service>,
    token: Token,
    id: IncidentId,
    after: u64,
    waiting: VecDeque<Entry>,
    news: tokio::sync::watch::Receiver<u64>,
    _place: OwnedSemaphorePermit,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.service.metrics.followers.dec();
    }
}

async fn next_event(mut following: Following) -> Option<(Result<Event, Infallible>, Following)> {
    loop {
        if let Some(entry) = following.waiting.pop_front() {
            following.after = entry.seq;
            let event = Event::default().id(entry.seq.to_string()).event(&entry.kind);
            let event = event.json_data(&entry).unwrap_or_default();
            return Some((Ok(event), following));
        }
        if !following.is_allowed().await {
            return None;
        }
        let service = Arc::clone(&following.service);
        match service.parts.record.read(&following.id, following.after, PAGE).await {
            Ok(entries) if !entries.is_empty() => following.waiting.extend(entries),
            Ok(_) => tokio::select! {
                () = service.stop.cancelled() => return None,
                _ = tokio::time::timeout(LOOK_EVERY, following.news.changed()) => {}
            },
            Err(error) => {
                tracing::warn!(%error, "a stream ends: the record can't be read");
                return None;
            }
        }
    }
}

impl Following {
    async fn is_allowed(&self) -> bool {
        match self.service.parts.record.token(&self.token.id).await {
            Ok(Some(token)) => {
                let over = |at: Option<Timestamp>| at.is_some_and(|at| at <= Timestamp::now());
                !over(token.revoked_at)
                    && !over(token.expires_at)
                    && token.may(Right::Read)
                    && token.reaches(&self.id)
            }
            _ => false,
        }
    }
}

/// A note.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// The words.
    text: String,
    /// When it happened: a time, or "3m ago"; else now.
    at: Option<String>,
    /// Who says so; must be whose token it is, if it is said.
    by: Option<String>,
}

/// Writes a note into the record.
pub async fn note(
    State(service): State<Arc<Service>>,
    caller: InIncident<Respond>,
    Sent(note): Sent<Note>,
) -> Result<(axum::http::StatusCode, Json<Value>), Problem> {
    let now = Timestamp::now();
    speaks_for_itself(&caller.token.holder, note.by.as_deref())?;
    if note.text.trim().is_empty() || note.text.len() > NOTE_BYTES {
        return Err(Problem::bad(format!("text: say something, at most {} KiB of it", NOTE_BYTES / 1024)));
    }
    let happened_at = note.at.as_deref().map_or(Ok(now), |text| times::past("at", text, now))?;
    let exists = service.parts.record.head(&caller.id).await?;
    exists.ok_or_else(|| RecordError::NoSuchIncident(caller.id.clone()))?;
    let what = Happening::note("api", ExternalText::new(note.text));
    let draft = Draft { happened_at, known_at: now, recorded_at: now, by: caller.token.holder, what };
    let entries = service.parts.record.append(&caller.id, Expect::Any, vec![draft]).await?;
    service.wrote();
    let entry = entries.first().map(|entry| serde_json::to_value(entry).unwrap_or_default());
    Ok((axum::http::StatusCode::CREATED, Json(entry.unwrap_or_default())))
}
