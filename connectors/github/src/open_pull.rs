//! Opens a pull request for a branch that was pushed. The key of the approval stands at the end of its description, in a
//! comment that is not shown, so that it is found again. It must not know how a write is sent.

use hearback_core::ExternalText;
use hearback_core::action::{IdempotencyKey, OpenPullRequest, Receipt};
use hearback_core::ports::Trace;
use serde_json::json;

use crate::question::{Next, Question};
use crate::redeploy_ways::{is_branch, said};
use crate::refusal::{OPENED_PULLS, PULLS, Refusal};
use crate::slug::{is_sha, short};
use crate::survey::{Survey, fetch_branch, fetch_repository};
use crate::text::link;
use crate::wire::Opened;
use crate::write::Write;

/// GitHub takes no longer title.
const TITLE_CHARS: usize = 256;
/// GitHub takes no longer description.
const BODY_CHARS: usize = 65_536;
/// What is kept of that for the key.
const MARK_CHARS: usize = 100;

/// Looks at the branches and at what is open already.
pub(crate) async fn survey(
    question: &Question<'_>,
    open: &OpenPullRequest,
    key: Option<&IdempotencyKey>,
) -> Result<Survey, Refusal> {
    let mut survey = Survey::default();
    let OpenPullRequest { head, commit, base, title, body, .. } = open;
    let fits = is_branch(head) && is_branch(base) && head != base && is_sha(commit);
    if !fits {
        survey.refuse("it does not name two branches and the full sha of a commit".to_owned());
        return Ok(survey);
    }
    if title.trim().is_empty() || title.chars().count() > TITLE_CHARS || title.contains(char::is_control) {
        survey.refuse(format!("its title must be one line of 1 to {TITLE_CHARS} characters"));
    }
    if body.chars().count() > BODY_CHARS - MARK_CHARS {
        survey.refuse(format!("its description is longer than {} characters", BODY_CHARS - MARK_CHARS));
    }
    survey.say(format!(
        "open a {}pull request for {}, which stands at {}, into {} of {}",
        as_draft(open),
        said(head),
        short(commit),
        said(base),
        question.about.slug
    ));
    survey.say(format!("its title is \"{}\"", ExternalText::new(title).for_people(120)));
    fetch_repository(question, &mut survey).await?;
    if survey.is_settled() {
        return Ok(survey);
    }
    let pulls = fetch_pulls(question, open).await?;
    survey.done = key.and_then(|key| of_key(&pulls, key)).map(|pull| receipt(question, open, pull));
    if let Some(other) = pulls.iter().find(|pull| pull.state == "open") {
        survey.refuse(format!("pull request #{} is open for {} already", other.number, said(head)));
    }
    if survey.is_settled() {
        return Ok(survey);
    }
    let (at, base_at) =
        futures::future::try_join(fetch_branch(question, head), fetch_branch(question, base)).await?;
    match at {
        None => survey.refuse(format!("there is no branch {} on GitHub", said(head))),
        Some(at) if at != *commit => {
            survey.refuse(format!(
                "{} stands at {}, not at {}",
                said(head),
                short(&said(&at)),
                short(commit)
            ));
        }
        Some(_) => {}
    }
    if base_at.is_none() {
        survey.refuse(format!("there is no branch {} on GitHub", said(base)));
    }
    Ok(survey)
}

/// What is sent.
pub(crate) fn write(question: &Question<'_>, open: &OpenPullRequest, key: &IdempotencyKey) -> Write {
    let description = open.body.trim_end();
    let gap = if description.is_empty() { "" } else { "\n\n" };
    let mut body = json!({
        "title": open.title, "head": open.head, "base": open.base,
        "body": format!("{description}{gap}{}", mark(key)),
    });
    if let (true, Some(body)) = (open.draft, body.as_object_mut()) {
        body.insert("draft".to_owned(), true.into());
    }
    Write { part: OPENED_PULLS, path: question.about.path("/pulls"), body }
}

/// Whether GitHub refused it for being a draft, which not every plan has. It is never opened as another instead: what was
/// approved can't be merged before somebody says so.
pub(crate) fn wants_no_draft(open: &OpenPullRequest, status: u16, says: &str) -> bool {
    open.draft && status == 422 && says.to_ascii_lowercase().contains("draft pull request")
}

/// Reads what GitHub answers to it.
pub(crate) fn taken(
    question: &Question<'_>,
    open: &OpenPullRequest,
    status: u16,
    body: &[u8],
) -> Option<Receipt> {
    let pull: Opened = serde_json::from_slice(body).ok()?;
    (status == 201).then(|| receipt(question, open, &pull))
}

/// Looks for the pull request of this key, open or not.
pub(crate) async fn find(
    question: &Question<'_>,
    open: &OpenPullRequest,
    key: &IdempotencyKey,
) -> Result<Trace, Refusal> {
    let pulls = fetch_pulls(question, open).await?;
    Ok(match of_key(&pulls, key) {
        Some(pull) => Trace::Done(receipt(question, open, pull)),
        None => Trace::NotFound(format!(
            "no pull request for {} into {} of {} was opened by it",
            said(&open.head),
            said(&open.base),
            question.about.slug
        )),
    })
}

/// The pull requests of the same branches, open or not, the newest hundred.
async fn fetch_pulls(question: &Question<'_>, open: &OpenPullRequest) -> Result<Vec<Opened>, Refusal> {
    let slug = &question.about.slug;
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("state", "all")
        .append_pair("head", &format!("{}:{}", slug.owner(), open.head))
        .append_pair("base", &open.base)
        .append_pair("per_page", "100")
        .finish();
    let path = question.about.path(&format!("/pulls?{query}"));
    let mut pulls = question.list::<Opened>(PULLS, path, |_| Next::NotWanted).await?.items;
    // GitHub lists all if it does not like the filter.
    pulls.retain(|pull| {
        let ours = |name: &str| name.eq_ignore_ascii_case(&slug.to_string());
        pull.head.name == open.head
            && pull.base.name == open.base
            && pull.head.repo.as_ref().is_some_and(|repo| ours(&repo.full_name))
    });
    Ok(pulls)
}

fn as_draft(open: &OpenPullRequest) -> &'static str {
    if open.draft { "draft " } else { "" }
}

fn of_key<'a>(pulls: &'a [Opened], key: &IdempotencyKey) -> Option<&'a Opened> {
    let mark = mark(key);
    pulls.iter().find(|pull| pull.body.as_deref().is_some_and(|body| body.contains(&mark)))
}

fn mark(key: &IdempotencyKey) -> String {
    format!("<!-- {} -->", key.as_str())
}

fn receipt(question: &Question<'_>, open: &OpenPullRequest, pull: &Opened) -> Receipt {
    let number = pull.number;
    let mut says = format!(
        "opened {}pull request #{number} for {} into {} of {}",
        as_draft(open),
        said(&open.head),
        said(&open.base),
        question.about.slug
    );
    if pull.head.sha != open.commit {
        let at = said(&pull.head.sha);
        says.push_str(&format!("; the branch has moved to {} since, which was not approved", short(&at)));
    }
    if open.draft && pull.draft == Some(false) {
        says.push_str("; it is no draft now");
    }
    says.push_str(match (pull.merged_at, pull.state.as_str()) {
        (Some(_), _) => "; it was merged since",
        (None, "closed") => "; it was closed since",
        _ => "; to take it back, close it",
    });
    Receipt { says, link: link(&pull.html_url), inverse: None, made: Some(number.to_string()) }
}
