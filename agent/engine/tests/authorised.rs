//! What was not authorised: inside a freeze, or without what the policy asks for; and how an answer says so.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop anywhere")]

use std::collections::BTreeMap;

use hearback_core::answer::{ANSWER_VERSION, RuledOut};
use hearback_core::catalog::Service;
use hearback_core::change::{
    Author, Landed, Lines, Nature, PathChange, Paths, Revert, RevertedBy, Review, Says,
};
use hearback_core::freeze::Freeze;
use hearback_core::{
    Answer, Catalog, Change, ChangeId, ChangeKind, Coverage, Digest, EvidenceId, Fetched, Gap, ServiceName,
    SourceName, Verdict, Window,
};
use hearback_engine::analysts::authorised::{
    AuthorisationPolicy, Breach, Inputs, Judged, SightedFreeze, flagged, judge,
};
use hearback_engine::analysts::suspects::{self, Lineup, Ranking};
use hearback_engine::gather::Sighted;
use hearback_engine::ranker::Ranker;
use hearback_engine::render::{self, TOP};
use hearback_engine::scope::Scope;
use jiff::{SignedDuration, Timestamp};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const BEFORE: &str = "2026-11-20T12:00:00Z";
const INSIDE: &str = "2026-11-21T12:00:00Z";
const AFTER: &str = "2026-11-23T09:00:00Z";

fn change(id: &str, kind: ChangeKind, when: &str) -> Change {
    Change {
        id: ChangeId::new(id).unwrap(),
        kind,
        source: SourceName::new(if kind == ChangeKind::Commit { "git:shop" } else { "sent:cd" }).unwrap(),
        services: vec![],
        environment: None,
        delivers: vec![],
        rollout: None,
        committed_at: at(when),
        effective_at: at(when),
        landed: Landed::Yes,
        author: Author { name: "Ana Ruiz".into(), email: None, nature: Nature::Person },
        title: "x".into(),
        body: "".into(),
        paths: Paths::Known(vec![]),
        revert: Revert::default(),
        review: Review::Unknown,
        link: None,
    }
}

fn commit(name: &str, when: &str) -> Change {
    let path = PathChange {
        path: "services/checkout/main.go".into(),
        lines: Lines::Counted { added: 3, deleted: 1 },
        moved_from: None,
    };
    let id = format!("git:shop:{name:0<40}");
    Change { paths: Paths::Known(vec![path]), ..change(&id, ChangeKind::Commit, when) }
}

fn deploy(name: &str, when: &str, delivers: &[&Change]) -> Change {
    Change {
        services: vec![ServiceName::new("checkout").unwrap()],
        environment: Some("production".into()),
        delivers: delivers.iter().map(|change| change.id.clone()).collect(),
        ..change(&format!("deploy:cd:{name}"), ChangeKind::Deploy, when)
    }
}

fn going_back(change: Change) -> Change {
    Change { revert: Revert { says: Says::Reverts, ..Revert::default() }, ..change }
}

fn evidence(of: &str) -> EvidenceId {
    EvidenceId(Digest::of(of.as_bytes()))
}

fn sighted(changes: Vec<Change>) -> Vec<Sighted> {
    changes.into_iter().map(|change| Sighted { evidence: evidence(change.id.as_str()), change }).collect()
}

fn weekend() -> Freeze {
    Freeze {
        name: "weekend".into(),
        window: Window { from: at("2026-11-20T15:00:00Z"), until: at("2026-11-23T07:00:00Z") },
        services: vec![],
        environments: vec![],
    }
}

fn catalog() -> Catalog {
    let checkout = Service {
        aliases: vec!["checkoutservice".into()],
        paths: vec!["services/checkout/".into()],
        tier: Some(1),
        ..Service::named(ServiceName::new("checkout").unwrap())
    };
    Catalog { services: vec![checkout] }
}

fn policy(text: &str) -> AuthorisationPolicy {
    toml::from_str(text).unwrap()
}

