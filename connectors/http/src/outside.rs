//! Fetches what outside text links to. A link is written by anybody: it must not reach the machine itself, its network
//! or a cloud's metadata, whatever its name resolves to, now or a moment later.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hearback_core::ExternalText;
use hearback_core::ports::ConnectorError;
use reqwest::Method;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::address::is_public;
use crate::body::{Body, Wanted};
use crate::client::builder;
use crate::deadline::Limits;
use crate::error::HttpError;
use crate::exchange::{Ask, Courier, Effect};

/// The longest URL that is looked at, in bytes.
const LONGEST_URL: usize = 2048;

/// Why a link is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusedUrl {
    /// It is no URL, or too long to be one.
    #[error("the link can't be read as a URL")]
    Unreadable,
    /// It is neither http nor https.
    #[error("the link is neither https nor http")]
    Scheme,
    /// It holds a user or a password.
    #[error("the link holds a user or a password")]
    Credentials,
    /// It names an address that is not public.
    #[error("the link leads inside our network; it is not followed")]
    Inside,
}

/// A link from outside text that passed what can be told without looking up its name. Looking it up is part of
/// fetching it, so that the address which is checked is the one that is connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutsideUrl(Url);

impl OutsideUrl {
    /// Checks a link: http or https, no credentials, and no address that is not public.
    ///
    /// # Errors
    /// [`RefusedUrl`] says why it is not followed.
    pub fn parse(link: &ExternalText) -> Result<Self, RefusedUrl> {
        Self::parse_for(link, is_public)
    }

    fn parse_for(link: &ExternalText, may_reach: fn(IpAddr) -> bool) -> Result<Self, RefusedUrl> {
        let text = link.as_untrusted().trim();
        if text.len() > LONGEST_URL {
            return Err(RefusedUrl::Unreadable);
        }
        let mut url = Url::parse(text).map_err(|_| RefusedUrl::Unreadable)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(RefusedUrl::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(RefusedUrl::Credentials);
        }
        // An address is connected to without a lookup, so that only here can it be checked. The URL standard has
        // turned 0x7f.1 and 2130706433 into addresses by now.
        match url.host() {
            Some(Host::Ipv4(ip)) if !may_reach(IpAddr::V4(ip)) => return Err(RefusedUrl::Inside),
            Some(Host::Ipv6(ip)) if !may_reach(IpAddr::V6(ip)) => return Err(RefusedUrl::Inside),
            Some(_) => {}
            None => return Err(RefusedUrl::Unreadable),
        }
        url.set_fragment(None);
        Ok(OutsideUrl(url))
    }

    /// The URL, for people to follow themselves.
    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

/// Fetches links from outside text: no credentials, no cookies, no proxy, public addresses alone, and redirects within
/// the origin alone. A name that has one address inside is refused as a whole.
pub struct OutsideClient {
    courier: Courier,
}

impl OutsideClient {
    /// Makes a client; nothing is sent.
    ///
    /// # Errors
    /// [`ConnectorError::NotUsable`] if TLS can't be set up.
    pub fn new() -> Result<Self, ConnectorError> {
        Self::that_reaches(is_public)
    }

    fn that_reaches(may_reach: fn(IpAddr) -> bool) -> Result<Self, ConnectorError> {
        let http = builder(&[]).map_err(ConnectorError::NotUsable)?;
        let http = http.dns_resolver(Arc::new(GuardedNames { may_reach })).build();
        let http =
            http.map_err(|_| ConnectorError::NotUsable("the HTTP client can't be set up".to_owned()))?;
        let courier = Courier { http, authorization: None, first_pause: Duration::from_millis(200) };
        Ok(OutsideClient { courier })
    }

