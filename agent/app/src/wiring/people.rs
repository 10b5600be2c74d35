//! Sources of people: what git says that they did and wrote, what CODEOWNERS says that they own, who is on call.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use hearback_catalog::{CodeOwners, PLACES};
use hearback_core::change::RepoPath;
use hearback_core::evidence::{Coverage, Fetched};
use hearback_core::expertise::Owned;
use hearback_core::ports::{ConnectorError, LineHistory, OwnerSource, WorkSource};
use hearback_core::{ExternalText, SourceName};
use hearback_engine::expertise::{NO_CODEOWNERS, PeopleSources};
use hearback_git::GitChangeSource;
use jiff::{SignedDuration, Timestamp};

use crate::config::Config;
use crate::output::Usage;

/// What is known about people of these repositories, and of the configured schedules.
pub fn sources(repositories: &[Arc<GitChangeSource>], config: &Config) -> Result<PeopleSources> {
    let (entries, base) = &config.on_call;
    let on_call =
        hearback_calendar::on_call_sources(entries, base).map_err(|error| Usage(error.to_string()))?;
    Ok(PeopleSources {
        works: repositories.iter().map(|source| Arc::clone(source) as Arc<dyn WorkSource>).collect(),
        lines: repositories.iter().map(|source| Arc::clone(source) as Arc<dyn LineHistory>).collect(),
        owners: repositories
            .iter()
            .map(|source| Arc::new(OwnersIn(Arc::clone(source))) as Arc<dyn OwnerSource>)
            .collect(),
        on_call,
        recorded: Vec::new(),
    })
}

/// The CODEOWNERS file of a repository, in the version of the moment that is asked about.
struct OwnersIn(Arc<GitChangeSource>);

#[async_trait]
impl OwnerSource for OwnersIn {
    fn name(&self) -> &SourceName {
        WorkSource::name(self.0.as_ref())
    }

    async fn owners(
        &self,
        paths: &[RepoPath],
        as_of: Timestamp,
        budget: SignedDuration,
    ) -> Result<Fetched<Owned>, ConnectorError> {
        let mut found = None;
        for place in PLACES {
            if let Some(bytes) = self.0.load_file_as_of(place, as_of, budget).await? {
                found = Some((place, CodeOwners::parse(&bytes)));
                break;
            }
        }
        let source = self.name().clone();
        let Some((place, owners)) = found else {
            return Ok(Fetched { items: Vec::new(), coverage: Coverage::complete(source, NO_CODEOWNERS) });
        };
        let paths: BTreeSet<&RepoPath> = paths.iter().collect();
        let owned = paths.into_iter().flat_map(|path| {
            let written = owners.owners_of(path).iter();
            written.map(|owner| Owned { path: path.clone(), owner: ExternalText::new(owner.to_string()) })
        });
        Ok(Fetched { items: owned.collect(), coverage: Coverage::complete(source, place) })
    }
}
