//! Which labels mean what: the one thing about alerts that every organisation does its own way.

use serde::Deserialize;

/// How alerts are read. The default fits the labels that Kubernetes, OpenTelemetry and Prometheus set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// The labels that name a service; the first that an alert has counts.
    pub service_labels: Vec<String>,
    /// The labels that say how bad it is; the first that an alert has counts.
    pub level_labels: Vec<String>,
    /// At most so many alerts of one notification are taken; the rest is counted as missing.
    pub max_alerts: usize,
}

impl Default for Options {
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Options {
            service_labels: names(&[
                "service",
                "service_name",
                "app",
                "app_kubernetes_io_name",
                "application",
                "job",
            ]),
            level_labels: names(&["severity", "level", "priority"]),
            max_alerts: 1000,
        }
    }
}
