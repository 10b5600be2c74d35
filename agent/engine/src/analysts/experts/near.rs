//! Whose the lines near the suspects are: for each suspect the share of the lines it replaced or stands next to, the newer the
//! more, times the suspect's probability. Pure; it must not know where lines are read or what they weigh.

use std::collections::{BTreeMap, HashMap};

use hearback_core::ChangeId;
use hearback_core::change::RepoPath;
use hearback_core::expertise::NearLines;
use jiff::Timestamp;

use super::Near;
use super::measure::{Inputs, half};
use super::people::{People, Who};

/// Hours in which a line loses half of what it counts for who wrote it.
const HALF_YEAR_H: f64 = 182.0 * 24.0;

/// What somebody wrote near the suspects.
#[derive(Debug, Default)]
pub(super) struct Theirs {
    /// 0 to 1: the sum of suspicion × share of lines × what is left of it.
    pub share: f64,
    /// The file where that is most.
    pub most: Option<Near>,
}

/// What somebody wrote in one file, near one suspect.
#[derive(Default)]
struct InFile {
    share: f64,
    lines: u32,
    newest: Option<Timestamp>,
}

/// Lines near a change, and who wrote them.
pub(super) struct Wrote<'a> {
    place: &'a NearLines,
    by: Who,
    at: Timestamp,
    lines: u32,
}

/// Who wrote the lines, as persons: before anything is counted, because it may tell that two are one. Programs and people who
/// opted out wrote nothing.
pub(super) fn wrote<'a>(inputs: &Inputs<'a>, people: &mut People<'_>) -> Vec<Wrote<'a>> {
    let each =
        inputs.lines.iter().flat_map(|place| place.written.iter().map(move |written| (place, written)));
    each.filter(|(_, written)| written.at < inputs.as_of)
        .filter_map(|(place, written)| {
            let by = people.author(&written.author, written.alias.as_ref())?;
            Some(Wrote { place, by, at: written.at, lines: written.lines })
        })
        .collect()
}

/// What everybody wrote near the suspects, whose shares of suspicion are given. Lines of nobody stay among all lines.
pub(super) fn measured<'a>(
    inputs: &Inputs<'a>,
    people: &People<'_>,
    wrote: &[Wrote<'a>],
    suspicion: &HashMap<&ChangeId, f64>,
) -> BTreeMap<Who, Theirs> {
    let mut changed_at: HashMap<&ChangeId, Timestamp> = HashMap::new();
    let mut of_change: HashMap<&ChangeId, u32> = HashMap::new();
    let mut of_file: HashMap<(&ChangeId, &RepoPath), u32> = HashMap::new();
    for place in inputs.lines {
        changed_at.insert(&place.change, place.changed_at);
        *of_change.entry(&place.change).or_default() += place.lines;
        *of_file.entry((&place.change, &place.path)).or_default() += place.lines;
    }
    let mut found: BTreeMap<(Who, &ChangeId, &RepoPath), InFile> = BTreeMap::new();
    for Wrote { place, by, at, lines } in wrote {
        let Some(who) = people.shown(*by) else { continue };
        let Some(share) = suspicion.get(&place.change) else { continue };
        let of = of_change.get(&place.change).copied().unwrap_or_default().max(1);
        let age_h = inputs.as_of.duration_since(*at).as_secs_f64() / 3600.0;
        let in_file = found.entry((who, &place.change, &place.path)).or_default();
        in_file.share += share * half(age_h, HALF_YEAR_H) * f64::from(*lines) / f64::from(of);
        in_file.lines += lines;
        in_file.newest = in_file.newest.max(Some(*at));
    }
    let mut theirs: BTreeMap<Who, Theirs> = BTreeMap::new();
    let mut most: BTreeMap<Who, f64> = BTreeMap::new();
    for ((who, change, path), in_file) in found {
        let theirs = theirs.entry(who).or_default();
        theirs.share += in_file.share;
        let (Some(newest), Some(suspect)) = (in_file.newest, changed_at.get(change)) else { continue };
        let most = most.entry(who).or_default();
        if in_file.share > *most {
            *most = in_file.share;
            theirs.most = Some(Near {
                change: change.clone(),
                path: path.clone(),
                lines: in_file.lines,
                of: of_file.get(&(change, path)).copied().unwrap_or_default(),
                before: suspect.duration_since(newest),
            });
        }
    }
    theirs
}