    /// Fetches text or JSON.
    ///
    /// # Errors
    /// [`HttpError::NotUsable`] if the name leads inside; else as any read.
    pub async fn get(&self, url: &OutsideUrl, limits: Limits) -> Result<Body, HttpError> {
        let ask = Ask {
            method: Method::GET,
            url: &url.0,
            content: None,
            effect: Effect::Read,
            wanted: Wanted::Text,
        };
        self.courier.read(&ask, limits).await
    }
}

/// A name leads inside our network.
#[derive(Debug, thiserror::Error)]
#[error("the name leads inside our network")]
pub(crate) struct Inside;

/// Looks names up for the connection that is being made: what passes here is what is connected to, so that a name which
/// resolves otherwise a moment later gains nothing.
struct GuardedNames {
    may_reach: fn(IpAddr) -> bool,
}

impl Resolve for GuardedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let may_reach = self.may_reach;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.iter().any(|at| !may_reach(at.ip())) {
                return Err(Inside.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    fn check(link: &str, expect: Result<&str, RefusedUrl>) {
        let parsed = OutsideUrl::parse(&ExternalText::new(link));
        assert_eq!(parsed.as_ref().map(|url| url.0.as_str()), expect.as_ref().map(|url| *url), "{link}");
    }

    #[test]
    fn links_that_are_not_followed() {
        for link in ["file:///etc/passwd", "gopher://x/", "ftp://example.org/", "javascript:alert(1)"] {
            check(link, Err(RefusedUrl::Scheme));
        }
        for link in ["http://ada:hunter22@example.org/", "http://ada@example.org/", "http://:x@example.org/"]
        {
            check(link, Err(RefusedUrl::Credentials));
        }
        for link in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://127.1/",
            "http://169.254.169.254/latest/meta-data",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://0/",
            "https://[fd00::1]:8443/",
            "http://１２７.0.0.1/",
        ] {
            check(link, Err(RefusedUrl::Inside));
        }
        for link in ["", "example.org", "http://", "http://[::1", "http://999.1.1.1/"] {
            check(link, Err(RefusedUrl::Unreadable));
        }
        check(&format!("http://example.org/{}", "a".repeat(3000)), Err(RefusedUrl::Unreadable));
    }

    #[test]
    fn links_that_may_be_followed() {
        check("https://example.org/a?b=c#d", Ok("https://example.org/a?b=c"));
        check("http://8.8.8.8:8080/", Ok("http://8.8.8.8:8080/"));
        check(" https://status.example.org ", Ok("https://status.example.org/"));
    }

    fn limits() -> Limits {
        Limits::new(SignedDuration::from_secs(10), 1000)
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_never_connected_to() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        let url = OutsideUrl::parse(&ExternalText::new(format!("http://localhost:{port}/"))).unwrap();
        let client = OutsideClient::new().unwrap();
        let told = client.get(&url, limits()).await.unwrap_err().to_string();
        assert_eq!(
            told,
            format!(
                "localhost:{port} leads inside our network; a link from outside text is not followed there"
            )
        );
        let nobody =
            std::future::poll_fn(|task| std::task::Poll::Ready(server.poll_accept(task).is_pending()));
        assert!(nobody.await, "somebody connected");
    }

    #[tokio::test]
    async fn a_name_that_leads_where_it_may_is_fetched() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        let link = ExternalText::new(format!("http://localhost:{port}/runbook#top"));
        // As if loopback were public: the way through the lookup is the same.
        let client = OutsideClient::that_reaches(|_| true).unwrap();
        let url = OutsideUrl::parse_for(&link, |_| true).unwrap();
        let serve = async {
            let (mut stream, _) = server.accept().await.unwrap();
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).await.unwrap();
            let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 7\r\n\r\nrestart";
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&head[..length]).to_lowercase()
        };
        let (body, head) = tokio::join!(client.get(&url, limits()), serve);
        assert_eq!(body.unwrap().as_bytes(), b"restart");
        assert!(head.starts_with("get /runbook http/1.1\r\n"), "{head}");
        assert!(!head.contains("authorization") && !head.contains("cookie"), "{head}");
    }
}
