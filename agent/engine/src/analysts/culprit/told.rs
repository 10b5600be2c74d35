//! What the inquiry came to, in words and with its evidence: the chain from the first sign to what to do. It must not
//! decide anything but the remedy, which follows from the cause.

use hearback_core::analysis::{Advice, Analysis, Cause, Failing, Innocent, NoChange, Remedy};
use hearback_core::answer::Claim;
use hearback_core::evidence::Citation;
use hearback_core::{Change, ChangeId, ChangeKind, ExternalText, ServiceName, Strength};
use jiff::{SignedDuration, Timestamp};

use super::Finding;
use super::calls::Calls;
use super::effect::{Effect, Harmless};
use super::explains::{Arrival, Explained};
use super::failing::Failed;
use super::otherwise::Otherwise;
use super::rules::{CulpritRules, Rule};
use crate::analysts::suspects::summary;
use crate::analysts::undoing::is_migration;

/// What the inquiry came to.
pub struct Found<'f, 'e, 'a> {
    /// The weights.
    pub rules: &'f CulpritRules,
    /// Those that fail, the first first.
    pub failing: &'f [Failed<'a>],
    /// When the first began to fail.
    pub began: Timestamp,
    /// What traces tell.
    pub calls: &'f Calls<'a>,
    /// How far each change explains it.
    pub explained: &'e [Explained<'a>],
    /// Which it is.
    pub finding: Finding<'e, 'a>,
}

/// So long before the failure a change looks fresh to whoever looks for one.
const LOOKS_FRESH: SignedDuration = SignedDuration::from_mins(30);
/// Services beyond these are told by their number.
const MOST_FAILING: usize = 20;

/// The analysis; none if there is nothing to say.
pub fn told(found: &Found<'_, '_, '_>) -> Option<Analysis> {
    let failing: Vec<Failing> = found
        .failing
        .iter()
        .take(MOST_FAILING)
        .filter_map(|one| failing_service(one, found.began, found.failing))
        .collect();
    let cited = found.failing.first()?.foremost()?.evidence;
    let mut because = Vec::new();
    if let Some(fan_out) = found
        .calls
        .fan_out
        .iter()
        .find(|fan_out| Some(fan_out.service) == found.failing.first().map(|first| first.service))
    {
        let says = format!(
            "{} calls {} {} times for one request, {} before",
            fan_out.service, fan_out.callee, fan_out.after, fan_out.before
        );
        because.extend(Claim::new(says, vec![Citation::of(fan_out.evidence)]));
    }
    let (cause, strength, advice) = match found.finding {
        Finding::Change(explained) => {
            because.extend(claims_for(explained));
            let change = summary(
                &explained.sighted.change,
                explained.arrived.map_or(explained.sighted.change.effective_at, |arrived| arrived.at),
            );
            let strength =
                if explained.score >= found.rules.strong { Strength::Strong } else { Strength::Weak };
            (
                Cause::Change { change, place: explained.place.clone() },
                strength,
                advice_against_change(explained),
            )
        }
        Finding::Otherwise(otherwise) => {
            because.extend(
                otherwise.points.iter().filter_map(|(_, _, says, citation)| {
                    Claim::new(says.clone(), vec![citation.clone()]).ok()
                }),
            );
            let strength =
                if otherwise.score >= found.rules.strong - 1.0 { Strength::Strong } else { Strength::Weak };
            (Cause::NoChange { cause: otherwise.cause }, strength, advice_against(otherwise))
        }
        Finding::Open => (Cause::CantTell, Strength::Weak, None),
    };
    if because.is_empty() {
        let first = found.failing.first()?;
        let says = format!("{}: {}", first.service, first.foremost()?.says());
        because.extend(Claim::new(says, vec![Citation::of(cited)]));
    }
    let blamed = match found.finding {
        Finding::Change(explained) => Some(&explained.sighted.change.id),
        _ => None,
    };
    let innocent = innocent(found, blamed);
    Some(Analysis { failing, cause, strength, because, innocent, advice })
}

fn failing_service(one: &Failed<'_>, began: Timestamp, all: &[Failed<'_>]) -> Option<Failing> {
    let is_first = all.first().is_some_and(|first| first.service == one.service);
    let since = if is_first { began } else { one.since };
    let foremost = one.foremost()?;
    let claim = Claim::new(foremost.says(), vec![Citation::of(foremost.evidence)]).ok()?;
    Some(Failing { service: one.service.clone(), since, because_of: one.because_of.cloned(), claim })
}

/// What speaks for a change, the weightiest first.
fn claims_for(explained: &Explained<'_>) -> Vec<Claim> {
    let mut points: Vec<_> =
        explained.points.iter().filter(|point| point.points > 0.0 && !point.says.is_empty()).collect();
    points.sort_by(|a, b| b.points.total_cmp(&a.points));
    points.iter().filter_map(|point| Claim::new(point.says.clone(), point.citations.clone()).ok()).collect()
}

