//! Change freezes: times in which nothing should change. Where they come from (configuration, a calendar file) is
//! somebody else's business; here they are spans of time already.

use serde::{Deserialize, Serialize};

use crate::ids::ServiceName;
use crate::text::ExternalText;
use crate::time::Window;

/// One stretch of a change freeze.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// What it is called.
    pub name: ExternalText,
    /// From when until when.
    pub window: Window,
    /// The services it holds for; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceName>,
    /// The environments it holds for, without regard to case; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<String>,
}
