//! A running `hearback serve`, asked by the command line in place of repositories and record here.

use std::path::Path;

use anyhow::{Context as _, Result};
use hearback_core::approval::Decided as Verdict;
use hearback_core::model::ToolCall;
use hearback_core::{Answer, Digest, Entry, ExternalText, IncidentId, ProposalId};
use hearback_engine::hypotheses::HypothesisView;
use hearback_engine::proposed::ProposalView;
use hearback_http::{Credentials, HttpClient, HttpError, HttpOptions, Limits, Secret};
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::cli::Server;
use crate::commands::actions::Audited;
use crate::commands::{experts, runbook, similar};
use crate::output::Usage;
use crate::serve::Told;

/// How long a service has to answer: its own budget, and the way there and back.
const WITHIN: SignedDuration = SignedDuration::from_secs(30);
/// The longest answer that is read, in bytes.
const MAX_BYTES: usize = 16 << 20;

/// A running service.
pub struct ServerClient {
    http: HttpClient,
}

impl ServerClient {
    /// The service that the command line names, if it names one.
    ///
    /// # Errors
    /// [`Usage`]: the address or the token can't be used.
    pub fn named(server: &Server) -> Result<Option<Self>> {
        let Some(url) = &server.server else { return Ok(None) };
        let token = token_text(server.token_file.as_deref())?.ok_or_else(|| {
            Usage("--server needs a token: set HEARBACK_TOKEN, or name a file with --token-file".into())
        })?;
        let credentials = Credentials::Bearer(Secret::new(&token));
        let http = HttpClient::new(HttpOptions { credentials, ..HttpOptions::new(url) });
        let http = http.map_err(|error| Usage(format!("--server: {error}")))?;
        Ok(Some(ServerClient { http }))
    }

    /// Asks, inside an incident if one is named.
    ///
    /// # Errors
    /// What the service says, in its words.
    pub async fn ask(&self, incident: Option<&str>, ask: Map<String, Value>) -> Result<Answer> {
        match incident {
            Some(id) => self.post(&format!("v1/incidents/{id}/ask"), ask).await,
            None => self.post("v1/ask", ask).await,
        }
    }

    /// Looks for incidents that were like this.
    ///
    /// # Errors
    /// What the service says, in its words.
    pub async fn similar(&self, ask: Map<String, Value>) -> Result<similar::Found> {
        self.post("v1/similar", ask).await
    }

    /// Looks for what to do.
    ///
    /// # Errors
    /// What the service says, in its words.
    pub async fn runbook(&self, ask: Map<String, Value>) -> Result<runbook::Found> {
        self.post("v1/runbook", ask).await
    }

    /// Looks for whom to ask.
    ///
    /// # Errors
    /// What the service says, in its words.
    pub async fn experts(&self, ask: Map<String, Value>) -> Result<experts::Found> {
        self.post("v1/experts", ask).await
    }

    /// Declares an incident.
    ///
    /// # Errors
    /// What the service says, in its words.
    pub async fn declare(&self, declaration: Map<String, Value>) -> Result<Entry> {
        self.post("v1/incidents", declaration).await
    }

    /// What may have caused an incident.
    ///
    /// # Errors
    /// What the service says, in its words.
    pub async fn hypotheses(&self, incident: &IncidentId) -> Result<Vec<HypothesisView>> {
        self.get(&format!("v1/incidents/{incident}/hypotheses")).await
    }

    /// Says something of what may have caused an incident; `path` names a hypothesis, or is empty for a new one.
    ///
    /// # Errors
    /// What the service says, in its words.
    pub async fn say(&self, incident: &IncidentId, path: &str, body: Map<String, Value>) -> Result<Entry> {
        self.post(&format!("v1/incidents/{incident}/hypotheses{path}"), body).await
    }

    /// Calls a read tool.
    ///
    /// # Errors
    /// What the service says, in its words.
    pub async fn call_read(&self, session: &str, call: &ToolCall) -> Result<Told> {
        let text = call.arguments.as_untrusted();
        let arguments: Value = match text.trim().is_empty() {
            true => json!({}),
            false => serde_json::from_str(text).context("its arguments are no JSON")?,
        };
        self.post(
            "v1/reads",
            fields([("tool", json!(call.name)), ("arguments", arguments), ("session", json!(session))]),
        )
        .await
    }

