//! Pull requests and releases: pages, reviews, the three ways to merge, and what is hidden after the window's end.

use serde_json::json;

use super::fake::Fake;
use super::graph::{Graph, commit, sha, time};
use super::{ask, at, lines, options, query, source};
use hearback_core::change::{Nature, Says};
use hearback_core::ids::ChangeId;
use hearback_core::ports::ChangeSource as _;

/// A repository with commits 1 to 9 on main.
fn graph() -> Graph {
    let mut graph = Graph::default();
    graph.commit(1, &[], "Begin", "09:00");
    graph.line(1, 9);
    graph
}

#[tokio::test]
async fn three_pages_of_pull_requests_are_read_and_no_fourth() {
    let mut graph = graph();
    for number in 1..=350_u64 {
        // Merged one minute after the other from 08:00: 120 inside the window, 230 before it.
        let minute = 8 * 60 + number;
        let merged_at = format!("{:02}:{:02}", minute / 60, minute % 60);
        graph.pull(number, &format!("Change {number} (#{number})"), (&merged_at, 2));
    }
    let fake = Fake::start(graph).await;
    let fetched = source(hearback_github::GithubOptions {
        limits: hearback_github::Limits { pulls: 0, ..Default::default() },
        ..options(&fake)
    });
    let fetched = fetched.changes(&query()).await.unwrap();
    fake.assert_kept_the_contract();
    let pages: Vec<String> = fake.requests().into_iter().filter(|r| r.contains("/pulls?")).collect();
    // 13:50 is the newest, 100 a page: the second reaches 10:31, before the window.
    assert_eq!(pages.len(), 2, "{pages:?}");
    assert!(
        fetched.coverage.searched.contains(": 111 pull requests merged into main"),
        "{:?}",
        fetched.coverage
    );

    let all = source(options(&fake));
    let long = hearback_core::ports::ChangeQuery {
        window: hearback_core::Window { from: at("09:00"), until: at("14:00") },
        ..query()
    };
    let before = fake.requests().len();
    let fetched = all.changes(&long).await.unwrap();
    let pages = fake.requests().split_off(before).into_iter().filter(|r| r.contains("/pulls?")).count();
    assert_eq!(pages, 3);
    assert!(fetched.coverage.searched.contains(": 291 pull requests"), "{:?}", fetched.coverage);
    assert!(
        fetched.coverage.missing[0].contains("only 150 are looked into"),
        "{:?}",
        fetched.coverage.missing
    );
}

#[tokio::test]
async fn a_pull_request_tells_whether_somebody_else_approved_it() {
    let mut graph = graph();
    for (number, reviews) in [
        (2, &[("bob", "APPROVED", "11:00")][..]),
        (3, &[]),
        (4, &[("ann", "APPROVED", "11:00")]),
        (5, &[("bob", "APPROVED", "11:00"), ("bob", "CHANGES_REQUESTED", "11:30")]),
        (6, &[("lint[bot]", "APPROVED", "11:00")]),
        (7, &[("bob", "APPROVED", "12:45")]),
    ] {
        graph.commit(number, &[number - 1], &format!("Change {number} (#{number})"), "12:30");
        graph.pull(number.into(), &format!("Change {number}"), ("12:30", number));
        for (login, state, at) in reviews {
            graph.review(number.into(), login, state, at);
        }
    }
    let fake = Fake::start(graph).await;
    assert_eq!(
        lines(&ask(&fake).await),
        [
            "12:30 2 approved: Change 2",
            "12:30 3 unreviewed: Change 3",
            "12:30 4 unreviewed: Change 4",
            "12:30 5 unreviewed: Change 5",
            "12:30 6 unreviewed: Change 6",
            "12:30 7 unreviewed: Change 7",
        ]
    );
}

