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
    /// `text` without the secret in it: what a server says of a request may repeat what it was sent.
    pub fn taken_out_of(&self, text: &str) -> String {
        let secret = match self {
            Credentials::None => "",
            Credentials::Bearer(Secret(secret)) | Credentials::Basic { password: Secret(secret), .. } => {
                secret
            }
        };
        if secret.is_empty() { text.to_owned() } else { text.replace(secret, "[redacted: the key]") }
    }

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
    fn a_text_loses_the_secret() {
        let told = "Bearer k1-hunter22 (k1-hunter22) may not";
        let bearer = Credentials::Bearer(Secret::new("k1-hunter22"));
        assert_eq!(bearer.taken_out_of(told), "Bearer [redacted: the key] ([redacted: the key]) may not");
        let basic = Credentials::Basic { user: "ada".into(), password: Secret::new("hunter22") };
        assert!(!basic.taken_out_of(told).contains("hunter22"));
        assert_eq!(Credentials::None.taken_out_of(told), told);
        assert_eq!(Credentials::Bearer(Secret::new("")).taken_out_of(told), told);
    }

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
