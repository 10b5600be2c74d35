//! The connector against the reference receiver, which runs as a process of its own and is killed, and against one that
//! misbehaves by script (`front`). All that is sent is held to the contract. No test here knows the crate's inside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program; the lint's own exception covers test functions alone"
)]

mod approved;
mod contract;
mod executing;
mod front;
mod looking;
mod lost;
mod real;
#[allow(dead_code, reason = "the program itself is not started here")]
#[path = "../../examples/receiver.rs"]
mod receiver;
mod receiving;
mod rehearsing;

use std::time::Duration;

use hearback_hook::{HookExecutor, HookOptions, SigningSecret};
use jiff::SignedDuration;

use front::Front;

/// Enough for anything on loopback.
const AMPLE: SignedDuration = SignedDuration::from_secs(30);
/// Enough for an answer on loopback; for what never ends.
const SHORT: SignedDuration = SignedDuration::from_secs(3);

fn options(host: &str) -> HookOptions {
    let secret = SigningSecret::new(&contract::secret()).unwrap();
    let mut options = HookOptions::new("deploys", format!("http://{host}/deploys"), secret);
    options.http.first_pause = Duration::from_millis(5);
    options
}

fn hook(front: &Front) -> HookExecutor {
    HookExecutor::new(options(&front.host)).unwrap()
}

#[test]
fn neither_the_secret_nor_the_address_is_shown() {
    let shown = format!("{:?}", options("127.0.0.1:1"));
    assert!(!shown.contains("whsec") && !shown.contains("/deploys"), "{shown}");
    let unusable = HookExecutor::new(options("ana:hunter22@deploys.example")).err().unwrap().to_string();
    assert!(!unusable.contains("hunter22") && !unusable.contains("/deploys"), "{unusable}");
    let mut unnamed = options("127.0.0.1:1");
    unnamed.name = " ".into();
    assert_eq!(HookExecutor::new(unnamed).err().unwrap().to_string(), "a hook needs a name");
}
