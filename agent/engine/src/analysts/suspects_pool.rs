//! What is worked out once for all candidates of a question: the symptom's words counted in each, their order in time,
//! who changed what again. It must not know weights.

use std::collections::HashMap;

use hearback_core::ExternalText;
use jiff::Timestamp;

use super::suspects::{Candidate, Inputs, hours_before};
use super::suspects_words::{Bm25, Counted, Query, Rarity};

/// Lines at the end of a message that a review system writes: names and numbers, not words about the change.
const TRAILERS: &[&str] = &[
    "change-id:",
    "reviewed-on:",
    "reviewed-by:",
    "signed-off-by:",
    "commit-queue:",
    "tested-by:",
    "co-authored-by:",
    "auto-submit:",
    "cq-",
];
/// A change touched again by its author within these hours was probably mended already.
const RETOUCHED_HOURS: f64 = 24.0;
/// Two changes of one author within these hours are one piece of work.
const SERIES_HOURS: f64 = 1.0;

/// One candidate, counted.
#[derive(Debug, Default)]
pub struct Member {
    pub title: Counted,
    pub body: Counted,
    pub paths: Counted,
    /// Title, body and paths by the weights of the word rule.
    pub message: Counted,
    pub age_hours: f64,
    /// How many candidates are newer.
    pub newer: f64,
    /// How many candidates its author has.
    pub author_changes: f64,
    pub retouched: bool,
    pub series: bool,
    /// BM25 by title, paths, and the whole message.
    pub by_title: f64,
    pub by_paths: f64,
    pub by_message: f64,
}

/// All candidates, counted.
#[derive(Debug)]
pub struct Pool<'a> {
    pub query: Query<'a>,
    pub members: Vec<Member>,
    pub rarity: Rarity,
    pub body: Bm25,
    pub message: Bm25,
    /// The most that any candidate's message and paths have.
    pub best_words: f64,
    pub by_title: Places,
    pub by_paths: Places,
    pub by_message: Places,
}

impl<'a> Pool<'a> {
    /// Counts `candidates`.
    pub fn new(inputs: &Inputs<'a>, candidates: &[Candidate<'a>]) -> Self {
        let (query, rule) = (Query::new(&inputs.scope.words), &inputs.ranker.words);
        let mut members: Vec<Member> = candidates
            .iter()
            .map(|candidate| {
                let change = &candidate.sighted.change;
                let title = Counted::of([change.title.as_untrusted()], &query);
                let body = Counted::of(own_lines(&change.body), &query);
                let paths = Counted::of_each_once(
                    change.paths.as_slice().iter().map(|path| path.path.as_str()),
                    &query,
                );
                let message =
                    Counted::weighted([(&title, rule.title), (&body, rule.body), (&paths, rule.path)]);
                let age_hours = hours_before(candidate.effective_at, inputs.reference());
                Member { title, body, paths, message, age_hours, ..Member::default() }
            })
            .collect();
        in_time(candidates, &mut members);
        by_author(candidates, &mut members);
        let rarity = Rarity::of(&query, members.iter().map(|member| &member.message));
        let [by_title, body, by_paths, message] = [
            Bm25::of(members.iter().map(|member| &member.title), rule),
            Bm25::of(members.iter().map(|member| &member.body), rule),
            Bm25::of(members.iter().map(|member| &member.paths), rule),
            Bm25::of(members.iter().map(|member| &member.message), rule),
        ];
        for member in &mut members {
            member.by_title = by_title.score(&member.title, &rarity);
            member.by_paths = by_paths.score(&member.paths, &rarity);
            member.by_message = message.score(&member.message, &rarity);
        }
        Pool {
            best_words: members.iter().map(|member| member.by_message).fold(0.0, f64::max),
            by_title: Places::of(members.iter().map(|member| member.by_title)),
            by_paths: Places::of(members.iter().map(|member| member.by_paths)),
            by_message: Places::of(members.iter().map(|member| member.by_message)),
            query,
            members,
            rarity,
            body,
            message,
        }
    }
}

/// The lines of a message that its author wrote.
fn own_lines(body: &ExternalText) -> impl Iterator<Item = &str> {
    let is_trailer = |line: &str| {
        let line = line.trim_start();
        TRAILERS
            .iter()
            .any(|trailer| line.get(..trailer.len()).is_some_and(|start| start.eq_ignore_ascii_case(trailer)))
    };
    body.as_untrusted().lines().filter(move |line| !is_trailer(line))
}

/// How many candidates took effect later than each.
fn in_time(candidates: &[Candidate<'_>], members: &mut [Member]) {
    let mut moments: Vec<Timestamp> = candidates.iter().map(|candidate| candidate.effective_at).collect();
    moments.sort_unstable();
    for (candidate, member) in candidates.iter().zip(members) {
        let not_later = moments.partition_point(|at| *at <= candidate.effective_at);
        member.newer = (moments.len() - not_later) as f64;
    }
}

/// What each author did next. Commits that came together in one merge took effect at one moment, so the times at which
/// they were committed count here.
fn by_author(candidates: &[Candidate<'_>], members: &mut [Member]) {
    let mut order: Vec<(usize, &Candidate<'_>)> = candidates.iter().enumerate().collect();
    let committed = |candidate: &Candidate<'_>| candidate.sighted.change.committed_at;
    order.sort_by(|(_, a), (_, b)| {
        committed(b).cmp(&committed(a)).then_with(|| a.sighted.change.id.cmp(&b.sighted.change.id))
    });
    let mut authors: HashMap<&str, f64> = HashMap::new();
    order.iter().for_each(|(_, candidate)| *authors.entry(author(candidate)).or_default() += 1.0);
    // Who touched a file when, the candidate nearest in time last.
    let mut touched_by: HashMap<(&str, &str), Timestamp> = HashMap::new();
    let mut before: Option<&Candidate<'_>> = None;
    for (index, candidate) in &order {
        let Some(member) = members.get_mut(*index) else { continue };
        let (who, at) = (author(candidate), committed(candidate));
        member.author_changes = authors.get(who).copied().unwrap_or_default();
        member.series = before.is_some_and(|before| {
            author(before) == who && hours_before(at, committed(before)) < SERIES_HOURS
        });
        let paths = candidate.sighted.change.paths.as_slice();
        member.retouched = paths.iter().any(|path| {
            touched_by
                .get(&(path.path.as_str(), who))
                .is_some_and(|later| hours_before(at, *later) < RETOUCHED_HOURS)
        });
        for path in paths {
            touched_by.insert((path.path.as_str(), who), at);
        }
        before = Some(candidate);
    }
}

fn author<'c>(candidate: &Candidate<'c>) -> &'c str {
    let author = &candidate.sighted.change.author;
    author.email.as_ref().unwrap_or(&author.name).as_untrusted()
}

/// The values of all candidates, so that each can be told its place.
#[derive(Debug, Default)]
pub struct Places(Vec<f64>);

impl Places {
    /// Of those above 0.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut held: Vec<f64> = values.into_iter().filter(|value| *value > 0.0).collect();
        held.sort_unstable_by(f64::total_cmp);
        Places(held)
    }

    /// ln((1 + those above 0) / (1 + those above `value`)); 0 for one that is not above 0.
    pub fn place(&self, value: f64) -> f64 {
        if value <= 0.0 {
            return 0.0;
        }
        let better = self.0.len() - self.0.partition_point(|other| *other <= value);
        ((1 + self.0.len()) as f64 / (1 + better) as f64).ln()
    }
}
