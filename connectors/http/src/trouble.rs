//! Turns reqwest's errors into ours. Theirs print the URL, with its query; ours name the host and the cause.

use std::error::Error;
use std::io;

use hearback_core::ExternalText;

use crate::error::HttpError;
use crate::outside::Inside;

/// Whether the request can have reached the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Not a byte of it.
    No,
    /// Some or all of it.
    Perhaps,
}

/// Why no answer came, and whether the request can have arrived.
pub(crate) fn in_sending(host: &str, error: &reqwest::Error) -> (HttpError, Sent) {
    let sent = if error.is_connect() || error.is_builder() { Sent::No } else { Sent::Perhaps };
    let host = host.to_owned();
    let unreachable = |host: String, why: &str| HttpError::Unreachable { host, why: why.to_owned() };
    let error = match cause(error) {
        Cause::Inside => HttpError::NotUsable(format!(
            "{host} leads inside our network; a link from outside text is not followed there"
        )),
        Cause::Tls(why) => HttpError::NotUsable(format!("TLS with {host} failed: {why}")),
        Cause::Io(kind) => unreachable(host, sentence(kind)),
        Cause::Other if error.is_builder() => {
            HttpError::NotUsable(format!("the request to {host} can't be made"))
        }
        Cause::Other if error.is_dns() => unreachable(host, "its name is not known; check the address"),
        Cause::Other if sent == Sent::No => unreachable(host, "no connection"),
        Cause::Other => unreachable(host, "it broke off or does not speak HTTP"),
    };
    (error, sent)
}

/// Why a body ended early.
pub(crate) fn in_body(host: &str, error: &reqwest::Error) -> HttpError {
    let why = match cause(error) {
        Cause::Io(io::ErrorKind::ConnectionReset) => "the connection was reset in the middle of the answer",
        _ => "the answer broke off",
    };
    HttpError::Unreachable { host: host.to_owned(), why: why.to_owned() }
}

enum Cause {
    Inside,
    Tls(String),
    Io(io::ErrorKind),
    Other,
}

fn cause(error: &reqwest::Error) -> Cause {
    let mut found = Cause::Other;
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if error.is::<Inside>() {
            return Cause::Inside;
        }
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Cause::Tls(ExternalText::new(tls.to_string()).for_people(160));
        }
        next = error.source();
        if let Some(io) = error.downcast_ref::<io::Error>() {
            // An io::Error that wraps another passes over it when asked for its source.
            if let Some(inner) = io.get_ref() {
                next = Some(inner);
            } else if io.raw_os_error().is_some() {
                found = Cause::Io(io.kind());
            }
        }
    }
    found
}

fn sentence(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::ConnectionRefused => "nothing listens there (connection refused)",
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
            "it closed the connection"
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "there is no route to it",
        io::ErrorKind::TimedOut => "the connection timed out",
        _ => "no connection",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use reqwest::dns::{Name, Resolve, Resolving};

    use super::*;

    struct NobodyKnows;

    impl Resolve for NobodyKnows {
        fn resolve(&self, _: Name) -> Resolving {
            // What the standard library makes of a name that the resolver does not know.
            Box::pin(async { Err(io::Error::other("failed to lookup address information").into()) })
        }
    }

    #[tokio::test]
    async fn a_name_that_is_not_known_is_said_to_be_none() {
        let http = crate::client::builder(&[]).unwrap().dns_resolver(Arc::new(NobodyKnows)).build().unwrap();
        let error = http.get("http://prom.invalid/x?token=hunter22").send().await.unwrap_err();
        let (error, sent) = in_sending("prom.invalid", &error);
        assert_eq!(
            error.to_string(),
            "prom.invalid can't be reached: its name is not known; check the address"
        );
        assert_eq!(sent, Sent::No);
    }
}