/// The change that looks guiltiest of those that did not do it, with what speaks against it.
fn innocent(found: &Found<'_, '_, '_>, blamed: Option<&ChangeId>) -> Option<Innocent> {
    let Found { explained, failing, began, .. } = *found;
    // What is against a change must not hide that it looks guilty: fresh, at a service that fails, in the right words. What
    // was brought for itself looks guiltier than what came along.
    let guilt = |one: &Explained<'_>, arrived: &Arrival<'_>| {
        let for_itself = arrived.by.id == one.sighted.change.id
            || arrived.by.delivers.first() == Some(&one.sighted.change.id);
        let age = began.duration_since(arrived.at);
        let is_fresh = !age.is_negative() && age <= LOOKS_FRESH;
        let speaks_for = one.points.iter().filter(|point| point.points > 0.0 && point.rule != Rule::Fresh);
        let points: f64 = speaks_for.map(|point| point.points).sum();
        // Nobody suspects a test or a page of documentation.
        let unsuspected = one.effect == Effect::Nothing(Harmless::NothingThatRuns);
        let points = if unsuspected { 0.0 } else { points };
        points + if for_itself { 2.5 } else { 0.0 } + if is_fresh { 2.5 } else { 0.0 }
    };
    // Where nobody is blamed only those are innocent that can't have been.
    let is_open = matches!(found.finding, Finding::Open);
    let others = explained
        .iter()
        .filter(|one| Some(&one.sighted.change.id) != blamed && (!is_open || one.ruled_out.is_some()));
    let mut others: Vec<(f64, &Explained<'_>, &Arrival<'_>)> = others
        .filter_map(|one| Some((one, one.arrived.as_ref()?)))
        .filter(|(_, arrived)| of_failing(arrived, failing).is_some())
        .map(|(one, arrived)| (guilt(one, arrived), one, arrived))
        .collect();
    others
        .sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.sighted.change.id.cmp(&b.1.sighted.change.id)));
    let (_, one, arrived) = others.first()?;
    let citation =
        Citation { change: Some(one.sighted.change.id.clone()), ..Citation::of(one.sighted.evidence) };
    let elsewhere = match (of_failing(arrived, failing), failing.first()) {
        (Some(there), Some(first)) if there != first.service => {
            Some(format!("took effect in {there}; the failure begins in {}", first.service))
        }
        _ => None,
    };
    let why = elsewhere.or_else(|| one.ruled_out.clone()).unwrap_or_else(|| {
        let against = one.points.iter().filter(|point| point.points < 0.0 && !point.says.is_empty());
        let against: Vec<&str> = against.map(|point| point.says.as_str()).collect();
        match (against.is_empty(), one.tells) {
            (false, _) => against.join("; "),
            (true, false) => "too little in it is what the errors speak of".to_owned(),
            (true, true) => "something else explains more of what failed".to_owned(),
        }
    });
    Some(Innocent {
        change: summary(&one.sighted.change, arrived.at),
        because: Claim::new(why, vec![citation]).ok()?,
    })
}

/// The failing service that a change reached.
fn of_failing<'a>(arrived: &Arrival<'a>, failing: &[Failed<'_>]) -> Option<&'a ServiceName> {
    arrived.by.services.iter().find(|service| failing.iter().any(|one| one.service == *service))
}

fn advice_against_change(explained: &Explained<'_>) -> Option<Advice> {
    let change = &explained.sighted.change;
    let arrived = explained.arrived.as_ref();
    let what = match arrived.map(|arrived| arrived.by).filter(|by| by.id != change.id) {
        Some(by) => by.title.for_people(60),
        None => change.title.for_people(60),
    };
    let (remedy, says) = match change.kind {
        ChangeKind::Flag => (Remedy::FlagOff, format!("switch it back: {what}")),
        ChangeKind::Config | ChangeKind::Infra => (Remedy::ConfigRevert, format!("set it back: {what}")),
        _ if touches_schema(change) => (
            Remedy::RollForward,
            format!("{what} changed a schema: going back does not bring it back; mend it forward"),
        ),
        _ if explained.effect == Effect::Settings => {
            (Remedy::ConfigRevert, format!("set the values back that came with {what}"))
        }
        _ => (Remedy::Rollback, format!("roll back {what}: it undoes what it brought")),
    };
    let citation = Citation { change: Some(change.id.clone()), ..Citation::of(explained.sighted.evidence) };
    Some(Advice { remedy, claim: Claim::new(says, vec![citation]).ok()? })
}

/// Whether a change is of a schema or its migrations, which a rollback of the code does not undo.
fn touches_schema(change: &Change) -> bool {
    change.kind == ChangeKind::Migration
        || change.paths.as_slice().iter().any(|path| {
            is_migration(path.path.as_str()) || path.path.file_name().to_ascii_lowercase().ends_with(".sql")
        })
}

fn advice_against(otherwise: &Otherwise) -> Option<Advice> {
    let about = otherwise.about.as_deref().unwrap_or("it");
    let about = ExternalText::from(about).for_people(60);
    let (remedy, says) = match otherwise.cause {
        NoChange::Provider => (
            Remedy::Failover,
            format!(
                "go to another provider than {about} or without it, and tell them; a rollback changes nothing"
            ),
        ),
        NoChange::Expiry => (Remedy::RotateCert, "renew what ran out; a rollback changes nothing".to_owned()),
        NoChange::Surge => (
            Remedy::Scale,
            format!("more of {about}, or less of what is asked of it; a rollback changes nothing"),
        ),
        NoChange::Limit => {
            (Remedy::RaiseLimit, format!("stay below the limit of {about}, or have it raised"))
        }
        NoChange::Full => (Remedy::FreeSpace, "make room, then find what fills it".to_owned()),
        NoChange::Machine => (Remedy::Reschedule, format!("move away from {about}, then look at it")),
        NoChange::Names => {
            (Remedy::Escalate, "ask those who run name resolution; use another resolver meanwhile".to_owned())
        }
        NoChange::BadData => (
            Remedy::PurgeData,
            "take the record out of the way that can't be read, and tell who sends it".to_owned(),
        ),
        NoChange::Store => {
            (Remedy::Restart, "let it connect anew; look at who is primary, or holds the lock".to_owned())
        }
    };
    let citations: Vec<Citation> = otherwise.points.iter().map(|(.., citation)| citation.clone()).collect();
    Some(Advice { remedy, claim: Claim::new(says, citations).ok()? })
}
