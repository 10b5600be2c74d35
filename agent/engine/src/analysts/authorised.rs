//! Was a change allowed to happen? Two questions: did it reach production inside a change freeze, and, where the policy
//! asks for it, was it reviewed or at least rolled out on record. It must not judge people, and it says nothing of what
//! no source knows, unless the policy wants that.

use std::collections::BTreeMap;

use hearback_core::answer::{Claim, Flagged};
use hearback_core::change::{Landed, Review, Says};
use hearback_core::evidence::Citation;
use hearback_core::freeze::{Freeze, same_environment};
use hearback_core::time::format_time;
use hearback_core::{Catalog, Change, ChangeId, ChangeKind, EvidenceId, ExternalText, Fetched, ServiceName};
use jiff::Timestamp;
use serde::Deserialize;

use super::rollout::{is_rollout, rollouts};
use super::suspects::summary;
use crate::gather::Sighted;

/// `[authorisation]` of the configuration. The default asks for no review; freezes count all the same.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthorisationPolicy {
    /// The kinds of change that a freeze holds for.
    pub freeze_kinds: Vec<ChangeKind>,
    /// Whether going back to what worked needs to be authorised.
    pub reverts: Reverts,
    /// When a commit counts as a change of production.
    pub commits: Commits,
    /// What it means that no source knows of reviews.
    pub unknown: Unknown,
    /// Which changes must be reviewed or stand in a deploy record; one that fits is enough.
    pub require: Vec<Requirement>,
}

impl Default for AuthorisationPolicy {
    fn default() -> Self {
        use ChangeKind::{Commit, Config, Deploy, Flag, Infra, Migration};
        AuthorisationPolicy {
            // Certificates expire and jobs run by themselves, freeze or not.
            freeze_kinds: vec![Deploy, Commit, Config, Flag, Infra, Migration],
            reverts: Reverts::default(),
            commits: Commits::default(),
            unknown: Unknown::default(),
            require: Vec::new(),
        }
    }
}

/// Whether going back to what worked needs to be authorised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reverts {
    /// A rollback or revert is never a breach: in an emergency it must not wait.
    #[default]
    Exempt,
    /// It is judged as everything else.
    Count,
}

/// When a commit counts as a change of production.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Commits {
    /// When a rollout brings it. One that is merged inside a freeze and rolled out after it keeps the freeze.
    #[default]
    Delivered,
    /// When it is merged, if no rollout of it is on record: for repositories whose main branch is what runs.
    Merged,
}

/// What it means that no source knows of reviews.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// Nothing.
    #[default]
    Ignore,
    /// As if there had been none.
    Breach,
}

/// Which changes must be authorised. An empty list stands for all; what is not known of a change fits no list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Requirement {
    /// Of these kinds.
    pub kinds: Vec<ChangeKind>,
    /// In these environments.
    pub environments: Vec<String>,
    /// Of these services.
    pub services: Vec<ServiceName>,
    /// Of services of these tiers, by the catalog.
    pub tiers: Vec<u8>,
}

/// A freeze and the evidence that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SightedFreeze {
    /// The freeze.
    pub freeze: Freeze,
    /// The snapshot it stands in.
    pub evidence: EvidenceId,
}

impl SightedFreeze {
    /// The freezes of one source, with the snapshot they stand in.
    pub fn all(fetched: &Fetched<Freeze>, evidence: EvidenceId) -> Vec<SightedFreeze> {
        fetched.items.iter().map(|freeze| SightedFreeze { freeze: freeze.clone(), evidence }).collect()
    }
}

/// What a change did that it was not authorised to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Breach {
    /// It reached production inside a freeze that holds for it.
    InFreeze {
        /// The freeze's name.
        freeze: ExternalText,
        /// The rollout that brought it, if it did not come by itself.
        through: Option<ChangeId>,
        /// How that is known.
        because: Claim,
    },
    /// The policy asks for authorisation: nobody approved it, and no deploy record delivers it.
    NeitherReviewedNorDeployed {
        /// How that is known.
        because: Claim,
    },
}

