//! Who knows what: what people did, who owns what, who is on call, and the people themselves. Where it comes from (git,
//! CODEOWNERS, a calendar) is somebody else's business; who is asked first, an analyst's.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::answer::Reason;
use crate::change::{Author, RepoPath, Says};
use crate::ids::{ChangeId, ServiceName};
use crate::text::ExternalText;
use crate::time::Window;

/// Something a person did: a commit, as far as it tells of its author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// The change.
    pub change: ChangeId,
    /// When it was committed, by the committer's date: what an as-of goes by.
    pub at: Timestamp,
    /// Who wrote it, after `.mailmap`.
    pub author: Author,
    /// The address it was written under, if `.mailmap` has another for its author.
    pub alias: Option<ExternalText>,
    /// How far the author's clock was ahead of UTC when it was written.
    pub clock: Option<SignedDuration>,
    /// Who brought it in, if it was another person.
    pub landed_by: Option<Author>,
    /// Its first line.
    pub title: ExternalText,
    /// What follows it, capped by the source.
    pub body: ExternalText,
    /// The files it touched, capped by the source.
    pub paths: Vec<RepoPath>,
    /// Whether its message says that it reverts or lands again.
    pub says: Says,
    /// The changes it reverts, as far as they are known.
    pub reverts: Vec<ChangeId>,
}

/// Which works are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkQuery {
    /// Committed inside this window. Its end is the as-of: nothing later may show in any field.
    pub window: Window,
    /// How long the source may take; what it has by then it returns, with the rest named as missing.
    pub budget: SignedDuration,
}

/// Whose lines are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineQuery {
    /// The changes whose surroundings are asked after, the likeliest first.
    pub changes: Vec<ChangeId>,
    /// Nothing from this moment on may show in any field; a change from then on is not there.
    pub as_of: Timestamp,
    /// How long the source may take; what it has by then it returns, with the rest named as missing.
    pub budget: SignedDuration,
}

/// A place of a file that a change touched: the lines that it replaced and those around them, as they were before it, and
/// who had written them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearLines {
    /// The change that touched the place.
    pub change: ChangeId,
    /// When that one was committed.
    pub changed_at: Timestamp,
    /// The file, as it was called before the change.
    pub path: RepoPath,
    /// The first of the lines, from 1.
    pub first: u32,
    /// How many lines there are. Whose the rest is, where fewer are [`NearLines::written`], was not seen.
    pub lines: u32,
    /// Who wrote them, one for each change that they are from.
    pub written: Vec<Written>,
}

/// Lines that are from one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The change that brought them.
    pub change: ChangeId,
    /// When it was committed, by the committer's date.
    pub at: Timestamp,
    /// Who wrote it, after `.mailmap`.
    pub author: Author,
    /// The address it was written under, if `.mailmap` has another for its author.
    pub alias: Option<ExternalText>,
    /// How many of the lines they are.
    pub lines: u32,
}

/// Somebody owns a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// The file.
    pub path: RepoPath,
    /// Who: `@ann`, `@shop/checkout`, `ann@shop.example`.
    pub owner: ExternalText,
}

/// Somebody is on call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnCall {
    /// Who, as the schedule says it: a name, a handle or an e-mail address.
    pub person: ExternalText,
    /// From when until when.
    pub window: Window,
    /// For these services; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceName>,
}

/// A person of the configuration (`[[person]]`): who is the same, where they live, who wants to be left out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// As others call them.
    pub name: String,
    /// Their addresses in commits and schedules, without regard to case.
    #[serde(default)]
    pub emails: Vec<String>,
    /// As forge and chat call them, with or without `@`.
    #[serde(default)]
    pub handle: Option<String>,
    /// The IANA time zone they live in.
    #[serde(default)]
    pub zone: Option<String>,
    /// The teams they are in, as CODEOWNERS and the catalog write them.
    #[serde(default)]
    pub teams: Vec<String>,
    /// They want to be named nowhere: they are never shown and never counted.
    #[serde(default)]
    pub opt_out: bool,
}

/// Where a person's local time is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ZoneFrom {
    /// The configuration says so.
    Configured,
    /// The clock of their newest commits.
    Commits,
}

/// What time it is where a person is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LocalTime {
    /// `03:12`
    pub clock: String,
    /// `Europe/Berlin`, `UTC+02:00`
    pub zone: String,
    /// Where that is known from.
    pub from: ZoneFrom,
    /// It is between 22:00 and 07:00 there.
    pub is_night: bool,
}

/// A person to ask, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Expert {
    /// The place by what they know, from 1. Being asleep moves nobody here.
    pub rank: u32,
    /// The name, after `.mailmap` and the configured people.
    #[schemars(with = "String")]
    pub name: ExternalText,
    /// As forge and chat call them, if the configuration says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
    /// Whether a connected schedule says that they are on call for what fails.
    #[serde(default)]
    pub on_call: bool,
    /// Whether to page this one first: on call, and with a reason of their own.
    #[serde(default)]
    pub page_first: bool,
    /// What time it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_time: Option<LocalTime>,
    /// The weighted sum of everything measured. Comparable inside one answer only.
    pub score: f64,
    /// Why, the weightiest first.
    pub reasons: Vec<Reason>,
}
