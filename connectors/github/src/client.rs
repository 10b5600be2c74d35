//! One call to GitHub: its deadline, its size, its ETag, its one retry. It must not know what is asked or how many
//! calls a question makes.

use std::error::Error as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hearback_core::ports::ConnectorError;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use octocrab::Octocrab;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep_until, timeout_at};
use url::Url;

use crate::cache::{Answer, AnswerCache, Holds};
use crate::options::{GithubOptions, Token, parse_base};
use crate::refusal::{Denial, Part, Refusal, parse_denial, parse_reset};

/// What is wanted back, from reads and writes alike.
pub(crate) const ACCEPT: &str = "application/vnd.github+json";

/// How much of an error's body is read.
const DENIAL_BYTES: usize = 16 << 10;

/// The pause before a call that failed is made again.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// What one call asks for.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) part: Part,
    /// From the base on, or a whole address on the same host; with its query.
    pub(crate) path: String,
    pub(crate) holds: Holds,
}

/// An answer, and when the token's calls are back if this was the last.
pub(crate) struct Told {
    pub(crate) answer: Answer,
    pub(crate) used_up: Option<Refusal>,
}

/// The connection to one GitHub with one token.
pub(crate) struct Client {
    base: Url,
    token: Option<Token>,
    /// octocrab needs a runtime when it is built, so it is built by the first call.
    octocrab: OnceCell<Octocrab>,
    cache: Mutex<AnswerCache>,
    call_deadline: Duration,
    answer_bytes: usize,
}

enum Failure {
    Again(Refusal),
    Final(Refusal),
}

impl Client {
    pub(crate) fn new(options: &GithubOptions) -> Result<Self, ConnectorError> {
        Ok(Client {
            base: parse_base(&options.base_url)?,
            token: options.token.clone(),
            octocrab: OnceCell::new(),
            cache: Mutex::new(AnswerCache::new(options.limits.cache_bytes)),
            call_deadline: Duration::from_millis(options.limits.call_ms),
            answer_bytes: options.limits.answer_bytes,
        })
    }

    /// What is known already and can't have changed; it costs no call.
    pub(crate) fn known(&self, ask: &Ask) -> Option<Answer> {
        let (answer, holds) = self.kept(&ask.path)?;
        (holds == Holds::ForEver).then_some(answer)
    }

    /// Asks, twice if GitHub stumbles, and never past `deadline`.
    pub(crate) async fn fetch(&self, ask: &Ask, deadline: Instant) -> Result<Told, Refusal> {
        match self.once(ask, deadline).await {
            Err(Failure::Again(first)) => {
                let at = Instant::now() + RETRY_AFTER;
                if at >= deadline {
                    return Err(first);
                }
                sleep_until(at).await;
                self.once(ask, deadline).await.map_err(|failure| match failure {
                    Failure::Again(refusal) | Failure::Final(refusal) => refusal,
                })
            }
            Err(Failure::Final(refusal)) => Err(refusal),
            Ok(told) => Ok(told),
        }
    }

    async fn once(&self, ask: &Ask, deadline: Instant) -> Result<Told, Failure> {
        let deadline = deadline.min(Instant::now() + self.call_deadline);
        timeout_at(deadline, self.call(ask))
            .await
            .unwrap_or(Err(Failure::Final(Refusal::OutOfTime(ask.part))))
    }

