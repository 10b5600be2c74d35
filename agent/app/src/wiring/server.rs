//! A running `hearback serve`, asked by the command line in place of repositories and record here.

use anyhow::{Context as _, Result};
use hearback_core::{Answer, Entry};
use hearback_http::{Credentials, HttpClient, HttpError, HttpOptions, Limits, Secret};
use jiff::SignedDuration;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::cli::Server;
use crate::output::Usage;

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
        let token = match &server.token_file {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| Usage(format!("--token-file: {} can't be read: {error}", path.display())))?,
            None => std::env::var("HEARBACK_TOKEN").unwrap_or_default(),
        };
        let token = token.trim();
        if token.is_empty() {
            let says = "--server needs a token: set HEARBACK_TOKEN, or name a file with --token-file";
            return Err(Usage(says.into()).into());
        }
        let credentials = Credentials::Bearer(Secret::new(token));
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

    /// Declares an incident.
    ///
    /// # Errors
    /// What the service says, in its words.
    pub async fn declare(&self, declaration: Map<String, Value>) -> Result<Entry> {
        self.post("v1/incidents", declaration).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: Map<String, Value>) -> Result<T> {
        let url = self.http.at(path);
        match self.http.post_json(&url, &Value::Object(body), Limits::new(WITHIN, MAX_BYTES)).await {
            Ok(written) => {
                let answer = written.answer.context("the service did it, but its answer can't be read")?;
                Ok(answer.json()?)
            }
            // The service's own sentence says more than ours.
            Err(HttpError::Refused { status, body, .. } | HttpError::Busy { status, body, .. })
                if detail(&body).is_some() =>
            {
                let says = detail(&body).unwrap_or_default();
                let wrong_usage = (400..500).contains(&status) && status != 408 && status != 409;
                Err(if wrong_usage { Usage(says).into() } else { anyhow::anyhow!(says) })
            }
            Err(error) => Err(error.into()),
        }
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