fn judged(
    changes: &[Sighted],
    freeze: Option<Freeze>,
    policy: &AuthorisationPolicy,
) -> BTreeMap<ChangeId, Judged> {
    let coverage = Coverage::complete(SourceName::new("freezes:configuration").unwrap(), "1 freeze");
    let fetched = Fetched { items: freeze.into_iter().collect(), coverage };
    let freezes = SightedFreeze::all(&fetched, evidence("freezes"));
    judge(&Inputs { changes, freezes: &freezes, policy, catalog: &catalog() })
}

/// What is said of every change with a breach, by the id's last part.
fn breaches(judged: &BTreeMap<ChangeId, Judged>) -> Vec<String> {
    let short = |id: &ChangeId| id.as_str().rsplit(':').next().unwrap().trim_end_matches('0').to_owned();
    let of = |(id, judged): (&ChangeId, &Judged)| {
        judged
            .breaches
            .iter()
            .map(|breach| format!("{} {}", short(id), breach.because().says()))
            .collect::<Vec<_>>()
    };
    judged.iter().flat_map(of).collect()
}

#[test]
fn a_change_inside_a_freeze_that_holds_for_it_is_a_breach() {
    let check = |change: Change, freeze: Freeze, expect: bool| {
        let found =
            judged(&sighted(vec![change.clone()]), Some(freeze.clone()), &AuthorisationPolicy::default());
        assert_eq!(!breaches(&found).is_empty(), expect, "{change:?} {freeze:?}");
    };
    let of = |services: &[&str], environments: &[&str]| Freeze {
        services: services.iter().map(|name| ServiceName::new(*name).unwrap()).collect(),
        environments: environments.iter().map(|name| (*name).to_owned()).collect(),
        ..weekend()
    };
    check(deploy("1", INSIDE, &[]), weekend(), true);
    check(deploy("1", "2026-11-20T15:00:00Z", &[]), weekend(), true);
    check(deploy("1", "2026-11-23T07:00:00Z", &[]), weekend(), false);
    check(deploy("1", BEFORE, &[]), weekend(), false);
    check(deploy("1", INSIDE, &[]), of(&["checkoutservice"], &["PROD"]), true);
    check(deploy("1", INSIDE, &[]), of(&["cart"], &[]), false);
    check(deploy("1", INSIDE, &[]), of(&[], &["staging"]), false);
    check(change("config:x:1", ChangeKind::Config, INSIDE), weekend(), true);
    check(change("config:x:1", ChangeKind::Config, INSIDE), of(&[], &["production"]), false);
    // These happen by themselves.
    check(change("certificate:x:1", ChangeKind::Certificate, INSIDE), weekend(), false);
    check(change("schedule:x:1", ChangeKind::Schedule, INSIDE), weekend(), false);
    // A tag of git moves nothing.
    check(change("git:shop:tag:v1", ChangeKind::Deploy, INSIDE), weekend(), false);
    check(Change { landed: Landed::NotYet, ..deploy("1", INSIDE, &[]) }, weekend(), false);
}

#[test]
fn a_commit_breaks_a_freeze_when_it_is_rolled_out_not_when_it_is_merged() {
    let check = |changes: Vec<Change>, text: &str, expect: &[&str]| {
        let found = judged(&sighted(changes), Some(weekend()), &policy(text));
        assert_eq!(breaches(&found), expect, "{text}");
    };
    let (early, merged) = (commit("a", BEFORE), commit("b", INSIDE));
    let rolled_out =
        "rolled out at 2026-11-21 12:00:00Z, inside the freeze \"weekend\" (until 2026-11-23 07:00:00Z)";
    let took_effect =
        "took effect at 2026-11-21 12:00:00Z, inside the freeze \"weekend\" (until 2026-11-23 07:00:00Z)";
    // Written before the freeze and rolled out inside it: a breach of the rollout and of what it brings.
    check(
        vec![early.clone(), deploy("1", INSIDE, &[&early])],
        "",
        &[&format!("1 {took_effect}"), &format!("a {rolled_out}")],
    );
    // Merged inside and rolled out after it: the freeze was kept.
    check(vec![merged.clone(), deploy("1", AFTER, &[&merged])], "", &[]);
    check(vec![merged.clone(), deploy("1", AFTER, &[&merged])], "commits = \"merged\"", &[]);
    // No rollout on record: only where the main branch is what runs.
    check(vec![merged.clone()], "", &[]);
    check(vec![merged.clone()], "commits = \"merged\"", &[&format!("b {took_effect}")]);
    // Rolled out to staging inside the freeze and to production after it.
    let staging = Change { environment: Some("staging".into()), ..deploy("s", INSIDE, &[&merged]) };
    let found = judged(
        &sighted(vec![merged.clone(), staging, deploy("1", AFTER, &[&merged])]),
        Some(Freeze { environments: vec!["production".into()], ..weekend() }),
        &AuthorisationPolicy::default(),
    );
    assert_eq!(breaches(&found), Vec::<String>::new());
}

