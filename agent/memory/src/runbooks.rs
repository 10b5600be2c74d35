//! What is to be done now: the runbooks that fit are found as anything is, and of each is shown the part with the steps, not
//! the part that explains.

use hearback_core::answer::Strength;
use hearback_core::memory::recall::{Remembered, RunbookQuery};
use hearback_core::memory::store::{Embedded, MemoryError, PassageFilter, Retrieval, Shelved};
use hearback_core::memory::{DocumentId, DocumentKind, Filed, Passage, Section};
use hearback_core::words::terms;
use hearback_core::{Fetched, ServiceName};

use crate::library::Library;
use crate::recalling::{Recalled, Wanted, excerpt, shared, shown};

/// So many are given.
const RUNBOOKS: usize = 5;

impl Library {
    /// Parts of runbooks to be run, the likeliest first: of the services asked about, and if they have none that fits, of
    /// others.
    pub(crate) async fn parts_to_run(
        &self,
        query: &RunbookQuery,
    ) -> Result<Fetched<Remembered>, MemoryError> {
        let filter = |services: &[ServiceName]| PassageFilter {
            kinds: vec![DocumentKind::Runbook],
            services: services.to_vec(),
            as_of: Some(query.as_of),
            ..PassageFilter::default()
        };
        // Runbooks do not get better by being new.
        let wanted = |services: &[ServiceName]| Wanted {
            text: &query.symptom,
            services: &[],
            filter: filter(services),
            as_of: query.as_of,
            by: Retrieval::Fused,
            budget: query.budget,
        };
        if terms(&query.symptom).is_empty() && !query.services.is_empty() {
            // Nothing says what fails: the services' own are what there is.
            let newest = self.store.newest(&filter(&query.services), RUNBOOKS, query.budget).await?;
            let items = self.first_parts(newest).await?;
            let coverage = self.coverage("runbooks", Retrieval::Words, Vec::new()).await;
            return Ok(Fetched { items, coverage });
        }
        let mut recalled = self.recall(&wanted(&query.services)).await?;
        if recalled.weighed.is_empty() && !query.services.is_empty() {
            recalled = self.recall(&wanted(&[])).await?;
        }
        let Recalled { weighed, missing, has_meaning } = recalled;
        let mut items = self.remembered(weighed, has_meaning, RUNBOOKS);
        self.turn_to_steps(&mut items, &query.symptom).await?;
        let coverage = self.coverage("runbooks", Retrieval::Fused, missing).await;
        Ok(Fetched { items, coverage })
    }

    /// What explains is turned to what says what to do, if the same document has that.
    async fn turn_to_steps(&self, items: &mut [Remembered], symptom: &str) -> Result<(), MemoryError> {
        let explain = items.iter().filter(|one| one.excerpt.section != Section::Steps);
        let ids: Vec<DocumentId> = explain.map(|one| one.document.clone()).collect();
        let asked = terms(symptom);
        for taken in self.store.take(&ids).await? {
            let Some(item) = items.iter_mut().find(|one| one.document == taken.filed.id) else { continue };
            if let Some(steps) = steps(taken.passages, &asked) {
                item.excerpt = excerpt(steps);
            }
        }
        Ok(())
    }

    /// Runbooks that nothing speaks for but their service.
    async fn first_parts(&self, filed: Vec<Filed>) -> Result<Vec<Remembered>, MemoryError> {
        let ids: Vec<DocumentId> = filed.into_iter().map(|filed| filed.id).collect();
        let mut taken = self.store.take(&ids).await?;
        taken.sort_by_key(|one| ids.iter().position(|id| *id == one.filed.id));
        let part = |one: Shelved| {
            let first = one.passages.first().map(|first| first.passage.clone());
            Some(shown(one.filed, steps(one.passages, &[]).or(first)?, Strength::Weak, 0.0))
        };
        Ok(taken.into_iter().filter_map(part).collect())
    }
}

/// The part with steps that shares most with what was asked; of equals the first.
fn steps(passages: Vec<Embedded>, asked: &[String]) -> Option<Passage> {
    let steps = passages.into_iter().map(|one| one.passage).filter(|one| one.section == Section::Steps);
    steps.max_by_key(|one| (shared(asked, one).0, std::cmp::Reverse(one.part)))
}
