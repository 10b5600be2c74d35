//! What was found at a target right before a write: what would be done, what refuses it, whether it was done. Rehearsing
//! shows it, executing obeys it, so both say the same.

use hearback_core::action::Receipt;

use crate::cache::Holds;
use crate::question::Question;
use crate::redeploy_ways::said;
use crate::refusal::{BRANCHES, REPOSITORY, Refusal};
use crate::wire::{GitRef, Repository};

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// What would be done, in plain sentences.
    pub(crate) says: Vec<String>,
    /// Why not, if not; the first reason.
    pub(crate) refuses: Option<String>,
    /// It was done before.
    pub(crate) done: Option<Receipt>,
}

impl Survey {
    pub(crate) fn say(&mut self, sentence: String) {
        self.says.push(sentence);
    }

    /// The first reason stands.
    pub(crate) fn refuse(&mut self, why: String) {
        self.refuses.get_or_insert(why);
    }

    /// Whether anything more is worth asking for.
    pub(crate) fn is_settled(&self) -> bool {
        self.refuses.is_some() || self.done.is_some()
    }
}

/// Asks for the repository; refuses one that is called otherwise by now, because a write would be sent on from its old
/// name to another.
pub(crate) async fn fetch_repository(
    question: &Question<'_>,
    survey: &mut Survey,
) -> Result<Repository, Refusal> {
    let about = question.about;
    let repository: Repository = question.fetch(REPOSITORY, about.path(""), Holds::WhileUnchanged).await?;
    if !repository.full_name.eq_ignore_ascii_case(&about.slug.to_string()) {
        let name = said(&repository.full_name);
        survey.refuse(format!("{} is called {name} on GitHub now; set that name", about.slug));
    }
    Ok(repository)
}

/// The commit that a branch stands at; none if there is no such branch.
pub(crate) async fn fetch_branch(question: &Question<'_>, branch: &str) -> Result<Option<String>, Refusal> {
    let Some(segments) = path_segments(branch) else { return Ok(None) };
    let path = question.about.path(&format!("/git/ref/heads{segments}"));
    match question.fetch::<GitRef>(BRANCHES, path, Holds::WhileUnchanged).await {
        Ok(found) => Ok(Some(found.object.sha)),
        Err(Refusal::NotFound(_)) => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

/// `/a/b%23c`
fn path_segments(name: &str) -> Option<String> {
    let mut url = url::Url::parse("https://github.com").ok()?;
    url.path_segments_mut().ok()?.clear().extend(name.split('/'));
    Some(url.path().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_stands_in_a_path_as_it_is() {
        for (branch, expect) in [
            ("main", "/main"),
            ("hearback/INC-3", "/hearback/INC-3"),
            ("a#b?%c", "/a%23b%3F%25c"),
            ("ü", "/%C3%BC"),
        ] {
            assert_eq!(path_segments(branch).as_deref(), Some(expect));
        }
    }
}