#[test]
fn going_back_inside_a_freeze_is_allowed_and_said() {
    let reverting = going_back(commit("a", INSIDE));
    let again = commit("b", BEFORE);
    let by_source = Change {
        revert: Revert { reverts: vec![ChangeId::new("deploy:cd:0").unwrap()], ..Revert::default() },
        ..deploy("2", INSIDE, &[&again])
    };
    let cases = [
        vec![going_back(deploy("1", INSIDE, &[]))],
        vec![reverting.clone(), deploy("1", INSIDE, &[&reverting])],
        // What a rollback brings again is not to blame for it.
        vec![again.clone(), by_source],
    ];
    for changes in cases {
        let count = changes.len();
        let changes = sighted(changes);
        let found = judged(&changes, Some(weekend()), &AuthorisationPolicy::default());
        assert_eq!(breaches(&found), Vec::<String>::new());
        assert_eq!(found.len(), count);
        for judged in found.values() {
            let says = judged.allowed[0].says();
            assert!(says.starts_with("goes back to what worked, which is allowed: "), "{says}");
        }
        let strict = judged_strictly(&changes);
        assert_eq!(breaches(&strict).len(), count, "{strict:?}");
    }
    // One commit of the rollout is no revert.
    let other = commit("c", INSIDE);
    let mixed = sighted(vec![reverting.clone(), other.clone(), deploy("1", INSIDE, &[&reverting, &other])]);
    let found = judged(&mixed, Some(weekend()), &AuthorisationPolicy::default());
    assert_eq!(breaches(&found).len(), 2, "the rollout and the other commit: {found:?}");
}

fn judged_strictly(changes: &[Sighted]) -> BTreeMap<ChangeId, Judged> {
    judged(changes, Some(weekend()), &policy("reverts = \"count\""))
}

#[test]
fn the_policy_says_which_changes_need_a_review_or_a_deploy_record() {
    const ASKS: &str = "[[require]]\nkinds = [\"commit\", \"config\"]\n";
    let check = |changes: Vec<Change>, text: &str, expect: &[&str]| {
        let found = judged(&sighted(changes.clone()), None, &policy(text));
        assert_eq!(breaches(&found), expect, "{text} {changes:?}");
    };
    let reviewed = |review, change: Change| Change { review, ..change };
    let lonely = reviewed(Review::Missing, commit("a", INSIDE));
    let merge = |review| Change {
        delivers: vec![lonely.id.clone()],
        paths: Paths::Known(vec![]),
        review,
        ..commit("m", INSIDE)
    };
    let nobody = "a nobody approved it, and no deploy record delivers it";
    check(vec![lonely.clone()], "", &[]);
    check(vec![lonely.clone()], ASKS, &[nobody]);
    check(vec![reviewed(Review::Approved, lonely.clone())], ASKS, &[]);
    check(vec![lonely.clone(), merge(Review::Approved)], ASKS, &[]);
    check(
        vec![lonely.clone(), merge(Review::Missing)],
        ASKS,
        &[nobody, "m nobody approved it, and no deploy record delivers it"],
    );
    check(vec![lonely.clone(), deploy("1", AFTER, &[&lonely])], ASKS, &[]);
    // A tag is no deploy record.
    let tag =
        Change { delivers: vec![lonely.id.clone()], ..change("git:shop:tag:v1", ChangeKind::Deploy, AFTER) };
    check(vec![lonely.clone(), tag], ASKS, &[nobody]);
    check(vec![going_back(lonely.clone())], ASKS, &[]);
    check(vec![Change { landed: Landed::NotYet, ..lonely.clone() }], ASKS, &[]);
    // No source knows of reviews: nothing, unless the policy says otherwise.
    let unknown = reviewed(Review::Unknown, commit("a", INSIDE));
    check(vec![unknown.clone()], ASKS, &[]);
    check(
        vec![unknown.clone()],
        &format!("unknown = \"breach\"\n{ASKS}"),
        &["a no source knows an approval of it, and no deploy record delivers it"],
    );
    let edit = Change {
        environment: Some("prod".into()),
        services: vec![ServiceName::new("checkoutservice").unwrap()],
        ..reviewed(Review::Missing, change("config:x:7", ChangeKind::Config, INSIDE))
    };
    let edited = "7 nobody approved it, and no deploy record delivers it";
    for (rule, expect) in [
        ("kinds = [\"flag\"]", vec![]),
        ("environments = [\"production\"]", vec![edited]),
        ("environments = [\"staging\"]", vec![]),
        ("services = [\"checkout\"]", vec![edited]),
        ("services = [\"cart\"]", vec![]),
        ("tiers = [1, 2]", vec![edited]),
        ("tiers = [3]", vec![]),
        (
            "kinds = [\"config\"]\nenvironments = [\"production\"]\nservices = [\"checkout\"]\ntiers = [1]",
            vec![edited],
        ),
    ] {
        check(vec![edit.clone()], &format!("[[require]]\n{rule}\n"), &expect);
    }
    // A commit's service is that of its paths.
    check(vec![lonely], "[[require]]\ntiers = [1]\n", &[nobody]);
}

