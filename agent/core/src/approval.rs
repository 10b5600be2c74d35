//! Who may approve what: the policy, and [`approve`], the only maker of an [`ApprovedAction`]. Any doubt is a refusal.
//! Pure; the facts it decides on are its arguments, and whoever gathers them may not decide.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::action::{Action, ActionKind, IdempotencyKey, Inverse, Proposal};
use crate::entry::Actor;
use crate::evidence::Origin;
use crate::freeze::{Freeze, same_environment};
use crate::happening::Role;
use crate::hash::Digest;
use crate::ids::{ChatUserId, IncidentId, ProposalId, ServiceName};
use crate::text::ExternalText;
use crate::time::format_time;

/// Tier 1 and what can't be taken back need so many approvals, whatever a rule says.
const GRAVE_APPROVALS: u32 = 2;

/// Who may approve what. Written by people in `policy.toml`; the empty policy lets nobody.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalPolicy {
    /// The people, by the name that their tokens hold.
    #[serde(default, rename = "person")]
    pub people: Vec<Person>,
    /// The rules, in order. For each service that an action touches the first one that fits counts; one that may fit,
    /// because tier or environment is not known, counts too. All that count must be satisfied.
    #[serde(default, rename = "rule")]
    pub rules: Vec<Rule>,
}

/// Somebody who may approve.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The name, as tokens and roles have it.
    pub name: String,
    /// Who they are in chat systems.
    #[serde(default)]
    pub chat: Vec<ChatUserId>,
    /// The groups they belong to.
    #[serde(default)]
    pub groups: BTreeSet<String>,
}

/// What holds for some actions.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// For actions of these kinds.
    pub actions: BTreeSet<ActionKind>,
    /// For these services. Empty for any.
    #[serde(default)]
    pub services: BTreeSet<ServiceName>,
    /// For services of these tiers. Empty for any.
    #[serde(default)]
    pub tiers: BTreeSet<u8>,
    /// In these environments. Empty for any.
    #[serde(default)]
    pub environments: Vec<String>,
    /// Who may approve: members of these groups …
    #[serde(default)]
    pub groups: BTreeSet<String>,
    /// … and who holds one of these roles in the incident.
    #[serde(default)]
    pub roles: BTreeSet<Role>,
    /// How many of them it takes.
    #[serde(default = "one")]
    pub approvals: u32,
    /// Whether who asked for the action may approve it.
    #[serde(default)]
    pub self_approval: bool,
    /// What a change freeze means for it.
    #[serde(default)]
    pub in_freeze: InFreeze,
    /// Who may break the glass: approve alone and in a freeze, with a reason that everybody hears.
    #[serde(default)]
    pub break_glass: BTreeSet<String>,
}

fn one() -> u32 {
    1
}

/// What a change freeze means for an action.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InFreeze {
    /// It must wait, or somebody must break the glass.
    #[default]
    Refuse,
    /// It may be done: going back to what worked.
    Allow,
}

/// What somebody decided of a proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The proposal.
    pub proposal: ProposalId,
    /// Its digest, as it was shown to them.
    pub digest: Digest,
    /// What they decided.
    pub verdict: Decided,
    /// Why; needed to reject and to break the glass.
    #[serde(default)]
    pub why: ExternalText,
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decided {
    /// It shall be done.
    Approve,
    /// It shall be done now, by one person's word.
    BreakGlass,
    /// It shall not be done.
    Reject,
}

/// A decision, with who made it and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeDecision {
    /// The decision.
    pub decision: Decision,
    /// Who made it, verified by whoever took it.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// The change freezes that a decision has to heed.
#[derive(Debug, Clone, PartialEq)]
pub enum KnownFreezes {
    /// All of them.
    All(Vec<Freeze>),
    /// A source of freezes could not be read.
    Unknown(String),
}

/// How far a proposal has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It waits.
    Waiting,
    /// Its action was started, once and for all.
    Started,
    /// An entry that may tell can't be read: it was redacted, or a newer program wrote it.
    Unknown,
}

/// What a decision is made on.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// The proposal as it is stored, never as it was sent.
    pub proposal: &'a Proposal,
    /// How far it has come.
    pub progress: Progress,
    /// All decisions about it, in their order.
    pub decisions: &'a [MadeDecision],
    /// Who holds which role in the incident now.
    pub roles: &'a BTreeMap<Role, ExternalText>,
    /// The tiers of the services it touches, where the catalog says so.
    pub tiers: &'a BTreeMap<ServiceName, u8>,
    /// The freezes that there are.
    pub freezes: &'a KnownFreezes,
}

