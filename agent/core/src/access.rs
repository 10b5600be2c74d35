//! Who may come in: tokens, bound to named people and programs, and what each may do. The secret itself is never
//! held: a token is known by the digest of its text.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::entry::Actor;
use crate::hash::Digest;
use crate::ids::IncidentId;

/// What a token may do. Each is its own: who administers can't answer for an incident.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Read incidents and answers.
    Read,
    /// Declare, note, and ask inside an incident.
    Respond,
    /// Send changes, alerts, logs and traces.
    Send,
    /// Approve and reject what is proposed, as far as the policy lets its holder.
    Approve,
    /// Make and revoke tokens.
    Administer,
}

impl Right {
    /// All of them.
    pub const ALL: [Right; 5] = [Right::Read, Right::Respond, Right::Send, Right::Approve, Right::Administer];

    /// Its name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Right::Read => "read",
            Right::Respond => "respond",
            Right::Send => "send",
            Right::Approve => "approve",
            Right::Administer => "administer",
        }
    }
}

impl std::fmt::Display for Right {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// The text names no right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a right; use read, respond, send, approve or administer")]
pub struct BadRight(String);

impl std::str::FromStr for Right {
    type Err = BadRight;

    fn from_str(text: &str) -> Result<Self, BadRight> {
        let found = Right::ALL.into_iter().find(|right| right.name().eq_ignore_ascii_case(text.trim()));
        found.ok_or_else(|| BadRight(text.chars().filter(|c| !c.is_control()).take(40).collect()))
    }
}

/// Which incidents a token may see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// All of them.
    AllIncidents,
    /// These.
    Incidents(Vec<IncidentId>),
}

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its name in lists and logs; says nothing of the secret.
    pub id: String,
    /// Whose it is; everything done with it is said to be theirs.
    pub holder: Actor,
    /// What it may do.
    pub rights: Vec<Right>,
    /// Which incidents it may see.
    pub reach: Reach,
    /// The digest of its whole text. The text has 256 random bits, so that a fast hash is enough.
    pub digest: Digest,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it stops working.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

/// A token's text is none of ours, or does not hold any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not of this form, or nobody made it.
    #[error("this token is not known here; ask for one: hearback token add")]
    Unknown,
    /// It was revoked or has run out.
    #[error("this token was revoked or has run out; ask for a new one: hearback token add")]
    Over,
}

impl Token {
    /// The id inside a token's text: `hb_ID_SECRET`.
    pub fn id_in(text: &str) -> Option<&str> {
        let (id, secret) = text.strip_prefix("hb_")?.split_once('_')?;
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
        (plain(id) && id.len() <= 40 && plain(secret) && secret.len() <= 100).then_some(id)
    }

    /// Whether `text` is this token and holds at `now`. Digests are compared, so time tells nothing of the text.
    ///
    /// # Errors
    /// [`Refused`] says why not.
    pub fn admit(&self, text: &str, now: Timestamp) -> Result<(), Refused> {
        if Digest::of(text.as_bytes()) != self.digest {
            return Err(Refused::Unknown);
        }
        let over = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        if over(self.revoked_at) || over(self.expires_at) { Err(Refused::Over) } else { Ok(()) }
    }

    /// Whether it may do this.
    pub fn may(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }

    /// Whether it may see this incident.
    pub fn reaches(&self, incident: &IncidentId) -> bool {
        match &self.reach {
            Reach::AllIncidents => true,
            Reach::Incidents(incidents) => incidents.contains(incident),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Token {
        Token {
            id: "ana1".into(),
            holder: Actor::Person("Ana".into()),
            rights: vec![Right::Read],
            reach: Reach::Incidents(vec![IncidentId::numbered(1)]),
            digest: Digest::of(b"hb_ana1_secret"),
            made_at: Timestamp::UNIX_EPOCH,
            expires_at: Some(Timestamp::from_second(100).unwrap()),
            revoked_at: None,
        }
    }

    #[test]
    fn a_token_admits_its_text_until_it_is_over() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(token().admit("hb_ana1_secret", at(99)), Ok(()));
        assert_eq!(token().admit("hb_ana1_secret", at(100)), Err(Refused::Over));
        assert_eq!(token().admit("hb_ana1_secreT", at(99)), Err(Refused::Unknown));
        let revoked = Token { revoked_at: Some(at(50)), ..token() };
        assert_eq!(revoked.admit("hb_ana1_secret", at(51)), Err(Refused::Over));
    }

    #[test]
    fn a_token_does_and_sees_what_it_names_and_no_more() {
        assert!(token().may(Right::Read) && !token().may(Right::Respond));
        assert!(token().reaches(&IncidentId::numbered(1)) && !token().reaches(&IncidentId::numbered(2)));
    }

    #[test]
    fn the_id_is_found_in_the_text() {
        assert_eq!(Token::id_in("hb_ana1_s3cret"), Some("ana1"));
        for bad in ["", "hb_", "hb__x", "hb_a_", "hb_a/b_x", "xx_a_b", "hb_a_b\n"] {
            assert_eq!(Token::id_in(bad), None, "{bad:?}");
        }
    }
}