impl Breach {
    /// How it is known.
    pub fn because(&self) -> &Claim {
        match self {
            Breach::InFreeze { because, .. } | Breach::NeitherReviewedNorDeployed { because } => because,
        }
    }
}

/// What the analyst found of one change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judged {
    /// What was not authorised.
    pub breaches: Vec<Breach>,
    /// What would have been a breach and is allowed, because it goes back to what worked.
    pub allowed: Vec<Claim>,
}

/// Everything the analyst looks at.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// All changes of the window: rollouts and merges authorise what they deliver.
    pub changes: &'a [Sighted],
    /// The freezes that overlap the window.
    pub freezes: &'a [SightedFreeze],
    /// What is asked for.
    pub policy: &'a AuthorisationPolicy,
    /// The services that are known.
    pub catalog: &'a Catalog,
}

/// Judges every change of the window; those of which there is nothing to say are left out.
pub fn judge(inputs: &Inputs<'_>) -> BTreeMap<ChangeId, Judged> {
    let judge = Judge::new(inputs);
    let judged = inputs.changes.iter().map(|sighted| (sighted.change.id.clone(), judge.one(sighted)));
    judged.filter(|(_, judged)| *judged != Judged::default()).collect()
}

/// What an answer says of the breaches, newest first: one entry a change. A commit whose rollout is named for the same
/// freeze is not named again.
pub fn flagged(changes: &[Sighted], judged: &BTreeMap<ChangeId, Judged>) -> Vec<Flagged> {
    let named_by_rollout = |breach: &Breach| match breach {
        Breach::InFreeze { freeze, through: Some(rollout), .. } => {
            let of_rollout = judged.get(rollout).map_or(&[][..], |judged| judged.breaches.as_slice());
            of_rollout
                .iter()
                .any(|other| matches!(other, Breach::InFreeze { freeze: name, .. } if name == freeze))
        }
        _ => false,
    };
    let rollouts = rollouts(changes);
    let mut flagged: Vec<Flagged> = changes
        .iter()
        .filter_map(|sighted| {
            let breaches = &judged.get(&sighted.change.id)?.breaches;
            let claims: Vec<&Claim> =
                breaches.iter().filter(|breach| !named_by_rollout(breach)).map(Breach::because).collect();
            let says: Vec<&str> = claims.iter().map(|claim| claim.says()).collect();
            let mut citations: Vec<Citation> = Vec::new();
            for citation in claims.iter().flat_map(|claim| claim.citations()) {
                if !citations.contains(citation) {
                    citations.push(citation.clone());
                }
            }
            let because = Claim::new(says.join("; "), citations).ok()?;
            let at =
                rollouts.get(&sighted.change.id).map_or(sighted.change.effective_at, |by| by.effective_at);
            Some(Flagged { change: summary(&sighted.change, at), because })
        })
        .collect();
    flagged.sort_by(|a, b| {
        b.change.effective_at.cmp(&a.change.effective_at).then_with(|| a.change.id.cmp(&b.change.id))
    });
    flagged
}

/// What is worked out once for all changes.
struct Judge<'a> {
    inputs: Inputs<'a>,
    by_id: BTreeMap<&'a ChangeId, &'a Sighted>,
    /// The first rollout to production that brought a commit.
    rollouts: BTreeMap<&'a ChangeId, &'a Change>,
    /// What delivers a change: merges and rollouts.
    deliverers: BTreeMap<&'a ChangeId, Vec<&'a Sighted>>,
}

/// A change as it reached production.
struct Arrival<'a> {
    at: Timestamp,
    environment: Option<&'a str>,
    services: Vec<ServiceName>,
    /// The rollout that brought it.
    rollout: Option<&'a Sighted>,
}