/// Leave to do one action, once. Only [`approve`] makes one; it can't be copied, kept or read back.
#[derive(Debug)]
pub struct ApprovedAction {
    action: Action,
    proposal: ProposalId,
    key: IdempotencyKey,
    by: Vec<String>,
    glass_broken: bool,
}

impl ApprovedAction {
    /// The action.
    pub fn action(&self) -> &Action {
        &self.action
    }

    /// The proposal that it was.
    pub fn proposal(&self) -> &ProposalId {
        &self.proposal
    }

    /// The same for every attempt.
    pub fn key(&self) -> &IdempotencyKey {
        &self.key
    }

    /// The people who approved, by name.
    pub fn by(&self) -> &[String] {
        &self.by
    }

    /// Whether somebody broke the glass.
    pub fn glass_broken(&self) -> bool {
        self.glass_broken
    }
}

/// Why an action may not be done. One sentence each, which says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// There is no policy.
    #[error("nobody may approve: there is no policy; write one (config/policy.example.toml shows how)")]
    NoPolicy,
    /// It was started before.
    #[error("{0} was started already; it is done once")]
    Started(ProposalId),
    /// The incident is over.
    #[error("{0} is resolved; what is still wrong is an incident of its own")]
    Over(IncidentId),
    /// What happened to it can't be told.
    #[error(
        "an entry of the record that may be about it can't be read; update hearback, or ask again for a proposal in a \
         new incident"
    )]
    Unreadable,
    /// Somebody rejected it.
    #[error("{by} rejected it: {why}; a new proposal is needed")]
    Rejected {
        /// Who.
        by: String,
        /// Why.
        why: String,
    },
    /// It is too old.
    #[error("it expired at {}; ask again what changed for a new one", format_time(*.0))]
    Expired(Timestamp),
    /// The clock stands before what happened already.
    #[error("the clock of this machine is behind the record; set it right")]
    ClockIsBehind,
    /// Anybody could have written what it rests on.
    #[error("it rests only on text that anybody could have written; find evidence of your own first")]
    OnlyOutsiders,
    /// Nobody approved it yet.
    #[error("nobody approved it yet")]
    NotDecided,
    /// A program decided.
    #[error("a program decides nothing; a person must")]
    NotAPerson,
    /// What was approved is not what is stored.
    #[error("what {0} saw is not what is proposed now; look at it again and approve that")]
    OtherDigest(String),
    /// No rule covers it.
    #[error("no rule of the policy covers {0} here; add one to let it be approved")]
    NoRule(ActionKind),
    /// It may not be done in a change freeze.
    #[error("the change freeze \"{0}\" holds; wait, or break the glass with a reason")]
    Frozen(String),
    /// It is not known whether a change freeze holds.
    #[error(
        "it can't be told whether a change freeze holds ({0}); mend that, or break the glass with a reason"
    )]
    FreezesUnknown(String),
    /// Somebody is not known to the policy.
    #[error("{0} is not in the policy; ask who wrote it to add them")]
    Stranger(String),
    /// Somebody may not.
    #[error("{who} may not approve it; {may}")]
    NotAllowed {
        /// Who.
        who: String,
        /// Who may.
        may: String,
    },
    /// Who asked for it may not approve it.
    #[error("{0} asked for it and may not approve it; somebody else must")]
    OwnProposal(String),
    /// It takes more people.
    #[error("{have} of {need} approvals; {may}")]
    TooFew {
        /// So many there are.
        have: u32,
        /// So many it takes.
        need: u32,
        /// Who may give them.
        may: String,
    },
    /// To break the glass takes a reason.
    #[error("breaking the glass takes a reason that everybody will hear; say why")]
    NoReason,
    /// Never happens for these types.
    #[error("its digest can't be made: {0}")]
    NoDigest(String),
}

impl ApprovalPolicy {
    /// The person of this name.
    pub fn person(&self, name: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.name == name)
    }

    /// Who somebody in a chat system is.
    pub fn in_chat(&self, user: &ChatUserId) -> Option<&Person> {
        let mut found = self.people.iter().filter(|person| person.chat.contains(user));
        // One account that two people claim is nobody's.
        found.next().filter(|_| found.next().is_none())
    }

    /// The rules that count for a proposal; none if some service that it touches has no rule. What touches no service
    /// that is known may touch any: then all rules for its kind and environment count.
    pub fn rules_for<'p>(
        &'p self,
        proposal: &Proposal,
        tiers: &BTreeMap<ServiceName, u8>,
    ) -> Option<Vec<&'p Rule>> {
        let touched: Vec<Option<&ServiceName>> = match proposal.services.is_empty() {
            true => vec![None],
            false => proposal.services.iter().map(Some).collect(),
        };
        let mut count: Vec<&Rule> = Vec::new();
        for service in touched {
            let mut any = false;
            for rule in &self.rules {
                let fit = rule.fit(proposal, service, tiers);
                if fit != Fit::No {
                    any = true;
                    if !count.iter().any(|other| std::ptr::eq(*other, rule)) {
                        count.push(rule);
                    }
                }
                if fit == Fit::Yes {
                    break;
                }
            }
            if !any {
                return None;
            }
        }
        Some(count)
    }
}

