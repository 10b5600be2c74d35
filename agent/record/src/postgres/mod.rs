//! A session with a PostgreSQL server. Every wait has a deadline. It must not know what the tables mean.

mod server;
mod tls;

use std::collections::HashMap;
use std::time::Duration;

use futures::future::try_join_all;
use hearback_core::ports::RecordError;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Statement};

pub(crate) use self::server::PostgresUrl;
use crate::session::{Cell, Erased, Fault, Row, Session};
use crate::url::Deadlines;

/// One writer at a time across all processes. The lock's number is ours alone within a database.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(7521962890172)";
const OUR_SCHEMA: &str = "SELECT count(*) FROM pg_namespace WHERE nspname = 'hearback'";

/// The server ends a statement at its deadline and says so; we wait a little longer to hear it.
const GRACE: Duration = Duration::from_secs(1);

/// A server, and the connection to it while there is one.
pub(crate) struct PostgresSession {
    url: PostgresUrl,
    deadlines: Deadlines,
    link: Option<Link>,
    transaction: Transaction,
    /// Taken on drop alone.
    runtime: Option<Runtime>,
}

/// A connection. Its task ends with it.
struct Link {
    client: Client,
    statements: HashMap<&'static str, Statement>,
    _driver: JoinSet<()>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Transaction {
    Open,
    None,
}

impl PostgresSession {
    /// Connects to the server.
    pub fn open(url: &PostgresUrl, deadlines: Deadlines) -> Result<Self, RecordError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| RecordError::Store(format!("no runtime: {error}")))?;
        let mut session = PostgresSession {
            url: url.clone(),
            deadlines,
            link: None,
            transaction: Transaction::None,
            runtime: Some(runtime),
        };
        session.connect()?;
        Ok(session)
    }

    fn connect(&mut self) -> Result<(), Fault> {
        self.link = None;
        let Some(runtime) = &self.runtime else { return Err(gone()) };
        let (url, deadlines) = (&self.url, self.deadlines);
        let milliseconds = deadlines.statement.as_millis();
        // The server gives up when we do, so that no lock is held for a client that has gone.
        let settings = format!(
            "SET search_path = hearback; SET statement_timeout = {milliseconds}; \
             SET idle_in_transaction_session_timeout = {milliseconds}; \
             SELECT set_config('synchronous_commit', 'on', false) \
             WHERE current_setting('synchronous_commit') = 'off'"
        );
        let connecting = async {
            let (client, driver) = url.connect().await?;
            let mut tasks = JoinSet::new();
            tasks.spawn(driver);
            client.batch_execute(&settings).await.map_err(|error| url.refusal(&error))?;
            Ok::<_, Fault>(Link { client, statements: HashMap::new(), _driver: tasks })
        };
        let link = runtime.block_on(async { timeout(deadlines.connect, connecting).await });
        self.link = Some(link.map_err(|_| url.silent(deadlines.connect))??);
        Ok(())
    }

    /// Connects if there is no connection, unless a transaction was on the one that is gone.
    fn ensure_link(&mut self) -> Result<(), Fault> {
        match (&self.link, self.transaction) {
            (None, Transaction::None) => self.connect(),
            _ => Ok(()),
        }
    }

    /// Waits for an answer. A connection that broke or stays silent is given up.
    fn ask<T>(
        &mut self,
        ask: impl AsyncFnOnce(&mut Link) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, Fault> {
        let (Some(runtime), Some(link)) = (&self.runtime, &mut self.link) else { return Err(gone()) };
        let limit = self.deadlines.statement + GRACE;
        let answer = match runtime.block_on(async { timeout(limit, ask(link)).await }) {
            Ok(answer) => answer.map_err(|error| fault(&error)),
            Err(_) => Err(Fault::Lost(format!("PostgreSQL did not answer within {} s", limit.as_secs()))),
        };
        if matches!(answer, Err(Fault::Lost(_))) {
            self.link = None;
        }
        answer
    }

    fn script(&mut self, sql: &str) -> Result<(), Fault> {
        self.ask(async |link| link.client.batch_execute(sql).await)
    }
}

impl Session for PostgresSession {
    fn begin(&mut self) -> Result<(), Fault> {
        self.transaction = Transaction::None;
        self.ensure_link()?;
        // An idle connection that the server closed is noticed only now. Nothing was asked of it yet.
        let begun = match self.script(BEGIN) {
            Err(Fault::Lost(_)) => self.connect().and_then(|()| self.script(BEGIN)),
            begun => begun,
        };
        match begun {
            Ok(()) => self.transaction = Transaction::Open,
            // The lock was not given: the transaction is open and failed.
            Err(_) => drop(self.script("ROLLBACK")),
        }
        begun
    }

