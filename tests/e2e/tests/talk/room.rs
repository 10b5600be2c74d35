//! An incident in a record, with a channel, an answer and a proposal.

use std::sync::Arc;

use hearback_core::action::{
    Action, Inverse, Outcome, Proposal, Receipt, Recovery, RecoveryCheck, RecoverySign, RevertCommit, Risk,
    RiskKind, Support,
};
use hearback_core::answer::{
    ANSWER_VERSION, Answer, ChangeSummary, Claim, Onset, Reason, Strength, Suspect, Verdict,
};
use hearback_core::approval::{Decided, Decision};
use hearback_core::change::ChangeKind;
use hearback_core::entry::{Actor, Draft};
use hearback_core::evidence::{Citation, Coverage, Gap, Origin};
use hearback_core::happening::Question;
use hearback_core::ports::Expect;
use hearback_core::{
    ChangeId, ChannelId, Digest, EvidenceId, Happening, Incident, IncidentId, MessageId, ProposalId,
    ServiceName, Severity, SignalKind, SourceName, Window,
};
use hearback_engine::incidents::load;
use hearback_record::{Record, RecordUrl};
use jiff::{SignedDuration, Timestamp};

pub const CHANNEL: &str = "slack:T1:C1";

pub fn at(minutes: i64) -> Timestamp {
    "2026-11-26T03:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
}

pub struct Room {
    _folder: tempfile::TempDir,
    pub url: RecordUrl,
    pub record: Arc<dyn Record>,
    pub id: IncidentId,
}

impl Room {
    /// An incident that was declared, with its channel.
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url: RecordUrl = folder.path().join("record.sqlite").to_str().unwrap().parse().unwrap();
        let record = hearback_record::open(&url).await.unwrap();
        let room = Room { _folder: folder, url, record, id: IncidentId::numbered(3) };
        let declared = Happening::Declared {
            title: "Checkout answers <b>500</b>".into(),
            severity: Severity::Sev2,
            services: vec![ServiceName::new("checkout").unwrap()],
            impact_since: None,
        };
        room.happens(0, declared).await;
        let channel = ChannelId::new(CHANNEL).unwrap();
        room.happens(0, Happening::ChannelBound { channel, name: "#inc-3".into() }).await;
        room
    }

    pub async fn happens(&self, minute: i64, what: Happening) {
        self.happens_by(minute, Actor::hearback(), what).await;
    }

    pub async fn happens_by(&self, minute: i64, by: Actor, what: Happening) {
        let now = at(minute);
        let draft = Draft { happened_at: now, known_at: now, recorded_at: now, by, what };
        self.record.append(&self.id, Expect::Any, vec![draft]).await.unwrap();
    }

    pub async fn incident(&self) -> Incident {
        let (entries, _) = load(self.record.as_ref(), &self.id).await.unwrap();
        Incident::as_of(self.id.clone(), &entries, Timestamp::MAX)
    }

    /// Somebody asks, and is answered.
    pub async fn answered(&self, message: Option<&str>, answer: Answer) {
        let question = Question {
            text: "what changed?".into(),
            symptom: "".into(),
            services: vec![],
            window: Window { from: at(-1440), until: at(1) },
            onset: None,
            message: message.map(|id| MessageId::new(id).unwrap()),
            thread: None,
        };
        self.happens(1, Happening::Asked(question)).await;
        self.happens(1, Happening::Answered(answer)).await;
    }

    pub async fn decided(&self, minute: i64, by: &str, verdict: Decided, why: &str, denied: Option<&str>) {
        let proposal = proposal(&self.id);
        let digest = proposal.digest().unwrap();
        let decision = Decision { proposal: proposal.id, digest, verdict, why: why.into() };
        let what = Happening::Decided { decision, denied: denied.map(str::to_owned) };
        self.happens_by(minute, Actor::Person(by.into()), what).await;
    }

    pub async fn started(&self, minute: i64) {
        let proposal = proposal(&self.id);
        let digest = proposal.digest().unwrap();
        let key = hearback_core::action::IdempotencyKey::of(&proposal.id, &digest);
        let by = vec!["Ana".to_owned()];
        self.happens(
            minute,
            Happening::ActionStarted { proposal: proposal.id, key, by, glass_broken: false },
        )
        .await;
    }

    pub async fn finished(&self, minute: i64, outcome: Outcome) {
        let id = ProposalId::numbered(&self.id, 1);
        self.happens(minute, Happening::ActionFinished { proposal: id, outcome }).await;
    }

    pub async fn looked(&self, minute: i64, recovery: Recovery, says: &str) {
        let because = Claim::new(says, vec![cited()]).unwrap();
        let proposal = ProposalId::numbered(&self.id, 1);
        self.happens(minute, Happening::RecoveryChecked { proposal, recovery, because }).await;
    }
}

