//! The section of the configuration about traces of what Hearback itself does: where they are sent. Without it none are.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::serve::Secret;

/// Where traces are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracesConfig {
    /// The address up to where `/v1/traces` begins.
    pub endpoint: String,
    /// What each request carries, as a key.
    pub headers: BTreeMap<String, Secret>,
}

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TracesSection {
    endpoint: Option<String>,
    /// There is one; another is a mistake.
    protocol: Option<Protocol>,
    headers: BTreeMap<String, Secret>,
}

/// How they are sent.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Protocol {
    /// OTLP/HTTP, in protobuf.
    Http,
}

impl TracesSection {
    /// The user's section; none if no address is named. Paths are relative to `base`.
    pub fn checked(self, base: &Path) -> Option<TracesConfig> {
        let endpoint = self.endpoint.filter(|endpoint| !endpoint.is_empty())?;
        let headers = self.headers.into_iter().map(|(name, secret)| (name, secret.beside(base)));
        Some(TracesConfig { endpoint, headers: headers.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<TracesConfig>, toml::de::Error> {
        Ok(toml::from_str::<TracesSection>(text)?.checked(Path::new("/etc/hearback")))
    }

    #[test]
    fn without_an_address_nothing_is_sent() {
        assert_eq!(read("").unwrap(), None);
        assert_eq!(read("endpoint = \"\"\nheaders = { x-key = { env = \"KEY\" } }").unwrap(), None);
    }

    #[test]
    fn an_address_with_headers_is_read() {
        let text = "endpoint = \"http://otel:4318\"\nprotocol = \"http\"\n\
            headers = { x-key = { env = \"KEY\" }, authorization = { file = \"otel.key\" } }";
        let TracesConfig { endpoint, headers } = read(text).unwrap().unwrap();
        assert_eq!(endpoint, "http://otel:4318");
        assert_eq!(headers["x-key"], Secret::Env("KEY".into()));
        assert_eq!(headers["authorization"], Secret::File("/etc/hearback/otel.key".into()));
    }

    #[test]
    fn another_protocol_and_a_key_in_the_open_are_mistakes() {
        for text in ["protocol = \"grpc\"", "headers = { x-key = \"secret\" }", "endpiont = \"\""] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
