//! The looks that are not at the world but at what is known already: past incidents, runbooks, people, the incident's own
//! record. As `looking.rs`, which it belongs to.

use hearback_core::evidence::Citation;
use hearback_core::memory::DocumentId;
use hearback_core::memory::recall::{Remembered, RunbookQuery, SimilarQuery};
use hearback_core::time::format_time;
use hearback_core::{Coverage, ExternalText, Incident, Origin, SourceName};

use super::known::Unnamed;
use super::looking::{Given, Looked, Looking, MOST, WIDTH, keep, piece, service};
use super::tools::Failing;
use crate::hypotheses::HypothesisView;
use crate::recall::of_memory;
use crate::snapshot::Holds;

/// As many past incidents are shown.
const SIMILAR: usize = 5;
/// As many characters of a runbook's part.
const PART: usize = 2_000;
/// Where nothing is remembered.
const NO_MEMORY: &str = "nothing is remembered here";

impl Looking<'_> {
    pub(super) async fn similar(&self, asked: &Failing) -> Result<Looked, String> {
        let query = SimilarQuery {
            symptom: asked.symptom.clone(),
            services: asked.service.as_deref().map(service).transpose()?.into_iter().collect(),
            as_of: self.window.until,
            except: self.incident.and_then(|one| DocumentId::of_incident(&one.id)),
            limit: SIMILAR,
            budget: self.budget,
        };
        let asked = self
            .sources
            .memories
            .iter()
            .map(|memory| (memory.name(), async { memory.similar(&query).await.map_err(of_memory) }));
        self.ask_all(asked, NO_MEMORY, |name, items| remembered(name, Holds::Similar, &items)).await
    }

    pub(super) async fn runbook(&self, asked: &Failing) -> Result<Looked, String> {
        let query = RunbookQuery {
            services: asked.service.as_deref().map(service).transpose()?.into_iter().collect(),
            symptom: asked.symptom.clone(),
            as_of: self.window.until,
            budget: self.budget,
        };
        let asked = self
            .sources
            .memories
            .iter()
            .map(|memory| (memory.name(), async { memory.runbooks(&query).await.map_err(of_memory) }));
        self.ask_all(asked, NO_MEMORY, |name, items| remembered(name, Holds::Runbooks, &items)).await
    }

    pub(super) fn experts(&self) -> Looked {
        let people = self.answer.experts.iter().filter_map(|one| {
            let reasons: Vec<&str> = one.reasons.iter().take(3).map(|reason| reason.claim.says()).collect();
            let on_call = if one.on_call { ", on call" } else { "" };
            let text = format!("{}{on_call}: {}", one.name.for_people(60), reasons.join("; "));
            let citation = one.reasons.first()?.claim.citations().first()?.clone();
            Some(Unnamed { piece: piece(citation, Origin::Member, &text), change: None })
        });
        let pieces: Vec<Unnamed> = people.collect();
        let coverage = vec![self.searched(format!("the people of the answer, {}", pieces.len()))];
        Looked { pieces, coverage, snapshots: Vec::new() }
    }

    pub(super) fn record(&self) -> Looked {
        match self.incident {
            Some(incident) => record_of(self.own, incident),
            None => {
                let says = "no incident: the question was asked outside of one";
                Looked { coverage: vec![self.searched(says.into())], ..Looked::default() }
            }
        }
    }
}

/// What happened in an incident so far. `own` is what its record is called as a source.
pub fn record_of(own: &SourceName, incident: &Incident) -> Looked {
    let mut pieces = Vec::new();
    let mut add = |evidence, origin, text: String| {
        pieces.push(Unnamed { piece: piece(Citation::of(evidence), origin, &text), change: None });
    };
    for seen in incident.alerts.iter().take(MOST) {
        let until =
            seen.resolved_at.map_or("still firing".to_owned(), |at| format!("until {}", format_time(at)));
        add(
            seen.evidence,
            Origin::System,
            format!(
                "Alert {} since {}, {until}",
                seen.alert.name.for_people(80),
                format_time(seen.alert.started_at),
            ),
        );
        // A summary is filled in with labels, and those with what was asked for: a path, a query.
        if !seen.alert.summary.is_blank() {
            let name = seen.alert.name.for_people(80);
            let says = format!("Alert {name} says: {}", seen.alert.summary.for_people(300));
            add(seen.evidence, Origin::Outsider, says);
        }
    }
    let skipped = incident.messages.len().saturating_sub(MOST);
    for seen in incident.messages.iter().skip(skipped) {
        add(
            seen.evidence,
            Origin::Member,
            format!(
                "{} {} wrote: {}",
                format_time(seen.at),
                seen.by.for_people(),
                seen.text.for_people(WIDTH)
            ),
        );
    }
    for seen in incident.hypotheses.iter().filter(|seen| seen.is_by_person()) {
        let view = HypothesisView::of(seen);
        add(seen.evidence, Origin::Member, format!("Hypothesis {}", view.line()));
    }
    let searched = format!("{} entries of {}", incident.entries, incident.id);
    let mut coverage = Coverage::complete(own.clone(), searched);
    if skipped > 0 {
        coverage.missing.push(format!("{skipped} older messages are not shown"));
    }
    Looked { pieces, coverage: vec![coverage], snapshots: Vec::new() }
}

/// What was remembered, piece by piece.
fn remembered(name: &SourceName, holds: Holds, items: &[Remembered]) -> Result<Given, String> {
    let Some(origin) = items.iter().map(|one| one.origin).max() else { return Ok(Given::default()) };
    let kept = keep(name, origin, holds, items)?;
    let said = |label: &str, text: &Option<ExternalText>| {
        text.as_ref().map_or(String::new(), |text| format!(" {label}: {}", text.for_people(WIDTH)))
    };
    let show = |one: &Remembered| {
        let part = match holds {
            Holds::Runbooks => format!(" {}", one.excerpt.text.for_people(PART)),
            _ => String::new(),
        };
        let text = format!(
            "{} ({}).{}{}{part}",
            one.title.for_people(120),
            format_time(one.happened_at.unwrap_or(one.known_at)),
            said("What broke", &one.broke),
            said("What fixed it", &one.fixed),
        );
        // Each is of who could have written it, the snapshot of who could have written any of it.
        Unnamed { piece: piece(Citation::of(kept.id), one.origin, &text), change: None }
    };
    Ok(Given { pieces: items.iter().map(show).collect(), fit: items.len(), kept: Some(kept) })
}
