//! An incident with proposals, in a record that many incidents share, and the people around it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use hearback_core::action::{Inverse, Proposal, Support};
use hearback_core::answer::Claim;
use hearback_core::approval::{ApprovalPolicy, Decided, Decision};
use hearback_core::entry::{Actor, Draft, Entry};
use hearback_core::evidence::{Citation, Origin};
use hearback_core::ports::Expect;
use hearback_core::target::{Limits, Step};
use hearback_core::{
    Digest, EvidenceId, Happening, Incident, IncidentId, ProposalId, ServiceName, Severity, Target,
};
use hearback_engine::incidents::load;
use hearback_record::Record;
use jiff::{SignedDuration, Timestamp};

use crate::deployer::{Deployer, Ending, Sight, action};
use crate::process::{Mishap, Process};

pub fn at(minutes: i64) -> Timestamp {
    "2026-11-26T03:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
}

fn draft(what: Happening) -> Draft {
    Draft { happened_at: at(0), known_at: at(0), recorded_at: at(0), by: Actor::hearback(), what }
}

/// What somebody else writes in between.
pub fn note() -> Draft {
    draft(Happening::note("cli", "the checkout is slow again"))
}

/// Who may approve, and how much may be done.
pub struct Rules {
    pub policy: ApprovalPolicy,
    pub limits: Limits,
}

impl Rules {
    /// Ana and Ben approve, so many of them are needed; Cleo may break the glass.
    pub fn new(approvals: u32, limits: Limits) -> Arc<Rules> {
        let policy = format!(
            r#"{{"person": [{{"name": "Ana", "groups": ["sre"]}}, {{"name": "Ben", "groups": ["sre"]}},
                            {{"name": "Cleo", "groups": ["leads"]}}, {{"name": "Dora"}}],
                "rule": [{{"actions": ["call_hook"], "groups": ["sre"], "approvals": {approvals},
                           "break_glass": ["leads"]}}]}}"#
        );
        Arc::new(Rules { policy: serde_json::from_str(&policy).unwrap(), limits })
    }
}

/// An incident and all that belongs to it.
pub struct Room {
    pub record: Arc<dyn Record>,
    pub incident: IncidentId,
    pub deployer: Arc<Deployer>,
    pub rules: Arc<Rules>,
    pub proposals: Vec<Proposal>,
    /// The keys of the notices that people were told.
    told: Mutex<Vec<String>>,
}

impl Room {
    /// Incident `number`, with a proposal for each of `targets`, by name, which ends as it says there.
    pub async fn new(
        record: &Arc<dyn Record>,
        number: u64,
        targets: &[(&str, Ending)],
        sight: Sight,
        rules: Arc<Rules>,
    ) -> Room {
        let incident = IncidentId::numbered(number);
        // A target of the same name in another incident is another one.
        let proposals: Vec<Proposal> = (1..)
            .zip(targets)
            .map(|(of, (target, _))| proposal(&incident, of, &format!("{target}-{number}")))
            .collect();
        let declared = Happening::Declared {
            title: "Carts are empty".into(),
            severity: Severity::Sev2,
            services: vec![],
            impact_since: None,
        };
        let proposed = proposals.iter().cloned().map(Happening::Proposed);
        let drafts = [declared].into_iter().chain(proposed).map(draft).collect();
        record.append(&incident, Expect::Head(None), drafts).await.unwrap();
        let endings = proposals.iter().zip(targets).map(|(p, (_, ending))| (p.id.clone(), *ending)).collect();
        let deployer = Deployer::new(record, endings, sight);
        Room { record: record.clone(), incident, deployer, rules, proposals, told: Mutex::default() }
    }

    /// A run of the program over a connection of its own.
    pub fn process(&self, runner: &str, record: &Arc<dyn Record>, mishap: Option<Mishap>) -> Arc<Process> {
        Process::start(runner, record, &self.deployer, &self.rules, mishap)
    }

    /// What somebody decides about a proposal as it is stored.
    pub fn says(&self, proposal: usize, verdict: Decided) -> Decision {
        let stored = &self.proposals[proposal];
        let digest = stored.digest().unwrap();
        Decision { proposal: stored.id.clone(), digest, verdict, why: "revenue is at zero".into() }
    }

    pub async fn entries(&self) -> Vec<Entry> {
        load(self.record.as_ref(), &self.incident).await.unwrap().0
    }

    pub async fn folded(&self) -> Incident {
        Incident::as_of(self.incident.clone(), &self.entries().await, Timestamp::MAX)
    }

    /// The worker tells people what waits.
    pub async fn tell(&self, now: Timestamp) {
        let of_here = |key: &str| {
            let id = key.split_once(' ').map(|(_, id)| ProposalId::new(id).unwrap());
            id.and_then(|id| id.incident()).as_ref() == Some(&self.incident)
        };
        for notice in self.record.untold_notices(usize::MAX).await.unwrap() {
            if of_here(&notice.key) && self.record.mark_told(&notice.key, now).await.unwrap() {
                self.told.lock().unwrap().push(notice.key);
            }
        }
    }

    /// How often people were told each thing.
    pub fn told(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for key in self.told.lock().unwrap().iter() {
            *counts.entry(key.clone()).or_default() += 1;
        }
        counts
    }

    /// A person has looked at a target.
    pub async fn reset(&self, target: &Target, now: Timestamp) {
        self.record.step_target(target, &Step::Reset, now).await.unwrap().unwrap();
    }
}

fn proposal(incident: &IncidentId, number: u32, target: &str) -> Proposal {
    let evidence = EvidenceId(Digest::of(b"series"));
    Proposal {
        id: ProposalId::numbered(incident, number),
        action: action(number, target),
        services: vec![ServiceName::new("cart").unwrap()],
        environment: Some(target.to_owned()),
        why: Claim::new("errors rose 2 min after v12", vec![Citation::of(evidence)]).unwrap(),
        because: vec![Support { evidence, origin: Origin::System }],
        risks: vec![],
        inverse: Inverse::KnownWhenDone { says: "bring v12 back".into() },
        check: None,
        asked_by: Actor::hearback(),
        proposed_at: at(0),
        expires_at: at(600),
    }
}
