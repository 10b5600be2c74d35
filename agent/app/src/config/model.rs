//! The section of the configuration about language models: which endpoint, what it costs, how far it may go. Without it no
//! model is asked, and everything else works.

use std::path::Path;

use hearback_core::model::{Currency, Price, Rate};
use hearback_core::time::parse_length;
use hearback_engine::investigation::Limits;
use jiff::SignedDuration;
use serde::Deserialize;

use super::serve::Secret;
use crate::output::Usage;

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its address up to `/v1`.
    pub url: String,
    /// The model.
    pub model: String,
    /// Its key, if it wants one.
    pub api_key: Option<Secret>,
    /// How many tokens it can read and write together.
    pub context_tokens: u32,
    /// How it is told of tools.
    pub tools: Tools,
    /// What its tokens cost, if that is known.
    pub price: Option<Price>,
}

/// How a model is told of tools.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tools {
    /// By the protocol.
    #[default]
    Native,
    /// In words, for models that can't call tools.
    Text,
}

/// What is needed to ask a model, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelConfig {
    /// Who is asked.
    pub first: Endpoint,
    /// Who is asked when the first can't answer.
    pub fallback: Option<Endpoint>,
    /// How far an investigation may go.
    pub limits: Limits,
}

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelSection {
    url: Option<String>,
    model: Option<String>,
    api_key: Option<Secret>,
    context_tokens: Option<u32>,
    tools: Tools,
    price: Option<PriceSection>,
    fallback: Option<Box<ModelSection>>,
    limits: Option<LimitsSection>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceSection {
    input: Rate,
    cached_input: Option<Rate>,
    output: Rate,
    currency: Currency,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitsSection {
    turns: Option<u32>,
    tokens: Option<u64>,
    time: Option<String>,
    /// In the currency of the price.
    money: Option<Rate>,
    output_tokens: Option<u32>,
}

impl ModelSection {
    /// Checks the user's section; none if no model is named. Paths are relative to `base`.
    ///
    /// # Errors
    /// [`Usage`] with the key of the mistake.
    pub fn checked(self, base: &Path) -> anyhow::Result<Option<ModelConfig>> {
        if self.url.as_ref().is_none_or(String::is_empty) {
            return Ok(None);
        }
        let mut section = self;
        let limits = section.limits.take().unwrap_or_default();
        let fallback = section.fallback.take();
        let first = section.endpoint("model", base)?;
        let fallback = fallback.map(|section| section.endpoint("model.fallback", base)).transpose()?;
        let context = fallback.iter().map(|one| one.context_tokens).fold(first.context_tokens, u32::min);
        let time = match &limits.time {
            Some(text) => parse_length(text).map_err(|error| Usage(format!("model.limits.time: {error}")))?,
            None => SignedDuration::from_secs(90),
        };
        let output_tokens = limits.output_tokens.unwrap_or(2_000);
        if context <= output_tokens.saturating_add(2_000) {
            let says =
                "model.context_tokens leaves no room to read; take a model with more, or a shorter reply";
            return Err(Usage(says.into()).into());
        }
        let all = || std::iter::once(&first).chain(fallback.as_ref());
        let currency = first.price.map(|price| price.currency);
        if limits.money.is_some()
            && all().any(|one| one.price.map(|price| price.currency) != currency || currency.is_none())
        {
            let says = "model.limits.money needs a price of each endpoint, all in one currency: else nothing tells what is spent";
            return Err(Usage(says.into()).into());
        }
        let limits = Limits {
            turns: limits.turns.unwrap_or(8),
            tokens: limits.tokens.unwrap_or(200_000),
            time,
            micros: limits.money.map(Rate::micros),
            context_tokens: context,
            output_tokens,
            calls_at_once: 6,
        };
        Ok(Some(ModelConfig { first, fallback, limits }))
    }

    fn endpoint(self, at: &str, base: &Path) -> anyhow::Result<Endpoint> {
        if self.fallback.is_some() || self.limits.is_some() {
            return Err(
                Usage(format!("{at}: a fallback has neither a fallback nor limits of its own")).into()
            );
        }
        let needed = |key: &str, value: Option<String>| {
            let value = value.filter(|value| !value.is_empty());
            value.ok_or_else(|| Usage(format!("{at}.{key} is missing")))
        };
        let price = self.price.map(|price| Price {
            input_per_million: price.input,
            cached_input_per_million: price.cached_input.unwrap_or(price.input),
            output_per_million: price.output,
            currency: price.currency,
        });
        Ok(Endpoint {
            url: needed("url", self.url)?,
            model: needed("model", self.model)?,
            api_key: self.api_key.map(|key| key.beside(base)),
            context_tokens: self.context_tokens.unwrap_or(32_000),
            tools: self.tools,
            price,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> anyhow::Result<Option<ModelConfig>> {
        toml::from_str::<ModelSection>(text)?.checked(Path::new("/etc/hearback"))
    }

    #[test]
    fn without_an_address_there_is_no_model() {
        assert_eq!(read("").unwrap(), None);
        assert_eq!(read("url = \"\"").unwrap(), None);
    }

    #[test]
    fn an_endpoint_with_a_fallback_is_read() {
        let text = "url = \"http://x/v1\"\nmodel = \"m\"\nprice = { input = 0.15, output = 0.6, currency = \"USD\" }\n\
            [fallback]\nurl = \"http://y/v1\"\nmodel = \"n\"\ntools = \"text\"\ncontext_tokens = 8000\n\
            price = { input = 1, output = 1, currency = \"USD\" }\n\
            [limits]\nturns = 3\ntime = \"20s\"\nmoney = 0.25\n";
        let config = read(text).unwrap().unwrap();
        let Limits { turns, time, micros, context_tokens, .. } = config.limits;
        assert_eq!((turns, time, micros), (3, SignedDuration::from_secs(20), Some(250_000)));
        assert_eq!(context_tokens, 8_000, "what is told has to fit both");
        assert_eq!(config.fallback.unwrap().tools, Tools::Text);
    }

    #[test]
    fn mistakes_are_named() {
        for (text, says) in [
            ("url = \"http://x/v1\"", "model.model is missing"),
            ("url = \"http://x/v1\"\nmodel = \"m\"\ncontext_tokens = 3000", "leaves no room"),
            ("url = \"http://x/v1\"\nmodel = \"m\"\n[limits]\ntime = \"soon\"", "model.limits.time"),
            (
                "url = \"http://x/v1\"\nmodel = \"m\"\n[fallback]\nmodel = \"n\"",
                "model.fallback.url is missing",
            ),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
