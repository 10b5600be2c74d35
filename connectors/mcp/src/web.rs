//! Streamable HTTP to one server: what it answers is read up to a limit, and its words stand in no error. Redirects, proxies
//! and the environment are left out; the headers that prove who we are go to this server alone.
//!
//! The stream on which a server may say something unasked is not opened: nothing that it could ask is answered. A stream
//! that breaks off while an answer is awaited is taken up again where it ended, if the server can do that.

use std::collections::HashMap;
use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use hearback_core::ports::ConnectorError;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use rmcp::model::{ClientJsonRpcMessage, JsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_client::{
    SseError, StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
};
use sse_stream::{Sse, SseStream};

use crate::meter::{Meter, Trouble};
use crate::options::Hidden;

const SESSION: &str = "mcp-session-id";
const LAST_EVENT: &str = "last-event-id";
const EVENTS: &str = "text/event-stream";
const JSON: &str = "application/json";
/// The longest answer that explains a refusal.
const LONGEST_EXPLANATION: usize = 64 * 1024;

/// Where a server is.
#[derive(Clone)]
pub(crate) struct Place {
    http: reqwest::Client,
    pub(crate) url: Url,
    headers: HeaderMap,
}

impl Place {
    pub(crate) fn new(
        url: &str,
        headers: &[(String, Hidden)],
        own_roots_pem: &[u8],
    ) -> Result<Self, ConnectorError> {
        let mend = |why: &str| ConnectorError::NotUsable(why.to_owned());
        // What can't be read is not repeated: it may hold a password.
        let url = Url::parse(url.trim())
            .map_err(|_| mend("the address can't be read; write it as https://host:port/path"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(mend("the address must begin with https:// or http:// and name a host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(mend("the address holds a user or a password; give them as a header"));
        }
        let mut kept = HeaderMap::new();
        for (name, value) in headers {
            let name =
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| mend("a header has no usable name"))?;
            let ours =
                [ACCEPT.as_str(), CONTENT_TYPE.as_str(), "host", "content-length", "transfer-encoding"];
            if name.as_str().starts_with("mcp-") || name == LAST_EVENT || ours.contains(&name.as_str()) {
                return Err(ConnectorError::NotUsable(format!("the header {name} is set by the protocol")));
            }
            let mut value = HeaderValue::from_str(value.exposed()).map_err(|_| {
                ConnectorError::NotUsable(format!("the value of the header {name} can't be sent"))
            })?;
            value.set_sensitive(true);
            kept.append(name, value);
        }
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(hearback_http::client_config(own_roots_pem)?)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .user_agent(concat!("hearback/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| mend("the HTTP client can't be set up"))?;
        Ok(Place { http, url, headers: kept })
    }

    /// The client of one connection.
    pub(crate) fn client(&self, meter: Arc<Meter>) -> Web {
        Web { place: self.clone(), meter }
    }
}

/// Asks one server.
#[derive(Clone)]
pub(crate) struct Web {
    place: Place,
    meter: Arc<Meter>,
}

type Failure = StreamableHttpError<WebError>;

/// A request that gave nothing. Why stands in the meter.
#[derive(Debug, thiserror::Error)]
#[error("the server can't be used over HTTP")]
pub(crate) struct WebError;

impl Web {
    fn request(
        &self,
        method: Method,
        session: Option<&str>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> RequestBuilder {
        let mut request =
            self.place.http.request(method, self.place.url.clone()).headers(self.place.headers.clone());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        match session {
            Some(session) => request.header(SESSION, session),
            None => request,
        }
    }

    fn fail(&self, trouble: Trouble) -> Failure {
        self.meter.give_up(trouble);
        StreamableHttpError::Client(WebError)
    }

    async fn sent(&self, request: RequestBuilder) -> Result<Response, Failure> {
        // The SDK asks in the background, and goes on when nobody waits for the connection any more.
        tokio::select! {
            response = request.send() => response.map_err(|_| self.fail(Trouble::Unreachable)),
            _ = self.meter.given_up() => Err(StreamableHttpError::Client(WebError)),
        }
    }

    /// The body, if it is no longer than `most`.
    async fn body(&self, mut response: Response, most: usize) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        loop {
            let piece = tokio::select! {
                piece = response.chunk() => piece.map_err(|_| self.fail(Trouble::Unreachable))?,
                _ = self.meter.given_up() => return Err(StreamableHttpError::Client(WebError)),
            };
            let Some(piece) = piece else { return Ok(bytes) };
            if !self.meter.takes(piece.len()) {
                return Err(StreamableHttpError::Client(WebError));
            }
            if bytes.len().saturating_add(piece.len()) > most {
                return Err(self.fail(Trouble::LongMessage(most)));
            }
            bytes.extend_from_slice(&piece);
        }
    }

    fn events(&self, response: Response) -> BoxStream<'static, Result<Sse, SseError>> {
        let (meter, mut event) = (self.meter.clone(), EventLength::new(self.meter.longest()));
        let bytes = response.bytes_stream().map(move |piece| {
            let piece = piece.map_err(|_| std::io::ErrorKind::ConnectionReset)?;
            if !meter.takes(piece.len()) {
                return Err(std::io::ErrorKind::InvalidData);
            }
            if !event.fits(&piece) {
                meter.give_up(Trouble::LongMessage(meter.longest()));
                return Err(std::io::ErrorKind::InvalidData);
            }
            Ok(piece)
        });
        let bytes = bytes.map(|piece| piece.map_err(std::io::Error::from));
        let meter = self.meter.clone();
        let given_up = async move { meter.given_up().await };
        SseStream::from_bytes_stream(bytes).take_until(given_up.boxed()).boxed()
    }

    async fn post(
        &self,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let body = serde_json::to_vec(&message)?;
        let request = self.request(Method::POST, session.as_deref(), headers);
        let request =
            request.header(ACCEPT, format!("{JSON}, {EVENTS}")).header(CONTENT_TYPE, JSON).body(body);
        let response = self.sent(request).await?;
        let (status, kind) = (response.status(), essence(&response));
        let next_session = response.headers().get(SESSION).and_then(|id| id.to_str().ok()).map(str::to_owned);
        let waits = matches!(message, JsonRpcMessage::Request(_));
        match status {
            StatusCode::ACCEPTED | StatusCode::NO_CONTENT => Ok(StreamableHttpPostResponse::Accepted),
            StatusCode::NOT_FOUND if session.is_some() => Err(StreamableHttpError::SessionExpired),
            status if status.is_success() => match kind.as_str() {
                EVENTS => Ok(StreamableHttpPostResponse::Sse(self.events(response), next_session)),
                _ if !waits => Ok(StreamableHttpPostResponse::Accepted),
                JSON => {
                    let body = self.body(response, self.meter.longest()).await?;
                    let message =
                        serde_json::from_slice(&body).map_err(|_| self.fail(Trouble::NotExpected))?;
                    Ok(StreamableHttpPostResponse::Json(message, next_session))
                }
                _ => Err(self.fail(Trouble::NotExpected)),
            },
            status if status.is_client_error() && !is_denial(status) && kind == JSON && waits => {
                let body = self.body(response, LONGEST_EXPLANATION).await?;
                match serde_json::from_slice::<ServerJsonRpcMessage>(&body) {
                    Ok(JsonRpcMessage::Error(mut error)) => {
                        // What stands before a server refuses without knowing which request it was.
                        if let JsonRpcMessage::Request(request) = &message {
                            error.id = Some(request.id.clone());
                        }
                        Ok(StreamableHttpPostResponse::Json(JsonRpcMessage::Error(error), next_session))
                    }
                    _ => Err(self.fail(Trouble::Status(status.as_u16()))),
                }
            }
            status => Err(self.fail(trouble_of(status))),
        }
    }
}

fn is_denial(status: StatusCode) -> bool {
    matches!(status.as_u16(), 401 | 403 | 407)
}

fn trouble_of(status: StatusCode) -> Trouble {
    match status {
        status if is_denial(status) => Trouble::Denied(status.as_u16()),
        status if status.is_redirection() => Trouble::Redirected,
        status => Trouble::Status(status.as_u16()),
    }
}

fn essence(response: &Response) -> String {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

impl StreamableHttpClient for Web {
    type Error = WebError;

    async fn post_message(
        &self,
        _uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        _auth: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        self.post(message, session, headers).await
    }

    async fn delete_session(
        &self,
        _uri: Arc<str>,
        session: Arc<str>,
        _auth: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Failure> {
        // A server may keep its sessions for itself; nothing waits for this.
        let _ = self.request(Method::DELETE, Some(&session), headers).send().await;
        Ok(())
    }

    async fn get_stream(
        &self,
        _uri: Arc<str>,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        _auth: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Failure> {
        let Some(last_event) = last_event else { return Err(StreamableHttpError::ServerDoesNotSupportSse) };
        let request = self.request(Method::GET, session.as_deref(), headers);
        let response = self.sent(request.header(ACCEPT, EVENTS).header(LAST_EVENT, last_event)).await?;
        match response.status() {
            StatusCode::METHOD_NOT_ALLOWED => Err(StreamableHttpError::ServerDoesNotSupportSse),
            status if status.is_success() && essence(&response) == EVENTS => Ok(self.events(response)),
            status if status.is_success() => Err(self.fail(Trouble::NotExpected)),
            status => Err(self.fail(trouble_of(status))),
        }
    }
}

/// Counts the bytes of one event, which ends at an empty line.
struct EventLength {
    most: usize,
    length: usize,
    line_is_empty: bool,
}

impl EventLength {
    fn new(most: usize) -> Self {
        EventLength { most, length: 0, line_is_empty: true }
    }

    fn fits(&mut self, piece: &[u8]) -> bool {
        for byte in piece {
            self.length += 1;
            match byte {
                b'\n' if self.line_is_empty => self.length = 0,
                b'\n' => self.line_is_empty = true,
                b'\r' => {}
                _ => self.line_is_empty = false,
            }
            if self.length > self.most {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_measured_from_empty_line_to_empty_line() {
        let mut event = EventLength::new(10);
        assert!(event.fits(b"data: a\n\ndata: b\r\n\r\n") && event.fits(b"data: ") && event.fits(b"c\n\n"));
        assert!(!event.fits(b"data: a\ndata: b\n"));
    }

    #[test]
    fn addresses_and_headers_that_can_not_be_used() {
        let check = |url: &str, headers: &[(&str, &str)]| {
            let headers: Vec<(String, Hidden)> =
                headers.iter().map(|(name, value)| ((*name).to_owned(), Hidden::new(value))).collect();
            Place::new(url, &headers, &[]).err().map(|error| error.to_string())
        };
        assert_eq!(check("https://mcp.example/mcp", &[("Authorization", "Bearer k1-hunter22")]), None);
        for (url, headers) in [
            ("hunter22", &[][..]),
            ("ftp://mcp.example/", &[]),
            ("https://ada:hunter22@mcp.example/", &[]),
            ("https://mcp.example/", &[("Mcp-Session-Id", "hunter22")]),
            ("https://mcp.example/", &[("X-Key", "hunter22\nHost: x")]),
            ("https://mcp.example/", &[("X Key", "hunter22")]),
        ] {
            let told = check(url, headers).unwrap();
            assert!(!told.contains("hunter22"), "{told}");
        }
    }
}
