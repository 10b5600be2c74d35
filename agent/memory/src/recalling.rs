//! Finding again: words, meaning and both fused give candidates, a service's newest documents join them, and what each
//! shows is weighed. What does not fit well enough is not listed: "nothing like this" is an answer.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::future::join_all;
use hearback_core::answer::Strength;
use hearback_core::memory::recall::{Excerpt, Memory, Remembered, RunbookQuery, SimilarQuery};
use hearback_core::memory::store::{EmbedAs, Found, MemoryError, PassageFilter, PassageQuery, Retrieval};
use hearback_core::memory::{DocumentId, DocumentKind, Filed, Passage};
use hearback_core::redaction::redact;
use hearback_core::words::terms;
use hearback_core::{Coverage, Fetched, ServiceName, SourceName};
use jiff::{SignedDuration, Timestamp};

use crate::library::Library;
use crate::weights::{Bar, Weights};

/// A query is read up to here: a stack trace of a thousand lines names nothing new at its end.
const QUERY: usize = 4_000;

/// What is looked for.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The words.
    pub text: &'a str,
    /// The services that are asked about.
    pub services: &'a [ServiceName],
    /// What may be found.
    pub filter: PassageFilter,
    /// Now: ages count from here.
    pub as_of: Timestamp,
    /// By what it is looked for.
    pub by: Retrieval,
    /// How long it may take.
    pub budget: SignedDuration,
}

/// A document as it was weighed.
#[derive(Debug, Clone)]
pub struct Weighed {
    /// The document.
    pub filed: Filed,
    /// The passage that fits best; none if it was looked at for being new alone.
    pub passage: Option<Passage>,
    /// BM25 of its best passage.
    pub words: f64,
    /// Cosine of its best passage.
    pub meaning: f64,
    /// How many of the query's terms its best passage has, and which share of them.
    pub terms: (usize, f64),
    /// What it all comes to.
    pub score: f64,
}

/// What was found, and what could not be looked at.
#[derive(Debug, Clone)]
pub struct Recalled {
    /// The best first.
    pub weighed: Vec<Weighed>,
    /// What was missing.
    pub missing: Vec<String>,
    /// Whether meaning counted.
    pub has_meaning: bool,
}

/// What was found of a document.
#[derive(Default)]
struct Candidate {
    passage: Option<Passage>,
    words: Option<f32>,
    meaning: Option<f32>,
    least_meaning: f32,
}

/// What the store found, three ways.
struct Lists {
    words: Vec<Found>,
    meaning: Vec<Found>,
    fused: Vec<Found>,
    /// How many a full list has.
    full: usize,
}

impl Lists {
    fn join(self, candidates: &mut BTreeMap<DocumentId, Candidate>) {
        // What a full list does not hold is at most as good as its last.
        let last =
            self.meaning.last().filter(|_| self.meaning.len() >= self.full).map_or(0.0, |last| last.score);
        let mut add = |found: Found, keep: fn(&mut Candidate, f32)| {
            let candidate = candidates.entry(found.passage.document.clone()).or_default();
            candidate.least_meaning = candidate.least_meaning.max(last);
            keep(candidate, found.score);
            // The first list that holds a document says which passage fits: the fused one, if there is one.
            candidate.passage.get_or_insert(found.passage);
        };
        for found in self.fused {
            add(found, |_, _| {});
        }
        for found in self.words {
            add(found, |candidate, score| {
                candidate.words = Some(candidate.words.map_or(score, |known| known.max(score)));
            });
        }
        for found in self.meaning {
            add(found, |candidate, score| {
                candidate.meaning = Some(candidate.meaning.map_or(score, |known| known.max(score)));
            });
        }
    }
}

