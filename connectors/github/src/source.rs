//! The port: a repository on GitHub as a source of changes. Asks for the parts side by side; a part that is refused is
//! missing, and the others are told all the same.

use std::collections::BTreeMap;

use async_trait::async_trait;
use hearback_core::change::Change;
use hearback_core::evidence::{Coverage, Fetched};
use hearback_core::ids::{ChangeId, SourceName};
use hearback_core::ports::{ChangeQuery, ChangeSource, ConnectorError};

use crate::cache::Holds;
use crate::client::Client;
use crate::deployments::{Deployed, fetch_deployments};
use crate::options::GithubOptions;
use crate::pulls::fetch_pulls;
use crate::question::{About, Found, Question};
use crate::refusal::{DEPLOYMENTS, PULLS, Part, RELEASES, REPOSITORY, RUNS, Refusal};
use crate::releases::fetch_releases;
use crate::runs::fetch_runs;
use crate::slug::Slug;
use crate::wire::Repository;

/// A repository on GitHub as a source of changes.
pub struct GithubChangeSource {
    about: About,
    client: Client,
}

impl GithubChangeSource {
    /// A source for `slug`. `repository` is the name under which the git connector knows it: commits get the same ids.
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// [`ConnectorError::NotUsable`] if the base address or the name can't be used.
    pub fn new(slug: Slug, repository: &str, options: GithubOptions) -> Result<Self, ConnectorError> {
        let client = Client::new(&options)?;
        let usable = ChangeId::commit(repository, &"0".repeat(64)).is_ok() && !repository.is_empty();
        let source = slug.source().filter(|_| usable).ok_or_else(|| {
            ConnectorError::NotUsable(format!(
                "the git name given for {slug} can't be part of an id; shorten it"
            ))
        })?;
        let about = About { slug, repository: repository.to_owned(), source, options };
        Ok(GithubChangeSource { about, client })
    }

    async fn answer(&self, query: &ChangeQuery) -> Result<Fetched<Change>, Refusal> {
        let question = Question::begin(&self.client, &self.about, query.window, query.budget);
        let path = self.about.path("");
        let repository: Repository = question.fetch(REPOSITORY, path, Holds::WhileUnchanged).await?;
        let branches = match self.about.options.branches.as_slice() {
            [] => vec![repository.default_branch.clone()],
            branches => branches.to_vec(),
        };
        let rollouts = async {
            let deployed = fetch_deployments(&question).await;
            let represented = deployed.as_ref().map(|deployed| deployed.runs.clone()).unwrap_or_default();
            let runs = fetch_runs(&question, &repository.default_branch, &represented).await;
            (deployed.map(|Deployed { found, .. }| found), runs)
        };
        let (pulls, releases, (deployments, runs)) =
            futures::join!(fetch_pulls(&question, &branches), fetch_releases(&question), rollouts);
        let parts = [(PULLS, pulls), (DEPLOYMENTS, deployments), (RELEASES, releases), (RUNS, runs)];
        self.together(query, parts)
    }

    fn together(
        &self,
        query: &ChangeQuery,
        parts: [(Part, Result<Found, Refusal>); 4],
    ) -> Result<Fetched<Change>, Refusal> {
        // Runs that nobody wanted count as answered only beside something that was.
        let mut refused = None;
        let mut answered = false;
        let (mut by_id, mut searched, mut missing) = (BTreeMap::new(), Vec::new(), Vec::new());
        for (part, found) in parts {
            match found {
                Ok(found) => {
                    answered |= part != RUNS || !self.about.options.deploy_workflows.is_empty();
                    for change in found.changes.into_iter().filter(|c| query.window.contains(c.effective_at))
                    {
                        // A commit may be told by two pull requests; the first tells it.
                        by_id.entry(change.id.clone()).or_insert(change);
                    }
                    searched.extend(found.searched);
                    missing.extend(found.missing);
                }
                Err(refusal) => {
                    missing.push(format!("{}: {refusal}", part.what));
                    refused.get_or_insert(refusal);
                }
            }
        }
        if let Some(refusal) = refused.filter(|_| !answered) {
            return Err(refusal);
        }
        let searched = format!("{}: {}", self.about.slug, searched.join(", "));
        let coverage = Coverage { source: self.about.source.clone(), searched, missing };
        Ok(Fetched { items: by_id.into_values().collect(), coverage })
    }
}

#[async_trait]
impl ChangeSource for GithubChangeSource {
    fn name(&self) -> &SourceName {
        &self.about.source
    }

    async fn changes(&self, query: &ChangeQuery) -> Result<Fetched<Change>, ConnectorError> {
        self.answer(query).await.map_err(|refusal| refusal.into_error(query.budget))
    }
}
