//! The client of one system: the address it was made for, and credentials that go nowhere else.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use hearback_core::ports::ConnectorError;
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::{Origin, Url, form_urlencoded};

use crate::body::{Body, Wanted};
use crate::credentials::Credentials;
use crate::deadline::Limits;
use crate::error::HttpError;
use crate::exchange::{Ask, Courier, Effect, host};
use crate::pieces::Pieces;
use crate::tls;

/// What a client is made of. Its `Debug` leaves the address out: until it was checked it may hold a password.
#[derive(Clone)]
pub struct HttpOptions {
    /// Where the system is: `https://prometheus.example` or with a path it lives under.
    pub base_url: String,
    /// How the client proves who it is.
    pub credentials: Credentials,
    /// Root certificates in PEM form that are trusted beside the system's; empty for none.
    pub own_roots_pem: Vec<u8>,
    /// The pause before a read is tried again for the first time; the next is twice as long.
    pub first_pause: Duration,
    /// How long connecting may take (name lookup and TLS included), beside the deadline of a call; none for as long as
    /// that. A write that was cut off while it connected is known to have reached nobody.
    pub connect_within: Option<Duration>,
}

impl HttpOptions {
    /// A client of `base_url` without credentials.
    pub fn new(base_url: impl Into<String>) -> Self {
        HttpOptions {
            base_url: base_url.into(),
            credentials: Credentials::None,
            own_roots_pem: Vec::new(),
            first_pause: Duration::from_millis(200),
            connect_within: None,
        }
    }
}

impl fmt::Debug for HttpOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpOptions")
            .field("credentials", &self.credentials)
            .field("first_pause", &self.first_pause)
            .field("connect_within", &self.connect_within)
            .finish_non_exhaustive()
    }
}

/// Content that is sent byte for byte, with headers of its own: a signature is over the very bytes.
#[derive(Clone)]
pub struct Content {
    /// Its type, as in `application/json`.
    pub kind: &'static str,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Headers beside those that every request has. A value that can't stand in a header is refused before anything is
    /// sent.
    pub headers: Vec<(Cow<'static, str>, String)>,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes of {})", self.bytes.len(), self.kind)
    }
}

/// What came of a write.
#[derive(Debug)]
pub struct Written {
    /// The status, a 2xx.
    pub status: u16,
    /// What it answered. An answer that can't be read takes nothing back: it was written.
    pub answer: Result<Body, HttpError>,
}

/// The client of one system. It asks no other origin, so its credentials go nowhere else.
///
/// A call ends by its deadline, which covers name lookup, connecting, headers, body and retries, and holds no more of
/// an answer than its limit. Reads (GET, and POST where the name says so) are tried at most three times, on failures
/// of the connection, 429 and 5xx. A write is sent once.
pub struct HttpClient {
    courier: Courier,
    base: Url,
    origin: Origin,
}

impl HttpClient {
    /// Makes a client; nothing is sent.
    ///
    /// # Errors
    /// [`ConnectorError::NotUsable`] if the address, the credentials or the certificates can't be used.
    pub fn new(options: HttpOptions) -> Result<Self, ConnectorError> {
        Self::make(&options).map_err(ConnectorError::NotUsable)
    }

    fn make(options: &HttpOptions) -> Result<Self, String> {
        let base = parse_base(&options.base_url)?;
        let builder = builder(&options.own_roots_pem)?;
        let builder = match options.connect_within {
            Some(most) => builder.connect_timeout(most),
            None => builder,
        };
        let http = builder.build();
        let http = http.map_err(|_| format!("the HTTP client for {} can't be set up", host(&base)))?;
        let authorization = options
            .credentials
            .header(&http)
            .map_err(|why| format!("the credentials for {} can't be used: {why}", host(&base)))?;
        let courier = Courier { http, authorization, first_pause: options.first_pause };
        Ok(HttpClient { courier, origin: base.origin(), base })
    }

