//! Pull requests that are opened: once, for the commit that was approved, found again by their key.

use hearback_core::action::{Action, OpenPullRequest, Outcome, Receipt};
use hearback_core::ports::{ActionExecutor as _, Trace};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::approved::{actions, execute, key, not_as_expected, rehearse};
use super::fake::{Fake, Trouble};
use super::graph::{Graph, sha};
use super::writes::pull;

const BRANCH: &str = "hearback/INC-3";

pub fn graph() -> Graph {
    let mut graph = Graph::default();
    graph.commit(1, &[], "Begin", "09:00");
    graph.line(1, 9);
    graph.branches.insert("main".into(), sha(8));
    graph.branches.insert(BRANCH.into(), sha(9));
    graph
}

pub fn open() -> Action {
    Action::OpenPullRequest(OpenPullRequest {
        repository: "shop".into(),
        head: BRANCH.into(),
        commit: sha(9),
        base: "main".into(),
        title: "Revert \"Step 8\"".into(),
        body: "Errors rose 2 min after it.\n".into(),
        draft: false,
    })
}

fn with(change: impl FnOnce(&mut OpenPullRequest)) -> Action {
    match open() {
        Action::OpenPullRequest(mut open) => {
            change(&mut open);
            Action::OpenPullRequest(open)
        }
        other => other,
    }
}

fn opened(number: u32, end: &str) -> Receipt {
    Receipt {
        says: format!("opened pull request #{number} for hearback/INC-3 into main of octo/checkout; {end}"),
        link: Some(format!("https://github.com/octo/checkout/pull/{number}")),
        inverse: None,
        made: Some(number.to_string()),
    }
}

#[tokio::test]
async fn a_pull_request_is_opened_once_whatever_is_asked() {
    let fake = Fake::start(graph()).await;
    let actions = actions(&fake, vec![]);
    let done = Outcome::Done(opened(100, "to take it back, close it"));
    assert_eq!(execute(&fake, &actions, &open()).await, done);
    let expect = json!({
        "title": "Revert \"Step 8\"", "head": BRANCH, "base": "main",
        "body": format!("Errors rose 2 min after it.\n\n<!-- {} -->", key(&open()).as_str()),
    });
    assert_eq!(fake.writes(), [("/repos/octo/checkout/pulls".to_owned(), expect)]);
    assert_eq!(execute(&fake, &actions, &open()).await, done);
    fake.change(|graph| graph.pulls[0]["state"] = json!("closed"));
    assert_eq!(execute(&fake, &actions, &open()).await, Outcome::Done(opened(100, "it was closed since")));
    assert_eq!(fake.writes().len(), 1);
}

#[tokio::test]
async fn a_rehearsal_says_what_would_be_done_and_what_would_refuse_it() {
    let fake = Fake::start(graph()).await;
    let actions = actions(&fake, vec![]);
    let rehearsal = rehearse(&fake, &actions, &open()).await;
    assert_eq!(
        rehearsal.says,
        [
            "open a pull request for hearback/INC-3, which stands at 0000900000, into main of octo/checkout",
            "its title is \"Revert \"Step 8\"\"",
        ]
    );
    assert_eq!(rehearsal.refuses, None);
    fake.change(|graph| {
        graph.branches.insert(BRANCH.into(), sha(7));
    });
    let rehearsal = rehearse(&fake, &actions, &open()).await;
    assert_eq!(rehearsal.refuses.unwrap(), "hearback/INC-3 stands at 0000700000, not at 0000900000");
    let unheard = rehearse(&fake, &actions, &with(|open| open.title = "a\u{1b}[2J".into())).await;
    assert_eq!(unheard.refuses.unwrap(), "its title must be one line of 1 to 256 characters");
    assert!(unheard.says.iter().all(|line| !line.contains('\u{1b}')), "{:?}", unheard.says);
}

