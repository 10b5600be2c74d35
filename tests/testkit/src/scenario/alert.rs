//! Alerts of a story: when the condition began, when it was said, when it ended.

use hearback_core::Digest;
use hearback_core::happening::Alert;
use hearback_core::ids::ServiceName;
use jiff::Timestamp;

use super::Clock;

/// An alert in the making.
#[derive(Debug, Clone)]
pub struct AlertSpec {
    name: String,
    service: Option<String>,
    summary: String,
    began: String,
    fired: String,
    resolved: Option<String>,
}

/// An alert that `fired` some time after its condition `began`.
pub fn alert(name: &str, began: &str, fired: &str) -> AlertSpec {
    let (name, began, fired) = (name.into(), began.into(), fired.into());
    AlertSpec { name, service: None, summary: String::new(), began, fired, resolved: None }
}

impl AlertSpec {
    /// The service its labels name.
    pub fn about(mut self, service: &str) -> Self {
        self.service = Some(service.into());
        self
    }

    /// Its line for people.
    pub fn saying(mut self, summary: &str) -> Self {
        self.summary = summary.into();
        self
    }

    /// When it goes away.
    pub fn until(mut self, resolved: &str) -> Self {
        self.resolved = Some(resolved.into());
        self
    }

    /// The alert, when it fired and when it was over.
    pub(super) fn into_alert(self, clock: &Clock) -> (Alert, Timestamp, Option<Timestamp>) {
        let began = clock.at(&self.began);
        let fired = clock.at(&self.fired);
        assert!(began <= fired, "{}: it can't fire before its condition began", self.name);
        let identity = [self.name.as_bytes(), self.service.as_deref().unwrap_or_default().as_bytes()];
        let alert = Alert {
            fingerprint: Digest::of_parts(&identity).to_string().chars().take(16).collect(),
            link: Some(format!("https://alerts.shop.example/{}", self.name)),
            runbook: None,
            level: None,
            name: self.name.as_str().into(),
            service: self.service.map(|name| ServiceName::new(name).expect("a service's name")),
            summary: self.summary.as_str().into(),
            started_at: began,
        };
        (alert, fired, self.resolved.map(|at| clock.at(&at)))
    }
}