    /// Host and port, for sentences.
    pub fn host(&self) -> String {
        host(&self.base)
    }

    /// The very address that the client was made for.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// The address of `path` under the base: `/prom` and `api/v1/query` give `/prom/api/v1/query`.
    pub fn at(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{}", self.base.path().trim_end_matches('/'), path.trim_start_matches('/')));
        url
    }

    /// Asks with GET for JSON.
    ///
    /// # Errors
    /// [`HttpError`], by what to do next.
    pub async fn get(&self, url: &Url, limits: Limits) -> Result<Body, HttpError> {
        self.read(Method::GET, url, None, limits).await
    }

    /// As [`HttpClient::get`], parsed.
    ///
    /// # Errors
    /// [`HttpError`], by what to do next.
    pub async fn get_json<T: DeserializeOwned>(&self, url: &Url, limits: Limits) -> Result<T, HttpError> {
        self.get(url, limits).await?.json()
    }

    /// Asks with a form for JSON, where the form only asks: it may be sent again.
    ///
    /// # Errors
    /// [`HttpError`], by what to do next.
    pub async fn post_form(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        limits: Limits,
    ) -> Result<Body, HttpError> {
        let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let kind = "application/x-www-form-urlencoded";
        let content = Content { kind, bytes: encoded.into_bytes(), headers: Vec::new() };
        self.read(Method::POST, url, Some(content), limits).await
    }

    /// As [`HttpClient::post_form`], parsed.
    ///
    /// # Errors
    /// [`HttpError`], by what to do next.
    pub async fn post_form_json<T: DeserializeOwned>(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        limits: Limits,
    ) -> Result<T, HttpError> {
        self.post_form(url, form, limits).await?.json()
    }

    /// Writes JSON with POST: sent once, never again, and redirected nowhere.
    ///
    /// # Errors
    /// [`HttpError::OutcomeUnknown`] if it was sent and what became of it is not known; else nothing was done.
    pub async fn post_json(
        &self,
        url: &Url,
        what: &(impl Serialize + ?Sized),
        limits: Limits,
    ) -> Result<Written, HttpError> {
        self.post(url, self.json(what)?, limits).await
    }

    /// Writes `content` with POST: sent once, never again, and redirected nowhere. JSON is expected back.
    ///
    /// # Errors
    /// [`HttpError::OutcomeUnknown`] if it was sent and what became of it is not known; else nothing was done, as far as
    /// the status tells.
    pub async fn post(&self, url: &Url, content: Content, limits: Limits) -> Result<Written, HttpError> {
        self.check_origin(url)?;
        let ask = Ask {
            method: Method::POST,
            url,
            content: Some(content),
            effect: Effect::Write,
            wanted: Wanted::Json,
        };
        let (status, answer) = self.courier.write(&ask, limits).await?;
        Ok(Written { status, answer })
    }

    /// Asks with JSON for events that come one by one, or for JSON where the server has it whole, where asking changes
    /// nothing. It is sent once: only the caller knows whether what has come can be used.
    ///
    /// # Errors
    /// [`HttpError`], by what to do next; an answer that is not of success is read as ever.
    pub async fn post_for_pieces(
        &self,
        url: &Url,
        what: &(impl Serialize + ?Sized),
        limits: Limits,
    ) -> Result<Pieces, HttpError> {
        self.check_origin(url)?;
        let content = self.json(what)?;
        let ask = Ask {
            method: Method::POST,
            url,
            content: Some(content),
            effect: Effect::Read,
            wanted: Wanted::Events,
        };
        self.courier.open(&ask, limits).await
    }

    fn json(&self, what: &(impl Serialize + ?Sized)) -> Result<Content, HttpError> {
        let bytes = serde_json::to_vec(what).map_err(|_| {
            HttpError::NotUsable(format!("what should be sent to {} is no JSON", self.host()))
        })?;
        Ok(Content { kind: "application/json", bytes, headers: Vec::new() })
    }

