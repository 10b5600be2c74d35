//! `hearback token`: who may come in. The secret is shown once and kept as a digest.

use std::process::ExitCode;

use anyhow::Result;
use hearback_core::Digest;
use hearback_core::access::{Reach, Right, Token};
use hearback_core::entry::Actor;
use hearback_core::ports::TokenStore;
use hearback_core::time::{format_time, parse_length};
use jiff::Timestamp;
use serde_json::json;

use super::times;
use crate::cli;
use crate::config::Config;
use crate::output::{self, Usage};
use crate::wiring;

/// The letters of a token: none that a person mistakes for another.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

pub async fn run(command: cli::Token, config: &Config) -> Result<ExitCode> {
    let record = wiring::record(config).await?;
    let now = Timestamp::now();
    match command {
        cli::Token::Add { holder, program, rights, incidents, expires, json } => {
            if holder.trim().is_empty() {
                return Err(Usage("the token is nobody's; say whose it is".into()).into());
            }
            let holder = if program { Actor::System(holder) } else { times::person(&holder) };
            let reach = match incidents.as_slice() {
                [] => Reach::AllIncidents,
                some => Reach::Incidents(some.iter().map(|id| times::incident(id)).collect::<Result<_>>()?),
            };
            let length = expires.as_deref().map(parse_length).transpose();
            let length = length.map_err(|error| Usage(format!("--expires: {error}")))?;
            let expires_at = length.map(|length| now.checked_add(length)).transpose();
            let expires_at = expires_at.map_err(|_| Usage("--expires: that is too far ahead".into()))?;
            let wanted = Wanted { holder, rights, reach, expires_at };
            let (token, text) = make(record.as_ref(), wanted, now).await?;
            if json {
                output::json(&json!({"id": token.id, "token": text, "rights": token.rights}))?;
            } else {
                output::line(&text)?;
                let said = format!(
                    "For {}: {}. It is shown this once; end it with: hearback token revoke {}",
                    token.holder.for_people(),
                    listed(&token.rights),
                    token.id
                );
                output::aside(&said);
            }
        }
        cli::Token::List { json } => {
            let tokens = record.tokens().await?;
            if tokens.is_empty() && !json {
                output::line("No tokens. Make one: hearback token add NAME --right read,respond")?;
            }
            for token in tokens {
                output::line(if json { as_json(&token).to_string() } else { one_line(&token, now) })?;
            }
        }
        cli::Token::Revoke { id } => {
            if !record.revoke_token(&id, now).await? {
                return Err(Usage(format!(
                    "there is no token {id} to end; `hearback token list` shows those there are"
                ))
                .into());
            }
            output::line(format!("{id} ended"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What a token is to be.
pub struct Wanted {
    /// Whose it is.
    pub holder: Actor,
    /// What it may do.
    pub rights: Vec<Right>,
    /// What it may see.
    pub reach: Reach,
    /// Until when.
    pub expires_at: Option<Timestamp>,
}

/// Makes a token. Returns it with its text, which is not kept.
pub async fn make(tokens: &dyn TokenStore, wanted: Wanted, now: Timestamp) -> Result<(Token, String)> {
    let Wanted { holder, mut rights, reach, expires_at } = wanted;
    rights.sort();
    rights.dedup();
    let id = random_letters(8)?;
    // 52 letters of 5 bits each: 260 bits.
    let text = format!("hb_{id}_{}", random_letters(52)?);
    let digest = Digest::of(text.as_bytes());
    let token = Token { id, holder, rights, reach, digest, made_at: now, expires_at, revoked_at: None };
    tokens.add_token(&token).await?;
    Ok((token, text))
}

fn random_letters(count: usize) -> Result<String> {
    let mut bytes = vec![0; count];
    getrandom::fill(&mut bytes)
        .map_err(|error| anyhow::anyhow!("the system gives no random numbers: {error}"))?;
    let letter = |byte: u8| LETTERS.get(usize::from(byte % 32)).copied().map_or('x', char::from);
    Ok(bytes.into_iter().map(letter).collect())
}

/// Rights in words.
pub fn listed(rights: &[Right]) -> String {
    rights.iter().map(|right| right.name()).collect::<Vec<_>>().join(", ")
}

fn state(token: &Token, now: Timestamp) -> String {
    match (token.revoked_at, token.expires_at) {
        (Some(at), _) => format!("ended {}", format_time(at)),
        (None, Some(at)) if at <= now => format!("ran out {}", format_time(at)),
        (None, Some(at)) => format!("until {}", format_time(at)),
        (None, None) => "until it is revoked".into(),
    }
}

fn one_line(token: &Token, now: Timestamp) -> String {
    let reach = match &token.reach {
        Reach::AllIncidents => String::new(),
        Reach::Incidents(ids) => {
            format!(", only {}", ids.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(", "))
        }
    };
    let (holder, rights) = (token.holder.for_people(), listed(&token.rights));
    format!("{:<10} {holder:<20} {rights}{reach}; {}", token.id, state(token, now))
}

fn as_json(token: &Token) -> serde_json::Value {
    json!({
        "id": token.id, "holder": token.holder, "rights": token.rights, "reach": token.reach,
        "made_at": token.made_at, "expires_at": token.expires_at, "revoked_at": token.revoked_at,
    })
}
