//! "What changed?" from end to end inside the engine, with sources made for the test.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop anywhere")]

use std::sync::Arc;

use async_trait::async_trait;
use hearback_core::catalog::Service;
use hearback_core::change::{
    Author, Diff, DiffLine, FileDiff, Landed, Lines, Nature, Paths, Revert, RevertedBy, Review, Says, Side,
};
use hearback_core::happening::Question;
use hearback_core::ports::{ChangeQuery, ChangeSource, ConnectorError};
use hearback_core::{
    Answer, Catalog, Change, ChangeId, ChangeKind, Coverage, Fetched, PathChange, ServiceName, SourceName,
    Strength, Verdict, Window,
};
use hearback_engine::analysts::authorised::AuthorisationPolicy;
use hearback_engine::analysts::culprit::rules::CulpritRules;
use hearback_engine::calibration::Calibration;
use hearback_engine::driver::{self, Answered, Context, Sources};
use hearback_engine::expertise::ExpertSettings;
use hearback_engine::ranker::Ranker;
use hearback_engine::render::{self, Cost, TOP};
use hearback_engine::signals::Signals;
use jiff::{SignedDuration, Timestamp};

/// Minutes before this moment are how the tests count.
const AS_OF: &str = "2026-11-23T14:00:00Z";

fn before(minutes: i64) -> Timestamp {
    AS_OF.parse::<Timestamp>().unwrap() - SignedDuration::from_mins(minutes)
}

fn commit(name: &str, minutes: i64, title: &str, paths: &[&str]) -> Change {
    let path = |path: &&str| PathChange {
        path: (*path).into(),
        lines: Lines::Counted { added: 5, deleted: 2 },
        moved_from: None,
    };
    Change {
        id: ChangeId::commit("shop", &format!("{name:0<40}")).unwrap(),
        kind: ChangeKind::Commit,
        source: SourceName::new("git:shop").unwrap(),
        services: vec![],
        environment: None,
        delivers: vec![],
        rollout: None,
        committed_at: before(minutes),
        effective_at: before(minutes),
        landed: Landed::Yes,
        author: Author { name: "Ana Ruiz".into(), email: None, nature: Nature::Person },
        title: title.into(),
        body: "".into(),
        paths: Paths::Known(paths.iter().map(path).collect()),
        revert: Revert::default(),
        review: Review::default(),
        link: None,
    }
}

/// A history in which nothing fits anything, so that what a test adds stands out.
fn background() -> Vec<Change> {
    (0..40)
        .map(|n| {
            let name = format!("b{n:02}");
            let path = format!("modules/part{n}/file{n}.go");
            commit(&name, 20 + 30 * n, &format!("Tidy part {n}"), &[&path])
        })
        .collect()
}

enum Source {
    Has { changes: Vec<Change>, diffs: Vec<Diff> },
    Fails,
    Hangs,
}

struct Named(SourceName, Source);

#[async_trait]
impl ChangeSource for Named {
    fn name(&self) -> &SourceName {
        &self.0
    }

    async fn changes(&self, query: &ChangeQuery) -> Result<Fetched<Change>, ConnectorError> {
        match &self.1 {
            Source::Has { changes, .. } => {
                let items: Vec<Change> =
                    changes.iter().filter(|c| query.window.contains(c.committed_at)).cloned().collect();
                let searched = format!("{} commits on main", items.len());
                Ok(Fetched { items, coverage: Coverage::complete(self.0.clone(), searched) })
            }
            Source::Fails => Err(ConnectorError::Failed("the server answered 503".into())),
            Source::Hangs => std::future::pending().await,
        }
    }

    async fn diffs(&self, wanted: &[ChangeId], _: SignedDuration) -> Result<Vec<Diff>, ConnectorError> {
        match &self.1 {
            Source::Has { diffs, .. } => {
                Ok(diffs.iter().filter(|diff| wanted.contains(&diff.change)).cloned().collect())
            }
            _ => Ok(vec![]),
        }
    }
}

