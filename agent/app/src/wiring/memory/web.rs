//! Looks whether pages that runbooks link to are still there: only where the configuration allows it, and with no
//! credentials. Documents are outside text, and a link must not make this machine ask anything else.

use anyhow::Result;
use async_trait::async_trait;
use hearback_core::memory::source::{Page, Web};
use hearback_http::{HttpClient, HttpError, HttpOptions, Limits, Url};
use jiff::SignedDuration;

use crate::output::Usage;

/// A page's content is not needed, and its server sends it nevertheless.
const MOST_BYTES: usize = 4 << 20;

/// The addresses that may be asked, each with its client.
pub struct AllowedWeb(Vec<HttpClient>);

impl AllowedWeb {
    /// Asks these origins, such as `https://wiki.example.com`.
    ///
    /// # Errors
    /// [`Usage`]: one is no address.
    pub fn of(origins: &[String]) -> Result<Self> {
        let client = |origin: &String| {
            HttpClient::new(HttpOptions::new(origin))
                .map_err(|error| Usage(format!("memory.web: {error}")).into())
        };
        origins.iter().map(client).collect::<Result<_>>().map(AllowedWeb)
    }
}

#[async_trait]
impl Web for AllowedWeb {
    async fn look(&self, url: &str, budget: SignedDuration) -> Page {
        let Ok(url) = Url::parse(url) else { return Page::Unknown };
        let Some(client) = self.0.iter().find(|client| client.base().origin() == url.origin()) else {
            return Page::Unknown;
        };
        match client.get(&url, Limits::new(budget, MOST_BYTES)).await {
            Ok(_) => Page::There,
            Err(HttpError::Refused { status: status @ (404 | 410), .. }) => Page::Gone(status.to_string()),
            Err(_) => Page::Unknown,
        }
    }
}
