//! The configured models, as one that can be asked.

use std::sync::Arc;

use anyhow::Result;
use hearback_core::model::ModelClient;
use hearback_http::{Credentials, HttpOptions};
use hearback_model::{ChatOptions, Fallback, FallbackOptions, OpenAiChat, TextTools};

use crate::config::Config;
use crate::config::model::{Endpoint, Tools};
use crate::output::Usage;

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

fn endpoint(endpoint: &Endpoint) -> Result<Arc<dyn ModelClient>> {
    let mut http = HttpOptions::new(&endpoint.url);
    if let Some(key) = &endpoint.api_key {
        http.credentials = Credentials::Bearer(hearback_http::Secret::new(&key.read()?));
    }
    let options = ChatOptions {
        price: endpoint.price,
        ..ChatOptions::new(http, &endpoint.model, endpoint.context_tokens)
    };
    let chat = OpenAiChat::new(options).map_err(|error| Usage(format!("model: {error}")))?;
    Ok(match endpoint.tools {
        Tools::Native => Arc::new(chat),
        Tools::Text => Arc::new(TextTools::new(chat)),
    })
}
