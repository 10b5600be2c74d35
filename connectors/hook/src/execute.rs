//! Does it: one request, which is never sent again. What is not surely refused or surely done is looked up within the
//! time that is left, and is unknown if that does not show it. It must not decide whether it may be done.

use std::time::Duration;

use hearback_core::action::{CallHook, Outcome};
use hearback_core::approval::ApprovedAction;
use hearback_http::{Deadline, HttpError, Written};
use jiff::{SignedDuration, Timestamp};

use crate::calls::{Receiver, check, denied, left, refusal};
use crate::look::{self, Found};
use crate::told::{done, not_as_expected, quoted, unknown};
use crate::wire::{Does, State, Told};

/// Does it.
pub(crate) async fn execute(
    receiver: &Receiver,
    call: &CallHook,
    approved: &ApprovedAction,
    at: Timestamp,
    first_pause: Duration,
    until: &Deadline,
) -> Outcome {
    if let Err(why) = check(call) {
        return Outcome::Failed { why: format!("{why}; nothing was sent") };
    }
    let key = approved.key().as_str();
    let does = Does::Execute {
        key,
        proposal: approved.proposal().as_str(),
        approved_by: approved.by(),
        glass_broken: approved.glass_broken(),
        at,
    };
    let host = receiver.http.host();
    let sent = receiver.send(call, does, most_of(left(until)), until).await;
    let why = match first_answer(call, &host, sent) {
        Heard::End(outcome) => return outcome,
        Heard::UnderWay => format!("{host} took it, and was still at it when the time was up"),
        Heard::Unclear(why) => format!("whether {host} did it is not known ({why})"),
    };
    match look::until_it_ends(receiver, call, key, first_pause, until).await {
        Ok(Found::Ended(told)) => of_state(call, &host, &told),
        Ok(Found::UnderWay) => {
            unknown(call, &format!("{host} took it, and was still at it when the time was up"))
        }
        Ok(Found::NotKnown) => unknown(call, &format!("{why}, and {host} knows nothing of it so far")),
        Err(error) => unknown(call, &format!("{why}, and it could not be looked up: {error}")),
    }
}

/// A third of the time is kept back for looks.
fn most_of(left: SignedDuration) -> SignedDuration {
    left / 3 * 2
}

/// What the answer says.
enum Heard {
    End(Outcome),
    UnderWay,
    /// What came instead of an answer.
    Unclear(String),
}

fn first_answer(call: &CallHook, host: &str, sent: Result<Written, HttpError>) -> Heard {
    let failed = |why: String| Heard::End(Outcome::Failed { why: format!("{why}, and nothing was done") });
    match sent {
        Ok(written) => match written.answer.and_then(|body| body.json::<Told>()) {
            Ok(told) if told.state == State::UnderWay => Heard::UnderWay,
            Ok(told) if told.state == State::NotKnown => {
                Heard::Unclear("it says that it knows no such key".into())
            }
            Ok(told) => Heard::End(of_state(call, host, &told)),
            // It was taken, whatever else it says.
            Err(_) if written.status == 202 => Heard::UnderWay,
            Err(error) => Heard::Unclear(error.to_string()),
        },
        Err(HttpError::Refused { status, body, .. }) if let Ok(told) = body.json::<Told>() => {
            match told.state {
                State::NotAsExpected | State::Failed => Heard::End(of_state(call, host, &told)),
                _ => Heard::Unclear(format!("it answered {status} and another state")),
            }
        }
        Err(HttpError::Refused { status: 409, body, .. }) => {
            let refusal = refusal(&body);
            Heard::End(not_as_expected(call, host, refusal.running.as_ref(), refusal.why.as_ref()))
        }
        // Who waited for the rest of a request may have passed on what there was of it.
        Err(HttpError::Refused { status: 408, .. }) => Heard::Unclear("it answered 408".into()),
        Err(HttpError::Refused { status, body, .. }) => {
            failed(format!("{host} does not take it ({status}){}", quoted(refusal(&body).why.as_ref())))
        }
        Err(HttpError::Busy { status: 429, .. }) => failed(format!("{host} is too busy (429)")),
        Err(HttpError::Denied { host, status }) => failed(denied(&host, status)),
        Err(error @ (HttpError::NotUsable(_) | HttpError::Unreachable { .. })) => failed(error.to_string()),
        Err(HttpError::Busy { status, body, .. }) => {
            Heard::Unclear(format!("it answered {status}{}", quoted(refusal(&body).why.as_ref())))
        }
        Err(HttpError::OutcomeUnknown { why, .. }) => Heard::Unclear(why),
        // A redirect may follow what was done.
        Err(
            error @ (HttpError::Redirected { .. }
            | HttpError::NotExpected { .. }
            | HttpError::TooLarge { .. }
            | HttpError::TimedOut { .. }),
        ) => Heard::Unclear(error.to_string()),
    }
}

/// How an action ended whose state is known.
pub(crate) fn of_state(call: &CallHook, host: &str, told: &Told) -> Outcome {
    match told.state {
        State::Done => Outcome::Done(done(call, host, told)),
        State::NotAsExpected => not_as_expected(call, host, told.running.as_ref(), told.why.as_ref()),
        State::Failed => Outcome::Failed {
            why: format!("{host} could not do it, and nothing was changed{}", quoted(told.why.as_ref())),
        },
        State::Unclear => {
            unknown(call, &format!("{host} can't tell whether it was done{}", quoted(told.why.as_ref())))
        }
        State::UnderWay | State::NotKnown => unknown(call, &format!("{host} has not ended it")),
    }
}