#[test]
fn mistakes_in_the_policy_are_named() {
    for (text, expect) in [
        ("revert = \"count\"", "unknown field `revert`"),
        ("reverts = \"never\"", "unknown variant `never`"),
        ("[[require]]\nkind = [\"commit\"]", "unknown field `kind`"),
        ("[[require]]\ntiers = [300]", "invalid value"),
    ] {
        let error = toml::from_str::<AuthorisationPolicy>(text).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    }
    assert_eq!(policy(""), AuthorisationPolicy::default());
}

#[test]
fn every_breach_cites_the_freeze_the_change_and_the_rollout() {
    let brought = commit("a", BEFORE);
    let changes = sighted(vec![brought.clone(), deploy("1", INSIDE, &[&brought])]);
    let found = judged(&changes, Some(weekend()), &AuthorisationPolicy::default());
    let breach = &found[&brought.id].breaches[0];
    let cited: Vec<EvidenceId> =
        breach.because().citations().iter().map(|citation| citation.evidence).collect();
    assert_eq!(cited, [evidence("freezes"), evidence(brought.id.as_str()), evidence("deploy:cd:1")]);
    assert!(matches!(breach, Breach::InFreeze { through: Some(id), .. } if id.as_str() == "deploy:cd:1"));
    // The answer names the rollout, not everything it brought.
    let named = flagged(&changes, &found);
    assert_eq!(named.len(), 1);
    assert_eq!(named[0].change.id.as_str(), "deploy:cd:1");
}

fn ranked(changes: &[Sighted], judged: &BTreeMap<ChangeId, Judged>) -> (Ranking, Vec<RuledOut>) {
    let ranker = Ranker::parse(include_str!("../../../config/ranker.toml")).unwrap();
    let (catalog, scope) = (catalog(), Scope::default());
    let lineup = Lineup::new(suspects::Inputs {
        ranker: &ranker,
        catalog: &catalog,
        scope: &scope,
        onset: None,
        window: Window::before(at("2026-11-23T12:00:00Z"), SignedDuration::from_hours(96)),
        changes,
        judged,
    });
    (lineup.rank(&BTreeMap::new(), None), lineup.ruled_out)
}