#[tokio::test]
async fn squash_rebase_and_merge_are_told_by_the_commits_they_left() {
    let mut graph = graph();
    // Squashed to 10.
    graph.commit(10, &[9], "Squash it (#1)", "12:10");
    graph.files(10, json!([{"filename": "b.rs", "status": "modified", "additions": 3, "deletions": 1, "patch": "@@"},
                           {"filename": "a.rs", "status": "added", "additions": 1, "deletions": 0, "patch": "@@"}]));
    graph.pull(1, "Squash it", ("12:10", 10));
    // Rebased to 11 and 12.
    graph.commit(11, &[10], "First", "12:20");
    graph.commit(12, &[11], "Second", "12:20");
    graph.pull(2, "Rebase it", ("12:20", 12));
    graph
        .pull_commits
        .insert(2, vec![commit(51, &[9], "First", "11:00"), commit(52, &[51], "Second", "11:00")]);
    // Merged as 13, which brings 61 and 62.
    graph.commit(61, &[9], "One", "11:00");
    graph.commit(62, &[61], "Two", "11:30");
    graph.commit(13, &[12, 62], "Merge pull request #3 from octo/topic\n\nMerge it", "12:30");
    graph.pull(3, "Merge it", ("12:30", 13));
    graph.pull_commits.insert(3, vec![commit(61, &[9], "One", "11:00"), commit(62, &[61], "Two", "11:30")]);
    graph.review(3, "bob", "APPROVED", "12:00");
    // Squashed with words of its own.
    graph.commit(14, &[13], "Words of its own", "12:40");
    graph.pull(4, "Squash that", ("12:40", 14));
    graph.pull_commits.insert(4, vec![commit(71, &[9], "a", "11:00"), commit(72, &[71], "b", "11:00")]);
    let fake = Fake::start(graph).await;
    let fetched = ask(&fake).await;
    assert_eq!(
        lines(&fetched),
        [
            "12:10 a unreviewed: Squash it",
            "12:20 b unreviewed: First",
            "12:20 c unreviewed: Second",
            "12:30 3d approved: One",
            "12:30 3e approved: Two",
            "12:30 d brings 3d+3e approved: Merge it",
            "12:40 e unreviewed: Squash that",
        ]
    );
    let of = |number: u32| {
        let id = ChangeId::commit("shop", &sha(number)).unwrap();
        fetched.items.iter().find(|change| change.id == id).unwrap()
    };
    let paths: Vec<&str> = of(10).paths.as_slice().iter().map(|path| path.path.as_str()).collect();
    assert_eq!(paths, ["a.rs", "b.rs"]);
    assert!(of(13).is_merge() && !of(10).is_merge() && !of(12).is_merge());
    assert_eq!(of(62).committed_at, at("11:30"));
    assert_eq!(of(62).link.as_deref(), Some("https://github.com/octo/checkout/pull/3"));
    assert_eq!(of(62).author.email.as_ref().unwrap().as_untrusted(), "ann@example.com");
    assert_eq!(fetched.coverage.missing, [""; 0]);
}

#[tokio::test]
async fn nothing_from_after_the_window_shows() {
    let mut graph = graph();
    graph.commit(10, &[9], "Fix cart (#1)\n\nAs it was.", "12:10");
    let pull = graph.pull(1, "Fix cart: it broke checkout!", ("12:10", 10));
    pull["updated_at"] = json!(time("15:00"));
    pull["body"] = json!("Reverted after the outage.");
    graph.review(1, "bob", "APPROVED", "14:30");
    graph.commit(11, &[10], "Later (#2)", "14:00");
    graph.pull(2, "Later", ("14:00", 11));
    let release =
        |tag: &str, at: &str| json!({"id": 1, "tag_name": tag, "draft": false, "published_at": time(at)});
    graph.releases = vec![release("v3", "14:00"), release("v2", "13:00"), release("v1", "11:00")];
    graph.releases.push(json!({"id": 2, "tag_name": "v4", "draft": true, "published_at": null}));
    let fake = Fake::start(graph).await;
    let fetched = ask(&fake).await;
    assert_eq!(lines(&fetched), ["12:10 a unreviewed: Fix cart (#1)", "13:00 tag/v2: release v2"]);
    let fix = fetched.items.iter().find(|change| change.title.as_untrusted().starts_with("Fix")).unwrap();
    assert_eq!(fix.body.as_untrusted(), "As it was.");
}

