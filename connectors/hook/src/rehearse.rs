//! Asks what would be done. It changes nothing.

use hearback_core::action::CallHook;
use hearback_core::ports::{ConnectorError, Rehearsal};
use hearback_http::{Deadline, HttpError};

use crate::calls::{Receiver, check, left, of_reading};
use crate::told::{LONGEST_SENTENCE, other_runs, word};
use crate::wire::{Does, Rehearsed};

/// So many sentences of a receiver are repeated.
const MOST_SENTENCES: usize = 10;

/// Rehearses.
pub(crate) async fn rehearse(
    receiver: &Receiver,
    call: &CallHook,
    until: &Deadline,
) -> Result<Rehearsal, ConnectorError> {
    if let Err(why) = check(call) {
        return Ok(Rehearsal { says: Vec::new(), refuses: Some(why) });
    }
    let rehearsed = match ask(receiver, call, until).await.map_err(of_reading) {
        Ok(rehearsed) => rehearsed,
        Err(ConnectorError::NotUsable(why)) => return Ok(Rehearsal { says: Vec::new(), refuses: Some(why) }),
        Err(error) => return Err(error),
    };
    let host = receiver.http.host();
    let mut says = vec![format!(
        "tell {host} to bring {} in {} from {} to {}",
        call.service,
        word(&call.environment),
        word(&call.from),
        word(&call.to)
    )];
    let sentences = rehearsed.says.iter().filter(|sentence| !sentence.is_blank()).take(MOST_SENTENCES);
    says.extend(sentences.map(|says| format!("{host} says: \"{}\"", says.for_people(LONGEST_SENTENCE))));
    let running = rehearsed.running.as_ref().filter(|running| !running.is_blank());
    let refuses = match (&rehearsed.refuses, running) {
        (Some(why), _) if why.is_blank() => Some(format!("{host} refuses it, and does not say why")),
        (Some(why), _) => Some(format!("{host} refuses it: \"{}\"", why.for_people(LONGEST_SENTENCE))),
        (None, Some(running)) if running.as_untrusted() != call.from => {
            Some(format!("{}, says {host}", other_runs(call, running)))
        }
        (None, Some(_)) => None,
        (None, None) => Some(format!("{host} does not say which version runs")),
    };
    Ok(Rehearsal { says, refuses })
}

async fn ask(receiver: &Receiver, call: &CallHook, until: &Deadline) -> Result<Rehearsed, HttpError> {
    receiver.send(call, Does::Rehearse, left(until), until).await?.answer?.json()
}
