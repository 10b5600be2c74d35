//! `/v1/proposals` and `/v1/audit`: what was proposed, what is decided about it, what was done.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use hearback_core::access::{Right, Token};
use hearback_core::approval::{Decided as Verdict, Decision};
use hearback_core::{Digest, ExternalText, Incident, ProposalId};
use hearback_engine::proposed::ProposalView;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::commands::actions::{Audited, audited, stored, views};
use crate::serve::deciding::decide;
use crate::serve::doors::{Allowed, Approve, Asked, Everywhere, InIncident, InPath, Read, Sent, reaches};
use crate::serve::problem::Problem;
use crate::serve::service::Service;
use crate::wiring::server::Decided;

/// The longest reason that is taken, in bytes.
const WHY_BYTES: usize = 2000;
/// How long an answer waits for the end of an action. One that takes longer goes on.
const WAIT_FOR_END: Duration = Duration::from_secs(20);

/// A proposal, in a path.
#[derive(Deserialize, JsonSchema)]
pub struct Named {
    /// The proposal: INC-17.P2.
    proposal: String,
}

impl Named {
    fn id(&self, token: &Token) -> Result<ProposalId, Problem> {
        let id = ProposalId::new(self.proposal.to_ascii_uppercase());
        let id = id.map_err(|error| Problem::bad(error.to_string()))?;
        let incident = id.incident().ok_or_else(|| Problem::missing(format!("there is no proposal {id}")))?;
        reaches(token, &incident)?;
        Ok(id)
    }
}

/// Everything that was proposed in the incidents that the token reaches, oldest incident first.
pub async fn list(
    State(service): State<Arc<Service>>,
    allowed: Allowed<Read>,
) -> Result<Json<Vec<ProposalView>>, Problem> {
    let now = Timestamp::now();
    let mut incidents = service.incidents().lock().await;
    incidents.refresh(service.parts.record.as_ref()).await?;
    let mut reached: Vec<&Incident> = incidents.all().filter(|i| allowed.token.reaches(&i.id)).collect();
    reached.sort_by_key(|incident| incident.declared_at.map(|(at, _)| at));
    let seen = reached.into_iter().flat_map(|incident| incident.proposals.values());
    Ok(Json(seen.filter_map(|seen| ProposalView::of(seen, now)).collect()))
}

/// What was proposed in an incident.
pub async fn of_incident(
    State(service): State<Arc<Service>>,
    caller: InIncident<Read>,
) -> Result<Json<Vec<ProposalView>>, Problem> {
    service.incident(&caller.id).await?;
    Ok(Json(views(service.parts.record.as_ref(), Some(&caller.id), Timestamp::now()).await?))
}

/// A proposal in full.
pub async fn show(
    State(service): State<Arc<Service>>,
    allowed: Allowed<Read>,
    InPath(named): InPath<Named>,
) -> Result<Json<ProposalView>, Problem> {
    let id = named.id(&allowed.token)?;
    Ok(Json(stored(service.parts.record.as_ref(), &id, Timestamp::now()).await.map_err(Problem::gone)?))
}

/// What is decided.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// The whole digest of what was shown: 64 letters.
    digest: String,
    /// `approve`, `reject`, or `break_glass`.
    #[schemars(with = "String")]
    verdict: Verdict,
    /// Why; needed to reject and to break the glass.
    #[serde(default)]
    why: String,
}

/// Decides about exactly what was shown, in the name of the token's holder. What was started goes on if nobody waits.
pub async fn decision(
    State(service): State<Arc<Service>>,
    allowed: Allowed<Approve>,
    InPath(named): InPath<Named>,
    Sent(said): Sent<Said>,
) -> Result<Json<Decided>, Problem> {
    let id = named.id(&allowed.token)?;
    if !allowed.token.may(Right::Read) {
        return Err(Problem::forbidden("this token may not read, and who decides must have read what it is"));
    }
    let digest: Digest = said
        .digest
        .parse()
        .map_err(|_| Problem::bad("digest: send all 64 letters of the proposal's digest"))?;
    if said.why.len() > WHY_BYTES {
        return Err(Problem::bad(format!("why: say it in at most {WHY_BYTES} bytes")));
    }
    if said.verdict != Verdict::Approve && said.why.trim().is_empty() {
        return Err(Problem::bad("why: say in a few words why; everybody will read it"));
    }
    let why = ExternalText::new(said.why.trim());
    let decision = Decision { proposal: id.clone(), digest, verdict: said.verdict, why };
    let came = decide(&service, decision, allowed.token.holder, WAIT_FOR_END).await?;
    let proposal =
        stored(service.parts.record.as_ref(), &id, Timestamp::now()).await.map_err(Problem::gone)?;
    Ok(Json(Decided { says: came.says(&id), took_effect: came.took_effect(), proposal }))
}

/// How an audit is wanted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HowAudited {
    /// Check that every record is whole and every action stands after approvals of exactly it.
    #[serde(default)]
    verify: bool,
}

/// Everything that was proposed, decided and done.
pub async fn audit(
    State(service): State<Arc<Service>>,
    _allowed: Everywhere<Read>,
    Asked(HowAudited { verify }): Asked<HowAudited>,
) -> Result<Json<Audited>, Problem> {
    Ok(Json(audited(service.parts.record.as_ref(), verify, Timestamp::now()).await?))
}