struct Asked<'a> {
    changes: Vec<Change>,
    diffs: Vec<Diff>,
    symptom: &'a str,
    services: &'a [&'a str],
    onset: Option<Timestamp>,
    calibration: Option<Calibration>,
    catalog: Catalog,
    others: Vec<(&'a str, Source)>,
}

impl Default for Asked<'_> {
    fn default() -> Self {
        Asked {
            changes: background(),
            diffs: vec![],
            symptom: "",
            services: &[],
            onset: None,
            calibration: None,
            catalog: Catalog::default(),
            others: vec![],
        }
    }
}

impl Asked<'_> {
    fn with(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }

    async fn answered(self) -> Answered {
        let mut sources: Vec<Arc<dyn ChangeSource>> = vec![Arc::new(Named(
            SourceName::new("git:shop").unwrap(),
            Source::Has { changes: self.changes, diffs: self.diffs },
        ))];
        for (name, source) in self.others {
            sources.push(Arc::new(Named(SourceName::new(name).unwrap(), source)));
        }
        let question = Question {
            text: "what changed?".into(),
            symptom: self.symptom.into(),
            services: self.services.iter().map(|name| ServiceName::new(*name).unwrap()).collect(),
            window: Window::before(before(0), SignedDuration::from_hours(24)),
            onset: self.onset,
            message: None,
            thread: None,
        };
        let ranker = Ranker::parse(include_str!("../../../config/ranker.toml")).unwrap();
        let signals = Signals::parse(include_str!("../../../config/signals.toml")).unwrap();
        let culprit = CulpritRules::parse(include_str!("../../../config/culprit.toml")).unwrap();
        let policy = AuthorisationPolicy::default();
        let context = Context {
            ranker: &ranker,
            calibration: self.calibration.as_ref(),
            signals: &signals,
            culprit: &culprit,
            experts: &ExpertSettings::default(),
            policy: &policy,
            catalog: &self.catalog,
            gaps: &[],
            sources: &Sources { changes: sources, ..Sources::default() },
            incident: None,
            budget: SignedDuration::from_secs(2),
        };
        driver::answer(context, &question).await.unwrap()
    }

    async fn answer(self) -> Answer {
        self.answered().await.answer
    }
}

fn rank_of(answer: &Answer, name: &str) -> Option<u32> {
    let is_it = |id: &ChangeId| id.sha().is_some_and(|sha| sha.starts_with(name));
    answer.suspects.iter().find(|suspect| is_it(&suspect.change.id)).map(|suspect| suspect.rank)
}

fn rule_of(answer: &Answer, name: &str) -> Option<String> {
    let is_it = |id: &ChangeId| id.sha().is_some_and(|sha| sha.starts_with(name));
    answer.ruled_out.iter().find(|out| is_it(&out.change.id)).map(|out| out.rule.clone())
}

#[tokio::test]
async fn a_change_to_the_named_file_is_first_and_strong() {
    let answered = Asked { symptom: "checkout 5xx, TypeError in cart.js", ..Asked::default() }
        .with(commit("c1", 90, "Sum cart totals once", &["web/src/cart.js"]))
        .answered()
        .await;
    let answer = &answered.answer;
    assert_eq!(rank_of(answer, "c1"), Some(1));
    assert_eq!(answer.suspects[0].strength, Strength::Strong, "{:?}", answered.standings[0].probability);
    assert_eq!(answer.verdict, Verdict::LookHere);
    let others = answer.suspects[0].reasons.iter().filter(|reason| reason.feature != "recency");
    let reasons: Vec<&str> = others.take(2).map(|reason| reason.claim.says()).collect();
    assert!(reasons.contains(&"touches web/src/cart.js, which the symptom names"), "{reasons:?}");
    assert_eq!(answer.suspects[0].confidence, None, "no percentage before calibration");
}

