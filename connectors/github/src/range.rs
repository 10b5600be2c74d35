//! What lies between two rollouts of the same place, as the compare API tells: commits brought, commits taken out. It
//! must not know what rolled out or where.

use hearback_core::change::Says;
use hearback_core::ids::ChangeId;

use crate::question::{Next, Question};
use crate::refusal::{COMMITS, Refusal};
use crate::slug::short;
use crate::text::counted;
use crate::wire::{Comparison, Parent};

/// Which way a place moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Course {
    /// It lost nothing.
    #[default]
    Forward,
    /// It lost commits: a rollback, or a step to another line.
    Back,
}

impl Course {
    /// What a rollout that moved this way says of reverting.
    pub(crate) fn says(self) -> Says {
        match self {
            Course::Forward => Says::Nothing,
            Course::Back => Says::Reverts,
        }
    }
}

/// The commits between two rollouts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Range {
    /// Commits that came, oldest first.
    pub(crate) delivers: Vec<ChangeId>,
    /// Commits that went, oldest first.
    pub(crate) takes_out: Vec<ChangeId>,
    pub(crate) course: Course,
    /// What the range is, if it is not simply forward.
    pub(crate) says: Option<String>,
    /// What was not read.
    pub(crate) cut: Option<String>,
}

/// Reads the range from the commit that ran before to the one that runs after.
pub(crate) async fn fetch_range(
    question: &Question<'_>,
    before: &str,
    after: &str,
) -> Result<Range, Refusal> {
    if before == after {
        let says = Some(format!("{} again: no new commit", short(after)));
        return Ok(Range { says, ..Range::default() });
    }
    let forward = fetch_commits(question, before, after).await?;
    let mut range = Range { delivers: forward.commits, cut: forward.cut, ..Range::default() };
    if forward.behind_by == 0 {
        return Ok(range);
    }
    range.course = Course::Back;
    let back = fetch_commits(question, after, before).await;
    let gone = counted(usize::try_from(forward.behind_by).unwrap_or(usize::MAX), "commit", "commits");
    range.says = Some(if forward.is_back {
        format!("rolled back from {} to {}: {gone} taken out", short(before), short(after))
    } else {
        format!(
            "moved from {} to {}, which is on another line: {gone} taken out",
            short(before),
            short(after)
        )
    });
    match back {
        Ok(back) => {
            range.takes_out = back.commits;
            range.cut = range.cut.or(back.cut);
        }
        Err(refusal) => range.cut = Some(format!("which commits were taken out: {refusal}")),
    }
    Ok(range)
}

struct Commits {
    commits: Vec<ChangeId>,
    behind_by: u64,
    is_back: bool,
    cut: Option<String>,
}

/// The commits of `head` that `base` has not, as many as may be named.
async fn fetch_commits(question: &Question<'_>, base: &str, head: &str) -> Result<Commits, Refusal> {
    let most = question.about.options.limits.range_commits;
    let path = question.about.path(&format!("/compare/{base}...{head}?per_page=100&page=1"));
    let (mut first, mut read) = (None, 0);
    let items_of = |page: Comparison| {
        first.get_or_insert((page.total_commits, page.behind_by, page.status == "behind"));
        page.commits
    };
    let next = |page: &[Parent]| {
        read += page.len();
        if read < most { Next::Wanted } else { Next::NotWanted }
    };
    let list = question.list_in(COMMITS, path, items_of, next).await?;
    let (total, behind_by, is_back) = first.ok_or(Refusal::Unreadable(COMMITS))?;
    let named: Vec<ChangeId> =
        list.items.iter().take(most).filter_map(|commit| question.about.commit(&commit.sha)).collect();
    let cut = (u64::try_from(named.len()).unwrap_or(u64::MAX) < total)
        .then(|| format!("only the first {} of {total} commits are named", named.len()));
    Ok(Commits { commits: named, behind_by, is_back, cut })
}