#[tokio::test]
async fn nothing_is_opened_if_anything_is_not_as_it_was_proposed() {
    type Change = Box<dyn FnOnce(&mut Graph)>;
    let cases: Vec<(Change, Action, &str)> = vec![
        (
            Box::new(|graph| {
                graph.branches.insert(BRANCH.into(), sha(7));
            }),
            open(),
            "hearback/INC-3 stands at 0000700000, not at 0000900000",
        ),
        (
            Box::new(|graph| {
                graph.branches.remove(BRANCH);
            }),
            open(),
            "there is no branch hearback/INC-3 on GitHub",
        ),
        (
            Box::new(|graph| {
                graph.branches.remove("main");
            }),
            open(),
            "there is no branch main on GitHub",
        ),
        (
            Box::new(|graph| graph.renamed = Some("octo/cart\u{1b}[2J")),
            open(),
            "octo/checkout is called octo/cart\u{fffd}[2J on GitHub now; set that name",
        ),
        (
            Box::new(|graph| {
                let at = (sha(9), sha(8));
                graph.pulls.push(pull(7, (BRANCH, &at.0), ("main", &at.1), &json!({"body": "mine"})));
            }),
            open(),
            "pull request #7 is open for hearback/INC-3 already",
        ),
        (
            Box::new(|_| {}),
            with(|open| open.head = "evil:main".into()),
            "it does not name two branches and the full sha of a commit",
        ),
        (
            Box::new(|_| {}),
            with(|open| open.commit = "main".into()),
            "it does not name two branches and the full sha of a commit",
        ),
        (
            Box::new(|_| {}),
            with(|open| open.body = "x".repeat(70_000)),
            "its description is longer than 65436 characters",
        ),
    ];
    for (change, action, why) in cases {
        let fake = Fake::start(graph()).await;
        fake.change(change);
        let outcome = execute(&fake, &actions(&fake, vec![]), &action).await;
        assert_eq!(not_as_expected(outcome), format!("{why}; nothing was done"));
        assert_eq!(fake.writes(), [], "{why}");
    }
}

#[tokio::test]
async fn pull_requests_of_forks_and_of_other_branches_do_not_count() {
    let fake = Fake::start(graph()).await;
    let mark = format!("<!-- {} -->", key(&open()).as_str());
    fake.change(|graph| {
        let (at, base) = (sha(9), sha(8));
        let mut fork = pull(7, (BRANCH, &at), ("main", &base), &json!({"body": mark}));
        fork["head"]["repo"] = json!({"full_name": "evil/checkout"});
        let mut gone = fork.clone();
        (gone["number"], gone["head"]["repo"]) = (json!(8), Value::Null);
        graph.pulls.extend([fork, gone]);
    });
    let outcome = execute(&fake, &actions(&fake, vec![]), &open()).await;
    assert_eq!(outcome, Outcome::Done(opened(102, "to take it back, close it")));
}

#[tokio::test]
async fn a_branch_that_moved_in_the_last_moment_is_told() {
    let fake = Fake::start(graph()).await;
    // As long as it is looked at it stands where it should.
    fake.change(|graph| {
        graph.branches.insert(BRANCH.into(), sha(7));
    });
    let at = r#"{"ref": "refs/heads/hearback/INC-3", "object": {"type": "commit", "sha": "0000900000000000000000000000000000000000"}}"#;
    fake.trouble("git/ref/heads/hearback", Trouble::Complains(200, at));
    let outcome = execute(&fake, &actions(&fake, vec![]), &open()).await;
    let end = "the branch has moved to 0000700000 since, which was not approved; to take it back, close it";
    assert_eq!(outcome, Outcome::Done(opened(100, end)));
}

#[tokio::test]
async fn one_that_was_opened_at_the_same_moment_is_told_apart() {
    for (body, expect) in [(format!("<!-- {} -->", key(&open()).as_str()), true), ("other".to_owned(), false)]
    {
        let fake = Fake::start(graph()).await;
        let (at, base) = (sha(9), sha(8));
        fake.change(|graph| {
            graph.pulls.push(pull(7, (BRANCH, &at), ("main", &base), &json!({"body": body})))
        });
        // It was not there yet when it was looked for.
        fake.trouble_times("GET /repos/octo/checkout/pulls?", Trouble::Complains(200, "[]"), 1);
        let outcome = execute(&fake, &actions(&fake, vec![]), &open()).await;
        match expect {
            true => assert_eq!(outcome, Outcome::Done(opened(7, "to take it back, close it"))),
            false => assert_eq!(
                not_as_expected(outcome),
                "GitHub did not take it: Validation Failed: A pull request already exists for octo:hearback/INC-3.; \
                 nothing was done"
            ),
        }
    }
}

#[tokio::test]
async fn it_is_found_by_its_key_alone() {
    let fake = Fake::start(graph()).await;
    let actions = actions(&fake, vec![]);
    let look = || async { actions.look(&open(), &key(&open()), SignedDuration::from_secs(5)).await.unwrap() };
    let nothing = "no pull request for hearback/INC-3 into main of octo/checkout was opened by it";
    assert_eq!(look().await, Trace::NotFound(nothing.to_owned()));
    execute(&fake, &actions, &open()).await;
    assert_eq!(look().await, Trace::Done(opened(100, "to take it back, close it")));
    fake.change(|graph| graph.pulls[0]["merged_at"] = json!("2026-11-23T15:10:00Z"));
    assert_eq!(look().await, Trace::Done(opened(100, "it was merged since")));
    fake.assert_kept_the_contract();
}