#[tokio::test]
async fn with_a_calibration_an_answer_says_percentages_and_what_they_rest_on() {
    let calibration =
        Calibration { temperature: 1.5, cases: 214, of: "rollbacks of shop until 2026-11-20".into() };
    let asked = |calibration| Asked { symptom: "checkout 5xx in cart.js", calibration, ..Asked::default() };
    let guilty = || commit("c1", 90, "Sum totals once", &["web/src/cart.js"]);
    let answer = asked(Some(calibration.clone())).with(guilty()).answer().await;
    let first = answer.suspects[0].confidence.unwrap();
    assert!((0.0..1.0).contains(&first) && answer.none_of_these.is_some());
    let text = render::text(&answer, TOP, None);
    let (first, last) = (text.lines().nth(1).unwrap(), text.lines().last().unwrap());
    let percent = first.split(" %").next().unwrap().split(' ').next_back().unwrap();
    assert!(percent.trim_start_matches(['<', '>']).parse::<u8>().is_ok(), "{text}");
    assert!(last.ends_with("; calibrated on 214 rollbacks of shop until 2026-11-20"), "{text}");
    assert!(text.lines().count() <= 10, "{text}");
    // Confidence that is held back further is less.
    let warmer = Calibration { temperature: 6.0, ..calibration };
    let warmer = asked(Some(warmer)).with(guilty()).answer().await;
    assert!(warmer.suspects[0].confidence < answer.suspects[0].confidence);
    let text = render::text(&asked(None).with(guilty()).answer().await, TOP, None);
    assert!(!text.contains(" %") && text.contains("strengths are not calibrated here"), "{text}");
}

#[tokio::test]
async fn an_identifier_on_a_changed_line_is_cited_with_file_and_line() {
    let author = Author { name: "bo".into(), email: None, nature: Nature::Person };
    let guilty = Change { author, ..commit("c1", 240, "Refactor", &["lib/sum.rb"]) };
    let line = |side, line, text: &str| DiffLine { side, line, text: text.into() };
    let diff = Diff {
        change: guilty.id.clone(),
        files: vec![FileDiff {
            path: "lib/sum.rb".into(),
            lines: vec![
                line(Side::Removed, 3, "round_half_up(x)"),
                line(Side::Added, 7, "y = round_half_up(x)"),
            ],
        }],
        left_out: None,
    };
    let other = |change: &Change| Diff {
        change: change.id.clone(),
        files: vec![FileDiff {
            path: change.paths.as_slice()[0].path.clone(),
            lines: vec![line(Side::Added, 1, "return nil")],
        }],
        left_out: None,
    };
    let diffs = background().iter().map(other).chain([diff]).collect();
    let answer = Asked { symptom: "NoMethodError: round_half_up", diffs, ..Asked::default() }
        .with(guilty)
        .answer()
        .await;
    assert_eq!(rank_of(&answer, "c1"), Some(1));
    let reason = answer.suspects[0].reasons.iter().find(|r| r.feature == "named_identifier").unwrap();
    assert_eq!(reason.claim.says(), "changes a line with round_half_up (lib/sum.rb:7)");
    let citation = &reason.claim.citations()[0];
    assert_eq!((citation.path.as_deref(), citation.line), (Some("lib/sum.rb"), Some(7)));
}

#[tokio::test]
async fn of_commits_that_came_in_one_merge_the_last_was_not_touched_again() {
    let step = |name: &str, minutes| Change {
        effective_at: before(10),
        ..commit(name, minutes, &format!("Step {name} of the importer"), &["lib/importer.rb"])
    };
    // By their shas they would stand the other way round.
    let steps =
        ["c3", "c2", "c1"].into_iter().zip([300, 200, 100]).map(|(name, minutes)| step(name, minutes));
    let asked = Asked { symptom: "the importer stopped", ..Asked::default() };
    let answer = steps.fold(asked, Asked::with).answer().await;
    let touched_again = |name: &str| {
        let suspect = answer
            .suspects
            .iter()
            .find(|suspect| suspect.change.sha.as_deref().is_some_and(|sha| sha.starts_with(name)));
        suspect
            .unwrap()
            .reasons
            .iter()
            .any(|reason| reason.claim.says().contains("touched the same files again"))
    };
    assert_eq!(["c3", "c2", "c1"].map(touched_again), [true, true, false]);
}