    /// What is known of an incident, as an agent reads it; none if there is none.
    ///
    /// # Errors
    /// What the service says, in its words.
    pub async fn read_incident(&self, id: &IncidentId) -> Result<Option<String>> {
        let all = self.incidents().await?;
        if !all.iter().any(|(known, _)| known == id.as_str()) {
            return Ok(None);
        }
        let told: Told = self.get(&format!("v1/incidents/{id}/read")).await?;
        if told.failed { anyhow::bail!(told.text) } else { Ok(Some(told.text)) }
    }

    /// The incidents that the token reaches: id and title, safe to print.
    ///
    /// # Errors
    /// What the service says, in its words.
    pub async fn incidents(&self) -> Result<Vec<(String, String)>> {
        let all: Vec<Value> = self.get("v1/incidents").await?;
        let word =
            |one: &Value, key: &str| one.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let named = |one: &Value| (word(one, "id"), ExternalText::new(word(one, "title")).for_people(80));
        Ok(all.iter().map(named).collect())
    }

    /// What was proposed, in one incident or in all.
    ///
    /// # Errors
    /// What the service says, in its words.
    pub async fn proposals(&self, incident: Option<&IncidentId>) -> Result<Vec<ProposalView>> {
        match incident {
            Some(id) => self.get(&format!("v1/incidents/{id}/proposals")).await,
            None => self.get("v1/proposals").await,
        }
    }

    /// One proposal.
    ///
    /// # Errors
    /// What the service says, in its words.
    pub async fn proposal(&self, id: &ProposalId) -> Result<ProposalView> {
        self.get(&format!("v1/proposals/{id}")).await
    }

    /// Decides about a proposal.
    ///
    /// # Errors
    /// What the service says, in its words.
    pub async fn decide(
        &self,
        id: &ProposalId,
        digest: Digest,
        verdict: Verdict,
        why: &str,
    ) -> Result<Decided> {
        let body = fields([("digest", json!(digest)), ("verdict", json!(verdict)), ("why", json!(why))]);
        self.post(&format!("v1/proposals/{id}/decision"), body).await
    }

    /// Everything that was proposed, decided and done.
    ///
    /// # Errors
    /// What the service says, in its words.
    pub async fn audit(&self, verify: bool) -> Result<Audited> {
        self.get(if verify { "v1/audit?verify=true" } else { "v1/audit" }).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let url = self.http.at(path);
        match self.http.get(&url, Limits::new(WITHIN, MAX_BYTES)).await {
            Ok(body) => Ok(body.json()?),
            Err(error) => Err(in_its_words(error)),
        }
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: Map<String, Value>) -> Result<T> {
        let url = self.http.at(path);
        match self.http.post_json(&url, &Value::Object(body), Limits::new(WITHIN, MAX_BYTES)).await {
            Ok(written) => {
                let answer = written.answer.context("the service did it, but its answer can't be read")?;
                Ok(answer.json()?)
            }
            Err(error) => Err(in_its_words(error)),
        }
    }
}

/// What came of a decision, as the service tells it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Decided {
    /// In one sentence.
    pub says: String,
    /// Whether what was decided came to be: the action is done, or the proposal is rejected.
    pub took_effect: bool,
    /// The proposal as it stands now.
    pub proposal: ProposalView,
}

/// The token in `file`, else in the environment; none if there is none.
///
/// # Errors
/// [`Usage`]: the file can't be read.
pub fn token_text(file: Option<&Path>) -> Result<Option<String>> {
    let text = match file {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| Usage(format!("--token-file: {} can't be read: {error}", path.display())))?,
        None => std::env::var("HEARBACK_TOKEN").unwrap_or_default(),
    };
    let text = text.trim();
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// The service's own sentence says more than ours.
fn in_its_words(error: HttpError) -> anyhow::Error {
    match &error {
        HttpError::Refused { status, body, .. } | HttpError::Busy { status, body, .. } => {
            match detail(body) {
                Some(says) => {
                    let wrong_usage = (400..500).contains(status) && *status != 408 && *status != 409;
                    if wrong_usage { Usage(says).into() } else { anyhow::anyhow!(says) }
                }
                None => error.into(),
            }
        }
        _ => error.into(),
    }
}

fn detail(body: &hearback_http::Body) -> Option<String> {
    let problem: Value = body.json().ok()?;
    Some(problem.get("detail")?.as_str()?.to_owned())
}

/// The fields that were said, without those that were not.
pub fn fields<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    let said = |value: &Value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => true,
    };
    fields.into_iter().filter(|(_, value)| said(value)).map(|(key, value)| (key.to_owned(), value)).collect()
}