impl Library {
    /// Everything that may fit, weighed, the best first.
    ///
    /// # Errors
    /// The store failed. An embedder that fails is a gap: then words alone count.
    pub async fn recall(&self, wanted: &Wanted<'_>) -> Result<Recalled, MemoryError> {
        let (text, _) = redact(wanted.text);
        let text: String = text.chars().take(QUERY).collect();
        let mut missing = Vec::new();
        let vector = self.vector_of(&text, wanted, &mut missing).await;
        // What fits among the services asked about, and what fits at all: the one must not crowd out the other.
        let everywhere = &wanted.filter;
        let own = PassageFilter { services: wanted.services.to_vec(), ..everywhere.clone() };
        let filters: &[&PassageFilter] =
            if wanted.services.is_empty() { &[everywhere] } else { &[&own, everywhere] };
        let lists = filters.iter().map(|filter| self.lists(&text, vector.as_ref(), filter, wanted));
        let newest = async {
            match wanted.services.is_empty() {
                true => Ok(Vec::new()),
                false => self.store.newest(&own, self.weights.newest, wanted.budget).await,
            }
        };
        let (lists, newest) = futures::join!(join_all(lists), newest);
        let mut candidates: BTreeMap<DocumentId, Candidate> = BTreeMap::new();
        for lists in lists {
            lists?.join(&mut candidates);
        }
        let ids: Vec<DocumentId> = candidates.keys().cloned().collect();
        let mut filed: BTreeMap<DocumentId, Filed> =
            self.store.find(&ids).await?.into_iter().map(|filed| (filed.id.clone(), filed)).collect();
        for one in newest? {
            candidates.entry(one.id.clone()).or_default();
            filed.insert(one.id.clone(), one);
        }
        let asked = terms(&text);
        let mut weighed: Vec<Weighed> = Vec::new();
        for (id, candidate) in candidates {
            let Some(filed) = filed.remove(&id) else { continue };
            weighed.push(self.weigh(filed, candidate, &asked, wanted, vector.is_some()));
        }
        weighed.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.filed.id.cmp(&b.filed.id)));
        Ok(Recalled { weighed, missing, has_meaning: vector.is_some() })
    }

    async fn vector_of(
        &self,
        text: &str,
        wanted: &Wanted<'_>,
        missing: &mut Vec<String>,
    ) -> Option<Vec<f32>> {
        if wanted.by == Retrieval::Words || text.trim().is_empty() {
            return None;
        }
        // That there is no model is no gap: what was searched says "by words".
        let embedder = self.embedder.as_ref()?;
        match embedder.embed(&[text.to_owned()], EmbedAs::Query, wanted.budget).await {
            Ok(vectors) => vectors.into_iter().next(),
            Err(error) => {
                missing.push(format!("found by words alone: {error}"));
                None
            }
        }
    }

    /// The lists of one filter: by words, by meaning, and both as the store fuses them.
    async fn lists(
        &self,
        text: &str,
        vector: Option<&Vec<f32>>,
        filter: &PassageFilter,
        wanted: &Wanted<'_>,
    ) -> Result<Lists, MemoryError> {
        let ask = async |by: Retrieval, is_wanted: bool| {
            let query = PassageQuery {
                text: text.to_owned(),
                vector: vector.cloned(),
                by,
                filter: filter.clone(),
                limit: self.weights.passages,
                budget: wanted.budget,
            };
            if is_wanted && !text.trim().is_empty() {
                self.store.search(&query).await
            } else {
                Ok(Vec::new())
            }
        };
        let has_vector = vector.is_some();
        let (words, meaning, fused) = futures::join!(
            ask(Retrieval::Words, wanted.by != Retrieval::Meaning),
            ask(Retrieval::Meaning, wanted.by != Retrieval::Words && has_vector),
            ask(Retrieval::Fused, wanted.by == Retrieval::Fused && has_vector),
        );
        Ok(Lists { words: words?, meaning: meaning?, fused: fused?, full: self.weights.passages })
    }

    fn weigh(
        &self,
        filed: Filed,
        candidate: Candidate,
        asked: &[String],
        wanted: &Wanted<'_>,
        has_meaning: bool,
    ) -> Weighed {
        let score = &self.weights.score;
        let words = f64::from(candidate.words.unwrap_or(0.0));
        let meaning = f64::from(candidate.meaning.unwrap_or(candidate.least_meaning)).max(0.0);
        let is_about = filed.services.iter().any(|service| wanted.services.contains(service));
        let hours = match (wanted.services.is_empty(), is_about) {
            (true, _) => 0.0,
            (false, true) => (wanted.as_of.duration_since(filed.known_at).as_secs_f64() / 3_600.0).max(0.0),
            (false, false) => score.elsewhere_hours,
        };
        let passage = candidate.passage;
        // Where nothing is found by meaning, words say more.
        let word = if has_meaning { score.words } else { score.words_alone };
        let total = word * words + score.meaning * meaning - score.age * (hours / score.age_hours).ln_1p();
        let terms = passage.as_ref().map_or((0, 0.0), |passage| shared(asked, passage));
        Weighed { filed, passage, words, meaning, terms, score: total }
    }

    /// How sure it is; none if it should not be listed. To be listed words or meaning must agree, to be strong both. A
    /// question of one word is all there is to agree with.
    fn strength(&self, weighed: &Weighed, has_meaning: bool) -> Option<Strength> {
        let (terms, share) = weighed.terms;
        let by_words = |bar: &Bar| terms >= bar.terms && share >= bar.share;
        let by_meaning = |bar: &Bar| weighed.meaning >= bar.meaning;
        let Weights { listed, strong, .. } = &self.weights;
        let has_all = terms > 0 && share >= 1.0;
        if by_words(strong) && (by_meaning(strong) || !has_meaning) {
            Some(Strength::Strong)
        } else {
            (by_words(listed) || has_all || by_meaning(listed)).then_some(Strength::Weak)
        }
    }

    /// What is good enough to be shown.
    pub(crate) fn remembered(
        &self,
        weighed: Vec<Weighed>,
        has_meaning: bool,
        limit: usize,
    ) -> Vec<Remembered> {
        let shown = weighed.into_iter().filter_map(|one| {
            let strength = self.strength(&one, has_meaning)?;
            Some(shown(one.filed, one.passage?, strength, one.score))
        });
        shown.take(limit).collect()
    }

    pub(crate) async fn coverage(&self, what: &str, by: Retrieval, missing: Vec<String>) -> Coverage {
        let how = match (by, &self.embedder) {
            (Retrieval::Words, _) | (_, None) => "by words".to_owned(),
            (Retrieval::Meaning, Some(embedder)) => format!("by meaning ({})", embedder.space().model),
            (Retrieval::Fused, Some(embedder)) => {
                format!("by words and by meaning ({})", embedder.space().model)
            }
        };
        let count = self
            .store
            .count()
            .await
            .map_or_else(|_| String::new(), |count| format!(" of {} documents", count.documents));
        Coverage { source: self.store.name().clone(), searched: format!("{what}{count}, {how}"), missing }
    }
}

