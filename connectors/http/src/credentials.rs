//! How a connector proves who it is. A secret leaves its type in one place, as a header.

use std::fmt;

use reqwest::header::{AUTHORIZATION, HeaderValue};

/// A token or a password. It has no `Display`, and its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes `text` as a secret. White space around it goes: a file that holds a token ends with a line break.
    pub fn new(text: &str) -> Self {
        Secret(text.trim().to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// How a connector proves who it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// It does not.
    #[default]
    None,
    /// A bearer token (RFC 6750).
    Bearer(Secret),
    /// User and password (RFC 7617).
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
}

impl Credentials {
    /// The header that carries them, if there are any.
    ///
    /// # Errors
    /// A sentence, if they can't stand in a header.
    pub(crate) fn header(&self, http: &reqwest::Client) -> Result<Option<HeaderValue>, String> {
        // Reqwest writes the header; the request it stands in is never sent.
        let unsent = http.get("http://unsent.invalid/");
        let (request, what) = match self {
            Credentials::None => return Ok(None),
            Credentials::Bearer(Secret(token)) if token.is_empty() => return Err("the token is empty".into()),
            Credentials::Bearer(Secret(token)) => (unsent.bearer_auth(token), "token"),
            Credentials::Basic { user, .. } if user.contains(':') => {
                return Err("the user's name holds a colon, which ends it".into());
            }
            Credentials::Basic { user, password: Secret(password) } => {
                (unsent.basic_auth(user, Some(password)), "password")
            }
        };
        let request = request.build().map_err(|_| {
            format!("the {what} holds a character that can't be sent, such as a line break; check where it is kept")
        })?;
        Ok(request.headers().get(AUTHORIZATION).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let basic = Credentials::Basic { user: "ada".into(), password: Secret::new("hunter22") };
        for credentials in [Credentials::Bearer(Secret::new("hunter22")), basic] {
            assert!(!format!("{credentials:?}").contains("hunter22"));
            let http = reqwest::Client::builder()
                .tls_backend_preconfigured(crate::tls::config(&[]).unwrap())
                .build()
                .unwrap();
            let header = credentials.header(&http).unwrap().unwrap();
            assert!(header.is_sensitive());
        }
    }
}
