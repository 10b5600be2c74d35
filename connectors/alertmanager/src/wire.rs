//! The webhook as Alertmanager writes it. Must not know what becomes of it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A notification. Fields that a later Alertmanager adds are passed over.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct Webhook {
    pub version: String,
    /// How many alerts Alertmanager left out because of `max_alerts`.
    #[serde(default)]
    pub truncated_alerts: u64,
    #[serde(default, rename = "externalURL")]
    pub external_url: String,
    /// Read one by one, so that one bad alert does not lose the others.
    pub alerts: Vec<serde_json::Value>,
}

/// One alert of a notification.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct WireAlert {
    #[serde(default)]
    pub status: Option<String>,
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    pub starts_at: String,
    #[serde(default)]
    pub ends_at: Option<String>,
    #[serde(default, rename = "generatorURL")]
    pub generator_url: String,
    #[serde(default)]
    pub fingerprint: String,
}