/// A document as an answer shows it.
pub(crate) fn shown(filed: Filed, passage: Passage, strength: Strength, score: f64) -> Remembered {
    Remembered {
        document: filed.id,
        kind: filed.kind,
        title: filed.title,
        services: filed.services,
        happened_at: filed.happened_at,
        known_at: filed.known_at,
        source: filed.source,
        origin: filed.origin,
        merged_by: filed.merged_by,
        owner: filed.owner,
        link: filed.link,
        broke: filed.broke,
        fixed: filed.fixed,
        problems: filed.problems,
        excerpt: excerpt(passage),
        strength,
        score,
    }
}

/// A passage as an answer shows it.
pub(crate) fn excerpt(passage: Passage) -> Excerpt {
    Excerpt { section: passage.section, heading: passage.heading, line: passage.line, text: passage.text }
}

/// How many of the terms asked for a passage has, and which share of them.
pub(crate) fn shared(asked: &[String], passage: &Passage) -> (usize, f64) {
    let mut asked: Vec<&String> = asked.iter().collect();
    asked.sort_unstable();
    asked.dedup();
    let there = terms(passage.searched.as_untrusted());
    let there: std::collections::BTreeSet<&String> = there.iter().collect();
    let count = asked.iter().filter(|term| there.contains(**term)).count();
    #[allow(clippy::cast_precision_loss, reason = "a query has few terms")]
    let share = if asked.is_empty() { 0.0 } else { count as f64 / asked.len() as f64 };
    (count, share)
}

#[async_trait]
impl Memory for Library {
    fn name(&self) -> &SourceName {
        self.source()
    }

    async fn similar(&self, query: &SimilarQuery) -> Result<Fetched<Remembered>, MemoryError> {
        let kinds = DocumentKind::ALL.into_iter().filter(|kind| kind.tells_of_an_incident()).collect();
        let filter = PassageFilter {
            kinds,
            as_of: Some(query.as_of),
            except: query.except.clone(),
            ..PassageFilter::default()
        };
        let wanted = Wanted {
            text: &query.symptom,
            services: &query.services,
            filter,
            as_of: query.as_of,
            by: Retrieval::Fused,
            budget: query.budget,
        };
        let Recalled { weighed, missing, has_meaning } = self.recall(&wanted).await?;
        let items = self.remembered(weighed, has_meaning, query.limit);
        let coverage = self.coverage("postmortems and closed incidents", Retrieval::Fused, missing).await;
        Ok(Fetched { items, coverage })
    }

    async fn runbooks(&self, query: &RunbookQuery) -> Result<Fetched<Remembered>, MemoryError> {
        self.parts_to_run(query).await
    }
}
