//! How a merged pull request came to stand on the main line: as a merge, squashed to one commit, or rebased commit by
//! commit. GitHub does not say; the merge commit's parents and messages do. Pure but for [`fetch_landing`].

use crate::cache::Holds;
use crate::question::{Next, Question};
use crate::refusal::{COMMITS, PULLS, Refusal};
use crate::slug::is_sha;
use crate::text::split_message;
use crate::wire::{Commit, Pull};

/// A pull request lists no more commits than these (docs.github.com, "List commits on a pull request").
const LISTED_COMMITS: usize = 250;

/// How a pull request landed.
#[derive(Debug)]
pub(crate) struct Landing {
    /// The commit that GitHub names as its merge.
    pub(crate) commit: Commit,
    pub(crate) shape: Shape,
    /// What was not read.
    pub(crate) cut: Option<String>,
}

/// The shape it landed in.
#[derive(Debug)]
pub(crate) enum Shape {
    /// A merge of these commits, oldest first.
    Merged(Vec<Commit>),
    /// One commit: squashed, or there was only one.
    OneCommit,
    /// These commits of the main line, oldest first; the last is the one that GitHub names.
    Rebased(Vec<Commit>),
}

/// Asks for what tells how `pull` landed as `sha`.
pub(crate) async fn fetch_landing(
    question: &Question<'_>,
    pull: &Pull,
    sha: &str,
) -> Result<Landing, Refusal> {
    let about = question.about;
    let commit: Commit =
        question.fetch(COMMITS, about.path(&format!("/commits/{sha}")), Holds::ForEver).await?;
    if commit.parents.len() < 2 && says_squashed(&commit, pull.number) {
        return Ok(Landing { commit, shape: Shape::OneCommit, cut: None });
    }
    let path = about.path(&format!("/pulls/{}/commits?per_page=100", pull.number));
    let own = match question.list::<Commit>(PULLS, path, |_| Next::Wanted).await {
        Ok(own) => own,
        Err(refusal) => return Ok(landed_alone(commit, &refusal)),
    };
    let mut cut = own.cut;
    if own.items.len() >= LISTED_COMMITS {
        cut = Some(format!("commits of #{} beyond the first {LISTED_COMMITS}", pull.number));
    }
    if commit.parents.len() >= 2 {
        return Ok(Landing { commit, shape: Shape::Merged(own.items), cut });
    }
    if !is_rebased(&commit, &own.items) {
        return Ok(Landing { commit, shape: Shape::OneCommit, cut: None });
    }
    let wanted = own.items.len().min(100);
    let path = about.path(&format!("/commits?sha={sha}&per_page={wanted}"));
    match question.fetch::<Vec<Commit>>(COMMITS, path, Holds::ForEver).await {
        Ok(line) => {
            let rebased = rebased(line, &own.items);
            let shape = if rebased.len() > 1 { Shape::Rebased(rebased) } else { Shape::OneCommit };
            Ok(Landing { commit, shape, cut })
        }
        Err(refusal) => Ok(landed_alone(commit, &refusal)),
    }
}

fn landed_alone(commit: Commit, refusal: &Refusal) -> Landing {
    let cut = Some(format!("which commits a pull request brought: {refusal}"));
    let is_merge = commit.parents.len() >= 2;
    let shape = if is_merge { Shape::Merged(Vec::new()) } else { Shape::OneCommit };
    Landing { commit, shape, cut }
}

/// GitHub ends the first line of a squashed commit with the number, unless somebody edits it.
fn says_squashed(commit: &Commit, number: u64) -> bool {
    split_message(&commit.commit.message).0.ends_with(&format!("(#{number})"))
}

/// Rebasing keeps messages: the last commit's is that of the last of several.
fn is_rebased(commit: &Commit, own: &[Commit]) -> bool {
    own.len() > 1 && own.last().is_some_and(|last| is_same_message(last, commit))
}

fn is_same_message(a: &Commit, b: &Commit) -> bool {
    a.commit.message.trim() == b.commit.message.trim()
}

/// The newest of the main line (newest first) that follow one another and bear the messages of `own` (oldest first).
fn rebased(line: Vec<Commit>, own: &[Commit]) -> Vec<Commit> {
    let mut found: Vec<Commit> = Vec::new();
    for (commit, original) in line.into_iter().zip(own.iter().rev()) {
        let follows = found
            .last()
            .is_none_or(|child| matches!(child.parents.as_slice(), [parent] if parent.sha == commit.sha));
        if !follows || !is_sha(&commit.sha) || !is_same_message(&commit, original) {
            break;
        }
        found.push(commit);
    }
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(sha: char, parents: &[char], message: &str) -> Commit {
        let full = |c: char| c.to_string().repeat(40);
        let parents: Vec<_> = parents.iter().map(|p| serde_json::json!({"sha": full(*p)})).collect();
        let json = serde_json::json!({"sha": full(sha), "parents": parents, "commit": {"message": message}});
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn rebased_commits_follow_one_another_and_keep_their_messages() {
        let own = [commit('1', &[], "Add"), commit('2', &['1'], "Use")];
        let line = || vec![commit('b', &['a'], "Use"), commit('a', &['0'], "Add\n")];
        let shas = |found: Vec<Commit>| found.iter().map(|c| c.sha[..1].to_owned()).collect::<String>();
        assert_eq!(shas(rebased(line(), &own)), "ab");
        let mut other = line();
        other[1] = commit('9', &['0'], "Add");
        assert_eq!(shas(rebased(other, &own)), "b");
        let mut edited = line();
        edited[1] = commit('a', &['0'], "Something else");
        assert_eq!(shas(rebased(edited, &own)), "b");
    }

    #[test]
    fn a_squash_is_told_by_its_number_or_its_own_message() {
        assert!(says_squashed(&commit('a', &['0'], "Fix cart (#12)\n\n* one"), 12));
        assert!(!says_squashed(&commit('a', &['0'], "Fix cart (#1)"), 12));
        let own = [commit('1', &[], "Add"), commit('2', &['1'], "Use")];
        assert!(is_rebased(&commit('b', &['a'], "Use\n"), &own));
        assert!(!is_rebased(&commit('b', &['a'], "Fix cart"), &own));
        assert!(!is_rebased(&commit('b', &['a'], "Use"), &own[1..]));
    }
}