/// Whether a rule fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    No,
    /// As far as is known.
    Maybe,
    Yes,
}

impl Fit {
    fn of(known: Option<bool>) -> Self {
        match known {
            Some(true) => Fit::Yes,
            Some(false) => Fit::No,
            None => Fit::Maybe,
        }
    }
}

impl Rule {
    fn fit(
        &self,
        proposal: &Proposal,
        service: Option<&ServiceName>,
        tiers: &BTreeMap<ServiceName, u8>,
    ) -> Fit {
        let any = |is_any: bool, known: Option<bool>| if is_any { Fit::Yes } else { Fit::of(known) };
        let environment = proposal.environment.as_deref();
        let in_these = |name| self.environments.iter().any(|own| same_environment(own, name));
        let tier = service.and_then(|service| tiers.get(service));
        let fits = [
            Fit::of(Some(self.actions.contains(&proposal.action.kind()))),
            any(self.services.is_empty(), service.map(|service| self.services.contains(service))),
            any(self.tiers.is_empty(), tier.map(|tier| self.tiers.contains(tier))),
            any(self.environments.is_empty(), environment.map(in_these)),
        ];
        fits.into_iter().min().unwrap_or(Fit::No)
    }

    /// How many approvals an action takes.
    fn needs(&self, facts: &Facts<'_>) -> u32 {
        // A service whose tier nobody knows may be one that everything hangs on, but most are not: then the rule's own
        // number counts.
        let is_grave =
            facts.proposal.inverse == Inverse::Nothing || facts.tiers.values().any(|tier| *tier == 1);
        self.approvals.max(if is_grave { GRAVE_APPROVALS } else { 1 })
    }

    fn lets(&self, person: &Person, roles: &BTreeMap<Role, ExternalText>) -> bool {
        let holds = |role: &Role| roles.get(role).is_some_and(|who| who.as_untrusted() == person.name);
        !self.groups.is_disjoint(&person.groups) || self.roles.iter().any(holds)
    }

    /// Who may approve, for people.
    fn may(&self) -> String {
        let groups = self.groups.iter().map(|group| format!("group {group}"));
        let who: Vec<String> = groups.chain(self.roles.iter().map(|role| format!("the {role}"))).collect();
        match who.is_empty() {
            true => "the rule names nobody who may".to_owned(),
            false => format!("who may: {}", who.join(", ")),
        }
    }
}

/// Decides whether a proposal may be done now.
///
/// # Errors
/// [`Denied`] says why not; so it is for any doubt.
pub fn approve(facts: &Facts<'_>, policy: &ApprovalPolicy, now: Timestamp) -> Result<ApprovedAction, Denied> {
    let proposal = facts.proposal;
    if policy.rules.is_empty() {
        return Err(Denied::NoPolicy);
    }
    match facts.progress {
        Progress::Waiting => {}
        Progress::Started => return Err(Denied::Started(proposal.id.clone())),
        Progress::Unknown => return Err(Denied::Unreadable),
    }
    // A program decides nothing, and neither does who decided on another proposal's id.
    let decisions = facts.decisions.iter().filter(|made| made.decision.proposal == proposal.id);
    // What a program says last must not set off what a person said before.
    if decisions.clone().next_back().is_some_and(|made| name_of(&made.by).is_none()) {
        return Err(Denied::NotAPerson);
    }
    let decisions: Vec<(&MadeDecision, String)> =
        decisions.filter_map(|made| Some((made, name_of(&made.by)?))).collect();
    // Who is not known here stops nothing either.
    let rejects = |(made, by): &&(&MadeDecision, String)| {
        made.decision.verdict == Decided::Reject && policy.person(by).is_some()
    };
    if let Some((made, by)) = decisions.iter().find(rejects) {
        return Err(Denied::Rejected { by: by.clone(), why: made.decision.why.for_people(200) });
    }
    if now < proposal.proposed_at || decisions.iter().any(|(made, _)| made.at > now) {
        return Err(Denied::ClockIsBehind);
    }
    if now >= proposal.expires_at {
        return Err(Denied::Expired(proposal.expires_at));
    }
    if proposal.because.iter().all(|support| support.origin == Origin::Outsider) {
        return Err(Denied::OnlyOutsiders);
    }
    let rules = policy.rules_for(proposal, facts.tiers).ok_or(Denied::NoRule(proposal.action.kind()))?;
    let digest = proposal.digest().map_err(|error| Denied::NoDigest(error.to_string()))?;
    let latest = decisions.last().ok_or(Denied::NotDecided)?;
    if latest.0.decision.digest != digest {
        return Err(Denied::OtherDigest(latest.1.clone()));
    }
    let leave = |by: Vec<String>, glass_broken: bool| ApprovedAction {
        action: proposal.action.clone(),
        proposal: proposal.id.clone(),
        key: IdempotencyKey::of(&proposal.id, &digest),
        by,
        glass_broken,
    };
    if latest.0.decision.verdict == Decided::BreakGlass {
        for rule in &rules {
            may_break(latest, rule, policy)?;
        }
        return Ok(leave(vec![latest.1.clone()], true));
    }
    let mut approvers = BTreeSet::new();
    for rule in rules {
        heed_freezes(facts, rule, now)?;
        may_approve(latest, facts, rule, policy)?;
        let is_of_this = |(made, _): &&(&MadeDecision, String)| made.decision.digest == digest;
        let counts = decisions.iter().filter(is_of_this);
        let counts = counts.filter(|made| may_approve(made, facts, rule, policy).is_ok());
        let people: BTreeSet<&String> = counts.map(|(_, by)| by).collect();
        let (have, need) = (people.len() as u32, rule.needs(facts));
        if have < need {
            return Err(Denied::TooFew { have, need, may: rule.may() });
        }
        approvers.extend(people.into_iter().cloned());
    }
    Ok(leave(approvers.into_iter().collect(), false))
}

