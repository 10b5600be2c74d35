//! The symptom's words and identifiers on the changed lines of those candidates whose diffs were read, counted once
//! for all. It must not know weights.

use std::collections::{BTreeMap, HashMap};

use hearback_core::ChangeId;
use hearback_core::change::Side;

use super::suspects::Candidate;
use super::suspects_pool::{Places, Pool};
use super::suspects_words::{Bm25, Counted, Rarity};
use crate::gather::SightedDiff;
use crate::ranker::WordRule;
use hearback_core::words::Named;

/// The changed lines of one candidate, counted.
#[derive(Debug, Default)]
pub struct Lines {
    pub added: Counted,
    pub removed: Counted,
    /// Words of either that message and paths lack.
    pub beyond: Counted,
    /// Words of either, and of message and paths.
    pub all: Counted,
    /// BM25 over `beyond`.
    pub by_beyond: f64,
    /// Which of the named identifiers stand on a changed line, by their place in [`ChangedLines::identifiers`].
    pub identifiers: Vec<usize>,
}

/// The changed lines of all candidates whose diffs were read.
#[derive(Debug)]
pub struct ChangedLines<'a> {
    /// By place among the candidates.
    pub members: HashMap<usize, Lines>,
    pub rarity: Rarity,
    /// BM25 over removed lines, and over the words of all that the message lacks.
    pub removed: Bm25,
    pub both: Bm25,
    pub by_beyond: Places,
    /// The most that any candidate has, message and paths included.
    pub best_all: f64,
    /// Identifiers that the symptom names, the rarest first, each with its rarity: 1 for one that
    /// stands in a single diff, the less the more have it.
    pub identifiers: Vec<(&'a str, f64)>,
}

impl<'a> ChangedLines<'a> {
    /// Counts the lines of `diffs`.
    pub fn new(
        pool: &Pool<'_>,
        candidates: &[Candidate<'_>],
        named: &'a Named,
        diffs: &BTreeMap<ChangeId, SightedDiff>,
        rule: &WordRule,
    ) -> Self {
        let named: Vec<&'a str> = named.identifiers.iter().map(String::as_str).collect();
        let mut members: HashMap<usize, Lines> = HashMap::new();
        for (index, candidate) in candidates.iter().enumerate() {
            let (Some(sighted), Some(member)) =
                (diffs.get(&candidate.sighted.change.id), pool.members.get(index))
            else {
                continue;
            };
            let of_side = |wanted: Side| {
                let lines = sighted.diff.files.iter().flat_map(|file| &file.lines);
                lines.filter(move |line| line.side == wanted).map(|line| line.text.as_untrusted())
            };
            let added = Counted::of(of_side(Side::Added), &pool.query);
            let removed = Counted::of(of_side(Side::Removed), &pool.query);
            let both = Counted::weighted([(&added, 1.0), (&removed, 1.0)]);
            let beyond = both.without(&member.message);
            let all = Counted::weighted([(&both, 1.0), (&member.message, 1.0)]);
            let stands = |identifier: &str| {
                of_side(Side::Added)
                    .chain(of_side(Side::Removed))
                    .any(|text| holds_identifier(text, identifier))
            };
            let identifiers =
                named.iter().enumerate().filter(|(_, name)| stands(name)).map(|(place, _)| place).collect();
            members.insert(index, Lines { added, removed, beyond, all, by_beyond: 0.0, identifiers });
        }
        let rarity = Rarity::of(&pool.query, members.values().map(|lines| &lines.all));
        let [removed, both] = [
            Bm25::of(members.values().map(|lines| &lines.removed), rule),
            Bm25::of(members.values().map(|lines| &lines.beyond), rule),
        ];
        let mut best_all = pool.best_words;
        for (index, lines) in &mut members {
            lines.by_beyond = both.score(&lines.beyond, &rarity);
            let by_message = pool.members.get(*index).map_or(0.0, |member| member.by_message);
            best_all = best_all.max(lines.by_beyond + by_message);
        }
        let by_beyond = Places::of(members.values().map(|lines| lines.by_beyond));
        let mut changed =
            ChangedLines { members, rarity, removed, both, by_beyond, best_all, identifiers: vec![] };
        changed.order_identifiers(&named);
        changed
    }

    fn order_identifiers(&mut self, named: &[&'a str]) {
        let diffs = self.members.len() as f64;
        let rarity = |place: usize| {
            let holding = self.members.values().filter(|lines| lines.identifiers.contains(&place)).count();
            ((1.0 + diffs) / holding.max(1) as f64).ln() / (1.0 + diffs).ln().max(f64::MIN_POSITIVE)
        };
        let mut order: Vec<(usize, f64)> = (0..named.len()).map(|place| (place, rarity(place))).collect();
        order.sort_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
        let place_of: HashMap<usize, usize> =
            order.iter().enumerate().map(|(new, (old, _))| (*old, new)).collect();
        for lines in self.members.values_mut() {
            lines.identifiers =
                lines.identifiers.iter().filter_map(|old| place_of.get(old).copied()).collect();
            lines.identifiers.sort_unstable();
        }
        self.identifiers =
            order.into_iter().filter_map(|(old, rarity)| Some((*named.get(old)?, rarity))).collect();
    }
}

/// Whether `text` has `identifier` as a word of its own.
pub fn holds_identifier(text: &str, identifier: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(identifier).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(at + identifier.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}
