//! Releases as names of commits. A release moves nothing in production by itself, as a tag does not: it gets the id of
//! its tag in git, so that both are one change and the analysts treat it as a name. It must not know deployments.

use hearback_core::Change;
use hearback_core::change::{ChangeKind, Landed, Paths, Revert, Review};
use hearback_core::ids::{ChangeId, SourceName};
use jiff::Timestamp;

use crate::question::{Found, Next, Question};
use crate::refusal::{RELEASES, Refusal};
use crate::text::{account, body, counted, link, title};
use crate::wire::Release;

/// The releases published inside the window.
pub(crate) async fn fetch_releases(question: &Question<'_>) -> Result<Found, Refusal> {
    let about = question.about;
    let from = question.window.from;
    // The order is not promised, so one page further than needed is read: a page with none from the window on ends it.
    let next = |page: &[Release]| {
        let newest = page.iter().filter_map(|release| release.published_at).max();
        if newest.is_some_and(|at| at >= from) { Next::Wanted } else { Next::NotWanted }
    };
    let list = question.list::<Release>(RELEASES, about.path("/releases?per_page=100"), next).await?;
    let inside = list.items.iter().filter(|release| !release.draft).filter_map(|release| {
        let at = release.published_at.filter(|at| question.window.contains(*at))?;
        change(release, at, &about.repository, &about.source)
    });
    let changes: Vec<Change> = inside.collect();
    Ok(Found {
        searched: vec![counted(changes.len(), "release", "releases")],
        changes,
        missing: list.cut.into_iter().collect(),
    })
}

/// A release as a change. The git connector names a tag `git:repository:tag/name`.
pub(crate) fn change(
    release: &Release,
    at: Timestamp,
    repository: &str,
    source: &SourceName,
) -> Option<Change> {
    let name =
        release.name.as_deref().map(str::trim).filter(|name| !name.is_empty() && *name != release.tag_name);
    let subject = match name {
        Some(name) => format!("release {}: {name}", release.tag_name),
        None => format!("release {}", release.tag_name),
    };
    Some(Change {
        id: ChangeId::new(format!("git:{repository}:tag/{}", release.tag_name)).ok()?,
        kind: ChangeKind::Deploy,
        source: source.clone(),
        services: Vec::new(),
        environment: None,
        delivers: Vec::new(),
        rollout: None,
        committed_at: at,
        effective_at: at,
        landed: Landed::Yes,
        author: account(release.author.as_ref()),
        title: title(&subject),
        body: body(release.body.as_deref().unwrap_or_default()),
        paths: Paths::Known(Vec::new()),
        revert: Revert::default(),
        review: Review::Unknown,
        link: link(&release.html_url),
    })
}
