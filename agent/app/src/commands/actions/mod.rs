//! What the copilot proposed, and what became of it: `hearback proposals`, `show`, `approve`, `reject`, `audit` and `target`.

mod audit;
mod decide;
mod list;
mod target;

pub use audit::{Audited, audited, run as audit};
pub use decide::{approve, reject};
pub use list::{proposals, show, views};
pub use target::run as target;

use anyhow::Result;
use hearback_core::access::{Reach, Right, Token};
use hearback_core::entry::Actor;
use hearback_core::ids::ProposalId;
use hearback_core::ports::TokenStore;
use hearback_core::{Digest, IncidentId};
use hearback_engine::incidents::load;
use hearback_engine::proposed::ProposalView;
use hearback_record::Record;
use jiff::Timestamp;

use crate::cli::Key;
use crate::output::Usage;
use crate::wiring::server;

/// The least letters of a digest that tell it from others.
const DIGEST_LETTERS: usize = 8;

/// A proposal's id as it was typed.
pub fn proposal_id(text: &str) -> Result<ProposalId> {
    let named = ProposalId::new(text.trim().to_ascii_uppercase());
    Ok(named.map_err(|error| Usage(format!("{error}; `hearback proposals` shows those there are")))?)
}

/// A stored proposal.
///
/// # Errors
/// [`Usage`]: there is none.
pub async fn stored(record: &dyn Record, id: &ProposalId, now: Timestamp) -> Result<ProposalView> {
    let no_such = || Usage(format!("there is no proposal {id}; `hearback proposals` shows those there are"));
    let of: IncidentId = id.incident().ok_or_else(no_such)?;
    let entries = match load(record, &of).await {
        Err(hearback_core::ports::RecordError::NoSuchIncident(_)) => return Err(no_such().into()),
        loaded => loaded?.0,
    };
    let incident = hearback_core::Incident::as_of(of, &entries, Timestamp::MAX);
    let seen = incident.proposals.get(id).ok_or_else(no_such)?;
    ProposalView::of(seen, now).ok_or_else(|| anyhow::anyhow!("the digest of {id} can't be made"))
}

/// The whole digest of what somebody saw: the beginning of it is enough to tell it from another. What does not fit is
/// refused here, before it is written down as a decision about something else.
pub fn whole_digest(view: &ProposalView, seen: &str) -> Result<Digest> {
    let (seen, stored) = (seen.trim().to_ascii_lowercase(), view.digest.to_string());
    if seen.len() < DIGEST_LETTERS {
        let says = format!(
            "--digest: give at least {DIGEST_LETTERS} letters of it, as `hearback show {}` tells it",
            view.id
        );
        return Err(Usage(says).into());
    }
    if stored.starts_with(&seen) {
        return Ok(view.digest);
    }
    let says = format!(
        "--digest: what you saw is not what is proposed now; look at it again: hearback show {}",
        view.id
    );
    Err(Usage(says).into())
}

/// Whose token it is, checked against the record: a name that anybody may type is no identity.
///
/// # Errors
/// [`Usage`]: there is no token, it is not known, is over, or may not do this.
pub async fn holder(
    tokens: &dyn TokenStore,
    key: &Key,
    right: Right,
    about: Option<&IncidentId>,
    now: Timestamp,
) -> Result<Actor> {
    let text = server::token_text(key.token_file.as_deref())?.ok_or_else(|| {
        Usage(format!(
            "it must be known who you are: set HEARBACK_TOKEN, or name a file with --token-file (hearback token add NAME \
             --right {right})"
        ))
    })?;
    let refuse = |error: hearback_core::access::Refused| Usage(error.to_string());
    let unknown = || refuse(hearback_core::access::Refused::Unknown);
    let id = Token::id_in(&text).ok_or_else(unknown)?;
    let token = tokens.token(id).await?.ok_or_else(unknown)?;
    token.admit(&text, now).map_err(refuse)?;
    if !token.may(right) {
        return Err(
            Usage(format!("this token may not {right}; ask for one that may: hearback token add")).into()
        );
    }
    match (about, &token.reach) {
        (Some(incident), _) if !token.reaches(incident) => {
            Err(Usage(format!("this token does not reach {incident}")).into())
        }
        (None, Reach::Incidents(_)) => {
            Err(Usage("this token reaches named incidents only, and this is not about one".into()).into())
        }
        _ if matches!(token.holder, Actor::System(_)) => {
            Err(Usage("this token is a program's; a person must decide".into()).into())
        }
        _ => Ok(token.holder),
    }
}
