//! An incident at three in the morning, told step by step, and what tests need of it: changes, answers, proposals.

use hearback_core::action::{
    Action, CallHook, Inverse, Outcome, Proposal, Receipt, Recovery, RecoveryCheck, RecoverySign,
    RevertCommit, Risk, RiskKind, Support,
};
use hearback_core::answer::{ANSWER_VERSION, ChangeSummary, Onset};
use hearback_core::approval::{Decided, Decision};
use hearback_core::change::{Author, Landed, Lines, Nature, Paths, Revert, Review};
use hearback_core::evidence::Citation;
use hearback_core::happening::{Addressee, Alert, Question};
use hearback_core::{
    Actor, Answer, Change, ChangeId, ChangeKind, ChannelId, Claim, Coverage, Digest, Draft, Entry,
    EvidenceId, ExternalText, Happening, Incident, IncidentId, MessageId, Origin, PathChange, ProposalId,
    Reason, ServiceName, Severity, SignalKind, SourceName, Strength, Suspect, Verdict, Window,
};
use hearback_engine::channel::speeches::{digest, speeches};
use jiff::{SignedDuration, Timestamp};

pub const CHANNEL: &str = "slack:T024BE7LD:C024BE91L";

/// So many minutes after three in the morning, when it is declared.
pub fn at(minute: i64) -> Timestamp {
    "2026-11-23T03:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)
}

pub fn id() -> IncidentId {
    IncidentId::numbered(17)
}

pub fn service(name: &str) -> ServiceName {
    ServiceName::new(name).unwrap()
}

pub fn person(name: &str) -> Actor {
    Actor::Person(name.into())
}

pub fn evidence(name: &str) -> EvidenceId {
    EvidenceId(Digest::of(name.as_bytes()))
}

pub fn claim(says: &str, of: &str) -> Claim {
    Claim::new(says, vec![Citation::of(evidence(of))]).unwrap()
}

pub fn message_id(name: &str) -> MessageId {
    MessageId::new(name).unwrap()
}

pub fn channel(name: &str) -> ChannelId {
    ChannelId::new(name).unwrap()
}

pub fn draft(minute: i64, by: Actor, what: Happening) -> Draft {
    Draft { happened_at: at(minute), known_at: at(minute), recorded_at: at(minute), by, what }
}

/// The entries of an incident so far.
#[derive(Clone)]
pub struct Story {
    pub entries: Vec<Entry>,
}

impl Story {
    /// Declared by Ana at minute 0, without a channel.
    pub fn declared() -> Self {
        let declared = Happening::Declared {
            title: "Checkout answers 500".into(),
            severity: Severity::Sev2,
            services: vec![service("checkout")],
            impact_since: None,
        };
        Story { entries: Vec::new() }.then(0, person("Ana"), declared)
    }

    /// The same, in a channel.
    pub fn in_channel() -> Self {
        let what = Happening::ChannelBound { channel: channel(CHANNEL), name: "#inc-17".into() };
        Story::declared().then(0, person("Ana"), what)
    }

    pub fn then(mut self, minute: i64, by: Actor, what: Happening) -> Self {
        let incident = self.entries.first().map_or_else(id, |entry| entry.incident.clone());
        let prev = self.entries.last().map(Entry::head);
        let entry = Entry::seal(&draft(minute, by, what), &incident, prev, [7; 16]).unwrap();
        self.entries.push(entry);
        self
    }

    pub fn hearback(self, minute: i64, what: Happening) -> Self {
        self.then(minute, Actor::hearback(), what)
    }

    /// Somebody asks in the channel, and has the answer a minute later.
    pub fn asked(self, minute: i64, message: Option<&str>, answer: Answer) -> Self {
        let asked = match message {
            Some(name) => self.said(minute, name, "what changed?", Addressee::Copilot),
            None => self,
        };
        asked
            .then(minute, person("Ana"), Happening::Asked(question(message)))
            .hearback(minute + 1, Happening::Answered(answer))
    }

    pub fn said(self, minute: i64, message: &str, text: &str, to: Addressee) -> Self {
        self.said_in(minute, message, None, text, to)
    }

    pub fn said_in(
        self,
        minute: i64,
        message: &str,
        thread: Option<&str>,
        text: &str,
        to: Addressee,
    ) -> Self {
        let what = Happening::Message {
            channel: CHANNEL.into(),
            text: text.into(),
            message: Some(message_id(message)),
            thread: thread.map(message_id),
            to,
        };
        self.then(minute, person("Ana"), what)
    }

