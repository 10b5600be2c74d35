//! A suspect's reasons in words, each with its evidence: the features of one family say one thing. It must not decide
//! what counts how much.

use hearback_core::answer::Claim;
use hearback_core::change::{Lines as Count, Side};
use hearback_core::evidence::Citation;
use hearback_core::time::{format_length, format_time};
use hearback_core::{ChangeKind, ExternalText};
use jiff::SignedDuration;

use super::suspects::{Candidate, Inputs, Lineup};
use super::suspects_features::{Concern, breach_feature, named_file, service};
use super::suspects_lines::{ChangedLines, holds_identifier};
use crate::features::{Family, Feature, Values};
use crate::gather::SightedDiff;

/// What a reason is told from.
pub struct Telling<'r, 'a> {
    pub lineup: &'r Lineup<'a>,
    pub lines: Option<&'r ChangedLines<'a>>,
    pub diff: Option<&'r SightedDiff>,
    pub index: usize,
    pub candidate: &'r Candidate<'a>,
    pub values: &'r Values,
}

impl Telling<'_, '_> {
    /// What `family` says of the candidate; none if it saw nothing.
    pub fn claim(&self, family: Family) -> Option<Claim> {
        let says = |text: String| Claim::new(text, vec![self.candidate.citation()]).ok();
        let has = |feature| self.values.get(feature) > 0.0;
        match family {
            Family::Recency => says(self.age()),
            Family::Words => says(format!("message and paths have {}", self.message_words()?)),
            Family::DiffWords => self.diff_words(),
            Family::NamedFile => self.named_file(),
            Family::NamedIdentifier => self.named_identifier(),
            Family::Service => match service(self.inputs(), &self.candidate.sighted.change)? {
                Concern::Affected(name) => says(format!("concerns {name}")),
                Concern::Others(_) => None,
            },
            Family::OtherService => match service(self.inputs(), &self.candidate.sighted.change)? {
                Concern::Others(name) => {
                    let wanted = self.inputs().scope.services.first()?;
                    says(format!("concerns {name}, not {wanted}"))
                }
                Concern::Affected(_) => None,
            },
            Family::Kind => match self.candidate.sighted.change.kind {
                ChangeKind::Commit => None,
                kind => says(format!("a {kind} change")),
            },
            Family::Size => says(self.size()?),
            Family::Files => says(self.files()?),
            // Titles are shown anyway; how they are worded is counted and not worth a word.
            Family::Title => None,
            Family::Reverts if has(Feature::Reland) => says("lands again what was reverted before".into()),
            Family::Reverts if has(Feature::IsRevert) => says("is itself a revert".into()),
            Family::Reverts => None,
            Family::RolledBackSince => self.rolled_back_since(),
            Family::Author => None,
            Family::Later if has(Feature::Retouched) => {
                says("its author touched the same files again within a day".into())
            }
            Family::Later if has(Feature::Series) => says("one of a series by its author".into()),
            Family::Later => None,
            Family::NotLanded => has(Feature::NotLanded).then(|| says("not merged by then".into()))?,
            Family::InFreeze => self.in_freeze(),
            Family::Unauthorised => self.breach(Feature::Unauthorised),
        }
    }

