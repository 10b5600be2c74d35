//! Hearback's vocabulary: the values of an incident, the rules that bind them, and the ports through which
//! the outside is asked. It must know no I/O, no clock and no environment: time and randomness arrive as
//! arguments.
//!
//! Read [`entry`] first: an incident is a list of hash-chained [`Entry`] values, and [`Incident`] is their fold.

pub mod access;
pub mod action;
pub mod analysis;
pub mod answer;
pub mod approval;
pub mod catalog;
pub mod change;
pub mod chat;
pub mod entry;
pub mod evidence;
pub mod expertise;
pub mod export;
pub mod freeze;
pub mod gen_ai;
pub mod happening;
pub mod hash;
pub mod hypothesis;
pub mod ids;
pub mod incident;
pub mod investigation;
pub mod memory;
pub mod model;
pub mod offered;
pub mod patch;
pub mod ports;
pub mod redaction;
pub mod sealing;
pub mod signal;
pub mod target;
pub mod telemetry;
pub mod text;
pub mod time;
pub mod wording;
pub mod words;

pub use analysis::Analysis;
pub use answer::{Answer, Claim, Reason, Strength, Suspect, Verdict};
pub use catalog::Catalog;
pub use change::{Change, ChangeKind, PathChange};
pub use entry::{Actor, Draft, Entry, Head};
pub use evidence::{Coverage, Evidence, Fetched, Gap, Origin};
pub use expertise::Expert;
pub use happening::{Happening, Severity};
pub use hash::Digest;
pub use ids::{
    ChangeId, ChannelId, ChatUserId, EvidenceId, IncidentId, MessageId, ProposalId, ServiceName, SourceName,
    Target,
};
pub use incident::Incident;
pub use signal::{Series, SignalKind};
pub use telemetry::{LogRecord, LogSeverity, SpanRecord};
pub use text::ExternalText;
pub use time::Window;