#[test]
fn what_was_not_authorised_ranks_higher_and_says_why() {
    let plain = change("config:x:1", ChangeKind::Config, INSIDE);
    let frozen = change("config:x:2", ChangeKind::Config, INSIDE);
    let changes = sighted(vec![plain, frozen.clone()]);
    let only_second = sighted(vec![frozen.clone()]);
    let found = judged(&only_second, Some(weekend()), &policy("unknown = \"breach\"\n[[require]]\n"));
    let (before, _) = ranked(&changes, &BTreeMap::new());
    assert_eq!(before.suspects[0].change.id.as_str(), "config:x:1");
    let (after, _) = ranked(&changes, &found);
    assert_eq!(after.suspects[0].change.id, frozen.id);
    let kinds: Vec<(&str, bool)> = after.suspects[0]
        .reasons
        .iter()
        .map(|reason| (reason.feature.as_str(), reason.points > 0.0))
        .collect();
    assert!(kinds.contains(&("in_freeze", true)) && kinds.contains(&("unauthorised", true)), "{kinds:?}");
    // What is allowed counts nothing and is said.
    let back = sighted(vec![going_back(frozen)]);
    let allowed = judged(&back, Some(weekend()), &AuthorisationPolicy::default());
    let reasons = ranked(&back, &allowed).0.suspects.remove(0).reasons;
    let said = reasons.iter().find(|reason| reason.feature == "in_freeze").unwrap();
    assert_eq!(said.points, 0.0);
    assert!(said.claim.says().contains("which is allowed"), "{}", said.claim.says());
}

#[test]
fn the_answer_says_it_in_one_line_and_stays_within_ten() {
    let mut changes: Vec<Change> = (0..8)
        .map(|n| Change { environment: None, ..change(&format!("config:x:{n}"), ChangeKind::Config, INSIDE) })
        .collect();
    let reverted = RevertedBy { by: ChangeId::new("config:x:99").unwrap(), at: at(INSIDE) };
    changes.push(Change {
        revert: Revert { reverted_by: vec![reverted], ..Revert::default() },
        ..change("config:x:old", ChangeKind::Config, BEFORE)
    });
    let changes = sighted(changes);
    let found = judged(&changes, Some(weekend()), &AuthorisationPolicy::default());
    let (Ranking { suspects, .. }, ruled_out) = ranked(&changes, &found);
    let considered = changes.len() as u64;
    let stated = judged(&changes[..1], Some(weekend()), &AuthorisationPolicy::default());
    let because = stated.values().next().unwrap().breaches[0].because().clone();
    let answer = |unauthorised| Answer {
        experts: vec![],
        schema_version: ANSWER_VERSION,
        verdict: Verdict::CantTell,
        as_of: at("2026-11-23T12:00:00Z"),
        since: at("2026-11-19T12:00:00Z"),
        onset: Some(hearback_core::answer::Onset {
            earliest: at(AFTER),
            latest: at(AFTER),
            because: because.clone(),
        }),
        analysis: None,
        findings: vec![],
        similar: vec![],
        runbook: None,
        considered,
        suspects: suspects.clone(),
        none_of_these: None,
        calibrated_on: None,
        ruled_out: ruled_out.clone(),
        unauthorised,
        gaps: vec![Gap { source: SourceName::new("git:shop").unwrap(), why: "shallow clone".into() }],
        searched: vec![],
    };
    let with = answer(flagged(&changes, &found));
    let text = render::text(&with, TOP, None);
    assert_eq!(text.lines().count(), 10, "{text}");
    let line = text.lines().find(|line| line.starts_with("Not authorised: ")).unwrap();
    insta::assert_snapshot!(line, @r#"Not authorised: config:x:0 took effect at 2026-11-21 12:00:00Z, inside the freeze "weekend" (until 2026-11-23 07:00:00Z); config:x:1 took effect at 2026-11-21 12:00:00Z, inside the freeze "weekend" (until 2026-11-23 07:00:00Z); and 6 more"#);
    assert!(render::markdown(&with, TOP, None).contains("Not authorised: config:x:0"), "both say the same");
    let without = answer(vec![]);
    assert_eq!(render::text(&without, TOP, None).lines().count(), 10);
    assert!(!render::text(&without, TOP, None).contains("Not authorised"));
    assert!(!serde_json::to_string(&without).unwrap().contains("unauthorised"));
    let json = serde_json::to_string(&with).unwrap();
    assert_eq!(serde_json::from_str::<Answer>(&json).unwrap(), with);
}