impl<'a> Judge<'a> {
    fn new(inputs: &Inputs<'a>) -> Self {
        let mut deliverers: BTreeMap<&ChangeId, Vec<&Sighted>> = BTreeMap::new();
        for sighted in inputs.changes {
            for delivered in &sighted.change.delivers {
                deliverers.entry(delivered).or_default().push(sighted);
            }
        }
        let by_id = inputs.changes.iter().map(|sighted| (&sighted.change.id, sighted)).collect();
        Judge { inputs: *inputs, by_id, rollouts: rollouts(inputs.changes), deliverers }
    }

    fn one(&self, sighted: &'a Sighted) -> Judged {
        let change = &sighted.change;
        if change.landed == Landed::NotYet || is_tag(change) {
            return Judged::default();
        }
        let arrival = self.arrival(change);
        let mut breaches = arrival.as_ref().map_or(Vec::new(), |arrival| self.in_freeze(sighted, arrival));
        breaches.extend(self.neither_reviewed_nor_deployed(sighted));
        // What a rollback brings again is not to blame for it.
        let rollout = arrival.and_then(|arrival| arrival.rollout);
        let goes_back =
            self.goes_back(change) || rollout.is_some_and(|rollout| self.goes_back(&rollout.change));
        if self.inputs.policy.reverts == Reverts::Exempt && goes_back {
            let allowed = breaches.iter().filter_map(|breach| {
                let claim = breach.because();
                let says = format!("goes back to what worked, which is allowed: {}", claim.says());
                Claim::new(says, claim.citations().to_vec()).ok()
            });
            return Judged { allowed: allowed.collect(), breaches: Vec::new() };
        }
        Judged { breaches, allowed: Vec::new() }
    }

    fn in_freeze(&self, sighted: &'a Sighted, arrival: &Arrival<'a>) -> Vec<Breach> {
        if !self.inputs.policy.freeze_kinds.contains(&sighted.change.kind) {
            return Vec::new();
        }
        let same = |a: &ServiceName, b: &ServiceName| self.same_service(a, b);
        let holds = |seen: &&SightedFreeze| {
            seen.freeze.holds(arrival.at, &arrival.services, arrival.environment, same)
        };
        let breach = |seen: &SightedFreeze| {
            let freeze = &seen.freeze;
            let how = if arrival.rollout.is_some() { "rolled out" } else { "took effect" };
            let says = format!(
                "{how} at {}, inside the freeze \"{}\" (until {})",
                format_time(arrival.at),
                freeze.name.for_people(60),
                format_time(freeze.window.until)
            );
            let mut citations = vec![Citation::of(seen.evidence), cite(sighted)];
            citations.extend(arrival.rollout.map(cite));
            let through = arrival.rollout.map(|rollout| rollout.change.id.clone());
            Some(Breach::InFreeze {
                freeze: freeze.name.clone(),
                through,
                because: Claim::new(says, citations).ok()?,
            })
        };
        self.inputs.freezes.iter().filter(holds).filter_map(breach).collect()
    }

