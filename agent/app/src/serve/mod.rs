//! The service: HTTP on one socket, a worker beside it, both ended by one cancellation. It must not decide what an
//! answer says; it lets people in, hands over what they send, and keeps time.
//!
//! ```text
//! doors      who may come in        problem   what a refusal looks like
//! connections the accept loop       service   what all routes share
//! routes/    one file a resource    worker    alerts, notices, incidents, by itself
//! deciding   decisions and actions  following whether actions helped
//! channel    the incident channel: heard, answered, said
//! investigating a model looks further into answers
//! remembering closed incidents as documents
//! metrics    counts for Prometheus  api       the routes and their OpenAPI description
//! ```

pub mod api;
mod channel;
mod connections;
mod deciding;
mod doors;
mod following;
mod investigating;
mod metrics;
mod problem;
mod remembering;
mod routes;
mod service;
mod worker;

pub use self::channel::{answer_questions, hear, run_errands, speak};
pub use self::connections::serve_connections;
pub use self::deciding::act;
pub use self::following::follow_actions;
pub use self::investigating::investigate;
pub use self::problem::Problem;
pub use self::remembering::remember;
pub use self::routes::reads::Told;
pub use self::service::{Parts, Service, Telemetry};
pub use self::worker::{notify, warm_up, work};