#[tokio::test]
async fn a_name_in_the_symptom_says_nothing_of_a_change() {
    let by = |name: &str| Change {
        author: Author { name: name.into(), email: None, nature: Nature::Person },
        ..commit("c1", 30, "Sort the list", &["list.go"])
    };
    let asked = |name| {
        Asked { symptom: "since the deploy of Wei nobody can log in", ..Asked::default() }.with(by(name))
    };
    let scores = |answer: Answer| answer.suspects.iter().map(|suspect| suspect.score).collect::<Vec<_>>();
    assert_eq!(scores(asked("Li Wei").answer().await), scores(asked("Bo Berg").answer().await));
}

#[tokio::test]
async fn where_the_service_counts_no_percentage_is_said() {
    let calibration = || Some(Calibration { temperature: 1.0, cases: 9, of: "rollbacks of shop".into() });
    let guilty = || commit("c1", 15, "Round checkout totals", &["services/checkout/totals.go"]);
    let asked = |services: &'static [&'static str]| Asked {
        symptom: "checkout totals are wrong",
        services,
        calibration: calibration(),
        ..Asked::default()
    };
    assert!(asked(&[]).with(guilty()).answer().await.suspects[0].confidence.is_some());
    let answer = asked(&["checkout"]).with(guilty()).answer().await;
    assert_eq!((answer.suspects[0].confidence, answer.calibrated_on), (None, None));
}

#[tokio::test]
async fn without_a_symptom_the_answer_says_it_can_not_tell() {
    let answer = Asked::default().answer().await;
    assert_eq!(answer.verdict, Verdict::CantTell);
    assert!(answer.suspects.iter().all(|suspect| suspect.strength == Strength::Weak));
    assert_eq!(rank_of(&answer, "b00"), Some(1), "the newest first");
}

#[tokio::test]
async fn an_empty_window_is_an_answer_and_says_where_it_looked() {
    let answer = Asked { changes: vec![], symptom: "cart", ..Asked::default() }.answer().await;
    assert_eq!(answer.verdict, Verdict::NothingFits);
    assert_eq!(answer.searched.len(), 1);
    let text = render::text(&answer, TOP, None);
    assert!(text.starts_with("Nothing changed here: no change in the 24 h before"), "{text}");
}

#[tokio::test]
async fn harmless_changes_are_ruled_out_unless_the_symptom_names_them() {
    let answer = Asked { symptom: "cart fails, see SETUP.md", ..Asked::default() }
        .with(commit("d1", 10, "Explain the cart", &["docs/cart.md", "README.md"]))
        .with(commit("d2", 10, "Test the cart", &["tests/cart_test.go"]))
        .with(commit("d3", 10, "Cart docs and tests", &["docs/cart.md", "tests/cart_test.go"]))
        .with(commit("d4", 10, "Explain setup", &["SETUP.md"]))
        .with(commit("d5", 10, "Trigger a build of the cart", &[]))
        .answer()
        .await;
    assert_eq!(rule_of(&answer, "d1").as_deref(), Some("docs_only"));
    assert_eq!(rule_of(&answer, "d2").as_deref(), Some("tests_only"));
    assert_eq!(rule_of(&answer, "d3").as_deref(), Some("docs_only"));
    assert_eq!(rule_of(&answer, "d5").as_deref(), Some("empty"));
    assert!(rank_of(&answer, "d4").is_some());
}

