//! Counts what a peer sends while one thing is asked of it, and remembers why the connection can't be used any more. It must
//! not know what a message says.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::options::McpLimits;

/// Why a connection is given up, in words of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// A message was longer than it may be.
    LongMessage(usize),
    /// It sent more than it may while one thing was asked.
    Flood,
    /// Over HTTP: 401, 403 or 407.
    Denied(u16),
    /// Over HTTP: another status that is no success.
    Status(u16),
    /// Over HTTP: it is elsewhere.
    Redirected,
    /// Over HTTP: what it answered is neither JSON nor a stream of events.
    NotExpected,
    /// There is no connection, or it broke off.
    Unreachable,
}

impl Trouble {
    /// Whether a person has to mend something before asking again helps.
    pub(crate) fn is_lasting(self) -> bool {
        match self {
            Trouble::Denied(_) | Trouble::Redirected | Trouble::NotExpected => true,
            Trouble::Status(status) => (400..500).contains(&status) && status != 408 && status != 429,
            Trouble::LongMessage(_) | Trouble::Flood | Trouble::Unreachable => false,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::LongMessage(most) => write!(f, "sent a message longer than {most} bytes"),
            Trouble::Flood => f.write_str("sent more than it may while one thing was asked of it"),
            Trouble::Denied(status) => {
                write!(f, "refuses the credentials ({status}); check the headers and their rights")
            }
            Trouble::Status(status @ (404 | 405 | 410)) => {
                write!(f, "answered {status}; check the path of the address")
            }
            Trouble::Status(status) => write!(f, "answered {status}"),
            Trouble::Redirected => f.write_str("sends on to elsewhere; set the address to where it is meant"),
            Trouble::NotExpected => {
                f.write_str("answered neither JSON nor a stream of events; check the address")
            }
            Trouble::Unreachable => f.write_str("can't be reached, or the connection broke off"),
        }
    }
}

/// What is counted of one connection.
#[derive(Debug)]
pub(crate) struct Meter {
    limits: McpLimits,
    bytes: AtomicUsize,
    messages: AtomicUsize,
    trouble: Mutex<Option<Trouble>>,
    ended: Notify,
}

impl Meter {
    pub(crate) fn new(limits: McpLimits) -> Self {
        let (bytes, messages, trouble, ended) = Default::default();
        Meter { limits, bytes, messages, trouble, ended }
    }

    /// Something new is asked: counted anew.
    pub(crate) fn begin(&self) {
        self.bytes.store(0, Ordering::Relaxed);
        self.messages.store(0, Ordering::Relaxed);
    }

    pub(crate) fn longest(&self) -> usize {
        self.limits.message_bytes
    }

    /// Counts bytes; false if they were too many.
    pub(crate) fn takes(&self, bytes: usize) -> bool {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.saturating_add(bytes) <= self.limits.total_bytes;
        if !fits {
            self.give_up(Trouble::Flood);
        }
        fits
    }

    /// Counts a message; false if they were too many.
    pub(crate) fn hears(&self) -> bool {
        let fits = self.messages.fetch_add(1, Ordering::Relaxed) < self.limits.messages;
        if !fits {
            self.give_up(Trouble::Flood);
        }
        fits
    }

    /// Ends the connection for whoever waits for it. The first reason counts.
    pub(crate) fn give_up(&self, trouble: Trouble) {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(trouble);
        self.ended.notify_waiters();
    }

    pub(crate) fn trouble(&self) -> Option<Trouble> {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the connection is given up.
    pub(crate) async fn given_up(&self) -> Trouble {
        loop {
            let ended = self.ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            if let Some(trouble) = self.trouble() {
                return trouble;
            }
            ended.await;
        }
    }
}

/// Ends the connection when it is dropped: whoever works for it in the background stops.
#[derive(Debug)]
pub(crate) struct Ends(pub(crate) std::sync::Arc<Meter>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.give_up(Trouble::Unreachable);
    }
}
