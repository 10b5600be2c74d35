//! Where a record is kept, as people write it, and how long a database may take. It opens nothing.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::postgres::PostgresUrl;

/// How long a database may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// To connect and sign in. Default: 5 s.
    pub connect: Duration,
    /// To run one statement, its wait for other writers included. Default: 10 s.
    pub statement: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Deadlines { connect: Duration::from_secs(5), statement: Duration::from_secs(10) }
    }
}

/// Where a record is kept: `sqlite:PATH`, a plain path, or `postgres://USER:PASSWORD@HOST/DATABASE`.
///
/// Neither `Display` nor `Debug` shows a password.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordUrl(pub(crate) Place);

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Postgres(Box<PostgresUrl>),
}

/// The text names no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRecordUrl {
    /// There is nothing.
    #[error("the record's place is empty; write a path, sqlite:PATH or postgres://USER@HOST/DATABASE")]
    Empty,
    /// The scheme is not one of ours.
    #[error(
        "\"{0}:\" is not a kind of record store; use a path, sqlite:PATH or postgres://USER@HOST/DATABASE"
    )]
    Scheme(String),
    /// A postgres URL that can't be read. The URL is not repeated: it may hold a password.
    #[error("the record's postgres:// URL can't be read: {0}")]
    Postgres(String),
}

impl FromStr for RecordUrl {
    type Err = BadRecordUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            let url = PostgresUrl::parse(text).map_err(BadRecordUrl::Postgres)?;
            return Ok(RecordUrl(Place::Postgres(Box::new(url))));
        }
        let path = match text.split_once(':') {
            Some(("sqlite", path)) => path,
            Some((scheme, rest)) if rest.starts_with("//") => {
                return Err(BadRecordUrl::Scheme(
                    scheme.chars().filter(|c| !c.is_control()).take(20).collect(),
                ));
            }
            _ => text,
        };
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() {
            return Err(BadRecordUrl::Empty);
        }
        Ok(RecordUrl(Place::Sqlite(PathBuf::from(path))))
    }
}

impl fmt::Display for RecordUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Place::Postgres(url) => url.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_people_write() {
        let check = |text: &str, expect: &str| {
            assert_eq!(text.parse::<RecordUrl>().unwrap().to_string(), expect, "{text}");
        };
        check("record.db", "sqlite:record.db");
        check("sqlite:/var/lib/hearback/record.db", "sqlite:/var/lib/hearback/record.db");
        check("sqlite:///var/lib/record.db", "sqlite:/var/lib/record.db");
        check("odd:name.db", "sqlite:odd:name.db");
        check("postgres://ana@db.example.org/incidents", "postgres://ana@db.example.org:5432/incidents");
        check("postgresql://ana@[::1]:5433/incidents?sslmode=require", "postgres://ana@::1:5433/incidents");
    }

    #[test]
    fn what_is_no_place_is_refused_with_what_to_write() {
        let check = |text: &str, expect: &str| {
            let error = text.parse::<RecordUrl>().unwrap_err().to_string();
            assert!(error.contains(expect), "{text}: {error}");
        };
        check("", "is empty");
        check("sqlite:", "is empty");
        check("mysql://db/x", "\"mysql:\" is not a kind");
        check("postgres://u:hunter22@h:notaport/x", "can't be read");
        check("postgres://u@h/x?sslmode=maybe", "sslmode is one of disable, prefer, require, verify-full");
    }

    #[test]
    fn a_password_is_never_shown() {
        let url: RecordUrl = "postgres://ana:hunter22@db/incidents".parse().unwrap();
        assert!(!format!("{url} {url:?}").contains("hunter22"));
        let error = "postgres://u:hunter22@h:notaport/x".parse::<RecordUrl>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter22"));
    }
}
