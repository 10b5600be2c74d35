//! An answer that is read as it comes: events one by one, or JSON. It keeps the deadline and the limit of the call, whoever
//! reads. It must not know what the pieces say, or where one event ends.

use std::fmt;

use crate::body::{Body, EVENT_STREAM, Wanted, check_type, read_capped};
use crate::deadline::Limits;
use crate::error::HttpError;
use crate::trouble;

/// An answer of success whose body is still to come.
pub struct Pieces {
    response: reqwest::Response,
    host: String,
    limits: Limits,
    events: bool,
    taken: usize,
}

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pieces").field("host", &self.host).field("taken", &self.taken).finish_non_exhaustive()
    }
}

impl Pieces {
    /// The body of `response`, if it is what was wanted.
    pub(crate) fn of(
        response: reqwest::Response,
        host: String,
        wanted: Wanted,
        limits: Limits,
    ) -> Result<Self, HttpError> {
        let content_type = check_type(&response, &host, wanted)?;
        let events = content_type.trim_start().to_ascii_lowercase().starts_with(EVENT_STREAM);
        Ok(Pieces { response, host, limits, events, taken: 0 })
    }

    /// Whether it is a stream of events; else it is JSON.
    pub fn are_events(&self) -> bool {
        self.events
    }

    /// The next bytes, cut where the network cut them; none at the end.
    ///
    /// # Errors
    /// [`HttpError::TimedOut`] at the deadline, [`HttpError::TooLarge`] beyond the limit, [`HttpError::Unreachable`] if it
    /// breaks off.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, HttpError> {
        let chunk = tokio::time::timeout_at(self.limits.deadline.instant(), self.response.chunk()).await;
        let Ok(chunk) = chunk else { return Err(self.late()) };
        let Some(chunk) = chunk.map_err(|error| trouble::in_body(&self.host, &error))? else {
            return Ok(None);
        };
        self.taken = self.taken.saturating_add(chunk.len());
        if self.taken > self.limits.max_bytes {
            return Err(HttpError::TooLarge { host: self.host.clone(), limit: self.limits.max_bytes });
        }
        Ok(Some(chunk.into()))
    }

    /// All that is still to come.
    ///
    /// # Errors
    /// As [`Pieces::next`].
    pub async fn whole(self) -> Result<Body, HttpError> {
        let late = self.late();
        let left = self.limits.max_bytes.saturating_sub(self.taken);
        let read = read_capped(self.response, &self.host, left);
        tokio::time::timeout_at(self.limits.deadline.instant(), read).await.unwrap_or(Err(late))
    }

    fn late(&self) -> HttpError {
        HttpError::TimedOut { host: self.host.clone(), budget: self.limits.deadline.budget() }
    }
}
