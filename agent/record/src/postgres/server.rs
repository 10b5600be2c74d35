//! A PostgreSQL server: its URL, signing in to it, and why that failed in words for people. Never shows a password.

use std::error::Error as _;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use hearback_core::ports::RecordError;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

use super::tls::{self, Trust};
use crate::session::Fault;

/// A connection's driver: runs until the client is dropped or the server goes away.
type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where a server is and how to sign in.
#[derive(Clone, PartialEq)]
pub(crate) struct PostgresUrl {
    config: Config,
    trust: Trust,
}

impl PostgresUrl {
    /// Reads `postgres://…`. `sslmode` means what it means to libpq: `disable`, `prefer` (the default) and `require`
    /// encrypt without checking who answers, `verify-full` checks the certificate and the name; `verify-ca` is taken
    /// as `verify-full`.
    ///
    /// # Errors
    /// A phrase that never repeats the URL.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let (ssl, rest): (Vec<&str>, Vec<&str>) =
            query.split('&').filter(|p| !p.is_empty()).partition(|p| p.starts_with("sslmode="));
        let (mode, trust) = match ssl.last().and_then(|p| p.strip_prefix("sslmode=")) {
            Some("disable") => (SslMode::Disable, Trust::Anyone),
            None | Some("prefer" | "allow") => (SslMode::Prefer, Trust::Anyone),
            Some("require") => (SslMode::Require, Trust::Anyone),
            Some("verify-full" | "verify-ca") => (SslMode::Require, Trust::Verified),
            Some(_) => return Err("sslmode is one of disable, prefer, require, verify-full".into()),
        };
        let mut config: Config = format!("{base}?{}", rest.join("&")).parse().map_err(
            |_| "write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE, special characters as %XX",
        )?;
        config.ssl_mode(mode).application_name("hearback");
        if config.get_hosts().is_empty() {
            return Err("it names no host".into());
        }
        Ok(PostgresUrl { config, trust })
    }

    /// Connects and signs in. The caller sets the deadline and runs the driver.
    pub async fn connect(&self) -> Result<(Client, Driver), Fault> {
        if self.config.get_ssl_mode() == SslMode::Disable {
            let (client, connection) =
                self.config.connect(NoTls).await.map_err(|error| self.refusal(&error))?;
            return Ok((client, Box::pin(async { drop(connection.await) })));
        }
        let tls = tls::connector(self.trust).map_err(RecordError::Store)?;
        let (client, connection) = self.config.connect(tls).await.map_err(|error| self.refusal(&error))?;
        Ok((client, Box::pin(async { drop(connection.await) })))
    }

    /// Why the server did not let us in.
    pub fn refusal(&self, error: &tokio_postgres::Error) -> Fault {
        let server = self.server();
        let user = self.config.get_user().unwrap_or("(none)");
        let Some(answer) = error.as_db_error() else { return self.no_answer(error) };
        let refused = match *answer.code() {
            SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
                format!(
                    "PostgreSQL at {server} does not let user {user} in: check the user and password of the record's URL"
                )
            }
            SqlState::INVALID_CATALOG_NAME => {
                format!("PostgreSQL at {server} has no database \"{}\": create it first", self.database())
            }
            SqlState::CANNOT_CONNECT_NOW | SqlState::TOO_MANY_CONNECTIONS => {
                return Fault::Lost(format!(
                    "PostgreSQL at {server} takes no connections now: try again shortly"
                ));
            }
            _ => format!("PostgreSQL at {server} refused the connection: {}", answer.message()),
        };
        Fault::Verdict(RecordError::Refused(refused))
    }

    fn no_answer(&self, error: &tokio_postgres::Error) -> Fault {
        let server = self.server();
        // The kind of error is private to the library; its text is all there is to tell them apart by.
        let what = error.to_string();
        let why = error.source().map_or_else(|| what.clone(), ToString::to_string);
        if what.contains("TLS") {
            return Fault::Verdict(RecordError::Refused(format!(
                "no encrypted connection to PostgreSQL at {server} ({why}): mend its certificate, or change sslmode in \
                 the record's URL"
            )));
        }
        if why.contains("password missing") {
            return Fault::Verdict(RecordError::Refused(format!(
                "PostgreSQL at {server} wants a password: put it into the record's URL"
            )));
        }
        Fault::Lost(format!(
            "PostgreSQL at {server} can't be reached ({why}): is it running, is the URL right?"
        ))
    }

    /// The server did not answer within `limit`.
    pub fn silent(&self, limit: Duration) -> Fault {
        Fault::Lost(format!(
            "PostgreSQL at {} did not answer within {} s: is it running, is the URL right?",
            self.server(),
            limit.as_secs_f32()
        ))
    }

    fn server(&self) -> String {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            #[cfg(unix)]
            Some(Host::Unix(path)) => path.display().to_string(),
            None => "(no host)".into(),
        };
        format!("{host}:{}", self.config.get_ports().first().unwrap_or(&5432))
    }

    fn database(&self) -> &str {
        self.config.get_dbname().or_else(|| self.config.get_user()).unwrap_or("(none)")
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.config.get_user().unwrap_or_default();
        write!(f, "postgres://{user}@{}/{}", self.server(), self.database())
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
