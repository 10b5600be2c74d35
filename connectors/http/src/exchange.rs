//! One question and its answer: deadline, redirects within the origin, retries of reads. Everything that this crate
//! promises is kept here; it must not know who asks or what the answer means.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Method, Response, StatusCode};
use url::Url;

use crate::backoff;
use crate::body::{self, Wanted};
use crate::client::Content;
use crate::deadline::Limits;
use crate::error::HttpError;
use crate::pieces::Pieces;
use crate::trouble::{self, Sent};

/// How many redirects a read follows.
const MAX_REDIRECTS: usize = 3;

/// What a request does at the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing: it may be sent again.
    Read,
    /// Something: it is sent once.
    Write,
}

/// What is asked.
pub(crate) struct Ask<'a> {
    pub method: Method,
    pub url: &'a Url,
    pub content: Option<Content>,
    pub effect: Effect,
    pub wanted: Wanted,
}

/// Carries questions, with the credentials of one origin or none.
pub(crate) struct Courier {
    pub http: reqwest::Client,
    pub authorization: Option<HeaderValue>,
    pub first_pause: Duration,
}

impl Courier {
    /// The answer to `ask` with a status of success, its body not read yet.
    async fn once(&self, ask: &Ask<'_>, limits: Limits) -> Result<Response, HttpError> {
        let mut url = ask.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(ask, &url).await?;
            let status = response.status();
            tracing::debug!(host = host(&url), status = status.as_u16(), "answered");
            let Some(next) = redirect(&response, &url) else {
                return sort(response, &host(&url), limits).await;
            };
            // 303 says to GET something else; what asks with POST wants the answer to what it posted.
            let may_follow = ask.effect == Effect::Read
                && (ask.method == Method::GET || status != StatusCode::SEE_OTHER)
                && next.origin() == url.origin()
                && next.username().is_empty()
                && next.password().is_none();
            if !may_follow {
                let to = next.origin().ascii_serialization();
                return Err(HttpError::Redirected { host: host(&url), to });
            }
            url = next;
        }
        let why = format!("redirects more than {MAX_REDIRECTS} times; check the address");
        Err(HttpError::NotExpected { host: host(ask.url), why })
    }

    async fn send(&self, ask: &Ask<'_>, url: &Url) -> Result<Response, HttpError> {
        let mut request =
            self.http.request(ask.method.clone(), url.clone()).header(ACCEPT, ask.wanted.accept());
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        if let Some(content) = &ask.content {
            request = request.header(CONTENT_TYPE, content.kind).body(content.bytes.clone());
            request = content
                .headers
                .iter()
                .fold(request, |request, (name, value)| request.header(name.as_ref(), value));
        }
        request.send().await.map_err(|error| match trouble::in_sending(&host(url), &error) {
            (HttpError::Unreachable { host, why }, Sent::Perhaps) if ask.effect == Effect::Write => {
                HttpError::OutcomeUnknown { host, why }
            }
            // TLS that breaks once the request is on its way says nothing of what became of it.
            (HttpError::NotUsable(why), Sent::Perhaps) if ask.effect == Effect::Write => {
                HttpError::OutcomeUnknown { host: host(url), why }
            }
            (error, _) => error,
        })
    }

    /// Asks, and asks again what may be asked again, until there is a whole answer or the deadline has passed.
    pub(crate) async fn read(&self, ask: &Ask<'_>, limits: Limits) -> Result<body::Body, HttpError> {
        let tries = async {
            let mut retry = 0;
            loop {
                let answer = async {
                    let response = self.once(ask, limits).await?;
                    let host = response.url().clone();
                    body::read(response, &self::host(&host), ask.wanted, limits.max_bytes).await
                };
                let error = match answer.await {
                    Ok(body) => return Ok(body),
                    Err(error) => error,
                };
                let asked_for = match &error {
                    HttpError::Unreachable { .. } => None,
                    HttpError::Busy { retry_after, .. } => *retry_after,
                    _ => return Err(error),
                };
                // Without chance the pause is half as long as it may be, which is no harm.
                let chance = getrandom::u32().unwrap_or_default();
                let pause = backoff::pause(self.first_pause, retry, asked_for, chance);
                if retry >= backoff::RETRIES || pause >= limits.deadline.remaining() {
                    return Err(error);
                }
                tracing::debug!(host = host(ask.url), retry, "asked again");
                tokio::time::sleep(pause).await;
                retry += 1;
            }
        };
        let late = || HttpError::TimedOut { host: host(ask.url), budget: limits.deadline.budget() };
        tokio::time::timeout_at(limits.deadline.instant(), tries).await.unwrap_or_else(|_| Err(late()))
    }

    /// Asks once, and leaves the body to be read piece by piece.
    pub(crate) async fn open(&self, ask: &Ask<'_>, limits: Limits) -> Result<Pieces, HttpError> {
        let late = || HttpError::TimedOut { host: host(ask.url), budget: limits.deadline.budget() };
        let response = tokio::time::timeout_at(limits.deadline.instant(), self.once(ask, limits));
        let response = response.await.unwrap_or_else(|_| Err(late()))?;
        let name = host(response.url());
        Pieces::of(response, name, ask.wanted, limits)
    }

    /// Sends a write, once. The status of success, and its body if that could be read too.
    pub(crate) async fn write(
        &self,
        ask: &Ask<'_>,
        limits: Limits,
    ) -> Result<(u16, Result<body::Body, HttpError>), HttpError> {
        let at = limits.deadline.instant();
        let unknown = |why: &str| HttpError::OutcomeUnknown { host: host(ask.url), why: why.to_owned() };
        let response = match tokio::time::timeout_at(at, self.once(ask, limits)).await {
            Ok(Ok(response)) => response,
            // A gateway that failed can have passed the request on.
            Ok(Err(HttpError::Busy { status: status @ (500 | 502 | 504), .. })) => {
                return Err(unknown(&format!("it answered {status}")));
            }
            Ok(Err(error)) => return Err(error),
            Err(_) => return Err(unknown("no answer in time")),
        };
        let status = response.status().as_u16();
        let name = host(response.url());
        let body = tokio::time::timeout_at(at, body::read(response, &name, ask.wanted, limits.max_bytes));
        let late = HttpError::TimedOut { host: name.clone(), budget: limits.deadline.budget() };
        Ok((status, body.await.unwrap_or(Err(late))))
    }
}

/// Host and port as people write them; never user, password, path or query.
pub(crate) fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

/// Where a redirect points, if it is one that can be read.
fn redirect(response: &Response, from: &Url) -> Option<Url> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    from.join(response.headers().get(LOCATION)?.to_str().ok()?).ok()
}

async fn sort(response: Response, host: &str, limits: Limits) -> Result<Response, HttpError> {
    let status = response.status().as_u16();
    let host = host.to_owned();
    match status {
        200..=299 => Ok(response),
        401 | 403 | 407 => Err(HttpError::Denied { host, status }),
        429 | 500..=599 => {
            let retry_after = backoff::parse_retry_after(response.headers());
            let body = body::read_explanation(response, &host, limits).await;
            Err(HttpError::Busy { host, status, retry_after, body })
        }
        400..=499 => {
            let body = body::read_explanation(response, &host, limits).await;
            Err(HttpError::Refused { host, status, body })
        }
        _ => {
            let why = format!("answered {status}, which is no answer; check the address");
            Err(HttpError::NotExpected { host, why })
        }
    }
}
