//! Invented commits for tests.

use hearback_core::ExternalText;
use hearback_core::change::{
    Author, Change, ChangeKind, Landed, Nature, Paths, Revert, RevertedBy, Review, Says,
};
use hearback_core::ids::{ChangeId, SourceName};
use jiff::{SignedDuration, Timestamp};

/// The sha of the commit with this number.
pub(crate) fn sha(n: u32) -> String {
    format!("ab{n:06x}{n:032}")
}

fn id(n: u32) -> ChangeId {
    ChangeId::commit("shop", &sha(n)).unwrap()
}

/// So many hours into the history.
pub(crate) fn at(hours: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 50 + hours)
}

/// A commit.
pub(crate) fn commit(n: u32, hours: i64, title: &str, body: &str) -> Change {
    Change {
        id: id(n),
        kind: ChangeKind::Commit,
        source: SourceName::new("git:shop").unwrap(),
        services: Vec::new(),
        environment: None,
        delivers: Vec::new(),
        rollout: None,
        committed_at: at(hours),
        effective_at: at(hours),
        landed: Landed::Yes,
        author: Author { name: ExternalText::from("Ada"), email: None, nature: Nature::Person },
        title: ExternalText::from(title),
        body: ExternalText::from(body),
        paths: Paths::Known(Vec::new()),
        revert: Revert::default(),
        review: Review::Unknown,
        link: None,
    }
}

/// A commit that reverts others.
pub(crate) fn revert(n: u32, hours: i64, title: &str, body: &str, reverts: &[u32]) -> Change {
    let mut change = commit(n, hours, title, body);
    change.revert.says = Says::Reverts;
    change.revert.reverts = reverts.iter().map(|&n| id(n)).collect();
    change
}

/// A commit that lands others again.
pub(crate) fn reland(n: u32, hours: i64, title: &str, reverts: &[u32], relands: &[u32]) -> Change {
    let mut change = revert(n, hours, title, "", reverts);
    change.revert.says = Says::Relands;
    change.revert.relands = relands.iter().map(|&n| id(n)).collect();
    change
}

/// The merge of others.
pub(crate) fn merge(n: u32, hours: i64, title: &str, delivers: &[u32]) -> Change {
    let mut change = commit(n, hours, title, "");
    change.delivers = delivers.iter().map(|&n| id(n)).collect();
    change
}

/// `change`, with what the reverts among `others` mean for it.
pub(crate) fn reverted(mut change: Change, others: &[&Change]) -> Change {
    let by = others.iter().filter(|other| other.revert.reverts.contains(&change.id));
    change.revert.reverted_by =
        by.map(|other| RevertedBy { by: other.id.clone(), at: other.effective_at }).collect();
    change
}
