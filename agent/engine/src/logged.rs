//! The change log as a source of changes: what was sent to us before any incident. It must not know who sent it.

use std::sync::Arc;

use async_trait::async_trait;
use hearback_core::ports::{ChangeLog, ChangeQuery, ChangeSource, ConnectorError};
use hearback_core::{Change, Coverage, Fetched, SourceName};

/// The change log, asked for changes.
pub struct LoggedChanges {
    name: SourceName,
    log: Arc<dyn ChangeLog>,
}

impl LoggedChanges {
    /// The name under which it stands in answers.
    pub const NAME: &'static str = "changelog";

    /// The changes of `log`.
    ///
    /// # Errors
    /// Never: the name is one. It is passed on rather than hidden.
    pub fn new(log: Arc<dyn ChangeLog>) -> Result<Self, hearback_core::ids::BadName> {
        Ok(LoggedChanges { name: SourceName::new(Self::NAME)?, log })
    }
}

#[async_trait]
impl ChangeSource for LoggedChanges {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn changes(&self, query: &ChangeQuery) -> Result<Fetched<Change>, ConnectorError> {
        let logged = self.log.logged_changes(&query.window).await;
        let logged = logged.map_err(|error| ConnectorError::Failed(error.to_string()))?;
        let items: Vec<Change> = logged.into_iter().map(|known| known.value).collect();
        let searched = match items.len() {
            1 => "1 change that was sent".to_owned(),
            count => format!("{count} changes that were sent"),
        };
        Ok(Fetched { items, coverage: Coverage::complete(self.name.clone(), searched) })
    }
}
