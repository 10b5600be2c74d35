//! The pauses that Slack asked for. A call that would come too early is not made: with many incidents at once, each
//! would only learn the same again, and Slack counts such calls too. It must not know what is called.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::SignedDuration;

/// Which limit: Slack counts messages by channel and everything else by method.
pub(crate) type Counted = (&'static str, String);

/// Until when each limit is used up.
#[derive(Default)]
pub(crate) struct Pauses(Mutex<BTreeMap<Counted, Instant>>);

impl Pauses {
    /// How long a call still has to wait, if it has to.
    pub(crate) fn left(&self, counted: &Counted, now: Instant) -> Option<SignedDuration> {
        let pauses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = pauses.get(counted)?.checked_duration_since(now).filter(|left| !left.is_zero())?;
        SignedDuration::try_from(left).ok()
    }

    /// Slack asked to wait.
    pub(crate) fn ask(&self, counted: Counted, pause: SignedDuration, now: Instant) {
        let until = now.checked_add(Duration::try_from(pause).unwrap_or_default());
        let mut pauses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pauses.retain(|_, until| *until > now);
        if let Some(until) = until {
            let kept = pauses.entry(counted).or_insert(until);
            *kept = until.max(*kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_holds_for_its_limit_alone_and_ends() {
        let (pauses, begun) = (Pauses::default(), Instant::now());
        let counted = |channel: &str| ("chat.postMessage", channel.to_owned());
        let at = |seconds| begun + Duration::from_secs(seconds);
        pauses.ask(counted("C1"), SignedDuration::from_secs(30), begun);
        pauses.ask(counted("C1"), SignedDuration::from_secs(10), begun);
        assert_eq!(pauses.left(&counted("C1"), at(10)), Some(SignedDuration::from_secs(20)));
        assert_eq!(pauses.left(&counted("C2"), at(10)), None);
        assert_eq!(pauses.left(&counted("C1"), at(30)), None);
        pauses.ask(counted("C2"), SignedDuration::from_secs(1), at(31));
        assert_eq!(pauses.0.lock().unwrap().len(), 1);
    }
}