    pub fn proposed(self, proposal: &Proposal) -> Self {
        self.hearback(4, Happening::Proposed(proposal.clone()))
    }

    pub fn decided(
        self,
        minute: i64,
        by: &str,
        of: &Proposal,
        verdict: Decided,
        why: &str,
        denied: Option<&str>,
    ) -> Self {
        let (proposal, digest) = (of.id.clone(), of.digest().unwrap());
        let decision = Decision { proposal, digest, verdict, why: why.into() };
        self.then(minute, person(by), Happening::Decided { decision, denied: denied.map(str::to_owned) })
    }

    /// Approved by Ana and begun.
    pub fn started(self, minute: i64, of: &Proposal) -> Self {
        let key = hearback_core::action::IdempotencyKey::of(&of.id, &of.digest().unwrap());
        let what = Happening::ActionStarted {
            proposal: of.id.clone(),
            key,
            by: vec!["Ana".into()],
            glass_broken: false,
        };
        self.decided(minute, "Ana", of, Decided::Approve, "", None).hearback(minute, what)
    }

    pub fn ended(self, minute: i64, of: &Proposal, outcome: Outcome) -> Self {
        self.hearback(minute, Happening::ActionFinished { proposal: of.id.clone(), outcome })
    }

    pub fn checked(self, minute: i64, of: &Proposal, recovery: Recovery, says: &str) -> Self {
        let because = claim(says, "graph after");
        self.hearback(minute, Happening::RecoveryChecked { proposal: of.id.clone(), recovery, because })
    }

    /// All that is called for stands in the channel, under ids made of the keys.
    pub fn spoken(mut self, minute: i64) -> Self {
        loop {
            let incident = self.incident();
            let calls = speeches(&incident, at(minute));
            let new = calls.iter().find(|message| !incident.spoken.contains_key(&message.key));
            let Some(message) = new else { return self };
            let what = Happening::Spoke {
                key: message.key.clone(),
                message: message_id(&message.key.replace(' ', "-")),
                digest: digest(message).unwrap(),
            };
            self = self.hearback(minute, what);
        }
    }

    pub fn incident(&self) -> Incident {
        let id = self.entries[0].incident.clone();
        Incident::as_of(id, &self.entries, Timestamp::MAX)
    }
}

pub fn question(message: Option<&str>) -> Question {
    Question {
        text: "what changed?".into(),
        symptom: ExternalText::default(),
        services: Vec::new(),
        window: Window::before(at(2), SignedDuration::from_hours(24)),
        onset: None,
        message: message.map(message_id),
        thread: None,
    }
}

/// A commit that took effect so many minutes after three (before, if negative).
pub fn commit(name: &str, minute: i64, title: &str, paths: &[&str]) -> Change {
    let path = |path: &&str| PathChange {
        path: (*path).into(),
        lines: Lines::Counted { added: 5, deleted: 2 },
        moved_from: None,
    };
    let sha = format!("{name:0<40}");
    Change {
        id: ChangeId::commit("shop", &sha).unwrap(),
        kind: ChangeKind::Commit,
        source: SourceName::new("git:shop").unwrap(),
        services: vec![],
        environment: None,
        delivers: vec![],
        rollout: None,
        committed_at: at(minute),
        effective_at: at(minute),
        landed: Landed::Yes,
        author: Author { name: "Bo Berg".into(), email: None, nature: Nature::Person },
        title: title.into(),
        body: "".into(),
        paths: Paths::Known(paths.iter().map(path).collect()),
        revert: Revert::default(),
        review: Review::default(),
        link: Some(format!("https://github.com/acme/shop/commit/{sha}")),
    }
}

pub fn summary(change: &Change) -> ChangeSummary {
    ChangeSummary {
        id: change.id.clone(),
        sha: change.id.sha().map(str::to_owned),
        kind: change.kind,
        title: change.title.clone(),
        author: change.author.name.clone(),
        committed_at: change.committed_at,
        effective_at: change.effective_at,
        link: change.link.clone(),
    }
}

pub fn reason(feature: &str, points: f64, says: &str) -> Reason {
    Reason {
        feature: feature.into(),
        points,
        stands_out: points,
        parts: vec![],
        claim: claim(says, "changes of shop"),
    }
}

pub fn suspect(rank: u32, change: &Change, strength: Strength, reasons: Vec<Reason>) -> Suspect {
    Suspect {
        rank,
        change: summary(change),
        delivered_by: None,
        strength,
        confidence: None,
        score: 4.0 - f64::from(rank),
        reasons,
    }
}

