//! Merged pull requests as commits, with their reviews. It must not know deployments, and nothing that came after the
//! window's end: reviews count up to the merge, and words are the commit's if the pull request was touched later.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use futures::StreamExt as _;
use hearback_core::change::{
    Author, Change, ChangeKind, Landed, Lines, PathChange, Paths, RepoPath, Revert, RevertedBy, Review, Says,
};
use hearback_core::ids::ChangeId;
use jiff::Timestamp;

use crate::pull_landing::{Landing, Shape, fetch_landing};
use crate::question::{Found, Next, Question};
use crate::refusal::{PULLS, Refusal};
use crate::reviews::review;
use crate::slug::Slug;
use crate::text::{account, author, body, counted, link, split_message, title};
use crate::wire::{self, Commit, File, Pull};

/// GitHub lists no more files of a commit on one page.
const LISTED_FILES: usize = 300;

/// A pull request that was merged inside the window.
struct Merged {
    pull: Pull,
    sha: String,
    merged_at: Timestamp,
}

/// What was asked about one of them.
struct Looked {
    reviews: Result<(Vec<wire::Review>, Option<String>), Refusal>,
    landing: Result<Landing, Refusal>,
}

/// The pull requests merged inside the window into one of `branches`.
pub(crate) async fn fetch_pulls(question: &Question<'_>, branches: &[String]) -> Result<Found, Refusal> {
    let about = question.about;
    let path = about.path("/pulls?state=closed&sort=updated&direction=desc&per_page=100");
    let from = question.window.from;
    // A merge is an update: once updates are older than the window, so are merges.
    let next = |page: &[Pull]| match page.last() {
        Some(last) if last.updated_at >= from => Next::Wanted,
        _ => Next::NotWanted,
    };
    let list = question.list::<Pull>(PULLS, path, next).await?;
    let mut found = Found { missing: list.cut.into_iter().collect(), ..Found::default() };
    let mut numbers = known_numbers(question, &list.items);
    let (merged, elsewhere) = merged(question, list.items, branches);
    found.searched.push(format!(
        "{} merged into {}",
        counted(merged.len(), "pull request", "pull requests"),
        branches.join(", ")
    ));
    if elsewhere > 0 {
        found.searched.push(format!("{elsewhere} more merged into other branches left out"));
    }
    let most = about.options.limits.pulls;
    if merged.len() > most {
        let rest = merged.len() - most;
        found.missing.push(format!(
            "reviews and commits of the {rest} oldest pull requests: only {most} are looked into"
        ));
    }
    // Collected first: a stream of borrowing closures is not `Send`.
    let looks: Vec<_> = merged.iter().take(most).map(|merged| look(question, merged)).collect();
    let mut looked = futures::stream::iter(looks).buffered(about.options.limits.at_once.max(1));
    let mut asked = Vec::new();
    while let Some(one) = looked.next().await {
        asked.push(one);
    }
    drop(looked);
    let mut asked = asked.into_iter();
    for merged in &merged {
        let changes = tell(question, merged, asked.next(), &mut found.missing);
        numbers.insert(merged.pull.number, changes.iter().map(|change| change.id.clone()).collect());
        found.changes.extend(changes);
    }
    link_reverts(&mut found.changes, &numbers, &about.slug);
    found.missing.sort();
    found.missing.dedup();
    Ok(found)
}

/// The merge commit of each pull request that was read, by its number; for reverts that name a number.
fn known_numbers(question: &Question<'_>, pulls: &[Pull]) -> BTreeMap<u64, Vec<ChangeId>> {
    let known = pulls.iter().filter(|pull| pull.merged_at.is_some_and(|at| at < question.window.until));
    known
        .filter_map(|pull| {
            Some((pull.number, vec![question.about.commit(pull.merge_commit_sha.as_deref()?)?]))
        })
        .collect()
}

/// Those that count, newest first, each once; and how many went to other branches.
fn merged(question: &Question<'_>, pulls: Vec<Pull>, branches: &[String]) -> (Vec<Merged>, usize) {
    let mut by_number = BTreeMap::new();
    let mut elsewhere = 0;
    for pull in pulls {
        let (Some(merged_at), Some(sha)) = (pull.merged_at, pull.merge_commit_sha.clone()) else { continue };
        if !question.window.contains(merged_at) || question.about.commit(&sha).is_none() {
            continue;
        }
        if branches.contains(&pull.base.name) {
            by_number.insert(pull.number, Merged { pull, sha, merged_at });
        } else {
            elsewhere += 1;
        }
    }
    let mut merged: Vec<Merged> = by_number.into_values().collect();
    merged.sort_by_key(|one| Reverse((one.merged_at, one.pull.number)));
    (merged, elsewhere)
}

async fn look(question: &Question<'_>, merged: &Merged) -> Looked {
    let path = question.about.path(&format!("/pulls/{}/reviews?per_page=100", merged.pull.number));
    let reviews = async {
        let list = question.list::<wire::Review>(PULLS, path, |_| Next::Wanted).await?;
        Ok((list.items, list.cut))
    };
    let landing = fetch_landing(question, &merged.pull, &merged.sha);
    let (reviews, landing) = futures::join!(reviews, landing);
    Looked { reviews, landing }
}

