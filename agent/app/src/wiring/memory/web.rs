//! Looks whether pages that runbooks link to are still there: only where the configuration allows it, and with no
//! credentials. Documents are outside text, and a link must not make this machine ask anything else.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;
use async_trait::async_trait;
use hearback_core::memory::source::{Page, Web};
use hearback_http::{HttpClient, HttpError, HttpOptions, Limits, Url};
use jiff::SignedDuration;

use crate::output::Usage;

/// A page's content is not needed, and its server sends it nevertheless.
const MOST_BYTES: usize = 4 << 20;

/// A server that gave no answer so often in a row is not asked any more.
const SILENT: u32 = 3;

/// The addresses that may be asked, each with its client.
pub struct AllowedWeb(Vec<Server>);

struct Server {
    http: HttpClient,
    /// How often in a row it gave no answer.
    silent: AtomicU32,
}

impl AllowedWeb {
    /// Asks these origins, such as `https://wiki.example.com`.
    ///
    /// # Errors
    /// [`Usage`]: one is no address.
    pub fn of(origins: &[String]) -> Result<Self> {
        let server = |origin: &String| {
            let http = HttpClient::new(HttpOptions::new(origin));
            let http = http.map_err(|error| Usage(format!("memory.web: {error}")))?;
            Ok(Server { http, silent: AtomicU32::new(0) })
        };
        origins.iter().map(server).collect::<Result<_>>().map(AllowedWeb)
    }
}

#[async_trait]
impl Web for AllowedWeb {
    async fn look(&self, url: &str, budget: SignedDuration) -> Page {
        let Ok(url) = Url::parse(url) else { return Page::Unknown };
        let server = self.0.iter().find(|server| server.http.base().origin() == url.origin());
        let Some(server) = server.filter(|server| server.silent.load(Ordering::Relaxed) < SILENT) else {
            return Page::Unknown;
        };
        let page = match server.http.get(&url, Limits::new(budget, MOST_BYTES)).await {
            Ok(_) => Page::There,
            Err(HttpError::Refused { status: status @ (404 | 410), .. }) => Page::Gone(status.to_string()),
            // It answered, and with a page.
            Err(HttpError::NotExpected { .. } | HttpError::TooLarge { .. }) => Page::There,
            Err(_) => Page::Unknown,
        };
        match page {
            Page::Unknown => drop(server.silent.fetch_add(1, Ordering::Relaxed)),
            _ => server.silent.store(0, Ordering::Relaxed),
        }
        page
    }
}
