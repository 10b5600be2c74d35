//! The configured models, as one that can be asked.

use std::sync::Arc;

use anyhow::Result;
use hearback_core::model::ModelClient;
use hearback_http::{Credentials, HttpClient, HttpError, HttpOptions, Limits};
use hearback_model::{ChatOptions, Fallback, FallbackOptions, OpenAiChat, TextTools};
use jiff::SignedDuration;

use crate::config::Config;
use crate::config::model::{Endpoint, Tools};
use crate::output::Usage;

/// How long a look whether an endpoint answers may take, and how much of its list is read.
const CHECK_WITHIN: SignedDuration = SignedDuration::from_secs(5);
const CHECK_BYTES: usize = 4 << 20;

/// Who is asked; none if no model is configured.
///
/// # Errors
/// [`Usage`]: an address or a key can't be used.
pub fn model(config: &Config) -> Result<Option<Arc<dyn ModelClient>>> {
    let Some(model) = &config.model else { return Ok(None) };
    let first = endpoint(&model.first)?;
    Ok(Some(match &model.fallback {
        None => first,
        Some(second) => Arc::new(Fallback::new(first, endpoint(second)?, FallbackOptions::default())),
    }))
}

/// Whether an endpoint answers: it is asked which models it has, which costs nothing. In a few words.
///
/// # Errors
/// It can't be used, or can't be reached.
pub async fn check_model(endpoint: &Endpoint) -> Result<String> {
    let client = HttpClient::new(http(endpoint)?).map_err(|error| Usage(format!("model: {error}")))?;
    let asked = client.get(&client.at("models"), Limits::new(CHECK_WITHIN, CHECK_BYTES)).await;
    let host = client.at("").host_str().unwrap_or("its host").to_owned();
    match asked {
        Ok(_) => Ok(format!("{host} answers")),
        // Not every server lists its models.
        Err(HttpError::Refused { status: 404 | 405, .. }) => Ok(format!("{host} is there")),
        Err(error) => Err(error.into()),
    }
}

fn http(endpoint: &Endpoint) -> Result<HttpOptions> {
    let mut http = HttpOptions::new(&endpoint.url);
    if let Some(key) = &endpoint.api_key {
        http.credentials = Credentials::Bearer(hearback_http::Secret::new(&key.read()?));
    }
    Ok(http)
}

fn endpoint(endpoint: &Endpoint) -> Result<Arc<dyn ModelClient>> {
    let options = ChatOptions {
        price: endpoint.price,
        ..ChatOptions::new(http(endpoint)?, &endpoint.model, endpoint.context_tokens)
    };
    let chat = OpenAiChat::new(options).map_err(|error| Usage(format!("model: {error}")))?;
    Ok(match endpoint.tools {
        Tools::Native => Arc::new(chat),
        Tools::Text => Arc::new(TextTools::new(chat)),
    })
}