/// Makes changes of a pull request and of what was asked about it.
fn tell(
    question: &Question<'_>,
    merged: &Merged,
    looked: Option<Looked>,
    missing: &mut Vec<String>,
) -> Vec<Change> {
    let (reviews, landing) = match looked {
        Some(Looked { reviews, landing }) => (Some(reviews), Some(landing)),
        None => (None, None),
    };
    let login = merged.pull.user.as_ref().map(|user| user.login.as_str());
    let review = match reviews {
        Some(Ok((reviews, cut))) => {
            let review = review(&reviews, login, merged.merged_at);
            // An approval may stand where the list was cut off.
            if review == Review::Missing && cut.is_some() { Review::Unknown } else { review }
        }
        Some(Err(refusal)) => {
            missing.push(format!("some reviews: {refusal}"));
            Review::Unknown
        }
        None => Review::Unknown,
    };
    let landing = match landing {
        Some(Ok(landing)) => {
            missing.extend(landing.cut.clone());
            Some(landing)
        }
        Some(Err(refusal)) => {
            missing.push(format!("some merge commits: {refusal}"));
            None
        }
        None => None,
    };
    changes(question, merged, landing.as_ref(), review)
}

fn changes(
    question: &Question<'_>,
    merged: &Merged,
    landing: Option<&Landing>,
    review: Review,
) -> Vec<Change> {
    let about = question.about;
    let frame = Frame { question, merged, review };
    let (subject, text) = words(question, merged, landing.map(|landing| &landing.commit));
    let Some(id) = about.commit(&merged.sha) else { return Vec::new() };
    let mut whole = frame.change(id, account(merged.pull.user.as_ref()), &subject, &text, None);
    let Some(Landing { commit, shape, .. }) = landing else { return vec![whole] };
    whole.committed_at = committed_at(commit).unwrap_or(merged.merged_at).min(merged.merged_at);
    match shape {
        Shape::OneCommit => {
            whole.paths = paths(commit);
            vec![whole]
        }
        Shape::Merged(own) => {
            let brought: Vec<Change> = own.iter().filter_map(|commit| frame.commit(commit)).collect();
            whole.delivers = brought.iter().map(|change| change.id.clone()).collect();
            // Known to have none of its own only if the commits that have them are told.
            if !brought.is_empty() {
                whole.paths = Paths::Known(Vec::new());
            }
            std::iter::once(whole).chain(brought).collect()
        }
        Shape::Rebased(line) => {
            let mut changes: Vec<Change> = line.iter().filter_map(|commit| frame.commit(commit)).collect();
            if let Some(last) = changes.last_mut() {
                last.paths = paths(commit);
            }
            changes
        }
    }
}

/// What all changes of one pull request have alike.
struct Frame<'a> {
    question: &'a Question<'a>,
    merged: &'a Merged,
    review: Review,
}

impl Frame<'_> {
    fn commit(&self, commit: &Commit) -> Option<Change> {
        let (subject, text) = split_message(&commit.commit.message);
        let id = self.question.about.commit(&commit.sha)?;
        Some(self.change(id, author(commit), subject, text, committed_at(commit)))
    }

    fn change(
        &self,
        id: ChangeId,
        author: Author,
        subject: &str,
        text: &str,
        committed_at: Option<Timestamp>,
    ) -> Change {
        let merged_at = self.merged.merged_at;
        Change {
            id,
            kind: ChangeKind::Commit,
            source: self.question.about.source.clone(),
            services: Vec::new(),
            environment: None,
            delivers: Vec::new(),
            rollout: None,
            committed_at: committed_at.unwrap_or(merged_at).min(merged_at),
            effective_at: merged_at,
            landed: Landed::Yes,
            author,
            title: title(subject),
            body: body(text),
            paths: Paths::Unknown,
            revert: Revert { says: says(subject), ..Revert::default() },
            review: self.review,
            link: link(&self.merged.pull.html_url),
        }
    }
}

/// Title and description as they were by the window's end. GitHub keeps no history of them, so those of a pull request
/// that was touched later are read from its commit, which can't change.
fn words(question: &Question<'_>, merged: &Merged, commit: Option<&Commit>) -> (String, String) {
    let pull = &merged.pull;
    if pull.updated_at < question.window.until {
        return (pull.title.clone(), pull.body.clone().unwrap_or_default());
    }
    let Some(commit) = commit else { return (format!("Pull request #{}", pull.number), String::new()) };
    let (subject, text) = split_message(&commit.commit.message);
    // The title stands below GitHub's own first line.
    if subject.starts_with("Merge pull request #") && !text.is_empty() {
        let (subject, text) = split_message(text);
        return (subject.to_owned(), text.to_owned());
    }
    (subject.to_owned(), text.to_owned())
}