#[tokio::test]
async fn a_revert_before_the_onset_acquits_and_one_after_it_accuses() {
    let reverted = |name: &str, at: Timestamp| {
        let by = RevertedBy { by: ChangeId::commit("shop", &"f".repeat(40)).unwrap(), at };
        let revert = Revert { reverted_by: vec![by], ..Revert::default() };
        Change { revert, ..commit(name, 200, "New cart totals", &["cart/totals.go"]) }
    };
    let answer = Asked { symptom: "cart totals wrong", onset: Some(before(100)), ..Asked::default() }
        .with(reverted("e1", before(150)))
        .with(reverted("e2", before(50)))
        .answer()
        .await;
    assert_eq!(rule_of(&answer, "e1").as_deref(), Some("already_reverted"));
    assert_eq!(rank_of(&answer, "e2"), Some(1));
    assert!(answer.suspects[0].reasons.iter().any(|reason| reason.feature == "rolled_back_since"));
}

#[tokio::test]
async fn what_came_after_the_onset_can_not_have_caused_it() {
    let answer = Asked { symptom: "cart", onset: Some(before(100)), ..Asked::default() }
        .with(commit("c1", 99, "cart", &["cart.go"]))
        .with(commit("c2", 100, "cart", &["cart.go"]))
        .answer()
        .await;
    assert_eq!(rule_of(&answer, "c1").as_deref(), Some("after_onset"));
    assert_eq!(rank_of(&answer, "c2"), Some(1));
}

#[tokio::test]
async fn another_service_lowers_a_suspect_but_never_rules_it_out() {
    let service = |name: &str, path: &str| Service {
        paths: vec![path.into()],
        ..Service::named(ServiceName::new(name).unwrap())
    };
    let catalog = Catalog { services: vec![service("checkout", "checkout/"), service("search", "search/")] };
    let answer = Asked { services: &["checkout"], catalog, ..Asked::default() }
        .with(commit("c1", 60, "Retry twice", &["search/client.go"]))
        .with(commit("c2", 90, "Retry twice", &["checkout/client.go"]))
        .answer()
        .await;
    assert_eq!(rank_of(&answer, "c2"), Some(1));
    let other = answer
        .suspects
        .iter()
        .find(|suspect| suspect.change.sha.as_ref().unwrap().starts_with("c1"))
        .unwrap();
    assert!(other.reasons.iter().any(|reason| reason.claim.says() == "concerns search, not checkout"));
}

#[tokio::test]
async fn a_rollout_is_told_through_the_commits_it_brought() {
    let guilty = commit("c1", 600, "Sum totals once", &["checkout/totals.go"]);
    let deploy = Change {
        id: ChangeId::new("deploy:ci:77").unwrap(),
        kind: ChangeKind::Deploy,
        source: SourceName::new("deploy:ci").unwrap(),
        environment: Some("production".into()),
        delivers: vec![guilty.id.clone()],
        services: vec![ServiceName::new("checkout").unwrap()],
        ..commit("x", 12, "checkout v412", &[])
    };
    let answer = Asked { symptom: "totals wrong in checkout", onset: Some(before(2)), ..Asked::default() }
        .with(guilty)
        .with(deploy)
        .answer()
        .await;
    let first = &answer.suspects[0];
    assert_eq!(first.change.title.as_untrusted(), "Sum totals once");
    assert_eq!(first.change.effective_at, before(12), "a commit takes effect when it is rolled out");
    assert_eq!(first.delivered_by.as_ref().unwrap().title.as_untrusted(), "checkout v412");
    assert!(answer.suspects.iter().all(|suspect| suspect.change.kind == ChangeKind::Commit));
}

#[tokio::test]
async fn a_reland_is_a_reason() {
    let revert = Revert { says: Says::Relands, ..Revert::default() };
    let answer = Asked { symptom: "cart", ..Asked::default() }
        .with(Change { revert, ..commit("c1", 100, "Cart cache", &["cart.go"]) })
        .with(commit("c2", 100, "Cart cache", &["cart.go"]))
        .answer()
        .await;
    // Public histories say that it is rather less likely to fail again; a person wants to know it all the same.
    let suspect = |name: &str| &answer.suspects[rank_of(&answer, name).unwrap() as usize - 1];
    let says = |name: &str| {
        suspect(name)
            .reasons
            .iter()
            .any(|reason| reason.claim.says() == "lands again what was reverted before")
    };
    assert!(says("c1") && !says("c2"));
}