    fn inputs(&self) -> &Inputs<'_> {
        &self.lineup.inputs
    }

    fn age(&self) -> String {
        let candidate = self.candidate;
        let hours = self.lineup.pool.members.get(self.index).map_or(0.0, |member| member.age_hours);
        let before = if self.inputs().onset.is_some() { "onset" } else { "as-of" };
        let age = format_length(SignedDuration::try_from_secs_f64(hours * 3600.0).unwrap_or_default());
        let how = match candidate.rollout {
            Some(_) => "rolled out",
            None if self.values.get(Feature::NotLanded) > 0.0 => "written",
            None if candidate.effective_at > candidate.sighted.change.committed_at => "merged",
            None => "landed",
        };
        format!("{how} {age} before {before}")
    }

    fn message_words(&self) -> Option<String> {
        let pool = &self.lineup.pool;
        let member = pool.members.get(self.index)?;
        let (surfaces, _) = self.surfaces(pool.message.points(&member.message, &pool.rarity));
        surfaces
    }

    /// The three most telling words as the symptom writes them, and the first as it is folded.
    fn surfaces(&self, points: impl Iterator<Item = (u16, f64)>) -> (Option<String>, Option<&str>) {
        let query = &self.lineup.pool.query;
        let mut hits: Vec<(u16, f64)> = points.collect();
        hits.sort_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
        let terms: Vec<_> = hits.iter().take(3).filter_map(|(number, _)| query.term(*number)).collect();
        let shown: Vec<String> = terms
            .iter()
            .map(|term| format!("\"{}\"", ExternalText::from(term.surface).for_people(30)))
            .collect();
        let first = terms.first().map(|term| term.term);
        (first.is_some().then(|| shown.join(", ")), first)
    }

    fn diff_words(&self) -> Option<Claim> {
        let lines = self.lines?;
        let own = lines.members.get(&self.index)?;
        let (surfaces, first) = self.surfaces(lines.both.points(&own.beyond, &lines.rarity));
        let (surfaces, first) = (surfaces?, first?);
        let place = self.find_line(|text| {
            let mut found = false;
            hearback_core::words::for_each_term(text, |term, _| found |= term == first);
            found
        });
        let at = place.as_ref().map(at_place).unwrap_or_default();
        let citation = place.unwrap_or_else(|| self.candidate.citation());
        Claim::new(format!("changed lines have {surfaces}{at}"), vec![citation]).ok()
    }

    fn named_file(&self) -> Option<Claim> {
        let (_, path) = named_file(self.inputs(), &self.candidate.sighted.change)?;
        let text = format!("touches {}, which the symptom names", ExternalText::from(path).for_people(60));
        Claim::new(text, vec![Citation { path: Some(path.to_owned()), ..self.candidate.citation() }]).ok()
    }

    fn named_identifier(&self) -> Option<Claim> {
        let lines = self.lines?;
        let own = lines.members.get(&self.index)?;
        let names = own.identifiers.iter().filter_map(|place| lines.identifiers.get(*place));
        let found: Vec<(&str, Citation)> = names
            .filter_map(|(name, _)| Some((*name, self.find_line(|text| holds_identifier(text, name))?)))
            .collect();
        let (first, place) = found.first()?;
        let name = ExternalText::from(*first).for_people(40);
        let text = format!("changes a line with {name}{}", at_place(place));
        Claim::new(text, found.into_iter().map(|(_, citation)| citation).collect()).ok()
    }

    /// The first changed line that `wanted` accepts, an added one if there is one.
    fn find_line(&self, mut wanted: impl FnMut(&str) -> bool) -> Option<Citation> {
        let sighted = self.diff?;
        let lines =
            sighted.diff.files.iter().flat_map(|file| file.lines.iter().map(move |line| (file, line)));
        let mut removed = None;
        for (file, line) in lines.filter(|(_, line)| wanted(line.text.as_untrusted())) {
            let citation = Citation {
                evidence: sighted.evidence,
                change: Some(self.candidate.sighted.change.id.clone()),
                path: Some(file.path.as_str().to_owned()),
                line: Some(line.line),
            };
            if line.side == Side::Added {
                return Some(citation);
            }
            removed.get_or_insert(citation);
        }
        removed
    }

    fn size(&self) -> Option<String> {
        let paths = self.candidate.sighted.change.paths.as_slice();
        let lines: u64 = paths
            .iter()
            .map(|path| match path.lines {
                Count::Counted { added, deleted } => u64::from(added) + u64::from(deleted),
                Count::Binary | Count::Unknown => 0,
            })
            .sum();
        match (lines, paths.len()) {
            (0, _) => None,
            (_, 1) => Some(format!("{lines} lines in one file")),
            (_, files) => Some(format!("{lines} lines in {files} files")),
        }
    }

    fn files(&self) -> Option<String> {
        let files = self.candidate.sighted.change.paths.as_slice().len();
        let harmless = self.values.get(Feature::DocsShare) + self.values.get(Feature::TestsShare);
        if harmless > 0.0 {
            let count = (harmless * files as f64).round();
            return Some(format!("{count} of {files} files are documentation or tests"));
        }
        (self.values.get(Feature::SettingsShare) > 0.0).then(|| "changes settings".to_owned())
    }

    fn rolled_back_since(&self) -> Option<Claim> {
        let onset = self.inputs().onset?;
        let by = self.candidate.sighted.change.revert.reverted_by.iter().find(|by| by.at > onset.latest)?;
        let citation = Citation { change: Some(by.by.clone()), ..self.candidate.citation() };
        Claim::new(format!("rolled back at {}, after the onset", format_time(by.at)), vec![citation]).ok()
    }

    /// What is allowed counts nothing and is said all the same. Two freezes at once are one reason; the first is said.
    fn in_freeze(&self) -> Option<Claim> {
        let judged = self.inputs().judged.get(&self.candidate.sighted.change.id)?;
        let allowed = judged.allowed.first().filter(|_| judged.breaches.is_empty());
        self.breach(Feature::InFreeze).or_else(|| allowed.cloned())
    }

    fn breach(&self, wanted: Feature) -> Option<Claim> {
        let judged = self.inputs().judged.get(&self.candidate.sighted.change.id)?;
        let breach = judged.breaches.iter().find(|breach| breach_feature(breach) == wanted)?;
        Some(breach.because().clone())
    }
}

fn at_place(citation: &Citation) -> String {
    match (&citation.path, citation.line) {
        (Some(path), Some(line)) => format!(" ({}:{line})", ExternalText::from(path.as_str()).for_people(60)),
        _ => String::new(),
    }
}
