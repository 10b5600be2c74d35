//! A CDEvent as it is written. Fields that are not needed, or that a later version adds, are passed over. Must not
//! know what becomes of it.

use serde::Deserialize;

use crate::plain::PlainAuthor;

#[derive(Deserialize)]
#[serde(expecting = "a CDEvent")]
pub struct CdEvent {
    pub context: Context,
    pub subject: Subject,
    #[serde(default, rename = "customData")]
    pub custom_data: Option<serde_json::Value>,
}

/// `specversion` (`version` before 0.5) is not needed: the type carries the event's own version.
#[derive(Deserialize)]
#[serde(expecting = "an object")]
pub struct Context {
    pub id: String,
    pub source: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub timestamp: String,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
pub struct Subject {
    pub id: String,
    #[serde(default)]
    pub content: Content,
}

/// Of all subjects together; each event uses some of it.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
pub struct Content {
    pub environment: Option<Reference>,
    pub artifact_id: Option<String>,
    pub repository: Option<Reference>,
    pub name: Option<String>,
    pub uri: Option<String>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object with an id")]
pub struct Reference {
    pub id: String,
}

/// `customData.hearback`: what CDEvents has no field for.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
pub struct Addition {
    pub title: Option<String>,
    pub body: Option<String>,
    pub author: Option<PlainAuthor>,
    pub link: Option<String>,
    pub delivers: Vec<String>,
    pub reverts: Vec<String>,
    pub version: Option<String>,
    pub before: Option<String>,
    pub approved: Option<bool>,
}
