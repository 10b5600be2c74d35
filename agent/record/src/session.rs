//! One connection to a database, as the rest of this crate sees it: SQL with `$1` placeholders over text and
//! integers. SQLite and PostgreSQL both take that, so every statement and every rule is written once. It blocks;
//! callers run it on a thread that may. It must not know what the tables mean.

use hearback_core::ports::RecordError;

/// A value in a column or in the place of a placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    /// Nothing.
    Null,
    /// A number.
    Int(i64),
    /// Text.
    Text(String),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::Text(text.to_owned())
    }
}

impl From<u64> for Cell {
    /// Numbers beyond what a column holds are larger than any that is stored.
    fn from(number: u64) -> Self {
        Cell::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

/// A row of a result.
#[derive(Debug)]
pub(crate) struct Row(pub Vec<Cell>);

impl Row {
    /// The text in column `at`, counted from 0; empty where there is none.
    pub fn text(&self, at: usize) -> &str {
        self.optional_text(at).unwrap_or_default()
    }

    /// The text in column `at`, if it is not null.
    pub fn optional_text(&self, at: usize) -> Option<&str> {
        match self.0.get(at) {
            Some(Cell::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The number in column `at`; 0 where there is none.
    pub fn number(&self, at: usize) -> u64 {
        match self.0.get(at) {
            Some(Cell::Int(number)) => u64::try_from(*number).unwrap_or_default(),
            _ => 0,
        }
    }
}

/// Why a statement or a transaction did not succeed, by what the writer does next.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The request can't be granted. It has written nothing; the transaction may go on.
    Verdict(RecordError),
    /// No room. The transaction is over.
    Full,
    /// The connection is gone or silent. The next transaction makes a new one.
    Lost(String),
    /// Anything else. The transaction is over.
    Failed(String),
}

impl From<RecordError> for Fault {
    fn from(error: RecordError) -> Self {
        Fault::Verdict(error)
    }
}

impl From<Fault> for RecordError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Verdict(error) => error,
            Fault::Full => RecordError::Full,
            Fault::Lost(why) | Fault::Failed(why) => RecordError::Store(why),
        }
    }
}

/// Whether what was deleted is out of the database's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Erased {
    /// It is, or it is not in this store's power.
    Done,
    /// Not yet: somebody still reads an older state.
    NotYet,
}

/// A connection. A lost one connects anew at the next [`Session::begin`] or [`Session::query`] outside a transaction.
pub(crate) trait Session: Send {
    /// Starts a transaction and waits until no other process has one that writes.
    fn begin(&mut self) -> Result<(), Fault>;

    /// Ends the transaction durably. After [`Fault::Lost`] it is not known whether it was committed; after any other
    /// fault it was not.
    fn commit(&mut self) -> Result<(), Fault>;

    /// Gives the transaction up, if one is open.
    fn rollback(&mut self);

    /// All rows of a query.
    fn query(&mut self, sql: &'static str, values: &[Cell]) -> Result<Vec<Row>, Fault>;

    /// Runs a statement and says how many rows it wrote.
    fn execute(&mut self, sql: &'static str, values: &[Cell]) -> Result<u64, Fault>;

    /// Runs one statement for each of `rows`.
    fn execute_all(&mut self, sql: &'static str, rows: &[Vec<Cell>]) -> Result<(), Fault>;

    /// Makes the place for the tables, inside a transaction, or refuses a database that is not ours.
    fn prepare_place(&mut self) -> Result<(), Fault>;

    /// Runs several statements without values.
    fn run_script(&mut self, sql: &'static str) -> Result<(), Fault>;

    /// Takes what was deleted out of the files, outside a transaction.
    fn erase_deleted(&mut self) -> Erased;
}