fn committed_at(commit: &Commit) -> Option<Timestamp> {
    commit.commit.committer.as_ref().or(commit.commit.author.as_ref())?.date
}

/// The words that GitHub's revert button writes.
fn says(title: &str) -> Says {
    if title.starts_with("Revert \"Revert ") {
        Says::Relands
    } else if title.starts_with("Revert \"") {
        Says::Reverts
    } else {
        Says::Nothing
    }
}

/// Links reverts to what they revert: GitHub's button writes `Reverts owner/name#12` and no commit id.
fn link_reverts(changes: &mut [Change], numbers: &BTreeMap<u64, Vec<ChangeId>>, slug: &Slug) {
    let mut undone: Vec<(ChangeId, RevertedBy)> = Vec::new();
    for change in changes.iter_mut().filter(|change| change.revert.says == Says::Reverts) {
        let Some(number) = reverted_number(change.body.as_untrusted(), slug) else { continue };
        for target in numbers.get(&number).into_iter().flatten().filter(|target| **target != change.id) {
            change.revert.reverts.push(target.clone());
            undone.push((target.clone(), RevertedBy { by: change.id.clone(), at: change.effective_at }));
        }
    }
    for (target, by) in undone {
        for change in changes.iter_mut().filter(|change| change.id == target) {
            change.revert.reverted_by.push(by.clone());
        }
    }
}

fn reverted_number(text: &str, slug: &Slug) -> Option<u64> {
    text.lines().find_map(|line| {
        let named = line.trim().strip_prefix("Reverts ")?;
        let (repository, number) = named.split_once('#')?;
        let is_ours =
            repository.is_empty() || repository.parse::<Slug>().is_ok_and(|other| other.is_same(slug));
        let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
        if is_ours { digits.parse().ok() } else { None }
    })
}

/// The files of a commit with one parent, if GitHub listed them all.
fn paths(commit: &Commit) -> Paths {
    match &commit.files {
        Some(files) if files.len() < LISTED_FILES => {
            let mut paths: Vec<PathChange> = files.iter().flat_map(path_changes).collect();
            paths.sort_by(|a, b| a.path.cmp(&b.path));
            Paths::Known(paths)
        }
        _ => Paths::Unknown,
    }
}

/// As git without rename detection: a file that was moved and edited is two, the new and the one that is gone.
fn path_changes(file: &File) -> Vec<PathChange> {
    let counted = Lines::Counted { added: file.additions, deleted: file.deletions };
    let lines = match (&file.patch, file.additions.saturating_add(file.deletions)) {
        (None, 0) if file.status == "modified" => Lines::Binary,
        _ => counted,
    };
    let path = RepoPath::from(file.filename.as_str());
    let before = file.previous_filename.as_deref().filter(|_| file.status == "renamed").map(RepoPath::from);
    let Some(before) = before else { return vec![PathChange { path, lines, moved_from: None }] };
    if lines == (Lines::Counted { added: 0, deleted: 0 }) {
        return vec![PathChange { path, lines, moved_from: Some(before) }];
    }
    let gone = PathChange { path: before, lines: Lines::Unknown, moved_from: None };
    vec![PathChange { path, lines: Lines::Unknown, moved_from: None }, gone]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revert_names_its_pull_request() {
        let slug: Slug = "octo/checkout".parse().unwrap();
        for (text, expect) in [
            ("Reverts octo/checkout#12", Some(12)),
            ("Reverts Octo/Checkout#12\n\nWhy.", Some(12)),
            ("Reverts #7", Some(7)),
            ("Reverts octo/other#12", None),
            ("Reverts octo/checkout#", None),
            ("It reverts octo/checkout#12", None),
            ("", None),
        ] {
            assert_eq!(reverted_number(text, &slug), expect, "{text}");
        }
    }

    #[test]
    fn files_are_told_as_git_tells_them() {
        let file = |status: &str, before: Option<&str>, added: u32, deleted: u32, patch: bool| -> File {
            serde_json::from_value(serde_json::json!({
                "filename": "b.rs", "previous_filename": before, "status": status,
                "additions": added, "deletions": deleted, "patch": patch.then_some("@@"),
            }))
            .unwrap()
        };
        let told = |file: File| -> Vec<String> {
            path_changes(&file)
                .iter()
                .map(|p| {
                    format!(
                        "{} {:?} {:?}",
                        p.path.as_str(),
                        p.lines,
                        p.moved_from.as_ref().map(RepoPath::as_str)
                    )
                })
                .collect()
        };
        assert_eq!(told(file("modified", None, 3, 1, true)), ["b.rs Counted { added: 3, deleted: 1 } None"]);
        assert_eq!(told(file("modified", None, 0, 0, false)), ["b.rs Binary None"]);
        assert_eq!(
            told(file("renamed", Some("a.rs"), 0, 0, false)),
            ["b.rs Counted { added: 0, deleted: 0 } Some(\"a.rs\")"]
        );
        assert_eq!(
            told(file("renamed", Some("a.rs"), 2, 1, true)),
            ["b.rs Unknown None", "a.rs Unknown None"]
        );
    }
}
