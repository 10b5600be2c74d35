//! The executor of [`hearback_core::action::CallHook`]: tells a program of yours, the *receiver*, to bring a service from
//! one version to another, over a signed webhook. For everything that has no executor of its own. It must not decide
//! whether it may be done, and knows nothing of how the receiver does it.
//!
//! The wire, in short; `CONTRACT.md` beside this crate says it exactly, `contract.schema.json` says it to machines, and
//! `examples/receiver.rs` is the other side, for copying.
//!
//! - Every request is a POST of a JSON object to the one address, signed by Standard Webhooks 1.0
//!   (standardwebhooks.com): `webhook-id`, `webhook-timestamp`, and `webhook-signature: v1,` with the base64 of
//!   HMAC-SHA256 over `id.timestamp.body`. The secret is `whsec_` and base64.
//! - `contract` is 1. `do` says which of three it is. `rehearse` changes nothing: which version runs, what would be
//!   done, why it would not. `execute` checks that `from` runs, changes it to `to`, and does so once for a `key`, which
//!   is its `webhook-id` too. `look` says what became of a key.
//!
//! | `execute` answers                                     | what is made of it                                   |
//! |-------------------------------------------------------|------------------------------------------------------|
//! | 2xx, `done`                                           | [`Outcome::Done`]                                    |
//! | 2xx, `under_way`                                      | `look`, until there is an end or the time is up      |
//! | 409, or `not_as_expected`                             | [`Outcome::NotAsExpected`]                           |
//! | another 4xx but 408, or `failed`                      | [`Outcome::Failed`]                                  |
//! | no connection: refused, no such name, TLS             | [`Outcome::Failed`]                                  |
//! | 2xx, `unclear`                                        | [`Outcome::Unknown`]                                 |
//! | anything else: 5xx, 408, a redirect, what can't be read, nothing | `look`; what that does not show is [`Outcome::Unknown`] |
//!
//! An `execute` is sent once. What the receiver says is untrusted text.
//!
//! [`Outcome::Done`]: hearback_core::action::Outcome::Done
//! [`Outcome::NotAsExpected`]: hearback_core::action::Outcome::NotAsExpected
//! [`Outcome::Failed`]: hearback_core::action::Outcome::Failed
//! [`Outcome::Unknown`]: hearback_core::action::Outcome::Unknown

mod calls;
mod execute;
mod executor;
mod look;
mod rehearse;
mod signature;
mod told;
mod wire;

pub use executor::{HookExecutor, HookOptions};
pub use signature::{BadSecret, SigningSecret};