pub fn rounding() -> Change {
    commit("3f2a91c5d0", -12, "Round cart totals <half> up", &["cart/totals.go"])
}

pub fn bump() -> Change {
    commit("77aa10cc4f", -95, "Bump the HTTP client to 5.2", &["go.mod", "go.sum"])
}

/// When the errors began.
pub fn onset() -> Onset {
    Onset {
        earliest: at(-3),
        latest: at(-2),
        because: claim("checkout: errors 0.2 → 14 at 02:58Z, plateau since", "graph"),
    }
}

/// Two suspects, the first one strong.
pub fn look_here() -> Answer {
    let reasons = vec![
        reason("named_file", 2.1, "touches cart/totals.go, which the symptom names"),
        reason("service", 0.9, "concerns checkout"),
        reason("recency", 0.8, "took effect 10 min before the onset"),
    ];
    let small = vec![reason("words", 0.4, "shares \"timeout\" with the symptom")];
    Answer {
        schema_version: ANSWER_VERSION,
        verdict: Verdict::LookHere,
        as_of: at(2),
        since: at(2 - 24 * 60),
        onset: Some(onset()),
        analysis: None,
        findings: vec![],
        considered: 41,
        suspects: vec![
            suspect(1, &rounding(), Strength::Strong, reasons),
            suspect(2, &bump(), Strength::Weak, small),
        ],
        none_of_these: None,
        calibrated_on: None,
        ruled_out: vec![],
        unauthorised: vec![],
        similar: vec![],
        experts: vec![],
        runbook: None,
        gaps: vec![],
        searched: vec![Coverage::complete(SourceName::new("git:shop").unwrap(), "41 commits on main")],
    }
}

pub fn revert_of(commit: &str, number: u32) -> Action {
    Action::RevertCommit(RevertCommit {
        repository: "shop".into(),
        commit: format!("{commit:0<40}"),
        branch: "main".into(),
        push_to: format!("hearback/INC-17.P{number}"),
        expected: Digest::of(b"files"),
    })
}

pub fn hook(from: &str, to: &str) -> Action {
    Action::CallHook(CallHook {
        hook: "deploys".into(),
        service: service("checkout"),
        environment: "production".into(),
        from: from.into(),
        to: to.into(),
    })
}

pub fn sign() -> RecoverySign {
    RecoverySign::Signal {
        service: service("checkout"),
        signal: SignalKind::Errors,
        labels: Default::default(),
        usual: 0.2,
        spread: 0.1,
        now: 14.0,
    }
}

/// To revert the rounding.
pub fn revert() -> Proposal {
    Proposal {
        id: ProposalId::numbered(&id(), 1),
        action: revert_of("3f2a91c5d0", 1),
        services: vec![service("checkout")],
        environment: Some("production".into()),
        why: claim(
            "3f2a91c5d0 \"Round cart totals <half> up\" took effect 10 min before the onset (checkout: errors 0.2 → 14 \
             at 02:58Z, plateau since); touches cart/totals.go, which the symptom names",
            "changes of shop",
        ),
        because: vec![Support { evidence: evidence("changes of shop"), origin: Origin::Member }],
        risks: vec![],
        inverse: Inverse::KnownWhenDone { says: "delete the branch".into() },
        check: Some(RecoveryCheck { sign: sign(), within: SignedDuration::from_mins(15) }),
        asked_by: Actor::hearback(),
        proposed_at: at(4),
        expires_at: at(34),
    }
}

/// To bring the version before back.
pub fn rollback() -> Proposal {
    Proposal {
        action: hook("v42", "v41"),
        inverse: Inverse::Action(Box::new(hook("v41", "v42"))),
        why: claim(
            "deploy:ci:99 \"checkout v42\" took effect 10 min before the onset (checkout: errors 0.2 → 14 at 02:58Z, \
             plateau since)",
            "changes of shop",
        ),
        ..revert()
    }
}

pub fn risk(kind: RiskKind, says: &str) -> Risk {
    Risk { kind, says: says.into() }
}

pub fn receipt(says: &str) -> Receipt {
    Receipt { says: says.into(), link: None, inverse: None, made: None }
}

pub fn alert(fingerprint: &str, minute: i64) -> Alert {
    Alert {
        fingerprint: fingerprint.into(),
        name: "CheckoutFailing".into(),
        service: Some(service("checkout")),
        summary: "More than 5 % of requests fail".into(),
        started_at: at(minute),
        link: None,
        runbook: None,
        level: None,
    }
}
