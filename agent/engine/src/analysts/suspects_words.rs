//! How much of a symptom's words a text holds: BM25 over weighted fields (BM25F as in Robertson and Zaragoza,
//! "The Probabilistic Relevance Framework", 2009), with only the symptom's words counted, so that a thousand
//! changes cost milliseconds.

use std::collections::BTreeMap;

use crate::ranker::WordRule;
use crate::scope::SymptomWord;
use crate::words::for_each_term;

/// A text reduced to what the symptom asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counted<'q> {
    counts: BTreeMap<&'q str, f64>,
    length: f64,
}

impl<'q> Counted<'q> {
    /// Adds a field whose occurrences count `weight` each.
    pub fn add(&mut self, text: &str, weight: f64, query: &'q BTreeMap<String, SymptomWord>) {
        for_each_term(text, |term, _| {
            self.length += weight;
            if let Some((term, _)) = query.get_key_value(term) {
                *self.counts.entry(term.as_str()).or_default() += weight;
            }
        });
    }

    /// Forgets the words that `other` has too.
    pub fn without(mut self, other: &Counted<'q>) -> Counted<'q> {
        self.counts.retain(|term, _| !other.counts.contains_key(term));
        self
    }
}

/// A word that was found, and what it counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit<'q> {
    /// The folded word.
    pub term: &'q str,
    /// The word as the symptom has it.
    pub surface: &'q str,
    /// Its part of the BM25 sum.
    pub points: f64,
    /// Its rarity times its weight in the symptom: how informative finding it is.
    pub information: f64,
}

/// What is common to all texts of one collection.
#[derive(Debug, Clone, PartialEq)]
pub struct Collection<'q> {
    query: &'q BTreeMap<String, SymptomWord>,
    rarity: BTreeMap<&'q str, f64>,
    mean_length: f64,
    k1: f64,
    b: f64,
}

impl<'q> Collection<'q> {
    /// Learns rarity and length from `texts`.
    pub fn of<'t>(
        query: &'q BTreeMap<String, SymptomWord>,
        texts: impl IntoIterator<Item = &'t Counted<'q>>,
        rule: &WordRule,
    ) -> Self
    where
        'q: 't,
    {
        let (mut total, mut length) = (0.0, 0.0);
        let mut holding: BTreeMap<&str, f64> = BTreeMap::new();
        for text in texts {
            total += 1.0;
            length += text.length;
            text.counts.keys().for_each(|term| *holding.entry(term).or_default() += 1.0);
        }
        let rarity = query
            .keys()
            .map(|term| {
                let holding = holding.get(term.as_str()).copied().unwrap_or(0.0);
                (term.as_str(), (1.0 + (total - holding + 0.5) / (holding + 0.5)).ln())
            })
            .collect();
        let mean_length = if total > 0.0 { (length / total).max(1.0) } else { 1.0 };
        Collection { query, rarity, mean_length, k1: rule.k1, b: rule.b }
    }

    /// The symptom's words that `text` has, the most telling first.
    pub fn hits(&self, text: &Counted<'q>) -> Vec<Hit<'q>> {
        let norm = self.k1 * (1.0 - self.b + self.b * text.length / self.mean_length);
        let mut hits: Vec<Hit<'q>> = text
            .counts
            .iter()
            .filter_map(|(term, count)| {
                let word = self.query.get(*term)?;
                let information = word.weight * self.rarity.get(term)?;
                let points = information * count * (self.k1 + 1.0) / (count + norm);
                Some(Hit { term, surface: &word.surface, points, information })
            })
            .collect();
        hits.sort_by(|a, b| b.points.total_cmp(&a.points).then(a.term.cmp(b.term)));
        hits
    }

    /// The information of the whole symptom: what a text that holds every word would have.
    pub fn information(&self) -> f64 {
        self.query
            .iter()
            .map(|(term, word)| word.weight * self.rarity.get(term.as_str()).copied().unwrap_or(0.0))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(words: &[&str]) -> BTreeMap<String, SymptomWord> {
        let word = |w: &&str| ((*w).to_owned(), SymptomWord { surface: (*w).to_owned(), weight: 1.0 });
        words.iter().map(word).collect()
    }

    #[test]
    fn a_rare_word_outweighs_a_common_one() {
        let query = query(&["cart", "total"]);
        let rule = WordRule { title: 1.0, path: 1.0, body: 1.0, k1: 1.2, b: 0.75 };
        let texts: Vec<Counted<'_>> = ["cart", "cart", "cart extra", "total", "y"]
            .iter()
            .map(|text| {
                let mut counted = Counted::default();
                counted.add(text, 1.0, &query);
                counted
            })
            .collect();
        let collection = Collection::of(&query, &texts, &rule);
        let points = |at: usize| collection.hits(&texts[at]).iter().map(|hit| hit.points).sum::<f64>();
        assert!(points(3) > points(0), "total is in one text, cart in three");
        assert!(points(0) > points(2), "a longer text is held back");
        assert_eq!(points(4), 0.0);
    }
}