    async fn call(&self, ask: &Ask) -> Result<Told, Failure> {
        let part = ask.part;
        let kept = self.kept(&ask.path).map(|(answer, _)| answer);
        let octocrab = self.octocrab().await.map_err(Failure::Final)?;
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(ACCEPT));
        let etag = kept.as_ref().and_then(|answer| answer.etag.as_ref());
        if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
            headers.insert(header::IF_NONE_MATCH, etag);
        }
        let response = octocrab._get_with_headers(ask.path.as_str(), Some(headers)).await;
        let response = response.map_err(|error| Failure::Again(Refusal::Unreachable(root_cause(&error))))?;
        let status = response.status().as_u16();
        let used_up = used_up(response.headers());
        match (status, kept) {
            (304, Some(answer)) => return Ok(Told { answer, used_up }),
            (200, _) => {}
            (502..=504, _) => return Err(Failure::Again(Refusal::Failed(part, status))),
            _ => return Err(Failure::Final(self.denied(part, response).await.refusal)),
        }
        let next = next_page(response.headers());
        let etag = text(response.headers(), "etag").map(str::to_owned);
        let next = next.map(|next| self.on_our_host(part, &next)).transpose().map_err(Failure::Final)?;
        if !is_json(response.headers()) {
            return Err(Failure::Final(Refusal::NotJson(part)));
        }
        let body = read(response, self.answer_bytes).await.map_err(|cut| match cut {
            Cut::TooLarge => Failure::Final(Refusal::TooLarge(part, self.answer_bytes)),
            Cut::BrokenOff => Failure::Again(Refusal::Unreadable(part)),
        })?;
        let answer = Answer { body: Arc::new(body), next, etag };
        Ok(Told { answer, used_up })
    }

    /// Keeps an answer that could be read.
    pub(crate) fn keep(&self, ask: &Ask, answer: &Answer) {
        self.lock().keep(ask.path.clone(), answer.clone(), ask.holds);
    }

    fn kept(&self, path: &str) -> Option<(Answer, Holds)> {
        self.lock().find(path)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, AnswerCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// octocrab, built by the first call.
    pub(crate) async fn octocrab(&self) -> Result<&Octocrab, Refusal> {
        self.octocrab.get_or_try_init(|| async { self.build() }).await
    }

    /// How long one call may take.
    pub(crate) fn call_deadline(&self) -> Duration {
        self.call_deadline
    }

    /// Bytes of one answer at most.
    pub(crate) fn answer_bytes(&self) -> usize {
        self.answer_bytes
    }

    fn build(&self) -> Result<Octocrab, Refusal> {
        let failed = |_| Refusal::Unreachable("this machine has no usable root certificates".to_owned());
        let mut builder = Octocrab::builder()
            .base_uri(self.base.as_str())
            .map_err(failed)?
            .set_connect_timeout(Some(self.call_deadline));
        if let Some(token) = &self.token {
            builder = builder.user_access_token(token.reveal().to_owned());
        }
        builder.build().map_err(failed)
    }

    /// Reads an answer that is no success.
    pub(crate) async fn denied<B>(&self, part: Part, response: Response<B>) -> Denied
    where
        B: http_body_util::BodyExt + Unpin,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let headers = response.headers().clone();
        let status = response.status().as_u16();
        let body = read(response, DENIAL_BYTES).await.unwrap_or_default();
        let body = String::from_utf8_lossy(&body).into_owned();
        let refusal = parse_denial(
            part,
            Denial {
                status,
                remaining: text(&headers, "x-ratelimit-remaining"),
                reset: text(&headers, "x-ratelimit-reset"),
                retry_after: text(&headers, "retry-after"),
                sso: headers.contains_key("x-github-sso"),
                had_token: self.token.is_some(),
                body: &body,
            },
        );
        Denied { status, refusal, body }
    }

    /// An address GitHub gave must not lead elsewhere: the token would go there.
    fn on_our_host(&self, part: Part, next: &str) -> Result<String, Refusal> {
        let url = Url::parse(next).map_err(|_| Refusal::Unreadable(part))?;
        if url.origin() != self.base.origin() || !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::Elsewhere(part));
        }
        Ok(url.into())
    }
}

/// An answer that is no success.
pub(crate) struct Denied {
    pub(crate) status: u16,
    pub(crate) refusal: Refusal,
    /// The first bytes of its body.
    pub(crate) body: String,
}

pub(crate) enum Cut {
    TooLarge,
    BrokenOff,
}

pub(crate) async fn read<B>(response: Response<B>, most_bytes: usize) -> Result<Vec<u8>, Cut>
where
    B: http_body_util::BodyExt + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let announced =
        text(response.headers(), "content-length").and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length > most_bytes) {
        return Err(Cut::TooLarge);
    }
    match Limited::new(response.into_body(), most_bytes).collect().await {
        Ok(body) => Ok(body.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => Err(Cut::TooLarge),
        Err(_) => Err(Cut::BrokenOff),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = text(headers, "content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// The last call was allowed: the next would not be.
fn used_up(headers: &HeaderMap) -> Option<Refusal> {
    let remaining = text(headers, "x-ratelimit-remaining")?;
    let reset = text(headers, "x-ratelimit-reset").and_then(parse_reset)?;
    (remaining.trim() == "0").then_some(Refusal::UsedUp(reset))
}

/// The `rel="next"` of a `Link` header (RFC 8288).
fn next_page(headers: &HeaderMap) -> Option<String> {
    let links = text(headers, "link")?;
    links.split(',').find_map(|link| {
        let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = parameters.split(';').any(|p| matches!(p.trim(), "rel=\"next\"" | "rel=next"));
        is_next.then(|| address.to_owned())
    })
}

pub(crate) fn root_cause(error: &octocrab::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    let mut deepest = error.source();
    while let Some(inner) = deepest {
        cause = inner;
        deepest = inner.source();
    }
    // octocrab's own errors print a backtrace behind their first line.
    cause
        .to_string()
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control())
        .take(120)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_links() {
        let check = |link: &str, expect: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert("link", HeaderValue::from_str(link).unwrap());
            assert_eq!(next_page(&headers).as_deref(), expect, "{link}");
        };
        check(
            r#"<https://h/x?page=1>; rel="prev", <https://h/x?page=3>; rel="next", <https://h/x?page=9>; rel="last""#,
            Some("https://h/x?page=3"),
        );
        check(r#"<https://h/x?after=Y3Vy>; rel="next""#, Some("https://h/x?after=Y3Vy"));
        check(r#"<https://h/x?page=1>; rel="first""#, None);
        check("nonsense", None);
        check("<unclosed; rel=\"next\"", None);
    }
}