    /// When and where a change reached production; `None` if nothing says that it did.
    fn arrival(&self, change: &'a Change) -> Option<Arrival<'a>> {
        let own = self.services_of(change);
        if change.kind != ChangeKind::Commit {
            let environment = change.environment.as_deref();
            return Some(Arrival { at: change.effective_at, environment, services: own, rollout: None });
        }
        match self.rollouts.get(&change.id) {
            Some(rollout) => {
                // The rollout says what it touched; a commit to a shared library touches what is rolled out with it.
                let services = if rollout.services.is_empty() { own } else { rollout.services.clone() };
                Some(Arrival {
                    at: rollout.effective_at,
                    environment: rollout.environment.as_deref(),
                    services,
                    rollout: self.by_id.get(&rollout.id).copied(),
                })
            }
            // A merge stands for its commits, and they are here.
            None if change.is_merge() => None,
            None if self.inputs.policy.commits == Commits::Merged => Some(Arrival {
                at: change.effective_at,
                environment: change.environment.as_deref(),
                services: own,
                rollout: None,
            }),
            None => None,
        }
    }

    fn neither_reviewed_nor_deployed(&self, sighted: &'a Sighted) -> Option<Breach> {
        let change = &sighted.change;
        let services = self.services_of(change);
        if !self.inputs.policy.require.iter().any(|rule| self.asks(rule, change, &services)) {
            return None;
        }
        let deliverers = self.deliverers.get(&change.id).map_or(&[][..], Vec::as_slice);
        let is_deployed = is_rollout(change) || deliverers.iter().any(|by| is_rollout(&by.change));
        if is_deployed {
            return None;
        }
        let reviews = || deliverers.iter().map(|by| by.change.review).chain([change.review]);
        let says = if reviews().any(|review| review == Review::Approved) {
            return None;
        } else if reviews().any(|review| review == Review::Missing) {
            "nobody approved it, and no deploy record delivers it"
        } else if self.inputs.policy.unknown == Unknown::Breach {
            "no source knows an approval of it, and no deploy record delivers it"
        } else {
            return None;
        };
        let citations = [sighted].into_iter().chain(deliverers.iter().copied()).map(cite).collect();
        Some(Breach::NeitherReviewedNorDeployed { because: Claim::new(says, citations).ok()? })
    }

    fn asks(&self, rule: &Requirement, change: &Change, services: &[ServiceName]) -> bool {
        let tier = |service: &ServiceName| self.inputs.catalog.find(service.as_str())?.tier;
        (rule.kinds.is_empty() || rule.kinds.contains(&change.kind))
            && (rule.environments.is_empty()
                || change
                    .environment
                    .as_deref()
                    .is_some_and(|name| rule.environments.iter().any(|asked| same_environment(asked, name))))
            && (rule.services.is_empty()
                || rule
                    .services
                    .iter()
                    .any(|asked| services.iter().any(|name| self.same_service(asked, name))))
            && (rule.tiers.is_empty()
                || services.iter().filter_map(tier).any(|tier| rule.tiers.contains(&tier)))
    }

    /// A revert, a rollback, or a rollout that brings nothing but reverts.
    fn goes_back(&self, change: &Change) -> bool {
        let reverts =
            |change: &Change| change.revert.says == Says::Reverts || !change.revert.reverts.is_empty();
        let brings_reverts_only = || {
            let is_revert =
                |id: &ChangeId| self.by_id.get(id).is_some_and(|delivered| reverts(&delivered.change));
            !change.delivers.is_empty() && change.delivers.iter().all(is_revert)
        };
        reverts(change) || brings_reverts_only()
    }

    /// By its source's word and by the catalog's paths.
    fn services_of(&self, change: &Change) -> Vec<ServiceName> {
        let repository = change.source.as_str().split_once(':').map_or("", |(_, instance)| instance);
        let owns = |service: &&hearback_core::catalog::Service| {
            change.paths.as_slice().iter().any(|path| service.owns(repository, path.path.as_str()))
        };
        let owners = self.inputs.catalog.services.iter().filter(owns).map(|service| service.name.clone());
        change.services.iter().cloned().chain(owners).collect()
    }

    fn same_service(&self, a: &ServiceName, b: &ServiceName) -> bool {
        let known = |name: &ServiceName| self.inputs.catalog.find(name.as_str()).map(|service| &service.name);
        a.as_str().eq_ignore_ascii_case(b.as_str()) || known(a).is_some_and(|name| known(b) == Some(name))
    }
}

/// A deploy of git's own making: it names commits and moves nothing.
fn is_tag(change: &Change) -> bool {
    change.kind == ChangeKind::Deploy
        && change.environment.is_none()
        && change.id.as_str().starts_with("git:")
}

fn cite(sighted: &Sighted) -> Citation {
    Citation { change: Some(sighted.change.id.clone()), ..Citation::of(sighted.evidence) }
}