pub fn cited() -> Citation {
    Citation::of(EvidenceId(Digest::of(b"series")))
}

pub fn claim(says: &str) -> Claim {
    Claim::new(says, vec![cited()]).unwrap()
}

pub fn done() -> Outcome {
    Outcome::Done(Receipt {
        says: "reverted 3f2a91c0aa on main of shop with 77aa01b2c3, and pushed it to origin".into(),
        link: Some("https://git.example/shop/commit/77aa01b2c3".into()),
        inverse: None,
        made: None,
    })
}

pub fn suspect(rank: u32, sha: &str, title: &str, strength: Strength) -> Suspect {
    Suspect {
        rank,
        change: ChangeSummary {
            id: ChangeId::commit("shop", sha).unwrap(),
            sha: Some(sha.to_owned()),
            kind: ChangeKind::Commit,
            title: title.into(),
            author: "Bob".into(),
            committed_at: at(-20),
            effective_at: at(-12),
            link: Some(format!("https://git.example/shop/commit/{sha}")),
        },
        delivered_by: None,
        strength,
        confidence: None,
        score: 1.0,
        reasons: vec![Reason {
            feature: "service".into(),
            points: 1.5,
            stands_out: 1.5,
            parts: vec![],
            claim: claim("concerns checkout"),
        }],
    }
}

pub fn answer(verdict: Verdict, suspects: Vec<Suspect>) -> Answer {
    Answer {
        schema_version: ANSWER_VERSION,
        verdict,
        as_of: at(1),
        since: at(-1439),
        onset: Some(Onset {
            earliest: at(-1),
            latest: at(0),
            because: claim("checkout: errors 0.2 → 14 at 03:00Z"),
        }),
        analysis: None,
        findings: vec![],
        considered: suspects.len() as u64,
        suspects,
        none_of_these: None,
        calibrated_on: None,
        ruled_out: vec![],
        unauthorised: vec![],
        similar: vec![],
        experts: vec![],
        runbook: None,
        gaps: vec![Gap {
            source: SourceName::new("github:shop").unwrap(),
            why: "no answer within 1.1 s".into(),
        }],
        searched: vec![Coverage::complete(SourceName::new("git:shop").unwrap(), "2 commits on main")],
    }
}

pub fn two_suspects() -> Answer {
    let first =
        suspect(1, "3f2a91c0aa3f2a91c0aa3f2a91c0aa3f2a91c0aa", "Round totals `<!channel>`", Strength::Strong);
    let second = suspect(2, "88bb91c0aa3f2a91c0aa3f2a91c0aa3f2a91c0aa", "More synonyms", Strength::Weak);
    answer(Verdict::LookHere, vec![first, second])
}

pub fn proposal(incident: &IncidentId) -> Proposal {
    let checkout = ServiceName::new("checkout").unwrap();
    Proposal {
        id: ProposalId::numbered(incident, 1),
        action: Action::RevertCommit(RevertCommit {
            repository: "shop".into(),
            commit: "3f2a91c0aa3f2a91c0aa3f2a91c0aa3f2a91c0aa".into(),
            branch: "main".into(),
            push_to: "hearback/INC-3.P1".into(),
            expected: Digest::of(b"files"),
        }),
        services: vec![checkout.clone()],
        environment: None,
        why: claim(
            "3f2a91c0aa \"Round totals\" took effect 12 min before the onset (checkout: errors 0.2 → 14 at 03:00Z)",
        ),
        because: vec![Support { evidence: cited().evidence, origin: Origin::System }],
        risks: vec![Risk {
            kind: RiskKind::OtherChanges,
            says: "2 later commits touch the same files and may build on it: aa, bb".into(),
        }],
        inverse: Inverse::KnownWhenDone { says: "delete the branch".into() },
        check: Some(RecoveryCheck {
            sign: RecoverySign::Signal {
                service: checkout,
                signal: SignalKind::Errors,
                labels: Default::default(),
                usual: 0.2,
                spread: 0.1,
                now: 14.0,
            },
            within: SignedDuration::from_mins(30),
        }),
        asked_by: Actor::hearback(),
        proposed_at: at(1),
        expires_at: at(61),
    }
}
