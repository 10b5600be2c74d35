//! The routes: one file a resource. A handler turns a request into values, calls the libraries and answers; it decides
//! nothing.

pub mod changes;
pub mod entries;
pub mod health;
pub mod hypotheses;
pub mod inbox;
pub mod incidents;
pub mod memory;
pub mod proposals;
pub mod questions;
pub mod reads;
pub mod telemetry;
pub mod webhooks;
