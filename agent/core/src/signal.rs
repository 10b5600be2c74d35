//! Series of measurements: what a service's graphs show. A point that was not measured is absent, never a NaN.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ids::ServiceName;
use crate::text::ExternalText;

/// The four golden signals (Site Reliability Engineering, O'Reilly 2016, chapter 6), and what is none of them.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SignalKind {
    /// What users feel as failure: failed requests a second, or their share.
    Errors,
    /// What users feel as slowness, in seconds.
    Latency,
    /// How much is asked for, usually requests a second.
    Traffic,
    /// How full the fullest resource is.
    Saturation,
    /// Something else that is measured, of which more is not worse: none of the four.
    Other,
}

impl SignalKind {
    /// The four, what users feel first.
    pub const ALL: [SignalKind; 4] =
        [SignalKind::Errors, SignalKind::Latency, SignalKind::Traffic, SignalKind::Saturation];

    /// Its name in configuration and JSON.
    pub fn name(self) -> &'static str {
        match self {
            SignalKind::Errors => "errors",
            SignalKind::Latency => "latency",
            SignalKind::Traffic => "traffic",
            SignalKind::Saturation => "saturation",
            SignalKind::Other => "other",
        }
    }
}

impl std::fmt::Display for SignalKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// When.
    pub at: Timestamp,
    /// What; always finite.
    pub value: f64,
}

/// A series of measurements at a regular step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// The service it is about.
    pub service: ServiceName,
    /// Which signal it is.
    pub kind: SignalKind,
    /// The query that made it, for people to run again.
    pub query: String,
    /// What tells it from its sisters of the same query; usually empty.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, ExternalText>,
    /// The distance of neighbouring points, where none is missing.
    pub step: SignedDuration,
    /// The points, by time.
    pub points: Vec<Point>,
    /// Where a person can see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}
