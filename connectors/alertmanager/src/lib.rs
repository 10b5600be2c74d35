//! Alertmanager's webhooks as alerts. It reads bytes that somebody sent and must not know who listens, what is done
//! with an alert, or what time it is: the time of receipt is an argument.
//!
//! The form is that of Prometheus Alertmanager's webhook receiver, version 4 (Alertmanager 0.13 and later). Grafana,
//! Mimir and others send the same.

mod options;
mod reading;
mod wire;

pub use options::Options;
pub use reading::{AlertEvent, MAX_BODY_BYTES, Notification, WebhookError, parse_webhook};
