//! Asks what became of a key, again and again, until there is an end or the time is up. It changes nothing.

use std::time::Duration;

use hearback_core::action::CallHook;
use hearback_core::ports::ConnectorError;
use hearback_http::{Deadline, HttpError};
use jiff::SignedDuration;

use crate::calls::{Receiver, left, of_reading};
use crate::wire::{Does, State, Told};

/// One look takes no longer: a receiver that hangs once must not take the time of all looks.
const ONE_WITHIN: SignedDuration = SignedDuration::from_secs(10);
/// The longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// So often in a row a receiver says that it knows no such key before it is believed: the request may still be on its
/// way.
const BELIEVED_AFTER: u32 = 4;

/// What was found.
#[derive(Debug)]
pub(crate) enum Found {
    /// It has ended.
    Ended(Told),
    /// It had not ended when the time was up.
    UnderWay,
    /// No such key ever came.
    NotKnown,
}

/// Looks until there is an end. `first_pause` is the pause after the first look; each next is twice as long.
pub(crate) async fn until_it_ends(
    receiver: &Receiver,
    call: &CallHook,
    key: &str,
    first_pause: Duration,
    until: &Deadline,
) -> Result<Found, ConnectorError> {
    let (mut pause, mut unknown_for) = (first_pause, 0);
    loop {
        // A look that may hang leaves time for another one.
        let within = ONE_WITHIN.min(left(until) / 2);
        let (last, asked_for) = match once(receiver, call, key, within, until).await {
            Ok(told) if told.state == State::UnderWay => {
                unknown_for = 0;
                (Ok(Found::UnderWay), None)
            }
            Ok(told) if told.state == State::NotKnown => {
                unknown_for += 1;
                if unknown_for >= BELIEVED_AFTER {
                    return Ok(Found::NotKnown);
                }
                (Ok(Found::NotKnown), None)
            }
            Ok(told) => return Ok(Found::Ended(told)),
            Err(error) => match again_after(&error) {
                Some(asked_for) => (Err(of_reading(error)), asked_for),
                None => return Err(of_reading(error)),
            },
        };
        let wait = asked_for.unwrap_or(pause).max(pause);
        if wait >= until.remaining() {
            return last;
        }
        tokio::time::sleep(wait).await;
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

async fn once(
    receiver: &Receiver,
    call: &CallHook,
    key: &str,
    within: SignedDuration,
    until: &Deadline,
) -> Result<Told, HttpError> {
    receiver.send(call, Does::Look { key }, within, until).await?.answer?.json()
}

/// Whether another look may help, and the pause that the receiver asks for.
fn again_after(error: &HttpError) -> Option<Option<Duration>> {
    match error {
        HttpError::Busy { retry_after, .. } => {
            Some(retry_after.map(|pause| Duration::try_from(pause).unwrap_or_default()))
        }
        HttpError::Unreachable { .. } | HttpError::OutcomeUnknown { .. } | HttpError::TimedOut { .. } => {
            Some(None)
        }
        HttpError::NotUsable(_)
        | HttpError::Denied { .. }
        | HttpError::Refused { .. }
        | HttpError::Redirected { .. }
        | HttpError::NotExpected { .. }
        | HttpError::TooLarge { .. } => None,
    }
}