    fn commit(&mut self) -> Result<(), Fault> {
        let committed = self.script("COMMIT");
        self.transaction = Transaction::None;
        committed
    }

    fn rollback(&mut self) {
        if self.transaction == Transaction::Open && self.script("ROLLBACK").is_err() {
            // A connection in an unknown state is not used again; the server rolls back when it closes.
            self.link = None;
        }
        self.transaction = Transaction::None;
    }

    fn query(&mut self, sql: &'static str, values: &[Cell]) -> Result<Vec<Row>, Fault> {
        self.ensure_link()?;
        let rows = self.ask(async |link| {
            let statement = link.statement(sql).await?;
            link.client.query(&statement, &as_sql(values)).await
        })?;
        rows.iter().map(read_row).collect()
    }

    fn execute(&mut self, sql: &'static str, values: &[Cell]) -> Result<u64, Fault> {
        self.ask(async |link| {
            let statement = link.statement(sql).await?;
            link.client.execute(&statement, &as_sql(values)).await
        })
    }

    fn execute_all(&mut self, sql: &'static str, rows: &[Vec<Cell>]) -> Result<(), Fault> {
        self.ask(async |link| {
            let statement = link.statement(sql).await?;
            let (client, statement) = (&link.client, &statement);
            // Sent without waiting for one another: a round trip each would make the batch as slow as its parts.
            let sent = rows.iter().map(|row| async move { client.execute(statement, &as_sql(row)).await });
            try_join_all(sent).await.map(drop)
        })
    }

    fn prepare_place(&mut self) -> Result<(), Fault> {
        let there = self.query(OUR_SCHEMA, &[])?;
        if there.first().is_some_and(|row| row.number(0) == 0) {
            self.script("CREATE SCHEMA hearback")?;
        }
        Ok(())
    }

    fn run_script(&mut self, sql: &'static str) -> Result<(), Fault> {
        self.script(sql)
    }

    fn erase_deleted(&mut self) -> Erased {
        // Dead rows stay in the server's files until its vacuum, and in its logs and backups until they expire:
        // that is the administrator's to decide.
        Erased::Done
    }
}

impl Drop for PostgresSession {
    fn drop(&mut self) {
        self.link = None;
        // Dropping a runtime may block, which is forbidden where an async caller drops the last handle.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Link {
    async fn statement(&mut self, sql: &'static str) -> Result<Statement, tokio_postgres::Error> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }
}

fn as_sql(values: &[Cell]) -> Vec<&(dyn ToSql + Sync)> {
    const NULL: &Option<String> = &None;
    values
        .iter()
        .map(|value| -> &(dyn ToSql + Sync) {
            match value {
                Cell::Null => NULL,
                Cell::Int(number) => number,
                Cell::Text(text) => text,
            }
        })
        .collect()
}

fn read_row(row: &tokio_postgres::Row) -> Result<Row, Fault> {
    let read = |(at, column): (usize, &tokio_postgres::Column)| match *column.type_() {
        Type::INT8 => row.try_get::<_, Option<i64>>(at).map(|number| number.map_or(Cell::Null, Cell::Int)),
        _ => row.try_get::<_, Option<String>>(at).map(|text| text.map_or(Cell::Null, Cell::Text)),
    };
    let cells = row.columns().iter().enumerate().map(read).collect::<Result<_, _>>();
    cells.map(Row).map_err(|error| fault(&error))
}

fn gone() -> Fault {
    Fault::Lost("the connection to PostgreSQL is gone".into())
}

fn fault(error: &tokio_postgres::Error) -> Fault {
    let Some(answer) = error.as_db_error() else {
        return Fault::Lost("the connection to PostgreSQL broke".into());
    };
    match *answer.code() {
        SqlState::DISK_FULL => Fault::Full,
        SqlState::ADMIN_SHUTDOWN
        | SqlState::CRASH_SHUTDOWN
        | SqlState::CANNOT_CONNECT_NOW
        | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => {
            Fault::Lost("PostgreSQL closed the connection".into())
        }
        SqlState::QUERY_CANCELED => Fault::Failed(
            "PostgreSQL took too long (it is overloaded, or another hearback holds the record): try again"
                .into(),
        ),
        SqlState::INSUFFICIENT_PRIVILEGE => Fault::Failed(format!(
            "PostgreSQL refused it ({}): give this role the right to create the schema \"hearback\" and use it",
            answer.message()
        )),
        SqlState::READ_ONLY_SQL_TRANSACTION => {
            Fault::Failed("this PostgreSQL server is a read-only replica: name the primary in the URL".into())
        }
        // The message names tables and constraints; the detail, which repeats values, is left out.
        _ => Fault::Failed(format!("PostgreSQL refused it ({}): {}", answer.code().code(), answer.message())),
    }
}