#[tokio::test]
async fn a_merge_that_was_touched_later_keeps_the_title_git_has() {
    let mut graph = graph();
    graph.commit(60, &[9], "One", "11:00");
    graph.commit(10, &[9, 60], "Merge pull request #1 from octo/topic\n\nAs it was titled", "12:10");
    graph.pull(1, "Renamed since", ("12:10", 10))["updated_at"] = json!(time("15:00"));
    graph.pull_commits.insert(1, vec![commit(60, &[9], "One", "11:00")]);
    let fake = Fake::start(graph).await;
    assert_eq!(
        lines(&ask(&fake).await),
        ["12:10 3c unreviewed: One", "12:10 a brings 3c unreviewed: As it was titled"]
    );
}

#[tokio::test]
async fn a_release_has_the_id_of_its_tag_in_git() {
    let mut graph = graph();
    graph.releases = vec![json!({
        "id": 7, "tag_name": "v2.0", "name": "Two", "body": "Notes.", "draft": false, "published_at": time("13:00"),
        "html_url": "https://github.com/octo/checkout/releases/tag/v2.0", "author": null,
    })];
    let fake = Fake::start(graph).await;
    let fetched = ask(&fake).await;
    let [release] = &fetched.items[..] else { panic!("{:?}", lines(&fetched)) };
    assert_eq!(release.id.as_str(), "git:shop:tag/v2.0");
    assert_eq!((release.title.as_untrusted(), release.environment.as_deref()), ("release v2.0: Two", None));
    assert_eq!(release.author.name.as_untrusted(), "ghost");
}

#[tokio::test]
async fn a_revert_by_button_is_linked_to_what_it_reverts() {
    let mut graph = graph();
    graph.commit(10, &[9], "Fix cart (#1)", "12:10");
    graph.pull(1, "Fix cart", ("12:10", 10));
    graph.commit(11, &[10], "Revert \"Fix cart\" (#2)", "12:20");
    graph.pull(2, "Revert \"Fix cart\"", ("12:20", 11))["body"] = json!("Reverts octo/checkout#1");
    let fake = Fake::start(graph).await;
    let fetched = ask(&fake).await;
    let [fix, revert] = &fetched.items[..] else { panic!("{:?}", lines(&fetched)) };
    assert_eq!((revert.revert.says, &revert.revert.reverts[..]), (Says::Reverts, &[fix.id.clone()][..]));
    assert_eq!((&fix.revert.reverted_by[0].by, fix.revert.reverted_by[0].at), (&revert.id, at("12:20")));
}

#[tokio::test]
async fn a_revert_of_a_merge_reverts_the_commits_it_brought() {
    let mut graph = graph();
    graph.commit(60, &[9], "One", "11:00");
    graph.commit(10, &[9, 60], "Merge pull request #1 from octo/topic", "12:10");
    graph.pull(1, "Both", ("12:10", 10));
    graph.pull_commits.insert(1, vec![commit(60, &[9], "One", "11:00")]);
    graph.commit(11, &[10], "Revert \"Both\" (#2)", "12:20");
    graph.pull(2, "Revert \"Both\"", ("12:20", 11))["body"] = json!("Reverts #1");
    let fake = Fake::start(graph).await;
    let fetched = ask(&fake).await;
    let by = |number| ChangeId::commit("shop", &sha(number)).unwrap();
    for change in fetched.items.iter().filter(|change| change.id != by(11)) {
        assert_eq!(change.revert.reverted_by[0].by, by(11), "{:?}", change.id);
    }
    let revert = fetched.items.iter().find(|change| change.id == by(11)).unwrap();
    assert_eq!(revert.revert.reverts, [by(10), by(60)]);
}

#[tokio::test]
async fn what_is_merged_elsewhere_is_counted_and_a_program_is_named_as_one() {
    let mut graph = graph();
    graph.commit(10, &[9], "Bump (#1)", "12:10");
    graph.pull(1, "Bump", ("12:10", 10))["user"] = super::graph::user("dependabot[bot]");
    graph.pull(2, "Into a feature", ("12:20", 9))["base"]["ref"] = json!("feature");
    let fake = Fake::start(graph).await;
    let fetched = ask(&fake).await;
    assert_eq!(fetched.items[0].author.nature, Nature::Bot);
    insta::assert_snapshot!(
        fetched.coverage.searched,
        @"octo/checkout: 1 pull request merged into main, 1 more merged into other branches left out, 0 deployments, 0 releases, no workflow runs, as no deploy workflow is set"
    );
}
