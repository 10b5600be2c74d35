//! Times and names as the command line gives them, with the option named in the error.

use anyhow::Result;
use hearback_core::entry::Actor;
use hearback_core::ids::BadName;
use hearback_core::time::{parse_length, parse_time};
use hearback_core::{ExternalText, IncidentId, ServiceName};
use jiff::Timestamp;

use crate::output::Usage;

/// The time that `option` gives.
pub fn time(option: &str, text: &str, now: Timestamp) -> Result<Timestamp> {
    parse_time(text, now).map_err(|error| Usage(format!("{option}: {error}")).into())
}

/// The time that `option` gives, which must not lie in the future.
pub fn past(option: &str, text: &str, now: Timestamp) -> Result<Timestamp> {
    let at = time(option, text, now)?;
    if at > now {
        return Err(Usage(format!(
            "{option}: {text} is in the future; give a time that has passed, or leave it out"
        ))
        .into());
    }
    Ok(at)
}

/// The time that `option` gives, which must not lie in the future; else now.
pub fn past_or_now(option: &str, text: Option<&str>, now: Timestamp) -> Result<Timestamp> {
    text.map_or(Ok(now), |text| past(option, text, now))
}

/// A length before `until`, or a time.
pub fn since(option: &str, text: &str, until: Timestamp, now: Timestamp) -> Result<Timestamp> {
    if let Ok(length) = parse_length(text) {
        return Ok(until.checked_sub(length).unwrap_or(Timestamp::MIN));
    }
    let at = parse_time(text, now).map_err(|_| {
        Usage(format!(
            "{option}: \"{text}\" is neither a length nor a time; write it as 24h, 7d or 2026-11-23T14:05Z"
        ))
    })?;
    if at >= until {
        return Err(Usage(format!(
            "{option}: {text} is not before the time asked about; swap them or leave one out"
        ))
        .into());
    }
    Ok(at)
}

/// An incident's id; case does not matter.
pub fn incident(text: &str) -> Result<IncidentId> {
    let usage = |error: BadName| Usage(format!("{error}; `hearback incident list` shows those there are"));
    Ok(IncidentId::new(text.to_ascii_uppercase()).map_err(usage)?)
}

/// Service names.
pub fn services(names: &[String]) -> Result<Vec<ServiceName>> {
    names
        .iter()
        .map(|name| ServiceName::new(name).map_err(|error| Usage(format!("--service: {error}")).into()))
        .collect()
}

/// A person.
pub fn person(name: &str) -> Actor {
    Actor::Person(ExternalText::new(name))
}