#[tokio::test]
async fn the_order_of_the_sources_answer_does_not_matter() {
    let ask = |changes: Vec<Change>| Asked { changes, symptom: "part 3 and part 7 slow", ..Asked::default() };
    let forward = ask(background()).answered().await;
    let backward = ask(background().into_iter().rev().collect()).answered().await;
    assert_eq!(
        serde_json::to_string(&forward.answer).unwrap(),
        serde_json::to_string(&backward.answer).unwrap()
    );
    assert_eq!(forward.snapshots, backward.snapshots);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_or_hangs_is_a_gap_and_hides_nobody() {
    let others = vec![("flags:x", Source::Fails), ("deploys:y", Source::Hangs)];
    let answer = Asked { symptom: "part 3", others, ..Asked::default() }.answer().await;
    assert_eq!(answer.considered, 40);
    let gaps: Vec<String> = answer.gaps.iter().map(|gap| format!("{}: {}", gap.source, gap.why)).collect();
    assert_eq!(gaps[0], "flags:x: the server answered 503");
    assert_eq!(gaps[1], "deploys:y: no answer within 1.1 s");
}

#[tokio::test]
async fn a_misspelt_service_is_said() {
    let answer = Asked { services: &["chekout"], ..Asked::default() }.answer().await;
    assert_eq!(
        answer.gaps[0].why,
        "service chekout is not in the catalog, and nothing that was read concerns it by name"
    );
}

#[tokio::test]
async fn secrets_and_terminal_escapes_reach_neither_answer_nor_snapshot() {
    let title = "cart: use DB_PASSWORD=hunter2hunter2 \u{1b}[2J";
    let answered = Asked { symptom: "cart", ..Asked::default() }
        .with(commit("c1", 5, title, &["cart.go"]))
        .answered()
        .await;
    let text = render::text(&answered.answer, TOP, None);
    let snapshot = answered.snapshots[0].text.as_untrusted();
    assert!(text.contains("DB_PASSWORD=[redacted: password]"), "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains("hunter2") && !snapshot.contains("hunter2"));
}

#[tokio::test]
async fn an_answer_is_at_most_ten_lines_and_reads_like_this() {
    let mut revert = commit("e1", 700, "Cache totals", &["cart/cache.go"]);
    let by = ChangeId::commit("shop", &"f".repeat(40)).unwrap();
    revert.revert.reverted_by.push(RevertedBy { by, at: before(690) });
    let answer = Asked {
        symptom: "checkout 5xx, TypeError in cart.js",
        others: vec![("flags:x", Source::Fails)],
        onset: Some(before(5)),
        ..Asked::default()
    }
    .with(commit("c1", 30, "Move cart totals to the server", &["web/src/cart.js", "checkout/totals.go"]))
    .with(commit("c2", 8, "Add a banner", &["web/src/banner.js"]))
    .with(commit("d1", 10, "Explain the cart", &["docs/cart.md"]))
    .with(revert)
    .answer()
    .await;
    let cost = Cost { elapsed: SignedDuration::from_millis(420) };
    let text = render::text(&answer, TOP, Some(cost));
    assert!(text.lines().count() <= 10, "{text}");
    insta::assert_snapshot!("text", text);
    insta::assert_snapshot!("markdown", render::markdown(&answer, TOP, Some(cost)));
}

#[tokio::test]
async fn nothing_found_in_what_could_be_seen_is_not_nothing_fits() {
    let others = vec![("flags:x", Source::Fails)];
    let answer = Asked { changes: vec![], others, ..Asked::default() }.answer().await;
    assert_eq!(answer.verdict, Verdict::CantTell);
}
