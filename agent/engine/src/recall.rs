//! What memory gives for a question: incidents that were like this, and what a runbook says to do. It is asked while the
//! sources are, with the same deadline; what fails or is late is a gap, and never keeps the answer.

use std::sync::Arc;

use futures::future::join_all;
use hearback_core::answer::{Claim, Runbook, RunbookPart, Similar};
use hearback_core::evidence::Citation;
use hearback_core::happening::Question;
use hearback_core::hash::NotCanonical;
use hearback_core::memory::DocumentId;
use hearback_core::memory::recall::{Memory, Remembered, RunbookQuery, SimilarQuery};
use hearback_core::memory::store::MemoryError;
use hearback_core::ports::ConnectorError;
use hearback_core::{
    Catalog, Change, Coverage, Evidence, ExternalText, Fetched, Gap, Incident, Origin, ServiceName,
    SourceName,
};
use jiff::{SignedDuration, Timestamp};

use crate::gather::{gap, within};
use crate::remembering::{stale, symptom};
use crate::snapshot::{Holds, snapshot};

/// At most so many incidents are told.
const SIMILAR: usize = 5;
/// So many changes of a service make its runbook stale.
pub const STALE_AFTER: u32 = 20;

/// What is asked.
pub struct Asked<'a> {
    /// Whom.
    pub memories: &'a [Arc<dyn Memory>],
    /// What the question says fails.
    pub symptom: &'a str,
    /// The services that fail.
    pub services: &'a [ServiceName],
    /// The incident it is asked in.
    pub incident: Option<&'a Incident>,
    /// Nothing later is found.
    pub as_of: Timestamp,
    /// How long it may take.
    pub budget: SignedDuration,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Recalled {
    /// Incidents that were like this.
    pub similar: Vec<Similar>,
    /// The runbook that fits best, and its evidence.
    runbook: Option<(Remembered, Claim)>,
    /// What was searched.
    pub searched: Vec<Coverage>,
    /// What was not seen.
    pub gaps: Vec<Gap>,
    /// What to keep, so that the answer can be replayed.
    pub snapshots: Vec<Evidence>,
}

/// What a question says fails: the symptom, else its own words, unless they are the usual ones.
pub fn symptom_of(question: &Question) -> &str {
    let usual = |text: &str| {
        let words = text.to_lowercase();
        let mut words = words.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.all(|word| matches!(word, "what" | "has" | "changed" | "what's" | "did" | "change" | "s"))
    };
    match question.symptom.is_blank() {
        false => question.symptom.as_untrusted(),
        true if usual(question.text.as_untrusted()) => "",
        true => question.text.as_untrusted(),
    }
}

impl Asked<'_> {
    /// Asks all memories. Nothing is asked where nothing is known to fail.
    ///
    /// # Errors
    /// [`NotCanonical`] never happens for these types; it is passed on rather than hidden.
    pub async fn ask(&self) -> Result<Recalled, NotCanonical> {
        let words = [self.symptom.to_owned(), self.incident.map(symptom).unwrap_or_default()].join("\n");
        let words = words.trim();
        let mut recalled = Recalled::default();
        if words.is_empty() {
            return Ok(recalled);
        }
        let except = self.incident.and_then(|one| DocumentId::of_incident(&one.id));
        let (services, as_of, budget) = (self.services.to_vec(), self.as_of, self.budget);
        let similar = SimilarQuery {
            symptom: words.to_owned(),
            services: services.clone(),
            as_of,
            except,
            limit: SIMILAR,
            budget,
        };
        let runbooks = RunbookQuery { services, symptom: words.to_owned(), as_of, budget };
        let asked = self.memories.iter().map(|memory| async {
            let (similar, runbooks) = futures::join!(
                within(budget, async { memory.similar(&similar).await.map_err(of_memory) }),
                within(budget, async { memory.runbooks(&runbooks).await.map_err(of_memory) }),
            );
            (memory.name().clone(), similar, runbooks)
        });
        for (name, similar, runbooks) in join_all(asked).await {
            for (remembered, claim) in recalled.add(&name, Holds::Similar, similar)? {
                recalled.similar.push(Similar { remembered, because: claim });
            }
            let first = recalled.add(&name, Holds::Runbooks, runbooks)?.into_iter().next();
            recalled.runbook = recalled.runbook.take().or(first);
        }
        Ok(recalled)
    }
}

impl Recalled {
    fn add(
        &mut self,
        name: &SourceName,
        holds: Holds,
        fetched: Result<Fetched<Remembered>, ConnectorError>,
    ) -> Result<Vec<(Remembered, Claim)>, NotCanonical> {
        let Fetched { items, coverage } = match fetched {
            Ok(fetched) => fetched,
            Err(error) => {
                self.gaps.push(gap(name.clone(), &error));
                return Ok(Vec::new());
            }
        };
        // Both questions meet the same obstacle.
        self.gaps.extend(coverage.gaps().filter(|gap| !self.gaps.contains(gap)).collect::<Vec<_>>());
        self.searched.push(coverage);
        if items.is_empty() {
            return Ok(Vec::new());
        }
        // Who could have written one of them could have written the snapshot.
        let origin = items.iter().map(|one| one.origin).max().unwrap_or(Origin::Member);
        let evidence = snapshot(name, origin, holds, &items, None)?;
        let claim = |one: &Remembered| {
            let says = format!("{} says much the same", one.title.for_people(80));
            Claim::new(says, vec![Citation::of(evidence.id)]).ok()
        };
        let claimed =
            items.into_iter().filter_map(|one| Some((claim(&one)?, one)).map(|(claim, one)| (one, claim)));
        let claimed = claimed.collect();
        self.snapshots.push(evidence);
        Ok(claimed)
    }

    /// The runbook as the answer shows it: what the alert or the catalog names stays, the part that says what to do joins it.
    pub fn runbook(
        &mut self,
        named: Option<Runbook>,
        changes: &[&Change],
        catalog: &Catalog,
    ) -> Option<Runbook> {
        let Some((remembered, because)) = self.runbook.take() else { return named };
        let services = remembered.services.clone();
        let stale = stale(&remembered, changes, &services, catalog, STALE_AFTER);
        let link = remembered.link.clone().unwrap_or_else(|| remembered.document.to_string());
        let service = services.first().cloned();
        let part = Some(Box::new(RunbookPart { remembered, stale, because }));
        Some(match named {
            Some(named) => Runbook { part, ..named },
            None => Runbook { service, link, part },
        })
    }
}

/// Memory is a source like others.
pub(crate) fn of_memory(error: MemoryError) -> ConnectorError {
    match error {
        MemoryError::NotUsable(why) | MemoryError::InUse(why) | MemoryError::Damaged(why) => {
            ConnectorError::NotUsable(why)
        }
        MemoryError::TimedOut(budget) => ConnectorError::TimedOut(budget),
        MemoryError::Failed(why) => ConnectorError::Failed(ExternalText::new(why).for_people(300)),
    }
}
