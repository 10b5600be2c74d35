//! Decisions: what to gather for a question, what the evidence says, and the answer. It knows the ports of
//! `hearback-core` and no connector, no store and no clock: the time is an argument everywhere.
//!
//! The main flow is [`driver::answer`]: scope → gather → analysts → answer. Analysts are pure functions.

pub mod alerts;
pub mod analysts;
pub mod approval;
pub mod asking;
pub mod calibration;
pub mod channel;
pub mod driver;
pub mod expertise;
pub mod features;
pub mod gather;
pub mod hypotheses;
pub mod incidents;
pub mod investigating;
pub mod investigation;
pub mod logged;
pub mod next_steps;
pub mod observe;
pub mod patching;
pub mod placing;
pub mod proposed;
pub mod proposing;
pub mod ranker;
pub mod reads;
pub mod recall;
pub mod recorded;
pub mod recovery;
pub mod remembering;
pub mod render;
pub mod render_experts;
pub mod render_investigation;
pub mod render_memory;
pub mod replay;
pub mod scope;
pub mod signals;
pub mod snapshot;