/// Whether one decision counts as an approval.
fn may_approve(
    (made, by): &(&MadeDecision, String),
    facts: &Facts<'_>,
    rule: &Rule,
    policy: &ApprovalPolicy,
) -> Result<(), Denied> {
    let person = policy.person(by).ok_or_else(|| Denied::Stranger(by.clone()))?;
    if made.decision.verdict != Decided::Approve || !rule.lets(person, facts.roles) {
        return Err(Denied::NotAllowed { who: by.clone(), may: rule.may() });
    }
    if !rule.self_approval && name_of(&facts.proposal.asked_by).as_ref() == Some(by) {
        return Err(Denied::OwnProposal(by.clone()));
    }
    Ok(())
}

/// Whether one decision breaks the glass.
fn may_break(
    (made, by): &(&MadeDecision, String),
    rule: &Rule,
    policy: &ApprovalPolicy,
) -> Result<(), Denied> {
    let person = policy.person(by).ok_or_else(|| Denied::Stranger(by.clone()))?;
    if rule.break_glass.is_disjoint(&person.groups) {
        return Err(Denied::NotAllowed { who: by.clone(), may: glass_may(rule) });
    }
    if made.decision.why.is_blank() { Err(Denied::NoReason) } else { Ok(()) }
}

fn glass_may(rule: &Rule) -> String {
    let groups: Vec<&str> = rule.break_glass.iter().map(String::as_str).collect();
    match groups.is_empty() {
        true => "nobody may break the glass here".to_owned(),
        false => format!("who may break the glass: {}", groups.join(", ")),
    }
}

fn heed_freezes(facts: &Facts<'_>, rule: &Rule, now: Timestamp) -> Result<(), Denied> {
    if rule.in_freeze == InFreeze::Allow {
        return Ok(());
    }
    match facts.freezes {
        KnownFreezes::Unknown(why) => Err(Denied::FreezesUnknown(why.clone())),
        KnownFreezes::All(freezes) => {
            let proposal = facts.proposal;
            // What is not known of the action counts as a match here: a doubt is a refusal.
            let holds = |freeze: &&Freeze| {
                let service = freeze.services.is_empty()
                    || proposal.services.is_empty()
                    || proposal.services.iter().any(|service| freeze.services.contains(service));
                let environment = freeze.environments.is_empty()
                    || proposal.environment.as_ref().is_none_or(|name| {
                        freeze.environments.iter().any(|frozen| same_environment(frozen, name))
                    });
                freeze.window.contains(now) && service && environment
            };
            match freezes.iter().find(holds) {
                Some(freeze) => Err(Denied::Frozen(freeze.name.for_people(80))),
                None => Ok(()),
            }
        }
    }
}

/// The name of a person; a program has none that counts here.
fn name_of(actor: &Actor) -> Option<String> {
    match actor {
        Actor::Person(name) => Some(name.as_untrusted().to_owned()),
        Actor::System(_) => None,
    }
}

#[cfg(test)]
#[path = "approval_table_tests.rs"]
mod table;
#[cfg(test)]
#[path = "approval_tests.rs"]
mod tests;