#[tokio::test]
async fn a_draft_is_sent_as_one_and_said_to_be_one() {
    let draft = with(|open| open.draft = true);
    let fake = Fake::start(graph()).await;
    let actions = actions(&fake, vec![]);
    assert_eq!(
        rehearse(&fake, &actions, &draft).await.says[0],
        "open a draft pull request for hearback/INC-3, which stands at 0000900000, into main of octo/checkout"
    );
    let told = |end: &str| {
        let mut receipt = opened(100, end);
        receipt.says = receipt.says.replace("opened pull", "opened draft pull");
        receipt
    };
    let done = Outcome::Done(told("to take it back, close it"));
    assert_eq!(execute(&fake, &actions, &draft).await, done);
    let expect = json!({
        "title": "Revert \"Step 8\"", "head": BRANCH, "base": "main", "draft": true,
        "body": format!("Errors rose 2 min after it.\n\n<!-- {} -->", key(&draft).as_str()),
    });
    assert_eq!(fake.writes(), [("/repos/octo/checkout/pulls".to_owned(), expect)]);
    // Somebody said that it is ready, or a server knows no drafts and took it as another.
    fake.change(|graph| graph.pulls[0]["draft"] = json!(false));
    let now = told("it is no draft now; to take it back, close it");
    let look = actions.look(&draft, &key(&draft), SignedDuration::from_secs(5)).await.unwrap();
    assert_eq!(look, Trace::Done(now));
    // Servers that never heard of drafts say nothing.
    fake.change(|graph| drop(graph.pulls[0].as_object_mut().unwrap().remove("draft")));
    let look = actions.look(&draft, &key(&draft), SignedDuration::from_secs(5)).await.unwrap();
    assert_eq!(look, Trace::Done(told("to take it back, close it")));
    fake.assert_kept_the_contract();
}

#[tokio::test]
async fn a_lost_answer_to_a_draft_is_looked_up() {
    let draft = with(|open| open.draft = true);
    let fake = Fake::start(graph()).await;
    fake.trouble("POST ", Trouble::Takes(Box::new(Trouble::Closes)));
    let Outcome::Done(receipt) = execute(&fake, &actions(&fake, vec![]), &draft).await else {
        panic!("it was not found")
    };
    assert!(receipt.says.starts_with("opened draft pull request #100"), "{}", receipt.says);
    assert_eq!(fake.writes().len(), 1);
}

#[tokio::test]
async fn where_there_are_no_drafts_none_is_opened() {
    let draft = with(|open| open.draft = true);
    let fake = Fake::start(graph()).await;
    let says = r#"{"message": "Validation Failed", "errors": [{"resource": "PullRequest", "code": "custom", "message": "Draft pull requests are not supported in this repository."}]}"#;
    fake.trouble("POST ", Trouble::Complains(422, says));
    let Outcome::Failed { why } = execute(&fake, &actions(&fake, vec![]), &draft).await else {
        panic!("it did not fail")
    };
    assert_eq!(
        why,
        "there are no draft pull requests in octo/checkout; nothing was done: open one by hand (GitHub says: Validation \
         Failed: Draft pull requests are not supported in this repository.)"
    );
    // It is sent once, and never as anything else.
    assert_eq!(fake.writes().len(), 1);
    // Whoever wanted no draft is told what GitHub says.
    let outcome = execute(&fake, &actions(&fake, vec![]), &open()).await;
    assert!(not_as_expected(outcome).starts_with("GitHub did not take it: "));
}

#[tokio::test]
async fn only_actions_of_this_repository_are_done() {
    let fake = Fake::start(graph()).await;
    let actions = actions(&fake, vec![]);
    let other = with(|open| open.repository = "checkout".into());
    assert!(actions.supports(&open()) && !actions.supports(&other));
    assert_eq!(
        not_as_expected(execute(&fake, &actions, &other).await),
        "this is not an action of octo/checkout; nothing was done"
    );
    assert!(actions.rehearse(&other, SignedDuration::from_secs(1)).await.is_err());
    assert_eq!(fake.requests(), [""; 0]);
}