    async fn read(
        &self,
        method: Method,
        url: &Url,
        content: Option<Content>,
        limits: Limits,
    ) -> Result<Body, HttpError> {
        self.check_origin(url)?;
        let ask = Ask { method, url, content, effect: Effect::Read, wanted: Wanted::Json };
        self.courier.read(&ask, limits).await
    }

    fn check_origin(&self, url: &Url) -> Result<(), HttpError> {
        if url.origin() == self.origin && url.username().is_empty() && url.password().is_none() {
            return Ok(());
        }
        Err(HttpError::NotUsable(format!(
            "the client of {} asks nobody else, not {}",
            self.host(),
            host(url)
        )))
    }
}

/// What both clients are built from. Proxies and the environment are left out: an address means itself.
pub(crate) fn builder(own_roots_pem: &[u8]) -> Result<reqwest::ClientBuilder, String> {
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls::config(own_roots_pem)?)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .user_agent(concat!("hearback/", env!("CARGO_PKG_VERSION"))))
}

fn parse_base(text: &str) -> Result<Url, String> {
    // What can't be read is not repeated: it may hold a password.
    let url = Url::parse(text.trim()).map_err(|error| {
        format!("the address can't be read ({error}); write it as https://host:port/path")
    })?;
    let name = host(&url);
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("the address of {name} begins with neither https:// nor http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("the address of {name} holds a user or a password; set them as credentials"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("the address of {name} has a ? or a #; leave out what follows it"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::Secret;

    #[test]
    fn debug_shows_no_password_of_an_address() {
        let options = HttpOptions::new("http://ada:hunter22@prom");
        assert!(!format!("{options:?}").contains("hunter22"));
    }

    #[test]
    fn a_path_is_put_under_the_base() {
        for (base, expect) in [
            ("http://prom:9090", "http://prom:9090/api/v1/query"),
            ("http://prom:9090/", "http://prom:9090/api/v1/query"),
            ("https://example.org/prom/", "https://example.org/prom/api/v1/query"),
            ("https://example.org/a/b", "https://example.org/a/b/api/v1/query"),
        ] {
            let client = HttpClient::new(HttpOptions::new(base)).unwrap();
            assert_eq!(client.at("/api/v1/query").as_str(), expect);
        }
    }

    #[test]
    fn an_address_that_can_not_be_used_is_said_without_its_password() {
        let check = |base: &str, expect: &str| {
            let told = HttpClient::new(HttpOptions::new(base)).err().unwrap().to_string();
            assert!(told.contains(expect) && !told.contains("hunter22"), "{told}");
        };
        check("prom:9090", "neither https:// nor http://");
        check("prom", "can't be read (relative URL without a base)");
        check("http://", "can't be read (empty host)");
        check("http://ada:hunter22@prom", "prom holds a user or a password");
        check("http://:hunter22@prom:99999", "can't be read (invalid port number)");
        check("http://prom/?token=hunter22", "leave out what follows");
        check("file:///etc/passwd", "neither");
    }

    #[test]
    fn credentials_that_can_not_be_sent_are_said_without_them() {
        let check = |credentials: Credentials, expect: &str| {
            let options = HttpOptions { credentials, ..HttpOptions::new("http://prom") };
            let told = HttpClient::new(options).err().unwrap().to_string();
            assert!(told.contains(expect) && !told.contains("hunter22"), "{told}");
        };
        check(Credentials::Bearer(Secret::new("hunter22\nx")), "the token holds a character");
        check(Credentials::Bearer(Secret::new(" \n")), "the token is empty");
        check(Credentials::Basic { user: "a:b".into(), password: Secret::new("hunter22") }, "a colon");
    }

    #[test]
    fn certificates_that_are_none_are_refused() {
        let pem = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec();
        let options = HttpOptions { own_roots_pem: pem, ..HttpOptions::new("https://prom") };
        let told = HttpClient::new(options).err().unwrap().to_string();
        assert!(told.contains("a root certificate can't be used"), "{told}");
    }
}
